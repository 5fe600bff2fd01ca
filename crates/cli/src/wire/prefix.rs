//! The five bytes before each message of gRPC over HTTP/2 (`PROTOCOL-HTTP2.md` of gRPC).

/// The compressed flag (1 byte) and the length of the message (4 bytes, big-endian).
pub(crate) const PREFIX_BYTES: usize = 5;

/// What stands before a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prefix {
    /// 0: plain, 1: packed as `grpc-encoding` says; nothing else is defined.
    pub(crate) flag: u8,
    /// How many bytes the message has as sent.
    pub(crate) length: usize,
}

impl Prefix {
    /// The prefix of a message of this length that is not packed.
    ///
    /// # Panics
    /// The length does not fit 32 bits.
    pub(crate) fn plain(length: usize) -> [u8; PREFIX_BYTES] {
        let length = u32::try_from(length).expect("answers are short");
        let mut prefix = [0; PREFIX_BYTES];
        prefix[1..].copy_from_slice(&length.to_be_bytes());
        prefix
    }
}

/// Reads a prefix that may come in pieces.
#[derive(Debug, Default)]
pub(crate) struct PrefixReader {
    bytes: [u8; PREFIX_BYTES],
    read: usize,
}

impl PrefixReader {
    /// Takes in what belongs to the prefix. Gives how many bytes that were, and the prefix once it
    /// is whole.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> (usize, Option<Prefix>) {
        let step = bytes.len().min(PREFIX_BYTES - self.read);
        self.bytes[self.read..][..step].copy_from_slice(&bytes[..step]);
        self.read += step;
        let [flag, length @ ..] = self.bytes;
        let prefix = (self.read == PREFIX_BYTES).then(|| Prefix {
            flag,
            length: u32::from_be_bytes(length) as usize,
        });
        (step, prefix)
    }
}
