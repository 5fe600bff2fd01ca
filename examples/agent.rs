//! One turn of an agent: model calls, tools in tasks of their own, a second agent, and the account
//! at the end.
//!
//! ```sh
//! cargo run --example agent                              # prints the session as a tree
//! cargo run --example agent -- grpc://127.0.0.1:4317     # to any OTLP server, over gRPC
//! cargo run --example agent -- http://127.0.0.1:4318     # or over HTTP
//! OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 cargo run --example agent
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it did")]
#![expect(
    clippy::disallowed_methods,
    reason = "a host starts tasks and reads variables"
)]

use std::error::Error;
use std::time::Duration;

use spanreel::{Console, Otlp, Pipeline, Resource, Session, Span, Usage};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let pipeline = start()?;

    let session = pipeline
        .open_session("conv-8f2e")
        .agent("planner")
        .user("u-19")
        .tag("example")
        .open()?;
    match turn(&session, "Which tides does Brest have?").await {
        Ok(answer) => {
            println!("answer: {answer}\n");
            session.succeed();
        }
        Err(error) => session.fail(&error.to_string()),
    }

    let report = pipeline.shutdown(Duration::from_secs(5)).await;
    println!("{report}");
    Ok(())
}

/// To the OTLP server of the first argument, else wherever `OTEL_*` says, else to the terminal.
fn start() -> Result<Pipeline, Box<dyn Error>> {
    let builder = Pipeline::builder().resource(Resource::from_env().service("tides"));
    let is_set = |name| std::env::var_os(name).is_some();
    let builder = match std::env::args().nth(1) {
        Some(address) if address.starts_with("grpc") => builder.export(Otlp::grpc(address)),
        Some(address) => builder.export(Otlp::http(address)),
        None if is_set("OTEL_EXPORTER_OTLP_ENDPOINT") || is_set("OTEL_TRACES_EXPORTER") => builder,
        None => builder.export(Console::new()),
    };
    Ok(builder.start()?)
}

/// Asks the model, runs the tools that it asks for, asks it again.
async fn turn(session: &Session, question: &str) -> Result<String, Box<dyn Error>> {
    session.ready().await?;
    let turn = session.child("turn").start();

    let mut chat = turn.chat("anthropic", "claude-sonnet-4-5").start();
    let calls = complete(question).await;
    chat.tokens(812, 96).set("gen_ai.response.id", "msg_01");
    chat.end();

    // A span is `Send`: it moves into the task, and ends with it.
    let tools = calls.map(|(name, call_id)| {
        let span = turn.tool(name).call_id(call_id).start();
        tokio::spawn(span.run(run_tool(name)))
    });
    let helper = tokio::spawn(research(turn.agent("researcher").start()));
    for tool in tools {
        // A tool that fails fails its span; what that means for the turn is for the agent to say.
        if let Err(error) = tool.await? {
            turn.log("a tool failed")
                .attribute("error", &error.to_string())
                .emit();
        }
    }
    helper.await?;

    let mut chat = turn.chat("anthropic", "claude-sonnet-4-5").start();
    let answer = "high water at 06:12 and 18:31".to_owned();
    let usage = Usage {
        input: Some(1204),
        output: Some(58),
        cache_read: Some(812),
        ..Usage::default()
    };
    chat.usage(usage).cost(0.0049);
    Ok(answer)
}

/// Another agent, at work in a task of its own, below the span that it was given.
async fn research(agent: Span) {
    let mut chat = agent.chat("openai", "gpt-4o-mini").start();
    tokio::time::sleep(Duration::from_millis(8)).await;
    chat.tokens(230, 41);
    chat.end();
    agent.action("write_note").start().end();
}

/// Stands in for a model: the calls that it asks for, each a tool's name and the call's id.
async fn complete(_prompt: &str) -> [(&'static str, &'static str); 2] {
    tokio::time::sleep(Duration::from_millis(12)).await;
    [("tide_table", "call_1"), ("weather", "call_2")]
}

#[derive(Debug, thiserror::Error)]
#[error("no answer after 10 ms")]
struct TimedOut;

/// Stands in for a tool.
async fn run_tool(name: &str) -> Result<(), TimedOut> {
    tokio::time::sleep(Duration::from_millis(10)).await;
    match name {
        "weather" => Err(TimedOut),
        _ => Ok(()),
    }
}
