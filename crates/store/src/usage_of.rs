//! Puts sums together to what is answered.

use std::collections::HashMap;

use crate::answer::{LatencyRow, Series, Usage, UsageTotals};
use crate::query::Buckets;
use crate::tally::Sums;

/// How many series are told apart; the rest is one of its own.
const MOST_SERIES: usize = 20;

/// What the rest is called.
pub(crate) const REST: &str = "(others)";

/// How much was used under each name of a stretch: what is known before any series is begun, so that however many
/// names there are, no more than [`MOST_SERIES`] series are held.
pub(crate) struct Sizes {
    buckets: Buckets,
    /// Cost and calls.
    sizes: HashMap<String, (f64, u64)>,
}

/// The bucket of a stretch that begins then: one that reaches into the first is part of it.
fn bucket(buckets: &Buckets, begin_us: i64) -> Option<usize> {
    buckets.index(begin_us.max(buckets.from_us))
}

impl Sizes {
    pub(crate) fn new(buckets: Buckets) -> Self {
        let sizes = HashMap::new();
        Self { buckets, sizes }
    }

    /// Adds the sums of a stretch.
    pub(crate) fn add(&mut self, key: &str, begin_us: i64, sums: &Sums) {
        if bucket(&self.buckets, begin_us).is_none() {
            return;
        }
        let size = match self.sizes.get_mut(key) {
            Some(size) => size,
            None => self.sizes.entry(key.to_owned()).or_default(),
        };
        size.0 += sums.cost;
        add(&mut size.1, sums.calls);
    }

    /// The names that have series of their own, in their order: the largest first.
    pub(crate) fn largest(self) -> Vec<String> {
        let mut sizes: Vec<(String, (f64, u64))> = self.sizes.into_iter().collect();
        sizes.sort_unstable_by(|(one_key, one), (other_key, other)| {
            let by_cost = other.0.total_cmp(&one.0);
            by_cost
                .then(other.1.cmp(&one.1))
                .then_with(|| one_key.cmp(other_key))
        });
        if sizes.len() > MOST_SERIES {
            sizes.truncate(MOST_SERIES - 1);
        }
        sizes.into_iter().map(|(key, _)| key).collect()
    }
}

/// Sums in buckets, by name.
pub(crate) struct SumsInTime {
    buckets: Buckets,
    /// Where in `series` a name has its own; all others are in the one behind those.
    places: HashMap<String, usize>,
    series: Vec<Series>,
    totals: UsageTotals,
}

fn empty(key: &str, count: usize) -> Series {
    Series {
        key: key.to_owned(),
        calls: vec![0; count],
        errors: vec![0; count],
        input_tokens: vec![0; count],
        output_tokens: vec![0; count],
        cached_tokens: vec![0; count],
        cost: vec![0.0; count],
    }
}

fn add(sum: &mut u64, more: u64) {
    *sum = sum.saturating_add(more);
}

impl SumsInTime {
    /// Nothing yet, with series for these names.
    pub(crate) fn new(buckets: Buckets, names: Vec<String>) -> Self {
        let series = names.iter().map(|key| empty(key, buckets.count)).collect();
        let places = names.into_iter().enumerate();
        Self {
            buckets,
            places: places.map(|(place, key)| (key, place)).collect(),
            series,
            totals: UsageTotals::default(),
        }
    }

    /// Adds the sums of a stretch to the series of their name, or of all others.
    pub(crate) fn add(&mut self, key: &str, begin_us: i64, sums: &Sums) {
        let Some(bucket) = bucket(&self.buckets, begin_us) else {
            return;
        };
        let place = self.places.get(key).copied().unwrap_or(self.places.len());
        if place == self.series.len() {
            self.series.push(empty(REST, self.buckets.count));
        }
        let series = &mut self.series[place];
        add(&mut series.calls[bucket], sums.calls);
        add(&mut series.errors[bucket], sums.errors);
        add(&mut series.input_tokens[bucket], sums.input);
        add(&mut series.output_tokens[bucket], sums.output);
        add(&mut series.cached_tokens[bucket], sums.cached);
        series.cost[bucket] += sums.cost;
    }

    /// Adds the sums of a stretch to those in all.
    pub(crate) fn add_total(&mut self, begin_us: i64, sums: &Sums) {
        if bucket(&self.buckets, begin_us).is_none() {
            return;
        }
        let totals = &mut self.totals;
        add(&mut totals.calls, sums.calls);
        add(&mut totals.errors, sums.errors);
        add(&mut totals.input_tokens, sums.input);
        add(&mut totals.output_tokens, sums.output);
        add(&mut totals.cached_tokens, sums.cached);
        totals.cost += sums.cost;
        totals.retries_cost += sums.retries_cost;
    }

    pub(crate) fn into_usage(mut self, failed_sessions_cost: f64) -> Usage {
        self.totals.failed_sessions_cost = failed_sessions_cost;
        Usage {
            from_us: self.buckets.from_us,
            bucket_us: self.buckets.bucket_us(),
            series: self.series,
            totals: self.totals,
        }
    }
}

/// How long calls took, by name; the most frequent first, at most 200.
pub(crate) fn latency_rows(sums: HashMap<String, Sums>) -> Vec<LatencyRow> {
    let row = |(key, sums): (String, Sums)| {
        let quantile = |share| sums.took.quantile(share).unwrap_or_default();
        LatencyRow {
            count: sums.calls,
            errors: sums.errors,
            p50_us: quantile(0.5),
            p90_us: quantile(0.9),
            p99_us: quantile(0.99),
            ttft_p50_us: sums.first_chunk.quantile(0.5),
            ttft_p99_us: sums.first_chunk.quantile(0.99),
            key,
        }
    };
    let mut rows: Vec<LatencyRow> = sums.into_iter().map(row).collect();
    rows.sort_by(|one, other| {
        let by_count = other.count.cmp(&one.count);
        by_count.then_with(|| one.key.cmp(&other.key))
    });
    rows.truncate(200);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However many names there are, no more than a few series are held: the largest in their order, and all others
    /// in one.
    #[test]
    fn many_names_share_a_few_series() {
        let buckets = Buckets {
            from_us: 0,
            to_us: 100,
            count: 10,
        };
        let names: Vec<String> = (0..1_000).map(|number| format!("m-{number:04}")).collect();
        let mut sizes = Sizes::new(buckets);
        let of = |number: usize| Sums {
            calls: 1,
            cost: number as f64,
            ..Sums::default()
        };
        for (number, name) in names.iter().enumerate() {
            sizes.add(name, 5, &of(number));
        }
        let mut sums = SumsInTime::new(buckets, sizes.largest());
        for (number, name) in names.iter().enumerate() {
            sums.add(name, 5, &of(number));
            assert!(sums.series.len() <= MOST_SERIES);
        }
        let usage = sums.into_usage(0.0);
        let keys: Vec<&str> = usage.series.iter().map(|it| it.key.as_str()).collect();
        assert_eq!((keys.len(), keys[0], keys[18]), (20, "m-0999", "m-0981"));
        assert_eq!(usage.series[19].key, REST);
        assert_eq!(usage.series[19].calls.iter().sum::<u64>(), 981);
    }
}
