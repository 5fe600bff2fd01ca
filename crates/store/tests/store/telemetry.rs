//! Sessions of agents as requests, for tests and benches.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;
use spanreel::{Request, Signal};

/// A number from a number, as a generator does it.
pub(crate) fn mix(value: u64) -> u64 {
    let mut value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// Text.
pub(crate) fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

/// An integer.
pub(crate) fn int(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

/// A number.
pub(crate) fn double(key: &str, value: f64) -> KeyValue {
    attribute(key, Value::DoubleValue(value))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

/// A span: its trace, itself, its parent (0 for none), its name, and when, in microseconds.
pub(crate) fn span(
    trace: u128,
    id: u64,
    parent: u64,
    name: &str,
    start_us: u64,
    end_us: u64,
) -> Span {
    Span {
        trace_id: trace.to_be_bytes().to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        parent_span_id: match parent {
            0 => Vec::new(),
            parent => parent.to_be_bytes().to_vec(),
        },
        name: name.to_owned(),
        kind: 1,
        start_time_unix_nano: start_us * 1_000,
        end_time_unix_nano: end_us * 1_000,
        ..Span::default()
    }
}

/// The same with attributes.
pub(crate) fn with(mut span: Span, attributes: Vec<KeyValue>) -> Span {
    span.attributes.extend(attributes);
    span
}

/// The same, failed.
pub(crate) fn failed(mut span: Span, kind: &str, message: &str) -> Span {
    span.attributes.push(text("error.type", kind));
    span.status = Some(Status {
        message: message.to_owned(),
        code: 2,
    });
    span
}

fn scope() -> Option<InstrumentationScope> {
    Some(InstrumentationScope {
        name: "agents".to_owned(),
        version: "1.2".to_owned(),
        ..InstrumentationScope::default()
    })
}

fn resource(service: &str) -> Option<Resource> {
    Some(Resource {
        attributes: vec![
            text("service.name", service),
            text("deployment.environment.name", "test"),
        ],
        ..Resource::default()
    })
}

/// A request of spans of one service.
pub(crate) fn spans(service: &str, spans: Vec<Span>) -> Request {
    let items = spans.len() as u64;
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: resource(service),
            scope_spans: vec![ScopeSpans {
                scope: scope(),
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    };
    Request::from_bytes(Signal::Traces, items, request.encode_to_vec().into())
}

/// A request of one log record.
pub(crate) fn log(trace: u128, session: Option<&str>, us: u64, body: &str) -> Request {
    let record = LogRecord {
        time_unix_nano: us * 1_000,
        severity_number: 9,
        trace_id: match trace {
            0 => Vec::new(),
            trace => trace.to_be_bytes().to_vec(),
        },
        body: Some(AnyValue {
            value: Some(Value::StringValue(body.to_owned())),
        }),
        attributes: session
            .map(|id| text("session.id", id))
            .into_iter()
            .collect(),
        ..LogRecord::default()
    };
    let request = ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: resource("planner-host"),
            scope_logs: vec![ScopeLogs {
                scope: scope(),
                log_records: vec![record],
                ..ScopeLogs::default()
            }],
            ..ResourceLogs::default()
        }],
    };
    Request::from_bytes(Signal::Logs, 1, request.encode_to_vec().into())
}

/// A realistic span of session `number`: an LLM call, a tool call, or its root, which is the last.
pub(crate) fn usual_span(number: u64, index: u64, count: u64, start_us: u64) -> Span {
    let trace = u128::from(mix(number)) << 64 | u128::from(mix(number ^ 7));
    let session = format!("conv-{number:08x}");
    let root = mix(number * 1_000_003 + 1);
    let agents = ["planner", "researcher", "coder", "reviewer"];
    let agent = agents[(number % 4) as usize];
    let models = ["claude-sonnet-4-5", "gpt-5-mini", "gemini-2.5-flash"];
    let at = start_us + index * 20_000;
    let id = mix(number * 1_000_003 + 1 + index);
    if index + 1 == count {
        let span = span(trace, root, 0, "session", start_us, at + 10_000);
        return with(
            span,
            vec![
                text("session.id", &session),
                text("gen_ai.operation.name", "invoke_agent"),
                text("gen_ai.agent.name", agent),
                text("user.id", &format!("u-{}", number % 5_000)),
                text(
                    "spanreel.session.end_state",
                    if number.is_multiple_of(20) {
                        "error"
                    } else {
                        "success"
                    },
                ),
                text(
                    "tenant",
                    if number.is_multiple_of(3) {
                        "blue"
                    } else {
                        "green"
                    },
                ),
            ],
        );
    }
    let took = 1_000 + mix(id) % 2_000_000;
    if index.is_multiple_of(3) {
        let tools = ["search", "read_file", "run_tests", "send_mail"];
        let tool = tools[(mix(id) % 4) as usize];
        let span = span(
            trace,
            id ^ 1,
            root,
            &format!("execute_tool {tool}"),
            at,
            at + took,
        );
        let span = with(
            span,
            vec![
                text("session.id", &session),
                text("gen_ai.operation.name", "execute_tool"),
                text("gen_ai.tool.name", tool),
                text("gen_ai.tool.call.id", &format!("call_{:016x}", mix(id))),
                text("gen_ai.tool.type", "function"),
            ],
        );
        return match mix(id) % 50 {
            0 => failed(span, "timeout", "the tool took too long"),
            _ => span,
        };
    }
    let model = models[(mix(id) % 3) as usize];
    let input = (200 + mix(id) % 8_000) as i64;
    with(
        span(trace, id ^ 1, root, &format!("chat {model}"), at, at + took),
        vec![
            text("session.id", &session),
            text("gen_ai.conversation.id", &session),
            text("gen_ai.operation.name", "chat"),
            text("gen_ai.provider.name", "anthropic"),
            text("gen_ai.request.model", model),
            text("gen_ai.response.model", model),
            text("gen_ai.response.id", &format!("msg_{:016x}", mix(id ^ 3))),
            int("gen_ai.usage.input_tokens", input),
            int("gen_ai.usage.output_tokens", input / 9),
            int("gen_ai.usage.cache_read.input_tokens", input / 2),
            double("gen_ai.usage.cost", input as f64 * 3e-6),
            double(
                "gen_ai.response.time_to_first_chunk",
                0.2 + (mix(id) % 100) as f64 / 100.0,
            ),
        ],
    )
}
