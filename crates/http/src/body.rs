//! The body of a response, with which its span ends. Passes every frame on as it comes.
//!
//! Holds: no frame. Waits: for the body inside. Loses nothing.

use std::fmt::Display;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::future::Side;
use crate::grpc;
use crate::record::{Record, Running, step, type_name};

pin_project! {
    /// A body that ends its span when it has ended, has failed, or is dropped, whichever comes first.
    /// Dropped early, the span is `cancelled`.
    #[derive(Debug)]
    pub struct ResponseBody<B, R: Record> {
        #[pin]
        body: B,
        // None once the span has ended, or where there is none.
        running: Option<Running<R>>,
        // What is still to come of a body whose length is known: a server need not ask for more.
        left: Option<u64>,
        // Where gRPC is spoken: which side reads the status in the trailers.
        grpc: Option<Side>,
    }
}

impl<B: Body, R: Record> ResponseBody<B, R> {
    /// Takes the span that is running. `is_bare`: nothing of the body will be sent, as in an answer to `HEAD`.
    /// `grpc`: whose status stands in the trailers.
    pub(crate) fn new(
        body: B,
        running: &mut Option<Running<R>>,
        is_bare: bool,
        grpc: Option<Side>,
    ) -> Self {
        if is_bare || body.is_end_stream() {
            Running::end(running);
        }
        let left = running.as_ref().and_then(|_| body.size_hint().exact());
        Self {
            body,
            running: running.take(),
            left,
            grpc,
        }
    }
}

impl<B, R> Body for ResponseBody<B, R>
where
    B: Body<Error: Display>,
    R: Record,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let body = this.body.as_mut();
        let frame = ready!(step(this.running, || body.poll_frame(cx)));
        match &frame {
            Some(Ok(frame)) => {
                if let (Some(left), Some(data)) = (this.left.as_mut(), frame.data_ref()) {
                    *left = left.saturating_sub(data.remaining() as u64);
                }
                if let (Some(side), Some(running), Some(trailers)) =
                    (*this.grpc, this.running.as_mut(), frame.trailers_ref())
                {
                    grpc::note_status(running.span(), side, trailers);
                }
                let is_whole = *this.left == Some(0) || this.body.is_end_stream();
                if is_whole {
                    Running::end(this.running);
                }
            }
            Some(Err(error)) => Running::fail(this.running, type_name::<B::Error>(), error),
            None => Running::end(this.running),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
