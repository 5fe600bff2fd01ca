//! The wire: the only place that knows protobuf.

pub(crate) mod cursor;
pub(crate) mod draft;
pub(crate) mod fields;
pub(crate) mod foreign;
pub(crate) mod frame;
#[cfg(feature = "proto")]
pub(crate) mod json;
pub(crate) mod peek;
pub(crate) mod redact;
#[cfg(any(feature = "grpc", feature = "http"))]
pub(crate) mod response;
pub(crate) mod scan;
#[cfg(feature = "proto")]
pub(crate) mod translate;
pub(crate) mod view;
pub(crate) mod writer;
