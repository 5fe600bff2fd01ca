//! The service that makes requests inside spans.

use std::fmt::Display;
use std::task::{Context, Poll};

use http::header::HOST;
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body::Body;
use spanreel::{Span, SpanKind, SpanRef};
use tower_service::Service;

use crate::body::ResponseBody;
use crate::future::{ResponseFuture, Side};
use crate::request::{self, tell_method, tell_server};
use crate::semconv;

/// A client whose requests are spans, made by [`ClientLayer`](crate::ClientLayer).
#[derive(Clone, Debug)]
pub struct ClientService<S> {
    inner: S,
    place: Option<SpanRef>,
}

impl<S> ClientService<S> {
    pub(super) fn new(inner: S, place: Option<SpanRef>) -> Self {
        Self { inner, place }
    }
}

/// Starts the span of a request and writes its context to the headers.
pub(crate) fn begin(place: &SpanRef, method: &Method, uri: &Uri, headers: &mut HeaderMap) -> Span {
    let mut span = place.child(request::name(method)).kind(SpanKind::Client);
    span = tell_method(span, method);
    span = tell_server(span, request::server(uri, || headers.get(HOST)));
    span = span.attribute(semconv::URL_FULL, &request::url(uri));
    let span = span.start();
    match uri.host() {
        Some(host) => span.inject_to(host, headers),
        None => match headers.get(HOST).and_then(|host| host.to_str().ok()) {
            Some(host) => {
                let host = host.to_owned();
                span.inject_to(&host, headers);
            }
            None => span.inject(headers),
        },
    }
    span
}

impl<S, A, B> Service<Request<A>> for ClientService<S>
where
    S: Service<Request<A>, Response = Response<B>, Error: Display>,
    B: Body<Error: Display>,
{
    type Response = Response<ResponseBody<B, Span>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, Span>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<A>) -> Self::Future {
        let given = request.extensions_mut().remove::<SpanRef>();
        let span = given.as_ref().or(self.place.as_ref()).map(|place| {
            // Out of the request for as long as its method and its URI are looked at, which need no copies then.
            let mut headers = std::mem::take(request.headers_mut());
            let span = begin(place, request.method(), request.uri(), &mut headers);
            *request.headers_mut() = headers;
            span
        });
        let is_head = *request.method() == Method::HEAD;
        ResponseFuture::new(self.inner.call(request), span, Side::Client, is_head)
    }
}
