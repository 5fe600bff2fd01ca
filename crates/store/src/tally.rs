//! What calls used in one stretch of time: sums, and how long they took in buckets.

use serde::{Deserialize, Deserializer, Serialize};

use crate::facts::{Bones, Facts};
use crate::wire::{put_varint, take_varint};

/// How long things took: counts in buckets, eight for each doubling, so that a quantile is off by 9 % at the
/// most.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Histogram(Vec<(u32, u64)>);

/// The bucket of a duration.
fn bucket(us: u64) -> u32 {
    if us < 8 {
        return us as u32;
    }
    let doubling = us.ilog2();
    (doubling - 2) * 8 + ((us >> (doubling - 3)) & 7) as u32
}

/// The largest duration in a bucket.
fn bound(bucket: u32) -> u64 {
    if bucket < 8 {
        return bucket.into();
    }
    let doubling = bucket / 8 + 2;
    let within = u64::from(bucket % 8) + 9;
    // The last bucket ends where numbers do.
    (u128::from(within) << (doubling - 3))
        .saturating_sub(1)
        .min(u64::MAX.into()) as u64
}

impl Histogram {
    pub(crate) fn note(&mut self, us: u64) {
        self.add(bucket(us), 1);
    }

    fn add(&mut self, bucket: u32, count: u64) {
        match self.0.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(at) => self.0[at].1 += count,
            Err(at) => self.0.insert(at, (bucket, count)),
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.0 {
            self.add(*bucket, *count);
        }
    }

    /// Takes away what was added before.
    pub(crate) fn take(&mut self, other: &Self) {
        for (bucket, count) in &other.0 {
            if let Ok(at) = self.0.binary_search_by_key(bucket, |(bucket, _)| *bucket) {
                self.0[at].1 = self.0[at].1.saturating_sub(*count);
            }
        }
        self.0.retain(|(_, count)| *count > 0);
    }

    /// The bound that this share of them stayed within.
    pub(crate) fn quantile(&self, share: f64) -> Option<u64> {
        let total: u64 = self.0.iter().map(|(_, count)| count).sum();
        let wanted = ((total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        self.0.iter().find_map(|(bucket, count)| {
            seen += count;
            (seen >= wanted).then(|| bound(*bucket))
        })
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (bucket, count) in &self.0 {
            put_varint(&mut bytes, u64::from(*bucket));
            put_varint(&mut bytes, *count);
        }
        bytes
    }

    /// What was written; what is broken ends it.
    pub(crate) fn from_bytes(mut bytes: &[u8]) -> Self {
        let mut histogram = Self::default();
        while let Some(bucket) = take_varint(&mut bytes) {
            let (Ok(bucket), Some(count)) = (u32::try_from(bucket), take_varint(&mut bytes)) else {
                break;
            };
            histogram.add(bucket.min(511), count);
        }
        histogram
    }
}

/// JSON has no number for what is beyond all of them, which versions before could add up to: they wrote `null`.
fn known_or_zero<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(from)?.unwrap_or_default())
}

/// Sums over calls.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sums {
    pub(crate) calls: u64,
    pub(crate) errors: u64,
    pub(crate) input: u64,
    pub(crate) output: u64,
    pub(crate) cached: u64,
    #[serde(deserialize_with = "known_or_zero")]
    pub(crate) cost: f64,
    #[serde(deserialize_with = "known_or_zero")]
    pub(crate) retries_cost: f64,
    pub(crate) took: Histogram,
    pub(crate) first_chunk: Histogram,
}

impl Sums {
    pub(crate) fn note(&mut self, bones: &Bones<'_>, facts: &Facts<'_>) {
        let (tokens, cost) = (facts.tokens(), facts.cost().unwrap_or_default());
        self.calls += 1;
        self.errors += u64::from(bones.is_error());
        self.add_tokens(
            tokens.input.unwrap_or_default(),
            tokens.output.unwrap_or_default(),
            tokens.cached.unwrap_or_default(),
        );
        self.cost += cost;
        if facts.retry.is_some_and(|times| times > 0) {
            self.retries_cost += cost;
        }
        self.took
            .note((bones.end_us - bones.start_us).max(0) as u64);
        if let Some(us) = facts.ttft_us {
            self.first_chunk.note(us);
        }
    }

    fn add_tokens(&mut self, input: u64, output: u64, cached: u64) {
        self.input = self.input.saturating_add(input);
        self.output = self.output.saturating_add(output);
        self.cached = self.cached.saturating_add(cached);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.calls += other.calls;
        self.errors += other.errors;
        self.add_tokens(other.input, other.output, other.cached);
        self.cost += other.cost;
        self.retries_cost += other.retries_cost;
        self.took.merge(&other.took);
        self.first_chunk.merge(&other.first_chunk);
    }

    /// Takes away what was added before.
    pub(crate) fn take(&mut self, other: &Self) {
        self.calls = self.calls.saturating_sub(other.calls);
        self.errors = self.errors.saturating_sub(other.errors);
        self.input = self.input.saturating_sub(other.input);
        self.output = self.output.saturating_sub(other.output);
        self.cached = self.cached.saturating_sub(other.cached);
        self.cost = (self.cost - other.cost).max(0.0);
        self.retries_cost = (self.retries_cost - other.retries_cost).max(0.0);
        self.took.take(&other.took);
        self.first_chunk.take(&other.first_chunk);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A quantile is at most an eighth above what was noted, and never below.
    #[test]
    fn a_quantile_is_close_to_what_was_noted() {
        for us in [0, 1, 7, 8, 9, 100, 12_345, 1 << 40, u64::MAX] {
            let mut histogram = Histogram::default();
            histogram.note(us);
            let found = histogram.quantile(0.5).expect("one was noted");
            assert!(found >= us && found - us <= us / 8, "{us} {found}");
        }
        assert_eq!(Histogram::default().quantile(0.5), None);
    }

    /// A histogram is read as it was written, and two of them are one.
    #[test]
    fn a_histogram_is_read_as_it_was_written() {
        let mut histogram = Histogram::default();
        for us in 0..1000 {
            histogram.note(us * us);
        }
        let again = Histogram::from_bytes(&histogram.to_bytes());
        assert_eq!(again, histogram);
        histogram.merge(&again);
        assert_eq!(histogram.quantile(0.9), again.quantile(0.9));
    }
}
