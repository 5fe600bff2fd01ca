//! Reads the body of one request: unframes it, unpacks it, and keeps it within all bounds.
//!
//! Holds: the unpacked body so far, and a decompressor's window. Waits: for the socket and for room
//! in the budget. Loses: nothing.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use crate::wire::inflate::{Encoding, Inflate, STEP_BYTES};
use crate::wire::prefix::{Prefix, PrefixReader};

use super::budget::{Budget, Held};
use super::refusal::Refusal;
use super::room::Room;
use super::stats::Counters;

/// What every body is measured by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// The most bytes as sent.
    pub(crate) wire: usize,
    /// The most bytes once unpacked.
    pub(crate) request: usize,
}

/// How the body of a request is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// It is the message.
    Plain,
    /// gRPC's unary call: a prefix, and one message.
    Grpc,
}

/// Reads all of it. What it gives costs the budget until the second value is dropped.
pub(crate) async fn read<B: Body<Data = Bytes> + Unpin>(
    body: &mut B,
    framing: Framing,
    encoding: Encoding,
    bounds: Bounds,
    budget: &Arc<Budget>,
    counters: &Counters,
) -> Result<(Bytes, Held), Refusal> {
    let announced = body.size_hint().lower();
    if announced > bounds.wire as u64 {
        return Err(too_large(bounds.wire));
    }
    let room = Room::new(budget.open().await?, bounds.request);
    let mut wire_bytes = 0;
    let mut message = match framing {
        Framing::Plain => Stage::Message(Unpack::new(encoding, room)?, announced as usize),
        Framing::Grpc => Stage::Prefix(PrefixReader::default(), room),
    };
    while let Some(frame) = body.frame().await {
        // Trailers mean nothing in requests.
        let Ok(mut data) = frame.map_err(|_| Refusal::Cut)?.into_data() else {
            continue;
        };
        counters.wire(data.len());
        wire_bytes += data.len();
        if wire_bytes > bounds.wire {
            return Err(too_large(bounds.wire));
        }
        if let Stage::Prefix(mut prefix, room) = message {
            let (taken, whole) = prefix.push(&data);
            data.advance(taken);
            message = match whole {
                Some(prefix) => open(prefix, encoding, bounds, room)?,
                None => Stage::Prefix(prefix, room),
            };
        }
        if data.is_empty() {
            continue;
        }
        if let Stage::Message(unpack, left) = &mut message {
            if framing == Framing::Grpc && data.len() > *left {
                return Err(malformed("there are bytes behind its message"));
            }
            *left = left.saturating_sub(data.len());
            let announced = data.len() + *left;
            unpack.push(data, announced).await?;
        }
    }
    match message {
        Stage::Message(unpack, left) if framing == Framing::Plain || left == 0 => unpack.finish(),
        Stage::Message(..) | Stage::Prefix(..) => Err(malformed("its message is cut off")),
    }
}

/// Reads on and throws away, so that the client is done sending when it is answered: a connection
/// that is closed while bytes are on their way loses the answer.
pub(crate) async fn discard(body: &mut Incoming) {
    while let Some(Ok(_)) = body.frame().await {}
}

/// How far the reading of a body has come.
enum Stage {
    Prefix(PrefixReader, Room),
    /// With the number of bytes that are still to come: known with gRPC, a guess otherwise.
    Message(Unpack, usize),
}

/// Makes ready for the message that a prefix announces.
fn open(prefix: Prefix, encoding: Encoding, bounds: Bounds, room: Room) -> Result<Stage, Refusal> {
    if prefix.length > bounds.wire {
        return Err(too_large(bounds.wire));
    }
    let encoding = match prefix.flag {
        0 => Encoding::Identity,
        1 if encoding != Encoding::Identity => encoding,
        _ => return Err(malformed("its compressed flag contradicts grpc-encoding")),
    };
    Ok(Stage::Message(Unpack::new(encoding, room)?, prefix.length))
}

/// Puts a body together, packed or not.
enum Unpack {
    Plain(Room),
    Packed {
        inflate: Inflate<Room>,
        /// How much of the decompressor's window is booked.
        window: usize,
    },
}

impl Unpack {
    fn new(encoding: Encoding, room: Room) -> Result<Self, Refusal> {
        if encoding == Encoding::Identity {
            return Ok(Self::Plain(room));
        }
        let inflate = Inflate::new(encoding, room).map_err(|_| Refusal::Busy)?;
        Ok(Self::Packed { inflate, window: 0 })
    }

    /// Takes in the next bytes of the message; with them and those behind them it will have
    /// `announced` more.
    async fn push(&mut self, mut data: Bytes, announced: usize) -> Result<(), Refusal> {
        let (inflate, window) = match self {
            Self::Plain(room) => {
                let whole = room.len() + announced;
                return room.append(data, whole).await;
            }
            Self::Packed { inflate, window } => (inflate, window),
        };
        loop {
            let ahead = STEP_BYTES.min(data.len().saturating_mul(4));
            inflate.get_mut().make_room(ahead).await?;
            let step = match inflate.step(&data) {
                Ok(step) => step,
                Err(_) => return Err(broken(inflate.get_mut())),
            };
            data.advance(step.taken);
            let now = inflate.window_bytes();
            if now > *window {
                inflate.get_mut().book(now - *window)?;
                *window = now;
            }
            if data.is_empty() && !step.more {
                return Ok(());
            }
        }
    }

    fn finish(self) -> Result<(Bytes, Held), Refusal> {
        let (mut inflate, window) = match self {
            Self::Plain(room) => return Ok(room.finish()),
            Self::Packed { inflate, window } => (inflate, window),
        };
        if inflate.end().is_err() {
            return Err(broken(inflate.get_mut()));
        }
        let room = inflate
            .into_inner()
            .map_err(|_| malformed("it is packed wrongly"))?;
        let (bytes, mut held) = room.finish();
        held.shrink_to(held.bytes().saturating_sub(window));
        Ok((bytes, held))
    }
}

/// A decompressor failed: because it could not write, or because the body is damaged.
fn broken(room: &mut Room) -> Refusal {
    let damaged = || malformed("it is packed wrongly");
    room.refusal().unwrap_or_else(damaged)
}

fn malformed(what: &str) -> Refusal {
    Refusal::Malformed(what.to_owned())
}

fn too_large(bound: usize) -> Refusal {
    Refusal::TooLarge(format!("the body is larger than {bound} bytes"))
}
