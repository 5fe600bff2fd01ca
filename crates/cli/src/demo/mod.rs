//! `spanreel demo`: serves, and plays sessions of agents live, so that a first look needs nothing else.
//!
//! The sessions take the way of everybody's: a pipeline of the library's sends them over OTLP to the receiver.
//! Holds: that pipeline and a thread that plays. Waits: as long as agents would. Loses: nothing.

mod play;
mod script;

use anyhow::Context as _;
use clap::Args;
use spanreel::{Otlp, Pipeline, Resource, SessionConfig, SessionEvents, WhenFull};

use crate::config::Config;
use crate::config::args::{ServeArgs, SettingArgs};
use crate::outcome::Outcome;
use crate::serve::{self, Addresses};
use crate::term::Terminal;

/// Serve, and play sessions of agents to look at
///
/// Does what 'spanreel serve' does, and plays sessions of several agents live: they ask models, call tools, hand
/// work to one another, cost money, and sometimes fail. Open the page that it prints. All options are those of
/// 'spanreel serve'.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoArgs {
    /// The settings.
    #[command(flatten)]
    pub settings: SettingArgs,
}

const EXAMPLES: &str = "\
Examples:
  spanreel demo
      Prints the address of a page on which agents are at work.
  spanreel demo --store memory --data-dir off
      The same, leaving nothing behind.";

/// Serves and plays until a signal ends it.
///
/// # Errors
/// As `spanreel serve`; nothing is received here.
pub fn run(args: DemoArgs, stdout: &Terminal, stderr: &Terminal) -> anyhow::Result<Outcome> {
    let args = ServeArgs {
        settings: args.settings,
    };
    serve::run_with(args, stdout, stderr, |config, addresses| {
        let pipeline = pipeline(config, addresses)?;
        std::thread::Builder::new()
            .name("spanreel-demo".to_owned())
            .spawn(move || play::play(&pipeline))?;
        Ok(())
    })
}

/// A pipeline of agents that sends to the receiver.
fn pipeline(config: &Config, addresses: &Addresses) -> anyhow::Result<Pipeline> {
    let advice = "the demo sends over OTLP in the clear: do not turn both --otlp-grpc and --otlp-http off, and \
                  leave TLS out";
    let exporter: Option<Otlp> = match (addresses.http, addresses.grpc) {
        _ if config.tls_certificate.is_some() => None,
        (Some(addr), _) => Some(Otlp::http(format!("http://{}", serve::reachable(addr)))),
        (None, Some(addr)) => Some(Otlp::grpc(format!("http://{}", serve::reachable(addr)))),
        (None, None) => None,
    };
    let mut exporter = exporter.context(advice)?;
    if let Some(token) = &config.token {
        exporter = exporter.header("authorization", format!("Bearer {}", token.reveal()));
    }
    let sessions = SessionConfig {
        linger: std::time::Duration::from_millis(200),
        events: SessionEvents {
            session: true,
            span_start: true,
        },
        ..SessionConfig::default()
    };
    let batch = spanreel::BatchConfig {
        schedule_delay: std::time::Duration::from_millis(100),
        ..spanreel::BatchConfig::default()
    };
    let builder = Pipeline::builder()
        .disabled(false)
        .resource(
            Resource::empty()
                .service("agents")
                .attribute("deployment.environment.name", "demo"),
        )
        .sampling(spanreel::Sampling::always_on())
        .sessions(sessions)
        .log_batch(batch.clone())
        .batch(batch)
        .when_full(WhenFull::Block)
        .export(exporter);
    // Who reads the log of the server is not to wonder about a second pipeline.
    let quiet = tracing::subscriber::NoSubscriber::default();
    Ok(tracing::subscriber::with_default(quiet, || {
        builder.start()
    })?)
}
