//! The cases of the W3C's validation suite of Trace Context, levels 1 and 2: a service that is called
//! with these headers calls on, and the suite looks at the headers of that call.

use std::collections::BTreeSet;

use spanreel::{Pipeline, SpanContext};

use super::{Pairs, get};
use crate::rig::Rig;

const TRACE: &str = "12345678901234567890123456789012";
const PARENT: &str = "1234567890123456";

/// Whether the trace goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Trace {
    GoesOn,
    BeginsAnew,
}
use Trace::{BeginsAnew, GoesOn};

/// A case: its name in the suite, without `test_`; what is sent; what becomes of the trace; the
/// `tracestate` that is passed on, empty for none.
type Row<'a> = (&'static str, Vec<(&'a str, &'a str)>, Trace, &'a str);

/// Answers a call as a service does: a session that continues it, and a call of its own for each
/// span.
fn answer(pipeline: &Pipeline, headers: &[(&str, &str)], calls: usize) -> Vec<Pairs> {
    let inbound = pipeline.propagators().extract(headers);
    let session = pipeline
        .open_session("")
        .extracted(inbound)
        .open()
        .expect("open");
    let calls = (0..calls).map(|_| {
        let span = session.child("call").start();
        let mut outbound = Pairs::new();
        span.inject(&mut outbound);
        outbound
    });
    let calls = calls.collect();
    session.end();
    calls
}

/// The context that a call carries, which must be a valid one of version 00.
fn carried(headers: &Pairs) -> SpanContext {
    let traceparent = get(headers, "traceparent").expect("always sent");
    assert!(traceparent.starts_with("00-"));
    SpanContext::from_traceparent(traceparent).expect("valid")
}

#[track_caller]
fn assert_row(pipeline: &Pipeline, (name, headers, trace, state): &Row<'_>) {
    let call = answer(pipeline, headers, 1).remove(0);
    let context = carried(&call);
    let ids = headers.iter().filter_map(|(_, value)| value.get(3..35));
    let goes_on = ids.clone().any(|id| context.trace_id().to_string() == id);
    assert_eq!(goes_on, *trace == GoesOn, "{name}: {headers:?}");
    assert_ne!(context.span_id().to_string(), PARENT, "{name}");
    assert_eq!(
        get(&call, "tracestate").unwrap_or_default(),
        *state,
        "{name}: {headers:?}"
    );
}

/// Cases with a `traceparent` alone.
fn of_traceparent() -> Vec<(&'static str, &'static str, Trace)> {
    vec![
        (
            "traceparent_included_tracestate_missing",
            "00-12345678901234567890123456789012-1234567890123456-01",
            GoesOn,
        ),
        (
            "traceparent_version_0x00",
            "00-12345678901234567890123456789012-1234567890123456-01.",
            BeginsAnew,
        ),
        (
            "traceparent_version_0x00",
            "00-12345678901234567890123456789012-1234567890123456-01-what-the-future-will-be-like",
            BeginsAnew,
        ),
        (
            "traceparent_version_0xcc",
            "cc-12345678901234567890123456789012-1234567890123456-01",
            GoesOn,
        ),
        (
            "traceparent_version_0xcc",
            "cc-12345678901234567890123456789012-1234567890123456-01-what-the-future-will-be-like",
            GoesOn,
        ),
        (
            "traceparent_version_0xcc",
            "cc-12345678901234567890123456789012-1234567890123456-01.what-the-future-will-be-like",
            BeginsAnew,
        ),
        (
            "traceparent_version_0xff",
            "ff-12345678901234567890123456789012-1234567890123456-01",
            BeginsAnew,
        ),
        (
            "traceparent_version_illegal_characters",
            ".0-12345678901234567890123456789012-1234567890123456-01",
            BeginsAnew,
        ),
        (
            "traceparent_version_illegal_characters",
            "0.-12345678901234567890123456789012-1234567890123456-01",
            BeginsAnew,
        ),
        (
            "traceparent_version_too_long",
            "000-12345678901234567890123456789012-1234567890123456-01",
            BeginsAnew,
        ),
        (
            "traceparent_version_too_long",
            "0000-12345678901234567890123456789012-1234567890123456-01",
            BeginsAnew,
        ),
        (
            "traceparent_version_too_short",
            "0-12345678901234567890123456789012-1234567890123456-01",
            BeginsAnew,
        ),
        (
            "traceparent_trace_id_all_zero",
            "00-00000000000000000000000000000000-1234567890123456-01",
            BeginsAnew,
        ),
        (
            "traceparent_trace_id_illegal_characters",
            "00-.2345678901234567890123456789012-1234567890123456-01",
            BeginsAnew,
        ),
        (
            "traceparent_trace_id_illegal_characters",
            "00-1234567890123456789012345678901.-1234567890123456-01",
            BeginsAnew,
        ),
        (
            "traceparent_trace_id_too_long",
            "00-123456789012345678901234567890123-1234567890123456-01",
            BeginsAnew,
        ),
        (
            "traceparent_trace_id_too_short",
            "00-1234567890123456789012345678901-1234567890123456-01",
            BeginsAnew,
        ),
        (
            "traceparent_parent_id_all_zero",
            "00-12345678901234567890123456789012-0000000000000000-01",
            BeginsAnew,
        ),
        (
            "traceparent_parent_id_illegal_characters",
            "00-12345678901234567890123456789012-.234567890123456-01",
            BeginsAnew,
        ),
        (
            "traceparent_parent_id_illegal_characters",
            "00-12345678901234567890123456789012-123456789012345.-01",
            BeginsAnew,
        ),
        (
            "traceparent_parent_id_too_long",
            "00-12345678901234567890123456789012-12345678901234567-01",
            BeginsAnew,
        ),
        (
            "traceparent_parent_id_too_short",
            "00-12345678901234567890123456789012-123456789012345-01",
            BeginsAnew,
        ),
        (
            "traceparent_trace_flags_illegal_characters",
            "00-12345678901234567890123456789012-1234567890123456-.0",
            BeginsAnew,
        ),
        (
            "traceparent_trace_flags_illegal_characters",
            "00-12345678901234567890123456789012-1234567890123456-0.",
            BeginsAnew,
        ),
        (
            "traceparent_trace_flags_too_long",
            "00-12345678901234567890123456789012-1234567890123456-001",
            BeginsAnew,
        ),
        (
            "traceparent_trace_flags_too_short",
            "00-12345678901234567890123456789012-1234567890123456-1",
            BeginsAnew,
        ),
    ]
}

/// Every `traceparent` of the suite is continued or not as the suite asks; names of headers are read
/// in any case, white space around values means nothing.
#[test]
fn traceparents_are_judged_as_w3c_does() {
    let rig = Rig::start();
    let mut rows: Vec<Row<'_>> = Vec::new();
    for (name, value, trace) in of_traceparent() {
        rows.push((name, vec![("traceparent", value)], trace, ""));
    }
    let valid = format!("00-{TRACE}-{PARENT}-01");
    let other = format!("00-{}1-{PARENT}-01", &TRACE[..31]);
    rows.push((
        "traceparent_duplicated",
        vec![("traceparent", &other), ("traceparent", &valid)],
        BeginsAnew,
        "",
    ));
    for (case, names, trace) in [
        (
            "traceparent_header_name",
            &["trace-parent", "trace.parent"][..],
            BeginsAnew,
        ),
        (
            "traceparent_header_name_valid_casing",
            &["TraceParent", "TrAcEpArEnT", "TRACEPARENT"],
            GoesOn,
        ),
    ] {
        rows.extend(
            names
                .iter()
                .map(|name| (case, vec![(*name, &*valid)], trace, "")),
        );
    }
    for row in &rows {
        assert_row(&rig.pipeline, row);
    }
    for (before, after) in [(" ", ""), ("\t", ""), ("", " "), ("", "\t"), ("\t ", " \t")] {
        let value = format!("{before}{valid}{after}");
        let call = answer(&rig.pipeline, &[("traceparent", &value)], 1).remove(0);
        assert_eq!(carried(&call).trace_id().to_string(), TRACE, "{value:?}");
    }
    // With `traceparent_ows_handling`, which the loop above is.
    let names: BTreeSet<_> = rows.iter().map(|row| row.0).collect();
    assert_eq!(names.len() + 1, 22);
    rig.stop();
}

/// Every `tracestate` of the suite is passed on or discarded as the suite asks; a bad one leaves the
/// trace as it is.
#[test]
fn tracestates_are_judged_as_w3c_does() {
    let key: String = ('a'..='z').chain('0'..='9').chain("_-*/".chars()).collect();
    let with_vendor = format!("{key}@a-z0-9_-*/");
    let value: String = (' '..='~').filter(|c| !",=".contains(*c)).collect();
    let (plain, vendor) = (format!("{key}={value}"), format!("{with_vendor}={value}"));
    let member = |number: usize| format!("bar{number:02}={number:02}");
    let lists = [1..=10, 11..=20, 21..=30, 31..=32, 31..=33]
        .map(|numbers| numbers.map(member).collect::<Vec<_>>().join(","));
    let all = lists[..4].join(",");
    let [first, second, third, right, over] = &lists;
    let keys = [
        "z".repeat(256),
        "z".repeat(257),
        format!("{}@{}", "t".repeat(241), "v".repeat(14)),
        format!("{}@v", "t".repeat(242)),
        format!("t@{}", "v".repeat(15)),
    ]
    .map(|key| format!("{key}=1"));
    let kept = keys.each_ref().map(|member| format!("foo=1,{member}"));

    let mut rows: Vec<(&str, Vec<&str>, &str)> = vec![
        (
            "tracestate_included_traceparent_included",
            vec!["foo=1,bar=2"],
            "foo=1,bar=2",
        ),
        ("tracestate_empty_header", vec![""], ""),
        ("tracestate_empty_header", vec!["foo=1", ""], "foo=1"),
        ("tracestate_empty_header", vec!["", "foo=1"], "foo=1"),
        (
            "tracestate_multiple_headers_different_keys",
            vec!["foo=1,bar=2", "rojo=1,congo=2", "baz=3"],
            "foo=1,bar=2,rojo=1,congo=2,baz=3",
        ),
        ("tracestate_duplicated_keys", vec!["foo=1,foo=1"], "foo=1"),
        ("tracestate_duplicated_keys", vec!["foo=1,foo=2"], "foo=1"),
        (
            "tracestate_duplicated_keys",
            vec!["foo=1", "foo=1"],
            "foo=1",
        ),
        (
            "tracestate_duplicated_keys",
            vec!["foo=1", "foo=2"],
            "foo=1",
        ),
        ("tracestate_all_allowed_characters", vec![&plain], &plain),
        ("tracestate_all_allowed_characters", vec![&vendor], &vendor),
        (
            "tracestate_ows_handling",
            vec!["foo=1 \t , \t bar=2, \t baz=3"],
            "foo=1,bar=2,baz=3",
        ),
        (
            "tracestate_ows_handling",
            vec!["foo=1\t \t,\t \tbar=2,\t \tbaz=3"],
            "foo=1,bar=2,baz=3",
        ),
        ("tracestate_key_illegal_characters", vec!["foo =1"], ""),
        ("tracestate_key_illegal_characters", vec!["FOO=1"], ""),
        ("tracestate_key_illegal_characters", vec!["foo.bar=1"], ""),
        (
            "tracestate_key_illegal_vendor_format",
            vec!["foo@=1,bar=2"],
            "foo@=1,bar=2",
        ),
        (
            "tracestate_key_illegal_vendor_format",
            vec!["@foo=1,bar=2"],
            "",
        ),
        (
            "tracestate_key_illegal_vendor_format",
            vec!["foo@@bar=1,bar=2"],
            "foo@@bar=1,bar=2",
        ),
        (
            "tracestate_key_illegal_vendor_format",
            vec!["foo@bar@baz=1,bar=2"],
            "foo@bar@baz=1,bar=2",
        ),
        (
            "tracestate_member_count_limit",
            vec![first, second, third, right],
            &all,
        ),
        (
            "tracestate_member_count_limit",
            vec![first, second, third, over],
            "",
        ),
        (
            "tracestate_value_illegal_characters",
            vec!["foo=bar=baz"],
            "",
        ),
        (
            "tracestate_value_illegal_characters",
            vec!["foo=,bar=3"],
            "",
        ),
    ];
    for (number, member) in keys.iter().enumerate() {
        let passed_on = if number == 1 { "" } else { &*kept[number] };
        rows.push((
            "tracestate_key_length_limit",
            vec!["foo=1", member],
            passed_on,
        ));
    }
    for odd in [" foo=1", "\tfoo=1", "foo=1 ", "foo=1\t", "\t foo=1 \t"] {
        rows.push(("tracestate_ows_handling", vec![odd], "foo=1"));
    }

    let rig = Rig::start();
    let valid = format!("00-{TRACE}-{PARENT}-00");
    let mut names = BTreeSet::new();
    let mut assert = |name, headers: &[(&str, &str)], trace, state| {
        assert_row(&rig.pipeline, &(name, headers.to_vec(), trace, state));
        names.insert(name);
    };
    for (name, values, state) in &rows {
        let mut headers = vec![("traceparent", &*valid)];
        headers.extend(values.iter().map(|value| ("tracestate", *value)));
        assert(name, &headers, GoesOn, state);
    }
    for header in ["TraceState", "TrAcEsTaTe", "TRACESTATE"] {
        let headers = [("traceparent", &*valid), (header, "foo=1")];
        assert(
            "tracestate_header_name_valid_casing",
            &headers,
            GoesOn,
            "foo=1",
        );
    }
    for header in ["trace-state", "trace.state"] {
        let headers = [("traceparent", &*valid), (header, "foo=1")];
        assert("tracestate_header_name", &headers, GoesOn, "");
    }
    for state in ["foo=1", "foo=1,bar=2"] {
        let headers = [("tracestate", state)];
        assert(
            "tracestate_included_traceparent_missing",
            &headers,
            BeginsAnew,
            "",
        );
    }
    assert_eq!(names.len(), 14);
    rig.stop();
}

/// Without a valid parent each call still carries one of its own; calls of one session are of one
/// trace, each from a span of its own.
#[test]
fn each_call_has_a_parent_of_its_own() {
    let rig = Rig::start();
    let valid = format!("00-{TRACE}-{PARENT}-01");
    let zeros = format!("00-{}-{PARENT}-01", "0".repeat(32));
    for (case, headers, goes_on) in [
        ("both_traceparent_and_tracestate_missing", vec![], false),
        (
            "multiple_requests_with_valid_traceparent",
            vec![("traceparent", &*valid)],
            true,
        ),
        ("multiple_requests_without_traceparent", vec![], false),
        (
            "multiple_requests_with_illegal_traceparent",
            vec![("traceparent", &*zeros)],
            false,
        ),
    ] {
        let calls = answer(&rig.pipeline, &headers, 3);
        let contexts: Vec<_> = calls.iter().map(carried).collect();
        let traces: BTreeSet<_> = contexts.iter().map(SpanContext::trace_id).collect();
        let spans: BTreeSet<_> = contexts.iter().map(SpanContext::span_id).collect();
        assert_eq!((traces.len(), spans.len()), (1, 3), "{case}");
        assert_eq!(
            contexts[0].trace_id().to_string() == TRACE,
            goes_on,
            "{case}"
        );
    }
    rig.stop();
}

/// The random flag is passed on, and only that of the caller (`propagates_random_flag`).
#[test]
fn the_random_flag_is_passed_on() {
    let rig = Rig::start();
    for (flags, passed_on) in [
        ("00", "00"),
        ("01", "01"),
        ("02", "02"),
        ("03", "03"),
        ("fe", "02"),
    ] {
        let header = format!("00-{TRACE}-{PARENT}-{flags}");
        let call = answer(&rig.pipeline, &[("traceparent", &header)], 1).remove(0);
        let traceparent = get(&call, "traceparent").expect("sent");
        assert_eq!(&traceparent[53..], passed_on);
    }
    rig.settle();
}
