//! One task of the host: its sessions, turn after turn, in bursts.
//!
//! Only the bursts are metered, so neither sleeping nor setting a timer counts as the caller's.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::contestant::Producer;
use crate::measure::metered;
use crate::mode::{PRODUCERS, SPANS_PER_TURN, Shape};
use crate::workload::{SessionId, Turns};

pub(crate) struct Task<P: Producer> {
    producer: P,
    turns: Arc<Turns>,
    shape: Shape,
    cohorts_left: u64,
    /// The sessions of the cohort; empty between cohorts.
    open: Vec<P::Session>,
    rounds_left: u64,
    /// Who of `open` has the next turn.
    next: usize,
    turns_done: u64,
}

impl<P: Producer> Task<P> {
    pub(crate) fn new(producer: P, shape: Shape, turns: Arc<Turns>) -> Self {
        Self {
            producer,
            turns,
            shape,
            cohorts_left: shape.cohorts,
            open: Vec::with_capacity(shape.together as usize),
            rounds_left: 0,
            next: 0,
            turns_done: 0,
        }
    }

    /// Does everything, and tells what processor time it took.
    pub(crate) async fn run(mut self) -> Duration {
        let pace = Pace::new(self.shape.rate);
        let mut spent = Duration::ZERO;
        while metered(self.burst(pace.burst), &mut spent).await {
            pace.wait(self.turns_done).await;
        }
        spent
    }

    /// Takes some turns; false when the last has been taken and all is handed on.
    async fn burst(&mut self, turns: u64) -> bool {
        for _ in 0..turns {
            if self.open.is_empty() {
                if self.cohorts_left == 0 {
                    self.producer.done().await;
                    return false;
                }
                self.open_cohort();
            }
            self.turn().await;
            if self.rounds_left == 0 {
                self.close_cohort().await;
            }
        }
        true
    }

    fn open_cohort(&mut self) {
        self.cohorts_left -= 1;
        self.rounds_left = self.shape.turns;
        for _ in 0..self.shape.together {
            self.open.push(self.producer.open(&SessionId::random()));
        }
    }

    #[inline]
    async fn turn(&mut self) {
        let session = &mut self.open[self.next];
        self.producer.ready(session).await;
        let turn = self.turns.get(self.turns_done);
        self.producer.turn(session, turn);
        self.turns_done += 1;
        self.next += 1;
        if self.next == self.open.len() {
            self.next = 0;
            self.rounds_left -= 1;
        }
    }

    async fn close_cohort(&mut self) {
        for mut session in self.open.drain(..) {
            self.producer.ready(&mut session).await;
            self.producer.close(session);
        }
    }
}

/// Keeps a task at its share of the rate, in bursts of about a millisecond, which is what tokio's
/// timer can tell. A task that is late goes on at once. Without a rate it yields after each burst.
struct Pace {
    started: Instant,
    /// Turns in a burst.
    burst: u64,
    /// Nanoseconds that a turn may take.
    turn: Option<u64>,
}

impl Pace {
    fn new(rate: Option<u32>) -> Self {
        const MILLISECOND: u64 = 1_000_000;
        const SECOND: u64 = 1_000 * MILLISECOND;
        let turn = rate.map(|rate| SECOND * SPANS_PER_TURN * PRODUCERS / u64::from(rate));
        Self {
            started: Instant::now(),
            burst: turn.map_or(256, |turn| (MILLISECOND / turn).max(1)),
            turn,
        }
    }

    async fn wait(&self, turns_done: u64) {
        match self.turn {
            Some(turn) => {
                let due = Duration::from_nanos(turn * turns_done);
                sleep_until(self.started + due).await;
            }
            None => tokio::task::yield_now().await,
        }
    }
}
