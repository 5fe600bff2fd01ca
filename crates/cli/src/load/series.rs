//! What happened second by second, in bounded memory.

use std::time::Duration;

use super::histogram::Latencies;

/// One interval of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// When it began, counted from the start of the run.
    pub start: Duration,
    /// How long it was.
    pub length: Duration,
    /// Spans that the load ended in it.
    pub emitted: u64,
    /// Spans that the receiver accepted in it.
    pub exported: u64,
    /// Requests that were answered in it, whatever the answer.
    pub exports: u64,
    /// Half of those requests took at most this; `None` when there were none.
    pub export_p50: Option<Duration>,
    /// All but one in a hundred of them took at most this; `None` when there were none.
    pub export_p99: Option<Duration>,
}

impl Point {
    /// Spans accepted per second.
    #[must_use]
    pub fn exported_per_second(&self) -> f64 {
        per_second(self.exported, self.length)
    }

    /// Spans ended per second.
    #[must_use]
    pub fn emitted_per_second(&self) -> f64 {
        per_second(self.emitted, self.length)
    }

    /// Both intervals as one. Percentiles cannot be joined exactly: the median is the mean of
    /// both, weighted by requests, and the 99th percentile is the larger, so that no peak is
    /// smoothed away.
    fn join(self, next: Self) -> Self {
        let weighted = |a: Duration, b: Duration| {
            let (a, b) = (a.as_secs_f64(), b.as_secs_f64());
            let sum = a * self.exports as f64 + b * next.exports as f64;
            Duration::from_secs_f64(sum / (self.exports + next.exports) as f64)
        };
        Self {
            start: self.start,
            length: self.length + next.length,
            emitted: self.emitted + next.emitted,
            exported: self.exported + next.exported,
            exports: self.exports + next.exports,
            export_p50: match (self.export_p50, next.export_p50) {
                (Some(a), Some(b)) => Some(weighted(a, b)),
                (a, b) => a.or(b),
            },
            export_p99: self.export_p99.max(next.export_p99),
        }
    }
}

fn per_second(count: u64, length: Duration) -> f64 {
    if length.is_zero() {
        return 0.0;
    }
    count as f64 / length.as_secs_f64()
}

/// The intervals of a run, in order and without gaps. When there are too many, neighbours are
/// joined in pairs: an endless run gets coarser, not larger.
#[derive(Clone, Debug)]
pub struct Series {
    points: Vec<Point>,
    capacity: usize,
    /// How many intervals, as observed, make one point.
    stride: u32,
    /// The point in the making and of how many intervals it consists.
    partial: Option<(Point, u32)>,
    /// Where the next interval begins.
    now: Duration,
    emitted: u64,
    exported: u64,
}

impl Series {
    /// An empty series that keeps at most `capacity` points, at least 2.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            points: Vec::new(),
            capacity: capacity.max(2),
            stride: 1,
            partial: None,
            now: Duration::ZERO,
            emitted: 0,
            exported: 0,
        }
    }

    /// Ends an interval. `now` counts from the start of the run, `emitted` and `exported` are
    /// totals since the start, `exports` are the requests answered in the interval. An interval
    /// of no length is part of the next.
    pub fn observe(&mut self, now: Duration, emitted: u64, exported: u64, exports: &Latencies) {
        if let Some(point) = self.next(now, emitted, exported, exports) {
            self.push(point);
        }
    }

    /// Ends the last interval, as [`observe`](Self::observe) does. What is much shorter than the
    /// interval before it becomes part of that: the rate of a moment is noise, not a peak.
    pub fn finish(&mut self, now: Duration, emitted: u64, exported: u64, exports: &Latencies) {
        let Some(point) = self.next(now, emitted, exported, exports) else {
            return;
        };
        match self.points.last_mut() {
            Some(last) if self.partial.is_none() && point.length * 2 < last.length => {
                *last = last.join(point);
            }
            _ => self.push(point),
        }
    }

    fn next(
        &mut self,
        now: Duration,
        emitted: u64,
        exported: u64,
        exports: &Latencies,
    ) -> Option<Point> {
        let length = now.saturating_sub(self.now);
        if length.is_zero() {
            return None;
        }
        let latency = exports.percentiles();
        let point = Point {
            start: self.now,
            length,
            emitted: emitted.saturating_sub(self.emitted),
            exported: exported.saturating_sub(self.exported),
            exports: exports.count(),
            export_p50: latency.map(|found| found.p50),
            export_p99: latency.map(|found| found.p99),
        };
        self.now = now;
        self.emitted = emitted;
        self.exported = exported;
        Some(point)
    }

    fn push(&mut self, point: Point) {
        let (joined, intervals) = match self.partial.take() {
            Some((partial, intervals)) => (partial.join(point), intervals + 1),
            None => (point, 1),
        };
        if intervals < self.stride {
            self.partial = Some((joined, intervals));
            return;
        }
        self.points.push(joined);
        if self.points.len() == self.capacity {
            self.coarsen();
        }
    }

    fn coarsen(&mut self) {
        let fine = std::mem::take(&mut self.points);
        for pair in fine.chunks(2) {
            match *pair {
                [first, second] => self.points.push(first.join(second)),
                [odd] => self.partial = Some((odd, self.stride)),
                _ => unreachable!("chunks of at most two, never empty"),
            }
        }
        self.stride *= 2;
    }

    /// The intervals so far, the unfinished last one included.
    #[must_use]
    pub fn points(&self) -> Vec<Point> {
        let partial = self.partial.map(|(point, _)| point);
        self.points.iter().copied().chain(partial).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(latency: u64) -> Latencies {
        let mut latencies = Latencies::new();
        latencies.record(Duration::from_millis(latency));
        latencies
    }

    /// However long the run: at most `capacity` points, no gap, no span lost, no peak smoothed.
    #[test]
    fn a_long_run_gets_coarser_and_loses_nothing() {
        for capacity in [2, 3, 7, 600] {
            for seconds in [1, 2, 5, 599, 600, 601, 5_000] {
                let mut series = Series::new(capacity);
                for second in 1..=seconds {
                    let latency = if second == 1 { 900 } else { 5 };
                    let total = second * 10;
                    let now = Duration::from_secs(second);
                    series.observe(now, total + 3, total, &millis(latency));
                }
                let points = series.points();
                assert!(points.len() <= capacity, "{} of {capacity}", points.len());
                let mut end = Duration::ZERO;
                for point in &points {
                    assert_eq!(point.start, end);
                    end += point.length;
                    assert!((point.exported_per_second() - 10.0).abs() < 1e-9);
                }
                assert_eq!(end, Duration::from_secs(seconds));
                assert_eq!(points.iter().map(|p| p.exported).sum::<u64>(), seconds * 10);
                assert_eq!(
                    points.iter().map(|p| p.emitted).sum::<u64>(),
                    seconds * 10 + 3
                );
                assert_eq!(points.iter().map(|p| p.exports).sum::<u64>(), seconds);
                assert!(points[0].export_p99 >= Some(Duration::from_millis(890)));
            }
        }
    }

    /// A moment at the end is no interval of its own; a longer rest is.
    #[test]
    fn a_moment_at_the_end_is_no_peak() {
        let ended_after = |nanos| {
            let mut series = Series::new(10);
            series.observe(Duration::from_secs(1), 1_000, 1_000, &millis(1));
            series.finish(Duration::from_nanos(nanos), 1_000, 1_100, &millis(1));
            series.points()
        };
        let moment = ended_after(1_001_000_000);
        assert_eq!(moment.len(), 1);
        assert_eq!((moment[0].exported, moment[0].exports), (1_100, 2));
        assert_eq!(ended_after(1_600_000_000).len(), 2);
        let mut short = Series::new(10);
        short.finish(Duration::from_millis(1), 5, 5, &millis(1));
        assert_eq!(short.points().len(), 1, "a short run is still a run");
    }

    /// A second without an answer has no latency, which is not a latency of zero.
    #[test]
    fn an_interval_without_exports_has_no_latency() {
        let mut series = Series::new(10);
        series.observe(Duration::from_secs(1), 5, 0, &Latencies::new());
        series.observe(Duration::from_secs(1), 6, 0, &Latencies::new());
        series.observe(Duration::from_secs(3), 9, 8, &millis(1));
        let points = series.points();
        assert_eq!(points.len(), 2, "an interval of no length is none");
        assert_eq!(points[0].export_p50, None);
        assert_eq!((points[1].emitted, points[1].exported), (4, 8));
        assert!((points[1].exported_per_second() - 4.0).abs() < 1e-9);
    }
}
