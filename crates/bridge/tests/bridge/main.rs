//! The bridges as programs use them: the examples, and a subscriber for the whole process.

#[cfg(all(feature = "tracing", feature = "opentelemetry"))]
mod examples;
#[cfg(feature = "tracing")]
mod feedback;
