//! How long the chunks of a stream came after one another.
//!
//! Holds: a sum and a count for each bucket that the conventions give the metric of it, however long the stream
//! is. Never waits. Loses: where in its bucket a pause was; what is told is the mean of each bucket.

use std::time::Duration;

/// The upper ends of the buckets, in milliseconds; the last has none (semantic conventions 1.41.1, "Metric:
/// `gen_ai.client.operation.time_per_output_chunk`").
const ENDS: [u64; 13] = [
    10, 25, 50, 75, 100, 150, 200, 300, 400, 500, 750, 1_000, 2_500,
];

/// The pauses of one stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pace {
    buckets: [Bucket; ENDS.len() + 1],
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    sum: Duration,
    chunks: u64,
}

impl Pace {
    /// So many chunks came so long after the one before each of them.
    pub(crate) fn add(&mut self, pause: Duration, chunks: u64) {
        let is_within = |end: &u64| pause <= Duration::from_millis(*end);
        let bucket = ENDS.iter().position(is_within).unwrap_or(ENDS.len());
        let bucket = &mut self.buckets[bucket];
        bucket.sum = bucket.sum.saturating_add(pause);
        bucket.chunks += chunks;
    }

    /// The mean of each bucket, and how many chunks it stands for. The mean is in the same bucket.
    pub(crate) fn means(&self) -> Vec<(Duration, u64)> {
        let told = self.buckets.iter().filter(|it| it.chunks > 0);
        told.map(|it| {
            let nanos = it.sum.as_nanos() / u128::from(it.chunks);
            let nanos = u64::try_from(nanos).unwrap_or(u64::MAX);
            (Duration::from_nanos(nanos), it.chunks)
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bucket(pause: Duration) -> usize {
        let bound = |end: &u64| pause <= Duration::from_millis(*end);
        ENDS.iter().position(bound).unwrap_or(ENDS.len())
    }

    proptest! {
        /// Whatever the pauses were, each is counted in its own bucket, and their sum is kept.
        #[test]
        fn every_pause_counts_in_its_bucket(pauses in prop::collection::vec(0..3_000_000_000u64, 0..50)) {
            let mut pace = Pace::default();
            let mut expected = [0u64; ENDS.len() + 1];
            for nanos in &pauses {
                let pause = Duration::from_nanos(*nanos);
                pace.add(pause, 1);
                expected[bucket(pause)] += 1;
            }
            let mut told = [0u64; ENDS.len() + 1];
            let mut sum = 0;
            for (mean, chunks) in pace.means() {
                told[bucket(mean)] += chunks;
                sum += mean.as_nanos() as u64 * chunks;
            }
            prop_assert_eq!(told, expected);
            let exactly: u64 = pauses.iter().sum();
            prop_assert!(sum <= exactly && exactly - sum <= pauses.len() as u64);
        }
    }

    /// Pauses at the end of a bucket belong to it, as in a histogram of OpenTelemetry.
    #[test]
    fn the_end_of_a_bucket_belongs_to_it() {
        let mut pace = Pace::default();
        pace.add(Duration::from_millis(10), 1);
        pace.add(Duration::from_nanos(10_000_001), 1);
        pace.add(Duration::from_secs(60), 1);
        pace.add(Duration::ZERO, 2);
        let told = pace.means();
        let counts: Vec<u64> = told.iter().map(|(_, chunks)| *chunks).collect();
        assert_eq!(counts, [3, 1, 1]);
        assert_eq!(told[2].0, Duration::from_secs(60));
    }
}
