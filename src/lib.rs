//! Session telemetry for AI agents.

#![forbid(unsafe_code)]

mod actors;
mod model;
mod pipeline;

pub use actors::exporter::console::Console;
#[cfg(feature = "proto")]
pub use actors::exporter::file::OtlpFile;
#[cfg(all(feature = "http", feature = "proto"))]
pub use actors::exporter::zipkin::Zipkin;
pub use actors::exporter::{Export, ExportError, Exporter, Problem};
pub use model::attribute::Value;
pub use model::id::{SpanId, TraceId};
pub use model::request::{Body, Request, Signal};

/// Readers of telemetry in wire form, for processors and exporters of one's own.
pub mod view {
    pub use crate::model::otlp::view::{
        ArrayView, AttributesView, EntityRefView, EventView, LinkView, LogItem, LogView,
        RequestView, ResourceGroupView, ResourceView, ScopeGroupView, ScopeView, SpanItem,
        SpanKind, SpanView, StatusCode, StatusView, ValueView, WireError,
    };
}

/// Spans and log records as owned values.
pub mod record {
    pub use crate::model::record::{
        OwnedValue, RecordedAttributes, RecordedEvent, RecordedLink, RecordedLog, RecordedScope,
        RecordedSpan,
    };
}

/// Sessions as text for people to read.
pub mod tree {
    pub use crate::actors::exporter::tree::{SessionTree, Style};
}
/// For tests: an exporter that keeps what it is given, and assertions about it.
pub mod testing {
    pub use crate::actors::exporter::memory::InMemory;
    #[doc(no_inline)]
    pub use crate::record::{RecordedLog, RecordedSpan};
}
