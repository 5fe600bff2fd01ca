//! What a host says of requests: their session and their route.

use std::sync::Arc;

use http::{Extensions, HeaderMap, Method, Request, Uri, Version};
use spanreel::{Extracted, Pipeline, Session, SessionBuilder};

use super::belief::Belief;
use crate::semconv;

/// A request without its body, for those who say what it belongs to.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    method: &'a Method,
    uri: &'a Uri,
    pub(super) version: Version,
    headers: &'a HeaderMap,
    extensions: &'a Extensions,
    belief: &'a Belief,
    pipeline: &'a Pipeline,
}

impl<'a> RequestHead<'a> {
    pub(super) fn new<B>(
        request: &'a Request<B>,
        belief: &'a Belief,
        pipeline: &'a Pipeline,
    ) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            version: request.version(),
            headers: request.headers(),
            extensions: request.extensions(),
            belief,
            pipeline,
        }
    }

    /// Its method.
    #[must_use]
    pub fn method(&self) -> &'a Method {
        self.method
    }

    /// Its URI.
    #[must_use]
    pub fn uri(&self) -> &'a Uri {
        self.uri
    }

    /// Its headers.
    #[must_use]
    pub fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// A header, where it is there and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What other layers put into its extensions: who is logged in, say.
    #[must_use]
    pub fn extensions(&self) -> &'a Extensions {
        self.extensions
    }

    /// What it says of its caller, as far as that is believed.
    #[must_use]
    pub fn caller(&self) -> &'a Extracted {
        &self.belief.caller
    }

    /// A session that continues the caller's trace, as far as the caller is believed, if it is not open
    /// yet.
    pub fn open_session(&self, id: &str) -> SessionBuilder<'a> {
        let belief = self.belief;
        let mut session = self.pipeline.open_session(id);
        session = session.extracted(belief.caller.clone());
        if let Some(from) = belief.delegated.as_deref() {
            session = session.from_delegation(from.clone());
        }
        if let Some(reason) = belief.refused {
            session = session.attribute(semconv::DELEGATION_REFUSED, reason);
        }
        session
    }
}

type Choose = dyn Fn(&RequestHead<'_>) -> Option<Session> + Send + Sync;
type Tell = dyn for<'a> Fn(&RequestHead<'a>) -> Option<&'a str> + Send + Sync;

/// How a request comes to its session.
#[derive(Clone)]
pub(super) enum Choice {
    /// The caller or its trace says it.
    Caller,
    /// The host says it.
    By(Arc<Choose>),
}

impl Choice {
    pub(super) fn session(&self, request: &RequestHead<'_>) -> Option<Session> {
        match self {
            Self::Caller => None,
            Self::By(choose) => choose(request),
        }
    }
}

/// How the route is known that a request has matched.
#[derive(Clone)]
pub(super) enum Route {
    /// Routers that are known here say it.
    Known,
    /// The host says it.
    By(Arc<Tell>),
}

impl Route {
    pub(super) fn of<'a>(&self, request: &RequestHead<'a>) -> Option<&'a str> {
        match self {
            Self::Known => matched(request),
            Self::By(tell) => tell(request),
        }
    }
}

#[cfg(feature = "axum")]
fn matched<'a>(request: &RequestHead<'a>) -> Option<&'a str> {
    let path = request.extensions.get::<axum::extract::MatchedPath>();
    path.map(axum::extract::MatchedPath::as_str)
}

#[cfg(not(feature = "axum"))]
fn matched<'a>(_request: &RequestHead<'a>) -> Option<&'a str> {
    None
}
