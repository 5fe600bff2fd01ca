//! Where work enters that another process asked for: requests, calls of tools, messages of a queue.
//!
//! Each is one span, in the session that it belongs to. Holds: the pipeline. Never waits. Loses nothing: a
//! session that work opened ends with the last work in it, or with the pipeline.

mod arrival;
mod span;

use std::fmt;

use spanreel::{Carrier, Extracted, Pipeline};

pub use arrival::Arrival;
pub use span::InboundSpan;

/// Where work enters that another process asked for. Cheap to clone; all of a pipeline share the
/// sessions that they opened.
///
/// [`ServerLayer`](crate::ServerLayer) uses one for requests over HTTP. This is for everything else: a
/// message of a queue, say.
///
/// ```
/// use spanreel::{Null, Pipeline, SpanKind};
/// use spanreel_http::{Inbound, MessageHeaders};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pipeline = Pipeline::builder().export(Null).start()?;
/// let inbound = Inbound::new(&pipeline);
///
/// let headers = [("traceparent", &b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"[..])];
/// let caller = inbound.extract(&MessageHeaders(&headers));
/// let span = inbound.arrival("process orders").kind(SpanKind::Consumer).caller(&caller).start()?;
/// assert_eq!(span.context().trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
/// span.place().tool("search").start().end();
/// span.end();
/// # pipeline.shutdown_blocking(std::time::Duration::from_secs(1));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Inbound {
    pipeline: Pipeline,
}

impl Inbound {
    /// Where work enters that is recorded by this pipeline.
    #[must_use]
    pub fn new(pipeline: &Pipeline) -> Self {
        Self {
            pipeline: pipeline.clone(),
        }
    }

    /// The pipeline.
    #[must_use]
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// What a carrier says of the caller, in the formats of the pipeline. What is invalid is ignored
    /// and counted ([`Propagators::ignored`](spanreel::Propagators::ignored)).
    #[must_use]
    pub fn extract<C: Carrier + ?Sized>(&self, carrier: &C) -> Extracted {
        self.pipeline.propagators().extract(carrier)
    }

    /// Something that arrives, and will be a span of this name.
    pub fn arrival<'a>(&'a self, name: &'a str) -> Arrival<'a> {
        Arrival::new(self, name)
    }
}

impl fmt::Debug for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbound")
            .field("pipeline", &self.pipeline)
            .finish_non_exhaustive()
    }
}
