//! The name of a request: the same whenever the same is sent.

use std::fmt;

use sha2::{Digest, Sha256};

use super::request::Request;

/// What names a request by what it holds: [`Request::batch_id`].
///
/// Two requests have the same id when they hold the same bytes, and (as good as) never otherwise. So a
/// destination may drop what it has seen before: as the `Nats-Msg-Id` of JetStream, the
/// `insert_deduplication_token` of ClickHouse, a key of its own.
///
/// ```
/// use bytes::Bytes;
/// use spanreel::{Request, Signal};
///
/// let request = Request::from_bytes(Signal::Logs, 0, Bytes::new());
/// assert_eq!(request.batch_id(), request.clone().batch_id());
/// assert_eq!(request.batch_id().to_string().len(), 32);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BatchId([u8; 16]);

impl BatchId {
    /// The id of a request: the first half of a SHA-256 over its signal and its bytes.
    pub(crate) fn of(request: &Request) -> Self {
        let mut hash = Sha256::new();
        hash.update([request.signal() as u8]);
        for piece in request.pieces() {
            hash.update(piece);
        }
        let mut id = [0; 16];
        id.copy_from_slice(&hash.finalize()[..16]);
        Self(id)
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

/// 32 lower-case hexadecimal digits.
impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BatchId({self})")
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::model::request::{Body, Signal};

    /// The same bytes have the same id in however many pieces they are; other bytes, and other signals,
    /// have others.
    #[test]
    fn the_same_bytes_have_the_same_id() {
        let pieces = |pieces: &[&'static [u8]]| {
            let pieces = pieces.iter().copied().map(Bytes::from_static).collect();
            Request::new(Signal::Traces, 1, Body::new(pieces)).batch_id()
        };
        let whole = pieces(&[b"abcdef"]);
        assert_eq!(pieces(&[b"ab", b"", b"cdef"]), whole);
        assert_ne!(pieces(&[b"abcdeg"]), whole);
        let logs = Request::from_bytes(Signal::Logs, 1, Bytes::from_static(b"abcdef"));
        assert_ne!(logs.batch_id(), whole);
    }
}
