//! Messages that are events, as instrumentations of the conventions before 1.37 send them: where content is
//! removed, their words leave on no way.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Known;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use spanreel::testing::InMemory;
use spanreel::{Content, Exporter, Pipeline, Redaction, Resource, Signal, Value};

use crate::rig::PATIENCE;

const WORDS: &str = "when is the tide";

fn entries(entries: &[(&str, &str)]) -> Vec<KeyValue> {
    let entries = entries.iter().map(|(key, value)| KeyValue {
        key: (*key).to_owned(),
        value: Some(AnyValue {
            value: Some(Known::StringValue((*value).to_owned())),
        }),
        ..KeyValue::default()
    });
    entries.collect()
}

/// A span with a message as an event, and a record whose body is one.
fn foreign() -> [(Signal, Bytes); 2] {
    let span = Span {
        trace_id: vec![7; 16],
        span_id: vec![7; 8],
        name: "chat gpt-4o".to_owned(),
        start_time_unix_nano: 1_700_000_000_000_000_000,
        end_time_unix_nano: 1_700_000_001_000_000_000,
        events: vec![Event {
            name: "gen_ai.choice".to_owned(),
            attributes: entries(&[("message", WORDS), ("finish_reason", "stop")]),
            ..Event::default()
        }],
        ..Span::default()
    };
    let record = LogRecord {
        time_unix_nano: 1_700_000_000_000_000_000,
        trace_id: vec![7; 16],
        span_id: vec![7; 8],
        attributes: entries(&[("event.name", "gen_ai.user.message")]),
        body: Some(AnyValue {
            value: Some(Known::KvlistValue(KeyValueList {
                values: entries(&[("role", "user"), ("content", WORDS)]),
            })),
        }),
        ..LogRecord::default()
    };
    let traces = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![ScopeSpans {
                spans: vec![span],
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    };
    let logs = ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            scope_logs: vec![ScopeLogs {
                log_records: vec![record],
                ..ScopeLogs::default()
            }],
            ..ResourceLogs::default()
        }],
    };
    [
        (Signal::Traces, traces.encode_to_vec().into()),
        (Signal::Logs, logs.encode_to_vec().into()),
    ]
}

/// The same from a program that writes such events itself.
fn own(pipeline: &Pipeline) {
    let session = pipeline.session("conv-1").expect("open");
    let mut span = session.child("chat gpt-4o-mini").start();
    span.event(
        "gen_ai.choice",
        &[("message", WORDS.into()), ("finish_reason", "stop".into())],
    );
    let body = [("role", Value::Str("user")), ("content", Value::Str(WORDS))];
    span.log(Value::Map(&body))
        .event_name("gen_ai.user.message")
        .emit();
    span.log("the tide is out").event_name("tide").emit();
    span.end();
    session.end();
}

/// Sends both; two of each signal come from them.
async fn send(pipeline: &Pipeline) {
    own(pipeline);
    let intake = pipeline.intake();
    for (signal, request) in foreign() {
        drop(intake.accept(signal, request).await.expect("taken"));
    }
    let report = pipeline.shutdown(PATIENCE).await;
    assert!(report.is_lossless(), "{report}");
}

fn everything(memory: &InMemory) -> String {
    format!("{:?}{:?}", memory.spans(), memory.logs())
}

/// Whether everything came but the words.
fn assert_without_words(memory: &InMemory) {
    let all = everything(memory);
    assert!(!all.contains(WORDS), "{all}");
    for name in ["chat gpt-4o", "chat gpt-4o-mini"] {
        let events = memory.span(name).events;
        assert_eq!(events.len(), 1, "{events:?}");
        let event = format!("{events:?}");
        assert!(
            event.contains("finish_reason") && event.contains("gen_ai.choice"),
            "{event}"
        );
    }
    assert_eq!(memory.logs().len(), 3, "each record came");
    assert!(all.contains("the tide is out") && all.contains("gen_ai.user.message"));
}

/// A pipeline that removes content removes these, of its own sessions and of what it receives, and counts
/// them.
#[tokio::test]
async fn messages_that_are_events_are_removed() {
    let memory = InMemory::new();
    let pipeline = Pipeline::builder()
        .resource(Resource::empty())
        .redact(Redaction::nothing().remove_content())
        .export(memory.clone())
        .start()
        .expect("a right configuration");
    send(&pipeline).await;
    assert_without_words(&memory);
    let stats = pipeline.stats().redaction;
    let content = stats.rules.iter().find(|it| it.name == "content");
    assert_eq!(content.map(|it| it.changed), Some(4), "{stats:?}");
}

/// A destination that gets no content gets none of these, and another one does.
#[tokio::test]
async fn a_destination_without_content_gets_no_such_messages() {
    let (all, none) = (InMemory::new(), InMemory::new());
    let pipeline = Pipeline::builder()
        .resource(Resource::empty())
        .export(all.clone())
        .export(Exporter::new(none.clone()).content(Content::Off))
        .start()
        .expect("a right configuration");
    send(&pipeline).await;
    assert_without_words(&none);
    assert_eq!(everything(&all).matches(WORDS).count(), 4);
}
