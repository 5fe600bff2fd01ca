//! The builder: the only way in.

use std::collections::HashSet;
use std::fmt;
#[cfg(feature = "spool")]
use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::config::Config;
use super::env::{self, Environment};
use super::error::BuildError;
use super::topology::{self, LanePlan, Plan};
use super::{Pipeline, exporters};
use crate::actors::batcher::config::BatchConfig;
use crate::actors::exporter::Exporter;
use crate::actors::processor::Process;
use crate::actors::sampler::own::Sample;
use crate::actors::session::config::{SessionConfig, WhenFull};
#[cfg(feature = "spool")]
use crate::actors::spool::{
    config::Spool,
    handle::Running,
    open::{Use, open},
};
use crate::model::byte_size::ByteSize;
use crate::model::content::Content;
use crate::model::id;
use crate::model::limits::Limits;
use crate::model::problem::Problem;
use crate::model::propagation::policy::BaggagePolicy;
use crate::model::propagation::propagators::Propagators;
use crate::model::redaction::{Redaction, Redactor};
use crate::model::resource::{Origin, Resource, Scope};
use crate::model::sampling::Sampling;
use crate::model::sampling::plan::Plan as SamplingPlan;

/// Builds a [`Pipeline`]. What is not set here comes from the environment (`OTEL_*`), what is not
/// set there is the documented default.
#[must_use = "call start"]
pub struct Builder {
    environment: Environment,
    config: Config,
    scope: Scope,
    exporters: Vec<Exporter>,
    early: Vec<Exporter>,
    processors: Vec<Box<dyn Process>>,
    sample: Option<Box<dyn Sample>>,
    redaction: Option<Redaction>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        let environment = env::read_process();
        let config = Config::from_environment(&environment);
        let scope = Scope {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            attributes: Vec::new(),
        };
        Self {
            environment,
            config,
            scope,
            exporters: Vec::new(),
            early: Vec::new(),
            processors: Vec::new(),
            sample: None,
            redaction: None,
        }
    }

    /// Who emits. Default: [`Resource::from_env`].
    pub fn resource(mut self, resource: Resource) -> Self {
        self.config.resource = resource;
        self
    }

    /// The instrumentation scope: the name and version of the library that records. Default:
    /// spanreel's.
    pub fn scope(mut self, name: impl Into<String>, version: impl Into<String>) -> Self {
        self.scope.name = name.into();
        self.scope.version = Some(version.into());
        self
    }

    /// Which sessions are recorded at all (head sampling), decided once per session. Default: all
    /// but those with an unsampled parent; `OTEL_TRACES_SAMPLER`.
    pub fn sampling(mut self, sampling: Sampling) -> Self {
        self.config.sampling = sampling;
        self
    }

    /// Has recorded sessions judged by what they did (tail sampling). Default: all are kept.
    pub fn sample(mut self, sample: impl Sample) -> Self {
        self.sample = Some(Box::new(sample));
        self
    }

    /// Adds a processor, behind those that were added before.
    pub fn process(mut self, processor: impl Process) -> Self {
        self.processors.push(Box::new(processor));
        self
    }

    /// Takes out of everything what must not leave the process, before anything holds, stores or exports
    /// it, and behind all processors. Default: nothing is taken out.
    pub fn redact(mut self, redaction: Redaction) -> Self {
        self.redaction = Some(redaction);
        self
    }

    /// Whether what users and models wrote is recorded, where a session says nothing else. Default: off;
    /// `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`.
    pub fn content(mut self, content: Content) -> Self {
        self.config.content = content;
        self
    }

    /// How much one span or log record may hold; `OTEL_*_LIMIT`.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.config.limits = limits;
        self
    }

    /// How spans are batched; `OTEL_BSP_*`.
    pub fn batch(mut self, batch: BatchConfig) -> Self {
        self.config.batch = batch;
        self
    }

    /// How log records are batched; `OTEL_BLRP_*`.
    pub fn log_batch(mut self, batch: BatchConfig) -> Self {
        self.config.log_batch = batch;
        self
    }

    /// How sessions live and end.
    pub fn sessions(mut self, sessions: SessionConfig) -> Self {
        self.config.sessions = sessions;
        self
    }

    /// Which formats of context are read and written. Default: W3C Trace Context and Baggage;
    /// `OTEL_PROPAGATORS`.
    pub fn propagators(mut self, propagators: Propagators) -> Self {
        self.config.propagators = propagators;
        self
    }

    /// What of a session travels as baggage, and to whom. Default: nothing, to nobody.
    pub fn baggage(mut self, policy: BaggagePolicy) -> Self {
        self.config.baggage = policy;
        self
    }

    /// What the pipeline may hold in memory: open chunks, mailboxes, undecided sessions, batches and
    /// requests in flight. Default: 64 MiB. Compressed copies of requests in flight come on top, as
    /// do open spans and sessions themselves.
    pub fn budget(mut self, budget: ByteSize) -> Self {
        self.config.budget = budget;
        self
    }

    /// What happens when there is no room. Default: [`WhenFull::DropNewest`].
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.config.when_full = when_full;
        self
    }

    /// Adds an exporter: everything is exported to each of them, on a lane of its own. Default:
    /// those of `OTEL_TRACES_EXPORTER` and `OTEL_LOGS_EXPORTER`, which is OTLP over HTTP to
    /// localhost where nothing is set.
    pub fn export(mut self, exporter: impl Into<Exporter>) -> Self {
        self.exporters.push(exporter.into());
        self
    }

    /// Adds an exporter that stands before the sampler: it is given everything that is recorded or received,
    /// behind the processors, whatever sampling decides, and within a quarter of a second. For what shows or
    /// keeps sessions on the spot.
    ///
    /// It never delays the other exporters: it may hold a quarter of the budget, and what it cannot take is
    /// booked for its lane alone ([`Fate::LaneFull`](crate::Fate::LaneFull)). It has no part in a spool, and
    /// nobody is owed its receipt. Own sessions that the ratio leaves out when they are opened record nothing
    /// that it could be given. Default: none.
    pub fn export_before_sampling(mut self, exporter: impl Into<Exporter>) -> Self {
        self.early.push(exporter.into());
        self
    }

    /// What cannot be delivered now waits in this directory, of `max_size` bytes at most, and survives the
    /// process: [`Spool::at`] with its defaults. Default: none.
    #[cfg(feature = "spool")]
    pub fn spool(self, path: impl Into<PathBuf>, max_size: ByteSize) -> Self {
        self.spool_with(Spool::at(path, max_size))
    }

    /// As [`spool`](Self::spool), with everything that can be said of one.
    #[cfg(feature = "spool")]
    pub fn spool_with(mut self, spool: Spool) -> Self {
        self.config.spool = Some(spool);
        self
    }

    /// Records nothing at all; sessions and spans still carry context. Default: false;
    /// `OTEL_SDK_DISABLED`.
    pub fn disabled(mut self, disabled: bool) -> Self {
        self.config.disabled = disabled;
        self
    }

    /// Starts the pipeline on a small runtime of its own, on a thread of its own: it works from
    /// synchronous programs and from any runtime, and while the host's runtime goes down.
    ///
    /// What runs on its threads (exporters, processors, samplers and the libraries they call) never
    /// records spans or log records: diagnostics of an export would lead to the next one, without
    /// end.
    ///
    /// # Errors
    /// The configuration is wrong (every problem is told), the spool cannot be used, or the thread could
    /// not be started.
    pub fn start(self) -> Result<Pipeline, BuildError> {
        topology::own_runtime::start_on_own_thread(self.plan()?)
    }

    /// Starts the pipeline on a runtime of the host's, which must have time and I/O enabled and must
    /// outlive the shutdown.
    ///
    /// A host that turns `tracing` events into log records must leave out those of the targets
    /// `spanreel`, `hyper`, `hyper_util`, `h2`, `rustls` and `tower` here: what exporters say would
    /// lead to the next export, without end. With [`start`](Self::start), nothing of that is
    /// recorded.
    ///
    /// # Errors
    /// The configuration is wrong (every problem is told), or the spool cannot be used.
    pub fn start_on(self, runtime: &Handle) -> Result<Pipeline, BuildError> {
        Ok(topology::start_on(self.plan()?, runtime))
    }

    /// Checks everything, so that all problems are reported at once.
    fn plan(self) -> Result<Plan, BuildError> {
        id::begin_anew();
        for warning in &self.environment.warnings {
            tracing::warn!(target: "spanreel", "{warning}");
        }
        let mut problems = self.config.validate();
        problems.extend(self.redaction.iter().flat_map(Redaction::problems));
        let redactor = self.redaction.as_ref().map(|it| Arc::new(it.redactor()));
        let (mut lanes, mut early) = (Vec::new(), Vec::new());
        if !self.config.disabled {
            let chosen = if self.exporters.is_empty() {
                exporters::of_environment(&self.environment)
            } else {
                Ok(self.exporters)
            };
            match chosen {
                Ok(exporters) => {
                    let redactor = redactor.as_ref();
                    let mut names = HashSet::new();
                    let config = &self.config;
                    let exporters = exporters::in_words(exporters, &self.environment);
                    lanes = build(exporters, config, redactor, &mut names, &mut problems);
                    early = build(self.early, config, redactor, &mut names, &mut problems);
                }
                Err(found) => problems.extend(found),
            }
        }
        if !problems.is_empty() {
            return Err(BuildError::Invalid(problems));
        }
        let sampling = SamplingPlan::new(&self.config.sampling, None)
            .and_then(|plan| two_judges(plan, self.sample.is_some()))
            .map_err(BuildError::Invalid)?;
        #[cfg(feature = "spool")]
        let (config, spool) = {
            let spool = open_spool(&self.config, &lanes)?;
            (self.config.hurried(), spool)
        };
        #[cfg(not(feature = "spool"))]
        let (config, spool) = (self.config, None);
        let surroundings = self.environment.surroundings();
        let resource = config.resource.resolve(&surroundings);
        let origin = Origin::new(&resource, &self.scope);
        let origin = match &redactor {
            Some(redactor) => origin.redacted(redactor),
            None => origin,
        };
        Ok(Plan {
            origin: Arc::new(origin),
            config,
            lanes,
            early,
            processors: self.processors,
            redactor,
            sampling,
            sample: self.sample,
            spool,
        })
    }
}

/// Makes the exporters; those of the same name get a number.
fn build(
    exporters: Vec<Exporter>,
    config: &Config,
    redactor: Option<&Arc<Redactor>>,
    names: &mut HashSet<String>,
    problems: &mut Vec<Problem>,
) -> Vec<LanePlan> {
    let mut lanes = Vec::new();
    let longest = config
        .batch
        .export_timeout
        .max(config.log_batch.export_timeout);
    for exporter in exporters {
        let mut settings = exporter.settings;
        settings.timeout = settings.timeout.min(longest);
        settings.name = unique(&settings.name, names);
        names.insert(settings.name.clone());
        settings.redactor = redactor.cloned();
        match (exporter.build)(&settings) {
            Ok(built) => lanes.push(LanePlan {
                exporter: exporter.rewrite.around(built, redactor),
                settings,
                books: Arc::default(),
            }),
            Err(found) => problems.extend(found),
        }
    }
    lanes
}

/// Opens the spool, if there is to be one and there are lanes for it.
#[cfg(feature = "spool")]
fn open_spool(config: &Config, lanes: &[LanePlan]) -> Result<Option<Running>, BuildError> {
    let Some(settings) = config.spool.as_ref().filter(|_| !lanes.is_empty()) else {
        return Ok(None);
    };
    let batch = config
        .batch
        .max_export_batch_bytes
        .min(config.log_batch.max_export_batch_bytes);
    let usage = Use {
        lanes: lanes
            .iter()
            .map(|lane| (&*lane.settings.name, &lane.books))
            .collect(),
        desk_bytes: config.budget.as_usize() / 4,
        group_bytes: batch.as_u64(),
    };
    open(settings, &usage).map(Some).map_err(BuildError::Spool)
}

/// Sessions are judged by policies or by a sampler of the user's own.
pub(super) fn two_judges(sampling: SamplingPlan, own: bool) -> Result<SamplingPlan, Vec<Problem>> {
    if !own || !sampling.is_tail() {
        return Ok(sampling);
    }
    let advice =
        "policies for what sessions do stand beside a sampler of your own; give one of them";
    Err(vec![Problem::new("sampling", advice)])
}

/// The name, with the first number that makes it another than all of `taken`.
fn unique(name: &str, taken: &HashSet<String>) -> String {
    let numbered = (2_u64..).map(|number| format!("{name}-{number}"));
    std::iter::once(name.to_owned())
        .chain(numbered)
        .find(|name| !taken.contains(name))
        .expect("there are more numbers than exporters")
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("config", &self.config)
            .field("exporters", &self.exporters)
            .finish_non_exhaustive()
    }
}
