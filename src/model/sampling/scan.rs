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

/// One question.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scan {
    SpanName(Match),
    Attribute(Box<str>, Match),
    Score { name: Option<Match>, score: Match },
}

/// All questions of a plan.
#[derive(Debug)]
pub(super) struct Scans {
    asked: Box<[Scan]>,
    /// The lengths below 128 of all keys that matter: most attributes are passed over by that alone.
    lengths: u128,
    asks_for_scores: bool,
}

impl Scans {
    /// With what says who a session is, where that is asked for.
    pub(super) fn new(asked: Vec<Scan>, asks_about: bool) -> Self {
        let mut keys: Vec<&str> = Vec::new();
        for scan in &asked {
            match scan {
                Scan::Attribute(name, _) => keys.push(name),
                Scan::Score { .. } => keys.push(key::EVALUATION_SCORE),
                Scan::SpanName(_) => {}
            }
        }
        if asks_about {
            keys.extend([key::AGENT_NAME, key::USER_ID, key::TAGS]);
        }
        let bit = |name: &&str| 1_u128.checked_shl(name.len() as u32).unwrap_or(0);
        Self {
            lengths: keys.iter().map(bit).fold(0, |all, bit| all | bit),
            asks_for_scores: asked.iter().any(|scan| matches!(scan, Scan::Score { .. })),
            asked: asked.into(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }

    /// Whether this `KeyValue` cannot be one that matters: its key stands first and has another length.
    fn passes_over(&self, key_value: &[u8]) -> bool {
        const KEY: u8 = (f::key_value::KEY << 3 | 2) as u8;
        matches!(key_value, [KEY, len @ 0..0x80, ..] if self.lengths >> len & 1 == 0)
    }
}

/// Answers the questions whose bit in `seen` is not set by setting it, and takes from the items who
/// the session is where `about` asks for it.
pub(super) fn look(
    signal: Signal,
    chunk: &[u8],
    scans: &Scans,
    seen: &mut u64,
    mut about: Option<&mut About>,
) {
    let all = u64::MAX
        .checked_shr(64 - scans.asked.len() as u32)
        .unwrap_or(0);
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
    scans: &Scans,
    seen: &mut u64,
    mut about: Option<&mut About>,
) {
    let attributes = match signal {
        Signal::Traces => f::span::ATTRIBUTES,
        Signal::Logs => f::log::ATTRIBUTES,
        // They are of no session.
        Signal::Metrics => return,
    };
    let is_span = signal == Signal::Traces;
    for field in fields(item) {
        let body = &item[field.body.clone()];
        if field.is(attributes) {
            if scans.passes_over(body) {
                continue;
            }
            let Some(name) = key_of(body) else { continue };
            let asked = &scans.asked;
            attribute(name, body, asked, seen);
            if name == key::EVALUATION_SCORE.as_bytes() {
                score(item, attributes, body, asked, seen);
            }
            if let Some(about) = &mut about {
                take_about(name, body, about);
            }
        } else if is_span && field.is(f::span::NAME) {
            for (bit, scan) in scans.asked.iter().enumerate() {
                if let Scan::SpanName(test) = scan
                    && is_match(test, &Scalar::Text(body))
                {
                    *seen |= 1 << bit;
                }
            }
        } else if scans.asks_for_scores && is_span && field.is(f::span::EVENTS) {
            event(body, &scans.asked, seen);
        }
    }
}

fn attribute(name: &[u8], key_value: &[u8], scans: &[Scan], seen: &mut u64) {
    for (bit, scan) in scans.iter().enumerate() {
        let Scan::Attribute(wanted, test) = scan else {
            continue;
        };
        if wanted.as_bytes() == name && *seen & 1 << bit == 0 && any_value(key_value, test) {
            *seen |= 1 << bit;
        }
    }
}

/// An event of a span: evaluations may stand there.
fn event(event: &[u8], scans: &[Scan], seen: &mut u64) {
    for field in fields(event).filter(|field| field.is(f::event::ATTRIBUTES)) {
        let body = &event[field.body.clone()];
        if key_of(body) == Some(key::EVALUATION_SCORE.as_bytes()) {
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
                .any(|body| {
                    key_of(body) == Some(key::EVALUATION_NAME.as_bytes()) && any_value(body, wanted)
                })
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

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, any_value};
    use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span, span::Event};
    use prost::Message;

    use super::*;

    fn any(value: any_value::Value) -> AnyValue {
        AnyValue { value: Some(value) }
    }

    fn text(text: &str) -> any_value::Value {
        any_value::Value::StringValue(text.to_owned())
    }

    fn attribute(name: &str, value: any_value::Value) -> KeyValue {
        KeyValue {
            key: name.to_owned(),
            value: Some(any(value)),
            ..KeyValue::default()
        }
    }

    fn chunk(spans: &[Span]) -> Vec<u8> {
        let spans = spans.to_vec();
        ScopeSpans {
            spans,
            ..ScopeSpans::default()
        }
        .encode_to_vec()
    }

    fn tags(tags: &[&str]) -> any_value::Value {
        let values = tags.iter().map(|tag| any(text(tag))).collect();
        any_value::Value::ArrayValue(ArrayValue { values })
    }

    /// Each question is answered by what it asks for, in whichever span it stands, and by nothing else.
    #[test]
    fn each_question_is_answered() {
        let evaluated = |name: &str, score: f64| Event {
            name: "gen_ai.evaluation.result".to_owned(),
            attributes: vec![
                attribute(key::EVALUATION_SCORE, any_value::Value::DoubleValue(score)),
                attribute(key::EVALUATION_NAME, text(name)),
            ],
            ..Event::default()
        };
        let spans = [
            Span {
                name: "first".to_owned(),
                attributes: vec![attribute("app.tier", text("gold"))],
                ..Span::default()
            },
            Span {
                name: "second".to_owned(),
                attributes: vec![
                    attribute("app.list", tags(&["red", "blue"])),
                    attribute("app.rank", any_value::Value::IntValue(-5)),
                    attribute("app.tier.not", text("silver")),
                ],
                events: vec![evaluated("relevance", 0.2), evaluated("style", 0.9)],
                ..Span::default()
            },
        ];
        let asked = |key: &str, test: Match| Scan::Attribute(key.into(), test);
        let score = |name: Option<&str>, score: Match| Scan::Score {
            name: name.map(Match::from),
            score,
        };
        let cases = [
            (Scan::SpanName("second".into()), true),
            (Scan::SpanName("third".into()), false),
            (asked("app.tier", "gold".into()), true),
            (asked("app.tier", "silver".into()), false),
            (asked("app.tie", Match::Present), false),
            (asked("app.list", "blue".into()), true),
            (asked("app.list", "green".into()), false),
            (asked("app.rank", Match::Below(-4.0)), true),
            (asked("app.rank", Match::Exceeds(0.0)), false),
            (score(None, Match::Below(0.5)), true),
            (score(None, Match::Below(0.1)), false),
            (score(Some("relevance"), Match::Below(0.5)), true),
            (score(Some("style"), Match::Below(0.5)), false),
        ];
        let scans: Vec<_> = cases.iter().map(|(scan, _)| scan.clone()).collect();
        let mut seen = 0;
        let scans = Scans::new(scans, false);
        look(Signal::Traces, &chunk(&spans), &scans, &mut seen, None);
        for (bit, (scan, expected)) in cases.iter().enumerate() {
            assert_eq!(seen & 1 << bit != 0, *expected, "{scan:?}");
        }
    }

    /// Who a session is comes from what was said first, cut where it is too long.
    #[test]
    fn who_it_is_comes_from_what_was_said_first() {
        let span = |agent: &str| Span {
            attributes: vec![
                attribute(key::AGENT_NAME, text(agent)),
                attribute(key::USER_ID, text(&"\u{fc}".repeat(200))),
                attribute(key::TAGS, tags(&["red", "blue"])),
            ],
            ..Span::default()
        };
        let mut about = About::default();
        let bytes = chunk(&[span("planner"), span("critic")]);
        let scans = Scans::new(Vec::new(), true);
        look(Signal::Traces, &bytes, &scans, &mut 0, Some(&mut about));
        assert_eq!(about.agent.as_deref(), Some("planner"));
        assert_eq!(about.user.map(|user| user.len()), Some(256));
        assert_eq!(about.tags.concat(), "redblue");
    }

    proptest::proptest! {
        /// Bytes that are no telemetry neither panic nor answer anything but by chance.
        #[test]
        fn random_bytes_do_no_harm(bytes: Vec<u8>) {
            let scans = [
                Scan::SpanName("a*".into()),
                Scan::Attribute("a".into(), Match::Present),
                Scan::Score { name: None, score: Match::Present },
            ];
            let scans = Scans::new(scans.into(), true);
            for signal in Signal::ALL {
                let mut seen = 0;
                look(signal, &bytes, &scans, &mut seen, Some(&mut About::default()));
                proptest::prop_assert!(seen < 8);
                look_at(signal, &bytes, &scans, &mut seen, Some(&mut About::default()));
            }
        }
    }
}
