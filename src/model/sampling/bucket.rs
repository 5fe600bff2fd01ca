//! Token buckets that lend, so that what they keep is an unbiased sample. Pure; times are given.
//!
//! Holds: for a rate per key, at most [`KEYS`] buckets. Loses: nothing; a bucket that is full again is
//! the same as a new one, and is forgotten where room is wanted.

use std::collections::HashMap;

use super::policy::{Per, Rate, Unit};
use crate::model::about::About;

/// How many keys of a rate are told apart.
const KEYS: usize = 4096;

/// The lowest probability: e^-24, about 4e-11. It is never zero, for what has no chance has no weight
/// either.
const DEEPEST: f64 = -24.0;

/// How often room is made among them, at the most: a look at all of them takes microseconds.
const SWEEP_NS: u64 = 1_000_000_000;

/// A rate with its buckets.
#[derive(Debug)]
pub(super) struct Buckets {
    per_ns: f64,
    burst: f64,
    /// How much lent divides the probability by e.
    scale: f64,
    pub(super) unit: Unit,
    per: Option<Per>,
    /// The bucket of all, and of those beyond [`KEYS`].
    common: Bucket,
    keyed: HashMap<Box<str>, Bucket>,
    /// When full buckets were last looked for.
    swept_ns: u64,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    level: f64,
    at_ns: u64,
}

impl Buckets {
    pub(super) fn new(rate: &Rate) -> Self {
        let burst = rate.burst.unwrap_or(rate.count).max(1.0);
        Self {
            per_ns: rate.count / rate.every.as_nanos().max(1) as f64,
            burst,
            scale: (burst / 8.0).max(1.0),
            unit: rate.unit,
            per: rate.per,
            common: Bucket {
                level: burst,
                at_ns: 0,
            },
            keyed: HashMap::new(),
            swept_ns: 0,
        }
    }

    /// With what probability the next session is kept.
    pub(super) fn probability(&mut self, about: &About, now_ns: u64) -> f64 {
        let (floor, scale) = (DEEPEST * self.scale, self.scale);
        let level = self.bucket(about, now_ns).level;
        if level >= 1.0 {
            1.0
        } else {
            ((level - 1.0).max(floor) / scale).exp()
        }
    }

    /// Takes what a kept session costs.
    pub(super) fn charge(&mut self, about: &About, spans: u64, now_ns: u64) {
        let cost = match self.unit {
            Unit::Sessions => 1.0,
            Unit::Spans => spans.max(1) as f64,
        };
        let floor = DEEPEST * self.scale;
        let bucket = self.bucket(about, now_ns);
        bucket.level = (bucket.level - cost).max(floor);
    }

    /// The bucket of a session, filled up to now.
    fn bucket(&mut self, about: &About, now_ns: u64) -> &mut Bucket {
        let key = match self.per {
            None => None,
            Some(Per::Agent) => about.agent.as_deref(),
            Some(Per::User) => about.user.as_deref(),
            Some(Per::Tag) => about.tags.first().map(|tag| &**tag),
        };
        let (per_ns, burst) = (self.per_ns, self.burst);
        let bucket = match key {
            Some(key) if self.keyed.contains_key(key) || self.has_room(now_ns) => {
                let new = Bucket {
                    level: burst,
                    at_ns: now_ns,
                };
                // Looked up by reference first: a known key is not copied.
                if !self.keyed.contains_key(key) {
                    self.keyed.insert(key.into(), new);
                }
                self.keyed.get_mut(key).unwrap_or(&mut self.common)
            }
            _ => &mut self.common,
        };
        bucket.fill(per_ns, burst, now_ns);
        bucket
    }

    /// Whether one more key can be told apart.
    fn has_room(&mut self, now_ns: u64) -> bool {
        let since = now_ns.saturating_sub(self.swept_ns);
        if self.keyed.len() >= KEYS && since >= SWEEP_NS {
            self.swept_ns = now_ns;
            let (per_ns, burst) = (self.per_ns, self.burst);
            self.keyed.retain(|_, bucket| {
                bucket.fill(per_ns, burst, now_ns);
                bucket.level < burst
            });
        }
        self.keyed.len() < KEYS
    }
}

impl Bucket {
    /// A clock that goes back fills nothing.
    fn fill(&mut self, per_ns: f64, burst: f64, now_ns: u64) {
        let passed = now_ns.saturating_sub(self.at_ns) as f64;
        self.level = (self.level + passed * per_ns).min(burst);
        self.at_ns = self.at_ns.max(now_ns);
    }
}
