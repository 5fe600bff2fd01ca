//! tmp
use bytes::Bytes;
#[derive(Debug)]
pub(crate) struct Origin { pub(crate) resource: Bytes, pub(crate) scope: Bytes }
