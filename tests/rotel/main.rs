//! Whole pipelines through an OTLP agent that others wrote: spanreel sends to Rotel, Rotel decodes it
//! all, batches it anew and sends it to a server made from the reference's services. What comes out
//! there is compared, field by field, with what spanreel handed out.
//!
//! The agent is the program that the environment variable `SPANREEL_ROTEL` names; without it the tests
//! say that they were skipped.

#![cfg(all(feature = "grpc", feature = "http", feature = "proto"))]
#![expect(
    clippy::disallowed_methods,
    reason = "the tests are the hosts: they read a variable, start processes, and wait"
)]

mod agent;
#[path = "../transport/collector.rs"]
#[expect(dead_code, reason = "what only the tests of transports ask of it")]
#[expect(clippy::unwrap_used, reason = "a test's server")]
mod collector;
mod items;
mod produce;
#[path = "../support/mod.rs"]
mod support;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use spanreel::{BatchConfig, Fate, Limits, Otlp, Pipeline};
use tokio::runtime::Runtime;

use agent::Agent;
use collector::Collector;
use items::{Items, Kept};
use support::ledger::assert_settled;

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Every span and log record that is sent over gRPC comes out of a foreign agent once, as it was.
#[test]
fn what_is_sent_over_grpc_comes_out_of_a_foreign_agent_as_it_was() {
    if let Some(program) = program("what_is_sent_over_grpc_comes_out_of_a_foreign_agent_as_it_was")
    {
        send_through(program, |agent| Otlp::grpc(agent.grpc_url()).gzip());
    }
}

/// Every span and log record that is sent over HTTP comes out of a foreign agent once, as it was.
#[test]
fn what_is_sent_over_http_comes_out_of_a_foreign_agent_as_it_was() {
    if let Some(program) = program("what_is_sent_over_http_comes_out_of_a_foreign_agent_as_it_was")
    {
        send_through(program, |agent| Otlp::http(agent.http_url()).gzip());
    }
}

/// The agent's program; says so when there is none for this test.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn program(test: &str) -> Option<PathBuf> {
    let program = std::env::var_os("SPANREEL_ROTEL").filter(|path| !path.is_empty());
    if program.is_none() {
        eprintln!("SKIPPED {test}: SPANREEL_ROTEL is not set to the program rotel-agent");
    }
    program.map(PathBuf::from)
}

fn send_through(program: PathBuf, exporter: fn(&Agent) -> Otlp) {
    let runtime = Runtime::new().expect("a runtime");
    let collector = runtime.block_on(Collector::start());
    let agent = Agent::start(program, &collector.url());
    let kept = Kept::default();
    // Small requests: many of them, several at once.
    let batch = BatchConfig {
        max_export_batch_size: 500,
        schedule_delay: Duration::from_millis(10),
        ..BatchConfig::default()
    };
    let pipeline = Pipeline::builder()
        .resource(produce::resource())
        .scope("foreign", "1.2.3")
        .limits(Limits {
            event_count: produce::EVENTS,
            link_count: produce::LINKS,
            ..Limits::default()
        })
        .batch(batch.clone())
        .log_batch(batch)
        .export(exporter(&agent))
        .export(kept.clone())
        .start()
        .expect("a pipeline");

    produce::all(&pipeline, &runtime);
    let report = pipeline.shutdown_blocking(PATIENCE);
    assert_settled(&report);
    assert!(report.is_lossless(), "{report}");
    assert_eq!(report.traces.ended, produce::SPANS, "{report}");
    assert_eq!(report.logs.ended, produce::RECORDS, "{report}");
    for lane in &report.lanes {
        assert_eq!(lane.traces.of(Fate::Exported), produce::SPANS, "{lane:?}");
        assert_eq!(lane.logs.of(Fate::Exported), produce::RECORDS, "{lane:?}");
    }

    let sent = kept.items();
    assert_eq!(sent.spans.len() as u64, produce::SPANS);
    assert_eq!(sent.records.len() as u64, produce::RECORDS);
    let begun = Instant::now();
    while Items::of(&collector.seen).count() < sent.count() && begun.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(20));
    }
    // It sends what it still has before it goes: a span that it has twice would come now.
    agent.stop();
    Items::of(&collector.seen).assert_are(sent);
}
