//! How it lives: the public handle, its builder, configuration, start, flush and shutdown.

pub(crate) mod config;
pub(crate) mod env;
