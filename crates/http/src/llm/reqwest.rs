//! Clients of reqwest: a middleware for `reqwest-middleware`, and the tower service that
//! `reqwest::Client` is, which async-openai's `middleware` is made of.
//!
//! Holds: what is under way. Waits: for the request. Loses nothing.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Extensions, Uri};
use pin_project_lite::pin_project;
use reqwest::{Body, Request, Response, ResponseBuilderExt};
use reqwest_middleware::{Error, Middleware, Next, Result};
use spanreel::SpanRef;
use tower_service::Service;

use super::body::{RequestBody, ResponseBody};
use super::call::Call;
use super::layer::LlmService;
use super::settings::Llm;

impl Llm {
    /// The middleware of a client of `reqwest-middleware`. In front of one that retries, it is one span
    /// for all attempts; behind it, one for each.
    ///
    /// ```
    /// use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
    /// use spanreel::Session;
    /// use spanreel_http::llm::Llm;
    ///
    /// fn client(session: &Session) -> ClientWithMiddleware {
    ///     let client = ClientBuilder::new(reqwest::Client::new());
    ///     client.with(Llm::under(session).middleware()).build()
    /// }
    /// ```
    #[must_use]
    pub fn middleware(&self) -> LlmMiddleware {
        LlmMiddleware { llm: self.clone() }
    }

    /// Begins the call of a request, whose body is read as it is sent.
    fn begin_reqwest(&self, request: &mut Request, given: Option<&SpanRef>) -> Option<Call> {
        // What is no URI is refused by the client.
        let uri: Uri = request.url().as_str().parse().unwrap_or_default();
        let mut call = self.begin(request.method(), &uri, request.headers(), given)?;
        match request.body().map(Body::as_bytes) {
            Some(Some(bytes)) => call.request(bytes),
            Some(None) => {
                let copy = call.request_copy();
                let body = request.body_mut().take();
                *request.body_mut() =
                    body.map(|body| Body::wrap(RequestBody::new(body, Some(copy))));
                return Some(call);
            }
            None => {}
        }
        call.asked();
        Some(call)
    }
}

/// Traces the calls of models that a client makes: see [`Llm::middleware`].
#[derive(Clone, Debug)]
pub struct LlmMiddleware {
    llm: Llm,
}

#[async_trait::async_trait]
impl Middleware for LlmMiddleware {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let given = extensions.get::<SpanRef>();
        let Some(call) = self.llm.begin_reqwest(&mut request, given) else {
            return next.run(request, extensions).await;
        };
        match next.run(request, extensions).await {
            Ok(response) => Ok(answered(response, call)),
            Err(error) => {
                // `Display` of it would tell the URL with its query.
                call.fail(kind_of(&error), "the request failed");
                Err(error)
            }
        }
    }
}

/// What went wrong, as a low-cardinality name.
fn kind_of(error: &Error) -> &'static str {
    match error {
        Error::Middleware(_) => "middleware",
        Error::Reqwest(error) => kind(error),
    }
}

fn kind(error: &reqwest::Error) -> &'static str {
    match error {
        error if error.is_timeout() => "timeout",
        error if error.is_connect() => "connect",
        error if error.is_redirect() => "redirect",
        _ => "Error",
    }
}

/// The same response; the call ends with its body.
fn answered(response: Response, mut call: Call) -> Response {
    call.asked();
    call.response(response.status(), response.headers());
    let url = response.url().clone();
    let (parts, body) = http::Response::<Body>::from(response).into_parts();
    let body = Body::wrap(ResponseBody::new(body, Some(call)));
    let named = http::Response::builder().url(url).body(());
    let mut response = http::Response::from_parts(parts, body);
    if let Ok(named) = named {
        response
            .extensions_mut()
            .extend(named.into_parts().0.extensions);
    }
    response.into()
}

/// For `reqwest::Client`, which is such a service, and for all that is made of it.
impl<S> Service<Request> for LlmService<S>
where
    S: Service<Request, Response = Response, Error: fmt::Debug + 'static>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = ReqwestFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<std::result::Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let call = self.llm.begin_reqwest(&mut request, None);
        let inner = self.inner.call(request);
        ReqwestFuture { inner, call }
    }
}

pin_project! {
    /// A response to come. Dropped before it has come, its call is `cancelled`.
    #[derive(Debug)]
    pub struct ReqwestFuture<F> {
        #[pin]
        inner: F,
        // None where the request is no call of a model.
        call: Option<Call>,
    }
}

impl<F, E> Future for ReqwestFuture<F>
where
    F: Future<Output = std::result::Result<Response, E>>,
    E: 'static,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let outcome = ready!(this.inner.poll(cx));
        let Some(call) = this.call.take() else {
            return Poll::Ready(outcome);
        };
        Poll::Ready(match outcome {
            Ok(response) => Ok(answered(response, call)),
            Err(error) => {
                let known = (&error as &dyn std::any::Any).downcast_ref::<reqwest::Error>();
                let error_type = known.map_or_else(crate::record::type_name::<E>, kind);
                call.fail(error_type, "the request failed");
                Err(error)
            }
        })
    }
}
