//! What comes out of a running pipeline: the content of telemetry, from the first call to the wire.

#[path = "../support/mod.rs"]
mod support;

mod bad_input;
mod delegation;
mod isolation;
mod nesting;
mod policies;
mod processor;
mod propagation;
mod redaction;
mod rig;
mod sampling;
mod sessions;
mod wire;
