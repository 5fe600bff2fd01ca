//! Session telemetry for AI agents.

#![forbid(unsafe_code)]

mod actors;
mod model;
mod pipeline;

pub use actors::batcher::config::BatchConfig;
pub use actors::exporter::console::Console;
#[cfg(feature = "proto")]
pub use actors::exporter::file::OtlpFile;
pub use actors::exporter::null::Null;
#[cfg(any(feature = "grpc", feature = "http"))]
pub use actors::exporter::otlp::{Otlp, OtlpExporter};
#[cfg(all(feature = "http", feature = "proto"))]
pub use actors::exporter::zipkin::Zipkin;
pub use actors::exporter::{Export, ExportError, Exporter};
pub use actors::processor::edit::Item;
pub use actors::processor::{Flow, Process};
pub use actors::run::Exit;
pub use actors::sampler::policy::Sampling;
pub use actors::sampler::{Sample, SessionFacts, Verdict};
pub use actors::session::builder::SpanBuilder;
pub use actors::session::config::{HashKey, SessionConfig, SessionEvents, WhenFull};
pub use actors::session::live::{LiveSession, LiveSpan};
pub use actors::session::log::LogBuilder;
pub use actors::session::open::SessionBuilder;
pub use actors::session::segment::EndState;
pub use actors::session::span::Span;
pub use actors::session::{Closed, Session};
pub use model::attribute::Value;
pub use model::byte_size::{ByteSize, InvalidByteSize};
pub use model::compression::Compression;
pub use model::context::{InvalidTraceparent, SpanContext, TraceFlags};
pub use model::genai::Operation;
pub use model::id::{InvalidId, SpanId, TraceId};
pub use model::kind::{Severity, SpanKind, Status, StatusCode};
pub use model::ledger::{Counts, Fate};
pub use model::limits::Limits;
pub use model::owned_value::OwnedValue;
pub use model::problem::Problem;
pub use model::request::{Body, Request, Signal};
pub use model::resource::Resource;
pub use model::usage::{Totals, Usage};
pub use pipeline::Pipeline;
pub use pipeline::builder::Builder;
pub use pipeline::error::BuildError;
pub use pipeline::flush::FlushReport;
pub use pipeline::shutdown::ShutdownReport;
pub use pipeline::stats::{LaneStats, LatencyHistogram, PipelineStats, QueueStats, SignalStats};

/// Readers of telemetry in wire form, for processors and exporters of one's own.
pub mod view {
    pub use crate::model::otlp::view::{
        ArrayView, AttributesView, EntityRefView, EventView, LinkView, LogItem, LogView,
        RequestView, ResourceGroupView, ResourceView, ScopeGroupView, ScopeView, SpanItem,
        SpanView, StatusView, ValueView, WireError,
    };
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
