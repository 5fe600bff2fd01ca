//! Everything that can be set, as plain data with the documented defaults.
//!
//! The builder starts from [`Config::from_environment`] and overwrites it, so that code wins over
//! the environment and the environment over the defaults. `docs/configuration.md` is the table of
//! all of it.

use std::time::Duration;

use crate::actors::batcher::config::BatchConfig;
use crate::actors::session::config::{SessionConfig, WhenFull};
#[cfg(feature = "spool")]
use crate::actors::spool::config::{Spool, SpoolMode};
use crate::model::byte_size::ByteSize;
use crate::model::content::Content;
use crate::model::limits::Limits;
use crate::model::problem::Problem;
use crate::model::propagation::policy::BaggagePolicy;
use crate::model::propagation::propagators::Propagators;
use crate::model::resource::Resource;
use crate::model::sampling::Sampling;
use crate::pipeline::env::Environment;

/// How many bytes of the budget one span or record of `OTEL_BSP_MAX_QUEUE_SIZE` and
/// `OTEL_BLRP_MAX_QUEUE_SIZE` stands for: what a span with some ten attributes takes on the wire.
const BYTES_PER_QUEUED_ITEM: u64 = 512;

/// The smallest budget that leaves every stage room to work.
const MIN_BUDGET: ByteSize = ByteSize::mib(8);

/// The largest request that OTLP 1.11 recommends servers to accept.
const MAX_REQUEST: ByteSize = ByteSize::mib(64);

/// How long what is to be written to disk first waits for company.
#[cfg(feature = "spool")]
const COMMIT_WINDOW: Duration = Duration::from_millis(5);

/// How long ended spans wait in their session where all is written to disk: with all that comes after it, a
/// process that is killed loses 50 ms at most.
#[cfg(feature = "spool")]
const SESSION_WINDOW: Duration = Duration::from_millis(20);

/// What resource, scope and framing may add to a span in a request of its own.
const REQUEST_OVERHEAD: u64 = 64 << 10;

/// The characters of a UUID, which every session id limit must allow.
const UUID_LEN: usize = 36;

/// The bytes below which an HMAC key is too easy to guess (RFC 2104, section 3, asks for no less
/// than half the hash).
const MIN_HASH_KEY: usize = 16;

/// The configuration of a pipeline.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Config {
    /// Who emits. Default: [`Resource::from_env`].
    pub(crate) resource: Resource,
    /// Which sessions are recorded. Default: all but those with an unsampled parent.
    pub(crate) sampling: Sampling,
    /// What one span or log record may hold.
    pub(crate) limits: Limits,
    /// How spans are batched.
    pub(crate) batch: BatchConfig,
    /// How log records are batched.
    pub(crate) log_batch: BatchConfig,
    /// How long and how large sessions may grow.
    pub(crate) sessions: SessionConfig,
    /// Which formats of context are read and written. Default: W3C's.
    pub(crate) propagators: Propagators,
    /// What travels as baggage. Default: nothing.
    pub(crate) baggage: BaggagePolicy,
    /// Whether content is recorded. Default: off.
    pub(crate) content: Content,
    /// What the pipeline may hold in memory in all. Default: 64 MiB.
    pub(crate) budget: ByteSize,
    /// What happens to telemetry that finds the pipeline full. Default: the newest is dropped.
    pub(crate) when_full: WhenFull,
    /// How long a shutdown may take that names no time of its own. Default: 5 s.
    pub(crate) shutdown_grace: Duration,
    /// Whether nothing is recorded at all. Default: false.
    pub(crate) disabled: bool,
    /// Where what cannot be delivered now waits. Default: nowhere.
    #[cfg(feature = "spool")]
    pub(crate) spool: Option<Spool>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            resource: Resource::default(),
            sampling: Sampling::default(),
            limits: Limits::default(),
            batch: BatchConfig::default(),
            log_batch: BatchConfig::for_logs(),
            sessions: SessionConfig::default(),
            propagators: Propagators::default(),
            baggage: BaggagePolicy::default(),
            content: Content::default(),
            budget: ByteSize::mib(64),
            when_full: WhenFull::default(),
            shutdown_grace: Duration::from_secs(5),
            disabled: false,
            #[cfg(feature = "spool")]
            spool: None,
        }
    }
}

impl Config {
    /// The defaults, overlaid by what the environment sets.
    pub(crate) fn from_environment(environment: &Environment) -> Self {
        let defaults = Self::default();
        let queued = [&environment.batch, &environment.log_batch]
            .into_iter()
            .filter_map(|batch| batch.max_queue_size)
            .reduce(usize::saturating_add);
        Self {
            sampling: environment.sampling.clone().unwrap_or(defaults.sampling),
            limits: environment.limits.apply(defaults.limits),
            batch: environment.batch.apply(defaults.batch),
            log_batch: environment.log_batch.apply(defaults.log_batch),
            propagators: match &environment.propagators {
                Some(chosen) => Propagators::new(chosen.iter().copied()),
                None => defaults.propagators,
            },
            budget: queued.map_or(defaults.budget, queue_budget),
            content: environment.content.unwrap_or(defaults.content),
            disabled: environment.disabled.unwrap_or(defaults.disabled),
            ..defaults
        }
    }

    /// Everything wrong with it, each problem naming the setting and what would be right.
    pub(crate) fn validate(&self) -> Vec<Problem> {
        let mut check = Check::default();
        check.found.extend(self.resource.problems());
        check.found.extend(self.sampling.problems());
        check.found.extend(self.baggage.problems());
        self.check_limits(&mut check);
        self.check_batch(&mut check, "batch", &self.batch);
        self.check_batch(&mut check, "log_batch", &self.log_batch);
        self.check_sessions(&mut check);
        let largest = self
            .batch
            .max_request_bytes
            .max(self.log_batch.max_request_bytes);
        let least = MIN_BUDGET.max(ByteSize::bytes(largest.as_u64().saturating_mul(2)));
        check.that(self.budget >= least, "budget", || {
            format!("is {}; two requests need {least} at least", self.budget)
        });
        #[cfg(feature = "spool")]
        self.check_spool(&mut check, largest);
        check.found
    }

    #[cfg(feature = "spool")]
    fn check_spool(&self, check: &mut Check, request: ByteSize) {
        let Some(spool) = &self.spool else { return };
        let least = ByteSize::bytes(request.as_u64().saturating_mul(2));
        check.that(spool.max_size >= least, "spool.max_size", || {
            format!("is {}; two requests need {least} at least", spool.max_size)
        });
        check.at_least_one("spool.segment_size", spool.segment_size.as_u64());
        check.that(!spool.path.as_os_str().is_empty(), "spool.path", || {
            "is empty; give a directory".to_owned()
        });
    }

    /// The same with chunks and batches that are sealed soon, where all is written to disk first: somebody
    /// waits for that, or may be killed before.
    #[cfg(feature = "spool")]
    pub(crate) fn hurried(mut self) -> Self {
        let is_always = |spool: &Spool| spool.mode == SpoolMode::Always;
        if self.spool.as_ref().is_some_and(is_always) {
            for batch in [&mut self.batch, &mut self.log_batch] {
                batch.schedule_delay = batch.schedule_delay.min(COMMIT_WINDOW);
            }
            self.sessions.linger = self.sessions.linger.min(SESSION_WINDOW);
        }
        self
    }

    fn check_limits(&self, check: &mut Check) {
        let limits = &self.limits;
        check.at_least_one("limits.value_hard_limit", limits.value_hard_limit as u64);
        check.at_least_one("limits.name_length", limits.name_length as u64);
        check.that(
            limits.value_hard_limit <= limits.span_bytes,
            "limits.value_hard_limit",
            || {
                format!(
                    "is {}; a value must fit into a span, so give at most limits.span_bytes ({})",
                    limits.value_hard_limit, limits.span_bytes
                )
            },
        );
        check.that(
            limits.session_id_length >= UUID_LEN,
            "limits.session_id_length",
            || {
                let given = limits.session_id_length;
                format!("is {given}; a UUID needs {UUID_LEN} at least")
            },
        );
        let smallest = self
            .batch
            .max_request_bytes
            .min(self.log_batch.max_request_bytes);
        let room = smallest.as_u64().saturating_sub(REQUEST_OVERHEAD);
        check.that(
            limits.span_bytes as u64 <= room,
            "limits.span_bytes",
            || {
                let given = limits.span_bytes;
                format!("is {given}; to fit into a request of {smallest} give at most {room}")
            },
        );
    }

    fn check_batch(&self, check: &mut Check, name: &str, batch: &BatchConfig) {
        check.at_least_one(
            &format!("{name}.max_export_batch_size"),
            batch.max_export_batch_size as u64,
        );
        let (target, most) = (batch.max_export_batch_bytes, batch.max_request_bytes);
        check.at_least_one(&format!("{name}.max_export_batch_bytes"), target.as_u64());
        check.that(
            target <= most,
            &format!("{name}.max_export_batch_bytes"),
            || format!("is {target}; give at most {name}.max_request_bytes ({most})"),
        );
        check.that(
            most <= MAX_REQUEST,
            &format!("{name}.max_request_bytes"),
            || format!("is {most}; OTLP servers take {MAX_REQUEST} at most"),
        );
        check.more_than_zero(&format!("{name}.export_timeout"), batch.export_timeout);
    }

    fn check_sessions(&self, check: &mut Check) {
        let sessions = &self.sessions;
        check.more_than_zero("sessions.idle_timeout", sessions.idle_timeout);
        check.more_than_zero("sessions.max_age", sessions.max_age);
        check.at_least_one("sessions.max_spans", sessions.max_spans);
        let least = ByteSize::bytes(self.limits.span_bytes as u64);
        check.that(sessions.max_bytes >= least, "sessions.max_bytes", || {
            let given = sessions.max_bytes;
            format!("is {given}; one span may take limits.span_bytes ({least}), so give no less")
        });
        check.that(
            sessions.linger <= sessions.idle_timeout,
            "sessions.linger",
            || {
                let (linger, idle) = (sessions.linger, sessions.idle_timeout);
                format!("is {linger:?}; give at most sessions.idle_timeout ({idle:?})")
            },
        );
        let delegations = &sessions.delegations;
        check.more_than_zero("sessions.delegations.deadline", delegations.deadline);
        check.more_than_zero("sessions.delegations.heartbeat", delegations.heartbeat);
        check.at_least_one(
            "sessions.delegations.max_in_flight",
            delegations.max_in_flight as u64,
        );
        if let Some(key) = &sessions.hash_key {
            check.that(
                key.as_bytes().len() >= MIN_HASH_KEY,
                "sessions.hash_key",
                || format!("is too short; give {MIN_HASH_KEY} random bytes at least"),
            );
        }
    }
}

/// The budget for a queue of that many spans and log records.
fn queue_budget(items: usize) -> ByteSize {
    let bytes = (items as u64).saturating_mul(BYTES_PER_QUEUED_ITEM);
    MIN_BUDGET.max(ByteSize::bytes(bytes))
}

/// The problems found so far.
#[derive(Default)]
struct Check {
    found: Vec<Problem>,
}

impl Check {
    fn that(&mut self, right: bool, setting: &str, advice: impl FnOnce() -> String) {
        if !right {
            self.found.push(Problem::new(setting, advice()));
        }
    }

    fn at_least_one(&mut self, setting: &str, given: u64) {
        self.that(given > 0, setting, || "is 0; give 1 or more".to_owned());
    }

    fn more_than_zero(&mut self, setting: &str, given: Duration) {
        self.that(!given.is_zero(), setting, || {
            "is zero; give a longer time".to_owned()
        });
    }
}

#[cfg(test)]
mod tests;
