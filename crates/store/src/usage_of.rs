//! Puts sums together to what is answered.

use std::collections::HashMap;

use crate::answer::{LatencyRow, Series, Usage, UsageTotals};
use crate::query::Buckets;
use crate::tally::Sums;

/// How many series are told apart; the rest is one of its own.
const MOST_SERIES: usize = 20;

/// What the rest is called.
const REST: &str = "(others)";

/// Sums in buckets, by name.
pub(crate) struct SumsInTime {
    buckets: Buckets,
    series: HashMap<String, Series>,
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

impl SumsInTime {
    pub(crate) fn new(buckets: Buckets) -> Self {
        Self {
            buckets,
            series: HashMap::new(),
            totals: UsageTotals::default(),
        }
    }

    /// The bucket of a stretch that begins then: one that reaches into the first is part of it.
    fn bucket(&self, begin_us: i64) -> Option<usize> {
        self.buckets.index(begin_us.max(self.buckets.from_us))
    }

    /// Adds the sums of a stretch to a series.
    pub(crate) fn add(&mut self, key: &str, begin_us: i64, sums: &Sums) {
        let Some(bucket) = self.bucket(begin_us) else {
            return;
        };
        let count = self.buckets.count;
        let series = match self.series.get_mut(key) {
            Some(series) => series,
            None => self
                .series
                .entry(key.to_owned())
                .or_insert_with(|| empty(key, count)),
        };
        series.calls[bucket] += sums.calls;
        series.errors[bucket] += sums.errors;
        series.input_tokens[bucket] += sums.input;
        series.output_tokens[bucket] += sums.output;
        series.cached_tokens[bucket] += sums.cached;
        series.cost[bucket] += sums.cost;
    }

    /// Adds the sums of a stretch to those in all.
    pub(crate) fn add_total(&mut self, begin_us: i64, sums: &Sums) {
        if self.bucket(begin_us).is_none() {
            return;
        }
        let totals = &mut self.totals;
        totals.calls += sums.calls;
        totals.errors += sums.errors;
        totals.input_tokens += sums.input;
        totals.output_tokens += sums.output;
        totals.cached_tokens += sums.cached;
        totals.cost += sums.cost;
        totals.retries_cost += sums.retries_cost;
    }

    pub(crate) fn into_usage(mut self, failed_sessions_cost: f64) -> Usage {
        self.totals.failed_sessions_cost = failed_sessions_cost;
        let mut series: Vec<Series> = self.series.into_values().collect();
        let size = |series: &Series| {
            let (cost, calls): (f64, u64) = (series.cost.iter().sum(), series.calls.iter().sum());
            (cost, calls)
        };
        series.sort_by(|one, other| {
            let (one_size, other_size) = (size(one), size(other));
            let by_cost = other_size.0.total_cmp(&one_size.0);
            by_cost
                .then(other_size.1.cmp(&one_size.1))
                .then_with(|| one.key.cmp(&other.key))
        });
        if series.len() > MOST_SERIES {
            let mut rest = empty(REST, self.buckets.count);
            for series in series.drain(MOST_SERIES - 1..) {
                for bucket in 0..self.buckets.count {
                    rest.calls[bucket] += series.calls[bucket];
                    rest.errors[bucket] += series.errors[bucket];
                    rest.input_tokens[bucket] += series.input_tokens[bucket];
                    rest.output_tokens[bucket] += series.output_tokens[bucket];
                    rest.cached_tokens[bucket] += series.cached_tokens[bucket];
                    rest.cost[bucket] += series.cost[bucket];
                }
            }
            series.push(rest);
        }
        Usage {
            from_us: self.buckets.from_us,
            bucket_us: self.buckets.bucket_us(),
            series,
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
