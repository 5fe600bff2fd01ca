//! How sessions behave.

use std::fmt;
use std::time::Duration;

/// What happens to a sealed chunk that the pipeline has no room for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// It is refused, and its spans are booked as [`QueueFull`](crate::Fate::QueueFull).
    #[default]
    DropNewest,
    /// It is put aside in its session, and [`Session::ready`](crate::Session::ready) waits until it
    /// fits. A host that awaits `ready` between turns loses nothing; ending a span never waits.
    Block,
}

/// How sessions live and end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionConfig {
    /// A session in which no span starts or ends for this long ends as incomplete. Default: 1 h.
    pub idle_timeout: Duration,
    /// A session older than this rolls over into its next segment. Default: 24 h.
    pub max_age: Duration,
    /// A session with more spans than this rolls over. Default: 100,000.
    pub max_spans: u64,
    /// A session with more bytes of spans than this rolls over. Default: 256 MiB.
    pub max_bytes: u64,
    /// How long ended spans wait in their session for company. Default: 500 ms.
    pub linger: Duration,
    /// Which log records sessions write about themselves. Default: none.
    pub events: SessionEvents,
    /// Declares session ids sensitive: they are exported as keyed hashes (HMAC-SHA-256, cut to 16
    /// bytes). Default: none, ids are exported as they are.
    pub hash_key: Option<HashKey>,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(3600),
            max_age: Duration::from_secs(24 * 3600),
            max_spans: 100_000,
            max_bytes: 256 << 20,
            linger: Duration::from_millis(500),
            events: SessionEvents::default(),
            hash_key: None,
        }
    }
}

/// Log records that sessions write about themselves, for viewers that want to see what is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionEvents {
    /// `session.start` and `session.end` (OpenTelemetry semantic conventions, "Session").
    pub session: bool,
    /// `spanreel.span.start`, at the start of each span.
    pub span_start: bool,
}

/// A secret key. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct HashKey(Box<[u8]>);

impl HashKey {
    /// A key of these bytes; 32 random bytes are a good one.
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Self {
        Self(bytes.into())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(..)")
    }
}
