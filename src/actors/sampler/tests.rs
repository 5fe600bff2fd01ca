//! The sampler beside a model that decides with all knowledge, afterwards.

use std::collections::HashMap;

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span};
use prost::Message;

#[cfg(feature = "spool")]
mod crashes;

use super::window::{Bounds, Load};
use super::*;
use crate::actors::mailbox::{Inbox, bounded};
use crate::actors::pool::CHUNK_BYTES;
use crate::model::about::Said;
use crate::model::chunk::{Digest, End};
use crate::model::id::TraceId;
use crate::model::ledger::Book;
use crate::model::owned_value::OwnedValue;
use crate::model::propagation::trace_state::TraceState;
use crate::model::resource::Origin;
use crate::model::sampling::case::Case;
use crate::model::sampling::policy::{Action, Policy};
use crate::model::sampling::rule::{Match, Outcome, Rule};
use crate::model::sampling::{Holding, Sampling};

const AGENTS: [&str; 3] = ["planner", "critic", "health-check"];
const NAMES: [&str; 3] = ["plan", "search the web", "answer"];

/// Numbers that follow from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % bound
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

/// Everything that is true of a session.
#[derive(Clone, Debug, Default)]
struct Truth {
    digest: Digest,
    agent: &'static str,
    names: Vec<&'static str>,
    levels: Vec<i64>,
}

fn is_true(rule: &Rule, of: &Truth) -> bool {
    let digest = &of.digest;
    let named = |test: &Match, text: &str| match test {
        Match::Equals(OwnedValue::Str(wanted)) => wanted == text,
        Match::Glob(glob) => text.starts_with(glob.trim_end_matches('*')),
        _ => unreachable!("not rolled"),
    };
    match rule {
        Rule::Always => true,
        Rule::Errors => digest.error,
        Rule::EndState(Outcome::Error) => digest.end == End::Error,
        Rule::SlowerThan(limit) => u128::from(digest.longest_ns) > limit.as_nanos(),
        Rule::CostAbove(limit) => digest.cost > *limit,
        Rule::TokensAbove(limit) => digest.tokens > *limit,
        Rule::LlmCallsAbove(limit) => u64::from(digest.llm_calls) > *limit,
        Rule::SpansAbove(limit) => digest.spans > *limit,
        Rule::Agent(test) => named(test, of.agent),
        Rule::SpanName(test) => of.names.iter().any(|name| named(test, name)),
        Rule::Attribute {
            value: Match::Exceeds(limit),
            ..
        } => of.levels.iter().any(|level| *level as f64 > *limit),
        Rule::All(rules) => rules.iter().all(|rule| is_true(rule, of)),
        Rule::Any(rules) => rules.iter().any(|rule| is_true(rule, of)),
        Rule::Not(rule) => !is_true(rule, of),
        _ => unreachable!("not rolled"),
    }
}

/// The share with which the first policy keeps that is for the session.
fn share_of(policies: &[Policy], of: &Truth) -> Option<f64> {
    policies.iter().find_map(|policy| {
        if !is_true(&policy.when, of) {
            return None;
        }
        match &policy.then {
            Action::Keep => Some(1.0),
            Action::Drop => Some(0.0),
            Action::Share(share) => Some(*share),
            Action::First(policies) => share_of(policies, of),
            Action::AtLeast(_) => unreachable!("not rolled"),
        }
    })
}

fn roll_rule(dice: &mut Dice, depth: usize) -> Rule {
    match dice.below(if depth > 2 { 11 } else { 14 }) {
        0 => Rule::Errors,
        1 => Rule::EndState(Outcome::Error),
        2 => Rule::SlowerThan(Duration::from_nanos(dice.below(1000) as u64)),
        3 => Rule::CostAbove(dice.below(10) as f64),
        4 => Rule::TokensAbove(dice.below(50) as u64),
        5 => Rule::LlmCallsAbove(dice.below(3) as u64),
        6 => Rule::SpansAbove(dice.below(12) as u64),
        7 => Rule::Agent(["planner", "health-*"][dice.below(2)].into()),
        8 => Rule::SpanName(["answer", "search*"][dice.below(2)].into()),
        9 => Rule::attribute("app.level", Match::Exceeds(dice.below(20) as f64)),
        10 => Rule::Always,
        11 => Rule::all(
            (0..dice.below(3))
                .map(|_| roll_rule(dice, depth + 1))
                .collect::<Vec<_>>(),
        ),
        12 => Rule::any(
            (0..dice.below(3))
                .map(|_| roll_rule(dice, depth + 1))
                .collect::<Vec<_>>(),
        ),
        _ => !roll_rule(dice, depth + 1),
    }
}

fn roll_policies(dice: &mut Dice, count: usize, depth: usize) -> Vec<Policy> {
    let policies = (0..count).map(|_| {
        let when = roll_rule(dice, 0);
        let then = match dice.below(5) {
            0 | 1 => Action::Keep,
            2 => Action::Drop,
            3 if depth == 0 => Action::First(roll_policies(dice, 2, 1)),
            _ => Action::Share([0.25, 0.5, 0.9][dice.below(3)]),
        };
        Policy::new(when, then)
    });
    policies.collect()
}

/// Policies, and the share of those that none is for.
fn roll_sampling(dice: &mut Dice) -> (Sampling, f64) {
    let rest = [0.0, 0.3, 1.0][dice.below(3)];
    let count = dice.below(5);
    let policies = roll_policies(dice, count, 0);
    (
        policies
            .into_iter()
            .fold(Sampling::ratio(rest), Sampling::policy),
        rest,
    )
}

/// A sampler with what is around it.
struct Bench {
    sampler: Sampler,
    plans: Arc<Plans>,
    book: Arc<Book>,
    _inbox: Inbox<Msg>,
}

fn plan_of(sampling: &Sampling) -> Plan {
    Plan::new(sampling, None).expect("right policies")
}

impl Bench {
    fn new(sampling: &Sampling) -> Self {
        let (mailbox, inbox) = bounded(4);
        let plans = Arc::new(Plans::new(plan_of(sampling)));
        let pool = Pool::new(64 << 20);
        let (clock, counters) = (Clock::new(), Arc::default());
        let sampler = Sampler::new(mailbox, Arc::clone(&plans), None, pool, clock, counters);
        Self {
            sampler,
            plans,
            book: Arc::default(),
            _inbox: inbox,
        }
    }

    fn take(&mut self, chunk: Chunk) -> Vec<Chunk> {
        let mut out = Vec::new();
        self.sampler.take(chunk, 0, &mut out);
        out
    }

    fn finish(&mut self) -> Vec<Chunk> {
        let mut out = Vec::new();
        while let Some(slot) = self.sampler.oldest(0, 0) {
            self.sampler.judge_early(slot, Early::Shutdown, 0, &mut out);
        }
        assert_eq!(self.sampler.window.load(), Load::default());
        out
    }

    fn chunk(&self, key: TraceId, judged: &Judged, spans: Vec<Span>, digest: Digest) -> Chunk {
        let items = spans.len() as u64;
        let scope = ScopeSpans {
            spans,
            ..ScopeSpans::default()
        };
        Chunk {
            signal: Signal::Traces,
            session: SessionKey(key),
            origin: Arc::new(Origin {
                resource: Default::default(),
                scope: Default::default(),
            }),
            bytes: scope.encode_to_vec().into(),
            digest,
            judged: judged.clone(),
            tally: self.book.enter(items),
        }
    }
}

/// A session that happens.
struct Happening {
    key: TraceId,
    judged: Judged,
    truth: Truth,
    sampling: Sampling,
    /// The share of those that no policy is for.
    rest: f64,
    ended: bool,
    parts: usize,
    ends_at: Option<usize>,
    items: u64,
}

fn attribute(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

impl Happening {
    fn roll(dice: &mut Dice, bench: &Bench, sampling: &(Sampling, f64)) -> Self {
        let key = TraceId::random();
        let agent = AGENTS[dice.below(3)];
        let parts = 1 + dice.below(5);
        let about = About {
            agent: Some(agent.into()),
            ..About::default()
        };
        let judged = if dice.one_in(3) {
            Judged::ByKey
        } else {
            let draw = Draw::new(key, &TraceState::EMPTY, None);
            Judged::As(Arc::new(Case::new(
                bench.plans.current(),
                about.into(),
                SessionKey(key),
                draw,
            )))
        };
        Self {
            key,
            judged,
            truth: Truth {
                agent,
                ..Truth::default()
            },
            sampling: sampling.0.clone(),
            rest: sampling.1,
            ended: false,
            parts,
            ends_at: (!dice.one_in(4)).then(|| dice.below(parts)),
            items: 0,
        }
    }

    /// Its next part.
    fn part(&mut self, dice: &mut Dice, bench: &Bench, number: usize) -> Chunk {
        let (spans, digest) = self.roll_part(dice, number);
        bench.chunk(self.key, &self.judged, spans, digest)
    }

    fn roll_part(&mut self, dice: &mut Dice, number: usize) -> (Vec<Span>, Digest) {
        let count = 1 + dice.below(3);
        let mut digest = Digest {
            spans: count as u64,
            error: dice.one_in(8),
            longest_ns: dice.below(1000) as u64,
            llm_calls: dice.below(2) as u32,
            tokens: dice.below(30) as u64,
            cost: dice.below(4) as f64,
            ..Digest::default()
        };
        if self.ends_at == Some(number) {
            digest.root_ended = true;
            digest.end = [End::Unset, End::Success, End::Error][dice.below(3)];
        }
        let mut spans = Vec::new();
        for _ in 0..count {
            let (name, level) = (NAMES[dice.below(3)], dice.below(20) as i64);
            if !self.ended {
                self.truth.names.push(name);
                self.truth.levels.push(level);
            }
            let agent = any_value::Value::StringValue(self.truth.agent.to_owned());
            spans.push(Span {
                trace_id: self.key.to_bytes().to_vec(),
                span_id: (self.items + spans.len() as u64 + 1).to_be_bytes().to_vec(),
                name: name.to_owned(),
                attributes: vec![
                    attribute("app.level", any_value::Value::IntValue(level)),
                    attribute("gen_ai.agent.name", agent),
                ],
                ..Span::default()
            });
        }
        if !self.ended {
            self.truth.digest.merge(&digest);
            self.ended = digest.root_ended;
        }
        self.items += count as u64;
        (spans, digest)
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]

    /// In whatever order sessions arrive and policies change, the sampler keeps the sessions that a model
    /// keeps which knows all of them, whole or not at all, late spans included, and each span carries the
    /// probability of its session. Every span is accounted for.
    #[test]
    fn the_sampler_agrees_with_hindsight(seed: u64) {
        let mut dice = Dice(seed);
        let mut sampling = roll_sampling(&mut dice);
        let mut bench = Bench::new(&sampling.0);
        let mut happenings: Vec<(Happening, usize)> = Vec::new();
        let mut out = Vec::new();
        for _ in 0..200 {
            match dice.below(12) {
                0 => {
                    sampling = roll_sampling(&mut dice);
                    bench.plans.replace(plan_of(&sampling.0));
                }
                1..=3 => {
                    let mut new = Happening::roll(&mut dice, &bench, &sampling);
                    let chunk = new.part(&mut dice, &bench, 0);
                    out.extend(bench.take(chunk));
                    happenings.push((new, 1));
                }
                _ if happenings.is_empty() => {}
                _ => {
                    let which = dice.below(happenings.len());
                    let (session, done) = &mut happenings[which];
                    if *done < session.parts {
                        let chunk = session.part(&mut dice, &bench, *done);
                        *done += 1;
                        out.extend(bench.take(chunk));
                    }
                }
            }
        }
        out.extend(bench.finish());
        let kept: u64 = out.iter().map(Chunk::items).sum();
        let mut exported: HashMap<Vec<u8>, Vec<Span>> = HashMap::new();
        for chunk in &out {
            for span in ScopeSpans::decode(&*chunk.bytes).expect("wire form").spans {
                exported.entry(span.trace_id.clone()).or_default().push(span);
            }
        }
        for (session, _) in &happenings {
            let draw = Draw::new(session.key, &TraceState::EMPTY, None);
            let share = share_of(session.sampling.policies(), &session.truth);
            let share = share.unwrap_or(session.rest);
            let threshold = Threshold::of_share(share);
            let spans = exported.remove(&session.key.to_bytes()[..]).unwrap_or_default();
            let expected = if threshold.keeps(draw.randomness) { session.items } else { 0 };
            proptest::prop_assert_eq!(spans.len() as u64, expected, "{:?} {:?}", session.truth, session.sampling);
            for span in spans {
                let incoming = Draw::new(session.key, &TraceState::of_wire(span.trace_state.as_bytes()), None).incoming;
                proptest::prop_assert_eq!(incoming, threshold);
            }
        }
        let counts = bench.book.counts();
        proptest::prop_assert_eq!(counts.in_flight(), kept);
        proptest::prop_assert_eq!(counts.of(Fate::SampledOut), counts.entered() - kept);
    }
}

/// What an undecided session costs beside its spans is within what is promised, one of this process as one that
/// is found by its key; the list of its chunks may have a sixteenth more room than it needs.
#[test]
fn an_undecided_session_costs_little() {
    const COUNTS: usize = 2 * size_of::<usize>();
    let place = table::SIZE_OF_PLACE;
    let own = place + COUNTS + size_of::<Case>();
    let keyed = place + size_of::<Keyed>() + 2 * size_of::<u32>();
    let chunk = size_of::<held::HeldChunk>();
    assert!(own <= 200 && keyed <= 200, "{place}: {own}, {keyed}");
    assert!(chunk + chunk / 16 <= 64, "{chunk}");
}

fn plain(bench: &Bench, key: TraceId, case: &Judged, bytes: usize) -> Chunk {
    let span = Span {
        name: "x".repeat(bytes),
        ..Span::default()
    };
    let digest = Digest {
        spans: 1,
        ..Digest::default()
    };
    bench.chunk(key, case, vec![span], digest)
}

/// A session that floods is decided early, and those that hold less than their share go on waiting,
/// however old they are.
#[test]
fn a_flood_evicts_nobody_else() {
    let holding = Holding {
        max_bytes: Some(crate::model::byte_size::ByteSize::kib(64)),
        ..Holding::default()
    };
    let sampling = Sampling::always_off()
        .always_keep(Rule::Errors)
        .holding(holding);
    let mut bench = Bench::new(&sampling);
    let quiet: Vec<_> = (0..20).map(|_| TraceId::random()).collect();
    for key in &quiet {
        let chunk = plain(&bench, *key, &Judged::ByKey, 500);
        assert!(bench.take(chunk).is_empty());
    }
    let loud = TraceId::random();
    let bounds = bench.sampler.bounds();
    for _ in 0..100 {
        let chunk = plain(&bench, loud, &Judged::ByKey, 3000);
        assert!(bench.take(chunk).is_empty());
        while let Some(slot) = bench.sampler.window.over(&bounds) {
            bench
                .sampler
                .judge_early(slot, Early::TooMuch, 0, &mut Vec::new());
        }
    }
    let load = bench.sampler.window.load();
    assert_eq!(load.sessions, 20, "the quiet ones");
    assert_eq!(bench.book.counts().of(Fate::SampledOut), 100);
    assert_eq!(
        bench.sampler.counters.counts().too_much,
        1,
        "then it is known"
    );
    let chunk = plain(&bench, quiet[0], &Judged::ByKey, 10);
    assert!(bench.take(chunk).is_empty());
    assert_eq!(bench.sampler.window.load().items, 21);
}

proptest::proptest! {
    /// Over a bound of bytes, nobody who holds less than 15/16 of a share is decided early, and what is
    /// held comes within the bound.
    #[test]
    fn who_is_below_the_share_stays(sizes in proptest::collection::vec(1..5000_usize, 1..60)) {
        let mut bench = Bench::new(&Sampling::always_on().always_keep(Rule::Errors).policy(Policy::drop(Rule::Errors)));
        let bounds = Bounds { sessions: 40, items: 1000, bytes: 40_000 };
        let mut held: HashMap<u32, u64> = HashMap::new();
        for size in sizes {
            let chunk = plain(&bench, TraceId::random(), &Judged::ByKey, size);
            let key = chunk.session;
            let bytes = chunk.bytes.len() as u64;
            bench.sampler.take(chunk, 0, &mut Vec::new());
            let Place::Held(slot) = bench.sampler.window.find_key(key) else {
                panic!("it is open");
            };
            held.insert(slot, bytes);
            while let Some(slot) = bench.sampler.window.over(&bounds) {
                let sum: u64 = held.values().sum();
                let share = sum / held.len() as u64;
                if held.len() <= 40 {
                    proptest::prop_assert!(held[&slot] >= share - share / 16);
                }
                held.remove(&slot);
                bench.sampler.judge_early(slot, Early::TooMuch, 0, &mut Vec::new());
            }
            let load = bench.sampler.window.load();
            proptest::prop_assert_eq!(load.bytes, held.values().sum::<u64>());
            proptest::prop_assert!(load.bytes <= 40_000 && load.sessions <= 40);
        }
    }
}

/// Small chunks are held in memory of their own: the buffer that they shared is free at once.
#[test]
fn a_held_session_holds_its_own_bytes_alone() {
    let sampling = Sampling::always_off().always_keep(Rule::Errors);
    let mut bench = Bench::new(&sampling);
    let pool = Arc::clone(&bench.sampler.pool);
    let shared = pool.take(CHUNK_BYTES).expect("room");
    let mut chunk = plain(&bench, TraceId::random(), &Judged::ByKey, 100);
    let mut buffer = shared;
    buffer.append(&chunk.bytes);
    let len = chunk.bytes.len();
    chunk.bytes = buffer.freeze().slice(..len);
    assert!(bench.take(chunk).is_empty());
    assert_eq!(pool.in_use(), len);
    bench.finish();
    assert_eq!(pool.in_use(), 0);
}

/// A chunk that fills its buffer nearly is held in it, and the window counts all that this takes.
#[test]
fn a_full_chunk_counts_with_its_buffer() {
    let sampling = Sampling::always_off().always_keep(Rule::Errors);
    let mut bench = Bench::new(&sampling);
    let pool = Arc::clone(&bench.sampler.pool);
    let key = TraceId::random();
    let draw = Draw::new(key, &TraceState::EMPTY, None);
    let plan = bench.plans.current();
    let case = Case::new(plan, Said::default(), SessionKey(key), draw);
    let mut chunk = plain(&bench, key, &Judged::As(Arc::new(case)), 15_500);
    let mut buffer = pool.take(chunk.bytes.len()).expect("room");
    buffer.append(&chunk.bytes);
    chunk.bytes = buffer.freeze();
    let origin = chunk.weight() - chunk.bytes.len();
    assert!(bench.take(chunk).is_empty());
    assert_eq!(pool.in_use(), CHUNK_BYTES, "it was not copied");
    let counted = bench.sampler.window.load().bytes as usize - origin;
    assert!(
        (CHUNK_BYTES..=CHUNK_BYTES + 96).contains(&counted),
        "{counted}"
    );
    bench.finish();
    assert_eq!(pool.in_use(), 0);
}

/// What is held when a pipeline is cut off is counted no more: whoever waits for room gets it.
#[test]
fn what_is_cut_off_is_counted_no_more() {
    let sampling = Sampling::always_off().always_keep(Rule::Errors);
    let mut bench = Bench::new(&sampling);
    let pool = Arc::clone(&bench.sampler.pool);
    for size in [10, 2 * CHUNK_BYTES] {
        let chunk = plain(&bench, TraceId::random(), &Judged::ByKey, size);
        assert!(bench.take(chunk).is_empty());
    }
    assert!(pool.in_use() > 2 * CHUNK_BYTES);
    drop(bench);
    assert_eq!(pool.in_use(), 0);
}

/// The oldest session is decided when it was held for as long as may be, however long it goes on, and the
/// others are not.
#[test]
fn an_endless_session_is_decided_in_time() {
    let sampling = Sampling::always_on().policy(Policy::drop(Rule::Errors));
    let mut bench = Bench::new(&sampling);
    let keys = [TraceId::random(), TraceId::random()];
    let second = 1_000_000_000;
    for (key, now_ns) in keys.into_iter().zip([0, second]) {
        let chunk = plain(&bench, key, &Judged::ByKey, 10);
        bench.sampler.take(chunk, now_ns, &mut Vec::new());
    }
    let wait_ns = bench.sampler.max_wait_ns();
    assert_eq!(wait_ns, 600 * second);
    assert_eq!(bench.sampler.oldest(wait_ns, 600 * second - 1), None);
    let oldest = bench
        .sampler
        .oldest(wait_ns, 600 * second)
        .expect("its time has come");
    let mut out = Vec::new();
    bench
        .sampler
        .judge_early(oldest, Early::TooLong, 600 * second, &mut out);
    assert_eq!(out.len(), 1);
    assert_eq!(bench.sampler.oldest(wait_ns, 600 * second), None);
    let late = plain(&bench, keys[0], &Judged::ByKey, 10);
    assert_eq!(bench.take(late).len(), 1, "it passes from then on");
}

/// Decides at the last chance.
struct Late;

impl Sample for Late {
    fn sample(&mut self, session: &own::SessionFacts) -> own::Verdict {
        match session.last_chance {
            true => own::Verdict::Drop,
            false => own::Verdict::Wait,
        }
    }
}

/// A verdict is of the session that was asked about, also where another of those named is decided already.
#[tokio::test]
async fn a_verdict_is_of_the_session_asked_about() {
    let mut bench = Bench::new(&Sampling::default());
    let (mailbox, _inbox) = bounded(4);
    let sampler = Sampler::new(
        mailbox,
        Arc::clone(&bench.plans),
        Some(Box::new(Late)),
        Pool::new(1 << 20),
        Clock::new(),
        Arc::default(),
    );
    bench.sampler = sampler;
    let keys = [TraceId::random(), TraceId::random()];
    let of = |key: &TraceId| {
        let (judged, spans) = (Judged::ByKey, vec![Span::default()]);
        bench.chunk(*key, &judged, spans, Digest::default())
    };
    let chunks = keys.iter().map(of).collect();
    let (sampler, mut out) = (&mut bench.sampler, Vec::new());
    sampler.take_in_for_own(chunks, &mut out).await;
    let slots = keys.map(|key| match sampler.window.find_key(SessionKey(key)) {
        Place::Held(slot) => slot,
        _ => panic!("it is held"),
    });
    for chunk in sampler.decide(slots[0], Decision::kept(true)) {
        chunk.tally.settle(Fate::Exported);
    }
    sampler.ask(slots.to_vec(), true, &mut out).await;
    assert!(sampler.window.get(slots[1]).is_none(), "it is decided");
    assert_eq!(sampler.window.load(), Load::default());
}
