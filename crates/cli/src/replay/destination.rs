//! Where converted sessions go: a pipeline of its own for each of them, so that none can be left
//! behind by another and lose what it has no room for.
//!
//! Holds: a pipeline with its budget. Waits: for its exporter. Loses: what the exporter does not take
//! for as long as there is patience; the ledger tells.

use std::time::Duration;

use spanreel::{
    BatchConfig, BuildError, Exporter, Limits, Otlp, OtlpFile, Pipeline, PolicyStats, Resource,
    Sampling, SessionConfig, ShutdownReport, SpanContext, WhenFull,
};

use super::args::Out;
use super::play::{Stuck, play};
use crate::convert::SessionTrace;
use crate::drain::drain;
use crate::endpoint::Endpoint;

/// Longer than any conversion.
const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// After this time batches leave though they are not full: longer than conversions take, so that
/// where one ends does not depend on how fast the machine is.
const BATCH_TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// One place that converted sessions go to.
#[derive(Debug)]
pub(crate) struct Destination {
    pipeline: Pipeline,
    patience: Duration,
}

/// A destination could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct SetupError(String);

impl From<BuildError> for SetupError {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Invalid(problems) => {
                let advice: Vec<&str> = problems.iter().map(|it| it.advice.as_str()).collect();
                Self(advice.join("; "))
            }
            other => Self(other.to_string()),
        }
    }
}

impl Destination {
    /// An OTLP receiver.
    ///
    /// # Errors
    /// A header cannot be sent.
    pub(crate) fn receiver(
        endpoint: &Endpoint,
        headers: &[(String, String)],
        service: &str,
        patience: Duration,
    ) -> Result<Self, SetupError> {
        let mut otlp = if endpoint.scheme().is_grpc() {
            Otlp::grpc(endpoint.url())
        } else {
            Otlp::http(endpoint.url())
        };
        for (name, value) in headers {
            otlp = otlp.header(name, value);
        }
        let all = Sampling::always_on();
        Self::start(otlp, service, BatchConfig::default(), patience, all)
    }

    /// A file of OTLP JSON, which is begun anew.
    ///
    /// # Errors
    /// The file cannot be made.
    pub(crate) fn file(out: &Out, service: &str, patience: Duration) -> Result<Self, SetupError> {
        let file = match out {
            Out::Stdout => OtlpFile::stdout(),
            Out::File(path) => OtlpFile::create(path),
        };
        // A full disk or a closed pipe does not get better by waiting.
        let file = Exporter::from(file).retry_for(Duration::from_secs(1));
        let all = Sampling::always_on();
        Self::start(file, service, Self::whole_batches(), patience, all)
    }

    /// An exporter within this process.
    ///
    /// # Errors
    /// A thread cannot be had.
    pub(crate) fn local(
        exporter: Exporter,
        service: &str,
        patience: Duration,
    ) -> Result<Self, SetupError> {
        let all = Sampling::always_on();
        Self::start(exporter, service, Self::whole_batches(), patience, all)
    }

    /// An exporter within this process that gets what `sampling` keeps.
    ///
    /// # Errors
    /// The policies are wrong, or a thread cannot be had.
    pub(crate) fn sampled(
        exporter: impl Into<Exporter>,
        sampling: Sampling,
        patience: Duration,
    ) -> Result<Self, SetupError> {
        Self::start(
            exporter,
            "recorded",
            Self::whole_batches(),
            patience,
            sampling,
        )
    }

    fn whole_batches() -> BatchConfig {
        BatchConfig {
            schedule_delay: BATCH_TIME,
            ..BatchConfig::default()
        }
    }

    /// Starts a pipeline that depends on nothing but what is given: neither the environment nor the
    /// machine nor the time changes what comes out of it.
    fn start(
        exporter: impl Into<Exporter>,
        service: &str,
        batch: BatchConfig,
        patience: Duration,
        sampling: Sampling,
    ) -> Result<Self, SetupError> {
        let sessions = SessionConfig {
            idle_timeout: NEVER,
            max_age: NEVER,
            max_spans: u64::MAX,
            max_bytes: spanreel::ByteSize::bytes(u64::MAX),
            linger: batch.schedule_delay,
            ..SessionConfig::default()
        };
        let pipeline = Pipeline::builder()
            .disabled(false)
            .resource(Resource::empty().service(service))
            .sampling(sampling)
            .limits(Limits::default())
            .log_batch(batch.clone())
            .batch(batch)
            .sessions(sessions)
            .budget(spanreel::ByteSize::mib(64))
            .when_full(WhenFull::Block)
            .export(exporter)
            .start()?;
        Ok(Self { pipeline, patience })
    }

    /// Sends a session. `parent` is the foreign span that it continues.
    ///
    /// # Errors
    /// Nothing was taken for as long as there was patience.
    pub(crate) async fn send(
        &self,
        session: &SessionTrace,
        parent: Option<&SpanContext>,
    ) -> Result<(), Stuck> {
        play(session, parent, &self.pipeline, self.patience).await
    }

    /// Waits until everything that was sent is exported, so that what is sent next stands behind it.
    ///
    /// # Errors
    /// That took longer than there was patience.
    pub(crate) async fn settle(&self) -> Result<(), Stuck> {
        match self.pipeline.flush(self.patience).await {
            Ok(flush) if flush.complete => Ok(()),
            Ok(_) | Err(_) => Err(Stuck(self.patience)),
        }
    }

    /// What its policies decided so far.
    pub(crate) fn policies(&self) -> Vec<PolicyStats> {
        self.pipeline.stats().sampling.policies
    }

    /// Delivers what is left and tells what became of everything.
    pub(crate) async fn close(self) -> ShutdownReport {
        drain(&self.pipeline, self.patience).await
    }
}
