//! Passes one request to its provider, and the answer back as it comes.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_TYPE, HOST, HeaderName, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use pin_project_lite::pin_project;
use spanreel_http::llm::{Llm, LlmService, RequestBody};
use tower_layer::Layer as _;
use tower_service::Service as _;

use super::place::{Connection, SESSION_HEADER, Stay};
use super::upstream::Upstreams;
use crate::serve::host;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Upstream = Client<HttpsConnector<HttpConnector>, RequestBody<Incoming>>;
type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

/// The proxy. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Proxy {
    upstreams: Arc<Upstreams>,
    client: LlmService<Upstream>,
    allowed_host: Arc<[String]>,
}

/// Headers that are of one connection (RFC 9110, 7.6.1).
const OF_CONNECTION: [HeaderName; 8] = [
    CONNECTION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("proxy-authorization"),
];

impl Proxy {
    /// # Errors
    /// The certificates of the system cannot be read.
    pub(crate) fn new(
        upstreams: Upstreams,
        llm: &Llm,
        allowed_host: &[String],
    ) -> std::io::Result<Self> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())?
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self {
            upstreams: Arc::new(upstreams),
            client: llm.layer().layer(client),
            allowed_host: allowed_host.into(),
        })
    }

    /// Answers a request.
    pub(crate) async fn answer(
        self,
        mut request: Request<Incoming>,
        connection: &Arc<Connection>,
    ) -> Answer {
        if !host::is_allowed(request.headers(), request.uri(), &self.allowed_host) {
            let advice =
                "this name is not known here; ask by address, or start with --allowed-host NAME";
            return refusal(StatusCode::FORBIDDEN, advice);
        }
        let Some((uri, name)) = self.upstreams.route(request.uri()) else {
            let names: Vec<_> = self
                .upstreams
                .names()
                .map(|name| format!("/{name}/"))
                .collect();
            let advice = format!(
                "paths begin with the name of a provider: {}",
                names.join(", ")
            );
            return refusal(StatusCode::NOT_FOUND, &advice);
        };
        let host = uri.host().unwrap_or_default().to_owned();
        let stay = connection.enter(request.headers());
        if let Some(stay) = &stay {
            request.extensions_mut().insert(stay.span.clone());
        }
        if let Some(name) = name {
            request.extensions_mut().insert(name);
        }
        *request.uri_mut() = uri;
        *request.version_mut() = http::Version::HTTP_11;
        clean(request.headers_mut());
        request.headers_mut().remove(SESSION_HEADER);
        request.headers_mut().remove(HOST);
        let mut client = self.client;
        match client.call(request).await {
            Ok(response) => {
                let mut response = response.map(|body| {
                    let body = body.map_err(BoxError::from);
                    Held { body, stay }.boxed_unsync()
                });
                clean(response.headers_mut());
                response
            }
            Err(error) => {
                tracing::debug!(target: "spanreel", %error, "a provider could not be reached");
                let why = format!("{host} could not be reached: {}", cause(&error));
                refusal(StatusCode::BAD_GATEWAY, &why)
            }
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("upstreams", &self.upstreams)
            .finish_non_exhaustive()
    }
}

/// What is at the bottom of an error: above it are the layers of clients alone.
fn cause<'a>(
    mut error: &'a (dyn std::error::Error + 'static),
) -> &'a (dyn std::error::Error + 'static) {
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

/// Takes away what is of one connection, and what `Connection` says is.
fn clean(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|names| names.to_str().ok())
        .flat_map(|names| names.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&OF_CONNECTION) {
        headers.remove(name);
    }
}

/// An answer of the gateway's own, in the envelope that clients of providers understand.
fn refusal(status: StatusCode, message: &str) -> Answer {
    let body = serde_json::json!({"error": {"type": "spanreel_gateway", "message": message}});
    let body = Full::from(body.to_string())
        .map_err(BoxError::from)
        .boxed_unsync();
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, json);
    answer
}

pin_project! {
    /// The body of an answer; whom the call was made for stays until it has ended.
    struct Held<B> {
        // Dropped first: the call ends within its place.
        #[pin]
        body: B,
        stay: Option<Stay>,
    }
}

impl<B: Body> Body for Held<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
