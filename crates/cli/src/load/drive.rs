//! Drives a load test: plays sessions side by side into a real pipeline, and watches what it costs.
//!
//! Holds: a task per session that is played at once, and the pipeline with its budget. Waits: for the
//! rate that was asked for, for room in the pipeline, and at the end for delivery. Loses: what the
//! receiver does not take in time; the ledger tells.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use spanreel::{Closed, Pipeline, Session};
use tokio_util::sync::CancellationToken;

use super::histogram::Latencies;
use super::pace::Pace;
use super::plan::LoadPlan;
use super::player::Player;
use super::step::Step;
use super::workload::Workload;

/// Of so many steps, the time of one is measured: reading the clock around each would cost about a
/// fifth of what is measured, and slow down all of it.
const STEPS_PER_SAMPLE: u64 = 32;

/// After so many spans a task adds to the common count: done for each, tasks would wait for each
/// other.
const SPANS_PER_COUNT: u64 = 64;

/// What all tasks of a load test share.
#[derive(Debug)]
pub(super) struct Load {
    pipeline: Pipeline,
    workload: Workload,
    /// How many sessions are played in all; `None` for no limit.
    sessions: Option<NonZeroU64>,
    rate: Option<NonZeroU64>,
    tasks: u64,
    begun: Instant,
    next: AtomicU64,
    emitted: AtomicU64,
    stop: CancellationToken,
}

impl Load {
    pub(super) fn new(plan: &LoadPlan, pipeline: Pipeline) -> Arc<Self> {
        let tasks = plan.concurrency.get() as u64;
        Arc::new(Self {
            pipeline,
            workload: Workload::new(plan.workload.clone()),
            sessions: plan.sessions,
            rate: plan.rate,
            // More would find no session left.
            tasks: plan.sessions.map_or(tasks, |it| tasks.min(it.get())),
            begun: Instant::now(),
            next: AtomicU64::new(0),
            emitted: AtomicU64::new(0),
            stop: CancellationToken::new(),
        })
    }

    /// How many tasks play it.
    pub(super) fn tasks(&self) -> u64 {
        self.tasks
    }

    /// When it began.
    pub(super) fn begun(&self) -> Instant {
        self.begun
    }

    /// Spans that have ended so far.
    pub(super) fn emitted(&self) -> u64 {
        self.emitted.load(Ordering::Relaxed)
    }

    /// Sessions that were begun.
    pub(super) fn sessions(&self) -> u64 {
        let begun = self.next.load(Ordering::Relaxed);
        self.sessions.map_or(begun, |most| begun.min(most.get()))
    }

    /// How far it is behind its rate; `None` without one.
    pub(super) fn behind(&self) -> Option<Duration> {
        let rate = self.rate?.get() as f64;
        let owed = self.begun.elapsed().as_secs_f64() * rate;
        let missing = (owed - self.emitted() as f64).max(0.0);
        Duration::try_from_secs_f64(missing / rate).ok()
    }

    /// Has all tasks end the session that they play and begin no other.
    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    /// Plays sessions one after the other until none is left. Returns what playing a step took.
    pub(super) async fn play(self: Arc<Self>, task: u64) -> Latencies {
        let mut worker = Worker {
            pace: self.rate.map(|rate| Pace::new(rate, task, self.tasks)),
            load: &self,
            emitted: 0,
            owed: 0,
            counted: 0,
            steps: 0,
            latencies: Latencies::new(),
        };
        while let Some(index) = self.next_session() {
            if worker.session(index).await.is_err() {
                break;
            }
        }
        worker.count();
        worker.latencies
    }

    fn next_session(&self) -> Option<u64> {
        if self.stop.is_cancelled() {
            return None;
        }
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        let is_left = self.sessions.is_none_or(|sessions| index < sessions.get());
        is_left.then_some(index)
    }
}

/// One task of a load test.
struct Worker<'a> {
    load: &'a Load,
    pace: Option<Pace>,
    /// Spans that this task has ended.
    emitted: u64,
    /// Spans that it may have ended by now, when it last looked at the clock.
    owed: u64,
    /// Spans among those that are in the common count.
    counted: u64,
    steps: u64,
    latencies: Latencies,
}

/// The load test is to end.
struct Stopped;

impl From<Closed> for Stopped {
    fn from(_: Closed) -> Self {
        Self
    }
}

impl Worker<'_> {
    /// Plays a session from its beginning to its end, or until the load test is to end.
    async fn session(&mut self, index: u64) -> Result<(), Stopped> {
        let session = self.load.pipeline.session("")?;
        let mut player = Player::new(&session);
        let outcome = self.steps(index, &mut player, &session).await;
        self.ended(player.finish());
        match outcome {
            Ok(()) if self.load.workload.fails(index) => session.fail("the agent gave up"),
            Ok(()) => session.succeed(),
            Err(_) => session.end(),
        }
        self.ended(1);
        outcome
    }

    async fn steps(
        &mut self,
        index: u64,
        player: &mut Player<'_>,
        session: &Session,
    ) -> Result<(), Stopped> {
        self.turn(session).await?;
        for step in self.load.workload.session(index) {
            if step.is_span() {
                self.wait_until_due().await?;
            }
            self.play(&step, player);
            match step {
                Step::EndAgent | Step::Tool(_) => self.ended(1),
                Step::Chat(_) => {
                    self.ended(1);
                    self.turn(session).await?;
                }
                Step::StartAgent { .. } | Step::Log { .. } => {}
            }
        }
        // The root of the session ends next.
        self.wait_until_due().await
    }

    fn play(&mut self, step: &Step<'_>, player: &mut Player<'_>) {
        self.steps += 1;
        if !self.steps.is_multiple_of(STEPS_PER_SAMPLE) {
            return player.play(step);
        }
        let begun = Instant::now();
        player.play(step);
        self.latencies.record(begun.elapsed());
    }

    /// What a host does between two turns: waits for room, and lets others have a turn.
    async fn turn(&mut self, session: &Session) -> Result<(), Stopped> {
        tokio::task::coop::consume_budget().await;
        if self.load.stop.is_cancelled() {
            return Err(Stopped);
        }
        tokio::select! {
            biased;
            ready = session.ready() => Ok(ready?),
            () = self.load.stop.cancelled() => Err(Stopped),
        }
    }

    async fn wait_until_due(&mut self) -> Result<(), Stopped> {
        let Some(pace) = self.pace else {
            return Ok(());
        };
        while self.emitted >= self.owed {
            self.owed = pace.owed(self.load.begun.elapsed());
            if self.emitted < self.owed {
                break;
            }
            self.count();
            let due = self.load.begun + pace.due(self.emitted);
            tokio::select! {
                biased;
                () = self.load.stop.cancelled() => return Err(Stopped),
                () = tokio::time::sleep_until(due.into()) => {}
            }
        }
        Ok(())
    }

    fn ended(&mut self, spans: u64) {
        self.emitted += spans;
        if self.emitted - self.counted >= SPANS_PER_COUNT {
            self.count();
        }
    }

    fn count(&mut self) {
        let uncounted = self.emitted - std::mem::replace(&mut self.counted, self.emitted);
        self.load.emitted.fetch_add(uncounted, Ordering::Relaxed);
    }
}
