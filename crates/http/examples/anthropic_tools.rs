//! An agent that lets Claude call a tool, against a provider that answers from a script: the span of the
//! tool and that of the call that asked for it have the same call id.
//!
//! `cargo run -p spanreel-http --example anthropic_tools`

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use spanreel::{Pipeline, Span, testing::InMemory};
use spanreel_http::llm::{Llm, RequestBody};
use tower::{Layer, ServiceExt, service_fn};

/// What Anthropic would answer: first it wants to look something up, then it knows.
async fn claude(
    request: Request<RequestBody<Full<Bytes>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let asked = request.into_body().collect().await?.to_bytes();
    let asked: Value = serde_json::from_slice(&asked).unwrap_or_default();
    let has_result = asked["messages"]
        .as_array()
        .is_some_and(|messages| messages.len() > 1);
    let answer = if has_result {
        json!({"id": "msg_2", "type": "message", "model": "claude-sonnet-4-5-20250929", "stop_reason": "end_turn",
            "content": [{"type": "text", "text": "Low tide at noon."}],
            "usage": {"input_tokens": 60, "output_tokens": 8}})
    } else {
        json!({"id": "msg_1", "type": "message", "model": "claude-sonnet-4-5-20250929", "stop_reason": "tool_use",
            "content": [{"type": "tool_use", "id": "toolu_1", "name": "tide", "input": {"port": "Brest"}}],
            "usage": {"input_tokens": 40, "output_tokens": 20}})
    };
    let response = Response::builder().header("content-type", "application/json");
    Ok(response
        .body(answer.to_string().into())
        .expect("the parts are right"))
}

/// Asks Claude until it wants no more tools.
async fn converse(agent: &Span) -> Result<Value, Box<dyn std::error::Error>> {
    let client = Llm::under(agent).layer().layer(service_fn(claude));
    let mut messages = vec![json!({"role": "user", "content": "When is low tide at Brest?"})];
    loop {
        let body = json!({"model": "claude-sonnet-4-5", "max_tokens": 100, "messages": messages});
        let request = Request::post("https://api.anthropic.com/v1/messages");
        let request = request.body(Full::from(body.to_string()))?;
        let response = client.clone().oneshot(request).await?;
        let answer = response.into_body().collect().await?.to_bytes();
        let answer: Value = serde_json::from_slice(&answer)?;
        let block = answer["content"][0].clone();
        let Some(id) = block["id"].as_str() else {
            return Ok(block["text"].clone());
        };
        let tool = agent
            .tool(block["name"].as_str().unwrap_or_default())
            .call_id(id)
            .start();
        let result = json!({"type": "tool_result", "tool_use_id": id, "content": "12:04"});
        tool.end();
        messages.push(json!({"role": "assistant", "content": answer["content"]}));
        messages.push(json!({"role": "user", "content": [result]}));
    }
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let memory = InMemory::new();
    let pipeline = Pipeline::builder().export(memory.clone()).start()?;
    let session = pipeline.session("conv-1")?;
    let agent = session.agent("pilot").start();
    assert_eq!(converse(&agent).await?, "Low tide at noon.");
    agent.end();
    session.end();
    pipeline.shutdown(Duration::from_secs(5)).await;
    memory.assert_tree_with(
        &["spanreel.llm.tool_calls.ids", "gen_ai.tool.call.id"],
        "
        session
          invoke_agent pilot
            chat claude-sonnet-4-5 spanreel.llm.tool_calls.ids=[toolu_1]
            execute_tool tide gen_ai.tool.call.id=toolu_1
            chat claude-sonnet-4-5
        ",
    );
    Ok(())
}
