//! What of a span is no attribute, and what names its session.

use spanreel::view::SpanView;
use spanreel::{SpanId, StatusCode, TraceId};

/// What names the session of an item.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Name {
    /// An attribute of the item, or of its resource.
    Id(String),
    /// Its trace, where nothing else does.
    Trace(TraceId),
}

/// What is not an attribute, of a span.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bones<'a> {
    pub(crate) trace: TraceId,
    pub(crate) id: SpanId,
    pub(crate) parent: Option<SpanId>,
    pub(crate) name: &'a str,
    pub(crate) start_us: i64,
    pub(crate) end_us: i64,
    pub(crate) status: StatusCode,
    pub(crate) message: &'a str,
}

impl<'a> Bones<'a> {
    /// `None` where an id is not valid.
    pub(crate) fn of(span: &SpanView<'a>) -> Option<Self> {
        let start_us = micros(span.start_unix_nanos());
        Some(Self {
            trace: span.trace_id()?,
            id: span.span_id()?,
            parent: span.parent_span_id(),
            name: span.name(),
            start_us,
            end_us: micros(span.end_unix_nanos()).max(start_us),
            status: span.status().code,
            message: span.status().message,
        })
    }

    /// Whether it failed.
    pub(crate) fn is_error(&self) -> bool {
        self.status == StatusCode::Error
    }
}

/// The largest number that is kept of what pages go on from. Pages end at a number of JSON's kind, and one beyond
/// this may be the same as its neighbours: the next page would begin at the same place again.
pub(crate) const MOST_EXACT: i64 = (1 << 53) - 1;

/// Nanoseconds as microseconds, at most [`MOST_EXACT`]: in the year 2255.
pub(crate) fn micros(nanos: u64) -> i64 {
    ((nanos / 1000) as i64).min(MOST_EXACT)
}
