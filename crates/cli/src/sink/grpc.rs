//! gRPC by hand: one length-prefixed message in, one empty message or a status out.
//!
//! The sink never looks into messages, so it needs no generated code, only the frame of gRPC over
//! HTTP/2 (`PROTOCOL-HTTP2.md` of the gRPC repository).

use crate::wire::inflate::Encoding;
use crate::wire::prefix::{Prefix, PrefixReader};

use super::MAX_BODY_BYTES;
use super::body::Body;
use super::content::{Content, Format};
use super::refusal::Refusal;

/// Reads the body of a unary call, which is exactly one message, in pieces of any size.
#[derive(Debug)]
pub(crate) struct UnaryCall {
    /// What `grpc-encoding` says.
    encoding: Encoding,
    prefix: PrefixReader,
    /// How many bytes of the message are still to come.
    left: usize,
    /// There once the prefix has been read.
    message: Option<Body>,
}

impl UnaryCall {
    pub(crate) fn new(encoding: Encoding) -> Self {
        Self {
            encoding,
            prefix: PrefixReader::default(),
            left: 0,
            message: None,
        }
    }

    /// Takes in the next bytes of the call.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> Result<(), Refusal> {
        if self.message.is_none() {
            let (step, prefix) = self.prefix.push(bytes);
            bytes = &bytes[step..];
            if let Some(prefix) = prefix {
                self.message = Some(self.open(prefix)?);
            }
        }
        if bytes.is_empty() {
            return Ok(());
        }
        let Some(message) = self.message.as_mut().filter(|_| bytes.len() <= self.left) else {
            return Err(Refusal::Malformed);
        };
        self.left -= bytes.len();
        message.push(bytes)
    }

    /// Ends the call and gives the number of items in its message.
    pub(crate) fn finish(self) -> Result<u64, Refusal> {
        match self.message {
            Some(message) if self.left == 0 => message.finish(),
            _ => Err(Refusal::Malformed),
        }
    }

    /// Makes ready for the message that the prefix announces.
    fn open(&mut self, prefix: Prefix) -> Result<Body, Refusal> {
        self.left = prefix.length;
        if self.left > MAX_BODY_BYTES {
            return Err(Refusal::TooLarge);
        }
        let encoding = match prefix.flag {
            0 => Encoding::Identity,
            1 if self.encoding != Encoding::Identity => self.encoding,
            _ => return Err(Refusal::Malformed),
        };
        Body::new(encoding, Content::new(Format::Protobuf))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One resource with one scope with two spans, one of them empty.
    const TWO_SPANS: &[u8] = &[0, 0, 0, 0, 9, 0x0a, 7, 0x12, 5, 0x12, 1, 0, 0x12, 0];

    fn read(encoding: Encoding, parts: &[&[u8]]) -> Result<u64, Refusal> {
        let mut call = UnaryCall::new(encoding);
        for part in parts {
            call.push(part)?;
        }
        call.finish()
    }

    /// Frame borders may fall anywhere, inside the prefix too.
    #[test]
    fn a_call_reads_the_same_however_it_is_split() {
        for cut in 0..=TWO_SPANS.len() {
            let (head, tail) = TWO_SPANS.split_at(cut);
            assert_eq!(read(Encoding::Gzip, &[head, tail]), Ok(2), "cut at {cut}");
        }
        assert_eq!(read(Encoding::Identity, &[&Prefix::plain(0)]), Ok(0));
    }

    /// A unary call is one whole message: none, a part, two, or a false flag are refused.
    #[test]
    fn a_call_that_is_not_one_whole_message_is_refused() {
        for cut in 0..TWO_SPANS.len() {
            let outcome = read(Encoding::Identity, &[&TWO_SPANS[..cut]]);
            assert_eq!(outcome, Err(Refusal::Malformed), "cut at {cut}");
        }
        let twice = [TWO_SPANS, TWO_SPANS].concat();
        assert_eq!(read(Encoding::Identity, &[&twice]), Err(Refusal::Malformed));
        for flag in [1, 2, 255] {
            let packed = [flag, 0, 0, 0, 0];
            assert_eq!(
                read(Encoding::Identity, &[&packed]),
                Err(Refusal::Malformed)
            );
        }
        let huge = [0, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(read(Encoding::Identity, &[&huge]), Err(Refusal::TooLarge));
    }
}
