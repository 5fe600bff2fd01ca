//! What is counted over many sessions: fields with their values, what happened over time, what was used, how
//! long it took, and what the store holds.

use serde::Serialize;

use crate::query::Buckets;

/// A field that sessions can be filtered by.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Field {
    /// Its key.
    pub key: String,
    /// How many sessions have it.
    pub count: u64,
}

/// A value of a field.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldValue {
    /// The value.
    pub value: String,
    /// How many sessions have it.
    pub count: u64,
}

/// Sessions over time.
#[derive(Clone, Debug, Serialize)]
pub struct Activity {
    /// When the first bucket begins.
    pub from_us: i64,
    /// How long each is.
    pub bucket_us: i64,
    /// Sessions that started.
    pub sessions: Vec<u64>,
    /// Their spans.
    pub spans: Vec<u64>,
    /// Spans among them that failed.
    pub errors: Vec<u64>,
}

impl Activity {
    pub(crate) fn empty(buckets: &Buckets) -> Self {
        Self {
            from_us: buckets.from_us,
            bucket_us: buckets.bucket_us(),
            sessions: vec![0; buckets.count],
            spans: vec![0; buckets.count],
            errors: vec![0; buckets.count],
        }
    }
}

/// What was used over time, of one model, agent or user.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Series {
    /// The model, agent or user; empty for all.
    pub key: String,
    /// Calls of models.
    pub calls: Vec<u64>,
    /// Those that failed.
    pub errors: Vec<u64>,
    /// Tokens in.
    pub input_tokens: Vec<u64>,
    /// Tokens out.
    pub output_tokens: Vec<u64>,
    /// Tokens in that were cached.
    pub cached_tokens: Vec<u64>,
    /// What they cost.
    pub cost: Vec<f64>,
}

/// What was used in all.
#[derive(Clone, Debug, Default, Serialize)]
pub struct UsageTotals {
    /// Calls of models.
    pub calls: u64,
    /// Those that failed.
    pub errors: u64,
    /// Tokens in.
    pub input_tokens: u64,
    /// Tokens out.
    pub output_tokens: u64,
    /// Tokens in that were cached.
    pub cached_tokens: u64,
    /// What they cost.
    pub cost: f64,
    /// What calls cost that had been tried before.
    pub retries_cost: f64,
    /// What sessions cost that failed.
    pub failed_sessions_cost: f64,
}

/// What was used over time.
#[derive(Clone, Debug, Serialize)]
pub struct Usage {
    /// When the first bucket begins.
    pub from_us: i64,
    /// How long each is.
    pub bucket_us: i64,
    /// By model, agent or user; the most expensive first.
    pub series: Vec<Series>,
    /// In all.
    pub totals: UsageTotals,
}

/// How long calls took, of one model, tool or agent.
#[derive(Clone, Debug, Serialize)]
pub struct LatencyRow {
    /// The model, tool or agent.
    pub key: String,
    /// Calls.
    pub count: u64,
    /// Those that failed.
    pub errors: u64,
    /// Half of them took at most so long.
    pub p50_us: u64,
    /// Nine of ten.
    pub p90_us: u64,
    /// All but one of a hundred.
    pub p99_us: u64,
    /// Half of them had their first chunk after so long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttft_p50_us: Option<u64>,
    /// All but one of a hundred.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttft_p99_us: Option<u64>,
}

/// What a store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StoreStats {
    /// `sqlite` or `memory`.
    pub kind: &'static str,
    /// Bytes, on disk or in memory.
    pub bytes: u64,
    /// Sessions.
    pub sessions: u64,
    /// Spans.
    pub spans: u64,
    /// Spans and log records that came twice, and are kept once.
    pub duplicates: u64,
    /// Log records and spans of no session, which are not kept.
    pub of_no_session: u64,
}
