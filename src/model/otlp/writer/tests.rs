//! What is written is read with the reference decoder.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Known;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

use super::*;
use crate::model::owned_value::OwnedValue;

/// The length of a varint is what writing it takes.
#[test]
fn varint_lengths_are_exact() {
    for shift in 0..64 {
        for value in [(1u64 << shift) - 1, 1 << shift, (1 << shift) + 1, u64::MAX] {
            let mut writer = Writer::default();
            writer.varint(value);
            assert_eq!(writer.len(), varint_len(value), "{value}");
            let read = writer
                .written()
                .iter()
                .rev()
                .fold(0u64, |read, byte| read << 7 | u64::from(byte & 0x7f));
            assert_eq!(read, value);
        }
    }
}

/// Removing a range leaves what stood around it.
#[test]
fn a_removed_range_leaves_its_surroundings() {
    let mut writer = Writer::default();
    writer.raw(b"abcdef");
    writer.remove(1..3);
    assert_eq!(writer.written(), b"adef");
}

/// An attribute written alone, through the reference decoder.
fn decoded(key: &str, value: Value<'_>) -> KeyValue {
    let mut writer = Writer::default();
    let none = TextLimit::new(None, usize::MAX);
    writer.attribute(f::resource::ATTRIBUTES, key, value, none);
    let mut resource = Resource::decode(writer.written()).expect("wire form");
    assert_eq!(resource.attributes.len(), 1);
    resource.attributes.remove(0)
}

fn known(attribute: &KeyValue) -> Known {
    let value = attribute.value.as_ref().expect("a value");
    value.value.clone().expect("it says of what kind")
}

/// Keys and values of every length are framed right, on both sides of each length that takes a
/// byte more.
#[test]
fn lengths_are_framed_right_on_every_side() {
    let text = "x".repeat(17_000);
    let lengths = (0..300).chain([16_370, 16_383, 16_384, 16_400]);
    for key_len in lengths {
        for value_len in [
            0, 1, 7, 20, 64, 100, 118, 119, 120, 121, 127, 128, 200, 16_384,
        ] {
            let (key, value) = (&text[..key_len], &text[..value_len]);
            let read = decoded(key, value.into());
            assert_eq!(read.key, key);
            assert_eq!(known(&read), Known::StringValue(value.to_owned()));
        }
        let key = &text[..key_len];
        for number in [0, 1, 127, 128, i64::MAX, i64::MIN, -1] {
            let read = decoded(key, number.into());
            assert_eq!((&*read.key, known(&read)), (key, Known::IntValue(number)));
        }
        let read = decoded(key, true.into());
        assert_eq!((&*read.key, known(&read)), (key, Known::BoolValue(true)));
        let read = decoded(key, 0.5.into());
        assert_eq!((&*read.key, known(&read)), (key, Known::DoubleValue(0.5)));
        let read = decoded(key, Value::Bytes(&text.as_bytes()[..key_len]));
        let bytes = text.as_bytes()[..key_len].to_vec();
        assert_eq!((&*read.key, known(&read)), (key, Known::BytesValue(bytes)));
    }
}

/// A float keeps every bit: NaN stays the NaN that it was.
#[test]
fn floats_keep_every_bit() {
    for bits in [
        f64::NAN.to_bits(),
        f64::NAN.to_bits() | 1,
        0xfff0_0000_0000_0001,
        f64::INFINITY.to_bits(),
        f64::NEG_INFINITY.to_bits(),
        (-0.0_f64).to_bits(),
        1,
    ] {
        let Known::DoubleValue(read) = known(&decoded("key", f64::from_bits(bits).into())) else {
            panic!("a float is a float");
        };
        assert_eq!(read.to_bits(), bits);
    }
}

/// What holds further values says how long it is before they are written: the reference reads
/// back what was nested, with the limits in force at every depth.
#[test]
fn nested_values_are_framed_right() {
    let text = "x".repeat(300);
    let inner = [Value::Int(-1), Value::Str(&text), Value::Array(&[])];
    let entries = [
        ("a", Value::Array(&inner)),
        ("", Value::Map(&[])),
        (&text, 1.5.into()),
    ];
    let limit = TextLimit::new(Some(200), 150);
    for value in [Value::Array(&inner), Value::Map(&entries)] {
        for key_len in [0, 1, 90, 127, 128, 300] {
            let mut writer = Writer::default();
            writer.attribute(f::resource::ATTRIBUTES, &text[..key_len], value, limit);
            let resource = Resource::decode(writer.written()).expect("wire form");
            assert_eq!(resource.attributes[0].key.len(), key_len);
            let expected = match value {
                Value::Array(_) => nested_array(),
                _ => nested_map(&text),
            };
            assert_eq!(known(&resource.attributes[0]), expected);
        }
    }
}

fn any(value: Known) -> Option<AnyValue> {
    Some(AnyValue { value: Some(value) })
}

fn nested_array() -> Known {
    let values = [
        Known::IntValue(-1),
        Known::StringValue("x".repeat(150)),
        Known::ArrayValue(ArrayValue::default()),
    ];
    Known::ArrayValue(ArrayValue {
        values: values.into_iter().filter_map(any).collect(),
    })
}

fn nested_map(long_key: &str) -> Known {
    let entries = [
        ("a", nested_array()),
        ("", Known::KvlistValue(KeyValueList::default())),
        (long_key, Known::DoubleValue(1.5)),
    ];
    let entry = |(key, value): (&str, Known)| KeyValue {
        key: key.to_owned(),
        value: any(value),
        ..KeyValue::default()
    };
    Known::KvlistValue(KeyValueList {
        values: entries.into_iter().map(entry).collect(),
    })
}

/// However deep an own value is, every reader follows it: one that did not would refuse the whole request. It
/// is written as deep as that allows.
#[test]
fn own_values_are_no_deeper_than_readers_follow() {
    use crate::model::limits::Limits;
    use crate::model::otlp::draft::Draft;
    use crate::model::otlp::foreign::{Count, survey};
    use crate::model::otlp::scan;
    use crate::model::request::Signal;

    type Wrap = fn(OwnedValue) -> OwnedValue;
    let array: Wrap = |it| OwnedValue::Array(vec![it]);
    let map: Wrap = |it| OwnedValue::Map(vec![("k".to_owned(), it)]);
    for (wraps, expected) in [([array, array], 44), ([map, map], 29), ([map, array], 35)] {
        let deep = (0..200).fold(OwnedValue::Int(7), |it, level| wraps[level % 2](it));
        let mut draft = Draft::with_capacity(64);
        let limits = Limits::default();
        draft.begin_span("deep", "", &limits);
        deep.with_value(|value| {
            draft.set("key", value);
            draft.event(1, "event", &[("key", value)], &limits);
        });
        draft.end(2);
        let mut chunk = vec![0; draft.len_in_chunk(b"")];
        draft.write_to(&mut chunk, b"");
        let mut scope = Writer::default();
        scope.bytes(f::scope_items::ITEMS, scan::message_of(&chunk));
        let mut resource = Writer::default();
        resource.bytes(f::resource_items::SCOPE_ITEMS, scope.written());
        let mut request = Writer::default();
        request.bytes(f::request::RESOURCE_ITEMS, resource.written());

        survey(Signal::Traces, request.written(), &mut Count::default()).expect("our own reader");
        let read = ExportTraceServiceRequest::decode(request.written()).expect("the reference");
        let span = &read.resource_spans[0].scope_spans[0].spans[0];
        for attribute in [&span.attributes[0], &span.events[0].attributes[0]] {
            assert_eq!(levels(attribute.value.as_ref()), expected);
        }
    }
}

/// How many arrays and maps lie in each other.
fn levels(value: Option<&AnyValue>) -> usize {
    match value.and_then(|it| it.value.as_ref()) {
        Some(Known::ArrayValue(list)) => 1 + levels(list.values.first()),
        Some(Known::KvlistValue(list)) => {
            1 + levels(list.values.first().and_then(|it| it.value.as_ref()))
        }
        _ => 0,
    }
}

/// What is taken back is gone, and what follows stands in its place.
#[test]
fn what_is_taken_back_is_gone() {
    let mut writer = Writer::with_capacity(4);
    writer.raw(b"kept");
    let at = writer.len();
    writer.raw(&[7; 1000]);
    writer.truncate(at);
    writer.raw(b"too");
    assert_eq!(writer.written(), b"kepttoo");
    writer.truncate(100);
    assert_eq!(writer.len(), 7, "there is nothing behind to be taken back");
    writer.clear();
    assert_eq!(writer.written(), b"");
    assert!(writer.capacity() >= 1000, "the room is kept");
}
