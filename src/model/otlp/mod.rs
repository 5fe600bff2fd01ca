//! The wire: the only place that knows protobuf.

pub(crate) mod view;
