//! An agent behind axum: each chat is a request in the session of its conversation, and what the agent
//! asks of others is in the same trace.
//!
//! ```sh
//! cargo run -p spanreel-http --features axum --example axum_service -- 127.0.0.1:3000
//! curl -d 'Which tides does Brest have?' -H 'x-conversation: conv-8f2e' http://127.0.0.1:3000/chat
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderName, Request, StatusCode};
use axum::routing::{get, post};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use spanreel::{Console, Pipeline, SpanRef};
use spanreel_http::{ClientLayer, ClientService, ServerLayer};
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt};

/// What the handlers share.
#[derive(Clone)]
struct Agent {
    client: ClientService<Client<HttpConnector, Empty<Bytes>>>,
    /// Where the tide tables are.
    tides: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1);
    let address = address.unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let pipeline = Pipeline::builder().export(Console::new()).start()?;
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    println!("listening on http://{address}/chat");
    let stopped = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    };
    axum::serve(listener, service(&pipeline, &address.to_string()))
        .with_graceful_shutdown(stopped)
        .await?;
    println!("{}", pipeline.shutdown(Duration::from_secs(5)).await);
    Ok(())
}

/// The agent and, for an example in one program, the service that it asks.
pub(crate) fn service(pipeline: &Pipeline, tides: &str) -> Router {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let agent = Agent {
        client: ClientLayer::new().layer(client),
        tides: tides.to_owned(),
    };
    // A service that anybody can reach takes the conversation from what it knows of its user.
    let conversation = HeaderName::from_static("x-conversation");
    let chat = Router::new()
        .route("/chat", post(chat))
        .with_state(agent)
        .layer(ServerLayer::new(pipeline).session_header(conversation));
    let tides = Router::new()
        .route("/tides/{town}", get(tides_of))
        .layer(ServerLayer::new(pipeline));
    chat.merge(tides)
}

async fn chat(
    State(agent): State<Agent>,
    Extension(request): Extension<SpanRef>,
    question: String,
) -> Result<String, StatusCode> {
    let turn = request.agent("planner").start();
    let mut chat = turn.chat("anthropic", "claude-sonnet-4-5").start();
    chat.tokens(question.len() as u64, 12);
    chat.end();
    let tool = turn.tool("tide_table").start();
    let place = SpanRef::from(&tool);
    tool.run(agent.ask(&place))
        .await
        .map_err(|_| StatusCode::BAD_GATEWAY)
}

impl Agent {
    /// Asks another service, for the span of a tool.
    async fn ask(&self, tool: &SpanRef) -> Result<String, Box<dyn Error + Send + Sync>> {
        let request = Request::get(format!("http://{}/tides/brest", self.tides));
        let request = request.extension(tool.clone()).body(Empty::new())?;
        let response = self.client.clone().oneshot(request).await?;
        let body = response.into_body().collect().await?.to_bytes();
        Ok(String::from_utf8(body.to_vec())?)
    }
}

async fn tides_of(Extension(request): Extension<SpanRef>, Path(town): Path<String>) -> String {
    request.retrieval("tides").start().end();
    format!("high water in {town} at 06:12 and 18:31")
}
