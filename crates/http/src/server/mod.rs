//! Spans for requests that a service answers: a tower layer.
//!
//! Holds: what is under way. Waits: never. Loses nothing: a span ends with the response's body.

mod belief;
mod choice;
mod headers;
mod service;

use std::fmt;
use std::sync::Arc;

use http::header::HeaderName;
use spanreel::{Pipeline, Session};
use tower_layer::Layer;

pub use choice::RequestHead;
pub use service::ServerService;

use crate::Inbound;
use belief::Asked;
use choice::{Choice, Route};

/// A span of kind server for each request that a service answers: named `{method} {route}`, a child
/// of the caller's span, and ended with the response's body. For axum, tonic, and every other
/// `tower::Service` of `http::Request`.
///
/// The handler finds a [`SpanRef`](spanreel::SpanRef) in the request's extensions and starts its
/// spans below it. Bodies are passed on frame by frame, never gathered. A body that is dropped early
/// is `error.type = "cancelled"`; an answer from 500 on is an error, one from 400 to 499 is none.
///
/// Which session a request belongs to is told at [`Arrival`](crate::Arrival): the caller's, where its
/// baggage is accepted, else one of its own for each trace. [`session_by`](Self::session_by) and
/// [`session_header`](Self::session_header) choose another.
///
/// The query of the URL is not recorded: it may hold secrets.
///
/// ```
/// use spanreel::{Null, Pipeline};
/// use spanreel_http::ServerLayer;
///
/// # fn main() -> Result<(), spanreel::BuildError> {
/// let pipeline = Pipeline::builder().export(Null).start()?;
/// let layer = ServerLayer::new(&pipeline).session_by(|request| {
///     let session = request.open_session(request.header("x-conversation")?);
///     session.agent("planner").open().ok()
/// });
/// // let app = axum::Router::new().route("/chat", post(chat)).layer(layer);
/// # drop(layer);
/// # pipeline.shutdown_blocking(std::time::Duration::from_secs(1));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ServerLayer {
    settings: Arc<Settings>,
}

#[derive(Clone)]
struct Settings {
    inbound: Inbound,
    asked: Asked,
    choice: Choice,
    route: Route,
}

impl ServerLayer {
    /// Records with this pipeline.
    #[must_use]
    pub fn new(pipeline: &Pipeline) -> Self {
        Self::with(Inbound::new(pipeline))
    }

    /// Records where other work arrives, too: over MCP or a queue, say.
    #[must_use]
    pub fn with(inbound: Inbound) -> Self {
        Self {
            settings: Arc::new(Settings {
                inbound,
                asked: Asked::default(),
                choice: Choice::Caller,
                route: Route::Known,
            }),
        }
    }

    /// Has `choose` say to which session a request belongs. With `None`, it is as if nothing had been
    /// said. The session stays open behind the request: whoever opens sessions ends them, or leaves
    /// that to [`SessionConfig::idle_timeout`](spanreel::SessionConfig::idle_timeout). Take its id from
    /// what is trusted: a caller that can make up ids can keep as many sessions open.
    #[must_use]
    pub fn session_by(
        self,
        choose: impl Fn(&RequestHead<'_>) -> Option<Session> + Send + Sync + 'static,
    ) -> Self {
        self.change(|settings| settings.choice = Choice::By(Arc::new(choose)))
    }

    /// The value of this header is the id of the session that a request belongs to. As
    /// [`session_by`](Self::session_by), in short.
    #[must_use]
    pub fn session_header(self, name: HeaderName) -> Self {
        self.session_by(move |request| {
            let id = request.headers().get(&name)?.to_str().ok()?;
            request.open_session(id).open().ok()
        })
    }

    /// Believes only callers that prove themselves by a signed delegation token, in the header
    /// [`spanreel-delegation`](crate::token::HEADER). The verifier is this process's own for its audience;
    /// layers may share it.
    ///
    /// | the request has | its span, or the session that it opens |
    /// | --- | --- |
    /// | a token of an issuer in the trust list | is a child of the delegation: `spanreel.trust` = `verified` |
    /// | a token of another issuer | is linked to the delegation: `spanreel.trust` = `unverified` |
    /// | a token that counts for nothing | says why: `spanreel.delegation.refused` |
    /// | no token, but a context | is linked to that: `spanreel.trust` = `unverified` |
    ///
    /// In all rows but the first nothing that the request says of its caller counts: neither trace nor
    /// sampling nor baggage. It is answered all the same; the handler finds what its token amounts to
    /// as a [`Trust`](crate::token::Trust) in the extensions, and may refuse.
    ///
    /// A token is good for one request. Bodies are not read here, so what makes a request this one is the
    /// header `idempotency-key`: with the same one, the same token is taken for a repetition by the
    /// transport; without, its second use is refused.
    #[cfg(feature = "token")]
    #[must_use]
    pub fn verifier(self, verifier: Arc<crate::token::Verifier>) -> Self {
        self.change(|settings| settings.asked = Asked::for_tokens(verifier))
    }

    /// Has `route` tell the route that a request has matched (`http.route`), which must be one of few
    /// texts: `/users/{id}`, never `/users/7`. Default: what axum's router has matched, with the
    /// feature `axum`; else none.
    #[must_use]
    pub fn route_by(
        self,
        route: impl for<'a> Fn(&RequestHead<'a>) -> Option<&'a str> + Send + Sync + 'static,
    ) -> Self {
        self.change(|settings| settings.route = Route::By(Arc::new(route)))
    }

    fn change(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<S> Layer<S> for ServerLayer {
    type Service = ServerService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ServerService::new(inner, Arc::clone(&self.settings))
    }
}

impl fmt::Debug for ServerLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerLayer")
            .field("inbound", &self.settings.inbound)
            .finish_non_exhaustive()
    }
}
