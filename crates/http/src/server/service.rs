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
use crate::InboundSpan;
use crate::body::ResponseBody;
use crate::future::{ResponseFuture, Side};
use crate::request::{self, Attributes};
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

    /// None once the pipeline is shut down: the request is answered without a span.
    fn begin<B>(&self, request: &Request<B>, belief: &Belief) -> Option<InboundSpan> {
        let Settings {
            inbound,
            choice,
            route,
            ..
        } = &*self.settings;
        let head = RequestHead::new(request, belief, inbound.pipeline());
        let session = choice.session(&head);
        let route = route.of(&head);

        let (method, uri) = (request.method(), request.uri());
        let mut attributes = Attributes::new();
        attributes.method(method);
        attributes.push(semconv::URL_PATH, uri.path());
        attributes.push(semconv::URL_SCHEME, uri.scheme_str().unwrap_or("http"));
        attributes.server(uri, request.headers());
        attributes.version(request.version());
        attributes.user_agent(request.headers());
        let named;
        if let Some(reason) = belief.refused {
            attributes.push(semconv::DELEGATION_REFUSED, reason);
        }
        let name = match route {
            None => request::name(method),
            Some(route) => {
                attributes.push(semconv::ROUTE, route);
                named = [request::name(method), " ", route].concat();
                &named
            }
        };

        let mut arrival = inbound
            .arrival(name)
            .caller(&belief.caller)
            .attributes(attributes.as_slice());
        if let Some(session) = session {
            arrival = arrival.session(session);
        }
        if let Some(from) = belief.delegated.as_deref() {
            arrival = arrival.from_delegation(from.clone());
        }
        arrival.start().ok()
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
        let caller = inbound.extract(request.headers());
        let belief = asked.judge(&request, caller);
        let span = self.begin(&request, &belief);
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
