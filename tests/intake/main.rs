//! Whole requests of others through the pipeline.

#[path = "../support/mod.rs"]
mod support;

mod receipts;
mod requests;
mod room;
mod simple;
