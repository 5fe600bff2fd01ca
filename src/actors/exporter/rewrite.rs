//! What one destination gets instead of what the others get, and what is shown of its answers.
//!
//! It stands around an exporter, on that exporter's lane, so that what nobody asked for costs nothing.
//! Holds: one rewritten request per delivery under way. Waits: for a thread of tokio's blocking pool.
//! Loses: nothing.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;

use super::aside::done;
use super::{DynExport, ExportError};
use crate::model::content::Content;
use crate::model::otlp::redact::Rewriter;
#[cfg(feature = "proto")]
use crate::model::otlp::translate::Dialect;
use crate::model::redaction::{Redaction, Redactor};
use crate::model::request::{Request, Signal};

/// What is asked for; nothing by default.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rewrite {
    /// The content that the destination may have, of what was recorded.
    pub(crate) content: Option<Content>,
    /// The words that it understands, where somebody has chosen them.
    #[cfg(feature = "proto")]
    pub(crate) dialect: Option<Dialect>,
}

impl Rewrite {
    /// The exporter that does what is asked for, around one that does not.
    pub(crate) fn around(
        self,
        inner: Arc<dyn DynExport>,
        redactor: Option<&Arc<Redactor>>,
    ) -> Arc<dyn DynExport> {
        let rewrites = Signal::ALL.into_iter().any(|it| self.rewrites(it));
        if !rewrites && redactor.is_none() {
            return inner;
        }
        Arc::new(Rewriting {
            inner,
            rewrite: self,
            without_content: Arc::new(Redaction::nothing().remove_content().redactor()),
            redactor: redactor.cloned(),
        })
    }

    /// Whether content is taken out of this signal.
    fn removes_content(self, signal: Signal) -> bool {
        let wanted = self.content.unwrap_or(Content::Both);
        match signal {
            Signal::Traces => !wanted.in_spans(),
            Signal::Logs => !wanted.in_events(),
            Signal::Metrics => false,
        }
    }
}

impl Rewrite {
    /// Whether requests of this signal are rewritten.
    fn rewrites(self, signal: Signal) -> bool {
        #[cfg(feature = "proto")]
        if signal == Signal::Traces && self.dialect.is_some_and(Dialect::rewrites) {
            return true;
        }
        self.removes_content(signal)
    }

    /// The request that the destination gets.
    fn rewritten(self, request: Request, without_content: &Redactor) -> Request {
        let signal = request.signal();
        let mut bytes = request.to_bytes();
        if self.removes_content(signal) {
            let rewritten = Rewriter::new(without_content, signal).request(&bytes);
            bytes = rewritten.map_or(bytes, Bytes::from);
        }
        #[cfg(feature = "proto")]
        if let Some(dialect) = self.dialect.filter(|_| signal == Signal::Traces) {
            bytes = dialect.translate(&bytes).map_or(bytes, Bytes::from);
        }
        Request::from_bytes(signal, request.items(), bytes)
    }
}

struct Rewriting {
    inner: Arc<dyn DynExport>,
    rewrite: Rewrite,
    without_content: Arc<Redactor>,
    redactor: Option<Arc<Redactor>>,
}

impl Rewriting {
    async fn rewritten(&self, request: Request) -> Result<Request, ExportError> {
        if !self.rewrite.rewrites(request.signal()) {
            return Ok(request);
        }
        let (rewrite, without) = (self.rewrite, Arc::clone(&self.without_content));
        let work = tokio::task::spawn_blocking(move || rewrite.rewritten(request, &without));
        done(work).await
    }

    /// The same failure, in words that may be shown: servers repeat what they were sent.
    fn quiet(&self, error: ExportError) -> ExportError {
        let Some(redactor) = &self.redactor else {
            return error;
        };
        let said = |source: &(dyn std::error::Error + 'static)| -> Said {
            let mut words = source.to_string();
            let mut deeper = source.source();
            while let Some(source) = deeper {
                words.push_str(": ");
                words.push_str(&source.to_string());
                deeper = source.source();
            }
            Said(redactor.shown("server.answer", &words).into_owned())
        };
        match error {
            ExportError::Retryable { after, source } => ExportError::Retryable {
                after,
                source: said(&*source).into(),
            },
            ExportError::Permanent { source } => ExportError::permanent(said(&*source)),
            ExportError::Denied { source } => ExportError::denied(said(&*source)),
            ExportError::TooLarge { source } => ExportError::too_large(said(&*source)),
            ExportError::Partial { rejected, message } => ExportError::Partial {
                rejected,
                message: redactor.shown("server.answer", &message).into_owned(),
            },
        }
    }
}

/// The words of a failure.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Said(String);

impl DynExport for Rewriting {
    fn pipeline_starts(&self) {
        self.inner.pipeline_starts();
    }

    fn export(&self, request: Request) -> BoxFuture<'_, Result<(), ExportError>> {
        Box::pin(async move {
            let request = self.rewritten(request).await?;
            let answer = self.inner.export(request).await;
            answer.map_err(|error| self.quiet(error))
        })
    }
}
