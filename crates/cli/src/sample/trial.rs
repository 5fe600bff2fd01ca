//! A pipeline with policies, and one beside it that keeps and measures everything.
//!
//! Holds: two pipelines with their budgets. Waits: until a session is judged.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use spanreel::{
    Export, ExportError, Exporter, Null, Pipeline, PolicyStats, Request, Sampling, Signal,
};

use crate::convert::SessionTrace;
use crate::drain::drain;
use crate::replay::destination::Destination;
use crate::replay::play::{Stuck, play};

/// Longer than a session takes that goes nowhere.
const PATIENCE: Duration = Duration::from_secs(60);

/// Policies at work.
#[derive(Debug)]
pub(super) struct Trial {
    judge: Pipeline,
    measure: Pipeline,
    scale: Scale,
}

/// What became of a session, and how large it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Judged {
    /// The number of the policy that decided, those within others behind the one that they are in; the
    /// last is of the sessions that no policy is for.
    pub(super) policy: usize,
    pub(super) is_kept: bool,
    pub(super) size: Size,
}

/// How much telemetry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) spans: u64,
    pub(super) logs: u64,
    /// As OTLP in protobuf.
    pub(super) bytes: u64,
}

impl Trial {
    pub(super) fn start(sampling: &Sampling) -> anyhow::Result<Self> {
        let scale = Scale::default();
        let exporter = Exporter::new(scale.clone());
        Ok(Self {
            judge: pipeline(Null.into(), sampling.clone())?,
            measure: pipeline(exporter, Sampling::always_on())?,
            scale,
        })
    }

    /// The names of the policies, in the order of their numbers.
    pub(super) fn policies(&self) -> Vec<String> {
        let policies = policies(&self.judge).into_iter();
        policies.map(|policy| policy.name).collect()
    }

    /// Has a session judged.
    pub(super) async fn judge(&self, session: &SessionTrace) -> anyhow::Result<Judged> {
        send(session, &self.measure).await?;
        let before = policies(&self.judge);
        send(session, &self.judge).await?;
        let after = policies(&self.judge);
        let decided = |count: fn(&PolicyStats) -> u64| {
            let mut pairs = before.iter().zip(&after);
            pairs.position(|(before, after)| count(after) > count(before))
        };
        let (policy, is_kept) = match (decided(|it| it.kept), decided(|it| it.dropped)) {
            (None, Some(policy)) => (policy, false),
            (Some(policy), _) => (policy, true),
            // Who keeps everything asks nothing.
            (None, None) => (after.len().saturating_sub(1), true),
        };
        Ok(Judged {
            policy,
            is_kept,
            size: self.scale.take(),
        })
    }

    pub(super) async fn close(self) {
        for pipeline in [self.judge, self.measure] {
            drain(&pipeline, PATIENCE).await;
        }
    }
}

fn pipeline(exporter: Exporter, sampling: Sampling) -> anyhow::Result<Pipeline> {
    let batch = Destination::whole_batches();
    let pipeline = Destination::start(exporter, "recorded", batch, sampling, None)?;
    Ok(pipeline)
}

fn policies(pipeline: &Pipeline) -> Vec<PolicyStats> {
    pipeline.stats().sampling.policies
}

/// Plays a session, and waits until all of it is judged.
async fn send(session: &SessionTrace, pipeline: &Pipeline) -> Result<(), Stuck> {
    play(session, None, pipeline, PATIENCE).await?;
    match pipeline.flush(PATIENCE).await {
        Ok(flush) if flush.complete => Ok(()),
        Ok(_) | Err(_) => Err(Stuck(PATIENCE)),
    }
}

/// An exporter that measures what it is given. Clones share the measure.
#[derive(Clone, Debug, Default)]
struct Scale(Arc<[AtomicU64; 3]>);

impl Scale {
    /// What was exported since this was asked last.
    fn take(&self) -> Size {
        let [spans, logs, bytes] = self.0.each_ref().map(|it| it.swap(0, Ordering::Relaxed));
        Size { spans, logs, bytes }
    }
}

impl Export for Scale {
    fn name(&self) -> &str {
        "scale"
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        let [spans, logs, bytes] = &*self.0;
        let items = match request.signal() {
            Signal::Traces => spans,
            _ => logs,
        };
        items.fetch_add(request.items(), Ordering::Relaxed);
        bytes.fetch_add(request.encoded_len() as u64, Ordering::Relaxed);
        Ok(())
    }
}
