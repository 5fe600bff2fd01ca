//! Tests of the X-Ray header.

use super::*;

const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793";

fn span(flags: TraceFlags, decision: Decision) -> Found {
    let trace_id = "5759e988bd862e3fe1be46a994272793".parse().expect("an id");
    let span_id = "53995c3f42cd8ad8".parse().expect("an id");
    Found::Context {
        context: SpanContext::remote(trace_id, span_id, flags, decision),
        has_flaw: false,
    }
}

fn found(value: &str) -> Found {
    extract(&[("x-amzn-trace-id", value)])
}

/// Fields in any order, with those of others among them; no decision is a deferred one, which is not
/// the random flag.
#[test]
fn fields_are_read_in_any_order() {
    const PARENT: &str = "Parent=53995c3f42cd8ad8";
    let plain = |decision| span(TraceFlags::NONE, decision);
    for (value, expected) in [
        (
            format!("{ROOT};{PARENT};Sampled=1"),
            plain(Decision::Sample),
        ),
        (format!("{ROOT};{PARENT};Sampled=0"), plain(Decision::Drop)),
        (
            format!("{ROOT};{PARENT};Sampled=?"),
            plain(Decision::Deferred),
        ),
        (
            format!("{ROOT};{PARENT};Sampled="),
            plain(Decision::Deferred),
        ),
        (format!("{ROOT};{PARENT}"), plain(Decision::Deferred)),
        (
            format!(" Sampled=1 ; {PARENT} ;{ROOT}; "),
            plain(Decision::Sample),
        ),
        (
            format!(
                "Self=1-63441c4a-abcdef012345678912345678;{ROOT};{PARENT};Sampled=1;Lineage=a:1|b:2;any=x=y"
            ),
            plain(Decision::Sample),
        ),
        (
            format!("{ROOT};{PARENT};Sampled=1;Random=1"),
            span(TraceFlags::RANDOM, Decision::Sample),
        ),
        (format!("{ROOT};Sampled=1"), Found::Nothing),
    ] {
        assert_eq!(found(&value), expected, "{value}");
    }
    assert_eq!(extract(&[("x", "y")]), Found::Nothing);
}

/// What is no such header is invalid.
#[test]
fn other_headers_are_invalid() {
    for value in [
        "",
        "Parent=53995c3f42cd8ad8;Sampled=1",
        "Root=2-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8",
        "Root=1-5759e988bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8",
        "Root=1-5759e98-8bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8",
        "Root=1-00000000-000000000000000000000000;Parent=53995c3f42cd8ad8",
        "Root=1-5759e988-bd862e3fe1be46a99427279g;Parent=53995c3f42cd8ad8",
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=0000000000000000",
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad",
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=2",
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled",
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Parent=53995c3f42cd8ad8",
        "\u{fffd}",
    ] {
        assert_eq!(found(value), Found::Invalid, "{value:?}");
    }
    let twice = [("X-Amzn-Trace-Id", ROOT), ("x-amzn-trace-id", ROOT)];
    assert_eq!(extract(&twice), Found::Invalid);
}

/// The header is AWS's, and says `?` where nobody has decided.
#[test]
fn what_is_written_is_the_header() {
    for (flags, decision, end) in [
        (TraceFlags::NONE, Decision::Sample, "Sampled=1"),
        (TraceFlags::NONE, Decision::Drop, "Sampled=0"),
        (TraceFlags::NONE, Decision::Debug, "Sampled=1"),
        (TraceFlags::RANDOM, Decision::Sample, "Sampled=1;Random=1"),
        (TraceFlags::RANDOM, Decision::Deferred, "Sampled=?;Random=1"),
    ] {
        let Found::Context { context, .. } = span(flags, decision) else {
            panic!("it is right");
        };
        let mut carrier: Vec<(String, String)> = Vec::new();
        inject(&context, &mut carrier);
        let (name, value) = &carrier[0];
        assert_eq!(name, "X-Amzn-Trace-Id");
        assert_eq!(*value, format!("{ROOT};Parent=53995c3f42cd8ad8;{end}"));
    }
}
