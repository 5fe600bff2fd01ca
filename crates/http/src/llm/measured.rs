//! What is measured of calls, for metrics: whatever sampling decides of their spans.
//!
//! Holds: who is told. Waits: never. Loses: what a listener that panics did not take.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use spanreel::{TraceId, Usage};

/// A call that has ended, as metrics see it: names of low cardinality, and numbers.
///
/// Whatever is `None` is unknown, and must not be reported as 0 (semantic conventions 1.41.1, "Metric:
/// `gen_ai.client.token.usage`").
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Measured<'a> {
    /// The trace of the session that it was made for.
    pub trace_id: TraceId,
    /// `gen_ai.operation.name`.
    pub operation: &'a str,
    /// `gen_ai.provider.name`.
    pub provider: &'a str,
    /// `gen_ai.request.model`.
    pub request_model: Option<&'a str>,
    /// `gen_ai.response.model`.
    pub response_model: Option<&'a str>,
    /// `server.address`.
    pub server_address: Option<&'a str>,
    /// `server.port`, where the request names one.
    pub server_port: Option<u16>,
    /// `error.type`, where it failed.
    pub error_type: Option<&'a str>,
    /// Its tokens.
    pub usage: Usage,
    /// What it cost in US dollars.
    pub cost: Option<f64>,
    /// From the request to the end of the answer.
    pub took: Duration,
    /// From the request to the first chunk of a stream.
    pub first_chunk: Option<Duration>,
    /// Chunks of a stream; 0 where there was none.
    pub chunks: u64,
    /// From the first chunk to the last.
    pub streamed: Duration,
    /// How long chunks came after the one before them, and how many did so: a mean for each bucket that the
    /// conventions give `gen_ai.client.operation.time_per_output_chunk`. Chunks that came in one piece came
    /// after one another without a pause.
    pub pauses: &'a [(Duration, u64)],
    /// Whether its span is recorded: who measures spans too sees it there once more.
    pub is_recorded: bool,
}

/// Who is told of each call that has ended.
#[derive(Clone)]
pub(crate) struct Listener(Arc<dyn Fn(&Measured<'_>) + Send + Sync>);

impl Listener {
    pub(crate) fn new(listener: impl Fn(&Measured<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(listener))
    }

    /// Tells it. That it panics costs that call's numbers alone.
    pub(crate) fn tell(&self, call: &Measured<'_>) {
        if catch_unwind(AssertUnwindSafe(|| (self.0)(call))).is_err() {
            tracing::warn!(target: "spanreel", "what measures calls of models has panicked");
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}
