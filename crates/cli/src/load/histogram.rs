//! Latencies as a histogram: recorded apart in each task, merged at the end.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// The longest latency that is told apart from longer ones.
const MAX: Duration = Duration::from_secs(3_600);

/// A histogram of latencies from 1 ns to one hour, each known to 1 %. Longer ones count as one
/// hour. Takes about 30 KiB when it is full of different values.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

/// The percentiles of a [`Latencies`] that reports show. In JSON: nanoseconds under the keys
/// `p50`, `p90`, `p99`, `p999` and `max`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it: half were at most p50")]
pub struct Percentiles {
    #[serde(serialize_with = "as_nanos")]
    pub p50: Duration,
    #[serde(serialize_with = "as_nanos")]
    pub p90: Duration,
    #[serde(serialize_with = "as_nanos")]
    pub p99: Duration,
    #[serde(serialize_with = "as_nanos")]
    pub p999: Duration,
    #[serde(serialize_with = "as_nanos")]
    pub max: Duration,
}

fn as_nanos<S: serde::Serializer>(latency: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(nanos(*latency))
}

/// All of a latency up to [`MAX`], which fits a `u64` 5,000 times.
fn nanos(latency: Duration) -> u64 {
    u64::try_from(latency.min(MAX).as_nanos()).expect("one hour fits")
}

impl Latencies {
    /// An empty histogram.
    #[must_use]
    pub fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, nanos(MAX), 2);
        Self(histogram.expect("bounds that are constant and right"))
    }

    /// Takes in one latency.
    #[inline]
    pub fn record(&mut self, latency: Duration) {
        self.0.saturating_record(nanos(latency));
    }

    /// Takes in all that another has recorded.
    pub fn merge(&mut self, other: &Self) {
        self.0.add(&other.0).expect("both have the same bounds");
    }

    /// How many latencies it holds.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// Forgets all latencies and keeps the memory.
    pub fn clear(&mut self) {
        self.0.reset();
    }

    /// What reports show; `None` when nothing was recorded, which is not the same as zero.
    #[must_use]
    pub fn percentiles(&self) -> Option<Percentiles> {
        if self.0.is_empty() {
            return None;
        }
        let at = |quantile| Duration::from_nanos(self.0.value_at_quantile(quantile));
        Some(Percentiles {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: Duration::from_nanos(self.0.max()),
        })
    }
}

impl Default for Latencies {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Latencies recorded in several tasks give the percentiles of them all, to 1 %.
    #[test]
    fn merged_histograms_give_the_percentiles_of_all() {
        let mut tasks = vec![Latencies::new(); 4];
        for micros in 1..=10_000 {
            tasks[micros % 4].record(Duration::from_micros(micros as u64));
        }
        let mut all = Latencies::new();
        for task in &tasks {
            all.merge(task);
        }
        assert_eq!(all.count(), 10_000);
        let found = all.percentiles().unwrap();
        for (found, micros) in [
            (found.p50, 5_000.0),
            (found.p90, 9_000.0),
            (found.p99, 9_900.0),
            (found.p999, 9_990.0),
            (found.max, 10_000.0),
        ] {
            let ratio = found.as_secs_f64() * 1e6 / micros;
            assert!((0.99..1.01).contains(&ratio), "{found:?} for {micros} us");
        }
        all.clear();
        assert_eq!(all.percentiles(), None);
    }

    /// Nothing that a clock can give is lost: zero and days are counted.
    #[test]
    fn latencies_out_of_bounds_count_as_the_nearest_bound() {
        let mut latencies = Latencies::new();
        latencies.record(Duration::ZERO);
        latencies.record(Duration::MAX);
        assert_eq!(latencies.count(), 2);
        let max = latencies.percentiles().unwrap().max;
        assert!((3_500..=3_640).contains(&max.as_secs()), "{max:?}");
    }
}
