//! A pipeline whose spans can be seen, and providers that answer what they are told to.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use spanreel::record::{RecordedLog, RecordedSpan};
use spanreel::testing::InMemory;
use spanreel::{Content, Pipeline, Session};
use tower::Service;

pub(crate) struct Rig {
    pub(crate) pipeline: Pipeline,
    pub(crate) session: Session,
    memory: InMemory,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(Content::Off)
    }

    /// One that records content there.
    pub(crate) fn with(content: Content) -> Self {
        let memory = InMemory::new();
        let builder = Pipeline::builder().export(memory.clone());
        let pipeline = builder.start().expect("the configuration is right");
        let session = pipeline.open_session("conv-1").content(content).open();
        let session = session.expect("open");
        Self {
            pipeline,
            session,
            memory,
        }
    }

    /// The spans of the calls, in the order in which they began; nothing was lost or left open.
    #[track_caller]
    pub(crate) fn finish(self) -> Vec<RecordedSpan> {
        self.session.end();
        let open = self.pipeline.stats().traces.open;
        assert_eq!(
            open,
            0,
            "spans are left open: {:?}",
            self.pipeline.sessions()
        );
        let report = self.pipeline.shutdown_blocking(Duration::from_secs(5));
        assert!(report.is_lossless(), "{report}");
        let mut spans = self.memory.spans();
        spans.retain(|span| span.name != "session");
        spans.sort_by_key(|span| span.start_unix_nanos);
        spans
    }

    /// The log records, while it runs.
    pub(crate) fn logs(&self) -> Vec<RecordedLog> {
        let flush = self.pipeline.flush(Duration::from_secs(5));
        futures::executor::block_on(flush).expect("it runs");
        self.memory.logs()
    }

    /// The one span of the one call.
    #[track_caller]
    pub(crate) fn only(self) -> RecordedSpan {
        let mut spans = self.finish();
        assert_eq!(spans.len(), 1, "{spans:?}");
        spans.remove(0)
    }
}

/// What comes after the frames of a body.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Whole,
    Broken,
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

/// A body of these frames.
pub(crate) struct Frames(pub(crate) VecDeque<Bytes>, pub(crate) End);

impl Body for Frames {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match (self.0.pop_front(), self.1) {
            (Some(frame), _) => Poll::Ready(Some(Ok(Frame::data(frame)))),
            (None, End::Whole) => Poll::Ready(None),
            (None, End::Broken) => Poll::Ready(Some(Err(Broken))),
            (None, End::Never) => Poll::Pending,
        }
    }
}

/// A provider that takes the whole request and answers like this.
pub(crate) fn answering<B>(
    status: u16,
    headers: &[(&'static str, &str)],
    frames: &[Bytes],
    end: End,
) -> impl Service<Request<B>, Response = Response<Frames>, Error = Infallible, Future: Send>
+ Clone
+ use<B>
where
    B: Body<Error: std::fmt::Debug> + Send + 'static,
    B::Data: Send,
{
    let frames: VecDeque<Bytes> = frames.iter().cloned().collect();
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| {
            let value = value.parse().expect("a value");
            (http::HeaderName::from_static(name), value)
        })
        .collect();
    tower::service_fn(move |request: Request<B>| {
        let body = Frames(frames.clone(), end);
        let mut response = Response::new(body);
        *response.status_mut() = status.try_into().expect("a status");
        *response.headers_mut() = headers.clone();
        async move {
            let sent = http_body_util::BodyExt::collect(request.into_body()).await;
            sent.expect("it is sent");
            Ok(response)
        }
    })
}
