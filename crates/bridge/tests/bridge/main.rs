//! The bridges as programs use them: the examples, and a subscriber for the whole process.

#[cfg(all(feature = "tracing", feature = "opentelemetry"))]
mod examples;
#[cfg(feature = "tracing")]
mod feedback;
#[cfg(feature = "tracing")]
#[path = "../../../../tests/pipeline/redaction/planter.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod planter;
#[cfg(feature = "tracing")]
mod privacy;
