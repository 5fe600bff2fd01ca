//! Whole requests of others through the pipeline.

#[path = "../support/mod.rs"]
mod support;

mod simple;
