//! The page and its JSON API, as one function from requests to answers: whoever has a server mounts it.
//!
//! Holds: queries under way, at most [`MOST_QUERIES`], and files that are being read, at most [`MOST_FILES`]. Waits:
//! for the store, each query for [`PATIENCE`] at the most, from when it was asked; for readers of files as long as
//! their server lets them. Loses: nothing. What sessions hold is never anything but text in JSON.

mod api;
mod assets;
mod csv;
mod export;
mod guard;
mod history;
mod live;
mod parameters;
mod quarantine;
mod routes;

use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use spanreel::Pipeline;
use tokio::sync::Semaphore;

pub use self::api::{document_json, otlp_json};
use self::guard::Guard;
use self::history::History;
pub use self::quarantine::quarantined_json;
use crate::error::StoreError;
use crate::lane::Live;
use crate::query::Patience;
use crate::store::Store;

/// Queries that run at once; others wait.
const MOST_QUERIES: usize = 6;

/// Files that are read at once; more are refused. They have places of their own: each is held for as long as its
/// reader takes.
const MOST_FILES: usize = 4;

/// How long a query may take, from when it was asked: also while it waits for others.
const PATIENCE: Duration = Duration::from_secs(10);

/// What may be loaded: nothing from elsewhere, no script that is not a file of the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// The body of an answer.
pub type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Says how the pipeline is, for `/api/v1/pipeline`.
pub type Pulse = Arc<dyn Fn() -> Value + Send + Sync>;

/// The page and its API.
#[derive(Clone)]
pub struct Web {
    store: Arc<dyn Store>,
    live: Live,
    /// Begun by who listens first.
    history: Arc<OnceLock<Arc<History>>>,
    pulse: Pulse,
    guard: Arc<Guard>,
    room: Arc<Semaphore>,
    files: Arc<Semaphore>,
    /// Whose quarantine the page may change.
    pipeline: Option<Pipeline>,
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Web")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

impl Web {
    /// The page of a store. With a token, everybody needs it; without one, only this machine is let in, which
    /// `is_local` promises: that the server listens on loopback alone.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        live: Live,
        pulse: Pulse,
        token: Option<&str>,
        is_local: bool,
    ) -> Self {
        Self {
            store,
            live,
            history: Arc::default(),
            pulse,
            guard: Arc::new(Guard::new(token, is_local)),
            room: Arc::new(Semaphore::new(MOST_QUERIES)),
            files: Arc::new(Semaphore::new(MOST_FILES)),
            pipeline: None,
        }
    }

    /// The same, for a page on which what destinations refused for good can be seen, sent again and dropped:
    /// the quarantine of this pipeline. Without one, the page changes nothing.
    #[must_use]
    pub fn quarantine_of(mut self, pipeline: Pipeline) -> Self {
        self.pipeline = Some(pipeline);
        self
    }

    /// Puts another token in the place of the one that everybody needs. Does nothing where there is none.
    pub fn renew_token(&self, token: &str) {
        self.guard.renew(token);
    }

    /// Answers a request whose `Host` has been checked. Bodies are read of requests to `/mcp` alone.
    pub async fn answer<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body + Send + 'static,
        B::Error: fmt::Display,
    {
        let mut answer = self.answer_bare(request).await;
        let headers = answer.headers_mut();
        let fixed = [
            (CONTENT_SECURITY_POLICY, POLICY),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (X_FRAME_OPTIONS, "DENY"),
            (REFERRER_POLICY, "no-referrer"),
        ];
        for (name, value) in fixed {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers
            .entry(CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
        answer
    }

    async fn answer_bare<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body + Send + 'static,
        B::Error: fmt::Display,
    {
        let path = request.uri().path();
        if let Err(refused) = self.guard.check(request.headers()) {
            return refused;
        }
        #[cfg(feature = "mcp")]
        if path == "/mcp" {
            return match self.guard.knows(request.headers()) {
                true => self.mcp(request).await,
                false => self.guard.refuse(true),
            };
        }
        let (method, rest) = (request.method(), path.strip_prefix("/api/v1/"));
        let is_read = method == Method::GET || method == Method::HEAD;
        // What the API can change is changed by POST.
        if !is_read && (rest.is_none() || method != Method::POST) {
            return wrong_method("GET, HEAD");
        }
        if path == "/login" {
            return self.guard.login(request.uri().query().unwrap_or_default());
        }
        if !self.guard.knows(request.headers()) {
            return self.guard.refuse(path.starts_with("/api/"));
        }
        let query = request.uri().query().unwrap_or_default();
        match rest {
            Some(rest) => self.api(method, rest, query, request.headers()).await,
            None => assets::answer(path),
        }
    }

    /// Asks the store; what it cannot answer is an answer, too.
    async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn Store, &Patience) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Response<Body>> {
        self.query(ask).await.map_err(|error| refusal(&error))
    }

    /// Asks the store on a thread where it may block.
    pub(crate) async fn query<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn Store, &Patience) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let patience = Patience::of(PATIENCE);
        // Dropped with this future when who asked has gone.
        let _waiting = patience.waiting();
        let permit = Arc::clone(&self.room).acquire_owned();
        let permit = tokio::time::timeout(PATIENCE, permit).await;
        let permit = permit.map_err(|_elapsed| StoreError::TooSlow)?;
        let permit = permit.expect("the semaphore is never closed");
        let store = Arc::clone(&self.store);
        let asked = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            ask(&*store, &patience)
        });
        match asked.await {
            Ok(answer) => answer,
            Err(_panicked) => Err(StoreError::Damaged("reading panicked")),
        }
    }
}

/// A path that is there and is not asked so.
fn wrong_method(allowed: &'static str) -> Response<Body> {
    let words = format!("only {}", allowed.replace(", ", " and "));
    let mut answer = problem(StatusCode::METHOD_NOT_ALLOWED, "bad_method", &words);
    let allowed = HeaderValue::from_static(allowed);
    answer.headers_mut().insert(ALLOW, allowed);
    answer
}

/// What an error is answered with.
fn refusal(error: &StoreError) -> Response<Body> {
    match error {
        StoreError::BadQuery(why) => problem(StatusCode::BAD_REQUEST, "bad_query", why),
        StoreError::TooSlow => problem(
            StatusCode::SERVICE_UNAVAILABLE,
            "too_slow",
            &error.to_string(),
        ),
        error => {
            tracing::warn!(target: "spanreel", %error, "a query failed");
            let advice = "the store could not answer; the server's log says why";
            problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", advice)
        }
    }
}

fn body(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).boxed_unsync()
}

/// JSON with a status.
fn json_with(status: StatusCode, value: &impl serde::Serialize) -> Response<Body> {
    let mut answer = match serde_json::to_vec(value) {
        Ok(bytes) => Response::new(body(bytes)),
        Err(error) => {
            tracing::error!(target: "spanreel", %error, "an answer is no JSON");
            Response::new(body(
                r#"{"error":{"code":"internal","message":"the answer is no JSON"}}"#,
            ))
        }
    };
    *answer.status_mut() = status;
    let kind = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}

/// An error as the API tells it.
pub(crate) fn problem(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    json_with(
        status,
        &json!({ "error": { "code": code, "message": message } }),
    )
}
