//! How sessions live and end, and what happens when the pipeline is full.

use std::time::Duration;

use super::delegation::config::DelegationConfig;
use crate::model::byte_size::ByteSize;
use crate::model::hash_key::HashKey;

/// How long and how large a session may grow, and what is known of it while it is open.
///
/// A session that reaches `max_age`, `max_spans` or `max_bytes` goes on in a next segment, linked
/// to the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionConfig {
    /// How long nothing may come before the session is ended as incomplete, to one or two seconds (to ten and more
    /// where a hundred thousand are open: looking at all of them takes no more than a hundredth of a core). What
    /// counts is when a span or log record comes, not the time that it tells. Default: 1 h.
    pub idle_timeout: Duration,
    /// The age at which it goes on in a next segment. Default: 24 h.
    pub max_age: Duration,
    /// The ended spans after which it goes on in a next segment. Default: 100,000; at least 1.
    pub max_spans: u64,
    /// The bytes of ended spans and log records after which it goes on in a next segment.
    /// Default: 256 MiB; at least `limits.span_bytes`.
    pub max_bytes: ByteSize,
    /// How long ended spans of a session wait for more before they are passed on, at most: those of a session
    /// that is quiet and that nobody judges are passed on with those of others, mostly sooner.
    /// Default: 500 ms; with a spool that everything is written to
    /// ([`SpoolMode::Always`](crate::SpoolMode::Always)) 20 ms at most.
    pub linger: Duration,
    /// Which events are recorded about sessions and spans that have begun. Default: none.
    pub events: SessionEvents,
    /// How long delegations may be in flight, and what is told of them meanwhile.
    pub delegations: DelegationConfig,
    /// Declares session ids sensitive: they are exported as keyed hashes (HMAC-SHA-256, cut to 16
    /// bytes), so that nobody without the key can find out an id by trying. Default: none, ids are
    /// exported as they are.
    pub hash_key: Option<HashKey>,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(60 * 60),
            max_age: Duration::from_secs(24 * 60 * 60),
            max_spans: 100_000,
            max_bytes: ByteSize::mib(256),
            linger: Duration::from_millis(500),
            events: SessionEvents::default(),
            delegations: DelegationConfig::default(),
            hash_key: None,
        }
    }
}

/// Which event log records are written about sessions, for viewers that want to see what is still
/// open. All off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionEvents {
    /// `session.start` and `session.end`.
    pub session: bool,
    /// One record when a span begins.
    pub span_start: bool,
}

/// What happens to ended spans and log records when the pipeline has no room for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// They are dropped and booked as `queue_full`; nobody waits.
    #[default]
    DropNewest,
    /// They stay in the session, up to its share of the budget, and a host that awaits
    /// `session.ready()` waits until there is room. A host that never awaits it never waits, and
    /// loses what exceeds that share. With several exporters, one that falls behind by its share of
    /// the budget still loses what it cannot take (`lane_full`), rather than hold up the others.
    Block,
}
