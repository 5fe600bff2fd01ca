//! The service that answers requests inside spans.

use std::fmt::{self, Display};
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Method, Request, Response};
use http_body::Body;
use tower_service::Service;

use super::Settings;
use super::belief::Belief;
use super::choice::RequestHead;
use super::headers::Headers;
use crate::InboundSpan;
use crate::begin::{Begin, Known};
use crate::body::ResponseBody;
use crate::future::{ResponseFuture, Side};
use crate::request::{self, protocol_version};
use crate::semconv;

/// A service whose requests are spans, made by [`ServerLayer`](crate::ServerLayer).
#[derive(Clone)]
pub struct ServerService<S> {
    inner: S,
    settings: Arc<Settings>,
}

impl<S> ServerService<S> {
    pub(super) fn new(inner: S, settings: Arc<Settings>) -> Self {
        Self { inner, settings }
    }
}

/// Starts the span of a request. None once the pipeline is shut down: it is then answered without one.
fn begin(
    settings: &Settings,
    head: &RequestHead<'_>,
    headers: &Headers<'_>,
    belief: &Belief,
) -> Option<InboundSpan> {
    let Settings {
        inbound,
        choice,
        route,
        ..
    } = settings;
    let session = choice.session(head);
    let route = route.of(head);
    let uri = head.uri();
    let described = Described {
        method: head.method(),
        path: uri.path(),
        scheme: uri.scheme_str().unwrap_or("http"),
        server: request::server(uri, || headers.host()),
        version: protocol_version(head.version),
        user_agent: headers.user_agent(),
        refused: belief.refused,
        route,
    };
    let named;
    let name = match route {
        None => request::name(head.method()),
        Some(route) => {
            named = [request::name(head.method()), " ", route].concat();
            &named
        }
    };

    let mut arrival = inbound.arrival(name).caller(&belief.caller);
    if let Some(session) = session {
        arrival = arrival.session(session);
    }
    if let Some(from) = belief.delegated.as_deref() {
        arrival = arrival.from_delegation(from.clone());
    }
    arrival.start_knowing(&described).ok()
}

/// What a request says of itself.
struct Described<'a> {
    method: &'a Method,
    path: &'a str,
    scheme: &'a str,
    server: Option<request::Server<'a>>,
    version: Option<&'static str>,
    user_agent: Option<&'a str>,
    /// Why its token counts for nothing.
    refused: Option<&'static str>,
    route: Option<&'a str>,
}

impl Known for Described<'_> {
    #[inline]
    fn tell<B: Begin>(&self, begin: B) -> B {
        let mut begin = request::tell_method(begin, self.method)
            .attribute(semconv::URL_PATH, self.path)
            .attribute(semconv::URL_SCHEME, self.scheme);
        begin = request::tell_server(begin, self.server);
        if let Some(version) = self.version {
            begin = begin.attribute(semconv::PROTOCOL_VERSION, version);
        }
        if let Some(agent) = self.user_agent {
            begin = begin.attribute(semconv::USER_AGENT, agent);
        }
        if let Some(reason) = self.refused {
            begin = begin.attribute(semconv::DELEGATION_REFUSED, reason);
        }
        if let Some(route) = self.route {
            begin = begin.attribute(semconv::ROUTE, route);
        }
        begin
    }
}

impl<S, A, B> Service<Request<A>> for ServerService<S>
where
    S: Service<Request<A>, Response = Response<B>, Error: Display>,
    B: Body<Error: Display>,
{
    type Response = Response<ResponseBody<B, InboundSpan>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, InboundSpan>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<A>) -> Self::Future {
        let Settings { inbound, asked, .. } = &*self.settings;
        let headers = Headers::new(request.headers());
        let mut belief = asked.judge(&request, inbound.extract(&headers));
        let head = RequestHead::new(&request, &belief, inbound.pipeline());
        let span = begin(&self.settings, &head, &headers, &belief);
        belief.tell(request.extensions_mut());
        if let Some(span) = &span {
            request.extensions_mut().insert(span.place().clone());
        }
        let is_head = *request.method() == Method::HEAD;
        ResponseFuture::new(self.inner.call(request), span, Side::Server, is_head)
    }
}

impl<S: fmt::Debug> fmt::Debug for ServerService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerService")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
