//! Bodies that are read as they pass: every frame goes on as it came.
//!
//! Holds: no frame. Waits: for the body inside. Loses nothing.

use std::fmt::Display;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::call::Call;
use super::request_copy::RequestCopy;
use crate::record::type_name;

pin_project! {
    /// The body of a request, of which a copy is read.
    #[derive(Debug)]
    pub struct RequestBody<B> {
        #[pin]
        body: B,
        // None where the request is no call of a model.
        copy: Option<Copy>,
    }
}

/// Reads the copy once the body has been sent, or will not be.
#[derive(Debug)]
struct Copy(RequestCopy);

impl Drop for Copy {
    fn drop(&mut self) {
        self.0.read();
    }
}

impl<B> RequestBody<B> {
    pub(crate) fn new(body: B, copy: Option<RequestCopy>) -> Self {
        Self {
            body,
            copy: copy.map(Copy),
        }
    }
}

impl<B: Body<Data = Bytes>> Body for RequestBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let frame = ready!(this.body.poll_frame(cx));
        match (&frame, &this.copy) {
            (Some(Ok(frame)), Some(copy)) => {
                if let Some(data) = frame.data_ref() {
                    copy.0.push(data);
                }
            }
            (None | Some(Err(_)), _) => *this.copy = None,
            (Some(Ok(_)), None) => {}
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

pin_project! {
    /// The body of an answer, with which its call ends.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        body: B,
        // None once the call has ended, or where there is none.
        call: Option<Call>,
        // What is still to come of a body whose length is known: a client need not ask for more.
        left: Option<u64>,
    }
}

impl<B: Body> ResponseBody<B> {
    pub(crate) fn new(body: B, mut call: Option<Call>) -> Self {
        let left = call.as_ref().and_then(|_| body.size_hint().exact());
        if let Some(call) = &mut call
            && (left == Some(0) || body.is_end_stream())
        {
            call.is_whole();
        }
        Self { body, call, left }
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body<Data = Bytes, Error: Display>,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.body.as_mut().poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let (Some(call), Some(data)) = (this.call.as_mut(), frame.data_ref()) {
                    call.chunk(data);
                    *this.left = this.left.map(|left| left.saturating_sub(data.len() as u64));
                    if *this.left == Some(0) || this.body.is_end_stream() {
                        call.is_whole();
                    }
                }
            }
            Some(Err(error)) => {
                if let Some(call) = this.call.take() {
                    call.fail(type_name::<B::Error>(), &error.to_string());
                }
            }
            None => {
                if let Some(call) = this.call.take() {
                    call.end();
                }
            }
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
