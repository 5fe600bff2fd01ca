//! Finds the start that each end belongs to.
//!
//! Recordings do not say it: a call's start and end share a run and a name, and calls run in
//! parallel. So an end takes, among the open starts with its key, the one that fits the duration it
//! reports, or else the oldest. Ends whose start stands behind them in time (clocks jump) are
//! matched last. Takes n log n time, whatever the recording.

use std::collections::{BTreeSet, HashMap};

use super::event::{Event, Family};

/// Which starts and ends belong together, as indices of events in order of time.
#[derive(Debug, Default)]
pub(crate) struct Pairing {
    /// A start and its end.
    pub(crate) pairs: Vec<(usize, usize)>,
    /// Starts that never ended.
    pub(crate) open: Vec<usize>,
    /// Ends that never started.
    pub(crate) orphans: Vec<usize>,
}

/// Pairs the starts and ends among the events, which are in order of time.
pub(crate) fn pair(events: &[Event], starts: Vec<usize>, ends: Vec<usize>) -> Pairing {
    let mut pairing = Pairing {
        open: starts,
        orphans: ends,
        ..Pairing::default()
    };
    pairing.pass(|of, kind| by_time(events, of, kind, |event| &event.detail.key));
    pairing.pass(|of, kind| by_time(events, of, kind, |event| &event.detail.loose_key));
    pairing.pass(|of, kind| against_time(events, of, kind));
    pairing
}

impl Pairing {
    /// Matches what is left: `find` gets the starts and the ends, and yields pairs.
    fn pass(&mut self, find: impl Fn(&[usize], &[usize]) -> Vec<(usize, usize)>) {
        if self.open.is_empty() || self.orphans.is_empty() {
            return;
        }
        let found = find(&self.open, &self.orphans);
        let (starts, ends): (Vec<usize>, Vec<usize>) = found.iter().copied().unzip();
        let (starts, ends): (BTreeSet<usize>, BTreeSet<usize>) =
            (starts.into_iter().collect(), ends.into_iter().collect());
        self.open.retain(|start| !starts.contains(start));
        self.orphans.retain(|end| !ends.contains(end));
        self.pairs.extend(found);
    }
}

/// Matches every end with a start before it.
fn by_time<'a>(
    events: &'a [Event],
    starts: &[usize],
    ends: &[usize],
    key: impl Fn(&'a Event) -> &'a str,
) -> Vec<(usize, usize)> {
    let mut open: HashMap<(Family, &str), BTreeSet<(u64, usize)>> = HashMap::new();
    for &start in starts {
        let event = &events[start];
        open.entry((event.family, key(event)))
            .or_default()
            .insert((time(event), start));
    }
    let mut found = Vec::new();
    for &end in ends {
        let event = &events[end];
        let Some(candidates) = open.get_mut(&(event.family, key(event))) else {
            continue;
        };
        let Some(start) = best(candidates, time(event), end, event.detail.duration) else {
            continue;
        };
        candidates.remove(&start);
        found.push((start.1, end));
    }
    found
}

/// The start, among those before an end, that fits its duration best; the oldest where no duration
/// is known.
fn best(
    candidates: &BTreeSet<(u64, usize)>,
    end_time: u64,
    end: usize,
    duration: Option<u64>,
) -> Option<(u64, usize)> {
    let mut before = candidates.range(..(end_time, end));
    let Some(expected) = duration.and_then(|duration| end_time.checked_sub(duration)) else {
        return before.next().copied();
    };
    if (expected, 0) >= (end_time, end) {
        return before.next_back().copied();
    }
    let earlier = candidates.range(..(expected, 0)).next_back();
    let later = candidates.range((expected, 0)..(end_time, end)).next();
    match (earlier, later) {
        (Some(earlier), Some(later)) if expected - earlier.0 <= later.0 - expected => {
            Some(*earlier)
        }
        (_, Some(later)) => Some(*later),
        (earlier, None) => earlier.copied(),
    }
}

/// Matches ends with starts that stand behind them in time: where the key names one thing only, or
/// where the sequence numbers tell that the start was recorded first.
fn against_time(events: &[Event], starts: &[usize], ends: &[usize]) -> Vec<(usize, usize)> {
    let mut open: HashMap<(Family, &str), BTreeSet<(u64, usize)>> = HashMap::new();
    for &start in starts {
        let event = &events[start];
        let key = (event.family, event.detail.loose_key.as_str());
        open.entry(key).or_default().insert((event.seq, start));
    }
    let mut found = Vec::new();
    for &end in ends {
        let event = &events[end];
        let key = (event.family, event.detail.loose_key.as_str());
        let Some(candidates) = open.get_mut(&key) else {
            continue;
        };
        let recorded_before = candidates.range((1, 0)..(event.seq.max(1), 0)).next_back();
        let any = || candidates.first().filter(|_| event.detail.unique);
        let Some(start) = recorded_before.or_else(any).copied() else {
            continue;
        };
        candidates.remove(&start);
        found.push((start.1, end));
    }
    found
}

fn time(event: &Event) -> u64 {
    event.time.unwrap_or_default()
}
