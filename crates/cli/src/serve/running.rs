//! The life of the command: shows what arrives, answers signals, and in the end drains.

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::diagnostics::Level;
use super::line::{Line, Status};
use super::reload;
use super::report;
use super::signals::{Signals, Wish};
use super::start::{self, Started};
use crate::config::{ConfigError, Effective, Sources};
use crate::outcome::Outcome;
use crate::term::Terminal;

/// How often lanes are looked at and the line is redrawn.
const TICK: Duration = Duration::from_millis(250);

/// What is running, with what changes while it runs.
pub(crate) struct Running {
    started: Started,
    effective: Effective,
    sources: Sources,
    level: Level,
    line: Line,
}

impl Running {
    pub(crate) fn new(
        started: Started,
        effective: Effective,
        sources: Sources,
        level: Level,
        stderr: &Terminal,
    ) -> Self {
        let config = &effective.config;
        let forwards = !config.exports.is_empty();
        let line = Line::new(stderr, config.json_logs, config.status_every, forwards);
        Self {
            started,
            effective,
            sources,
            level,
            line,
        }
    }

    /// Runs until a signal ends it, or a server dies.
    pub(crate) async fn run(mut self, signals: &mut Signals) -> Outcome {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let died = loop {
            tokio::select! {
                wish = signals.next() => match wish {
                    Wish::Stop => break None,
                    Wish::Reload => self.reload(),
                },
                _ = tick.tick() => self.tick(),
                _ = &mut self.started.receiving => break Some("the receiver"),
                () = ended(&mut self.started.operations) => break Some("the server of --http"),
            }
        };
        if let Some(who) = died {
            tracing::error!(target: "spanreel", "{who} has died; stopping");
        }
        let outcome = self.stop(signals).await;
        match (died, outcome) {
            (Some(_), Outcome::Fine) => Outcome::Failed,
            _ => outcome,
        }
    }

    fn tick(&mut self) {
        let now = Instant::now();
        let started = &self.started;
        let stats = started.pipeline.stats();
        started.health.look(&stats, now);
        let refused = start::refused(&started.receiver.stats());
        let status = Status::new(started.arrivals.totals(now), &stats, refused);
        self.line.show(status, now);
    }

    /// Reads the configuration again, and applies what can be applied. One with problems changes nothing.
    fn reload(&mut self) {
        let read = match self.sources.resolve() {
            Ok(read) => read,
            Err(ConfigError::Problems(problems)) => {
                for problem in &problems.0 {
                    tracing::error!(target: "spanreel", "{problem}");
                }
                tracing::error!(target: "spanreel", "the configuration is wrong; going on with the one before");
                return;
            }
            Err(error) => {
                tracing::error!(target: "spanreel", %error, "going on with the configuration before");
                return;
            }
        };
        let running = &mut self.effective.config;
        let changes = reload::changes(running, &read.config);
        if let (Some(before), Some(next)) = (&mut running.token, read.config.token)
            && *before != next
        {
            if let Err(error) = self.started.doors.renew(&next) {
                tracing::error!(target: "spanreel", %error, "going on with the configuration before");
                return;
            }
            *before = next;
        }
        if running.sampling != read.config.sampling {
            let sampling = &read.config.sampling.sampling;
            if let Err(error) = self.started.pipeline.set_sampling(sampling) {
                tracing::error!(target: "spanreel", %error, "going on with the configuration before");
                return;
            }
        }
        running.sampling = read.config.sampling;
        running.log_level = read.config.log_level;
        running.status_every = read.config.status_every;
        self.level.set(running.log_level);
        self.line.write_every(running.status_every);
        let shown = |names: &[&str]| names.join(", ");
        tracing::info!(target: "spanreel", applied = shown(&changes.applied), "the configuration was read again");
        if !changes.need_restart.is_empty() {
            let settings = shown(&changes.need_restart);
            tracing::warn!(target: "spanreel", settings, "these settings have changed and need a restart");
        }
    }

    /// Takes nothing new, forwards what there is, and tells what became of everything. A second signal
    /// ends that at once.
    async fn stop(mut self, signals: &mut Signals) -> Outcome {
        let grace = self.effective.config.grace;
        self.line.clear();
        self.started.health.drain();
        tracing::info!(target: "spanreel", ?grace, "stopping; a second signal stops at once");
        let json = self.effective.config.json_logs;
        let pipeline = self.started.pipeline.clone();
        let receiver = self.started.receiver.clone();
        tokio::select! {
            report = drain(&mut self.started, grace) => report::tell(&report, start::refused(&receiver.stats()), json),
            () = stop_wish(signals) => report::tell_cut(&pipeline.stats(), json),
        }
    }
}

/// Waits for the end of a task that may not be there.
async fn ended(task: &mut Option<JoinHandle<std::io::Result<()>>>) {
    match task {
        Some(task) => match task.await {
            Ok(Ok(())) | Err(_) => {}
            Ok(Err(error)) => tracing::error!(target: "spanreel", %error, "cannot serve --http"),
        },
        None => std::future::pending().await,
    }
}

/// Waits for a signal that means to stop.
async fn stop_wish(signals: &mut Signals) {
    while signals.next().await != Wish::Stop {}
}

/// Half of the grace at most is for requests that are being received, the rest for what is to be forwarded.
async fn drain(started: &mut Started, grace: Duration) -> spanreel::ShutdownReport {
    let begun = Instant::now();
    started.stop.cancel();
    // Senders that wait for delivery are answered the sooner.
    let flush = started.pipeline.flush(grace / 2);
    let received = async {
        // One that has died was waited for before.
        if !started.receiving.is_finished() {
            let _stats_or_panic = (&mut started.receiving).await;
        }
    };
    // Calls end before what they are part of.
    let gateway = started.gateway.take();
    let passed_on = async {
        if let Some(gateway) = gateway {
            gateway.stop().await;
        }
    };
    let ((), (), _flushed) = tokio::join!(received, passed_on, flush);
    if let Some(calls) = started.calls.take() {
        calls.stop().await;
    }
    started
        .pipeline
        .shutdown(grace.saturating_sub(begun.elapsed()))
        .await
}
