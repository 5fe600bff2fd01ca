//! Session telemetry for AI agents.

#![forbid(unsafe_code)]

mod actors;
mod model;
mod pipeline;

pub use actors::exporter::{Export, ExportError, Exporter};
pub use actors::sampler::policy::Sampling;
pub use model::attribute::Value;
pub use model::context::{InvalidTraceparent, SpanContext, TraceFlags};
pub use model::id::{SpanId, TraceId};
pub use model::limits::Limits;
pub use model::owned_value::OwnedValue;
pub use model::problem::Problem;
pub use model::request::{Body, Request, Signal};
pub use model::resource::Resource;
pub use pipeline::byte_size::{ByteSize, InvalidByteSize};
pub use pipeline::config::{BatchConfig, HashKey, SessionConfig, SessionEvents, WhenFull};
