//! Spans and log records as owned values, for those who look at telemetry: tests, trees, tables.
//!
//! Read from wire form by way of the views; nothing on the way of a span to its destination uses
//! them.

mod attributes;

use std::sync::Arc;

use crate::model::genai::key;
use crate::model::id::{SpanId, TraceId};
use crate::model::kind::{SpanKind, StatusCode};
use crate::model::otlp::view::{
    EventView, LogView, RequestView, ResourceView, ScopeView, SpanView, WireError,
};
use crate::model::owned_value::OwnedValue;
use crate::model::request::Signal;

pub use attributes::RecordedAttributes;

/// What recorded a span or log record: an instrumentation library.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct RecordedScope {
    /// Its name; empty when unknown.
    pub name: String,
    /// Its version; empty when unknown.
    pub version: String,
    /// Its attributes.
    pub attributes: RecordedAttributes,
}

impl From<ScopeView<'_>> for RecordedScope {
    fn from(view: ScopeView<'_>) -> Self {
        Self {
            name: view.name().to_owned(),
            version: view.version().to_owned(),
            attributes: view.attributes().into(),
        }
    }
}

/// Something that happened at one instant within a span.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct RecordedEvent {
    /// Its name.
    pub name: String,
    /// When it happened, in nanoseconds since 1970-01-01 UTC.
    pub time_unix_nanos: u64,
    /// Its attributes.
    pub attributes: RecordedAttributes,
    /// How many attributes were dropped when it was recorded.
    pub dropped_attributes: u32,
}

impl From<EventView<'_>> for RecordedEvent {
    fn from(view: EventView<'_>) -> Self {
        Self {
            name: view.name().to_owned(),
            time_unix_nanos: view.time_unix_nanos(),
            attributes: view.attributes().into(),
            dropped_attributes: view.dropped_attributes(),
        }
    }
}

/// A reference from one span to another, in any trace.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RecordedLink {
    /// The linked span's trace, or `None` when the link has no valid id.
    pub trace_id: Option<TraceId>,
    /// The linked span, or `None` when the link has no valid id.
    pub span_id: Option<SpanId>,
    /// The W3C `tracestate` of the linked span's context.
    pub trace_state: String,
    /// Its attributes.
    pub attributes: RecordedAttributes,
}

/// An ended span, as it was exported. Its fields are those of OTLP `Span`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RecordedSpan {
    /// Its trace.
    pub trace_id: TraceId,
    /// Its own id.
    pub span_id: SpanId,
    /// Its parent, or `None` when it is a root.
    pub parent_span_id: Option<SpanId>,
    /// The W3C `tracestate` of its context.
    pub trace_state: String,
    /// OTLP's flags: the W3C trace flags in the low 8 bits, 0x100 when it is known whether the
    /// parent is remote, 0x200 when it is.
    pub flags: u32,
    /// Its name.
    pub name: String,
    /// Its role.
    pub kind: SpanKind,
    /// When it started, in nanoseconds since 1970-01-01 UTC.
    pub start_unix_nanos: u64,
    /// When it ended, in nanoseconds since 1970-01-01 UTC.
    pub end_unix_nanos: u64,
    /// Its attributes.
    pub attributes: RecordedAttributes,
    /// Its events, in the order in which they were recorded.
    pub events: Vec<RecordedEvent>,
    /// Its links, in the order in which they were recorded.
    pub links: Vec<RecordedLink>,
    /// How it ended.
    pub status: StatusCode,
    /// What was said about how it ended; often empty.
    pub status_message: String,
    /// How many attributes were dropped when it was recorded.
    pub dropped_attributes: u32,
    /// How many events were dropped when it was recorded.
    pub dropped_events: u32,
    /// How many links were dropped when it was recorded.
    pub dropped_links: u32,
    /// Who emitted it; shared by all spans of one group.
    pub resource: Arc<RecordedAttributes>,
    /// What recorded it; shared by all spans of one group.
    pub scope: Arc<RecordedScope>,
}

impl RecordedSpan {
    /// Reads all spans of an encoded `ExportTraceServiceRequest` (or `TracesData`). Spans without a
    /// valid trace id or span id, which OTLP calls invalid, are left out.
    ///
    /// # Errors
    /// Says what is wrong with the bytes, and where.
    pub fn read_all(request: &[u8]) -> Result<Vec<Self>, WireError> {
        let mut spans = Vec::new();
        Self::read_each(request, |span, _| spans.push(span))?;
        Ok(spans)
    }

    /// As [`RecordedSpan::read_all`], each span with the size that it has on the wire. Says how many
    /// spans were left out.
    pub(crate) fn read_each(
        request: &[u8],
        mut take: impl FnMut(Self, usize),
    ) -> Result<u64, WireError> {
        let mut left_out = 0;
        let view = RequestView::new(Signal::Traces, request)?;
        for group in view.resources() {
            let resource = owned_resource(group.resource());
            for group in group.scopes() {
                let scope = Arc::new(RecordedScope::from(group.scope()));
                for span in group.spans() {
                    let size = span.as_bytes().len();
                    match Self::new(span, Arc::clone(&resource), Arc::clone(&scope)) {
                        Some(span) => take(span, size),
                        None => left_out += 1,
                    }
                }
            }
        }
        Ok(left_out)
    }

    /// Takes over a span with its origin. `None` when its trace id or span id is not valid.
    fn new(
        view: SpanView<'_>,
        resource: Arc<RecordedAttributes>,
        scope: Arc<RecordedScope>,
    ) -> Option<Self> {
        let links = view.links().map(|link| RecordedLink {
            trace_id: link.trace_id(),
            span_id: link.span_id(),
            trace_state: link.trace_state().to_owned(),
            attributes: link.attributes().into(),
        });
        Some(Self {
            trace_id: view.trace_id()?,
            span_id: view.span_id()?,
            parent_span_id: view.parent_span_id(),
            trace_state: view.trace_state().to_owned(),
            flags: view.flags(),
            name: view.name().to_owned(),
            kind: view.kind(),
            start_unix_nanos: view.start_unix_nanos(),
            end_unix_nanos: view.end_unix_nanos(),
            attributes: view.attributes().into(),
            events: view.events().map(RecordedEvent::from).collect(),
            links: links.collect(),
            status: view.status().code,
            status_message: view.status().message.to_owned(),
            dropped_attributes: view.dropped_attributes(),
            dropped_events: view.dropped_events(),
            dropped_links: view.dropped_links(),
            resource,
            scope,
        })
    }

    /// How long it took, in nanoseconds; 0 when its end lies before its start.
    #[must_use]
    pub fn duration_nanos(&self) -> u64 {
        self.end_unix_nanos.saturating_sub(self.start_unix_nanos)
    }

    /// Whether its context came from another process: its parent is remote (flags 0x300).
    #[must_use]
    pub fn has_remote_parent(&self) -> bool {
        self.parent_span_id.is_some() && self.flags & 0x300 == 0x300
    }

    /// Whether it is the first span of its trace in its process: it has no parent, or a remote one. A span
    /// that spanreel recorded within a session is none, wherever its parent is: the session's root is.
    #[must_use]
    pub fn is_local_root(&self) -> bool {
        if self.parent_span_id.is_none() {
            return true;
        }
        let is_within =
            || self.scope.name == env!("CARGO_PKG_NAME") && self.str(key::END_STATE).is_none();
        self.has_remote_parent() && !is_within()
    }

    /// The text of an attribute.
    #[must_use]
    pub fn str(&self, key: &str) -> Option<&str> {
        self.attributes.str(key)
    }

    /// The integer of an attribute.
    #[must_use]
    pub fn int(&self, key: &str) -> Option<i64> {
        self.attributes.int(key)
    }

    /// The float of an attribute.
    #[must_use]
    pub fn double(&self, key: &str) -> Option<f64> {
        self.attributes.double(key)
    }

    /// The truth value of an attribute.
    #[must_use]
    pub fn bool(&self, key: &str) -> Option<bool> {
        self.attributes.bool(key)
    }
}

/// A log record, as it was exported. Its fields are those of OTLP `LogRecord`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RecordedLog {
    /// When it happened, in nanoseconds since 1970-01-01 UTC; 0 when unknown.
    pub time_unix_nanos: u64,
    /// When it was seen by the one who recorded it, in nanoseconds since 1970-01-01 UTC.
    pub observed_unix_nanos: u64,
    /// Its severity: 1 to 4 trace, 5 to 8 debug, 9 to 12 info, 13 to 16 warn, 17 to 20 error, 21 to
    /// 24 fatal, 0 not stated.
    pub severity_number: i32,
    /// Its severity in the source's own words.
    pub severity_text: String,
    /// The name of the event that it records; empty when it is a plain log record.
    pub event_name: String,
    /// What it says; empty when it has no body.
    pub body: OwnedValue,
    /// Its attributes.
    pub attributes: RecordedAttributes,
    /// How many attributes were dropped when it was recorded.
    pub dropped_attributes: u32,
    /// OTLP's flags: the W3C trace flags in the low 8 bits.
    pub flags: u32,
    /// The trace it belongs to, if any.
    pub trace_id: Option<TraceId>,
    /// The span it belongs to, if any.
    pub span_id: Option<SpanId>,
    /// Who emitted it; shared by all records of one group.
    pub resource: Arc<RecordedAttributes>,
    /// What recorded it; shared by all records of one group.
    pub scope: Arc<RecordedScope>,
}

impl RecordedLog {
    /// Reads all records of an encoded `ExportLogsServiceRequest` (or `LogsData`).
    ///
    /// # Errors
    /// Says what is wrong with the bytes, and where.
    pub fn read_all(request: &[u8]) -> Result<Vec<Self>, WireError> {
        let view = RequestView::new(Signal::Logs, request)?;
        let mut records = Vec::new();
        for group in view.resources() {
            let resource = owned_resource(group.resource());
            for group in group.scopes() {
                let scope = Arc::new(RecordedScope::from(group.scope()));
                let new = |log| Self::new(log, Arc::clone(&resource), Arc::clone(&scope));
                records.extend(group.logs().map(new));
            }
        }
        Ok(records)
    }

    fn new(
        view: LogView<'_>,
        resource: Arc<RecordedAttributes>,
        scope: Arc<RecordedScope>,
    ) -> Self {
        Self {
            time_unix_nanos: view.time_unix_nanos(),
            observed_unix_nanos: view.observed_unix_nanos(),
            severity_number: view.severity_number(),
            severity_text: view.severity_text().to_owned(),
            event_name: view.event_name().to_owned(),
            body: view.body().unwrap_or_default().into(),
            attributes: view.attributes().into(),
            dropped_attributes: view.dropped_attributes(),
            flags: view.flags(),
            trace_id: view.trace_id(),
            span_id: view.span_id(),
            resource,
            scope,
        }
    }

    /// The text of an attribute.
    #[must_use]
    pub fn str(&self, key: &str) -> Option<&str> {
        self.attributes.str(key)
    }

    /// The integer of an attribute.
    #[must_use]
    pub fn int(&self, key: &str) -> Option<i64> {
        self.attributes.int(key)
    }

    /// The float of an attribute.
    #[must_use]
    pub fn double(&self, key: &str) -> Option<f64> {
        self.attributes.double(key)
    }

    /// The truth value of an attribute.
    #[must_use]
    pub fn bool(&self, key: &str) -> Option<bool> {
        self.attributes.bool(key)
    }
}

fn owned_resource(view: ResourceView<'_>) -> Arc<RecordedAttributes> {
    Arc::new(view.attributes().into())
}
