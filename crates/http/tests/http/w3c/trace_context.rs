//! W3C Trace Context: the 41 cases of the validation suite, under the names that they have there.

use std::collections::HashSet;

use spanreel::SpanContext;

use super::harness::{Harness, joined, with_service};

const TRACE: &str = "12345678901234567890123456789012";
const SPAN: &str = "1234567890123456";
const SAMPLED: &str = "00-12345678901234567890123456789012-1234567890123456-01";
const PARENT: &str = "00-12345678901234567890123456789012-1234567890123456-00";

type Headers<'a> = &'a [(&'a str, &'a str)];

/// The context of the one call that a request leads to, and its `tracestate`.
async fn context(harness: &Harness, headers: Headers<'_>) -> (SpanContext, String) {
    let calls = harness.ask(headers, 1).await;
    let parents: Vec<_> = calls[0].get_all("traceparent").iter().collect();
    assert_eq!(parents.len(), 1, "one traceparent after {headers:?}");
    let parent = parents[0].to_str().expect("ASCII");
    let context = SpanContext::from_traceparent(parent).expect("what is sent is valid");
    (context, joined(&calls[0], "tracestate"))
}

/// A new trace begins, and nothing of the `tracestate` is passed on.
async fn begins(harness: &Harness, name: &str, headers: Headers<'_>) {
    let (context, state) = context(harness, headers).await;
    let trace = context.trace_id().to_string();
    assert!(
        !headers.iter().any(|(_, value)| value.contains(&trace)),
        "{name}: {headers:?}"
    );
    assert_eq!(state, "", "{name}: {headers:?}");
}

/// The trace goes on with another span, and with this `tracestate`.
async fn continues(harness: &Harness, name: &str, headers: Headers<'_>, state: &str) {
    let (context, found) = context(harness, headers).await;
    assert_eq!(context.trace_id().to_string(), TRACE, "{name}: {headers:?}");
    assert_ne!(context.span_id().to_string(), SPAN, "{name}: {headers:?}");
    assert_eq!(found, state, "{name}: {headers:?}");
}

/// `traceparent` as it must be and as it must not be.
#[test]
fn traceparent() {
    let bad = [
        ("test_traceparent_version_0x00", format!("{SAMPLED}.")),
        (
            "test_traceparent_version_0x00",
            format!("{SAMPLED}-what-the-future-will-be-like"),
        ),
        (
            "test_traceparent_version_0xcc",
            format!("cc-{TRACE}-{SPAN}-01.what-the-future-will-be-like"),
        ),
        (
            "test_traceparent_version_0xff",
            format!("ff-{TRACE}-{SPAN}-01"),
        ),
        (
            "test_traceparent_version_illegal_characters",
            format!(".0-{TRACE}-{SPAN}-01"),
        ),
        (
            "test_traceparent_version_illegal_characters",
            format!("0.-{TRACE}-{SPAN}-01"),
        ),
        (
            "test_traceparent_version_too_long",
            format!("000-{TRACE}-{SPAN}-01"),
        ),
        (
            "test_traceparent_version_too_long",
            format!("0000-{TRACE}-{SPAN}-01"),
        ),
        (
            "test_traceparent_version_too_short",
            format!("0-{TRACE}-{SPAN}-01"),
        ),
        (
            "test_traceparent_trace_id_all_zero",
            format!("00-{}-{SPAN}-01", "0".repeat(32)),
        ),
        (
            "test_traceparent_trace_id_illegal_characters",
            format!("00-.{}-{SPAN}-01", &TRACE[1..]),
        ),
        (
            "test_traceparent_trace_id_illegal_characters",
            format!("00-{}.-{SPAN}-01", &TRACE[..31]),
        ),
        (
            "test_traceparent_trace_id_too_long",
            format!("00-{TRACE}3-{SPAN}-01"),
        ),
        (
            "test_traceparent_trace_id_too_short",
            format!("00-{}-{SPAN}-01", &TRACE[..31]),
        ),
        (
            "test_traceparent_parent_id_all_zero",
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
        ),
        (
            "test_traceparent_parent_id_illegal_characters",
            format!("00-{TRACE}-.{}-01", &SPAN[1..]),
        ),
        (
            "test_traceparent_parent_id_illegal_characters",
            format!("00-{TRACE}-{}.-01", &SPAN[..15]),
        ),
        (
            "test_traceparent_parent_id_too_long",
            format!("00-{TRACE}-{SPAN}7-01"),
        ),
        (
            "test_traceparent_parent_id_too_short",
            format!("00-{TRACE}-{}-01", &SPAN[..15]),
        ),
        (
            "test_traceparent_trace_flags_illegal_characters",
            format!("00-{TRACE}-{SPAN}-.0"),
        ),
        (
            "test_traceparent_trace_flags_illegal_characters",
            format!("00-{TRACE}-{SPAN}-0."),
        ),
        (
            "test_traceparent_trace_flags_too_long",
            format!("00-{TRACE}-{SPAN}-001"),
        ),
        (
            "test_traceparent_trace_flags_too_short",
            format!("00-{TRACE}-{SPAN}-1"),
        ),
    ];
    let good = [
        (
            "test_traceparent_included_tracestate_missing",
            "traceparent",
            SAMPLED.to_owned(),
        ),
        (
            "test_traceparent_header_name_valid_casing",
            "TraceParent",
            SAMPLED.to_owned(),
        ),
        (
            "test_traceparent_header_name_valid_casing",
            "TrAcEpArEnT",
            SAMPLED.to_owned(),
        ),
        (
            "test_traceparent_header_name_valid_casing",
            "TRACEPARENT",
            SAMPLED.to_owned(),
        ),
        (
            "test_traceparent_version_0xcc",
            "traceparent",
            format!("cc-{TRACE}-{SPAN}-01"),
        ),
        (
            "test_traceparent_version_0xcc",
            "traceparent",
            format!("cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like"),
        ),
        (
            "test_traceparent_ows_handling",
            "traceparent",
            format!(" {SAMPLED}"),
        ),
        (
            "test_traceparent_ows_handling",
            "traceparent",
            format!("\t{SAMPLED}"),
        ),
        (
            "test_traceparent_ows_handling",
            "traceparent",
            format!("{SAMPLED} "),
        ),
        (
            "test_traceparent_ows_handling",
            "traceparent",
            format!("{SAMPLED}\t"),
        ),
        (
            "test_traceparent_ows_handling",
            "traceparent",
            format!("\t {SAMPLED} \t"),
        ),
    ];
    with_service(async |harness| {
        begins(harness, "test_both_traceparent_and_tracestate_missing", &[]).await;
        for (name, value) in &bad {
            begins(harness, name, &[("traceparent", value)]).await;
        }
        for name in ["trace-parent", "trace.parent"] {
            begins(harness, "test_traceparent_header_name", &[(name, SAMPLED)]).await;
        }
        let other = SAMPLED.replacen(TRACE, "12345678901234567890123456789011", 1);
        let twice = [("traceparent", &*other), ("traceparent", SAMPLED)];
        begins(harness, "test_traceparent_duplicated", &twice).await;
        for (name, header, value) in &good {
            continues(harness, name, &[(header, value)], "").await;
        }
    });
}

/// `tracestate` as it goes on.
#[test]
fn tracestate_goes_on() {
    let key = "abcdefghijklmnopqrstuvwxyz0123456789_-*/";
    // Printable ASCII without comma and equals sign; spaces at the end would mean nothing.
    let value: String = (' '..='~').filter(|c| !",=".contains(*c)).collect();
    let all = format!("{key}={value}");
    let all_with_vendor = format!("{key}@a-z0-9_-*/={value}");
    let keys = [
        "z".repeat(256),
        format!("{}@{}", "t".repeat(241), "v".repeat(14)),
        format!("{}@v", "t".repeat(242)),
        format!("t@{}", "v".repeat(15)),
    ];
    let cases: [(&str, &[&str], &str); 22] = [
        (
            "test_tracestate_included_traceparent_included",
            &["foo=1,bar=2"],
            "foo=1,bar=2",
        ),
        ("test_tracestate_empty_header", &[""], ""),
        ("test_tracestate_empty_header", &["foo=1", ""], "foo=1"),
        ("test_tracestate_empty_header", &["", "foo=1"], "foo=1"),
        (
            "test_tracestate_multiple_headers_different_keys",
            &["foo=1,bar=2", "rojo=1,congo=2", "baz=3"],
            "foo=1,bar=2,rojo=1,congo=2,baz=3",
        ),
        ("test_tracestate_duplicated_keys", &["foo=1,foo=1"], "foo=1"),
        ("test_tracestate_duplicated_keys", &["foo=1,foo=2"], "foo=1"),
        (
            "test_tracestate_duplicated_keys",
            &["foo=1", "foo=1"],
            "foo=1",
        ),
        (
            "test_tracestate_duplicated_keys",
            &["foo=1", "foo=2"],
            "foo=1",
        ),
        ("test_tracestate_all_allowed_characters", &[&all], &all),
        (
            "test_tracestate_all_allowed_characters",
            &[&all_with_vendor],
            &all_with_vendor,
        ),
        (
            "test_tracestate_ows_handling",
            &["foo=1 \t , \t bar=2, \t baz=3"],
            "foo=1,bar=2,baz=3",
        ),
        (
            "test_tracestate_ows_handling",
            &["foo=1\t \t,\t \tbar=2,\t \tbaz=3"],
            "foo=1,bar=2,baz=3",
        ),
        ("test_tracestate_ows_handling", &[" foo=1"], "foo=1"),
        ("test_tracestate_ows_handling", &["\tfoo=1"], "foo=1"),
        ("test_tracestate_ows_handling", &["foo=1 "], "foo=1"),
        ("test_tracestate_ows_handling", &["foo=1\t"], "foo=1"),
        ("test_tracestate_ows_handling", &["\t foo=1 \t"], "foo=1"),
        (
            "test_tracestate_key_illegal_vendor_format",
            &["foo@=1,bar=2"],
            "foo@=1,bar=2",
        ),
        (
            "test_tracestate_key_illegal_vendor_format",
            &["foo@@bar=1,bar=2"],
            "foo@@bar=1,bar=2",
        ),
        (
            "test_tracestate_key_illegal_vendor_format",
            &["foo@bar@baz=1,bar=2"],
            "foo@bar@baz=1,bar=2",
        ),
        (
            "test_tracestate_member_count_limit",
            &[&members(1..33)],
            &members(1..33),
        ),
    ];
    with_service(async |harness| {
        for (name, states, expected) in cases {
            let mut headers = vec![("traceparent", PARENT)];
            headers.extend(states.iter().map(|state| ("tracestate", *state)));
            continues(harness, name, &headers, expected).await;
        }
        for key in &keys {
            let state = format!("{key}=1");
            let headers = [
                ("traceparent", PARENT),
                ("tracestate", "foo=1"),
                ("tracestate", &state),
            ];
            let name = "test_tracestate_key_length_limit";
            continues(harness, name, &headers, &format!("foo=1,{state}")).await;
        }
        for header in ["TraceState", "TrAcEsTaTe", "TRACESTATE"] {
            let headers = [("traceparent", PARENT), (header, "foo=1")];
            let name = "test_tracestate_header_name_valid_casing";
            continues(harness, name, &headers, "foo=1").await;
        }
    });
}

fn members(numbers: std::ops::Range<u32>) -> String {
    let members = numbers.map(|number| format!("bar{number:02}={number:02}"));
    members.collect::<Vec<_>>().join(",")
}

/// `tracestate` that is not passed on; the trace goes on still.
#[test]
fn tracestate_is_discarded() {
    let too_long = format!("{}=1", "z".repeat(257));
    let cases: [(&str, &[(&str, &str)]); 11] = [
        ("test_tracestate_header_name", &[("trace-state", "foo=1")]),
        ("test_tracestate_header_name", &[("trace.state", "foo=1")]),
        (
            "test_tracestate_key_illegal_characters",
            &[("tracestate", "foo =1")],
        ),
        (
            "test_tracestate_key_illegal_characters",
            &[("tracestate", "FOO=1")],
        ),
        (
            "test_tracestate_key_illegal_characters",
            &[("tracestate", "foo.bar=1")],
        ),
        (
            "test_tracestate_key_illegal_vendor_format",
            &[("tracestate", "@foo=1,bar=2")],
        ),
        (
            "test_tracestate_member_count_limit",
            &[("tracestate", &members(1..34))],
        ),
        (
            "test_tracestate_key_length_limit",
            &[("tracestate", "foo=1"), ("tracestate", &too_long)],
        ),
        (
            "test_tracestate_value_illegal_characters",
            &[("tracestate", "foo=bar=baz")],
        ),
        (
            "test_tracestate_value_illegal_characters",
            &[("tracestate", "foo=,bar=3")],
        ),
        ("no text", &[("tracestate", "foo=\u{e4}")]),
    ];
    with_service(async |harness| {
        for (name, states) in cases {
            let headers = [&[("traceparent", PARENT)], states].concat();
            continues(harness, name, &headers, "").await;
        }
        for state in ["foo=1", "foo=1,bar=2"] {
            let name = "test_tracestate_included_traceparent_missing";
            begins(harness, name, &[("tracestate", state)]).await;
        }
    });
}

/// Each call has a span of its own, in the trace of the request (AdvancedTest).
#[test]
fn several_calls() {
    let illegal = format!("00-{}-{SPAN}-01", "0".repeat(32));
    with_service(async |harness| {
        for (name, headers, trace) in [
            (
                "test_multiple_requests_with_valid_traceparent",
                &[("traceparent", SAMPLED)][..],
                Some(TRACE),
            ),
            ("test_multiple_requests_without_traceparent", &[], None),
            (
                "test_multiple_requests_with_illegal_traceparent",
                &[("traceparent", &*illegal)],
                None,
            ),
        ] {
            let calls = harness.ask(headers, 3).await;
            let contexts: Vec<_> = calls
                .iter()
                .map(|call| SpanContext::extract(call).expect(name))
                .collect();
            let traces: HashSet<_> = contexts
                .iter()
                .map(|it| it.trace_id().to_string())
                .collect();
            let spans: HashSet<_> = contexts.iter().map(SpanContext::span_id).collect();
            assert_eq!((traces.len(), spans.len()), (1, 3), "{name}");
            assert!(trace.is_none_or(|trace| traces.contains(trace)), "{name}");
        }
    });
}

/// The random flag goes on (level 2, test_propagates_random_flag), and so does what was sampled.
#[test]
fn flags_go_on() {
    with_service(async |harness| {
        for flags in ["00", "01", "02", "03"] {
            let parent = format!("00-{TRACE}-{SPAN}-{flags}");
            let (context, _) = context(harness, &[("traceparent", &parent)]).await;
            assert_eq!(format!("{:02x}", context.flags().bits()), flags);
        }
    });
}
