//! What a receiver has seen: counted as it happens, read at any time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use spanreel::Signal;

use crate::wire::protocol::Wire;

use super::budget::Budget;
use super::refusal::Outcome;

/// What a receiver has seen so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    requests: [[u64; Outcome::ALL.len()]; Wire::ALL.len()],
    items: [u64; Signal::ALL.len()],
    /// Items of partly taken requests that were not taken.
    pub rejected: u64,
    /// Bytes of all request bodies as they came over the wire: packed, and with gRPC's five bytes
    /// per message, but without headers and HTTP/2 frames.
    pub wire_bytes: u64,
    /// Bytes of all requests that were read to their end, unpacked, and in protobuf.
    pub request_bytes: u64,
    /// What requests under way hold of the budget now, in bytes.
    pub held_bytes: usize,
    /// The most that they ever held at once.
    pub held_peak: usize,
    /// What became of connections.
    pub connections: ConnectionStats,
}

/// What became of connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionStats {
    /// How many are open now.
    pub open: u64,
    /// How many were taken since the start.
    pub accepted: u64,
    /// How many were closed at once because too many were open.
    pub over_limit: u64,
    /// How many sent nothing, or idled until they were closed.
    pub idle: u64,
    /// How many TLS handshakes failed or took too long.
    pub handshake_failed: u64,
    /// How many spoke plain HTTP where TLS is spoken.
    pub plain_to_tls: u64,
    /// How many spoke TLS where plain HTTP is spoken.
    pub tls_to_plain: u64,
    /// How many broke a rule of HTTP, flooded, or broke off.
    pub broken: u64,
    /// How many were cut off because a stop ran out of time.
    pub cut: u64,
}

impl ConnectionStats {
    /// Those that went wrong, by the reason as metrics and the page name it.
    pub(crate) fn by_reason(&self) -> [(&'static str, u64); 7] {
        [
            ("over_limit", self.over_limit),
            ("idle", self.idle),
            ("handshake_failed", self.handshake_failed),
            ("plain_to_tls", self.plain_to_tls),
            ("tls_to_plain", self.tls_to_plain),
            ("broken", self.broken),
            ("cut", self.cut),
        ]
    }
}

impl Stats {
    /// How many requests of this protocol ended so. Requests whose content type says nothing count
    /// as `http/protobuf`.
    #[must_use]
    pub fn requests(&self, wire: Wire, outcome: Outcome) -> u64 {
        self.requests[wire as usize][outcome as usize]
    }

    /// How many requests ended so, over all protocols.
    #[must_use]
    pub fn total(&self, outcome: Outcome) -> u64 {
        let of = |wire: &[u64; Outcome::ALL.len()]| wire[outcome as usize];
        self.requests.iter().map(of).sum()
    }

    /// How many items of this signal were taken.
    #[must_use]
    pub fn items(&self, signal: Signal) -> u64 {
        self.items[signal as usize]
    }
}

/// Reads the stats of a receiver that is running. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct StatsReader {
    counters: Arc<Counters>,
    budget: Arc<Budget>,
}

impl StatsReader {
    pub(crate) fn new(counters: Arc<Counters>, budget: Arc<Budget>) -> Self {
        Self { counters, budget }
    }

    /// What the receiver has seen so far. The numbers are read one after the other.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let counters = &*self.counters;
        let connections = &counters.connections;
        Stats {
            requests: counters
                .requests
                .each_ref()
                .map(|wire| wire.each_ref().map(read)),
            items: counters.items.each_ref().map(read),
            rejected: read(&counters.rejected),
            wire_bytes: read(&counters.wire_bytes),
            request_bytes: read(&counters.request_bytes),
            held_bytes: self.budget.held(),
            held_peak: self.budget.peak(),
            connections: ConnectionStats {
                open: read(&connections.open),
                accepted: read(&connections.accepted),
                over_limit: read(&connections.over_limit),
                idle: read(&connections.idle),
                handshake_failed: read(&connections.handshake_failed),
                plain_to_tls: read(&connections.plain_to_tls),
                tls_to_plain: read(&connections.tls_to_plain),
                broken: read(&connections.broken),
                cut: read(&connections.cut),
            },
        }
    }
}

/// What connections and requests write.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    requests: [[AtomicU64; Outcome::ALL.len()]; Wire::ALL.len()],
    items: [AtomicU64; Signal::ALL.len()],
    rejected: AtomicU64,
    wire_bytes: AtomicU64,
    request_bytes: AtomicU64,
    pub(crate) connections: ConnectionCounters,
}

/// See [`ConnectionStats`].
#[derive(Debug, Default)]
pub(crate) struct ConnectionCounters {
    pub(crate) open: AtomicU64,
    pub(crate) accepted: AtomicU64,
    pub(crate) over_limit: AtomicU64,
    pub(crate) idle: AtomicU64,
    pub(crate) handshake_failed: AtomicU64,
    pub(crate) plain_to_tls: AtomicU64,
    pub(crate) tls_to_plain: AtomicU64,
    pub(crate) broken: AtomicU64,
    pub(crate) cut: AtomicU64,
}

impl Counters {
    pub(crate) fn open_connections(&self) -> u64 {
        read(&self.connections.open)
    }

    pub(crate) fn ended(&self, wire: Wire, outcome: Outcome) {
        add(&self.requests[wire as usize][outcome as usize], 1);
    }

    pub(crate) fn taken(&self, signal: Signal, items: u64, rejected: u64) {
        add(&self.items[signal as usize], items);
        add(&self.rejected, rejected);
    }

    pub(crate) fn wire(&self, bytes: usize) {
        add(&self.wire_bytes, bytes as u64);
    }

    pub(crate) fn request(&self, bytes: usize) {
        add(&self.request_bytes, bytes as u64);
    }
}

/// Counts a connection as open until it is dropped.
#[derive(Debug)]
pub(crate) struct OpenConnection {
    counters: Arc<Counters>,
    /// Whether it has ended by itself, well or not.
    ended: bool,
}

impl OpenConnection {
    pub(crate) fn new(counters: Arc<Counters>) -> Self {
        add(&counters.connections.accepted, 1);
        add(&counters.connections.open, 1);
        Self {
            counters,
            ended: false,
        }
    }

    pub(crate) fn end(mut self) {
        self.ended = true;
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.counters
            .connections
            .open
            .fetch_sub(1, Ordering::Relaxed);
        if !self.ended {
            add(&self.counters.connections.cut, 1);
        }
    }
}

/// Counts a request as cut off if it is dropped before it is settled.
#[derive(Debug)]
pub(crate) struct Underway<'a> {
    counters: &'a Counters,
    wire: Wire,
    outcome: Outcome,
}

impl<'a> Underway<'a> {
    pub(crate) fn new(counters: &'a Counters, wire: Wire) -> Self {
        Self {
            counters,
            wire,
            outcome: Outcome::Cut,
        }
    }

    pub(crate) fn settle(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        self.counters.ended(self.wire, self.outcome);
    }
}

pub(crate) fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
