//! B3, the headers of Zipkin: one header `b3`, or several `X-B3-*`.

use super::carrier::{Carrier, CarrierMut};
use super::propagators::Found;
use crate::model::context::{Decision, SpanContext, TraceFlags};
use crate::model::hex;
use crate::model::id::{SpanId, TraceId, decode_hex};

const SINGLE: &str = "b3";
const TRACE_ID: &str = "X-B3-TraceId";
const SPAN_ID: &str = "X-B3-SpanId";
const PARENT_SPAN_ID: &str = "X-B3-ParentSpanId";
const SAMPLED: &str = "X-B3-Sampled";
const FLAGS: &str = "X-B3-Flags";

/// `{trace id}-{span id}-{state}`.
const SINGLE_LEN: usize = 32 + 1 + 16 + 1 + 1;

/// Reads the one header, and where it tells nothing the several.
pub(super) fn extract<C: Carrier + ?Sized>(carrier: &C) -> Found {
    match sole(carrier, SINGLE) {
        Ok(Some(value)) => match single(value) {
            Found::Invalid => match several(carrier) {
                Found::Nothing => Found::Invalid,
                found => found,
            },
            found => found,
        },
        Ok(None) => several(carrier),
        Err(Twice) => Found::Invalid,
    }
}

/// A key with more than one value.
struct Twice;

fn sole<'a, C: Carrier + ?Sized>(
    carrier: &'a C,
    key: &'static str,
) -> Result<Option<&'a str>, Twice> {
    let mut values = carrier.get_all(key);
    let value = values.next().map(|value| value.trim_matches([' ', '\t']));
    match values.next() {
        Some(_) => Err(Twice),
        None => Ok(value),
    }
}

fn single(value: &str) -> Found {
    let mut parts = value.split('-');
    let first = parts.next().unwrap_or_default();
    let Some(span_id) = parts.next() else {
        return match state(first) {
            Some(Decision::Drop) => Found::Decision(false),
            Some(_) => Found::Decision(true),
            None => Found::Invalid,
        };
    };
    let decision = match parts.next() {
        None => Some(Decision::Deferred),
        Some(text) => state(text),
    };
    let parent = parts.next();
    let is_right = parent.is_none_or(|id| read_span_id(id).is_some()) && parts.next().is_none();
    match decision {
        Some(decision) if is_right => context(first, span_id, decision),
        _ => Found::Invalid,
    }
}

fn several<C: Carrier + ?Sized>(carrier: &C) -> Found {
    read_several(carrier).unwrap_or(Found::Invalid)
}

fn read_several<C: Carrier + ?Sized>(carrier: &C) -> Result<Found, Twice> {
    let (trace_id, span_id) = (sole(carrier, TRACE_ID)?, sole(carrier, SPAN_ID)?);
    let (sampled, flags) = (sole(carrier, SAMPLED)?, sole(carrier, FLAGS)?);
    let decision = match (flags, sampled) {
        // Debug says that it is sampled.
        (Some("1"), _) => Decision::Debug,
        // Older writers said it in words.
        (_, Some("1" | "true")) => Decision::Sample,
        (_, Some("0" | "false")) => Decision::Drop,
        (_, None) => Decision::Deferred,
        (_, Some(_)) => return Ok(Found::Invalid),
    };
    Ok(match (trace_id, span_id, decision) {
        (Some(trace_id), Some(span_id), decision) => context(trace_id, span_id, decision),
        (None, None, Decision::Deferred) => Found::Nothing,
        (None, None, decision) => Found::Decision(decision != Decision::Drop),
        _ => Found::Invalid,
    })
}

fn state(text: &str) -> Option<Decision> {
    match text {
        "1" => Some(Decision::Sample),
        "0" => Some(Decision::Drop),
        "d" => Some(Decision::Debug),
        _ => None,
    }
}

fn context(trace_id: &str, span_id: &str, decision: Decision) -> Found {
    let ids = read_trace_id(trace_id).zip(read_span_id(span_id));
    ids.map_or(Found::Invalid, |(trace_id, span_id)| Found::Context {
        context: SpanContext::remote(trace_id, span_id, TraceFlags::NONE, decision),
        has_flaw: false,
    })
}

/// 32 digits, or 16 of a trace id of 64 bits, which is filled up with zeros on the left.
fn read_trace_id(text: &str) -> Option<TraceId> {
    let mut bytes = [0; 16];
    let from = match text.len() {
        32 => 0,
        16 => 8,
        _ => return None,
    };
    read_hex(text, &mut bytes[from..])?;
    TraceId::from_bytes(bytes)
}

fn read_span_id(text: &str) -> Option<SpanId> {
    let mut bytes = [0; 8];
    read_hex(text, &mut bytes)?;
    SpanId::from_bytes(bytes)
}

/// Lower case alone, as B3 has it.
fn read_hex(text: &str, out: &mut [u8]) -> Option<()> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    decode_hex(text.as_bytes(), out)
}

const fn letter(decision: Decision) -> Option<&'static str> {
    match decision {
        Decision::Sample => Some("1"),
        Decision::Drop => Some("0"),
        Decision::Debug => Some("d"),
        Decision::Deferred => None,
    }
}

/// Writes the one header.
pub(super) fn inject_single<C: CarrierMut + ?Sized>(context: &SpanContext, carrier: &mut C) {
    let mut text = [b'-'; SINGLE_LEN];
    hex::write(&context.trace_id().to_bytes(), &mut text[..32]);
    hex::write(&context.span_id().to_bytes(), &mut text[33..49]);
    let len = match letter(context.decision()) {
        Some(letter) => {
            text[50] = letter.as_bytes()[0];
            SINGLE_LEN
        }
        None => 49,
    };
    carrier.set(SINGLE, ascii(&text[..len]));
}

/// Writes the several headers.
pub(super) fn inject_several<C: CarrierMut + ?Sized>(context: &SpanContext, carrier: &mut C) {
    let (mut trace_id, mut span_id) = ([0; 32], [0; 16]);
    hex::write(&context.trace_id().to_bytes(), &mut trace_id);
    hex::write(&context.span_id().to_bytes(), &mut span_id);
    carrier.set(TRACE_ID, ascii(&trace_id));
    carrier.set(SPAN_ID, ascii(&span_id));
    carrier.remove(PARENT_SPAN_ID);
    let decision = context.decision();
    if decision == Decision::Debug {
        carrier.set(FLAGS, "1");
        return carrier.remove(SAMPLED);
    }
    carrier.remove(FLAGS);
    match letter(decision) {
        Some(letter) => carrier.set(SAMPLED, letter),
        None => carrier.remove(SAMPLED),
    }
}

fn ascii(text: &[u8]) -> &str {
    std::str::from_utf8(text).expect("digits, letters and dashes are ASCII")
}

#[cfg(test)]
mod tests;
