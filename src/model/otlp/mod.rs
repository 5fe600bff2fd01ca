//! The wire: the only place that knows protobuf.

pub(crate) mod draft;
pub(crate) mod fields;
pub(crate) mod frame;
pub(crate) mod scan;
pub(crate) mod writer;
#[cfg(any(feature = "grpc", feature = "http"))]
pub(crate) mod response;
#[cfg(feature = "proto")]
pub(crate) mod json;
pub(crate) mod view;
