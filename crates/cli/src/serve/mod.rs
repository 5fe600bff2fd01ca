//! `spanreel serve`: receives OTLP, shows what arrives, forwards it.

mod arrivals;
mod bind;
mod diagnostics;
mod health;
mod host;
mod line;
mod metrics;
mod operations;
mod signals;
