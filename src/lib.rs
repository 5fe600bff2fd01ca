//! Session telemetry for AI agents.
//!
//! An agent's session becomes a trace: its root span is the session, and the LLM calls, tool calls
//! and actions of all its tasks are spans below it. A pipeline of its own batches them and exports
//! them as OpenTelemetry (OTLP over gRPC or HTTP, JSON lines, Zipkin), and accounts for each.
//!
//! ```
//! use std::time::Duration;
//!
//! use spanreel::{Console, Pipeline};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let pipeline = Pipeline::builder().export(Console::new()).start()?;
//!
//! let session = pipeline.open_session("conv-8f2e").agent("planner").user("u-19").open()?;
//! let turn = session.child("turn").start();
//! let mut chat = turn.chat("anthropic", "claude-sonnet-4-5").start();
//! chat.tokens(812, 96);
//! chat.end();
//! // A span moves into the task that does its work, and ends with it.
//! let search = turn.tool("search").call_id("call_1").start();
//! tokio::spawn(search.run(async { Ok::<_, std::io::Error>("found") })).await??;
//! turn.end();
//! session.succeed();
//!
//! let report = pipeline.shutdown(Duration::from_secs(5)).await;
//! assert!(report.is_lossless(), "{report}");
//! # Ok(())
//! # }
//! ```
//!
//! # When to use it
//!
//! When a program runs agents and somebody must be able to see what they did: which calls, in which
//! order, how long, at what cost, and what failed. Many sessions at once, across tasks and threads,
//! are the usual case. Nothing is global, and there is no "current span": spans are values.
//!
//! # What it costs
//!
//! * **Time**: starting and ending a span takes one lock of its own session each, and no system call;
//!   setting an attribute takes none, and writes the value where it will be sent from. No allocation
//!   once buffers are warm. A session that is not sampled writes nothing.
//! * **Memory**: what the pipeline holds stays within one budget, 64 MiB by default
//!   ([`Builder::budget`]).
//! * **Threads**: one, which is idle when nothing happens; up to four more while there is blocking
//!   work (compression, files, processors). None with [`Builder::start_on`].
//! * **Waiting**: none. Only [`Session::ready`] waits, and only if it is called.
//!
//! # What it promises
//!
//! Every span and log record that has ended meets exactly one [`Fate`] in the pipeline, and one in
//! each exporter's lane; so does what is received from others. [`Pipeline::stats`] shows the books at any time, [`Pipeline::shutdown`]
//! returns them. Spans that are still open then are exported as incomplete, with what is known.
//!
//! # Map
//!
//! | to | use |
//! | --- | --- |
//! | start, watch, stop | [`Pipeline`], [`Builder`], [`PipelineStats`], [`FlushReport`], [`ShutdownReport`] |
//! | record | [`Session`], [`SessionBuilder`], [`Span`], [`SpanBuilder`], [`SpanRef`], [`LogBuilder`] |
//! | record work in sessions that end with it | [`Entered`], [`Visit`] |
//! | hand work to another agent | [`Delegation`], [`Delegated`], [`DelegationConfig`] |
//! | say what a span says | [`Value`], [`Usage`], [`SpanKind`], [`EndState`], [`Operation`] |
//! | continue a trace from elsewhere | [`SpanContext`], [`TraceState`], [`TraceId`], [`SpanId`] |
//! | carry context across borders | [`Propagators`], [`Carrier`], [`CarrierMut`], [`EnvironmentCarrier`], [`Baggage`], [`BaggagePolicy`] |
//! | export | [`Otlp`], [`OtlpFile`], [`Zipkin`], [`Console`], [`testing::InMemory`], [`Null`] |
//! | export in one's own way | [`Export`], [`Exporter`], [`Request`], [`BatchId`] |
//! | change or leave out spans | [`Process`], [`Item`], [`Flow`] |
//! | decide what leaves the process | [`Content`], [`Part`], [`Redaction`], [`Redactor`], [`Detector`], [`Dialect`] |
//! | receive OTLP of others | [`Intake`], [`Receipt`], [`Delivered`], [`Watch`] |
//! | sample | [`Sampling`], [`Policy`], [`Rule`], [`Rate`]; [`Sample`] in one's own way |
//! | configure | [`Resource`], [`BatchConfig`], [`SessionConfig`], [`Limits`], [`WhenFull`], [`ByteSize`] |
//! | survive restarts and outages | [`Spool`], [`SpoolMode`], [`SpoolFull`]; [`spool`] to look at one |
//! | account | [`Fate`], [`Counts`], [`SignalStats`], [`LaneStats`] |
//! | test | [`testing`] |
//! | read telemetry | [`view`] in place, [`record`] as values, [`tree`] as text for people, [`dialect`] for names of others |
//!
//! What is not set in code comes from the standard `OTEL_*` variables. Diagnostics are events of
//! `tracing` with the target `spanreel`.
//!
//! # Features
//!
//! `grpc` (OTLP over gRPC), `http` (OTLP over HTTP; with `proto` Zipkin too) and `proto` (OTLP JSON) are
//! all on by default, and so is `spool` ([`Spool`]). `headers` makes a [`Carrier`] of `http::HeaderMap`; `grpc` and `http` include it.
//! The library forbids `unsafe`.

#![forbid(unsafe_code)]

mod actors;
mod model;
mod pipeline;

pub use actors::batcher::config::{BatchConfig, Seal};
pub use actors::exporter::console::Console;
#[cfg(feature = "proto")]
pub use actors::exporter::file::OtlpFile;
pub use actors::exporter::null::Null;
#[cfg(any(feature = "grpc", feature = "http"))]
pub use actors::exporter::otlp::{Otlp, OtlpExporter};
pub use actors::exporter::standing::{LaneError, LaneState};
#[cfg(all(feature = "http", feature = "proto"))]
pub use actors::exporter::zipkin::Zipkin;
pub use actors::exporter::{Export, ExportError, Exporter};
pub use actors::intake::receipt::{Delivered, Receipt};
pub use actors::intake::watch::{SessionLabel, SessionSeen, Watch};
pub use actors::intake::{Intake, IntakeError};
pub use actors::processor::edit::Item;
pub use actors::processor::{Flow, Process};
pub use actors::run::Exit;
pub use actors::sampler::own::{Sample, SessionFacts, Verdict};
pub use actors::session::budget::{Budget, BudgetReached};
pub use actors::session::builder::SpanBuilder;
pub use actors::session::config::{SessionConfig, SessionEvents, WhenFull};
pub use actors::session::delegation::config::DelegationConfig;
pub use actors::session::delegation::counts::DelegationStats;
pub use actors::session::delegation::live::LiveDelegation;
pub use actors::session::delegation::received::Delegated;
pub use actors::session::delegation::{Delegation, DelegationBuilder};
pub use actors::session::live::{LiveSession, LiveSpan};
pub use actors::session::log::LogBuilder;
pub use actors::session::open::SessionBuilder;
pub use actors::session::reference::SpanRef;
pub use actors::session::segment::EndState;
pub use actors::session::span::Span;
pub use actors::session::visit::{Entered, Visit};
pub use actors::session::{Closed, Session};
#[cfg(feature = "spool")]
pub use actors::spool::config::{Spool, SpoolFull, SpoolMode};
#[cfg(feature = "spool")]
pub use actors::spool::error::SpoolError;
pub use model::attribute::Value;
pub use model::batch_id::BatchId;
pub use model::byte_size::{ByteSize, InvalidByteSize};
pub use model::compression::Compression;
pub use model::content::{Content, Part};
pub use model::context::{InvalidTraceparent, SpanContext, TraceFlags};
pub use model::counts::Counts;
pub use model::genai::Operation;
pub use model::hash_key::HashKey;
pub use model::id::{InvalidId, SpanId, TraceId};
pub use model::kind::{Severity, SpanKind, Status, StatusCode};
pub use model::ledger::Fate;
pub use model::limits::Limits;
#[cfg(feature = "proto")]
pub use model::otlp::translate::Dialect;
pub use model::owned_value::OwnedValue;
pub use model::problem::Problem;
pub use model::propagation::baggage::{Baggage, BaggageMember, InvalidBaggage};
pub use model::propagation::carrier::{Carrier, CarrierMut, Held};
pub use model::propagation::environment::EnvironmentCarrier;
pub use model::propagation::policy::BaggagePolicy;
pub use model::propagation::propagators::{Extracted, Propagator, Propagators};
pub use model::propagation::trace_state::{InvalidTraceState, TraceState};
pub use model::redaction::{
    Detector, Found, Redacted, Redaction, RedactionStats, Redactor, RuleStats,
};
pub use model::request::{Body, Request, Signal};
pub use model::resource::Resource;
pub use model::sampling::policy::{Action, Per, Policy, Rate, Unit};
pub use model::sampling::rule::{Match, Outcome, Rule};
pub use model::sampling::{Holding, Sampling};
pub use model::usage::{Totals, Usage};
pub use pipeline::Pipeline;
pub use pipeline::builder::Builder;
pub use pipeline::error::BuildError;
pub use pipeline::flush::FlushReport;
pub use pipeline::shutdown::ShutdownReport;
pub use pipeline::stats::{
    LaneStats, LatencyHistogram, PipelineStats, PolicyStats, QueueStats, SamplingStats, SignalStats,
};

/// For operators: what is in the directory of a [`Spool`], and how to change it while no pipeline uses it.
///
/// A spool at rest holds complete OTLP requests, and what destinations refused for good beside them.
/// `spanreel spool` is made of this.
#[cfg(feature = "spool")]
pub mod spool {
    pub use crate::actors::spool::editor::Editor;
    pub use crate::actors::spool::inspect::{
        Inspection, SpoolFile, StoredRequest, Waiting, inspect,
    };
    pub use crate::actors::spool::quarantine::{QuarantineList, Quarantined};
}

/// Readers of telemetry in wire form, for processors and exporters of one's own.
pub mod view {
    pub use crate::model::otlp::view::{
        ArrayView, AttributesView, EntityRefView, EventView, LinkView, LogItem, LogView,
        RequestView, ResourceGroupView, ResourceView, ScopeGroupView, ScopeView, SpanItem,
        SpanView, StatusView, ValueView, WireError,
    };
}

/// What attributes of other systems mean: AgentOps, OpenLLMetry, OpenInference, Langfuse, older GenAI
/// conventions.
pub mod dialect {
    pub use crate::model::dialect::{Meaning, Work, meaning};
}

/// Spans and log records as owned values.
pub mod record {
    pub use crate::model::record::{
        RecordedAttributes, RecordedEvent, RecordedLink, RecordedLog, RecordedScope, RecordedSpan,
    };
}

/// Sessions as text for people to read.
pub mod tree {
    pub use crate::actors::exporter::tree::{SessionTree, Style};
}
/// For tests: an exporter that keeps what it is given, and assertions about it.
pub mod testing {
    pub use crate::actors::exporter::memory::InMemory;
}

/// The examples of the documentation are compiled and run as tests.
#[cfg(all(
    doctest,
    feature = "grpc",
    feature = "http",
    feature = "proto",
    feature = "spool"
))]
mod documentation {
    macro_rules! pages {
        ($($name:ident $path:literal,)*) => { $(#[doc = include_str!($path)] mod $name {})* };
    }

    pages! {
        readme "../README.md",
        architecture "../docs/architecture.md",
        configuration "../docs/configuration.md",
        dashboard "../docs/dashboard.md",
        delegation "../docs/delegation.md",
        embedding "../docs/embedding.md",
        exporters "../docs/exporters.md",
        glossary "../docs/glossary.md",
        hot_path "../docs/hot-path.md",
        performance "../docs/performance.md",
        privacy "../docs/privacy.md",
        propagation "../docs/propagation.md",
        receiving "../docs/receiving.md",
        reliability "../docs/reliability.md",
        run "../docs/run.md",
        sampling "../docs/sampling.md",
        serve "../docs/serve.md",
        sessions "../docs/sessions.md",
        testing "../docs/testing.md",
        decision_1 "../docs/decisions/0001-sessions-run-inline.md",
        decision_2 "../docs/decisions/0002-spans-are-their-own-wire-form.md",
        decision_3 "../docs/decisions/0003-retries-go-on-during-the-grace.md",
        decision_4 "../docs/decisions/0004-quiet-sessions-share-buffers.md",
        decision_5 "../docs/decisions/0005-a-panicking-processor-loses-the-item.md",
        decision_6 "../docs/decisions/0006-names-of-root-spans.md",
        decision_7 "../docs/decisions/0007-the-attribute-of-cost.md",
        decision_8 "../docs/decisions/0008-each-opening-is-judged-anew.md",
        decision_9 "../docs/decisions/0009-a-probability-before-the-draw.md",
        decision_11 "../docs/decisions/0011-one-log-for-all-lanes.md",
        decision_10 "../docs/decisions/0010-tokens-are-made-of-rustcrypto-and-serde.md",
    }
}
