//! All requests of a run, encoded and framed before its clock starts.
//!
//! Holds: them, each once, whoever sends it. Waits: never. Loses: nothing.

use std::io::Write as _;

use bytes::Bytes;
use flate2::write::GzEncoder;
use prost::encoding::{WireType, encode_key, encode_varint};

use super::args::AgainstPlan;
use super::spans::{Deal, Spans};
use crate::load::args::Compression;
use crate::load::workload::Workload;

/// The fewest requests that are made, so that a cache does not hold them all.
const LEAST: u64 = 64;

/// Requests to be sent in turn.
#[derive(Debug)]
pub(super) struct Requests {
    /// With the prefix of gRPC.
    bodies: Vec<Bytes>,
    /// How many spans each has.
    pub(super) batch: u64,
    /// How many bytes a span has, about, before compression.
    pub(super) span_bytes: u64,
}

impl Requests {
    /// Encodes as many as it takes until the first session comes again.
    pub(super) fn encode(plan: &AgainstPlan) -> Self {
        let batch = plan.batch.get() as u64;
        let round = plan.sessions.get() * plan.spans_per_session.get();
        let count = round.div_ceil(batch).max(LEAST);
        let workload = Workload::new(plan.workload.clone());
        let mut spans = Spans::new(
            workload.session(0),
            Deal {
                sessions: plan.sessions.get(),
                at_once: plan.concurrency.get() as u64,
                spans_each: plan.spans_per_session.get(),
                dealt: 0,
            },
        );
        let mut plain_bytes = 0;
        let mut bodies = Vec::new();
        for _ in 0..count {
            let message = spans.request(batch);
            plain_bytes += message.len() as u64;
            bodies.push(framed(&message, plan.compression));
        }
        Self {
            span_bytes: plain_bytes / (count * batch),
            bodies,
            batch,
        }
    }

    /// The request with this number; after the last comes the first.
    pub(super) fn body(&self, number: u64) -> Bytes {
        let index = number % self.bodies.len() as u64;
        self.bodies[index as usize].clone()
    }
}

/// A message with the prefix of gRPC, compressed or not.
fn framed(message: &[u8], compression: Compression) -> Bytes {
    let mut body = vec![u8::from(compression != Compression::None), 0, 0, 0, 0];
    const INTO_MEMORY: &str = "memory takes everything";
    match compression {
        Compression::None => body.extend_from_slice(message),
        Compression::Gzip => {
            // The level of most senders: flate2's and zlib's default.
            let mut packer = GzEncoder::new(&mut body, flate2::Compression::default());
            packer.write_all(message).expect(INTO_MEMORY);
            packer.finish().expect(INTO_MEMORY);
        }
        Compression::Zstd => {
            zstd::stream::copy_encode(message, &mut body, 0).expect(INTO_MEMORY);
        }
    }
    let length = u32::try_from(body.len() - 5).expect("requests are far below 4 GiB");
    body[1..5].copy_from_slice(&length.to_be_bytes());
    body.into()
}

/// A protobuf message that is being written.
#[derive(Debug, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    pub(super) fn bytes(&mut self, field: u32, bytes: &[u8]) {
        encode_key(field, WireType::LengthDelimited, &mut self.0);
        encode_varint(bytes.len() as u64, &mut self.0);
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn varint(&mut self, field: u32, value: u64) {
        encode_key(field, WireType::Varint, &mut self.0);
        encode_varint(value, &mut self.0);
    }

    pub(super) fn fixed64(&mut self, field: u32, value: u64) {
        encode_key(field, WireType::SixtyFourBit, &mut self.0);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// A message within it.
    pub(super) fn message(&mut self, field: u32, write: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        write(&mut inner);
        self.bytes(field, &inner.0);
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests;
