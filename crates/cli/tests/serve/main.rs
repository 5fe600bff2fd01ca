//! `spanreel serve`, started and stopped as people and supervisors do.

#![cfg(unix)]

#[path = "../command/collector.rs"]
mod collector;
mod configuration;
mod dist;
mod durable;
mod ending;
mod forwarding;
mod killed;
mod limits;
mod mcp;
mod operations;
mod page;
mod refused;
mod sampling;
mod server;
mod spool;
mod tls;
mod token;
