//! Whole requests of others through the pipeline.

#![expect(
    clippy::disallowed_methods,
    reason = "these tests send from tasks of their own"
)]

#[path = "../support/mod.rs"]
mod support;

mod receipts;
mod requests;
mod room;
mod sampling;
mod simple;
