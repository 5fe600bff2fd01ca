//! Exporters: the trait that a destination implements, and what the pipeline knows about one.

#[cfg(any(feature = "grpc", feature = "http"))]
mod answer;
mod aside;
#[cfg(feature = "grpc")]
mod channel;
#[cfg(any(feature = "grpc", feature = "http"))]
mod compress;
#[cfg(any(feature = "grpc", feature = "http"))]
mod connect;
pub(crate) mod console;
pub(crate) mod delivery;
#[cfg(any(feature = "grpc", feature = "http"))]
mod endpoint;
#[cfg(feature = "proto")]
pub(crate) mod file;
#[cfg(feature = "grpc")]
mod grpc;
#[cfg(feature = "http")]
mod http;
#[cfg(all(feature = "http", feature = "proto"))]
mod json;
pub(crate) mod lane;
pub(crate) mod memory;
#[cfg(feature = "grpc")]
mod message;
pub(crate) mod null;
#[cfg(any(feature = "grpc", feature = "http"))]
pub(crate) mod otlp;
#[cfg(feature = "http")]
mod post;
pub(crate) mod retry;
pub(crate) mod rewrite;
mod rounds;
#[cfg(any(feature = "grpc", feature = "http"))]
mod setup;
pub(crate) mod standing;
#[cfg(any(feature = "grpc", feature = "http"))]
mod tls;
pub(crate) mod tree;
#[cfg(all(feature = "http", feature = "proto"))]
pub(crate) mod zipkin;

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

use self::rewrite::Rewrite;
use crate::model::content::Content;
#[cfg(feature = "proto")]
use crate::model::otlp::translate::Dialect;
use crate::model::problem::Problem;
use crate::model::redaction::Redactor;
use crate::model::request::{Request, Signal};

/// A destination of telemetry.
///
/// The pipeline batches, frames, retries, limits the time of an attempt and counts; an exporter
/// only delivers one request and says truthfully what became of it. Several calls may run at
/// once, as many as [`Exporter::concurrency`] allows. A call may be dropped at any await point
/// (time-out, shutdown): its outcome is then unknown and it may be tried again.
///
/// A panic costs that attempt alone.
///
/// ```
/// use spanreel::{Export, ExportError, Request};
///
/// /// Counts what it is given.
/// struct Count(std::sync::atomic::AtomicU64);
///
/// impl Export for Count {
///     fn name(&self) -> &str {
///         "count"
///     }
///
///     async fn export(&self, request: Request) -> Result<(), ExportError> {
///         self.0.fetch_add(request.items(), std::sync::atomic::Ordering::Relaxed);
///         Ok(())
///     }
/// }
/// ```
pub trait Export: Send + Sync + 'static {
    /// Names the destination in reports and diagnostics, without secrets: `otlp-grpc`, say.
    fn name(&self) -> &str;

    /// Delivers one request. `Ok` means that the destination has taken responsibility for all of
    /// its items.
    ///
    /// # Errors
    /// Says which of the classes of [`ExportError`] the failure belongs to; the pipeline acts
    /// on the class alone.
    fn export(&self, request: Request) -> impl Future<Output = Result<(), ExportError>> + Send;

    /// How many requests may be under way at once where [`Exporter::concurrency`] says nothing else.
    /// With 1, requests arrive in order. Default: 4.
    fn usual_concurrency(&self) -> NonZeroUsize {
        const { NonZeroUsize::new(4).unwrap() }
    }
}

/// Why a request was not delivered, in the classes that the pipeline acts on (OTLP 1.11,
/// "Failures").
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// It may succeed later: it is tried again, after `after` when the destination said how long
    /// to wait, otherwise after a growing delay with jitter.
    #[error("the destination cannot take it now")]
    Retryable {
        /// What the destination asked for (`Retry-After`, `RetryInfo`).
        after: Option<Duration>,
        /// What happened.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// It will never succeed: its items are booked as rejected.
    #[error("the destination refused it")]
    Permanent {
        /// What happened.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The destination refused the credentials, so that it would refuse everything (401 and 403 of HTTP,
    /// `UNAUTHENTICATED` and `PERMISSION_DENIED` of gRPC). As [`Permanent`](Self::Permanent); with a
    /// [`Spool`](crate::Spool) the lane waits until they are right.
    #[error("the destination refused the credentials")]
    Denied {
        /// What happened.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// It is larger than the destination takes: it is cut in two and tried again, down to single
    /// items, which are booked as too large.
    #[error("the request is larger than the destination takes")]
    TooLarge {
        /// What happened.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The destination took the request but for some items (`partial_success`). Never tried again.
    #[error("the destination refused {rejected} of the items: {message}")]
    Partial {
        /// How many items were refused.
        rejected: u64,
        /// The destination's words.
        message: String,
    },
}

impl ExportError {
    /// A failure that may pass.
    pub fn retryable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Retryable {
            after: None,
            source: source.into(),
        }
    }

    /// A failure that will not pass.
    pub fn permanent(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Permanent {
            source: source.into(),
        }
    }

    /// A refusal of the credentials.
    pub fn denied(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Denied {
            source: source.into(),
        }
    }

    /// A refusal for size.
    pub fn too_large(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::TooLarge {
            source: source.into(),
        }
    }

    /// Whether the pipeline tries the same request again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Retryable { .. })
    }
}

/// [`Export`] behind a pointer.
pub(crate) trait DynExport: Send + Sync + 'static {
    fn export(&self, request: Request) -> BoxFuture<'_, Result<(), ExportError>>;

    /// Nothing can keep the pipeline from starting any more: what is there of an earlier run may go.
    fn pipeline_starts(&self) {}
}

impl<E: Export> DynExport for E {
    fn export(&self, request: Request) -> BoxFuture<'_, Result<(), ExportError>> {
        Box::pin(Export::export(self, request))
    }
}

/// Makes the exporter when the pipeline starts, for the lane it will stand in; every problem is
/// reported at once.
type Build = Box<dyn FnOnce(&LaneSettings) -> Result<Arc<dyn DynExport>, Vec<Problem>> + Send>;

/// An exporter with the settings of its lane: how many requests at once, how long an attempt may
/// take, how long a request is tried again. Anything that is [`Export`] turns into one with the
/// defaults below.
pub struct Exporter {
    pub(crate) build: Build,
    pub(crate) settings: LaneSettings,
    pub(crate) rewrite: Rewrite,
}

/// How a lane drives its exporter.
#[derive(Clone, Debug)]
pub(crate) struct LaneSettings {
    pub(crate) name: String,
    pub(crate) concurrency: NonZeroUsize,
    pub(crate) timeout: Duration,
    pub(crate) retry_for: Duration,
    pub(crate) signals: Vec<Signal>,
    /// What a destination answers goes through it before it is shown.
    pub(crate) redactor: Option<Arc<Redactor>>,
}

impl LaneSettings {
    /// The defaults.
    pub(crate) fn of(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            concurrency: const { NonZeroUsize::new(4).unwrap() },
            timeout: Duration::from_secs(10),
            retry_for: Duration::from_secs(300),
            signals: Signal::ALL.to_vec(),
            redactor: None,
        }
    }

    /// The same for what can carry no metrics.
    #[cfg(feature = "proto")]
    pub(crate) fn without_metrics(mut self) -> Self {
        self.signals.retain(|signal| *signal != Signal::Metrics);
        self
    }

    /// The problem of an exporter that can carry no metrics and is to take them.
    #[cfg(feature = "proto")]
    pub(crate) fn asks_for_metrics(&self) -> Option<Problem> {
        let asks = self.signals.contains(&Signal::Metrics);
        let advice = "includes metrics, which this exporter cannot carry; leave them out, or use OTLP in \
                      protobuf";
        asks.then(|| Problem::new(format!("{}.signals", self.name), advice))
    }

    /// The same with at most so many requests under way.
    pub(crate) fn at_most(mut self, requests: usize) -> Self {
        let bound = NonZeroUsize::new(requests).unwrap_or(NonZeroUsize::MIN);
        self.concurrency = self.concurrency.min(bound);
        self
    }
}

impl Exporter {
    /// An exporter that is ready.
    pub fn new(exporter: impl Export) -> Self {
        let name = exporter.name().to_owned();
        let concurrency = exporter.usual_concurrency();
        Self::deferred(name, move |_| Ok(Arc::new(exporter) as Arc<dyn DynExport>))
            .concurrency(concurrency)
    }

    /// An exporter that is made, and its settings checked, when the pipeline starts.
    pub(crate) fn deferred(
        name: impl Into<String>,
        build: impl FnOnce(&LaneSettings) -> Result<Arc<dyn DynExport>, Vec<Problem>> + Send + 'static,
    ) -> Self {
        Self {
            build: Box::new(build),
            settings: LaneSettings::of(name),
            rewrite: Rewrite::default(),
        }
    }

    /// How many requests may be under way at once. Default: 4. With 1, requests arrive in order.
    #[must_use]
    pub fn concurrency(mut self, requests: NonZeroUsize) -> Self {
        self.settings.concurrency = requests;
        self
    }

    /// How long one attempt may take before it is given up and tried again. Default: 10 s
    /// (`OTEL_EXPORTER_OTLP_TIMEOUT` for OTLP exporters).
    #[must_use]
    pub fn timeout(mut self, attempt: Duration) -> Self {
        self.settings.timeout = attempt;
        self
    }

    /// How long a request is tried again, counted from its first attempt, before its items are
    /// booked as expired. Default: 300 s.
    #[must_use]
    pub fn retry_for(mut self, total: Duration) -> Self {
        self.settings.retry_for = total;
        self
    }

    /// What of the content that was recorded this destination may have; the rest is taken out on its own
    /// lane. Default: all. What sessions do not record, no destination gets.
    #[must_use]
    pub fn content(mut self, content: Content) -> Self {
        self.rewrite.content = Some(content);
        self
    }

    /// The words in which this destination is told what spans did; they are rewritten on its own lane.
    /// Default: those of the conventions in which they are recorded, which costs nothing;
    /// `OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental` makes it
    /// [`Dialect::GenAiDevelopment`].
    #[cfg(feature = "proto")]
    #[must_use]
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.rewrite.dialect = Some(dialect);
        self
    }

    /// Which signals it is given. Default: all.
    #[must_use]
    pub fn signals(mut self, signals: &[Signal]) -> Self {
        self.settings.signals = signals.to_vec();
        self
    }
}

impl<E: Export> From<E> for Exporter {
    fn from(exporter: E) -> Self {
        Self::new(exporter)
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
