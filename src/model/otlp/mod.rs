//! The wire: the only place that knows protobuf.

#[cfg(feature = "proto")]
pub(crate) mod json;
pub(crate) mod view;
