//! Spans for tests: short to write, read through the views like real ones.

use std::ops::Range;
use std::sync::Arc;

use crate::model::id::{SpanId, TraceId};
use crate::model::kind::{SpanKind, StatusCode};
use crate::model::owned_value::OwnedValue;
use crate::model::record::RecordedSpan;

/// A span of trace 1 with a number for its id, named `span <number>`, over some nanoseconds.
pub(crate) fn span(id: u64, parent: Option<u64>, time: Range<u64>) -> RecordedSpan {
    let span_id = |id: u64| SpanId::from_bytes(id.to_be_bytes());
    RecordedSpan {
        trace_id: TraceId::from_bytes(1_u128.to_be_bytes()).expect("not zero"),
        span_id: span_id(id).expect("ids start at 1"),
        parent_span_id: parent.and_then(span_id),
        trace_state: String::new(),
        flags: 0,
        name: format!("span {id}"),
        kind: SpanKind::Internal,
        start_unix_nanos: time.start,
        end_unix_nanos: time.end,
        attributes: Vec::new().into(),
        events: Vec::new(),
        links: Vec::new(),
        status: StatusCode::Unset,
        status_message: String::new(),
        dropped_attributes: 0,
        dropped_events: 0,
        dropped_links: 0,
        resource: Arc::default(),
        scope: Arc::default(),
    }
}

impl RecordedSpan {
    pub(crate) fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    pub(crate) fn with(self, key: &str, value: &str) -> Self {
        self.with_value(key, OwnedValue::Str(value.to_owned()))
    }

    pub(crate) fn with_value(mut self, key: &str, value: OwnedValue) -> Self {
        let mut attributes = self.attributes.to_vec();
        attributes.push((key.to_owned(), value));
        self.attributes = attributes.into();
        self
    }

    pub(crate) fn failed(mut self, message: &str) -> Self {
        self.status = StatusCode::Error;
        message.clone_into(&mut self.status_message);
        self
    }
}
