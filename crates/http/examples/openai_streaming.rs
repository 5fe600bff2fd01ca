//! A streamed chat by hyper-util's client, against a provider that answers from a script: one line for the
//! client, and the call is a span.
//!
//! `cargo run -p spanreel-http --example openai_streaming`

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use spanreel::{Pipeline, testing::InMemory};
use spanreel_http::llm::{Llm, Prices, Rate};
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt};

/// What OpenAI would send.
const ANSWER: &str = r#"data: {"id":"chatcmpl-1","model":"gpt-5-2025-08-07","choices":[{"index":0,"delta":{"content":"Low "}}]}

data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":"tide."},"finish_reason":"stop"}]}

data: {"id":"chatcmpl-1","choices":[],"usage":{"prompt_tokens":20,"completion_tokens":3,"total_tokens":23}}

data: [DONE]

"#;

async fn provider() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let answer = service_fn(|_: Request<Incoming>| async {
        let response = Response::builder().header("content-type", "text/event-stream");
        response.body(Full::<Bytes>::from(ANSWER))
    });
    let serve = async move {
        while let Ok((stream, _)) = listener.accept().await {
            let server = hyper::server::conn::http1::Builder::new();
            if let Err(error) = server.serve_connection(TokioIo::new(stream), answer).await {
                tracing::warn!(%error, "a client has left early");
            }
        }
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "the provider runs beside the agent"
    )]
    tokio::spawn(serve);
    Ok(addr)
}

/// Asks, and gives back the stream as it came.
async fn ask(
    pipeline: &Pipeline,
    provider: SocketAddr,
) -> Result<Bytes, Box<dyn std::error::Error>> {
    let session = pipeline.session("conv-1")?;
    let agent = session.agent("pilot").start();
    let rate = Rate {
        input: 1.25,
        output: 10.0,
        ..Rate::default()
    };
    let prices = Prices::new("our contract", "2026-11").model("gpt-5-2025-08-07", rate);

    // The one line: every call of this client is a span below the agent.
    let traced = Llm::under(&agent).prices(prices).layer();
    let client = traced.layer(Client::builder(TokioExecutor::new()).build_http());

    let body = r#"{"model":"gpt-5","stream":true,"messages":[{"role":"user","content":"Tide?"}]}"#;
    let request = Request::post(format!("http://{provider}/v1/chat/completions"));
    let response = client
        .oneshot(request.body(Full::<Bytes>::from(body))?)
        .await?;
    let stream = response.into_body().collect().await?.to_bytes();
    agent.end();
    session.end();
    Ok(stream)
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let memory = InMemory::new();
    let pipeline = Pipeline::builder().export(memory.clone()).start()?;
    let stream = ask(&pipeline, provider().await?).await?;
    assert_eq!(stream, ANSWER);
    pipeline.shutdown(Duration::from_secs(5)).await;
    memory.assert_tree_with(
        &[
            "gen_ai.usage.output_tokens",
            "gen_ai.usage.cost",
            "spanreel.llm.chunks",
        ],
        "
        session
          invoke_agent pilot
            chat gpt-5 gen_ai.usage.output_tokens=3 gen_ai.usage.cost=0.000055 spanreel.llm.chunks=3
        ",
    );
    Ok(())
}
