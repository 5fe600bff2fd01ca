//! The secret of keyed hashes.

use std::fmt;
use std::sync::Arc;

/// A secret key for keyed hashes (HMAC-SHA-256) of session ids and of attributes. Its bytes never appear
/// in `Debug` output.
#[derive(Clone, PartialEq, Eq)]
pub struct HashKey(Arc<[u8]>);

impl HashKey {
    /// A key of these bytes; at least 16, better 32, from a random generator.
    #[must_use]
    pub fn new(secret: impl Into<Vec<u8>>) -> Self {
        Self(secret.into().into())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(..)")
    }
}
