//! Tests of B3.

use super::*;

const TRACE: &str = "463ac35c9f6413ad48485a3953bb6124";
const SPAN: &str = "a2fb4a1d1a96d312";

fn read(pairs: &[(&str, &str)]) -> Found {
    extract(pairs)
}

fn span(decision: Decision) -> Found {
    context(TRACE, SPAN, decision)
}

/// The one header: ids, a state or none, a parent or none; a state alone.
#[test]
fn the_one_header_is_read() {
    for (value, found) in [
        (format!("{TRACE}-{SPAN}"), span(Decision::Deferred)),
        (format!("{TRACE}-{SPAN}-1"), span(Decision::Sample)),
        (format!("{TRACE}-{SPAN}-0"), span(Decision::Drop)),
        (format!("{TRACE}-{SPAN}-d"), span(Decision::Debug)),
        (
            format!(" {TRACE}-{SPAN}-1-05e3ac9a4f6e3b90 "),
            span(Decision::Sample),
        ),
        ("0".to_owned(), Found::Decision(false)),
        ("1".to_owned(), Found::Decision(true)),
        ("d".to_owned(), Found::Decision(true)),
        (
            format!("48485a3953bb6124-{SPAN}-1"),
            context(
                &format!("{:0>32}", "48485a3953bb6124"),
                SPAN,
                Decision::Sample,
            ),
        ),
    ] {
        assert_eq!(read(&[("b3", &value)]), found, "{value}");
        assert_ne!(found, Found::Invalid);
    }
}

/// What is no such header is invalid.
#[test]
fn other_headers_are_invalid() {
    for value in [
        String::new(),
        "2".to_owned(),
        TRACE.to_owned(),
        format!("{TRACE}-"),
        format!("{TRACE}-{SPAN}-"),
        format!("{TRACE}-{SPAN}-2"),
        format!("{TRACE}-{SPAN}-true"),
        format!("{TRACE}-{SPAN}-1-"),
        format!("{TRACE}-{SPAN}-1-05e3ac9a4f6e3b90-"),
        format!("{TRACE}-{SPAN}-1-05e3ac9a4f6e3b9"),
        format!("{TRACE}0-{SPAN}-1"),
        format!("{}-{SPAN}-1", &TRACE[1..]),
        format!("{}-{SPAN}-1", "0".repeat(32)),
        format!("{TRACE}-{}-1", "0".repeat(16)),
        format!("{}-{SPAN}-1", TRACE.to_uppercase()),
        format!("{}g-{SPAN}-1", &TRACE[1..]),
        "\u{fffd}".to_owned(),
    ] {
        assert_eq!(read(&[("b3", &value)]), Found::Invalid, "{value:?}");
    }
    let one = format!("{TRACE}-{SPAN}-1");
    assert_eq!(read(&[("b3", &one), ("B3", &one)]), Found::Invalid);
}

/// The several headers: debug wins over sampled, a decision may stand alone, half of the ids may not.
#[test]
fn the_several_headers_are_read() {
    let ids = [("X-B3-TraceId", TRACE), ("x-b3-spanid", SPAN)];
    let with = |more: &[(&'static str, &'static str)]| read(&[&ids[..], more].concat());
    assert_eq!(with(&[]), span(Decision::Deferred));
    assert_eq!(with(&[("X-B3-Sampled", "1")]), span(Decision::Sample));
    assert_eq!(with(&[("X-B3-Sampled", "true")]), span(Decision::Sample));
    assert_eq!(
        with(&[("X-B3-Sampled", "0"), ("X-B3-ParentSpanId", SPAN)]),
        span(Decision::Drop)
    );
    assert_eq!(
        with(&[("X-B3-Sampled", "false"), ("X-B3-Flags", "0")]),
        span(Decision::Drop)
    );
    assert_eq!(
        with(&[("X-B3-Sampled", "0"), ("X-B3-Flags", "1")]),
        span(Decision::Debug)
    );
    assert_eq!(with(&[("X-B3-Sampled", "yes")]), Found::Invalid);
    assert_eq!(
        with(&[("X-B3-Sampled", "1"), ("x-b3-sampled", "0")]),
        Found::Invalid
    );
    assert_eq!(read(&[]), Found::Nothing);
    assert_eq!(read(&[("X-B3-Sampled", "0")]), Found::Decision(false));
    assert_eq!(read(&[("X-B3-Flags", "1")]), Found::Decision(true));
    assert_eq!(read(&ids[..1]), Found::Invalid);
    assert_eq!(read(&ids[1..]), Found::Invalid);
}

/// The one header wins over the several, unless it is invalid.
#[test]
fn the_one_header_wins() {
    let several = [
        ("X-B3-TraceId", TRACE),
        ("X-B3-SpanId", SPAN),
        ("X-B3-Sampled", "1"),
    ];
    let both = |one| read(&[&several[..], &[("b3", one)]].concat());
    assert_eq!(both("0"), Found::Decision(false));
    assert_eq!(both("nothing"), span(Decision::Sample));
}

/// What is written is what B3 says, and nothing of an earlier call is left.
#[test]
fn what_is_written_is_b3() {
    for (decision, one, several) in [
        (Decision::Sample, "-1", "x-b3-sampled=1"),
        (Decision::Drop, "-0", "x-b3-sampled=0"),
        (Decision::Debug, "-d", "x-b3-flags=1"),
        (Decision::Deferred, "", ""),
    ] {
        let Found::Context { context, .. } = span(decision) else {
            panic!("it is right");
        };
        let mut carrier: Vec<(String, String)> = Vec::new();
        inject_single(&context, &mut carrier);
        assert_eq!(carrier, [("b3".to_owned(), format!("{TRACE}-{SPAN}{one}"))]);
        let mut carrier: Vec<(String, String)> =
            ["X-B3-ParentSpanId", "X-B3-Sampled", "X-B3-Flags"]
                .map(|key| (key.to_owned(), "old".to_owned()))
                .to_vec();
        inject_several(&context, &mut carrier);
        let mut written: Vec<_> = carrier
            .iter()
            .map(|(key, value)| format!("{}={value}", key.to_lowercase()))
            .collect();
        written.sort();
        let mut expected = vec![
            format!("x-b3-traceid={TRACE}"),
            format!("x-b3-spanid={SPAN}"),
        ];
        expected.extend((!several.is_empty()).then(|| several.to_owned()));
        expected.sort();
        assert_eq!(written, expected);
    }
}
