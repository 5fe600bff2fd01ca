//! A span of a session that mirrors one of `tracing`.
//!
//! Holds, per open span of `tracing`: the span, and the parts of its name, each at most
//! [`PART_LIMIT`] bytes. Never waits. Loses nothing: it ends with the span that it mirrors.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use spanreel::{Operation, Span, SpanKind, SpanRef, Usage, Value};
use tracing::span;

use super::fields::{self, Meaning, Object, Tokens, meaning_of};
use super::visit::{Fields, Told, cut};
use crate::current::Current;

/// The bytes of a part of a name: the default of `Limits::name_length`.
const PART_LIMIT: usize = 1024;

/// What is known of a mirrored span wherever it is entered.
#[derive(Debug)]
pub(crate) struct Live {
    handle: SpanRef,
    open: AtomicBool,
}

impl Live {
    pub(crate) fn handle(&self) -> &SpanRef {
        &self.handle
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }
}

/// The mirror of a span of `tracing`, kept in its extensions.
#[derive(Debug)]
pub(crate) struct Mirror {
    span: Span,
    live: Arc<Live>,
    about: About,
}

impl Mirror {
    /// Starts the mirror of a span below `place`.
    pub(crate) fn start(place: &Current, attributes: &span::Attributes<'_>, content: bool) -> Self {
        let mut about = About::new(attributes.metadata().name(), content);
        attributes.record(&mut Fields(|field, told: Told<'_>| {
            about.note(meaning_of(field), told);
        }));
        let builder = place.child(&about.name()).kind(about.kind());
        let mut span = builder.operation(about.operation).start();
        attributes.record(&mut Fields(|field, told: Told<'_>| {
            about.tell(&mut span, meaning_of(field), told);
        }));
        let live = Live {
            handle: SpanRef::from(&span),
            open: AtomicBool::new(true),
        };
        Self {
            span,
            live: Arc::new(live),
            about,
        }
    }

    pub(crate) fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// Takes in a value that was recorded after the start.
    pub(crate) fn record(&mut self, field: &'static str, told: Told<'_>) {
        let meaning = meaning_of(field);
        if self.about.note(meaning, told) {
            let kind = self.about.kind();
            self.span.rename(&self.about.name()).kind(kind);
            self.span.operation(self.about.operation);
        }
        self.about.tell(&mut self.span, meaning, told);
    }

    /// Links it to a span that it follows from.
    pub(crate) fn follows(&mut self, other: &Live) {
        self.span.link(&other.handle.context(), &[]);
    }

    /// Marks it as failed by an error that was reported in it, unless how it went is known.
    pub(crate) fn report_error(&mut self, error_type: Option<&str>, message: &str) {
        if self.about.outcome != Outcome::Unknown {
            return;
        }
        self.about.error_type = error_type.map(part);
        self.about.message = Some(message.into());
        self.about.fail(&mut self.span);
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.live.open.store(false, Ordering::Relaxed);
    }
}

/// How a span went, as far as its fields told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Unknown,
    Ok,
    Failed,
}

/// What its fields told about a span that is more than an attribute.
#[derive(Debug)]
struct About {
    /// Its name in the code.
    name: &'static str,
    given_name: Option<Box<str>>,
    given_kind: Option<SpanKind>,
    operation: Operation,
    objects: Vec<(Object, Box<str>)>,
    outcome: Outcome,
    error_type: Option<Box<str>>,
    message: Option<Box<str>>,
    /// Whether what users and models wrote is recorded.
    content: bool,
}

impl About {
    fn new(name: &'static str, content: bool) -> Self {
        Self {
            name,
            given_name: None,
            given_kind: None,
            operation: Operation::Other,
            objects: Vec::new(),
            outcome: Outcome::Unknown,
            error_type: None,
            message: None,
            content,
        }
    }

    /// Notes what names and kinds follow from. Whether they may differ now.
    fn note(&mut self, meaning: Meaning, told: Told<'_>) -> bool {
        let Some(text) = told.text() else {
            return false;
        };
        match meaning {
            Meaning::Name => self.given_name = Some(part(text)),
            Meaning::Kind => match kind_of(text) {
                Some(kind) => self.given_kind = Some(kind),
                None => return false,
            },
            Meaning::Operation => match operation_of(text) {
                (Operation::Other, _) => return false,
                (operation, _) => self.operation = operation,
            },
            Meaning::Object(object) => {
                self.objects.retain(|(known, _)| *known != object);
                self.objects.push((object, part(text)));
            }
            _ => return false,
        }
        true
    }

    /// Its name: the given one, else that of the conventions, else the one in the code.
    fn name(&self) -> std::borrow::Cow<'_, str> {
        if let Some(given) = &self.given_name {
            return (&**given).into();
        }
        let Some(operation) = self.operation.name() else {
            return self.name.into();
        };
        let object = object_of(self.operation);
        let found = self
            .objects
            .iter()
            .find(|(known, _)| Some(*known) == object);
        match found {
            Some((_, name)) if !name.is_empty() => format!("{operation} {name}").into(),
            _ => operation.into(),
        }
    }

    /// Its kind: the given one, else client for calls to models and data sources.
    fn kind(&self) -> SpanKind {
        let calls_out = self.operation.is_llm_call() || self.operation == Operation::Retrieval;
        let usual = if calls_out {
            SpanKind::Client
        } else {
            SpanKind::Internal
        };
        self.given_kind.unwrap_or(usual)
    }

    /// Writes what a field tells to the span.
    fn tell(&mut self, span: &mut Span, meaning: Meaning, told: Told<'_>) {
        match meaning {
            Meaning::Name | Meaning::Kind | Meaning::Known => {}
            Meaning::Operation => self.tell_operation(span, told),
            Meaning::Object(object) => set(span, object.key(), told),
            Meaning::Tokens(tokens) => self.tell_tokens(span, tokens, told),
            Meaning::Cost => match told.number() {
                Some(usd) if self.operation.is_llm_call() => {
                    span.cost(usd);
                }
                Some(usd) => set(span, fields::COST, Told::Value(usd.into())),
                None => set(span, fields::COST, told),
            },
            Meaning::StatusCode => self.tell_status(span, told),
            Meaning::StatusMessage => {
                self.message = told.text().map(Into::into);
                if self.outcome == Outcome::Failed {
                    self.fail(span);
                }
            }
            Meaning::ErrorType => {
                self.error_type = told.text().map(part);
                self.fail(span);
            }
            Meaning::Error => self.tell_error(span, told),
            Meaning::List(key) => match told.text() {
                Some(text) => set_list(span, key, text),
                None => set(span, key, told),
            },
            Meaning::Content(key) if self.content => set(span, key, told),
            Meaning::Content(_) => {}
            Meaning::Attribute(key) => set(span, key, told),
        }
    }

    /// The attribute of a known operation was set when it was noted.
    fn tell_operation(&self, span: &mut Span, told: Told<'_>) {
        let (operation, streams) = told.text().map_or((Operation::Other, false), operation_of);
        if streams {
            span.set(fields::REQUEST_STREAM, true);
        }
        if operation == Operation::Other {
            set(span, fields::OPERATION_NAME, told);
        }
    }

    /// Tokens of LLM calls count for the session; those of an agent or workflow are the sum of calls
    /// that are spans of their own.
    fn tell_tokens(&self, span: &mut Span, tokens: Tokens, told: Told<'_>) {
        let Some(count) = told.count() else {
            return set(span, tokens.key(), told);
        };
        if !self.operation.is_llm_call() {
            return set(span, tokens.key(), Told::Value(count.into()));
        }
        let mut usage = Usage::default();
        *match tokens {
            Tokens::Input => &mut usage.input,
            Tokens::Output => &mut usage.output,
            Tokens::CacheRead => &mut usage.cache_read,
            Tokens::CacheCreation => &mut usage.cache_creation,
            Tokens::Reasoning => &mut usage.reasoning,
        } = Some(count);
        span.usage(usage);
    }

    fn tell_status(&mut self, span: &mut Span, told: Told<'_>) {
        let code = told.text().unwrap_or_default();
        if code.eq_ignore_ascii_case("error") {
            self.fail(span);
        } else if code.eq_ignore_ascii_case("ok") {
            self.outcome = Outcome::Ok;
            span.ok();
        }
    }

    fn tell_error(&mut self, span: &mut Span, told: Told<'_>) {
        match told {
            Told::Value(Value::Bool(false)) => return,
            Told::Value(Value::Str(message)) => self.message = Some(message.into()),
            Told::Error(message) => {
                span.event("exception", &[(fields::EXCEPTION_MESSAGE, message.into())]);
                self.message = Some(message.into());
            }
            Told::Value(_) => {}
        }
        self.fail(span);
    }

    /// Marks the span as failed, with what is known of why.
    fn fail(&mut self, span: &mut Span) {
        self.outcome = Outcome::Failed;
        // The value that the conventions have for types that are not known.
        let error_type = self.error_type.as_deref().unwrap_or("_OTHER");
        span.error(error_type, self.message.as_deref().unwrap_or_default());
    }
}

fn set(span: &mut Span, key: &str, told: Told<'_>) {
    span.set(key, told.value());
}

/// Sets a list of texts, which the fields of `tracing` can tell as a JSON array alone.
fn set_list(span: &mut Span, key: &str, text: &str) {
    let listed: Result<Vec<String>, _> = serde_json::from_str(text);
    let items: Vec<Value<'_>> = match &listed {
        Ok(items) => items.iter().map(Value::from).collect(),
        Err(_) => vec![text.into()],
    };
    span.set(key, &items[..]);
}

fn part(text: &str) -> Box<str> {
    cut(text, PART_LIMIT).into()
}

/// The operation of a name, and whether the name says that its answer is streamed (rig before 0.44:
/// `chat_streaming`).
fn operation_of(name: &str) -> (Operation, bool) {
    match name.strip_suffix("_streaming") {
        Some(plain) => (Operation::from_name(plain), true),
        None => (Operation::from_name(name), false),
    }
}

/// What completes the name of an operation (GenAI semantic conventions 1.41.1, "Spans").
fn object_of(operation: Operation) -> Option<Object> {
    Some(match operation {
        _ if operation.is_llm_call() => Object::Model,
        Operation::Retrieval => Object::DataSource,
        Operation::CreateAgent | Operation::InvokeAgent => Object::Agent,
        Operation::InvokeWorkflow => Object::Workflow,
        Operation::ExecuteTool => Object::Tool,
        _ => return None,
    })
}

fn kind_of(name: &str) -> Option<SpanKind> {
    const KINDS: [(&str, SpanKind); 5] = [
        ("internal", SpanKind::Internal),
        ("server", SpanKind::Server),
        ("client", SpanKind::Client),
        ("producer", SpanKind::Producer),
        ("consumer", SpanKind::Consumer),
    ];
    let found = KINDS
        .iter()
        .find(|(known, _)| name.eq_ignore_ascii_case(known));
    found.map(|(_, kind)| *kind)
}
