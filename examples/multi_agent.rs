//! A thousand sessions at once. In each, an orchestrator's model call leads to three agents in tasks
//! of their own, and each of those calls models, tools and actions, again in tasks.
//!
//! ```sh
//! cargo run --example multi_agent                            # into memory; prints one session
//! cargo run --example multi_agent -- grpc://127.0.0.1:4317   # to any OTLP server, over gRPC
//! cargo run --example multi_agent -- http://127.0.0.1:4318   # or over HTTP
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it did")]
#![expect(clippy::disallowed_methods, reason = "a host starts tasks")]

use std::convert::Infallible;
use std::error::Error;
use std::time::{Duration, Instant};

use spanreel::testing::InMemory;
use spanreel::{Closed, Otlp, Pipeline, Resource, Session, Span, WhenFull};
use tokio::task::JoinSet;
use tokio::time::sleep;

const SESSIONS: usize = 1_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let memory = InMemory::new();
    let builder = Pipeline::builder()
        .resource(Resource::from_env().service("agents"))
        .when_full(WhenFull::Block);
    let address = std::env::args().nth(1);
    let pipeline = match &address {
        Some(address) if address.starts_with("grpc") => builder.export(Otlp::grpc(address)),
        Some(address) => builder.export(Otlp::http(address)),
        None => builder.export(memory.clone()),
    }
    .start()?;

    let begun = Instant::now();
    let first = pipeline
        .open_session("session-0")
        .agent("orchestrator")
        .open()?;
    let mut sessions = JoinSet::new();
    for number in 0..SESSIONS {
        let id = format!("session-{number}");
        let session = pipeline.open_session(&id).agent("orchestrator").open()?;
        sessions.spawn(play(session));
    }
    println!("{} sessions open at once", pipeline.stats().sessions);
    while let Some(played) = sessions.join_next().await {
        played??;
    }
    println!("played in {:.1} s\n", begun.elapsed().as_secs_f64());

    let report = pipeline.shutdown(Duration::from_secs(10)).await;
    if address.is_none() {
        let mut spans = memory.spans();
        spans.retain(|span| span.trace_id == first.trace_id());
        println!(
            "{}",
            spanreel::tree::SessionTree::new(spans).render(&Default::default())
        );
    }
    println!("{report}");
    Ok(())
}

/// One session, from its first model call to its end.
async fn play(session: Session) -> Result<(), Closed> {
    session.ready().await?;
    let mut chat = session.chat("anthropic", "claude-sonnet-4-5").start();
    sleep(Duration::from_millis(20)).await;
    chat.tokens(600, 120);
    chat.end();

    let mut agents = JoinSet::new();
    for name in ["searcher", "coder", "critic"] {
        agents.spawn(work(session.agent(name).start()));
    }
    while agents.join_next().await.is_some() {}
    session.succeed();
    Ok(())
}

/// An agent: model and tools in turns, then an action.
async fn work(agent: Span) {
    for step in 0..2 {
        let mut chat = agent.chat("openai", "gpt-4o-mini").start();
        sleep(Duration::from_millis(10)).await;
        chat.tokens(300, 40).set("step", step);
        chat.end();

        let mut tools = JoinSet::new();
        for name in ["read_file", "search"] {
            tools.spawn(agent.tool(name).start().run(async {
                sleep(Duration::from_millis(5)).await;
                Ok::<_, Infallible>(())
            }));
        }
        while tools.join_next().await.is_some() {}
    }
    agent.action("write_file").start().end();
}
