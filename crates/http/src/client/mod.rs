//! Spans for requests that a client makes: a tower layer.
//!
//! Holds: what is under way. Waits: never. Loses nothing: a span ends with the response's body.

mod service;

use spanreel::SpanRef;
use tower_layer::Layer;

pub use service::ClientService;
#[cfg(feature = "reqwest")]
pub(crate) use service::begin;

/// A span of kind client for each request that is made: named after its method, below the span that
/// it is made for, whose context it carries to the server. For hyper-util's client, tonic's channel,
/// and every other `tower::Service` of `http::Request`.
///
/// A request says whom it is made for by a [`SpanRef`] in its extensions; where it has none, the
/// layer's own counts ([`under`](Self::under)). With neither, the request is passed on as it is. The
/// context replaces what the request's headers held; baggage goes to the hosts that the pipeline's
/// [`BaggagePolicy`](spanreel::BaggagePolicy) allows.
///
/// Bodies are passed on frame by frame, never gathered. A body that is dropped early is
/// `error.type = "cancelled"`; an answer from 400 on is an error. Of the URL, user, password and
/// query are not recorded: they may be secret.
///
/// ```
/// use http::Request;
/// use spanreel::{Span, SpanRef};
///
/// fn request(tool: &Span) -> http::Result<Request<String>> {
///     let request = Request::post("http://search.internal/query");
///     request.extension(SpanRef::from(tool)).body("tides".to_owned())
/// }
/// ```
#[derive(Clone, Debug, Default)]
pub struct ClientLayer {
    place: Option<SpanRef>,
}

impl ClientLayer {
    /// Requests say whom they are made for.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Requests that do not say it are made for this span or session.
    #[must_use]
    pub fn under(place: impl Into<SpanRef>) -> Self {
        let place = Some(place.into());
        Self { place }
    }
}

impl<S> Layer<S> for ClientLayer {
    type Service = ClientService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ClientService::new(inner, self.place.clone())
    }
}
