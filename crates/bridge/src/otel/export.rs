//! The pipeline as the source of an exporter that was written for OpenTelemetry's SDK.
//!
//! Holds: the exporter. Waits: for the exporter, one request at a time. Loses: what the exporter could
//! not deliver, booked in its lane.

use std::fmt;
use std::num::NonZeroUsize;
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::trace::SpanExporter;
use spanreel::view::RequestView;
use spanreel::{Export, ExportError, Exporter, Request, Signal};
use tokio::sync::Mutex;

use super::decode;

/// How long an exporter may take to shut down when the pipeline lets go of it.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(1);

/// Exports with any span exporter of OpenTelemetry's SDK.
///
/// Spans arrive as they are, with resource, scope, events, links and what was dropped of them. Values
/// that OpenTelemetry's API does not know (bytes, maps, arrays of several kinds) become text as its
/// specification has it.
///
/// By the SDK's contract an exporter retries on its own, and a batch that it reports as failed is
/// gone: such requests are booked as rejected, or tried again where [`retry`](Self::retry) says so.
/// The exporter runs on the pipeline's thread, so it must not block.
///
/// ```
/// use opentelemetry_sdk::error::OTelSdkResult;
/// use opentelemetry_sdk::trace::{SpanData, SpanExporter};
/// use spanreel::Pipeline;
/// use spanreel_bridge::otel::OtelExport;
///
/// /// Any exporter written for the SDK.
/// #[derive(Debug)]
/// struct Mine;
///
/// impl SpanExporter for Mine {
///     async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
///         assert!(batch.iter().all(|span| span.end_time >= span.start_time));
///         Ok(())
///     }
/// }
///
/// let export = OtelExport::new("mine", Mine).exporter();
/// let pipeline = Pipeline::builder().export(export).start()?;
/// pipeline.session("conv-1")?.child("turn").start().end();
/// let report = pipeline.shutdown_blocking(std::time::Duration::from_secs(5));
/// assert!(report.is_lossless(), "{report}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct OtelExport<E: SpanExporter> {
    name: String,
    retries: bool,
    inner: Mutex<Inner<E>>,
}

struct Inner<E: SpanExporter> {
    exporter: E,
    /// The one that the exporter was told last.
    resource: Option<Resource>,
}

impl<E: SpanExporter> OtelExport<E> {
    /// An exporter with a name for reports and diagnostics.
    #[must_use]
    pub fn new(name: &str, exporter: E) -> Self {
        let inner = Inner {
            exporter,
            resource: None,
        };
        Self {
            name: name.to_owned(),
            retries: false,
            inner: Mutex::new(inner),
        }
    }

    /// Whether the pipeline tries again what the exporter reports as failed. Default: no. For
    /// exporters that do not retry themselves; what was delivered in part may then arrive twice.
    #[must_use]
    pub fn retry(mut self, retries: bool) -> Self {
        self.retries = retries;
        self
    }
}

impl<E: SpanExporter> Inner<E> {
    async fn export(&mut self, request: &[u8]) -> Result<(), Failure> {
        let view = RequestView::new(Signal::Traces, request).map_err(Failure::Malformed)?;
        for group in view.resources() {
            let spans = decode::spans(&group);
            if spans.is_empty() {
                continue;
            }
            let resource = decode::resource(&group);
            if self.resource.as_ref() != Some(&resource) {
                self.exporter.set_resource(&resource);
                self.resource = Some(resource);
            }
            self.exporter.export(spans).await.map_err(Failure::Sdk)?;
        }
        Ok(())
    }
}

/// Why a request was not delivered.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the request is malformed")]
    Malformed(#[source] spanreel::view::WireError),
    #[error("the exporter failed: {0}")]
    Sdk(OTelSdkError),
    #[error("exporters of spans take traces only: limit the lane to them")]
    NotTraces,
}

impl<E: SpanExporter + 'static> Export for OtelExport<E> {
    fn name(&self) -> &str {
        &self.name
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        if request.signal() != Signal::Traces {
            return Err(ExportError::permanent(Failure::NotTraces));
        }
        let exported = self.inner.lock().await.export(&request.to_bytes()).await;
        exported.map_err(|failure| match failure {
            Failure::Sdk(OTelSdkError::Timeout(_) | OTelSdkError::InternalFailure(_))
                if self.retries =>
            {
                ExportError::retryable(failure)
            }
            _ => ExportError::permanent(failure),
        })
    }
}

impl<E: SpanExporter + 'static> OtelExport<E> {
    /// The same as an exporter of a pipeline, which gives it traces alone and one request at a time.
    #[must_use]
    pub fn exporter(self) -> Exporter {
        Exporter::new(self)
            .signals(&[Signal::Traces])
            .concurrency(NonZeroUsize::MIN)
    }
}

impl<E: SpanExporter> Drop for OtelExport<E> {
    fn drop(&mut self) {
        let exporter = &self.inner.get_mut().exporter;
        if let Err(error) = exporter.shutdown_with_timeout(SHUTDOWN_LIMIT) {
            tracing::warn!(target: "spanreel", exporter = self.name, %error, "an exporter did not shut down");
        }
    }
}

impl<E: SpanExporter> fmt::Debug for OtelExport<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtelExport")
            .field("name", &self.name)
            .field("retries", &self.retries)
            .finish_non_exhaustive()
    }
}
