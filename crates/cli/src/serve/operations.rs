//! The server of `--http`: `/healthz`, `/readyz` and `/metrics`, for those who run the process, and the page
//! with its API, where sessions are kept.
//!
//! Holds: a bounded number of connections. Waits: for requests, each with a time limit. Loses: nothing.

use std::convert::Infallible;
use std::fmt;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use spanreel_store::{Body, Web};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::health::Health;
use super::host;
use super::metrics::{self, Snapshot};
use crate::receive::Token;

/// How many may ask at once; others wait.
const MAX_CONNECTIONS: usize = 256;

/// How long one may take to say what one asks.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection may stay.
const MAX_AGE: Duration = Duration::from_secs(300);

/// What is asked, and who may ask.
pub(crate) struct Operations {
    /// Whether all is well.
    pub(crate) health: Arc<Health>,
    /// How long an export may take nothing.
    pub(crate) lane_down_after: Duration,
    /// Host names besides `localhost`.
    pub(crate) allowed_host: Vec<String>,
    /// Needed for metrics where others than this machine can ask.
    pub(crate) token: Option<Token>,
    /// Takes the numbers.
    pub(crate) snapshot: Box<dyn Fn() -> Snapshot + Send + Sync>,
    /// The page and its API, where sessions are kept.
    pub(crate) web: Option<Web>,
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operations").finish_non_exhaustive()
    }
}

type Answer = Response<Body>;

/// Answers until the future is dropped.
///
/// # Errors
/// The listener cannot be used within this runtime.
pub(crate) async fn serve(
    listener: TcpListener,
    operations: Arc<Operations>,
) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let permit = Arc::clone(&room).acquire_owned().await;
        let permit = permit.expect("the semaphore is never closed");
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(target: "spanreel", %error, "cannot take a connection for operations");
                // No file descriptors left, mostly: the next attempt would fail at once.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let operations = Arc::clone(&operations);
        let talk = async move {
            talk(stream, operations).await;
            drop(permit);
        };
        start(talk);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "connections end with the runtime of the command"
)]
fn start(talk: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(talk);
}

async fn talk(stream: TcpStream, operations: Arc<Operations>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let operations = Arc::clone(&operations);
        async move { Ok::<_, Infallible>(operations.answer_all(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    match tokio::time::timeout(MAX_AGE, connection).await {
        Ok(Ok(())) | Err(_) => {}
        Ok(Err(error)) => {
            tracing::debug!(target: "spanreel", %error, "a connection for operations has ended early");
        }
    }
}

impl Operations {
    /// What is not of the process itself is of the page.
    async fn answer_all(&self, request: Request<Incoming>) -> Answer {
        let uri = request.uri();
        let is_own = ["/healthz", "/readyz", "/metrics"].contains(&uri.path());
        match &self.web {
            Some(web)
                if !is_own && host::is_allowed(request.headers(), uri, &self.allowed_host) =>
            {
                web.answer(request).await
            }
            _ => self.answer(request.method(), uri, request.headers()),
        }
    }

    fn answer(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Answer {
        if !host::is_allowed(headers, uri, &self.allowed_host) {
            let advice =
                "this name is not known here; ask by address, or start with --allowed-host NAME\n";
            return text(StatusCode::FORBIDDEN, advice);
        }
        if method != Method::GET && method != Method::HEAD {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
            answer
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        match uri.path() {
            "/healthz" => text(StatusCode::OK, "ok\n"),
            "/readyz" => self.ready(),
            "/metrics" if !self.knows(headers) => {
                let mut answer = text(
                    StatusCode::UNAUTHORIZED,
                    "give the token: authorization: Bearer TOKEN\n",
                );
                let scheme = HeaderValue::from_static("Bearer");
                answer
                    .headers_mut()
                    .insert(http::header::WWW_AUTHENTICATE, scheme);
                answer
            }
            "/metrics" => self.metrics(),
            _ => text(
                StatusCode::NOT_FOUND,
                "there are /healthz, /readyz and /metrics\n",
            ),
        }
    }

    fn ready(&self) -> Answer {
        let reasons = self.health.reasons(Instant::now(), self.lane_down_after);
        if reasons.is_empty() {
            return text(StatusCode::OK, "ready\n");
        }
        text(StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n")
    }

    fn metrics(&self) -> Answer {
        match metrics::page((self.snapshot)()) {
            Ok(page) => {
                let mut answer = text(StatusCode::OK, page);
                let kind = HeaderValue::from_static(metrics::CONTENT_TYPE);
                answer.headers_mut().insert(CONTENT_TYPE, kind);
                answer
            }
            Err(error) => {
                tracing::error!(target: "spanreel", %error, "metrics cannot be written");
                text(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "metrics cannot be written\n",
                )
            }
        }
    }

    /// Whether who asks has the token, where one is needed.
    fn knows(&self, headers: &HeaderMap) -> bool {
        match &self.token {
            Some(token) => token.is_presented(headers),
            None => true,
        }
    }
}

fn text(status: StatusCode, body: impl Into<String>) -> Answer {
    let body = Full::new(Bytes::from(body.into())).boxed_unsync();
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

#[cfg(test)]
mod tests {
    use http::header::{AUTHORIZATION, HOST};
    use spanreel::{Null, Pipeline};

    use super::super::arrivals::Totals;
    use super::*;

    fn operations(token: Option<&str>) -> Operations {
        let pipeline = Pipeline::builder()
            .export(Null)
            .start()
            .expect("a pipeline");
        Operations {
            health: Arc::default(),
            lane_down_after: Duration::from_secs(60),
            allowed_host: Vec::new(),
            token: token.map(|token| Token::new(token).expect("it is one")),
            web: None,
            snapshot: Box::new(move || Snapshot {
                stats: pipeline.stats(),
                arrived: Totals::default(),
                received: Default::default(),
                stuck: Vec::new(),
                is_ready: true,
                uptime: Duration::ZERO,
                calls: String::new(),
            }),
        }
    }

    fn ask(
        operations: &Operations,
        method: Method,
        path: &'static str,
        authorization: Option<&'static str>,
    ) -> u16 {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("localhost:4320"));
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, HeaderValue::from_static(value));
        }
        operations
            .answer(&method, &Uri::from_static(path), &headers)
            .status()
            .as_u16()
    }

    /// There are three pages, for reading only.
    #[test]
    fn there_are_three_pages() {
        let operations = operations(None);
        for (method, path, status) in [
            (Method::GET, "/healthz", 200),
            (Method::HEAD, "/readyz", 200),
            (Method::GET, "/metrics", 200),
            (Method::GET, "/", 404),
            (Method::POST, "/metrics", 405),
        ] {
            assert_eq!(ask(&operations, method, path, None), status, "{path}");
        }
        assert_eq!(
            operations
                .answer(
                    &Method::GET,
                    &Uri::from_static("/healthz"),
                    &HeaderMap::new()
                )
                .status(),
            403
        );
        operations.health.drain();
        assert_eq!(ask(&operations, Method::GET, "/readyz", None), 503);
        assert_eq!(ask(&operations, Method::GET, "/healthz", None), 200);
    }

    /// Where there is a token, metrics need it, and health does not.
    #[test]
    fn metrics_need_the_token_and_health_does_not() {
        let operations = operations(Some("abc"));
        let metrics = |authorization| ask(&operations, Method::GET, "/metrics", authorization);
        assert_eq!(metrics(None), 401);
        assert_eq!(metrics(Some("Bearer abd")), 401);
        assert_eq!(metrics(Some("Bearer")), 401);
        assert_eq!(metrics(Some("Bearer abc")), 200);
        assert_eq!(metrics(Some("bearer abc")), 200);
        assert_eq!(ask(&operations, Method::GET, "/healthz", None), 200);
    }
}
