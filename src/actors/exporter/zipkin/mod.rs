//! Sends spans to Zipkin, as Zipkin v2 JSON over HTTP.
//!
//! Holds: nothing between requests. Waits: for the network. Loses: what Zipkin has no place for
//! (trace state, links), and spans without valid ids, which count as rejected.

mod post;
mod span;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;

use super::tree::text::{fit, visible};
use super::{DynExport, Export, ExportError, Exporter, LaneSettings};
use crate::model::otlp::view::RequestView;
use crate::model::problem::Problem;
use crate::model::request::{Request, Signal};

use post::{Answer, Post};
use span::to_zipkin;

/// Sends spans to a Zipkin server, or to anything that takes Zipkin v2 JSON.
///
/// Spans are mapped as OpenTelemetry's "OpenTelemetry to Zipkin Transformation" says; the other
/// attributes of the resource become tags as well. Log records are not for Zipkin and are not
/// sent.
///
/// ```
/// use spanreel::{Exporter, Zipkin};
///
/// let exporter = Exporter::from(Zipkin::new("https://zipkin.example.com/api/v2/spans"));
/// ```
#[derive(Clone)]
pub struct Zipkin {
    url: String,
}

impl Default for Zipkin {
    /// Sends to `http://localhost:9411/api/v2/spans`, Zipkin's own default.
    fn default() -> Self {
        Self::new("http://localhost:9411/api/v2/spans")
    }
}

impl Zipkin {
    /// Sends to this URL, path included. It is checked when the pipeline starts.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into() }
    }
}

impl fmt::Debug for Zipkin {
    /// Without the URL, which may hold a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zipkin").finish_non_exhaustive()
    }
}

impl From<Zipkin> for Exporter {
    fn from(zipkin: Zipkin) -> Self {
        let build = move |_: &LaneSettings| match Post::new(&zipkin.url) {
            Ok(post) => Ok(Arc::new(ZipkinExporter { post }) as Arc<dyn DynExport>),
            Err(advice) => Err(vec![Problem::new("Zipkin::new", advice)]),
        };
        Self::deferred("zipkin", build).signals(&[Signal::Traces])
    }
}

struct ZipkinExporter {
    post: Post,
}

impl Export for ZipkinExporter {
    fn name(&self) -> &str {
        "zipkin"
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        let mapped = tokio::task::spawn_blocking(move || {
            let bytes = request.to_bytes();
            RequestView::new(request.signal(), &bytes).map(to_zipkin)
        });
        let (body, rejected) = mapped
            .await
            .map_err(ExportError::permanent)?
            .map_err(ExportError::permanent)?;
        if !body.is_empty() {
            let answer = self.post.json(Bytes::from(body)).await;
            classify(answer.map_err(ExportError::retryable)?)?;
        }
        if rejected > 0 {
            let message = "spans without a valid trace id and span id".to_owned();
            return Err(ExportError::Partial { rejected, message });
        }
        Ok(())
    }
}

/// What the server said instead of taking the spans.
#[derive(Debug, thiserror::Error)]
#[error("the server answered {status}: {words}")]
struct Refused {
    status: StatusCode,
    words: String,
}

fn classify(answer: Answer) -> Result<(), ExportError> {
    let Answer {
        status,
        retry_after,
        words,
    } = answer;
    if status.is_success() {
        return Ok(());
    }
    let words = fit(&visible(&words), 200, "...").into_owned();
    let refused = Refused { status, words };
    Err(match status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => ExportError::Retryable {
            after: retry_after,
            source: refused.into(),
        },
        StatusCode::PAYLOAD_TOO_LARGE => ExportError::too_large(refused),
        _ => ExportError::permanent(refused),
    })
}
