//! Where converted sessions go: a pipeline of its own for each of them, so that none can be left
//! behind by another and lose what it has no room for.
//!
//! Holds: a pipeline with its budget. Waits: for its exporter. Loses: what the exporter does not take
//! for as long as there is patience; the ledger tells.

use std::io;
use std::time::Duration;

use spanreel::{
    BatchConfig, BuildError, ByteSize, Exporter, IntakeError, Limits, Otlp, OtlpFile, Pipeline,
    Redaction, Resource, Sampling, SessionConfig, ShutdownReport, SpanContext, WhenFull,
};

use super::args::Out;
use super::canvas::Canvas;
use super::form::FormWriter;
use super::play::{Stuck, play};
use crate::convert::SessionTrace;
use crate::convert::otlp::OtlpRequest;
use crate::drain::drain;
use crate::endpoint::Endpoint;

/// Longer than any conversion.
const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// After this time batches leave though they are not full: longer than conversions take, so that
/// where one ends does not depend on how fast the machine is.
const BATCH_TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The most memory that a pipeline holds; a request may have half of it.
const BUDGET: ByteSize = ByteSize::mib(128);

/// One place that converted sessions go to: a pipeline for each service that was recorded, since that is
/// what a pipeline's resource names.
#[derive(Debug)]
pub(crate) struct Destination {
    place: Place,
    batch: BatchConfig,
    terms: Terms,
    /// The first takes requests, which bring resources of their own.
    pipelines: Vec<(String, Pipeline)>,
}

/// What holds for all destinations.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    /// How long a destination may take nothing.
    pub(crate) patience: Duration,
    /// What is taken out of everything before it goes there.
    pub(crate) redaction: Option<Redaction>,
}

/// Where a destination is.
#[derive(Debug)]
enum Place {
    Receiver(Endpoint, Vec<(String, String)>),
    Jsonl(Out),
    Form(FormWriter),
    Canvas(Canvas),
}

/// Why a request was not taken.
#[derive(Debug)]
pub(crate) enum Refused {
    /// It cannot be taken at all: says why.
    Request(String),
    Stuck(Stuck),
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

impl From<io::Error> for SetupError {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
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
        terms: Terms,
    ) -> Result<Self, SetupError> {
        let place = Place::Receiver(endpoint.clone(), headers.to_vec());
        Self::new(place, BatchConfig::default(), service, terms)
    }

    /// A file of OTLP JSON, which is begun anew.
    ///
    /// # Errors
    /// The file cannot be made.
    pub(crate) fn jsonl(out: &Out, service: &str, terms: Terms) -> Result<Self, SetupError> {
        let place = Place::Jsonl(out.clone());
        Self::new(place, Self::whole_batches(), service, terms)
    }

    /// A file in another form.
    ///
    /// # Errors
    /// A thread cannot be had.
    pub(crate) fn form(
        writer: FormWriter,
        service: &str,
        terms: Terms,
    ) -> Result<Self, SetupError> {
        Self::new(Place::Form(writer), Self::whole_batches(), service, terms)
    }

    /// A tree.
    ///
    /// # Errors
    /// A thread cannot be had.
    pub(crate) fn canvas(canvas: Canvas, service: &str, terms: Terms) -> Result<Self, SetupError> {
        Self::new(Place::Canvas(canvas), Self::whole_batches(), service, terms)
    }

    fn new(
        place: Place,
        batch: BatchConfig,
        service: &str,
        terms: Terms,
    ) -> Result<Self, SetupError> {
        let mut destination = Self {
            place,
            batch,
            terms,
            pipelines: Vec::new(),
        };
        destination.pipeline(service)?;
        Ok(destination)
    }

    /// The pipeline of a service, started where there is none.
    fn pipeline(&mut self, service: &str) -> Result<&Pipeline, SetupError> {
        let known = self.pipelines.iter().position(|(name, _)| name == service);
        let at = match known {
            Some(at) => at,
            None => {
                let pipeline = Self::start(
                    self.exporter(),
                    service,
                    self.batch.clone(),
                    Sampling::always_on(),
                    self.terms.redaction.as_ref(),
                )?;
                self.pipelines.push((service.to_owned(), pipeline));
                self.pipelines.len() - 1
            }
        };
        Ok(&self.pipelines[at].1)
    }

    /// An exporter to the place, for one more pipeline.
    fn exporter(&self) -> Exporter {
        match &self.place {
            Place::Receiver(endpoint, headers) => {
                let mut otlp = if endpoint.scheme().is_grpc() {
                    Otlp::grpc(endpoint.url())
                } else {
                    Otlp::http(endpoint.url())
                };
                for (name, value) in headers {
                    otlp = otlp.header(name, value);
                }
                otlp.into()
            }
            Place::Jsonl(out) => {
                let file = match out {
                    Out::Stdout => OtlpFile::stdout(),
                    Out::File(path) if self.pipelines.is_empty() => OtlpFile::create(path),
                    Out::File(path) => OtlpFile::append(path),
                };
                // A full disk or a closed pipe does not get better by waiting.
                Exporter::from(file).retry_for(Duration::from_secs(1))
            }
            Place::Form(writer) => writer.exporter(),
            Place::Canvas(canvas) => canvas.exporter(),
        }
    }

    /// Batches that leave when they are full or asked for.
    pub(crate) fn whole_batches() -> BatchConfig {
        BatchConfig {
            schedule_delay: BATCH_TIME,
            ..BatchConfig::default()
        }
    }

    /// Starts a pipeline that depends on nothing but what is given: neither the environment nor the
    /// machine nor the time changes what comes out of it.
    ///
    /// # Errors
    /// Something of it is wrong, or a thread cannot be had.
    pub(crate) fn start(
        exporter: Exporter,
        service: &str,
        batch: BatchConfig,
        sampling: Sampling,
        redaction: Option<&Redaction>,
    ) -> Result<Pipeline, SetupError> {
        let sessions = SessionConfig {
            idle_timeout: NEVER,
            max_age: NEVER,
            max_spans: u64::MAX,
            max_bytes: ByteSize::bytes(u64::MAX),
            linger: batch.schedule_delay,
            ..SessionConfig::default()
        };
        let mut builder = Pipeline::builder()
            .disabled(false)
            .resource(Resource::empty().service(service))
            .sampling(sampling)
            .limits(Limits::default())
            .log_batch(batch.clone())
            .batch(batch)
            .sessions(sessions)
            .budget(BUDGET)
            .when_full(WhenFull::Block)
            .export(exporter);
        if let Some(redaction) = redaction {
            builder = builder.redact(redaction.clone());
        }
        Ok(builder.start()?)
    }

    /// Sends a session of a service. `parent` is the foreign span that it continues.
    ///
    /// # Errors
    /// Nothing was taken for as long as there was patience; or a thread cannot be had.
    pub(crate) async fn send(
        &mut self,
        service: &str,
        session: &SessionTrace,
        parent: Option<&SpanContext>,
    ) -> Result<Result<(), Stuck>, SetupError> {
        let patience = self.terms.patience;
        let pipeline = self.pipeline(service)?;
        Ok(play(session, parent, pipeline, patience).await)
    }

    /// Sends a request, which names its services itself.
    ///
    /// # Errors
    /// It is of no use here, or nothing was taken for as long as there was patience.
    pub(crate) async fn take(&self, request: OtlpRequest) -> Result<(), Refused> {
        let intake = self.pipelines[0].1.intake().recognise_sessions(false);
        let taken = intake.accept(request.signal, request.bytes);
        let stuck = Refused::Stuck(Stuck(self.terms.patience));
        match tokio::time::timeout(self.terms.patience, taken).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(IntakeError::Full { .. } | IntakeError::Closed)) | Err(_) => Err(stuck),
            // A form without log records: they are left out, as those of own sessions are.
            Ok(Err(IntakeError::NotTaken { .. })) => Ok(()),
            Ok(Err(error)) => Err(Refused::Request(error.to_string())),
        }
    }

    /// Waits until everything that was sent is exported, so that what is sent next stands behind it.
    ///
    /// # Errors
    /// That took longer than there was patience.
    pub(crate) async fn settle(&self) -> Result<(), Stuck> {
        for (_, pipeline) in &self.pipelines {
            match pipeline.flush(self.terms.patience).await {
                Ok(flush) if flush.complete => {}
                Ok(_) | Err(_) => return Err(Stuck(self.terms.patience)),
            }
        }
        Ok(())
    }

    /// Delivers what is left and tells what became of everything.
    ///
    /// # Errors
    /// The end of a file cannot be written.
    pub(crate) async fn close(self) -> io::Result<Vec<ShutdownReport>> {
        let mut reports = Vec::with_capacity(self.pipelines.len());
        for (_, pipeline) in &self.pipelines {
            reports.push(drain(pipeline, self.terms.patience).await);
        }
        if let Place::Form(writer) = self.place {
            writer.finish()?;
        }
        Ok(reports)
    }
}
