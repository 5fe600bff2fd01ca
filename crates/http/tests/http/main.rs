//! The crate from outside: layers over services, context over the wire, examples as they run.

#[expect(dead_code, reason = "its main is the example's")]
#[path = "../../examples/axum_service.rs"]
mod axum_service;
#[expect(dead_code, reason = "its main is the example's")]
#[path = "../../examples/mcp_stdio.rs"]
mod mcp_stdio;
#[expect(dead_code, reason = "its main is the example's")]
#[path = "../../examples/w3c_service.rs"]
mod w3c_service;

mod calls;
mod client;
mod examples;
mod grpc;
mod hostile;
#[cfg(feature = "reqwest")]
mod reqwest;
mod rig;
mod server;
mod sessions;
mod w3c;
