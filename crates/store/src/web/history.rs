//! What happened a moment ago, so that who was away for a moment is told what was missed.
//!
//! One task numbers all changes of the store, keeps the last of them, and passes them on to all connections. A
//! connection names the last event that it saw (`Last-Event-ID`); it is told what came after that, or that this
//! is not known any more.
//!
//! Holds: the last [`MOST`] changes, each of a write. Waits: never for a connection. Loses: what is older.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::clock::now_us;
use crate::lane::{Change, Live};

/// Changes that are kept; a store that is busy writes some ten times a second.
const MOST: usize = 512;

/// Changes that a connection may be behind.
const BEHIND: usize = 256;

/// A change with its number.
pub(super) type Numbered = (u64, Change);

/// The last changes, and whoever listens.
#[derive(Debug)]
pub(super) struct History {
    /// Tells this process from others: numbers of another mean nothing here.
    epoch: i64,
    state: Mutex<State>,
    to: broadcast::Sender<Numbered>,
}

#[derive(Debug, Default)]
struct State {
    /// Of the last change.
    number: u64,
    last: VecDeque<Numbered>,
}

/// What a connection begins with.
#[derive(Debug)]
pub(super) struct Listening {
    /// What it has missed, if that is known; with nothing to go on from, nothing.
    pub(super) missed: Option<Vec<Change>>,
    /// The number of the last change before those that come.
    pub(super) number: u64,
    pub(super) changes: broadcast::Receiver<Numbered>,
}

impl History {
    /// Begins to keep what happens from now on.
    pub(super) fn start(live: &Live) -> Arc<Self> {
        let history = Arc::new(Self::new(now_us()));
        start(Arc::clone(&history).keep_all(live.listen()));
        history
    }

    fn new(epoch: i64) -> Self {
        Self {
            epoch,
            state: Mutex::default(),
            to: broadcast::channel(BEHIND).0,
        }
    }

    /// Keeps changes until no more can come.
    async fn keep_all(self: Arc<Self>, mut changes: broadcast::Receiver<Change>) {
        loop {
            match changes.recv().await {
                Ok(change) => self.keep(change),
                Err(RecvError::Lagged(_)) => self.forget(),
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, change: Change) {
        let mut state = self.lock();
        state.number += 1;
        if state.last.len() == MOST {
            state.last.pop_front();
        }
        let numbered = (state.number, change);
        state.last.push_back(numbered.clone());
        // Under the lock, so that who begins to listen gets each change once. Mostly nobody does.
        let _listeners = self.to.send(numbered);
    }

    /// Some changes are missing: whoever was told the ones before is to read everything anew.
    fn forget(&self) {
        let mut state = self.lock();
        state.number += 1;
        state.last.clear();
        // Who is connected notices by the numbers.
    }

    /// What an event goes by that was told after the change of this number.
    pub(super) fn id(&self, number: u64) -> String {
        format!("{:x}-{number}", self.epoch)
    }

    /// Listens from behind the event of this id on, or from now on.
    pub(super) fn listen(&self, last_id: Option<&str>) -> Listening {
        let state = self.lock();
        let number = state.number;
        let missed = match last_id {
            None => Some(Vec::new()),
            Some(id) => self.number_of(id).and_then(|seen| state.behind(seen)),
        };
        Listening {
            missed,
            number,
            changes: self.to.subscribe(),
        }
    }

    /// The number in an id of this process.
    fn number_of(&self, id: &str) -> Option<u64> {
        let (epoch, number) = id.split_once('-')?;
        let is_ours = i64::from_str_radix(epoch, 16).ok()? == self.epoch;
        number.parse().ok().filter(|_| is_ours)
    }
}

impl State {
    /// The changes behind a number; nothing where some of them are not known any more.
    fn behind(&self, seen: u64) -> Option<Vec<Change>> {
        let missing = self.number.checked_sub(seen)?;
        let first = self.last.len() as u64;
        let skipped = usize::try_from(first.checked_sub(missing)?).ok()?;
        let missed = self.last.range(skipped..);
        Some(missed.map(|(_, change)| Arc::clone(change)).collect())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "it ends with the store's lane, or with the runtime"
)]
fn start(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Summary;

    fn change(id: &str) -> Change {
        let summary = Summary {
            id: id.to_owned(),
            ..Summary::default()
        };
        Arc::new(vec![summary])
    }

    fn ids(changes: &[Change]) -> Vec<&str> {
        changes.iter().map(|change| &*change[0].id).collect()
    }

    /// Who names the last event that it saw is told what came after it, once.
    #[test]
    fn what_was_missed_is_told_once() {
        let history = History::new(7);
        history.keep(change("a"));
        let seen = history.id(1);
        history.keep(change("b"));
        let mut listening = history.listen(Some(&seen));
        let missed = listening.missed.expect("it is known");
        assert_eq!((ids(&missed), listening.number), (vec!["b"], 2));
        history.keep(change("c"));
        let (number, news) = listening.changes.try_recv().expect("news");
        assert_eq!((number, ids(&[news])), (3, vec!["c"]));
        let up_to_date = history.listen(Some(&history.id(3)));
        assert!(up_to_date.missed.is_some_and(|missed| missed.is_empty()));
        assert!(history.listen(None).missed.is_some_and(|it| it.is_empty()));
    }

    /// What is not known any more, or was of another process, or is no id, is said to be unknown.
    #[test]
    fn what_is_not_known_is_said() {
        let history = History::new(7);
        for number in 0..=MOST {
            history.keep(change(&number.to_string()));
        }
        let is_known = |id: &str| history.listen(Some(id)).missed.is_some();
        assert!(is_known(&history.id(1)));
        assert!(!is_known(&history.id(0)));
        assert!(!is_known(&history.id(10_000)));
        for wrong in ["8-600", "x", "7", "7-", "7--1", ""] {
            assert!(!is_known(wrong), "{wrong}");
        }
        history.forget();
        assert!(!is_known(&history.id(MOST as u64 + 1)));
        history.keep(change("next"));
        assert!(is_known(&history.id(MOST as u64 + 2)));
    }
}
