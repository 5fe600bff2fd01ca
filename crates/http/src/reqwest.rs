//! Spans for requests that a `reqwest` client makes: a middleware.
//!
//! Holds: what is under way. Waits: for the request. Loses nothing: a span ends with the response's
//! body.

use http::{Extensions, Uri};
use reqwest::{Body, Request, Response, ResponseBuilderExt};
use reqwest_middleware::{Error, Middleware, Next, Result};
use spanreel::SpanRef;

use crate::body::ResponseBody;
use crate::client::begin;
use crate::future::{Side, answered};
use crate::record::Running;

/// What [`ClientLayer`](crate::ClientLayer) is for `tower`, for clients of `reqwest-middleware`: a span
/// of kind client for each request that passes here. Put it in front of a middleware that retries,
/// and it is one span for all attempts; behind it, one for each.
///
/// A request says whom it is made for by an extension:
///
/// ```
/// use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, RequestBuilder};
/// use spanreel::{Span, SpanRef};
/// use spanreel_http::ClientMiddleware;
///
/// fn client() -> ClientWithMiddleware {
///     let client = ClientBuilder::new(reqwest::Client::new());
///     client.with(ClientMiddleware::new()).build()
/// }
///
/// fn request(client: &ClientWithMiddleware, tool: &Span) -> RequestBuilder {
///     client.get("http://search.internal/tides").with_extension(SpanRef::from(tool))
/// }
/// ```
///
/// Without middleware, the context of a span is written to the headers of a request by hand:
///
/// ```
/// fn inject(span: &spanreel::Span, request: &mut reqwest::Request) {
///     let host = request.url().host_str().unwrap_or_default().to_owned();
///     span.inject_to(&host, request.headers_mut());
/// }
/// ```
#[derive(Clone, Debug, Default)]
pub struct ClientMiddleware {
    place: Option<SpanRef>,
}

impl ClientMiddleware {
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

#[async_trait::async_trait]
impl Middleware for ClientMiddleware {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let place = extensions.get::<SpanRef>().or(self.place.as_ref());
        let Some(place) = place else {
            return next.run(request, extensions).await;
        };
        let method = request.method().clone();
        // What is no URI is refused by the client.
        let uri: Uri = request.url().as_str().parse().unwrap_or_default();
        let span = begin(place, &method, &uri, request.headers_mut());
        let mut running = Running::new(span);
        match next.run(request, extensions).await {
            Ok(response) => {
                let (status, version) = (response.status(), response.version());
                let headers = response.headers();
                let grpc = answered(running.span(), Side::Client, status, version, headers);
                let is_bare = method == http::Method::HEAD;
                Ok(with_body(response, running, is_bare, grpc))
            }
            Err(error) => {
                // `Display` of it would tell the URL with its query.
                Running::fail(&mut Some(running), kind(&error), "the request failed");
                Err(error)
            }
        }
    }
}

/// What went wrong, as a low-cardinality name.
fn kind(error: &Error) -> &'static str {
    match error {
        Error::Middleware(_) => "middleware",
        Error::Reqwest(error) if error.is_timeout() => "timeout",
        Error::Reqwest(error) if error.is_connect() => "connect",
        Error::Reqwest(error) if error.is_redirect() => "redirect",
        Error::Reqwest(_) => "Error",
    }
}

/// The same response; the span ends with its body.
fn with_body(
    response: Response,
    running: Running<spanreel::Span>,
    is_bare: bool,
    grpc: Option<Side>,
) -> Response {
    let url = response.url().clone();
    let (parts, body) = http::Response::<Body>::from(response).into_parts();
    let body = Body::wrap(ResponseBody::new(body, &mut Some(running), is_bare, grpc));
    let named = http::Response::builder().url(url).body(());
    let mut response = http::Response::from_parts(parts, body);
    if let Ok(named) = named {
        response
            .extensions_mut()
            .extend(named.into_parts().0.extensions);
    }
    response.into()
}
