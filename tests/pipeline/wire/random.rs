//! Random keys, values, names and times.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proptest::collection::vec;
use proptest::prelude::*;
use spanreel::OwnedValue;

pub(super) type Pairs = Vec<(String, OwnedValue)>;

/// What makes a few random characters an address or the beginning of JSON now and then. A limit leaves
/// out an address whole and closes JSON, where the model of a cut knows only characters; both have tests of
/// their own, beside the cut.
const TELLING: &str = "@:{[";

/// Texts of all characters but the telling ones, short and long, empty too.
pub(super) fn text() -> impl Strategy<Value = String> {
    let characters = any::<char>().prop_map(|it| if TELLING.contains(it) { 'a' } else { it });
    prop_oneof![
        4 => "[a-z]{0,12}",
        3 => vec(characters, 0..40).prop_map(String::from_iter),
        1 => Just("ä".repeat(1000)),
    ]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_map(|it| {
        if TELLING.as_bytes().contains(&it) {
            0
        } else {
            it
        }
    });
    vec(byte, 0..60)
}

/// Keys, often the same ones, some of them reserved.
pub(super) fn key() -> impl Strategy<Value = String> {
    const COMMON: [&str; 8] = [
        "a",
        "b",
        "",
        "session.id",
        "gen_ai.conversation.id",
        "error.type",
        "gen_ai.usage.input_tokens",
        "gen_ai.operation.name",
    ];
    prop_oneof![
        4 => proptest::sample::select(&COMMON[..]).prop_map(str::to_owned),
        1 => text(),
    ]
}

/// Values of all kinds, nested in each other; every float, NaN and the infinities among them.
pub(super) fn value() -> impl Strategy<Value = OwnedValue> {
    let flat = prop_oneof![
        text().prop_map(OwnedValue::Str),
        any::<bool>().prop_map(OwnedValue::Bool),
        any::<i64>().prop_map(OwnedValue::Int),
        (-200..200_i64).prop_map(OwnedValue::Int),
        any::<u64>().prop_map(|bits| OwnedValue::Double(f64::from_bits(bits))),
        proptest::sample::select(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1.5][..])
            .prop_map(OwnedValue::Double),
        bytes().prop_map(OwnedValue::Bytes),
    ];
    flat.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(OwnedValue::Array),
            vec(("[a-zä]{1,5}", inner), 0..5).prop_map(OwnedValue::Map),
        ]
    })
}

pub(super) fn pairs() -> impl Strategy<Value = Pairs> {
    vec((key(), value()), 0..6)
}

/// Any time that OTLP can carry, in nanoseconds since 1970.
pub(super) fn time() -> impl Strategy<Value = u64> {
    prop_oneof![any::<u64>(), 0..2000_u64]
}

pub(super) fn at(unix_ns: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(unix_ns)
}

/// Shows pairs in their borrowed form.
pub(super) fn with_pairs(pairs: &Pairs, show: impl FnOnce(&[(&str, spanreel::Value<'_>)])) {
    let values = OwnedValue::Map(pairs.clone());
    values.with_value(|value| match value {
        spanreel::Value::Map(entries) => show(entries),
        other => panic!("a map is a map, not {other:?}"),
    });
}
