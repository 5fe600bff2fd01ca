//! The service that the W3C's validation suites of Trace Context and Baggage talk to: it answers
//! `POST /test` with a JSON array of `{"url", "arguments"}` by calling each URL with its arguments, in
//! the trace of the request.
//!
//! ```sh
//! cargo run -p spanreel-http --example w3c_service -- --listen 127.0.0.1:5000
//! # in a copy of https://github.com/w3c/trace-context, with Python's aiohttp:
//! SPEC_LEVEL=2 python test/test.py http://127.0.0.1:5000/test
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::error::Error;
use std::time::Duration;

use axum::extract::{Extension, Json, State};
use axum::http::{Request, StatusCode};
use axum::routing::post;
use axum::{Router, serve};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use spanreel::{BaggagePolicy, Console, Pipeline, SpanRef};
use spanreel_http::{ClientLayer, ClientService, ServerLayer};
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt};

type Body = Full<hyper::body::Bytes>;
type TracedClient = ClientService<Client<HttpConnector, Body>>;

/// What the suite asks for.
#[derive(Deserialize, Serialize)]
struct Call {
    url: String,
    arguments: Box<RawValue>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let address = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--listen", address] => address,
        _ => "127.0.0.1:5000",
    };
    let pipeline = Pipeline::builder()
        .export(Console::new())
        .baggage(everything())
        .start()?;
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}/test", listener.local_addr()?);
    let stopped = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    };
    serve(listener, service(&pipeline))
        .with_graceful_shutdown(stopped)
        .await?;
    println!("{}", pipeline.shutdown(Duration::from_secs(5)).await);
    Ok(())
}

/// The suite of Baggage wants all of it passed on, to whoever asks. A real service names its own hosts.
pub(crate) fn everything() -> BaggagePolicy {
    BaggagePolicy::new().send_all_members().to_host("*")
}

/// The service, with spans for what it answers and what it asks.
pub(crate) fn service(pipeline: &Pipeline) -> Router {
    let client = Client::builder(TokioExecutor::new()).build_http();
    Router::new()
        .route("/test", post(test))
        .with_state(ClientLayer::new().layer(client))
        .layer(ServerLayer::new(pipeline))
}

async fn test(
    State(client): State<TracedClient>,
    Extension(place): Extension<SpanRef>,
    Json(calls): Json<Vec<Call>>,
) -> Result<(), (StatusCode, String)> {
    for call in calls {
        let request = Request::post(call.url)
            .header("content-type", "application/json")
            .extension(place.clone())
            .body(Body::from(call.arguments.get().to_owned()))
            .map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
        let bad_gateway = |error: &dyn Error| (StatusCode::BAD_GATEWAY, error.to_string());
        let response = client.clone().oneshot(request).await;
        let response = response.map_err(|error| bad_gateway(&error))?;
        // The span of the call ends with the answer's body.
        let body = response.into_body().collect().await;
        body.map_err(|error| bad_gateway(&error))?;
    }
    Ok(())
}
