//! Session telemetry for AI agents.

#![forbid(unsafe_code)]

mod actors;
mod model;
mod pipeline;

#[cfg(any(feature = "grpc", feature = "http"))]
pub use actors::exporter::compress::Compression;
#[cfg(any(feature = "grpc", feature = "http"))]
pub use actors::exporter::otlp::{Otlp, OtlpExporter};
pub use actors::exporter::{Export, ExportError, Exporter, Problem};
pub use model::attribute::Value;
pub use model::id::{SpanId, TraceId};
pub use model::request::{Body, Request, Signal};
