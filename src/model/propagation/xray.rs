//! The header of AWS X-Ray: `Root=1-{time}-{random};Parent={span};Sampled={0, 1 or ?}`.
//!
//! AWS keeps fields that it does not know, so the random flag of W3C Trace Context, which the header
//! has no place for, travels as a field of spanreel's own: `Random=1`.

use super::carrier::{Carrier, CarrierMut};
use super::propagators::Found;
use crate::model::context::{Decision, SpanContext, TraceFlags};
use crate::model::hex;
use crate::model::id::{SpanId, TraceId, decode_hex};

/// The header's name. In an environment it is `_X_AMZN_TRACE_ID`.
pub(super) const HEADER: &str = "X-Amzn-Trace-Id";

/// A header with all of its fields.
const TEMPLATE: &[u8] =
    b"Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=0;Random=1";
/// The length without the last of them.
const LEN: usize = TEMPLATE.len() - ";Random=1".len();

/// A header without `Parent`, as load balancers write it, names no span: it is as if it were not
/// there. `Sampled=?`, or none, leaves the decision to whoever reads.
pub(super) fn extract<C: Carrier + ?Sized>(carrier: &C) -> Found {
    let mut values = carrier.get_all(HEADER);
    let Some(value) = values.next() else {
        return Found::Nothing;
    };
    if values.next().is_some() {
        return Found::Invalid;
    }
    read(value).unwrap_or(Found::Invalid)
}

fn read(value: &str) -> Option<Found> {
    let (mut root, mut parent) = (None, None);
    let mut decision = Decision::Deferred;
    let mut flags = TraceFlags::NONE;
    for field in value.split(';') {
        let field = field.trim_matches([' ', '\t']);
        let Some((key, value)) = field.split_once('=') else {
            if field.is_empty() {
                continue;
            }
            return None;
        };
        match (key, value) {
            ("Root", value) if root.is_none() => root = Some(read_root(value)?),
            ("Parent", value) if parent.is_none() => parent = Some(read_parent(value)?),
            ("Root" | "Parent", _) => return None,
            ("Sampled", "1") => decision = Decision::Sample,
            ("Sampled", "0") => decision = Decision::Drop,
            ("Sampled", "?" | "") => decision = Decision::Deferred,
            ("Sampled", _) => return None,
            ("Random", "1") => flags = TraceFlags::RANDOM,
            // `Self`, `Lineage` and what anybody adds.
            _ => {}
        }
    }
    Some(match (root?, parent) {
        (trace_id, Some(span_id)) => Found::Context {
            context: SpanContext::remote(trace_id, span_id, flags, decision),
            has_flaw: false,
        },
        (_, None) => Found::Nothing,
    })
}

/// `1-`, 8 digits of a time, a dash, 24 random digits: together the trace id.
fn read_root(value: &str) -> Option<TraceId> {
    let (time, random) = value.strip_prefix("1-")?.split_once('-')?;
    let mut bytes = [0; 16];
    decode_hex(time.as_bytes(), &mut bytes[..4])?;
    decode_hex(random.as_bytes(), &mut bytes[4..])?;
    TraceId::from_bytes(bytes)
}

fn read_parent(value: &str) -> Option<SpanId> {
    let mut bytes = [0; 8];
    decode_hex(value.as_bytes(), &mut bytes)?;
    SpanId::from_bytes(bytes)
}

pub(super) fn inject<C: CarrierMut + ?Sized>(context: &SpanContext, carrier: &mut C) {
    let mut text = [0; TEMPLATE.len()];
    text.copy_from_slice(TEMPLATE);
    let mut trace_id = [0; 32];
    hex::write(&context.trace_id().to_bytes(), &mut trace_id);
    text[7..15].copy_from_slice(&trace_id[..8]);
    text[16..40].copy_from_slice(&trace_id[8..]);
    hex::write(&context.span_id().to_bytes(), &mut text[48..64]);
    text[LEN - 1] = match context.decision() {
        Decision::Sample | Decision::Debug => b'1',
        Decision::Drop => b'0',
        Decision::Deferred => b'?',
    };
    let len = if context.flags().is_random() {
        text.len()
    } else {
        LEN
    };
    let text = std::str::from_utf8(&text[..len]).expect("the template is ASCII");
    carrier.set(HEADER, text);
}

#[cfg(test)]
mod tests;
