//! The bridge from the receiver to whatever keeps or passes on what was received.

use std::time::Duration;

use bytes::Bytes;
use spanreel::Signal;

/// Takes whole OTLP requests. One value serves all connections at once.
pub trait Take: Send + Sync + 'static {
    /// Judges one request and takes what it can of it.
    ///
    /// `request` is an `ExportTraceServiceRequest`, `ExportLogsServiceRequest` or
    /// `ExportMetricsServiceRequest` in wire form, as `signal` says, or claims to be: its bytes
    /// have not been looked at, unless they came as JSON.
    ///
    /// The client is answered when the future ends. When the client goes away, or a stop runs out
    /// of time, the future is dropped: what was taken by then may be sent a second time.
    fn take(&self, signal: Signal, request: Bytes) -> impl Future<Output = Taken> + Send;
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Taken {
    /// All of it was taken.
    Accepted {
        /// How many spans, log records or data points it held.
        items: u64,
    },
    /// A part of it was taken; the rest never will be. The client must not send it again.
    Partial {
        /// How many items were taken.
        accepted: u64,
        /// How many items were not. Zero with a message is a warning.
        rejected: u64,
        /// Why, in words for the operator of the client.
        message: String,
    },
    /// It is no OTLP request, and never will be: says what is wrong, and where.
    Malformed(String),
    /// It is larger than can ever be taken: says what the bound is.
    TooLarge(String),
    /// Nothing here takes this signal, and never will: says so in words for the operator.
    NotTaken(String),
    /// There is no room now; the client may send it again.
    Full {
        /// After which time. Told in whole seconds over HTTP, one at least.
        retry_after: Duration,
    },
    /// The taker has been shut down; the client may try elsewhere, or later.
    Closed,
}
