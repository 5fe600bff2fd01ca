//! Random spans against a model in plain Rust.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{Span as Exported, Status};
use proptest::collection::vec;
use proptest::prelude::*;
use spanreel::{
    BatchConfig, Limits, Operation, OwnedValue, Session, Span, SpanBuilder, SpanContext, SpanId,
    SpanKind, TraceFlags, TraceId, Usage,
};

use super::cut::{Attributes, Cut, pair, text};
use super::random::{self, Pairs, at, with_pairs};
use super::{start, stop, tight};

/// One span: how it begins, what is done with it, how it ends.
#[derive(Clone, Debug)]
struct Script {
    starter: usize,
    name: String,
    provider: String,
    before: Vec<Early>,
    start: u64,
    then: Vec<Call>,
    end: Option<u64>,
}

/// What may be said before it starts.
#[derive(Clone, Debug)]
enum Early {
    Kind(usize),
    Attribute(String, OwnedValue),
    CallId(String),
    Link(Context),
    Operation(usize),
}

/// What may be done with it.
#[derive(Clone, Debug)]
enum Call {
    Set(String, OwnedValue),
    Usage([Option<u64>; 5]),
    Tokens(u64, u64),
    Cost(f64),
    Fail(String),
    Error(String, String),
    Exception(String, String, String),
    Ok,
    Event(String, Pairs),
    EventAt(String, u64, Pairs),
    Link(Context, Pairs),
}

#[derive(Clone, Copy, Debug)]
struct Context {
    trace: [u8; 16],
    span: [u8; 8],
    flags: u8,
    remote: bool,
}

impl Context {
    fn real(self) -> SpanContext {
        let trace = TraceId::from_bytes(self.trace).expect("not zero");
        let span = SpanId::from_bytes(self.span).expect("not zero");
        let context = SpanContext::new(trace, span, TraceFlags::from_bits(self.flags));
        if self.remote {
            SpanContext::from_traceparent(&context.traceparent()).expect("a traceparent")
        } else {
            context
        }
    }

    fn link(self, (attributes, dropped): (Vec<KeyValue>, u32)) -> Link {
        Link {
            trace_id: self.trace.to_vec(),
            span_id: self.span.to_vec(),
            attributes,
            dropped_attributes_count: dropped,
            flags: u32::from(self.flags) | 0x100 | u32::from(self.remote) << 9,
            ..Link::default()
        }
    }
}

const KINDS: [SpanKind; 5] = [
    SpanKind::Internal,
    SpanKind::Server,
    SpanKind::Client,
    SpanKind::Producer,
    SpanKind::Consumer,
];

const OPERATIONS: [(Operation, Option<&str>); 10] = [
    (Operation::Other, None),
    (Operation::Action, None),
    (Operation::Chat, Some("chat")),
    (Operation::TextCompletion, Some("text_completion")),
    (Operation::GenerateContent, Some("generate_content")),
    (Operation::Embeddings, Some("embeddings")),
    (Operation::Retrieval, Some("retrieval")),
    (Operation::InvokeAgent, Some("invoke_agent")),
    (Operation::InvokeWorkflow, Some("invoke_workflow")),
    (Operation::ExecuteTool, Some("execute_tool")),
];

/// The attribute that names the object of a span of each operation, and the key beside it.
const OBJECTS: [&str; 10] = [
    "",
    "spanreel.action.name",
    "gen_ai.request.model",
    "gen_ai.request.model",
    "gen_ai.request.model",
    "gen_ai.request.model",
    "gen_ai.data_source.id",
    "gen_ai.agent.name",
    "gen_ai.workflow.name",
    "gen_ai.tool.name",
];

fn script() -> impl Strategy<Value = Script> {
    let head = (
        0..10_usize,
        random::text(),
        random::text(),
        vec(early(), 0..4),
    );
    let rest = (
        random::time(),
        vec(call(), 0..12),
        proptest::option::of(random::time()),
    );
    (head, rest).prop_map(
        |((starter, name, provider, before), (start, then, end))| Script {
            starter,
            name,
            provider,
            before,
            start,
            then,
            end,
        },
    )
}

fn early() -> impl Strategy<Value = Early> {
    prop_oneof![
        (0..5_usize).prop_map(Early::Kind),
        (random::key(), random::value()).prop_map(|(key, value)| Early::Attribute(key, value)),
        random::text().prop_map(Early::CallId),
        context().prop_map(Early::Link),
        (0..10_usize).prop_map(Early::Operation),
    ]
}

fn call() -> impl Strategy<Value = Call> {
    let set = (random::key(), random::value()).prop_map(|(key, value)| Call::Set(key, value));
    let texts = || (random::text(), random::text(), random::text());
    prop_oneof![
        6 => set,
        1 => any::<[Option<u64>; 5]>().prop_map(Call::Usage),
        1 => any::<(u64, u64)>().prop_map(|(input, output)| Call::Tokens(input, output)),
        1 => any::<u64>().prop_map(|bits| Call::Cost(f64::from_bits(bits))),
        1 => random::text().prop_map(Call::Fail),
        1 => texts().prop_map(|(kind, message, _)| Call::Error(kind, message)),
        1 => texts().prop_map(|(kind, message, trace)| Call::Exception(kind, message, trace)),
        1 => Just(Call::Ok),
        1 => (random::text(), random::pairs()).prop_map(|(name, pairs)| Call::Event(name, pairs)),
        2 => (random::text(), random::time(), random::pairs())
            .prop_map(|(name, time, pairs)| Call::EventAt(name, time, pairs)),
        2 => (context(), random::pairs()).prop_map(|(to, pairs)| Call::Link(to, pairs)),
    ]
}

fn context() -> impl Strategy<Value = Context> {
    (any::<[u8; 16]>(), any::<[u8; 8]>(), 0..4_u8, any::<bool>()).prop_map(
        |(mut trace, mut span, flags, remote)| {
            trace[0] |= 1;
            span[7] |= 1;
            Context {
                trace,
                span,
                flags,
                remote,
            }
        },
    )
}

impl Script {
    /// Does it, as a host would.
    fn perform(&self, session: &Session, id: SpanId) {
        let mut builder = self.builder(session).id(id).started_at(at(self.start));
        for early in &self.before {
            builder = match early {
                Early::Kind(kind) => builder.kind(KINDS[*kind]),
                Early::Attribute(key, value) => {
                    value.with_value(|value| builder.attribute(key, value))
                }
                Early::CallId(id) => builder.call_id(id),
                Early::Link(to) => builder.link(&to.real()),
                Early::Operation(operation) => builder.operation(OPERATIONS[*operation].0),
            };
        }
        let mut span = builder.start();
        for call in &self.then {
            perform(&mut span, call);
        }
        match self.end {
            Some(end) => span.end_at(at(end)),
            None => span.end(),
        }
    }

    fn builder<'a>(&self, session: &'a Session) -> SpanBuilder<'a> {
        let Self { name, provider, .. } = self;
        match OPERATIONS[self.starter].0 {
            Operation::Action => session.action(name),
            Operation::Chat => session.chat(provider, name),
            Operation::TextCompletion => session.text_completion(provider, name),
            Operation::GenerateContent => session.generate_content(provider, name),
            Operation::Embeddings => session.embeddings(provider, name),
            Operation::Retrieval => session.retrieval(name),
            Operation::InvokeAgent => session.agent(name),
            Operation::InvokeWorkflow => session.workflow(name),
            Operation::ExecuteTool => session.tool(name),
            _ => session.child(name),
        }
    }

    /// What must come of it. What the clock decides is taken from `exported`.
    fn expected(&self, limits: &Limits, exported: &Exported) -> Exported {
        Model::new(self, limits).finish(self, exported)
    }
}

fn perform(span: &mut Span, call: &Call) {
    match call {
        Call::Set(key, value) => value.with_value(|value| {
            span.set(key, value);
        }),
        Call::Usage([input, output, cache_read, cache_creation, reasoning]) => {
            span.usage(Usage {
                input: *input,
                output: *output,
                cache_read: *cache_read,
                cache_creation: *cache_creation,
                reasoning: *reasoning,
            });
        }
        Call::Tokens(input, output) => {
            span.tokens(*input, *output);
        }
        Call::Cost(usd) => {
            span.cost(*usd);
        }
        Call::Fail(message) => {
            span.fail(message);
        }
        Call::Error(kind, message) => {
            span.error(kind, message);
        }
        Call::Exception(kind, message, trace) => {
            span.exception(kind, message, trace);
        }
        Call::Ok => {
            span.ok();
        }
        Call::Event(name, pairs) => with_pairs(pairs, |pairs| {
            span.event(name, pairs);
        }),
        Call::EventAt(name, time, pairs) => with_pairs(pairs, |pairs| {
            span.event_at(name, at(*time), pairs);
        }),
        Call::Link(to, pairs) => with_pairs(pairs, |pairs| {
            span.link(&to.real(), pairs);
        }),
    }
}

/// What a span is, in plain Rust.
struct Model<'a> {
    limits: &'a Limits,
    attributes: Attributes,
    operation: usize,
    kind: SpanKind,
    events: Vec<(Option<u64>, Event)>,
    dropped_events: u32,
    links: Vec<Link>,
    dropped_links: u32,
    status: Option<(i32, String)>,
}

impl<'a> Model<'a> {
    fn new(script: &Script, limits: &'a Limits) -> Self {
        let values = Cut {
            characters: limits.attribute_value_length,
            bytes: limits.value_hard_limit,
        };
        let is_call = (2..=6).contains(&script.starter);
        let mut model = Self {
            limits,
            attributes: Attributes::new(limits.attribute_count, limits.name_length, values),
            operation: script.starter,
            kind: if is_call {
                SpanKind::Client
            } else {
                SpanKind::Internal
            },
            events: Vec::new(),
            dropped_events: 0,
            links: Vec::new(),
            dropped_links: 0,
            status: None,
        };
        model.name_operation();
        if OBJECTS[script.starter] == "gen_ai.request.model" {
            let provider = &script.provider;
            model.attributes.set_text("gen_ai.provider.name", provider);
        }
        if script.starter > 0 {
            let object = OBJECTS[script.starter];
            model.attributes.set_text(object, &script.name);
        }
        script.before.iter().for_each(|early| model.early(early));
        script.then.iter().for_each(|call| model.call(call));
        model
    }

    fn name_operation(&mut self) {
        if let Some(name) = OPERATIONS[self.operation].1 {
            self.attributes.set_text("gen_ai.operation.name", name);
        }
    }

    fn early(&mut self, early: &Early) {
        match early {
            Early::Kind(kind) => self.kind = KINDS[*kind],
            Early::Attribute(key, value) => self.attributes.set(key, value),
            Early::CallId(id) => self.attributes.set_text("gen_ai.tool.call.id", id),
            Early::Link(to) => self.link(*to, &Vec::new()),
            Early::Operation(operation) => {
                self.operation = *operation;
                self.name_operation();
            }
        }
    }

    fn call(&mut self, call: &Call) {
        match call {
            Call::Set(key, value) => self.attributes.set(key, value),
            Call::Usage(counts) => {
                let keys = [
                    "gen_ai.usage.input_tokens",
                    "gen_ai.usage.output_tokens",
                    "gen_ai.usage.cache_read.input_tokens",
                    "gen_ai.usage.cache_creation.input_tokens",
                    "gen_ai.usage.reasoning.output_tokens",
                ];
                for (key, count) in keys.into_iter().zip(counts) {
                    if let Some(count) = count {
                        self.attributes.set_int(key, *count);
                    }
                }
            }
            Call::Tokens(input, output) => {
                self.attributes.set_int("gen_ai.usage.input_tokens", *input);
                self.attributes
                    .set_int("gen_ai.usage.output_tokens", *output);
            }
            Call::Cost(usd) => self
                .attributes
                .set("gen_ai.usage.cost", &OwnedValue::Double(*usd)),
            Call::Fail(message) => self.fail("String", message),
            Call::Error(kind, message) => self.fail(kind, message),
            Call::Exception(kind, message, trace) => {
                let mut pairs: Pairs = [
                    ("exception.type", kind),
                    ("exception.message", message),
                    ("exception.stacktrace", trace),
                ]
                .map(|(key, text)| (key.to_owned(), OwnedValue::Str(text.clone())))
                .to_vec();
                pairs.truncate(if trace.is_empty() { 2 } else { 3 });
                self.event("exception", None, &pairs);
                self.fail(kind, message);
            }
            Call::Ok => self.status = Some((1, String::new())),
            Call::Event(name, pairs) => self.event(name, None, pairs),
            Call::EventAt(name, time, pairs) => self.event(name, Some(*time), pairs),
            Call::Link(to, pairs) => self.link(*to, pairs),
        }
    }

    fn fail(&mut self, kind: &str, message: &str) {
        self.attributes.set_text("error.type", kind);
        let message = Cut {
            characters: None,
            bytes: self.limits.value_hard_limit,
        }
        .text(message);
        self.status = Some((2, message));
    }

    fn event(&mut self, name: &str, time: Option<u64>, pairs: &Pairs) {
        if self.events.len() >= self.limits.event_count {
            self.dropped_events += 1;
            return;
        }
        let most = self.limits.event_attribute_count;
        let (attributes, dropped_attributes_count) = self.attributes.list(most, pairs);
        let name = self.name(name);
        let event = Event {
            time_unix_nano: 0,
            name,
            attributes,
            dropped_attributes_count,
        };
        self.events.push((time, event));
    }

    fn link(&mut self, to: Context, pairs: &Pairs) {
        if self.links.len() >= self.limits.link_count {
            self.dropped_links += 1;
            return;
        }
        let most = self.limits.link_attribute_count;
        self.links.push(to.link(self.attributes.list(most, pairs)));
    }

    fn name(&self, name: &str) -> String {
        Cut {
            characters: None,
            bytes: self.limits.name_length,
        }
        .text(name)
    }

    /// `operation object`, cut as a whole, without a space that stands for nothing.
    fn span_name(&self, script: &Script) -> String {
        let operation = match OPERATIONS[script.starter] {
            (Operation::Other, _) => return self.name(&script.name),
            (Operation::Action, _) => "action",
            (_, name) => name.expect("all others have one"),
        };
        let whole = self.name(&format!("{operation} {}", script.name));
        whole
            .strip_suffix(' ')
            .filter(|kept| *kept == operation)
            .map_or(whole.clone(), str::to_owned)
    }

    fn finish(mut self, script: &Script, exported: &Exported) -> Exported {
        let name = self.span_name(script);
        let own = "conv-1";
        let mut attributes = std::mem::take(&mut self.attributes.kept);
        attributes.push(pair("session.id", text(own)));
        if self.operation > 1 {
            attributes.push(pair("gen_ai.conversation.id", text(own)));
        }
        let end = script.end.unwrap_or(exported.end_time_unix_nano);
        let events = self
            .events
            .into_iter()
            .enumerate()
            .map(|(index, (time, mut event))| {
                let found = exported.events.get(index).map(|event| event.time_unix_nano);
                event.time_unix_nano = time.or(found).unwrap_or_default();
                event
            });
        Exported {
            trace_id: exported.trace_id.clone(),
            span_id: exported.span_id.clone(),
            parent_span_id: exported.parent_span_id.clone(),
            trace_state: String::new(),
            flags: 0x101,
            name,
            kind: self.kind as i32,
            start_time_unix_nano: script.start,
            end_time_unix_nano: end.max(script.start),
            attributes,
            dropped_attributes_count: self.attributes.dropped,
            events: events.collect(),
            dropped_events_count: self.dropped_events,
            links: self.links,
            dropped_links_count: self.dropped_links,
            status: self.status.map(|(code, message)| Status { message, code }),
        }
    }
}

fn check(limits: &Limits, scripts: &[Script]) {
    let (pipeline, requests) = start(limits, &BatchConfig::default());
    let session = pipeline.session("conv-1").expect("open");
    let ids = (1..).map(|id: u64| SpanId::from_bytes(id.to_be_bytes()).expect("not zero"));
    for (script, id) in scripts.iter().zip(ids) {
        script.perform(&session, id);
    }
    let root = session.context();
    session.end();
    stop(&pipeline);
    let mut spans = requests.spans();
    spans.retain(|span| !span.parent_span_id.is_empty());
    assert_eq!(spans.len(), scripts.len());
    for (number, (script, exported)) in scripts.iter().zip(&spans).enumerate() {
        let id = (number as u64 + 1).to_be_bytes();
        assert_eq!(exported.span_id, id, "they come in the order of their ends");
        assert_eq!(exported.trace_id, root.trace_id().to_bytes());
        assert_eq!(exported.parent_span_id, root.span_id().to_bytes());
        let expected = script.expected(limits, exported);
        // As text, for NaN is not equal to itself.
        assert_eq!(format!("{exported:#?}"), format!("{expected:#?}"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Random spans are exported as they were recorded, field by field.
    #[test]
    fn spans_are_exported_as_recorded(scripts in vec(script(), 1..8)) {
        check(&Limits::default(), &scripts);
    }

    /// Where limits are tight, what is kept is cut as the limits say, and the rest is counted.
    #[test]
    fn spans_are_cut_as_the_limits_say(scripts in vec(script(), 1..8)) {
        check(&tight(), &scripts);
    }
}
