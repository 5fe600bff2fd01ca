//! Sends spans to Zipkin, as Zipkin v2 JSON over HTTP.
//!
//! Holds: a pool of connections. Waits: for a thread that maps the spans, for the network. Loses:
//! what Zipkin has no place for (trace state, links), and spans without valid ids, which count as
//! rejected.

mod span;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};

use super::aside::done;
use super::connect::Connector;
use super::endpoint::Endpoint;
use super::post::{JSON, PROTOCOLS, Post, Target};
use super::setup::AGENT;
use super::tls::{TlsFiles, TlsSettings};
use super::{DynExport, Export, ExportError, Exporter, LaneSettings};
use crate::model::otlp::view::{RequestView, WireError};
use crate::model::problem::Problem;
use crate::model::request::{Request, Signal};

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

    /// The spans of an encoded `ExportTraceServiceRequest` as this exporter sends them: a JSON list of
    /// Zipkin v2 spans, or nothing at all where there is no span. The number counts spans without valid
    /// ids, which are left out.
    ///
    /// # Errors
    /// Says what is wrong with the bytes, and where.
    pub fn encode(request: &[u8]) -> Result<(Vec<u8>, u64), WireError> {
        RequestView::new(Signal::Traces, request).map(to_zipkin)
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
        let build = move |_: &LaneSettings| {
            let exporter = ZipkinExporter::new(&zipkin.url)?;
            Ok(Arc::new(exporter) as Arc<dyn DynExport>)
        };
        Self::deferred("zipkin", build).signals(&[Signal::Traces])
    }
}

struct ZipkinExporter {
    post: Post,
    target: Target,
}

impl ZipkinExporter {
    fn new(url: &str) -> Result<Self, Vec<Problem>> {
        const SETTING: &str = "Zipkin::new";
        let endpoint = Endpoint::parse(url, None);
        let endpoint = endpoint.map_err(|advice| vec![Problem::new(SETTING, advice)])?;
        let settings = TlsSettings {
            ca: SETTING,
            certificate: SETTING,
            key: SETTING,
        };
        let tls = endpoint
            .tls
            .then(|| TlsFiles::default().configure(&PROTOCOLS, settings))
            .transpose()?;
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        Ok(Self {
            post: Post::new(Connector::new(tls)),
            target: Target {
                uri: endpoint.uri(),
                headers,
            },
        })
    }
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
        let (body, rejected) = done(mapped).await?.map_err(ExportError::permanent)?;
        if !body.is_empty() {
            // What a yes says beyond its status means nothing to Zipkin's protocol.
            self.post
                .send(&self.target, Bytes::from(body).into())
                .await?;
        }
        if rejected > 0 {
            let message = "spans without a valid trace id and span id".to_owned();
            return Err(ExportError::Partial { rejected, message });
        }
        Ok(())
    }
}
