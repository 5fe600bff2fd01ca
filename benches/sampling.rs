//! What tail sampling costs: a span through a pipeline with and without tail rules, in one run, also
//! beside a hundred thousand undecided sessions; and a session's decision at a hundred policies.
//!
//! The pipeline's thread is part of what is measured: each run ends with a flush.

use std::time::Duration;

use divan::{Bencher, counter::ItemsCount};
use futures::executor::block_on;
use spanreel::{
    BatchConfig, ByteSize, Fate, Holding, Match, Null, Pipeline, Policy, Rule, Sampling, Seal,
    Session, WhenFull,
};

/// Sessions of a run, and the spans of each.
const SESSIONS: usize = 200;
const SPANS: usize = 100;

/// Undecided sessions that are there all the time.
const UNDECIDED: usize = 100_000;

fn main() {
    divan::main();
}

fn pipeline(sampling: Sampling) -> Pipeline {
    pipeline_of(sampling, ByteSize::gib(1))
}

fn pipeline_of(sampling: Sampling, budget: ByteSize) -> Pipeline {
    Pipeline::builder()
        .sampling(sampling)
        .when_full(WhenFull::Block)
        .budget(budget)
        .batch(BatchConfig {
            seal: Seal::WhenLanesIdle,
            ..BatchConfig::default()
        })
        .export(Null)
        .start()
        .expect("the configuration is right")
}

fn rules(rest: Sampling) -> Sampling {
    rest.always_keep(Rule::Errors)
        .always_keep(Rule::CostAbove(1.0))
        .always_keep(Rule::SlowerThan(Duration::from_secs(60)))
}

fn spans(session: &Session, count: usize) {
    for number in 0..count {
        let mut span = session.chat("anthropic", "claude-sonnet-4-5").start();
        span.tokens(1200, 150);
        span.set("gen_ai.response.model", "claude-sonnet-4-5-20250929");
        span.set("server.address", "api.anthropic.com");
        span.set("gen_ai.request.temperature", 0.7);
        span.end();
        if number % 32 == 0 {
            block_on(session.ready()).expect("the pipeline is open");
        }
    }
}

/// Records and flushes spans of sessions that end.
fn measure(bencher: Bencher<'_, '_>, pipeline: &Pipeline) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    bencher
        .counter(ItemsCount::new(SESSIONS * SPANS))
        .bench_local(|| {
            for _ in 0..SESSIONS {
                let session = pipeline.session("").expect("the pipeline is open");
                spans(&session, SPANS);
                session.end();
            }
            let flushed = runtime.block_on(pipeline.flush(Duration::from_secs(60)));
            flushed.expect("the pipeline is open")
        });
}

/// What is kept of the rest: all as it is, or a share, which has its probability written into its spans.
#[derive(Clone, Copy, Debug)]
enum Kept {
    All,
    OnePercent,
    Half,
}

const KEPT: [Kept; 3] = [Kept::All, Kept::OnePercent, Kept::Half];

fn rest(kept: Kept) -> Sampling {
    match kept {
        Kept::All => Sampling::always_on(),
        Kept::OnePercent => Sampling::ratio(0.01),
        Kept::Half => Sampling::ratio(0.5),
    }
}

#[divan::bench]
fn without_tail_rules(bencher: Bencher<'_, '_>) {
    measure(bencher, &pipeline(Sampling::always_on()));
}

#[divan::bench(args = KEPT)]
fn with_tail_rules(bencher: Bencher<'_, '_>, kept: Kept) {
    measure(bencher, &pipeline(rules(rest(kept))));
}

/// With a rule that looks into every span.
#[divan::bench]
fn with_a_scan_for_an_attribute(bencher: Bencher<'_, '_>) {
    let rule = Rule::attribute("app.tier", "gold");
    measure(bencher, &pipeline(rules(rest(Kept::All)).always_keep(rule)));
}

/// Beside so many open sessions, without tail rules and with them, undecided. It is waited for what ends
/// to be exported: a flush would look at all sessions, which is another cost.
#[divan::bench(args = [false, true])]
fn beside_many_sessions(bencher: Bencher<'_, '_>, has_rules: bool) {
    let holding = Holding {
        max_wait: Duration::from_secs(86_400),
        ..Holding::default()
    };
    let sampling = match has_rules {
        true => rules(rest(Kept::All)).holding(holding),
        false => rest(Kept::All),
    };
    let pipeline = pipeline(sampling);
    let open = |_| {
        let session = pipeline.session("").expect("the pipeline is open");
        spans(&session, 5);
        session
    };
    let sessions: Vec<_> = (0..UNDECIDED).map(open).collect();
    while has_rules && pipeline.stats().sampling.undecided < UNDECIDED as u64 {
        std::thread::park_timeout(Duration::from_millis(10));
    }
    let exported = || {
        let lanes = pipeline.stats().lanes;
        lanes[0].traces.of(Fate::Exported)
    };
    let spans_of_a_run = (10 * SESSIONS * (SPANS + 1)) as u64;
    bencher
        .counter(ItemsCount::new(spans_of_a_run))
        .bench_local(|| {
            let before = exported();
            for _ in 0..10 * SESSIONS {
                let session = pipeline.session("").expect("the pipeline is open");
                spans(&session, SPANS);
                session.end();
            }
            while exported() < before + spans_of_a_run {
                std::thread::park_timeout(Duration::from_millis(1));
            }
        });
    drop(sessions);
}

/// Spans that a window holds which is filled.
const TURNS: usize = 4;
const SPANS_OF_A_TURN: usize = 3;

/// A window that is filled and emptied: so many sessions take turns, and then all of them end. The first run
/// of a process takes all of its memory from the system; what later ones cost less is what is recycled.
#[divan::bench(args = [false, true], sample_count = 4, sample_size = 1)]
fn filling(bencher: Bencher<'_, '_>, has_rules: bool) {
    let sampling = match has_rules {
        true => rules(rest(Kept::All)),
        false => rest(Kept::All),
    };
    let pipeline = pipeline_of(sampling, ByteSize::gib(3));
    let exported = || {
        let lanes = pipeline.stats().lanes;
        lanes[0].traces.of(Fate::Exported)
    };
    let spans_of_a_run = (UNDECIDED * (TURNS * SPANS_OF_A_TURN + 1)) as u64;
    bencher
        .counter(ItemsCount::new(spans_of_a_run))
        .bench_local(|| {
            let before = exported();
            let open = |_| pipeline.session("").expect("the pipeline is open");
            let sessions: Vec<_> = (0..UNDECIDED).map(open).collect();
            for _ in 0..TURNS {
                for session in &sessions {
                    spans(session, SPANS_OF_A_TURN);
                }
            }
            for session in sessions {
                session.end();
            }
            while exported() < before + spans_of_a_run {
                std::thread::park_timeout(Duration::from_millis(5));
            }
        });
    assert_eq!(pipeline.stats().sampling.early, 0, "all of it is held");
}

/// Sessions of one span, at so many policies: all are asked at the end of each.
#[divan::bench(args = [0, 1, 100])]
fn sessions_at_policies(bencher: Bencher<'_, '_>, count: u32) {
    let sampling = (0..count).fold(Sampling::ratio(0.5), |sampling, number| {
        let rule = match number % 4 {
            0 => Rule::CostAbove(f64::from(number) + 1.0),
            1 => Rule::TokensAbove(1_000_000),
            2 => Rule::all([
                Rule::Errors,
                Rule::Agent(Match::from(format!("agent-{number}"))),
            ]),
            _ => Rule::SlowerThan(Duration::from_secs(600)),
        };
        sampling.policy(Policy::keep(rule))
    });
    let pipeline = pipeline(sampling);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    bencher
        .counter(ItemsCount::new(10 * SESSIONS))
        .bench_local(|| {
            for _ in 0..10 * SESSIONS {
                pipeline.session("").expect("the pipeline is open").end();
            }
            let flushed = runtime.block_on(pipeline.flush(Duration::from_secs(60)));
            flushed.expect("the pipeline is open")
        });
}
