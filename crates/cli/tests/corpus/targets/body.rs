//! The frames of gRPC, and gzip, deflate and zstd.

use bytes::Bytes;
use spanreel::Signal;
use spanreel_cli::receive::{Wire, decode};

use super::wait;

/// Nothing may become larger than this.
const LIMIT: usize = 1 << 20;

const ENCODINGS: [Option<&[u8]>; 4] = [None, Some(b"gzip"), Some(b"deflate"), Some(b"zstd")];

/// The first byte says how the body is framed and packed, the second in which pieces it comes.
///
/// What it becomes does not depend on the pieces.
pub fn run(bytes: &[u8]) {
    let [how, piece, body @ ..] = bytes else {
        return;
    };
    let wire = if how & 1 == 0 {
        Wire::Grpc
    } else {
        Wire::HttpProtobuf
    };
    let encoding = ENCODINGS[usize::from(how >> 1) % ENCODINGS.len()];
    let whole = read(wire, encoding, vec![Bytes::copy_from_slice(body)]);
    if let Ok(whole) = &whole {
        assert!(whole.len() <= LIMIT, "{} bytes", whole.len());
    }
    let pieces = body.chunks(1 + usize::from(*piece));
    let pieces = pieces.map(Bytes::copy_from_slice).collect();
    assert_eq!(read(wire, encoding, pieces).ok(), whole.ok());
}

fn read(
    wire: Wire,
    encoding: Option<&[u8]>,
    pieces: Vec<Bytes>,
) -> Result<Bytes, spanreel_cli::receive::Outcome> {
    wait(decode(wire, Signal::Traces, encoding, pieces, LIMIT))
}
