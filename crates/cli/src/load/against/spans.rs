//! The spans of a run: what the agents of a load test do, dealt out to as many sessions as are live.
//!
//! Field numbers are those of OTLP 1.11 (`trace/v1/trace.proto`, `common/v1/common.proto`).

use spanreel::Value;

use super::encode::Message;
use crate::load::step::{Chat, Step, Tool};
use crate::load::workload::Steps;

/// When the first span began: any time will do, and the same one makes the same requests.
const BEGUN_NS: u64 = 1_760_000_000_000_000_000;

/// Spans without end.
pub(super) struct Spans<'a> {
    steps: Steps<'a>,
    deal: Deal,
}

/// Whose turn it is: so many sessions at once, so many spans of each, then the next ones.
#[derive(Clone, Debug)]
pub(super) struct Deal {
    pub(super) sessions: u64,
    pub(super) at_once: u64,
    pub(super) spans_each: u64,
    /// How many spans were dealt.
    pub(super) dealt: u64,
}

impl Deal {
    /// The session of the next span.
    fn next(&mut self) -> u64 {
        let at_once = self.at_once.min(self.sessions);
        let number = self.dealt;
        self.dealt += 1;
        let table = number / (at_once * self.spans_each);
        (table * at_once + number % at_once) % self.sessions
    }
}

impl<'a> Spans<'a> {
    /// Deals the steps of one endless session out to others: what a span costs does not depend on how
    /// many there are.
    pub(super) fn new(steps: Steps<'a>, deal: Deal) -> Self {
        Self { steps, deal }
    }

    /// An `ExportTraceServiceRequest` of the next so many spans.
    pub(super) fn request(&mut self, spans: u64) -> Vec<u8> {
        let mut request = Message::default();
        request.message(1, |resource_spans| {
            resource_spans.message(1, |resource| {
                text(resource, 1, "service.name", "planner");
                text(resource, 1, "telemetry.sdk.language", "rust");
                text(resource, 1, "telemetry.sdk.name", "spanreel-load");
            });
            resource_spans.message(2, |scope_spans| {
                scope_spans.message(1, |scope| scope.bytes(1, b"spanreel-load"));
                for _ in 0..spans {
                    self.span(scope_spans);
                }
            });
        });
        request.finish()
    }

    fn span(&mut self, scope_spans: &mut Message) {
        let number = self.deal.dealt;
        let session = self.deal.next();
        let is_span = |step: &Step<'_>| step.is_span();
        let step = self.steps.by_ref().find(is_span);
        let step = step.expect("the session of the workload has no end");
        scope_spans.message(2, |span| {
            span.bytes(1, &mixed(session).to_be_bytes());
            // Never zero, which would be no id.
            span.bytes(2, &(number + 1).to_be_bytes());
            span.bytes(4, &(session | 1 << 63).to_be_bytes());
            let begun = BEGUN_NS + number * 1_000_000;
            span.fixed64(7, begun);
            span.fixed64(8, begun + 250_000_000);
            let id = session_id(session);
            text(span, 9, "session.id", &id);
            text(span, 9, "gen_ai.conversation.id", &id);
            match &step {
                Step::StartAgent { name } => agent(span, name),
                Step::Chat(call) => chat(span, call),
                Step::Tool(call) => tool(span, call, begun),
                Step::EndAgent | Step::Log { .. } => unreachable!("they are no spans"),
            }
        });
    }
}

fn agent(span: &mut Message, name: &str) {
    head(span, &format!("invoke_agent {name}"), INTERNAL);
    text(span, 9, "gen_ai.operation.name", "invoke_agent");
    text(span, 9, "gen_ai.agent.name", name);
}

fn chat(span: &mut Message, call: &Chat<'_>) {
    head(span, &format!("chat {}", call.request_model), CLIENT);
    text(span, 9, "gen_ai.operation.name", "chat");
    text(span, 9, "gen_ai.provider.name", call.provider);
    text(span, 9, "gen_ai.request.model", call.request_model);
    for (key, value) in call.attributes() {
        attribute(span, 9, key, &value);
    }
    attribute(
        span,
        9,
        "gen_ai.usage.input_tokens",
        &call.input_tokens.into(),
    );
    attribute(
        span,
        9,
        "gen_ai.usage.output_tokens",
        &call.output_tokens.into(),
    );
    if !call.payload.is_empty() {
        text(span, 9, "gen_ai.output.messages", call.payload);
    }
    failure(span, call.error);
}

fn tool(span: &mut Message, call: &Tool<'_>, begun: u64) {
    head(span, &format!("execute_tool {}", call.name), INTERNAL);
    text(span, 9, "gen_ai.operation.name", "execute_tool");
    text(span, 9, "gen_ai.tool.name", call.name);
    text(span, 9, "gen_ai.tool.call.id", call.call_id.as_str());
    for (key, value) in call.attributes() {
        attribute(span, 9, key, &value);
    }
    if !call.payload.is_empty() {
        text(span, 9, "gen_ai.tool.call.result", call.payload);
    }
    span.message(11, |event| {
        event.fixed64(1, begun + 200_000_000);
        event.bytes(2, Tool::EVENT.as_bytes());
        for (key, value) in call.event_attributes() {
            attribute(event, 3, key, &value);
        }
    });
    failure(span, call.error);
}

const INTERNAL: u64 = 1;
const CLIENT: u64 = 3;

fn head(span: &mut Message, name: &str, kind: u64) {
    span.bytes(5, name.as_bytes());
    span.varint(6, kind);
}

fn failure(span: &mut Message, error: Option<&str>) {
    const STATUS_CODE_ERROR: u64 = 2;
    if let Some(error) = error {
        text(span, 9, "error.type", error);
        span.message(15, |status| status.varint(3, STATUS_CODE_ERROR));
    }
}

fn text(message: &mut Message, field: u32, key: &str, value: &str) {
    attribute(message, field, key, &value.into());
}

fn attribute(message: &mut Message, field: u32, key: &str, value: &Value<'_>) {
    message.message(field, |attribute| {
        attribute.bytes(1, key.as_bytes());
        attribute.message(2, |any| match value {
            Value::Str(text) => any.bytes(1, text.as_bytes()),
            Value::Int(number) => any.varint(3, *number as u64),
            Value::Double(number) => any.fixed64(4, number.to_bits()),
            other => unreachable!("the workload has no {other:?}"),
        });
    });
}

/// The id of a session, in the form of a UUID.
fn session_id(session: u64) -> String {
    let hex = format!("{:032x}", mixed(session));
    let (a, b, c, d, e) = (
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    );
    format!("{a}-{b}-{c}-{d}-{e}")
}

/// 16 bytes that look random, never all zero, another for each number.
fn mixed(number: u64) -> u128 {
    let mut random = fastrand::Rng::with_seed(number);
    u128::from(random.u64(..)) << 64 | u128::from(number + 1)
}
