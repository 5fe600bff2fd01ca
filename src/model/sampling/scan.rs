//! What rules ask of the content of spans and log records: found in the wire form, without decoding
//! what cannot match. Pure.

use super::rule::Match;
use super::text::{Scalar, equals, is_match};
use crate::model::about::About;
use crate::model::genai::key;
use crate::model::otlp::fields as f;
use crate::model::otlp::scan::{fields, item_ends, key_of, message_of};
use crate::model::request::Signal;

/// The longest name that is taken from foreign spans, in bytes.
const LONGEST_NAME: usize = 256;

/// How many tags are taken from a foreign session.
const MOST_TAGS: usize = 32;

/// Where evaluations stand (GenAI conventions, "Event: gen_ai.evaluation.result").
const SCORE: &str = "gen_ai.evaluation.score.value";
const SCORE_NAME: &str = "gen_ai.evaluation.name";

/// One question.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scan {
    SpanName(Match),
    Attribute(Box<str>, Match),
    Score { name: Option<Match>, score: Match },
}

/// Answers the questions whose bit in `seen` is not set by setting it, and takes from the items who
/// the session is where `about` asks for it.
pub(super) fn look(
    signal: Signal,
    chunk: &[u8],
    scans: &[Scan],
    seen: &mut u64,
    mut about: Option<&mut About>,
) {
    let all = u64::MAX.checked_shr(64 - scans.len() as u32).unwrap_or(0);
    let mut start = 0;
    for end in item_ends(chunk) {
        if *seen & all == all && about.is_none() {
            return;
        }
        let item = message_of(&chunk[start..end]);
        start = end;
        look_at(signal, item, scans, seen, about.as_deref_mut());
    }
}

fn look_at(
    signal: Signal,
    item: &[u8],
    scans: &[Scan],
    seen: &mut u64,
    mut about: Option<&mut About>,
) {
    let attributes = match signal {
        Signal::Traces => f::span::ATTRIBUTES,
        Signal::Logs => f::log::ATTRIBUTES,
    };
    let is_span = signal == Signal::Traces;
    for field in fields(item) {
        let body = &item[field.body.clone()];
        if field.is(attributes) {
            let Some(key) = key_of(body) else { continue };
            attribute(key, body, scans, seen);
            if key == SCORE.as_bytes() {
                score(item, attributes, body, scans, seen);
            }
            if let Some(about) = &mut about {
                take_about(key, body, about);
            }
        } else if is_span && field.is(f::span::NAME) {
            for (bit, scan) in scans.iter().enumerate() {
                if let Scan::SpanName(test) = scan
                    && is_match(test, &Scalar::Text(body))
                {
                    *seen |= 1 << bit;
                }
            }
        } else if is_span && field.is(f::span::EVENTS) {
            let asked = |scan: &Scan| matches!(scan, Scan::Score { .. });
            if scans.iter().any(asked) {
                event(body, scans, seen);
            }
        }
    }
}

fn attribute(key: &[u8], key_value: &[u8], scans: &[Scan], seen: &mut u64) {
    for (bit, scan) in scans.iter().enumerate() {
        let Scan::Attribute(wanted, test) = scan else {
            continue;
        };
        if wanted.as_bytes() == key && *seen & 1 << bit == 0 && any_value(key_value, test) {
            *seen |= 1 << bit;
        }
    }
}

/// An event of a span: evaluations may stand there.
fn event(event: &[u8], scans: &[Scan], seen: &mut u64) {
    for field in fields(event).filter(|field| field.is(f::event::ATTRIBUTES)) {
        let body = &event[field.body.clone()];
        if key_of(body) == Some(SCORE.as_bytes()) {
            score(event, f::event::ATTRIBUTES, body, scans, seen);
        }
    }
}

/// A score, with the name of the evaluation that stands beside it.
fn score(message: &[u8], attributes: u32, key_value: &[u8], scans: &[Scan], seen: &mut u64) {
    for (bit, scan) in scans.iter().enumerate() {
        let Scan::Score { name, score } = scan else {
            continue;
        };
        let is_named = |wanted: &Match| {
            fields(message)
                .filter(|field| field.is(attributes))
                .map(|field| &message[field.body])
                .any(|body| key_of(body) == Some(SCORE_NAME.as_bytes()) && any_value(body, wanted))
        };
        if any_value(key_value, score) && name.as_ref().is_none_or(is_named) {
            *seen |= 1 << bit;
        }
    }
}

/// Whether the value, or an element of it, passes the test.
fn any_value(key_value: &[u8], test: &Match) -> bool {
    scalars(key_value).any(|value| is_match(test, &value))
}

/// The value of an attribute; the elements of an array.
fn scalars(key_value: &[u8]) -> impl Iterator<Item = Scalar<'_>> {
    let value = fields(key_value)
        .filter(|field| field.is(f::key_value::VALUE))
        .last()
        .map(|field| &key_value[field.body])
        .unwrap_or_default();
    let list = fields(value).find(|field| field.is(f::value::ARRAY));
    let list = list.map(|field| &value[field.body]);
    let elements = list.into_iter().flat_map(|list| {
        fields(list)
            .filter(|field| field.is(f::list::VALUES))
            .map(|field| Scalar::of(&list[field.body]))
    });
    let single = list.is_none().then(|| Scalar::of(value));
    single.into_iter().chain(elements)
}

/// Notes what an attribute says of who the session is; what was found first stays.
fn take_about(name: &[u8], key_value: &[u8], about: &mut About) {
    let text = || {
        scalars(key_value).find_map(|value| match value {
            Scalar::Text(text) => owned(text),
            _ => None,
        })
    };
    if equals(name, key::AGENT_NAME) && about.agent.is_none() {
        about.agent = text();
    } else if equals(name, key::USER_ID) && about.user.is_none() {
        about.user = text();
    } else if equals(name, key::TAGS) && about.tags.is_empty() {
        let tags = scalars(key_value).filter_map(|value| match value {
            Scalar::Text(text) => owned(text),
            _ => None,
        });
        about.tags = tags.take(MOST_TAGS).collect();
    }
}

/// A text, cut where it is too long.
fn owned(text: &[u8]) -> Option<Box<str>> {
    let text = std::str::from_utf8(text).ok()?;
    let mut end = text.len().min(LONGEST_NAME);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Some(text[..end].into())
}
