//! A tower layer for clients of models.
//!
//! Holds: what is under way. Waits: for the service inside. Loses nothing.

use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use spanreel::SpanRef;
use tower_layer::Layer;
use tower_service::Service;

use super::body::{RequestBody, ResponseBody};
use super::call::Call;
use super::provider::ProviderName;
use super::settings::Llm;
use crate::record::type_name;

impl Llm {
    /// The layer of a client: for hyper-util's, and every other `tower::Service` of `http::Request`; with
    /// the feature `reqwest` also for services of `reqwest::Request`, as `reqwest::Client` is one.
    ///
    /// Below a layer that retries, each attempt is a span; above it, all are one.
    #[must_use]
    pub fn layer(&self) -> LlmLayer {
        LlmLayer { llm: self.clone() }
    }
}

/// Traces the calls of models that a client makes: see [`Llm::layer`].
#[derive(Clone, Debug)]
pub struct LlmLayer {
    llm: Llm,
}

impl<S> Layer<S> for LlmLayer {
    type Service = LlmService<S>;

    fn layer(&self, inner: S) -> LlmService<S> {
        LlmService {
            inner,
            llm: self.llm.clone(),
        }
    }
}

/// A client whose calls of models are spans, made by [`LlmLayer`].
#[derive(Clone, Debug)]
pub struct LlmService<S> {
    pub(super) inner: S,
    pub(super) llm: Llm,
}

impl<S, A, B> Service<Request<A>> for LlmService<S>
where
    S: Service<Request<RequestBody<A>>, Response = Response<B>, Error: Display>,
    A: Body<Data = Bytes>,
    B: Body<Data = Bytes, Error: Display>,
{
    type Response = Response<ResponseBody<B>>;
    type Error = S::Error;
    type Future = LlmFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<A>) -> Self::Future {
        let given = request.extensions_mut().remove::<SpanRef>();
        let (method, uri) = (request.method(), request.uri());
        let headers = request.headers();
        let mut call = self.llm.begin(method, uri, headers, given.as_ref());
        let name = request.extensions_mut().remove::<ProviderName>();
        if let (Some(call), Some(name)) = (&mut call, name) {
            call.name_provider(name);
        }
        let copy = call.as_ref().map(Call::request_copy);
        let inner = self
            .inner
            .call(request.map(|body| RequestBody::new(body, copy)));
        LlmFuture { inner, call }
    }
}

pin_project! {
    /// An answer to come. Dropped before it has come, its call is `cancelled`.
    #[derive(Debug)]
    pub struct LlmFuture<F> {
        #[pin]
        inner: F,
        // None where the request is no call of a model.
        call: Option<Call>,
    }
}

impl<F, B, E> Future for LlmFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
    E: Display,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let outcome = ready!(this.inner.poll(cx));
        let mut call = this.call.take();
        Poll::Ready(match outcome {
            Ok(response) => {
                if let Some(call) = &mut call {
                    call.asked();
                    call.response(response.status(), response.headers());
                }
                Ok(response.map(|body| ResponseBody::new(body, call)))
            }
            Err(error) => {
                if let Some(call) = call {
                    call.fail(type_name::<E>(), &error.to_string());
                }
                Err(error)
            }
        })
    }
}
