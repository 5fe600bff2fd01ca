//! Agents in processes of their own: A hands work to B and to C over HTTP, each time with a signed
//! delegation token. B trusts A and continues its trace; C has never heard of A and links to it. A
//! third piece of work goes to an agent that takes it and never answers.
//!
//! ```sh
//! cargo run --package spanreel-http --features token --example delegation
//! ```
//!
//! B and C are this program again, started as `delegation serve <name>` with their trust list in an
//! environment variable. Each prints its tree when its standard input ends.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]
#![expect(
    clippy::disallowed_methods,
    reason = "a host starts tasks and reads its environment"
)]

use std::error::Error;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::response::IntoResponse;
use axum::{Router, routing::post};
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use spanreel::testing::InMemory;
use spanreel::{Delegation, Pipeline, Resource, SpanContext, SpanRef};
use spanreel_http::ServerLayer;
use spanreel_http::token::{HEADER, Issuer, Keys, Verifier};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdout, Command};

/// Who signs.
const A: &str = "https://a.example";
/// Where B and C get the public keys of those that they trust.
const TRUSTED: &str = "TRUSTED_KEYS";
/// Whose trace a session continues, and whether a link was verified.
const SHOWN: [&str; 2] = ["spanreel.trust", "spanreel.delegation.outcome"];

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Outcome {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match &*arguments {
        [serve, name] if serve == "serve" => serve_agent(name).await,
        _ => delegate_all().await,
    }
}

// ---- agent A

async fn delegate_all() -> Outcome {
    let private = Keys::generate("2026-01")?;
    let keys = Keys::from_jwks(&private)?;
    let mut b = Agent::start("agent-b", &keys.public_jwks()).await?;
    let mut c = Agent::start("agent-c", r#"{"keys":[]}"#).await?;

    let memory = InMemory::new();
    let pipeline = Pipeline::builder().resource(Resource::empty());
    let pipeline = pipeline.export(memory.clone()).start()?;
    let issuer = Issuer::new(A, keys)?;
    let session = pipeline.open_session("conv-1").agent("agent-a").open()?;
    let turn = session.child("turn").start();
    for agent in [&b, &c] {
        let delegation = turn.delegate(&agent.name).start();
        agent.ask(delegation, &issuer).await?;
    }
    // Nobody will answer this one; the session may end all the same.
    let sent = turn.delegate("agent-d").asynchronous();
    let sent = sent.deadline(Duration::from_millis(200)).start();
    drop(sent);
    turn.end();
    let in_flight = &pipeline.sessions()[0].delegations[0];
    println!("in flight: {}\n", in_flight.agent);
    session.succeed();
    while pipeline.stats().delegations.in_flight > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    pipeline.shutdown(Duration::from_secs(5)).await;

    println!(
        "agent-a\n-------\n{}\n",
        memory.tree_with(&SHOWN).trim_end()
    );
    println!("{}\n\n{}", b.stop().await?, c.stop().await?);
    Ok(())
}

/// Another agent, in a process of its own.
struct Agent {
    name: String,
    url: String,
    process: Child,
    said: BufReader<ChildStdout>,
}

impl Agent {
    async fn start(name: &str, trusted: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["serve", name])
            .env(TRUSTED, trusted)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let said = process.stdout.take().expect("it is piped");
        let mut said = BufReader::new(said);
        let mut url = String::new();
        said.read_line(&mut url).await?;
        Ok(Self {
            name: name.to_owned(),
            url: url.trim_end().to_owned(),
            process,
            said,
        })
    }

    /// Hands it the work and waits for the answer. A request that fails ends the delegation, too.
    async fn ask(&self, delegation: Delegation, issuer: &Issuer) -> Outcome {
        let token = issuer.token(&delegation, &self.name, Duration::from_secs(60))?;
        let request = Request::post(&self.url).header(HEADER, token.as_str());
        let request = request.body(Full::new(Bytes::from("find a train to Ghent")))?;
        let client = Client::builder(TokioExecutor::new()).build_http();
        let answer = match client.request(request).await {
            Ok(answer) => answer,
            Err(error) => {
                delegation.failed("unreachable", &error.to_string());
                return Err(error.into());
            }
        };
        let context = answer.headers().get("traceresponse");
        let context = context.and_then(|value| value.to_str().ok());
        let sub_session = context.and_then(|text| SpanContext::from_traceparent(text).ok());
        delegation.answered(sub_session);
        Ok(())
    }

    /// Ends it, and returns what it has to show.
    async fn stop(&mut self) -> Result<String, Box<dyn Error + Send + Sync>> {
        drop(self.process.stdin.take());
        let mut shown = String::new();
        self.said.read_to_string(&mut shown).await?;
        self.process.wait().await?;
        Ok(shown.trim_end().to_owned())
    }
}

// ---- agents B and C

async fn serve_agent(name: &str) -> Outcome {
    let memory = InMemory::new();
    let pipeline = Pipeline::builder().resource(Resource::empty());
    let pipeline = pipeline.export(memory.clone()).start()?;
    let trusted = std::env::var(TRUSTED)?;
    let mut verifier = Verifier::builder(name);
    if trusted.contains("kid") {
        verifier = verifier.trust(A, Keys::from_env(TRUSTED)?);
    }
    let layer = ServerLayer::new(&pipeline).verifier(Arc::new(verifier.build()?));
    let agent: Arc<str> = name.into();
    let app = Router::new().route("/", post(work)).with_state(agent);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/", listener.local_addr()?);
    let serving = tokio::spawn(axum::serve(listener, app.layer(layer)).into_future());

    let mut nothing = Vec::new();
    tokio::io::stdin().read_to_end(&mut nothing).await?;
    serving.abort();
    pipeline.shutdown(Duration::from_secs(5)).await;
    println!("{name}\n-------");
    println!("{}", memory.tree_with(&SHOWN).trim_end());
    for span in memory.spans() {
        for link in &span.links {
            let trust = link.attributes.str("spanreel.trust");
            println!(
                "{} is linked to the delegation: {}",
                span.name,
                trust.unwrap_or("-")
            );
        }
    }
    Ok(())
}

/// Does the work below the span of the request, which the layer has put where the token deserves.
async fn work(
    State(agent): State<Arc<str>>,
    Extension(request): Extension<SpanRef>,
) -> impl IntoResponse {
    let agent = request.agent(&agent).start();
    agent.tool("timetable").start().end();
    let sub_session = request.session().context().traceparent();
    ([("traceresponse", sub_session)], "there is one at 12:04")
}
