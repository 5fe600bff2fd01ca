//! The wire: the only place that knows protobuf.

#[cfg(any(feature = "grpc", feature = "http"))]
pub(crate) mod response;
