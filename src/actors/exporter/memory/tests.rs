//! What a test that uses the in-memory exporter relies on.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

use super::*;
use crate::model::id::SpanId;
use crate::model::kind::{SpanKind, StatusCode};
use crate::model::owned_value::OwnedValue;

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        key_strindex: 0,
    }
}

fn text(text: &str) -> Value {
    Value::StringValue(text.to_owned())
}

fn request(spans: Vec<Span>) -> Request {
    let items = spans.len() as u64;
    let resource = Resource {
        attributes: vec![attribute("service.name", text("planner"))],
        ..Resource::default()
    };
    let scope = InstrumentationScope {
        name: "spanreel".to_owned(),
        version: "1.2".to_owned(),
        ..InstrumentationScope::default()
    };
    let scope_spans = vec![ScopeSpans {
        scope: Some(scope),
        spans,
        schema_url: String::new(),
    }];
    let group = ResourceSpans {
        resource: Some(resource),
        scope_spans,
        schema_url: String::new(),
    };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![group],
    };
    Request::new(
        Signal::Traces,
        items,
        Bytes::from(request.encode_to_vec()).into(),
    )
}

fn span(id: u8, parent: u8, name: &str) -> Span {
    Span {
        trace_id: vec![7; 16],
        span_id: vec![id; 8],
        parent_span_id: if parent == 0 { vec![] } else { vec![parent; 8] },
        name: name.to_owned(),
        start_time_unix_nano: u64::from(id),
        end_time_unix_nano: 100,
        ..Span::default()
    }
}

/// All that a span carries can be asked of what was recorded.
#[tokio::test]
async fn a_recorded_span_tells_everything() {
    let memory = InMemory::new();
    let mut chat = span(2, 1, "chat");
    chat.kind = 3;
    chat.trace_state = "a=b".to_owned();
    chat.flags = 0x101;
    chat.attributes = vec![
        attribute("gen_ai.request.model", text("claude")),
        attribute("gen_ai.usage.input_tokens", Value::IntValue(5)),
        attribute("gen_ai.request.temperature", Value::DoubleValue(0.5)),
        attribute("gen_ai.request.stream", Value::BoolValue(true)),
    ];
    chat.events = vec![Event {
        name: "retry".to_owned(),
        time_unix_nano: 50,
        ..Event::default()
    }];
    chat.links = vec![Link {
        trace_id: vec![9; 16],
        span_id: vec![8; 8],
        ..Link::default()
    }];
    chat.status = Some(Status {
        message: "refused".to_owned(),
        code: 2,
    });
    memory
        .clone()
        .export(request(vec![chat, span(1, 0, "root")]))
        .await
        .expect("room");

    let spans = memory.spans();
    assert_eq!(spans.len(), 2);
    assert_eq!(spans[1].parent_span_id, None);
    let chat = memory.span("chat");
    assert_eq!(chat, spans[0]);
    assert_eq!(chat.trace_id, TraceId::from_bytes([7; 16]).unwrap());
    assert_eq!(chat.span_id, SpanId::from_bytes([2; 8]).unwrap());
    assert_eq!(chat.parent_span_id, SpanId::from_bytes([1; 8]));
    assert_eq!((chat.kind, chat.flags), (SpanKind::Client, 0x101));
    assert_eq!(chat.trace_state, "a=b");
    assert_eq!(chat.duration_nanos(), 98);
    assert_eq!(chat.str("gen_ai.request.model"), Some("claude"));
    assert_eq!(chat.int("gen_ai.usage.input_tokens"), Some(5));
    assert_eq!(chat.double("gen_ai.request.temperature"), Some(0.5));
    assert_eq!(chat.bool("gen_ai.request.stream"), Some(true));
    assert_eq!(chat.str("gen_ai.usage.input_tokens"), None);
    assert_eq!(chat.events[0].name, "retry");
    assert_eq!(chat.links[0].span_id, SpanId::from_bytes([8; 8]));
    assert_eq!(chat.status, StatusCode::Error);
    assert_eq!(chat.status_message, "refused");
    assert_eq!(chat.resource.str("service.name"), Some("planner"));
    assert_eq!(
        (&*chat.scope.name, &*chat.scope.version),
        ("spanreel", "1.2")
    );
    assert_eq!(memory.trace(chat.trace_id).len(), 2);
    assert!(
        memory
            .trace(TraceId::from_bytes([1; 16]).unwrap())
            .is_empty()
    );
    memory.clear();
    assert!(memory.spans().is_empty());
}

/// Log records are kept beside the spans, with where they belong.
#[tokio::test]
async fn a_recorded_log_tells_everything() {
    let memory = InMemory::new();
    let record = LogRecord {
        time_unix_nano: 1,
        observed_time_unix_nano: 2,
        severity_number: 9,
        severity_text: "Info".to_owned(),
        event_name: "session.start".to_owned(),
        body: Some(AnyValue {
            value: Some(text("hello")),
        }),
        attributes: vec![attribute("session.id", text("s"))],
        trace_id: vec![7; 16],
        span_id: vec![2; 8],
        ..LogRecord::default()
    };
    let scope_logs = vec![ScopeLogs {
        log_records: vec![record, LogRecord::default()],
        ..ScopeLogs::default()
    }];
    let group = ResourceLogs {
        scope_logs,
        ..ResourceLogs::default()
    };
    let bytes = ExportLogsServiceRequest {
        resource_logs: vec![group],
    }
    .encode_to_vec();
    let request = Request::new(Signal::Logs, 2, Bytes::from(bytes).into());
    memory.export(request).await.expect("room");
    let logs = memory.logs();
    assert_eq!(logs.len(), 2);
    assert_eq!(logs[0].event_name, "session.start");
    assert_eq!(logs[0].body, OwnedValue::Str("hello".to_owned()));
    assert_eq!(logs[0].str("session.id"), Some("s"));
    assert_eq!(logs[0].trace_id, TraceId::from_bytes([7; 16]));
    assert_eq!(
        (logs[0].severity_number, &*logs[0].severity_text),
        (9, "Info")
    );
    assert_eq!(logs[1].body, OwnedValue::Empty);
    assert_eq!(logs[1].trace_id, None);
    assert!(memory.spans().is_empty());
}

/// What does not fit is refused for good, in words that say what to do; what was kept stays.
#[tokio::test]
async fn memory_is_bounded() {
    let one = request(vec![span(1, 0, "root")]);
    let memory = InMemory::with_limit(one.encoded_len() * 2);
    memory.export(one.clone()).await.expect("room for one");
    memory.export(one.clone()).await.expect("room for two");
    let error = memory.export(one.clone()).await.expect_err("full");
    let ExportError::Permanent { source } = &error else {
        panic!("not permanent: {error:?}");
    };
    let limit = one.encoded_len() * 2;
    assert!(
        source
            .to_string()
            .contains(&format!("may hold {limit} bytes"))
    );
    assert!(source.to_string().contains("clear() it or raise the limit"));
    assert_eq!(memory.spans().len(), 2);
    memory.clear();
    memory.export(one).await.expect("room again");
}

/// Bytes that are no request are refused for good; spans without valid ids are refused alone.
#[tokio::test]
async fn what_is_invalid_is_refused() {
    let memory = InMemory::new();
    let garbage = Bytes::from_static(b"\x0a\x05");
    let error = memory
        .export(Request::new(Signal::Traces, 1, garbage.into()))
        .await
        .expect_err("cut off");
    assert!(matches!(error, ExportError::Permanent { .. }));
    let mut nameless = span(2, 1, "nobody");
    nameless.span_id = vec![0; 8];
    let error = memory
        .export(request(vec![span(1, 0, "root"), nameless]))
        .await
        .expect_err("one is invalid");
    assert!(matches!(error, ExportError::Partial { rejected: 1, .. }));
    memory.assert_tree("root");
}

/// A tree that is as expected passes, whatever the indentation of the expectation.
#[tokio::test]
async fn an_expected_tree_passes() {
    let memory = InMemory::new();
    let mut tool = span(3, 1, "tool");
    tool.attributes = vec![attribute("gen_ai.tool.name", text("search"))];
    memory
        .export(request(vec![tool, span(2, 1, "chat"), span(1, 0, "root")]))
        .await
        .expect("room");
    assert_eq!(memory.tree(), "root\n  chat\n  tool\n");
    memory.assert_tree_with(
        &["gen_ai.tool.name"],
        "
            root
              chat
              tool gen_ai.tool.name=search
        ",
    );
}

/// A tree that is not as expected panics and shows which lines differ.
#[tokio::test]
#[should_panic(expected = "(- expected, + found):\n  root\n-   tool\n+   chat\n")]
async fn an_unexpected_tree_panics_with_the_difference() {
    let memory = InMemory::new();
    memory
        .export(request(vec![span(2, 1, "chat"), span(1, 0, "root")]))
        .await
        .expect("room");
    memory.assert_tree("root\n  tool");
}
