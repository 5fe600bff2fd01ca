//! Bridges between spanreel and the two ways in which Rust programs already tell what they do:
//! `tracing` and OpenTelemetry.
//!
//! | from | to | use |
//! | --- | --- | --- |
//! | spans and events of `tracing`: rig, genai, any library | spans and log records of the current session | `SessionLayer` (feature `tracing`) |
//! | spans and logs of an OpenTelemetry SDK that the program has set up | spanreel's pipeline | `otel::PipelineExporter`, `otel::PipelineProcessor` (feature `opentelemetry`) |
//! | spanreel's pipeline | an exporter written for the OpenTelemetry SDK | `otel::OtelExport` (feature `opentelemetry`) |
//! | the context of a span, either way | the other's | `otel::to_otel`, `otel::from_otel` (feature `opentelemetry`) |
//! | code that cannot be handed a span | the session or span that is current where it runs | [`current`] |
//!
//! # Features
//!
//! `tracing` is on by default. `opentelemetry` is not: its API breaks every few months, and a release
//! of this crate fits one of its versions, 0.33.

#![forbid(unsafe_code)]

#[cfg(feature = "tracing")]
mod capture;
pub mod current;
#[cfg(feature = "tracing")]
mod layer;
#[cfg(feature = "opentelemetry")]
pub mod otel;

#[cfg(feature = "tracing")]
pub use capture::CaptureLogs;
#[cfg(feature = "tracing")]
pub use layer::{LayerCounts, SessionLayer};

/// The examples of the documentation are compiled and run as tests.
#[cfg(all(doctest, feature = "tracing", feature = "opentelemetry"))]
mod documentation {
    #[doc = include_str!("../README.md")]
    mod readme {}
    #[doc = include_str!("../../../docs/bridges.md")]
    mod bridges {}
}
