//! A pipeline whose spans can be seen, and services to put layers on.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use spanreel::testing::InMemory;
use spanreel::{BaggagePolicy, Builder, Pipeline};

pub(crate) const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
pub(crate) const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

pub(crate) struct Rig {
    pub(crate) pipeline: Pipeline,
    pub(crate) memory: InMemory,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    /// Baggage may go to `allowed.test`, and chooses sessions.
    pub(crate) fn with_baggage() -> Self {
        let policy = BaggagePolicy::new()
            .send_session_id()
            .send_all_members()
            .to_host("allowed.test")
            .accept("session.id");
        Self::with(|builder| builder.baggage(policy))
    }

    pub(crate) fn with(change: impl FnOnce(Builder) -> Builder) -> Self {
        Self::with_memory(InMemory::new(), change)
    }

    pub(crate) fn with_memory(memory: InMemory, change: impl FnOnce(Builder) -> Builder) -> Self {
        let builder = Pipeline::builder().export(memory.clone());
        let pipeline = change(builder).start().expect("the configuration is right");
        Self { pipeline, memory }
    }

    /// Everything that was recorded; the pipeline is shut down, and nothing was lost or left open.
    #[track_caller]
    pub(crate) fn finish(self) -> InMemory {
        let open = self.pipeline.stats().traces.open;
        assert_eq!(
            open,
            0,
            "spans are left open: {:?}",
            self.pipeline.sessions()
        );
        let report = self.pipeline.shutdown_blocking(Duration::from_secs(5));
        assert!(report.is_lossless(), "{report}");
        self.memory
    }
}

/// A body of given frames, which may fail or wait for ever behind them.
pub(crate) struct Frames {
    pub(crate) frames: Vec<&'static str>,
    pub(crate) end: End,
}

#[derive(Clone, Copy)]
pub(crate) enum End {
    Whole,
    Failed,
    Never,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection broke")
    }
}

impl std::error::Error for Broken {}

impl Body for Frames {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if !self.frames.is_empty() {
            let frame = self.frames.remove(0);
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(frame.as_bytes())))));
        }
        match self.end {
            End::Whole => Poll::Ready(None),
            End::Failed => Poll::Ready(Some(Err(Broken))),
            End::Never => Poll::Pending,
        }
    }
}

/// A service that answers everybody with this status and body.
pub(crate) fn answering<B>(
    status: u16,
    frames: &[&'static str],
    end: End,
) -> impl tower::Service<Request<B>, Response = Response<Frames>, Error = Infallible, Future: Send> + Clone
{
    let frames = frames.to_vec();
    tower::service_fn(move |_: Request<B>| {
        let frames = Frames {
            frames: frames.clone(),
            end,
        };
        let response = Response::builder().status(status).body(frames);
        std::future::ready(Ok(response.expect("the parts are right")))
    })
}
