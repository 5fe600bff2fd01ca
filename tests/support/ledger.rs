//! The ledger's sums: every test checks them at its end.

use spanreel::{Counts, Fate, LaneStats, PipelineStats, ShutdownReport, Signal, SignalStats};

/// Whatever tells what became of everything.
pub(crate) trait Account {
    fn of(&self, signal: Signal) -> &SignalStats;
    fn lanes(&self) -> &[LaneStats];
}

impl Account for ShutdownReport {
    fn of(&self, signal: Signal) -> &SignalStats {
        match signal {
            Signal::Traces => &self.traces,
            Signal::Logs => &self.logs,
            Signal::Metrics => &self.metrics,
            other => panic!("no test knows the signal {other:?}"),
        }
    }

    fn lanes(&self) -> &[LaneStats] {
        &self.lanes
    }
}

impl Account for PipelineStats {
    fn of(&self, signal: Signal) -> &SignalStats {
        match signal {
            Signal::Traces => &self.traces,
            Signal::Logs => &self.logs,
            Signal::Metrics => &self.metrics,
            other => panic!("no test knows the signal {other:?}"),
        }
    }

    fn lanes(&self) -> &[LaneStats] {
        &self.lanes
    }
}

/// Asserts that no item is lost or counted twice: for each signal `started = open + ended`,
/// `ended + received + recovered = held + entered`, `entered = settled + in flight`; for each lane `entered = settled + in
/// flight + on disk`, and what the pipeline booked as handed is what each lane of that signal was handed,
/// beside what it recovered.
///
/// The last sum holds while nothing is being handed over: after a flush or a shutdown.
#[track_caller]
pub(crate) fn assert_adds_up(account: &impl Account) {
    for signal in Signal::ALL {
        let stats = account.of(signal);
        assert_eq!(
            stats.started,
            stats.open + stats.ended,
            "{signal:?}: started = open + ended in {stats:?}"
        );
        assert_eq!(
            stats.ended + stats.received + stats.recovered,
            stats.held + stats.fates.entered(),
            "{signal:?}: ended + received + recovered = held + entered in {stats:?}"
        );
        assert_settles(&format!("pipeline, {signal:?}"), &stats.fates);
        let handed = stats.fates.of(Fate::Handed);
        for lane in account.lanes() {
            let counts = counts(lane, signal);
            assert_settles(&format!("lane {}, {signal:?}", lane.name), counts);
            let due = if lane.signals.contains(&signal) {
                handed
            } else {
                0
            };
            assert_eq!(
                counts.entered() - counts.recovered(),
                due,
                "lane {}, {signal:?}: entered but not recovered = handed by the pipeline, in {stats:?} and {lane:?}",
                lane.name
            );
        }
    }
}

/// Asserts, of an account after a shutdown, that it adds up and that nothing is left open, held or
/// under way.
#[track_caller]
pub(crate) fn assert_settled(account: &impl Account) {
    assert_adds_up(account);
    for signal in Signal::ALL {
        let stats = account.of(signal);
        let left = (stats.open, stats.held, stats.fates.in_flight());
        assert_eq!(
            left,
            (0, 0, 0),
            "{signal:?}: open, held, in flight in {stats:?}"
        );
        for lane in account.lanes() {
            let under_way = counts(lane, signal).in_flight();
            assert_eq!(
                under_way, 0,
                "lane {}, {signal:?}: in flight in {lane:?}",
                lane.name
            );
        }
    }
}

#[track_caller]
fn assert_settles(book: &str, counts: &Counts) {
    assert_eq!(
        counts.entered(),
        counts.settled() + counts.in_flight() + counts.on_disk(),
        "{book}: entered = settled + in flight + on disk in {counts:?}"
    );
}

fn counts(lane: &LaneStats, signal: Signal) -> &Counts {
    match signal {
        Signal::Traces => &lane.traces,
        Signal::Logs => &lane.logs,
        Signal::Metrics => &lane.metrics,
        other => panic!("no test knows the signal {other:?}"),
    }
}
