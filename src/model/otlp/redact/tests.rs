//! Messages that were redacted are read by the reference decoder.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Known;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::Link;
use prost::Message;

use super::*;
use crate::model::hash_key::HashKey;
use crate::model::redaction::Redaction;

const SECRET: &str = "ada@example.com";

fn any(value: Known) -> AnyValue {
    AnyValue { value: Some(value) }
}

fn text(text: &str) -> AnyValue {
    any(Known::StringValue(text.to_owned()))
}

fn attribute(key: &str, value: AnyValue) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(value),
        ..KeyValue::default()
    }
}

/// The attributes of a span with these, redacted.
fn redacted(redaction: &Redaction, attributes: Vec<KeyValue>) -> Vec<KeyValue> {
    let span = Span {
        attributes,
        ..Span::default()
    };
    let redactor = redaction.redactor();
    let rewritten = Rewriter::new(&redactor, Signal::Traces).item(&span.encode_to_vec());
    let bytes = rewritten.unwrap_or_else(|| span.encode_to_vec());
    Span::decode(&*bytes).expect("wire form").attributes
}

/// Every kind of value is looked through: texts, bytes, arrays, maps, numbers of cards.
#[test]
fn every_kind_of_value_is_looked_through() {
    let map = KeyValueList {
        values: vec![
            attribute("to", text(SECRET)),
            attribute("password", any(Known::IntValue(7))),
            attribute(SECRET, any(Known::BoolValue(true))),
        ],
    };
    let nested = ArrayValue {
        values: vec![text("fine"), any(Known::KvlistValue(map))],
    };
    let attributes = redacted(
        &Redaction::standard(),
        vec![
            attribute("a", any(Known::ArrayValue(nested))),
            attribute("b", any(Known::BytesValue(SECRET.into()))),
            attribute("c", any(Known::IntValue(4_111_111_111_111_111))),
            attribute("d", any(Known::DoubleValue(4_111_111_111_111_111.0))),
            attribute("e", any(Known::IntValue(1_700_000_000_000_000_000))),
            attribute(SECRET, text("fine")),
        ],
    );
    let map = KeyValueList {
        values: vec![
            attribute("to", text("[email]")),
            attribute("password", text("[redacted]")),
            attribute("[email]", any(Known::BoolValue(true))),
        ],
    };
    let nested = ArrayValue {
        values: vec![text("fine"), any(Known::KvlistValue(map))],
    };
    let expected = [
        attribute("a", any(Known::ArrayValue(nested))),
        attribute("b", any(Known::BytesValue(b"[email]".to_vec()))),
        attribute("c", text("[card]")),
        attribute("d", text("[card]")),
        attribute("e", any(Known::IntValue(1_700_000_000_000_000_000))),
        attribute("[email]", text("fine")),
    ];
    assert_eq!(attributes, expected);
}

/// Rules remove, mask, hash and pass; a hash says who is the same and not who.
#[test]
fn rules_remove_mask_hash_and_pass() {
    let redaction = Redaction::standard()
        .remove("gone.*")
        .mask("plan")
        .pass("contact")
        .hash("user.id", HashKey::new(*b"0123456789abcdef"));
    let two = ArrayValue {
        values: vec![text("u-1"), any(Known::IntValue(5))],
    };
    let attributes = redacted(
        &redaction,
        vec![
            attribute("gone.now", text("x")),
            attribute("plan", any(Known::ArrayValue(two.clone()))),
            attribute("contact", text(SECRET)),
            attribute("user.id", text("u-1")),
            attribute("user.id", any(Known::ArrayValue(two))),
            attribute("user.id", any(Known::DoubleValue(0.5))),
        ],
    );
    let hashed = |id| redaction.redactor().redact("user.id", id).into_owned();
    let both = ArrayValue {
        values: vec![text(&hashed("u-1")), text(&hashed("5"))],
    };
    let expected = [
        attribute("plan", text("[redacted]")),
        attribute("contact", text(SECRET)),
        attribute("user.id", text(&hashed("u-1"))),
        attribute("user.id", any(Known::ArrayValue(both))),
        attribute("user.id", text("[redacted]")),
    ];
    assert_eq!(attributes, expected);
}

/// Only what is listed stays, besides what a session needs.
#[test]
fn only_what_is_listed_stays() {
    let redaction = Redaction::nothing().only(["gen_ai.*"]);
    let attributes = redacted(
        &redaction,
        [
            "gen_ai.request.model",
            "customer",
            "session.id",
            "spanreel.incomplete",
        ]
        .map(|key| attribute(key, text("x")))
        .to_vec(),
    );
    let keys: Vec<_> = attributes.iter().map(|it| &*it.key).collect();
    assert_eq!(
        keys,
        ["gen_ai.request.model", "session.id", "spanreel.incomplete"]
    );
}

/// An attribute that has two keys falls under the rule of that by which it arrives: the last one.
#[test]
fn a_rule_holds_for_the_key_that_arrives() {
    let redaction = Redaction::nothing()
        .remove("gone")
        .mask("hidden")
        .only(["fine", "hidden"]);
    let redactor = redaction.redactor();
    for (first, last, expected) in [
        ("fine", "gone", None),
        ("fine", "hidden", Some("[redacted]")),
        ("fine", "unknown", None),
        ("gone", "fine", Some("said")),
    ] {
        let mut key_value = Writer::with_capacity(64);
        key_value.bytes(f::key_value::KEY, first.as_bytes());
        key_value.bytes(f::key_value::KEY, last.as_bytes());
        key_value.bytes(f::key_value::VALUE, &text("said").encode_to_vec());
        let mut span = Writer::with_capacity(64);
        span.bytes(f::span::ATTRIBUTES, key_value.written());
        let bytes = span.to_vec();
        let rewritten = Rewriter::new(&redactor, Signal::Traces).item(&bytes);
        let left = Span::decode(&*rewritten.unwrap_or(bytes)).expect("wire form");
        let left = left.attributes.first().map(|it| it.value.clone());
        assert_eq!(left, expected.map(|it| Some(text(it))), "{first} {last}");
    }
}

/// A trace state that names somebody goes as a whole, for a part of one is none; ids stay.
#[test]
fn a_trace_state_goes_as_a_whole() {
    let link = Link {
        trace_id: b"ada@example.com!".to_vec(),
        trace_state: format!("a={SECRET}"),
        ..Link::default()
    };
    let span = Span {
        trace_state: format!("a={SECRET}"),
        links: vec![link],
        ..Span::default()
    };
    let redactor = Redaction::standard().redactor();
    let bytes = Rewriter::new(&redactor, Signal::Traces).item(&span.encode_to_vec());
    let span = Span::decode(&*bytes.expect("changed")).expect("wire form");
    assert_eq!((&*span.trace_state, &*span.links[0].trace_state), ("", ""));
    assert_eq!(span.links[0].trace_id, b"ada@example.com!");
}

/// Metrics are looked through as well: attributes of points and of exemplars.
#[test]
fn metrics_are_looked_through() {
    let point = NumberDataPoint {
        attributes: vec![attribute("who", text(SECRET))],
        exemplars: vec![Exemplar {
            filtered_attributes: vec![attribute("who", text(SECRET))],
            ..Exemplar::default()
        }],
        ..NumberDataPoint::default()
    };
    let metric = Metric {
        name: "m".to_owned(),
        description: SECRET.to_owned(),
        data: Some(metric::Data::Gauge(Gauge {
            data_points: vec![point],
        })),
        ..Metric::default()
    };
    let scope = ScopeMetrics {
        metrics: vec![metric],
        ..ScopeMetrics::default()
    };
    let request = ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            scope_metrics: vec![scope],
            ..ResourceMetrics::default()
        }],
    };
    let redactor = Redaction::standard().redactor();
    let bytes = Rewriter::new(&redactor, Signal::Metrics).request(&request.encode_to_vec());
    let request = ExportMetricsServiceRequest::decode(&*bytes.expect("changed")).expect("wire");
    let shown = format!("{request:?}");
    assert!(!shown.contains("example.com"));
    assert_eq!(shown.matches("[email]").count(), 3);
}

/// Fields that nobody knows stay, unless something is found in them; what is no message goes.
#[test]
fn what_is_not_understood_hides_nothing() {
    let redactor = Redaction::standard().redactor();
    let mut rewriter = Rewriter::new(&redactor, Signal::Traces);
    let field = |number: u32, text: &str| {
        let mut out = Writer::with_capacity(64);
        out.bytes(number, text.as_bytes());
        out.to_vec()
    };
    let name = field(f::span::NAME, "fine");
    let unknown = [name.clone(), field(99, "fine")].concat();
    assert_eq!(rewriter.item(&unknown), None);
    let unknown = [name.clone(), field(99, SECRET)].concat();
    assert_eq!(rewriter.item(&unknown), Some(name.clone()));
    let broken = [&name[..], &[0x0b], SECRET.as_bytes()].concat();
    assert_eq!(rewriter.item(&broken), Some(name));
}

proptest::proptest! {
    /// Whatever the bytes are, nothing panics.
    #[test]
    fn random_bytes_lead_nowhere(bytes: Vec<u8>) {
        let redactor = Redaction::standard().redactor();
        for signal in Signal::ALL {
            let mut rewriter = Rewriter::new(&redactor, signal);
            let _ = (rewriter.item(&bytes), rewriter.request(&bytes));
        }
    }
}
