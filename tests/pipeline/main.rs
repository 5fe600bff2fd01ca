//! What comes out of a running pipeline: the content of telemetry, from the first call to the wire.

mod nesting;
#[path = "../support/mod.rs"]
mod support;
