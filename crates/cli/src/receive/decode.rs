//! The way of a request's body through a receiver without its sockets, for tests that throw anything at
//! it.
//!
//! Holds: one body. Waits: never, for the budget is its own. Loses: nothing.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame};
use spanreel::Signal;

use crate::wire::inflate::Encoding;
use crate::wire::protocol::Wire;

use super::body::{self, Bounds, Framing};
use super::budget::Budget;
use super::json;
use super::refusal::{Outcome, Refusal};
use super::stats::Counters;

/// Reads the body of one request from the pieces in which it comes: unframed, unpacked, and as protobuf.
/// `encoding` is how its head says that it is packed. Neither as sent nor unpacked it may have more than
/// `limit` bytes.
///
/// # Errors
/// Why a receiver would refuse it.
pub async fn decode(
    wire: Wire,
    signal: Signal,
    encoding: Option<&[u8]>,
    pieces: Vec<Bytes>,
    limit: usize,
) -> Result<Bytes, Outcome> {
    let unpacked = unpack(wire, signal, encoding, pieces, limit).await;
    unpacked.map_err(|refusal| refusal.outcome())
}

async fn unpack(
    wire: Wire,
    signal: Signal,
    encoding: Option<&[u8]>,
    pieces: Vec<Bytes>,
    limit: usize,
) -> Result<Bytes, Refusal> {
    let encoding = Encoding::parse(encoding).ok_or(Refusal::UnknownEncoding)?;
    let framing = match wire {
        Wire::Grpc => Framing::Grpc,
        Wire::HttpProtobuf | Wire::HttpJson => Framing::Plain,
    };
    let bounds = Bounds {
        wire: limit,
        request: limit,
    };
    // Enough for a window, the text, what it becomes, and a string of it in between.
    let budget = Budget::new(limit.saturating_mul(8) + (16 << 20), Duration::ZERO);
    let mut body = Pieces(pieces.into());
    let counters = Counters::default();
    let (bytes, held) =
        body::read(&mut body, framing, encoding, bounds, &budget, &counters).await?;
    let (bytes, held) = match wire {
        Wire::HttpJson => json::into_protobuf(signal, bytes, held, limit).await?,
        Wire::Grpc | Wire::HttpProtobuf => (bytes, held),
    };
    drop(held);
    assert_eq!(budget.held(), 0, "all of it is given back");
    Ok(bytes)
}

/// A body that is there in pieces.
struct Pieces(VecDeque<Bytes>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }
}
