//! What arrives, for the line that people watch: sessions, spans, tokens, cost, errors.
//!
//! Holds: a bounded number of sessions, of which those that were quiet for longest make room. Waits:
//! never. Loses: nothing but the memory of old sessions; one that comes back counts anew.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hashbrown::HashMap;

/// How long a session counts as live after something of it has arrived.
pub(crate) const LIVE_FOR: Duration = Duration::from_secs(60);

/// What is known of a part of one session that has arrived.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Arrival {
    /// Spans.
    pub(crate) spans: u64,
    /// Log records.
    pub(crate) logs: u64,
    /// Spans that failed.
    pub(crate) errors: u64,
    /// Tokens that models read and wrote.
    pub(crate) tokens: u64,
    /// In US dollars.
    pub(crate) cost: f64,
    /// The root span of the session is among the spans: it has ended.
    pub(crate) root_ended: bool,
}

/// The sums of all arrivals, and how many sessions there are.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Totals {
    /// Sessions that were active in the last 60 s, and whose root was not the last to arrive.
    pub(crate) live: u64,
    /// All sessions.
    pub(crate) sessions: u64,
    /// Spans.
    pub(crate) spans: u64,
    /// Log records.
    pub(crate) logs: u64,
    /// Spans that failed.
    pub(crate) errors: u64,
    /// Tokens that models read and wrote.
    pub(crate) tokens: u64,
    /// In US dollars.
    pub(crate) cost: f64,
}

/// Everything that has arrived. Shared by those who note and those who look.
#[derive(Debug)]
pub(crate) struct Arrivals(Mutex<Table>);

#[derive(Debug)]
struct Table {
    known: Known,
    totals: Totals,
}

/// The sessions of late, in two halves: where the later is full, the earlier is forgotten. A list in the order of
/// the latest would be exact, but each session then moves in it, which takes waiting for five places in memory where
/// this takes one.
#[derive(Debug)]
struct Known {
    later: Half,
    earlier: Half,
    /// How many a half may have.
    most: usize,
}

type Half = HashMap<u64, Seen>;

#[derive(Clone, Copy, Debug)]
struct Seen {
    last: Instant,
    has_ended: bool,
}

impl Arrivals {
    /// Remembers at most `sessions` sessions, rounded up to an even number, and at least half as many.
    pub(crate) fn new(sessions: NonZeroUsize) -> Self {
        Self(Mutex::new(Table {
            known: Known::new(sessions),
            totals: Totals::default(),
        }))
    }

    /// Notes what has arrived at once: for each part the key of its session, or none.
    pub(crate) fn note(
        &self,
        arrivals: impl IntoIterator<Item = (Option<u64>, Arrival)>,
        now: Instant,
    ) {
        let mut table = self.table();
        for (session, arrival) in arrivals {
            table.note(session, &arrival, now);
        }
    }

    /// The sums now.
    pub(crate) fn totals(&self, now: Instant) -> Totals {
        let table = self.table();
        let is_live =
            |seen: &&Seen| !seen.has_ended && now.saturating_duration_since(seen.last) < LIVE_FOR;
        let live = table.known.iter().filter(is_live).count();
        Totals {
            live: live as u64,
            ..table.totals.clone()
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing in it can be half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn note(&mut self, session: Option<u64>, arrival: &Arrival, now: Instant) {
        let totals = &mut self.totals;
        totals.spans += arrival.spans;
        totals.logs += arrival.logs;
        totals.errors += arrival.errors;
        totals.tokens = totals.tokens.saturating_add(arrival.tokens);
        // What is sent may be anything; a sum that is no number would stay so for ever.
        if arrival.cost.is_finite() && arrival.cost >= 0.0 {
            totals.cost += arrival.cost;
        }
        let Some(session) = session else {
            return;
        };
        let (is_new, known) = self.known.get(session, now);
        known.last = now;
        // A conversation may be many traces: spans that come after the end of one open it again. Its log
        // records travel by themselves and may come last.
        known.has_ended = arrival.root_ended || (known.has_ended && arrival.spans == 0);
        totals.sessions += u64::from(is_new);
    }
}

impl Known {
    fn new(most: NonZeroUsize) -> Self {
        let half = most.get().div_ceil(2);
        // Room for all of them at once: to grow would hold up whoever sends at that moment.
        Self {
            later: Half::with_capacity(half),
            earlier: Half::with_capacity(half),
            most: half,
        }
    }

    /// What is known of a session, and whether that is nothing yet.
    fn get(&mut self, session: u64, now: Instant) -> (bool, &mut Seen) {
        let is_later = self.later.contains_key(&session);
        let before = match is_later {
            true => None,
            false => self.earlier.remove(&session),
        };
        if !is_later && self.later.len() == self.most {
            std::mem::swap(&mut self.later, &mut self.earlier);
            self.later.clear();
        }
        let is_new = !is_later && before.is_none();
        let unseen = Seen {
            last: now,
            has_ended: false,
        };
        let known = self.later.entry(session);
        (is_new, known.or_insert(before.unwrap_or(unseen)))
    }

    fn iter(&self) -> impl Iterator<Item = &Seen> {
        self.later.values().chain(self.earlier.values())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Arrival = Arrival {
        spans: 1,
        logs: 0,
        errors: 0,
        tokens: 10,
        cost: 0.5,
        root_ended: false,
    };

    impl Arrivals {
        fn note_one(&self, session: Option<u64>, arrival: &Arrival, now: Instant) {
            self.note([(session, arrival.clone())], now);
        }
    }

    fn arrivals(sessions: usize) -> Arrivals {
        Arrivals::new(NonZeroUsize::new(sessions).expect("some"))
    }

    /// A session is live until its root has ended, or nothing came for a minute; a next turn opens it again.
    #[test]
    fn a_session_is_live_until_its_end_or_a_quiet_minute() {
        let arrivals = arrivals(10);
        let start = Instant::now();
        arrivals.note_one(Some(1), &ONE, start);
        arrivals.note_one(Some(2), &ONE, start + Duration::from_secs(30));
        let ended = Arrival {
            root_ended: true,
            ..ONE
        };
        let live = |after| arrivals.totals(start + Duration::from_secs(after)).live;
        assert_eq!((live(30), live(61), live(91)), (2, 1, 0));
        arrivals.note_one(Some(2), &ended, start + Duration::from_secs(31));
        assert_eq!(live(31), 1);
        let record = Arrival {
            spans: 0,
            logs: 1,
            ..ONE
        };
        arrivals.note_one(Some(2), &record, start + Duration::from_secs(31));
        assert_eq!(live(31), 1, "a log record that comes later");
        arrivals.note_one(Some(2), &ONE, start + Duration::from_secs(32));
        assert_eq!(live(32), 2, "a next turn");
        assert_eq!(arrivals.totals(start).sessions, 2);
    }

    /// Everything is summed, also what belongs to no session; what is no amount is left out.
    #[test]
    fn everything_is_summed() {
        let arrivals = arrivals(10);
        let now = Instant::now();
        arrivals.note_one(None, &ONE, now);
        arrivals.note_one(
            Some(1),
            &Arrival {
                errors: 2,
                logs: 3,
                ..ONE
            },
            now,
        );
        for cost in [f64::NAN, f64::INFINITY, -1.0] {
            arrivals.note_one(
                None,
                &Arrival {
                    spans: 0,
                    tokens: u64::MAX,
                    cost,
                    ..ONE
                },
                now,
            );
        }
        let expected = Totals {
            live: 1,
            sessions: 1,
            spans: 2,
            logs: 3,
            errors: 2,
            tokens: u64::MAX,
            cost: 1.0,
        };
        assert_eq!(arrivals.totals(now), expected);
    }

    /// However many sessions arrive, only so many are remembered; all are counted. One that something arrives of
    /// all the time is never forgotten.
    #[test]
    fn only_so_many_sessions_are_remembered() {
        let arrivals = arrivals(100);
        let now = Instant::now();
        for number in 0..10_000 {
            arrivals.note_one(Some(number), &ONE, now);
            arrivals.note_one(Some(u64::MAX), &ONE, now);
            let live = arrivals.totals(now).live;
            assert!(
                live <= 100 && live >= 50.min(number),
                "{live} after {number}"
            );
        }
        assert_eq!(arrivals.totals(now).sessions, 10_001);
    }
}
