//! Recorded exchanges with real providers: the set that is committed, and the large one where
//! `SPANREEL_TEST_DATA` points to it.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::executor::block_on;
use http::Request;
use http_body_util::{BodyExt, Full};
use serde_json::{Map, Value};
use spanreel::OwnedValue;
use spanreel::record::RecordedSpan;
use spanreel_http::llm::Llm;
use tower::{Layer, ServiceExt};

use crate::exchange::Exchange;
use crate::expected::{self, Expected};
use crate::rig::{End, Rig, answering};

/// The set that is committed: made by hand, so that every test always has something to judge.
fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/llm/exchanges")
}

/// All exchanges there are; says so where the large set is not there.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "the test is the host; what it did not do must be seen"
)]
fn exchanges(test: &str) -> Vec<Exchange> {
    let mut all = Exchange::all(&committed());
    assert!(all.len() >= 20, "the committed set was found");
    match std::env::var_os("SPANREEL_TEST_DATA") {
        Some(folder) => all.extend(Exchange::all(&Path::new(&folder).join("llm-http"))),
        None => eprintln!("SKIPPED the recorded part of {test}: SPANREEL_TEST_DATA is not set"),
    }
    all
}

fn json(value: &OwnedValue) -> Value {
    match value {
        OwnedValue::Str(text) => text.as_str().into(),
        OwnedValue::Bool(flag) => (*flag).into(),
        OwnedValue::Int(number) => (*number).into(),
        OwnedValue::Double(number) => (*number).into(),
        OwnedValue::Array(items) => items.iter().map(json).collect(),
        other => format!("{other:?}").into(),
    }
}

/// All attributes of a span but those that are times.
fn attributes(span: &RecordedSpan) -> Map<String, Value> {
    let told = span.attributes.iter();
    told.filter(|(key, _)| !key.contains("time_"))
        .map(|(key, value)| (key.to_string(), json(value)))
        .collect()
}

/// What differs from what is expected: every figure, and none that is not expected.
fn differences(span: &RecordedSpan, expected: &Expected) -> Vec<String> {
    let told = attributes(span);
    let mut differences = Vec::new();
    for (key, value) in expected {
        let is_equal = match (told.get(key), value) {
            (Some(told), value) if told.is_number() && value.is_number() => {
                told.as_f64() == value.as_f64()
            }
            (told, value) => told == Some(value),
        };
        if !is_equal {
            differences.push(format!("{key}: {value} expected, {:?} told", told.get(key)));
        }
    }
    let judged = [
        "gen_ai.usage.",
        "gen_ai.response.",
        "error.type",
        "spanreel.llm.tool_calls",
        "spanreel.llm.unread",
    ];
    for key in told.keys() {
        let is_judged =
            judged.iter().any(|start| key.starts_with(start)) && key != "gen_ai.usage.cost";
        if is_judged && !expected.contains_key(key) {
            differences.push(format!("{key}: not expected, {} told", told[key]));
        }
    }
    differences
}

/// For every exchange, what the span tells equals what the exchange says: models, provider, ids, reasons,
/// every figure of the usage, tool calls and error types; exchanges that are no calls make no span.
#[test]
fn every_exchange_is_told_as_it_was() {
    let mut problems = Vec::new();
    let (mut calls, mut others) = (0, 0);
    for exchange in exchanges("every_exchange_is_told_as_it_was") {
        let rig = Rig::new();
        let llm = Llm::under(&rig.session);
        let id = llm.observe(&exchange.request(), &exchange.response());
        let spans = rig.finish();
        let Some(expected) = expected::of(&exchange) else {
            assert!(
                id.is_none() && spans.is_empty(),
                "{} is no call",
                exchange.name
            );
            others += 1;
            continue;
        };
        calls += 1;
        assert_eq!(spans.len(), 1, "{} is a call", exchange.name);
        assert_eq!(Some(spans[0].span_id), id);
        for difference in differences(&spans[0], &expected) {
            problems.push(format!("{}: {difference}", exchange.name));
        }
        let text = format!("{:?}", spans[0]);
        assert!(!text.contains("SECRET-IN"), "{}: {text}", exchange.name);
    }
    assert!(
        problems.is_empty(),
        "{} of {calls} calls:\n{}",
        problems.len(),
        problems.join("\n")
    );
    assert!(
        calls > 20 && others < calls,
        "{calls} calls, {others} others"
    );
}

/// The client gets the provider's bytes, chunk by chunk as they came, and the provider the client's; the
/// span does not depend on the chunks.
#[test]
fn bytes_pass_as_they_come() {
    for exchange in exchanges("bytes_pass_as_they_come") {
        if expected::of(&exchange).is_none() {
            continue;
        }
        let told = Bytes::from(exchange.told.clone().into_bytes());
        let rig = Rig::new();
        let llm = Llm::under(&rig.session);
        llm.observe(&exchange.request(), &exchange.response());
        for size in [usize::MAX, 1000, 61, 7] {
            let frames: Vec<Bytes> = told
                .chunks(size.min(told.len()).max(1))
                .map(|it| told.slice_ref(it))
                .collect();
            let headers = [("content-type", exchange.content_type.as_str())];
            let provider = answering(exchange.status, &headers, &frames, End::Whole);
            let client = llm.layer().layer(provider);
            let request = Request::post(exchange.url()).body(Full::from(exchange.asked.clone()));
            let got = block_on(async {
                let response = client
                    .oneshot(request.expect("right"))
                    .await
                    .expect("it answers");
                assert_eq!(response.status().as_u16(), exchange.status);
                let mut body = response.into_body();
                let mut got = Vec::new();
                while let Some(frame) = body.frame().await {
                    got.push(frame.expect("whole").into_data().expect("data"));
                }
                got
            });
            assert_eq!(got, frames, "{}", exchange.name);
        }
        let spans = rig.finish();
        assert_eq!(spans.len(), 5);
        for span in &spans {
            assert_eq!(attributes(span), attributes(&spans[0]), "{}", exchange.name);
        }
    }
}

/// So long an answer is cut in two at each of its bytes.
const CUT_IN_TWO: usize = 640;
/// Longer ones are cut into pieces of so many bytes, from each place in turn: all of their bytes are the end of a
/// piece once for each of these.
const PIECES: [usize; 2] = [7, 31];
/// So many times an answer is cut into pieces of any length.
const SCATTERS: usize = 8;

/// Cut at every byte, into two pieces (of long answers: into many), byte by byte, and anywhere, an answer is told
/// the same.
#[test]
fn an_answer_is_told_the_same_however_it_is_cut() {
    for exchange in exchanges("an_answer_is_told_the_same_however_it_is_cut") {
        if expected::of(&exchange).is_none() {
            continue;
        }
        let rig = Rig::new();
        let llm = Llm::under(&rig.session);
        let (request, response) = (exchange.request(), exchange.response());
        llm.observe(&request, &response);
        let told = exchange.told.as_bytes();
        let call = |pieces: &mut dyn Iterator<Item = &[u8]>| {
            let begun = llm.begin(request.method(), request.uri(), request.headers(), None);
            let mut call = begun.expect("it is a call");
            call.request(request.body());
            call.response(response.status(), response.headers());
            pieces.for_each(|piece| call.chunk(piece));
            call.end();
        };
        call(&mut told.chunks(1));
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15 ^ told.len() as u64);
        if told.len() <= CUT_IN_TWO {
            for at in 0..=told.len() {
                let (head, tail) = told.split_at(at);
                call(&mut [head, tail].into_iter());
            }
        } else {
            for (size, from) in PIECES
                .map(|size| (0..size).map(move |from| (size, from)))
                .into_iter()
                .flatten()
            {
                let (head, tail) = told.split_at(from);
                call(&mut std::iter::once(head).chain(tail.chunks(size)));
            }
        }
        for _ in 0..SCATTERS {
            let mut rest = told;
            call(&mut std::iter::from_fn(|| {
                let piece = chance.below(1 + rest.len().min(2048));
                let (piece, left) = rest.split_at(piece.max(1).min(rest.len()));
                rest = left;
                (!piece.is_empty()).then_some(piece)
            }));
        }
        let spans = rig.finish();
        let whole = attributes(&spans[0]);
        for span in &spans {
            assert_eq!(attributes(span), whole, "{}", exchange.name);
        }
    }
}

/// Numbers that look random and are the same in each run (xorshift64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % most.max(1) as u64).expect("it is below one")
    }
}
