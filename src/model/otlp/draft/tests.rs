//! Drafts are decoded with the reference decoder.

use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span};
use prost::Message;

use super::*;
use crate::model::genai::key;
use crate::model::id::TraceId;
use crate::model::otlp::writer::varint_len;

fn append(draft: &Draft, chunk: &mut Vec<u8>) {
    let start = chunk.len();
    chunk.resize(start + draft.len_in_chunk(&[]), 0);
    draft.write_to(&mut chunk[start..], &[]);
}

/// What a draft is to others: an entry of `ScopeSpans.spans`.
fn decoded(draft: &Draft) -> Span {
    let mut chunk = Vec::new();
    append(draft, &mut chunk);
    assert_eq!(chunk.len(), draft.len_in_chunk(&[]), "the length is exact");
    let mut scope = ScopeSpans::decode(&*chunk).expect("wire form");
    assert_eq!(scope.spans.len(), 1);
    scope.spans.remove(0)
}

fn span(limits: &Limits) -> Draft {
    let mut draft = Draft::with_capacity(0);
    draft.begin_span("work", "", limits);
    draft.head(id(), None, SpanKind::Internal, 5);
    draft
}

fn id() -> SpanId {
    SpanId::from_bytes([7; 8]).expect("not zero")
}

/// Keys with their values in the words of Rust.
fn shown(span: &Span) -> Vec<String> {
    let value = |value: &opentelemetry_proto::tonic::common::v1::AnyValue| {
        format!("{:?}", value.value.as_ref().expect("a value"))
    };
    span.attributes
        .iter()
        .map(|it| format!("{}={}", it.key, value(it.value.as_ref().expect("a value"))))
        .collect()
}

/// The name of a span is cut as a whole, between characters, whatever part of it is long.
#[test]
fn a_name_is_cut_as_a_whole() {
    let limits = Limits {
        name_length: 8,
        ..Limits::default()
    };
    for (operation, object, name) in [
        ("chat", "gpt", "chat gpt"),
        ("chat", "gpt-5", "chat gpt"),
        ("chat", "ää", "chat ä"),
        ("chat", "", "chat"),
        ("", "gpt", "gpt"),
        ("", "", ""),
        ("retrieva", "x", "retrieva"),
        ("retrieval", "x", "retrieva"),
        ("retriev", "x", "retriev"),
        ("retrie", "ä", "retrie"),
    ] {
        let mut draft = Draft::with_capacity(0);
        draft.begin_span(operation, object, &limits);
        assert_eq!(draft.name(), name.as_bytes());
        assert_eq!(decoded(&draft).name, name, "{operation} {object}");
    }
}

/// A key is cut before it is compared with others; one that is empty is counted and not written.
#[test]
fn keys_are_cut_and_empty_ones_are_counted() {
    let limits = Limits {
        name_length: 4,
        ..Limits::default()
    };
    let mut draft = span(&limits);
    draft.set("longer", 1_i64.into());
    draft.set("long", 2_i64.into());
    draft.set("longest", 3_i64.into());
    draft.set("", 4_i64.into());
    draft.end(9);
    let span = decoded(&draft);
    assert_eq!(shown(&span), ["long=IntValue(3)"]);
    assert_eq!(span.dropped_attributes_count, 1);
}

/// A key is set once, with its last value, also when no further attribute fits.
#[test]
fn the_last_value_of_a_key_wins_at_the_limit_too() {
    let limits = Limits {
        attribute_count: 2,
        ..Limits::default()
    };
    let mut draft = span(&limits);
    for (key, value) in [("a", 1_i64), ("b", 2), ("c", 3), ("a", 4), ("d", 5)] {
        draft.set(key, value.into());
    }
    draft.end(9);
    let span = decoded(&draft);
    assert_eq!(shown(&span), ["b=IntValue(2)", "a=IntValue(4)"]);
    assert_eq!(span.dropped_attributes_count, 2);
}

/// Ten thousand keys, whose filter bits all collide, are still told apart.
#[test]
fn the_filter_of_keys_mistakes_none() {
    let limits = Limits {
        attribute_count: usize::MAX,
        span_bytes: usize::MAX,
        ..Limits::default()
    };
    let mut draft = span(&limits);
    for round in 0..2_i64 {
        for key in 0..1000 {
            draft.set(&format!("key.{key}"), (round * 1000 + key).into());
        }
    }
    draft.end(9);
    let expected: Vec<_> = (0..1000)
        .map(|key| format!("key.{key}=IntValue({})", 1000 + key))
        .collect();
    assert_eq!(shown(&decoded(&draft)), expected);
}

/// What the session sets itself is not the host's to set.
#[test]
fn reserved_keys_are_ignored() {
    let mut draft = span(&Limits::default());
    draft.set(key::SESSION_ID, "mine".into());
    draft.set(key::CONVERSATION_ID, "mine".into());
    draft.set("session.idle", true.into());
    draft.end(9);
    let span = decoded(&draft);
    assert_eq!(shown(&span), ["session.idle=BoolValue(true)"]);
    assert_eq!(span.dropped_attributes_count, 0);
}

/// No attribute, event, link or status message makes a span larger than it may be: what goes over
/// is left out and counted, what fits later is taken.
#[test]
fn a_span_stays_within_its_size() {
    let limits = Limits {
        span_bytes: 300,
        value_hard_limit: 200,
        ..Limits::default()
    };
    let context = SpanContext::new(
        TraceId::from_bytes([1; 16]).expect("not zero"),
        id(),
        Default::default(),
    );
    let long = "x".repeat(1000);
    let texts = [Value::from(&long); 10];
    let mut draft = span(&limits);
    draft.set("text", (&long).into());
    draft.set("texts", texts[..].into());
    draft.set("bytes", long.as_bytes().into());
    draft.event(1, "event", &[("text", (&long).into())], &limits);
    draft.link(&context, &[("text", (&long).into())], &limits);
    draft.status(Status::Error(&long));
    draft.set("small", 1_i64.into());
    assert!(draft.out.len() <= 300, "{}", draft.out.len());
    draft.end(9);
    let span = decoded(&draft);
    let keys: Vec<_> = span.attributes.iter().map(|it| &*it.key).collect();
    assert_eq!(keys, ["text", "small"]);
    assert_eq!(span.dropped_attributes_count, 2);
    assert_eq!(
        (span.dropped_events_count, span.dropped_links_count),
        (1, 1)
    );
    let message = span.status.expect("a status").message;
    assert!((20..100).contains(&message.len()), "{}", message.len());
}

/// An event keeps the last value of a key, the first attributes of many, and none without a key.
#[test]
fn attributes_of_an_event_have_a_key_each() {
    let limits = Limits {
        event_attribute_count: 4,
        name_length: 3,
        ..Limits::default()
    };
    let mut draft = span(&limits);
    let given = [
        ("one", Value::Int(1)),
        ("", Value::Int(2)),
        ("ones", Value::Int(3)),
        ("two", Value::Int(4)),
        ("six", Value::Int(5)),
    ];
    draft.event(1, "eventful", &given, &limits);
    draft.end(9);
    let mut span = decoded(&draft);
    let event = span.events.remove(0);
    assert_eq!(event.name, "eve");
    assert_eq!(event.dropped_attributes_count, 2);
    span.attributes = event.attributes;
    assert_eq!(shown(&span), ["one=IntValue(3)", "two=IntValue(4)"]);
}

/// An attribute is the same bytes whether a draft has room for it, which is the usual way, or has none yet.
#[test]
fn an_attribute_is_the_same_by_either_way() {
    let limits = Limits::default();
    let texts: Vec<_> = (0..=130).map(|len| "v".repeat(len)).collect();
    let numbers = (0..64).flat_map(|shift| [(1_i64 << shift).wrapping_sub(1), 1 << shift]);
    let values = texts.iter().map(|text| Value::from(text.as_str()));
    let values = values.chain(numbers.map(Value::from));
    let values: Vec<_> = values
        .chain([0.5.into(), true.into(), Value::Empty])
        .collect();
    for len in (1..=130).step_by(3) {
        let key = "k".repeat(len);
        for value in &values {
            let written = |capacity, in_span| {
                let mut draft = Draft::with_capacity(capacity);
                draft.begin_span("", "", &limits);
                match in_span {
                    true => draft.set_in_span(&key, *value),
                    false => draft.set(&key, *value),
                }
                draft.end(9);
                let mut chunk = Vec::new();
                append(&draft, &mut chunk);
                chunk
            };
            let slow = written(0, false);
            assert_eq!(written(1024, false), slow, "{len} {value:?}");
            assert_eq!(written(1024, true), slow, "{len} {value:?}");
        }
    }
}

/// The attributes of an event are the same bytes whether all are short and there is room for them, which is the
/// usual way, or none yet, or a limit is near.
#[test]
fn a_list_is_the_same_by_either_way() {
    let usual = Limits::default();
    let near = Limits {
        name_length: 100,
        ..Limits::default()
    };
    let given = [
        ("one", Value::Int(1)),
        ("two", Value::Str("second")),
        ("one", Value::Bool(true)),
    ];
    let texts: Vec<_> = (0..=130).map(|len| "v".repeat(len)).collect();
    for text in &texts {
        let given = [given[0], ("text", text.as_str().into()), given[1], given[2]];
        let written = |capacity, limits| {
            let mut draft = Draft::with_capacity(capacity);
            draft.begin_span("", "", limits);
            draft.event(1, "event", &given, limits);
            draft.end(9);
            let mut chunk = Vec::new();
            append(&draft, &mut chunk);
            chunk
        };
        let slow = written(1024, &near);
        assert_eq!(written(1024, &usual), slow, "{}", text.len());
        assert_eq!(written(0, &usual), slow, "{}", text.len());
    }
}

/// A name of two texts, of one and of none is framed right at every length, with room for it and without.
#[test]
fn names_of_two_texts_are_framed_right_at_every_length() {
    let limits = Limits::default();
    for capacity in [0, 4096] {
        for (first, second) in (0..=130).flat_map(|len| [(len, 0), (0, len), (len, 9), (9, len)]) {
            let (first, second) = ("a".repeat(first), "b".repeat(second));
            let mut draft = Draft::with_capacity(capacity);
            draft.begin_span(&first, &second, &limits);
            draft.head(id(), None, SpanKind::Internal, 5);
            draft.end(9);
            let expected = format!("{first} {second}");
            assert_eq!(decoded(&draft).name, expected.trim());
            assert_eq!(draft.name(), expected.trim().as_bytes());
        }
    }
}

/// A name and an event are framed right whatever length they and their attributes have, in a draft with room
/// for them and in one that has to grow.
#[test]
fn names_and_events_are_framed_right_at_every_length() {
    let limits = Limits::default();
    for (capacity, len) in [0, 4096]
        .into_iter()
        .flat_map(|capacity| (1..=140).map(move |len| (capacity, len)))
    {
        let (name, key, value) = ("n".repeat(len), "k".repeat(len), "v".repeat(140 - len));
        let mut draft = Draft::with_capacity(capacity);
        draft.begin_span("do", &name, &limits);
        draft.head(id(), Some(id()), SpanKind::Internal, 5);
        let given = [(&*key, value.as_str().into()), ("twice", 1.into())];
        draft.event(
            7,
            &name,
            &[given[1], given[0], ("twice", 2.into())],
            &limits,
        );
        draft.end(9);
        let mut span = decoded(&draft);
        assert_eq!(span.name, format!("do {name}"));
        assert_eq!(draft.name(), span.name.as_bytes());
        let event = span.events.remove(0);
        assert_eq!((event.time_unix_nano, event.name), (7, name));
        span.attributes = event.attributes;
        let text = format!("{key}=StringValue({value:?})");
        assert_eq!(shown(&span), [text, "twice=IntValue(2)".into()]);
    }
}

/// A message of a status has no length limit but the hard one: it is no attribute.
#[test]
fn limits_of_attributes_do_not_cut_messages_and_bodies() {
    let limits = Limits {
        attribute_value_length: Some(1),
        log_attribute_value_length: Some(1),
        value_hard_limit: 5,
        ..Limits::default()
    };
    let mut draft = span(&limits);
    draft.status(Status::Error("message"));
    draft.end(9);
    assert_eq!(decoded(&draft).status.expect("a status").message, "messa");

    draft.begin_log(&limits);
    draft.body("message".into(), &limits);
    draft.set("key", "value".into());
    draft.end_log(1, 2, None);
    let mut record = Vec::new();
    append(&draft, &mut record);
    let record = LogRecord::decode(&record[2..]).expect("wire form");
    assert_eq!(
        format!("{:?}", record.body.expect("a body").value),
        "Some(StringValue(\"messa\"))"
    );
    assert_eq!(
        format!(
            "{:?}",
            record.attributes[0].value.as_ref().expect("a value").value
        ),
        "Some(StringValue(\"v\"))"
    );
}

/// A body that is a large structure is left out and counted.
#[test]
fn a_structured_body_over_the_limit_is_counted() {
    let limits = Limits {
        value_hard_limit: 100,
        ..Limits::default()
    };
    let long = "x".repeat(60);
    let mut draft = Draft::with_capacity(0);
    for (texts, left_out) in [(1, 0), (2, 1)] {
        let texts = vec![Value::from(&long); texts];
        draft.begin_log(&limits);
        draft.body(texts[..].into(), &limits);
        draft.end_log(1, 2, None);
        let mut record = Vec::new();
        append(&draft, &mut record);
        let header = 1 + varint_len(record.len() as u64);
        let record = LogRecord::decode(&record[header..]).expect("wire form");
        assert_eq!(record.dropped_attributes_count, left_out);
        assert_eq!(record.body.is_none(), left_out == 1);
    }
}

/// A span that was put aside goes on as if it had not been.
#[test]
fn a_saved_span_goes_on() {
    let limits = Limits {
        attribute_count: 2,
        event_count: 1,
        ..Limits::default()
    };
    let mut whole = span(&limits);
    let mut resumed = span(&limits);
    let steps: [fn(&mut Draft, &Limits); 6] = [
        |draft, _| draft.set("a", 1_i64.into()),
        |draft, limits| draft.event(1, "first", &[], limits),
        |draft, _| draft.set("b", 2_i64.into()),
        |draft, limits| draft.event(2, "second", &[], limits),
        |draft, _| draft.set("a", 3_i64.into()),
        |draft, _| draft.set("c", 4_i64.into()),
    ];
    for step in steps {
        step(&mut whole, &limits);
        let saved = resumed.save();
        resumed = Draft::with_capacity(0);
        resumed.resume(&saved, &limits);
        step(&mut resumed, &limits);
    }
    assert_eq!(resumed.name(), b"work");
    resumed.set_own("own", true.into());
    whole.set_own("own", true.into());
    whole.end(9);
    resumed.end(9);
    assert_eq!(decoded(&resumed), decoded(&whole));
    let span = decoded(&whole);
    assert_eq!(
        shown(&span),
        ["b=IntValue(2)", "a=IntValue(3)", "own=BoolValue(true)"]
    );
    assert_eq!(
        (span.dropped_attributes_count, span.dropped_events_count),
        (1, 1)
    );
}

/// An attribute that is adopted obeys the limits of the draft that adopts it, and what the other had
/// to drop stays counted.
#[test]
fn an_adopted_attribute_obeys_the_limits() {
    let limits = Limits {
        attribute_count: 1,
        span_bytes: 100,
        value_hard_limit: 90,
        name_length: key::SESSION_ID.len(),
        ..Limits::default()
    };
    let adopt = |draft: &mut Draft, key: &str, value: Value<'_>| {
        let mut other = Draft::with_capacity(0);
        other.begin_span("", "", &limits);
        other.set(key, value);
        draft.adopt(&other, &limits);
    };
    let mut draft = span(&limits);
    let long = "x".repeat(90);
    adopt(&mut draft, "a long key, first", 1_i64.into());
    adopt(&mut draft, "a long key, again", 2_i64.into());
    adopt(&mut draft, "more", 3_i64.into());
    adopt(&mut draft, "", 4_i64.into());
    adopt(&mut draft, key::SESSION_ID, 5_i64.into());
    draft.end(9);
    let adopted = decoded(&draft);
    assert_eq!(shown(&adopted), ["a long key=IntValue(2)"]);
    assert_eq!(adopted.dropped_attributes_count, 2);

    let mut draft = span(&limits);
    adopt(&mut draft, "text", (&long).into());
    draft.end(9);
    assert_eq!(decoded(&draft).dropped_attributes_count, 1);
}

/// A span that has no attribute yet adopts all of another's at once: it is then as if they had been set in it, also
/// as to what may follow.
#[test]
fn what_is_adopted_at_once_is_as_if_set() {
    let limits = Limits {
        attribute_count: 3,
        link_count: 1,
        ..Limits::default()
    };
    let set = |draft: &mut Draft| {
        draft.set("a", 1_i64.into());
        draft.set("b", "text".into());
        for _ in 0..2 {
            let to = SpanContext::new(TraceId::random(), id(), Default::default());
            draft.link(&to, &[], &limits);
        }
        draft.set("", 2_i64.into());
    };
    let mut other = Draft::with_capacity(0);
    other.begin_span("", "", &limits);
    set(&mut other);
    let mut adopted = span(&limits);
    adopted.adopt(&other, &limits);
    let mut whole = span(&limits);
    set(&mut whole);
    for draft in [&mut adopted, &mut whole] {
        for (key, value) in [("b", 3_i64), ("c", 4), ("d", 5)] {
            draft.set(key, value.into());
        }
        draft.end(9);
    }
    let (adopted, whole) = (decoded(&adopted), decoded(&whole));
    assert_eq!(
        shown(&adopted),
        ["a=IntValue(1)", "b=IntValue(3)", "c=IntValue(4)"]
    );
    assert_eq!(shown(&adopted), shown(&whole));
    assert_eq!((adopted.name.as_str(), adopted.links.len()), ("work", 1));
    let dropped = |span: &Span| (span.dropped_attributes_count, span.dropped_links_count);
    assert_eq!(dropped(&adopted), (2, 1));
    assert_eq!(dropped(&adopted), dropped(&whole));
}

/// A status replaces the one before; unset removes it.
#[test]
fn the_last_status_wins() {
    let mut draft = span(&Limits::default());
    draft.status(Status::Error("a message"));
    draft.status(Status::Ok);
    draft.status(Status::Error(""));
    let status = decoded(&draft).status.expect("a status");
    assert_eq!((status.code, &*status.message), (2, ""));
    draft.status(Status::Unset);
    assert_eq!(decoded(&draft).status, None);
}
