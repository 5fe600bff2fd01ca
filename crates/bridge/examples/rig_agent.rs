//! An agent of rig that knows nothing of spanreel, observed through the layer alone: its spans become
//! a session.
//!
//! The model is a scripted server on this machine that speaks OpenAI's chat completions, so that the
//! example needs no network and no key. Run it with `cargo run -p spanreel-bridge --example rig_agent`.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::convert::Infallible;
use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rig::prelude::*;
use rig::providers::openai::{OpenAIConfig, Route};
use rig::tool::{Tool, ToolContext};
use serde_json::{Value, json};
use spanreel::Pipeline;
use spanreel::testing::InMemory;
use spanreel_bridge::{SessionLayer, current};
use tokio::net::TcpListener;
use tracing_subscriber::layer::SubscriberExt;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    print!("{}", run().await?);
    Ok(())
}

/// Runs the agent and returns its session as a tree.
pub(crate) async fn run() -> Result<String, Box<dyn Error>> {
    let memory = InMemory::new();
    let pipeline = Pipeline::builder().export(memory.clone()).start()?;
    // The one line that a program of rig needs, beside the scope below.
    let subscriber = tracing_subscriber::registry().with(SessionLayer::new());
    let _subscribed = tracing::subscriber::set_default(subscriber);

    let model = OpenAIConfig::new("no key")
        .with_base_url(serve().await?)
        .with_route(Route::Chat)
        .client()
        .completion("gpt-5-mini");
    let agent = AgentBuilder::new(model)
        .name("forecaster")
        .preamble("You say what the weather is like.")
        .tool(Weather)
        .build();

    let session = pipeline.open_session("conv-8f2e").user("u-19").open()?;
    let asked = agent.prompt("What is the weather in Oslo?").max_turns(3);
    let answer = current::scope(&session, async { asked.await }).await?;
    assert_eq!(answer.output(), "It rains in Oslo.");
    session.succeed();

    let report = pipeline.shutdown(Duration::from_secs(5)).await;
    assert!(report.is_lossless(), "{report}");
    Ok(memory.tree_with(&[
        "gen_ai.usage.input_tokens",
        "gen_ai.tool.call.id",
        "station",
    ]))
}

/// A tool that uses the session of whoever calls it, without being handed one.
struct Weather;

impl Tool for Weather {
    const NAME: &'static str = "weather";
    type Args = Value;
    type Output = String;
    type Error = Infallible;

    fn description(&self) -> String {
        "the weather of a city".to_owned()
    }

    fn parameters(&self) -> Value {
        json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
    }

    async fn call(&self, _: &mut ToolContext, _: Value) -> Result<String, Infallible> {
        if let Some(here) = current::get() {
            here.child("read station")
                .attribute("station", "Blindern")
                .start()
                .end();
        }
        Ok("rain".to_owned())
    }
}

/// Starts a model that asks for the tool first and answers then; returns its base URL.
async fn serve() -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/v1", listener.local_addr()?);
    #[expect(
        clippy::disallowed_methods,
        reason = "the server outlives this function"
    )]
    tokio::spawn(async move {
        let turn = AtomicUsize::new(0);
        while let Ok((stream, _)) = listener.accept().await {
            let answer = |_: Request<Incoming>| {
                let said = script(turn.fetch_add(1, Ordering::Relaxed));
                let body = Full::new(Bytes::from(said.to_string()));
                let response = Response::builder().header("content-type", "application/json");
                async { response.body(body) }
            };
            // One request per connection, one connection at a time.
            let served = hyper::server::conn::http1::Builder::new()
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service_fn(answer));
            if let Err(error) = served.await {
                tracing::warn!(%error, "the connection broke");
            }
        }
    });
    Ok(url)
}

/// What the model says in this turn.
fn script(turn: usize) -> Value {
    let (message, finish_reason, input) = match turn {
        0 => {
            let function = json!({"name": "weather", "arguments": "{\"city\":\"Oslo\"}"});
            let call = json!({"id": "call_1", "type": "function", "function": function});
            let message = json!({"role": "assistant", "content": null, "tool_calls": [call]});
            (message, "tool_calls", 80)
        }
        _ => {
            let message = json!({"role": "assistant", "content": "It rains in Oslo."});
            (message, "stop", 120)
        }
    };
    json!({
        "id": format!("chatcmpl-{turn}"),
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "gpt-5-mini-2025-08-07",
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
        "usage": {"prompt_tokens": input, "completion_tokens": 9, "total_tokens": input + 9},
    })
}
