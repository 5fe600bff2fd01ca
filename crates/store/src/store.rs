//! What a store is, whatever engine is below it.

use std::collections::HashSet;
use std::fmt;

use spanreel::Request;

use crate::answer::{
    Activity, Detail, Field, FieldValue, LatencyRow, Log, Message, Page, Span, StoreStats, Summary,
    Usage, WholeSpan,
};
use crate::error::StoreError;
use crate::query::{Buckets, By, Filter, Patience, SessionQuery};
use crate::spread::Spread;

/// The story of a session, as far as it was captured.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Story {
    /// Whether any content was captured.
    pub captured: bool,
    /// In the order in which it was said.
    pub items: Vec<Message>,
}

/// All of a session.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Document {
    /// Its totals.
    pub session: Detail,
    /// Its spans, in the order of their start.
    pub spans: Vec<WholeSpan>,
    /// What was said.
    pub story: Story,
    /// Its log records.
    pub logs: Vec<Log>,
}

/// What was seen of a session by somebody who watches it; nothing at first.
///
/// Holds eight bytes for each span and log record.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub(crate) items: HashSet<u64, Spread>,
    /// The last block, where there are blocks.
    pub(crate) last: i64,
}

/// What is new in a session.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct News {
    /// Spans, in the order of their start; then those that are said to have begun.
    pub spans: Vec<Span>,
    /// Log records, as they came.
    pub logs: Vec<Log>,
}

/// What a write did.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Written {
    /// Sessions that changed, as they are now.
    pub sessions: Vec<Summary>,
    /// Spans and log records that were new.
    pub items: u64,
}

/// Keeps sessions, and answers what is asked of them.
///
/// All calls block and may be made from several threads at once; writes follow one another. A session is named
/// by its id: `session.id` and its relatives in other dialects, else its trace id. What arrives twice (by trace
/// and span id) is kept once. Queries see all writes that have returned, or none of a write.
pub trait Store: Send + Sync + fmt::Debug + 'static {
    /// Writes requests of traces and logs, all or none. Those of metrics are passed over.
    ///
    /// # Errors
    /// It could not be written; nothing of it is, and it can be tried again.
    fn write(&self, requests: &[Request]) -> Result<Written, StoreError>;

    /// Does some of what has to be done now and then: forgets what is too old or too much. Says whether there
    /// is more to do.
    ///
    /// # Errors
    /// It could not be done.
    fn tidy(&self) -> Result<bool, StoreError>;

    /// A page of sessions.
    ///
    /// # Errors
    /// The query cannot be answered, or took too long; so for all that follow.
    fn sessions(
        &self,
        query: &SessionQuery,
        patience: &Patience,
    ) -> Result<Page<Summary>, StoreError>;

    /// A session with its totals; `None` where there is none of this id.
    ///
    /// # Errors
    /// As [`sessions`](Self::sessions).
    fn session(&self, id: &str, patience: &Patience) -> Result<Option<Detail>, StoreError>;

    /// A page of a session's spans, in the order of their start.
    ///
    /// # Errors
    /// As [`sessions`](Self::sessions).
    fn spans(
        &self,
        id: &str,
        limit: usize,
        cursor: Option<&str>,
        patience: &Patience,
    ) -> Result<Option<Page<Span>>, StoreError>;

    /// What of a session was not seen yet, and is from now on. It reads as much as is new, however large the
    /// session is; at the first time it only notes what there is.
    ///
    /// # Errors
    /// As [`sessions`](Self::sessions).
    fn news(
        &self,
        id: &str,
        seen: &mut Seen,
        patience: &Patience,
    ) -> Result<Option<News>, StoreError>;

    /// A span with everything.
    ///
    /// # Errors
    /// As [`sessions`](Self::sessions).
    fn span(
        &self,
        id: &str,
        span: &str,
        patience: &Patience,
    ) -> Result<Option<WholeSpan>, StoreError>;

    /// A page of a session's spans with everything, in the order of their start. Those that are open are not in
    /// it.
    ///
    /// # Errors
    /// As [`sessions`](Self::sessions).
    fn whole_spans(
        &self,
        id: &str,
        limit: usize,
        cursor: Option<&str>,
        patience: &Patience,
    ) -> Result<Option<Page<WholeSpan>>, StoreError>;

    /// What was said in a session.
    ///
    /// # Errors
    /// As [`sessions`](Self::sessions).
    fn messages(&self, id: &str, patience: &Patience) -> Result<Option<Story>, StoreError>;

    /// A session's log records, in the order of their time.
    ///
    /// # Errors
    /// As [`sessions`](Self::sessions).
    fn logs(&self, id: &str, patience: &Patience) -> Result<Option<Vec<Log>>, StoreError>;

    /// All of a session as OTLP: the requests that would bring it here again.
    ///
    /// # Errors
    /// As [`sessions`](Self::sessions).
    fn export(&self, id: &str, patience: &Patience) -> Result<Option<Vec<Request>>, StoreError>;

    /// All of a session, to be read by people.
    ///
    /// # Errors
    /// As [`sessions`](Self::sessions).
    fn document(&self, id: &str, patience: &Patience) -> Result<Option<Document>, StoreError>;

    /// The fields that sessions can be filtered by.
    ///
    /// # Errors
    /// As [`sessions`](Self::sessions).
    fn fields(&self, patience: &Patience) -> Result<Vec<Field>, StoreError>;

    /// The values of a field that begin so, the most frequent first.
    ///
    /// # Errors
    /// As [`sessions`](Self::sessions).
    fn values(
        &self,
        field: &str,
        prefix: &str,
        patience: &Patience,
    ) -> Result<Vec<FieldValue>, StoreError>;

    /// Sessions over time, each in the bucket of its start. Without `buckets`, `count` of them from the first
    /// that is found until now.
    ///
    /// # Errors
    /// As [`sessions`](Self::sessions).
    fn activity(
        &self,
        filter: &Filter,
        buckets: Option<&Buckets>,
        count: usize,
        patience: &Patience,
    ) -> Result<Activity, StoreError>;

    /// What was used over time.
    ///
    /// # Errors
    /// As [`sessions`](Self::sessions).
    fn usage(&self, by: By, buckets: &Buckets, patience: &Patience) -> Result<Usage, StoreError>;

    /// How long calls took.
    ///
    /// # Errors
    /// As [`sessions`](Self::sessions).
    fn latency(
        &self,
        by: By,
        from_us: i64,
        to_us: i64,
        patience: &Patience,
    ) -> Result<Vec<LatencyRow>, StoreError>;

    /// What it holds.
    fn stats(&self) -> StoreStats;
}
