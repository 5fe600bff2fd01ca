//! What a conversion yields: sessions with their spans and log records, as plain owned data.
//!
//! Nothing here knows the pipeline; whoever sends a [`SessionTrace`] maps it onto a session with
//! explicit ids and times. Times are nanoseconds since the Unix epoch.

use std::borrow::Cow;

use spanreel::{Severity, SpanId, SpanKind, Totals, TraceId, Usage, Value};

/// The key of an attribute. Keys known at compile time cost no allocation, which is most of the
/// memory of a long trace.
pub type Key = Cow<'static, str>;

/// An attribute: its key and its value.
pub type Attribute = (Key, AttrValue);

/// The value of an attribute or the body of a log record.
#[derive(Clone, Debug, PartialEq)]
pub enum AttrValue {
    /// Text.
    Str(String),
    /// True or false.
    Bool(bool),
    /// A signed 64-bit integer.
    Int(i64),
    /// A finite 64-bit float.
    Double(f64),
    /// Several texts.
    Strs(Vec<String>),
}

impl AttrValue {
    /// Shows the value in its borrowed form and returns what `show` returns.
    pub fn with_value<R>(&self, show: impl FnOnce(Value<'_>) -> R) -> R {
        match self {
            Self::Str(it) => show(it.into()),
            Self::Bool(it) => show((*it).into()),
            Self::Int(it) => show((*it).into()),
            Self::Double(it) => show((*it).into()),
            Self::Strs(texts) => {
                let texts: Vec<Value<'_>> = texts.iter().map(Value::from).collect();
                show(Value::Array(&texts))
            }
        }
    }
}

impl From<&str> for AttrValue {
    fn from(it: &str) -> Self {
        Self::Str(it.to_owned())
    }
}

impl From<String> for AttrValue {
    fn from(it: String) -> Self {
        Self::Str(it)
    }
}

impl From<bool> for AttrValue {
    fn from(it: bool) -> Self {
        Self::Bool(it)
    }
}

impl From<i64> for AttrValue {
    fn from(it: i64) -> Self {
        Self::Int(it)
    }
}

impl From<f64> for AttrValue {
    fn from(it: f64) -> Self {
        Self::Double(it)
    }
}

/// How a span turned out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nothing is known against it.
    Unset,
    /// It is known to have succeeded.
    Ok,
    /// It failed. The message is empty where the recording says only that it failed.
    Error(String),
}

/// A link to another span of the same trace.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkDraft {
    /// The span linked to.
    pub span_id: SpanId,
    /// Why it is linked (`spanreel.link`).
    pub reason: &'static str,
}

/// A finished span.
///
/// The ids of the session and its conversation are not among the attributes: whoever sends the spans
/// through a session gets them on each of them from there.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanDraft {
    /// Unique within the trace and the same in every conversion of the same recording.
    pub span_id: SpanId,
    /// The parent; `None` for a root that continues nobody's trace.
    pub parent_span_id: Option<SpanId>,
    /// The name, by the GenAI semantic conventions where they have one.
    pub name: String,
    /// Which side of a call it describes.
    pub kind: SpanKind,
    /// When it began, in nanoseconds since the Unix epoch.
    pub start_ns: u64,
    /// When it ended, never before `start_ns`.
    pub end_ns: u64,
    /// What is known about it; no key stands twice.
    pub attributes: Vec<Attribute>,
    /// The tokens that it adds to the totals of its session; they are among the attributes too.
    pub usage: Usage,
    /// The US dollars that it adds to the totals of its session; they are among the attributes too.
    pub cost: Option<f64>,
    /// Spans it is related to other than by descent: an earlier attempt of the same tool call.
    pub links: Vec<LinkDraft>,
    /// How it turned out.
    pub status: Status,
    /// Whether its end was never recorded. It then ends with the session's last event and also has
    /// the attribute `spanreel.incomplete`. A root is incomplete where its last pipeline is.
    pub incomplete: bool,
}

impl SpanDraft {
    /// The value of the attribute `key`, if the span has it.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<&AttrValue> {
        find(&self.attributes, key)
    }
}

/// A log record that belongs to the session's trace.
#[derive(Clone, Debug, PartialEq)]
pub struct LogDraft {
    /// When it happened, in nanoseconds since the Unix epoch.
    pub time_ns: u64,
    /// The recorded type of the event, or `gen_ai.evaluation.result`.
    pub event_name: String,
    /// How much attention it asks for.
    pub severity: Severity,
    /// Text, present only where content was asked for.
    pub body: Option<AttrValue>,
    /// What is known about it.
    pub attributes: Vec<Attribute>,
    /// The span during which it happened; the root where no other is known.
    pub span_id: SpanId,
}

impl LogDraft {
    /// The value of the attribute `key`, if the record has it.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<&AttrValue> {
        find(&self.attributes, key)
    }
}

/// A recorded session as a trace.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionTrace {
    /// The id the recording gives, or the name of the file where it gives none.
    pub session_id: String,
    /// The conversation, where one was recorded.
    pub conversation_id: Option<String>,
    /// The session id itself, its hash, or the trace that was to be continued.
    pub trace_id: TraceId,
    /// The user, where one was recorded.
    pub user_id: Option<String>,
    /// The agent, where one is known.
    pub agent: Option<String>,
    /// The span of the whole session, parent of all others.
    pub root: SpanDraft,
    /// All other spans, by start time.
    pub spans: Vec<SpanDraft>,
    /// Log records, by time.
    pub logs: Vec<LogDraft>,
    /// What it added up to, the root not counted. It is not among the attributes of the root: a
    /// session of a pipeline adds up what it is told by itself.
    pub totals: Totals,
}

fn find<'a>(attributes: &'a [Attribute], key: &str) -> Option<&'a AttrValue> {
    attributes
        .iter()
        .find(|(name, _)| name == key)
        .map(|(_, value)| value)
}

/// Sets an attribute, replacing an earlier value of the same key.
pub(crate) fn set(
    attributes: &mut Vec<Attribute>,
    key: impl Into<Key>,
    value: impl Into<AttrValue>,
) {
    let (key, value) = (key.into(), value.into());
    match attributes.iter_mut().find(|(name, _)| *name == key) {
        Some((_, old)) => *old = value,
        None => attributes.push((key, value)),
    }
}
