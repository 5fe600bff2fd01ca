//! Sessions as agents make them, the same in every run.

use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::trace::v1::Span;
use spanreel::Request;
use spanreel_store::{SqliteStore, Store};

use super::telemetry::{self, mix, text, usual_span, with};

/// Spans of a usual session.
pub(crate) const USUAL: u64 = 50;

/// Spans of a long session, and how many of them there are.
pub(crate) const LONG: u64 = 1_000;
pub(crate) const LONG_ONES: u64 = 20;

/// Spans of the largest, where there are a million in all.
pub(crate) const LARGEST: u64 = 100_000;

/// Sessions that are open at once.
const OPEN: u64 = 160;

/// Spans of a request.
const BATCH: usize = 2_048;

/// When the first session starts, in microseconds since 1970.
pub(crate) const BEGIN: u64 = 1_790_000_000_000_000;

/// Different words that are said.
const WORDS: u64 = 20_000;

/// What is stored: sessions with numbers from 0, and behind them the long ones and the largest.
pub(crate) struct Plan {
    /// Usual sessions.
    pub(crate) sessions: u64,
    pub(crate) has_largest: bool,
}

impl Plan {
    pub(crate) fn of(spans: u64) -> Self {
        Self {
            sessions: spans / USUAL,
            has_largest: spans >= 1_000_000,
        }
    }

    /// The number of a long session.
    pub(crate) fn long(&self, which: u64) -> u64 {
        self.sessions + which % LONG_ONES
    }

    /// The number of the largest.
    pub(crate) fn largest(&self) -> u64 {
        self.sessions + LONG_ONES
    }

    /// When the last session starts.
    pub(crate) fn end(&self) -> u64 {
        start(self.largest() + 1)
    }
}

pub(crate) fn start(number: u64) -> u64 {
    BEGIN + number * 1_000_000
}

pub(crate) fn id(number: u64) -> String {
    format!("conv-{number:08x}")
}

/// A word: the smaller its number, the more it is said.
pub(crate) fn word(number: u64) -> String {
    let syllables = ["ba", "ku", "ri", "so", "te", "na", "li", "mo", "pe", "du"];
    let mut rest = mix(number) % 1_000_000;
    let mut word = String::new();
    for _ in 0..4 {
        word.push_str(syllables[(rest % 10) as usize]);
        rest /= 10;
    }
    word
}

/// Twelve words, most of them frequent ones.
fn sentence(seed: u64) -> String {
    let words = (0..12).map(|index| {
        let share = (mix(seed + index) % 10_000) as f64 / 10_000.0;
        word((share.powi(4) * WORDS as f64) as u64)
    });
    words.collect::<Vec<_>>().join(" ")
}

/// A span; none for the root of one session in fifty, which goes on.
fn span(number: u64, index: u64, count: u64) -> Option<Span> {
    if index + 1 == count && number % 50 == 1 {
        return None;
    }
    let span = usual_span(number, index, count, start(number));
    // What was asked and answered, of some.
    let says = index % 10 == 1;
    Some(match says {
        true => with(
            span,
            vec![text("input.value", &sentence(number * 1_000 + index))],
        ),
        false => span,
    })
}

/// Requests of spans of sessions that run beside one another.
fn requests(plan: &Plan) -> impl Iterator<Item = Request> {
    let sessions = plan.sessions;
    let usual = (0..sessions.div_ceil(OPEN)).flat_map(move |round| {
        (0..USUAL).flat_map(move |index| {
            let from = round * OPEN;
            (from..(from + OPEN).min(sessions)).filter_map(move |number| span(number, index, USUAL))
        })
    });
    let long = (sessions..sessions + LONG_ONES)
        .flat_map(|number| (0..LONG).filter_map(move |index| span(number, index, LONG)));
    let (largest, number) = (if plan.has_largest { LARGEST } else { 0 }, plan.largest());
    let largest = (0..largest).filter_map(move |index| span(number, index, LARGEST));
    let mut spans = usual.chain(long).chain(largest).peekable();
    std::iter::from_fn(move || {
        spans.peek()?;
        let batch: Vec<_> = spans.by_ref().take(BATCH).collect();
        Some(telemetry::spans("bench", batch))
    })
}

/// Requests of usual sessions that come after all of a plan, without end.
pub(crate) fn later(plan: &Plan) -> impl Iterator<Item = Request> + Send + 'static {
    let first = plan.largest() + 1;
    let mut spans = (0..).flat_map(move |round| {
        (0..USUAL).flat_map(move |index| {
            let from = first + round * OPEN;
            (from..from + OPEN).filter_map(move |number| span(number, index, USUAL))
        })
    });
    std::iter::from_fn(move || {
        let batch = spans.by_ref().take(BATCH).collect();
        Some(telemetry::spans("bench", batch))
    })
}

/// Fills a store, and says how fast.
pub(crate) fn fill(store: &SqliteStore, plan: &Plan) {
    let (mut wire, mut written) = (0, 0);
    let (mut busy, mut cpu, mut slowest) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let mut waiting = Vec::new();
    let mut all = requests(plan).peekable();
    while let Some(request) = all.next() {
        wire += request.encoded_len() as u64;
        written += request.items();
        waiting.push(request);
        // As many as the lane has under way, at the most.
        if waiting.len() < 4 && all.peek().is_some() {
            continue;
        }
        let (begun, before) = (Instant::now(), super::computed());
        store.write(&waiting).expect("it can be written");
        waiting.clear();
        let took = begun.elapsed();
        busy += took;
        cpu += super::computed() - before;
        slowest = slowest.max(took);
    }
    let stats = store.stats();
    assert_eq!(stats.spans, written, "all of them are there");
    println!(
        "{written} spans of {} sessions: {:.0} spans/s, {:.0} for each second of computing, slowest write {slowest:.0?}",
        stats.sessions,
        written as f64 / busy.as_secs_f64(),
        written as f64 / cpu.as_secs_f64(),
    );
    println!(
        "OTLP {:.0} bytes a span, on disk {:.0}: {:.0} %",
        wire as f64 / written as f64,
        stats.bytes as f64 / written as f64,
        stats.bytes as f64 / wire as f64 * 100.0
    );
}
