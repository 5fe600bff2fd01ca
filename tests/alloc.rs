//! What recording costs in memory, counted by the allocator: on every thread, the pipeline's own
//! among them.
//!
//! The tests run one after the other, under a lock, for they share the counters.

#![expect(
    unsafe_code,
    reason = "a global allocator is unsafe to implement; this one only counts and passes on"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use spanreel::{
    Baggage, BatchConfig, ByteSize, Null, Pipeline, Propagators, Resource, Rule, Sampling, Session,
    SessionConfig, Signal, SpanContext, Value, WhenFull,
};

#[path = "support/mod.rs"]
mod support;

struct Counting;

/// How often memory was asked for, also to grow.
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
/// How many bytes are held.
static HELD: AtomicI64 = AtomicI64::new(0);

fn note(allocations: u64, bytes: i64) {
    ALLOCATIONS.fetch_add(allocations, Ordering::Relaxed);
    HELD.fetch_add(bytes, Ordering::Relaxed);
}

#[expect(clippy::cast_possible_wrap, reason = "no layout exceeds isize::MAX")]
fn size(bytes: usize) -> i64 {
    bytes as i64
}

// SAFETY: every call is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, size(layout.size()));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(1, size(layout.size()));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        note(0, -size(layout.size()));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        note(1, size(new_size) - size(layout.size()));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(ptr, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn start(sessions: SessionConfig) -> Pipeline {
    Pipeline::builder()
        .resource(Resource::empty())
        .sessions(sessions)
        .budget(ByteSize::mib(512))
        .when_full(WhenFull::Block)
        .batch(BatchConfig {
            schedule_delay: Duration::from_millis(100),
            ..BatchConfig::default()
        })
        .export(Null)
        .start()
        .expect("a right configuration")
}

#[track_caller]
fn stop(pipeline: &Pipeline) {
    let report = pipeline.shutdown_blocking(Duration::from_secs(30));
    support::ledger::assert_settled(&report);
    assert!(report.is_lossless(), "{report}");
}

/// A session that goes on for long, as the promise has it: no roll-over on the way.
fn endless() -> SessionConfig {
    SessionConfig {
        max_spans: u64::MAX,
        max_bytes: ByteSize::bytes(u64::MAX),
        ..SessionConfig::default()
    }
}

/// One turn of an agent: a call of a model with 12 attributes and two of tools with 5 attributes and
/// an event each. Four spans with the one around them.
const SPANS_PER_TURN: u64 = 4;

fn turn(session: &Session) {
    let root = session.child("turn").start();
    // `chat` sets three attributes itself, `tokens` two.
    let mut chat = root
        .chat("anthropic", "claude")
        .attribute("gen_ai.request.max_tokens", 4096_i64)
        .attribute("gen_ai.request.temperature", 0.7)
        .attribute("gen_ai.request.stream", true)
        .attribute("gen_ai.response.id", "msg_0123456789abcdef")
        .attribute("gen_ai.response.model", "claude-latest")
        .attribute("server.address", "api.example.com")
        .attribute("server.port", 443_i64)
        .start();
    chat.tokens(1200, 340);
    chat.end();
    for name in ["search", "fetch"] {
        // `tool` sets two attributes itself.
        let mut tool = root
            .tool(name)
            .call_id("call_0123456789")
            .attribute("url.full", "https://example.com/search?q=telemetry")
            .attribute("http.response.status_code", 200_i64)
            .start();
        tool.event("cache.miss", &[("key", Value::from("telemetry"))]);
        tool.end();
    }
    root.end();
}

/// Waits until the pipeline has room, so that nothing is measured but the steady state.
fn wait(runtime: &tokio::runtime::Runtime, session: &Session) {
    runtime.block_on(session.ready()).expect("open");
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// Runs `work` for `turns`, warmed up, and returns the allocations per span on all threads.
fn allocations_per_span(pipeline: &Pipeline, turns: usize, mut work: impl FnMut(usize)) -> f64 {
    let settle = || {
        let flushed = runtime().block_on(pipeline.flush(Duration::from_secs(30)));
        assert!(flushed.expect("open").complete);
    };
    (0..turns).for_each(&mut work);
    settle();
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    (0..turns).for_each(&mut work);
    settle();
    let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
    allocations as f64 / (turns as u64 * SPANS_PER_TURN) as f64
}

/// Recording a span allocates at most 0.1 times, on all threads together.
#[test]
fn a_span_hardly_allocates() {
    let _alone = alone();
    let pipeline = start(endless());
    let session = pipeline.session("conv-1").expect("open");
    let runtime = runtime();
    let per_span = allocations_per_span(&pipeline, 10_000, |_| {
        turn(&session);
        wait(&runtime, &session);
    });
    session.end();
    stop(&pipeline);
    assert!(per_span <= 0.1, "{per_span:.4} allocations per span");
}

/// The same holds where the spans are spread over many sessions, in turn.
#[test]
fn a_span_of_many_sessions_hardly_allocates() {
    let _alone = alone();
    let pipeline = start(endless());
    let open = |number| pipeline.session(&format!("conv-{number}")).expect("open");
    let sessions: Vec<_> = (0..1000).map(open).collect();
    let runtime = runtime();
    let per_span = allocations_per_span(&pipeline, 20_000, |number| {
        let session = &sessions[number % sessions.len()];
        turn(session);
        wait(&runtime, session);
    });
    sessions.iter().for_each(Session::end);
    stop(&pipeline);
    assert!(per_span <= 0.1, "{per_span:.4} allocations per span");
}

/// Reading a context allocates nothing but the trace state that is kept, and writing one to a carrier
/// that has room allocates nothing.
#[test]
fn context_crosses_borders_without_allocation() {
    const ROUNDS: u64 = 1000;
    let _alone = alone();
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03";
    let plain = [("host", "a.test"), ("traceparent", traceparent)];
    let stated = [
        ("traceparent", traceparent),
        ("tracestate", "ot=th:8,congo=1"),
    ];
    let propagators = Propagators::default();
    let mut carrier: Vec<(String, String)> = Vec::new();
    let context = SpanContext::extract(&stated).expect("valid");
    let baggage = Baggage::parse("tenant=acme");
    propagators.inject(&context, &baggage, &mut carrier);
    // Other threads are counted, too: the quietest of some attempts counts.
    let counted = |mut work: Box<dyn FnMut()>| {
        let mut attempt = || {
            let before = ALLOCATIONS.load(Ordering::Relaxed);
            (0..ROUNDS).for_each(|_| work());
            ALLOCATIONS.load(Ordering::Relaxed) - before
        };
        (0..5).map(|_| attempt()).min().unwrap_or_default()
    };
    let read = Box::new(move || assert!(SpanContext::extract(&plain).is_some()));
    assert_eq!(counted(read), 0, "a traceparent is read");
    let read = Box::new(move || assert!(SpanContext::extract(&stated).is_some()));
    assert_eq!(counted(read), ROUNDS, "a tracestate is kept");
    let write = Box::new(move || propagators.inject(&context, &baggage, &mut carrier));
    assert_eq!(counted(write), 0, "both are written, and baggage");
}

/// Into headers, nothing is allocated but the value.
#[cfg(feature = "headers")]
#[test]
fn headers_take_no_memory_but_the_value() {
    const ROUNDS: u64 = 1000;
    let _alone = alone();
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03";
    let context = SpanContext::from_traceparent(traceparent).expect("valid");
    let mut headers = http::HeaderMap::with_capacity(2);
    let mut attempt = || {
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        for _ in 0..ROUNDS {
            context.inject(&mut headers);
            assert_eq!(SpanContext::extract(&headers).as_ref(), Some(&context));
        }
        ALLOCATIONS.load(Ordering::Relaxed) - before
    };
    // Other threads are counted, too: the quietest of some attempts counts.
    let counted = (0..5).map(|_| attempt()).min();
    assert_eq!(counted, Some(ROUNDS));
}

/// Whatever a caller sends, reading it takes no more memory than the limits allow.
#[test]
fn hostile_headers_take_no_memory() {
    let _alone = alone();
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03";
    let members: Vec<_> = (0..10_000).map(|number| format!("k{number}=v")).collect();
    for hostile in [
        members.join(","),
        format!("a={}", "x".repeat(64 << 10)),
        "a=1;p,".repeat(20_000),
        "%ff=\r\n,".repeat(10_000),
    ] {
        let headers = [
            ("traceparent", traceparent),
            ("tracestate", &hostile),
            ("baggage", &hostile),
        ];
        let before = HELD.load(Ordering::Relaxed);
        let extracted = Propagators::default().extract(&headers);
        let held = HELD.load(Ordering::Relaxed) - before;
        assert!(extracted.parent.is_some());
        assert!(held <= 10 << 10, "{held} bytes are held");
    }
}

fn open_idle(pipeline: &Pipeline, number: usize) -> Session {
    let session = pipeline
        .open_session(&format!("conversation-{number}"))
        .agent("planner")
        .user("user-4711")
        .tag("beta")
        .tag("eu-west")
        .tag("paid")
        .baggage("tenant", "acme")
        .open()
        .expect("open");
    session.chat("openai", "gpt").start().end();
    session.tool("search").start().end();
    session
}

/// An open session in which nothing happens holds at most 1.5 KiB, with a user, three tags, baggage
/// and two spans that ended.
#[test]
fn an_idle_session_is_small() {
    const SESSIONS: usize = 100_000;
    let _alone = alone();
    let pipeline = start(SessionConfig::default());
    let before = HELD.load(Ordering::Relaxed);
    for number in 0..SESSIONS {
        drop(open_idle(&pipeline, number));
        if number % 5000 == 4999 {
            let flushed = runtime().block_on(pipeline.flush(Duration::from_secs(30)));
            flushed.expect("open");
        }
    }
    assert_eq!(pipeline.sessions().len(), SESSIONS);
    // What a session needs while it is busy is given back within seconds; idle buffers are the
    // pool's, whose bound is the budget.
    let mut held = i64::MAX;
    for _ in 0..40 {
        std::thread::park_timeout(Duration::from_millis(250));
        held = (HELD.load(Ordering::Relaxed) - before) / size(SESSIONS);
        if held <= 1536 {
            break;
        }
    }
    for session in pipeline.sessions() {
        pipeline.session(&session.id).expect("open").end();
    }
    stop(&pipeline);
    assert!(held <= 1536, "{held} bytes for each idle session");
}

/// A chunk of an undecided session takes at most 64 bytes beside those of its spans, whatever holds it: as the
/// allocator counts them.
#[test]
fn an_undecided_chunk_is_small() {
    const SESSIONS: usize = 4_000;
    const WARM: usize = 28;
    const ROUNDS: usize = 30;
    let _alone = alone();
    let pipeline = start_holding(keep_errors(), UNTIL_FLUSHED);
    let runtime = runtime();
    let flush = || {
        let flushed = runtime.block_on(pipeline.flush(Duration::from_secs(30)));
        flushed.expect("open");
    };
    let sessions: Vec<_> = (0..SESSIONS)
        .map(|_| pipeline.session("").expect("open"))
        .collect();
    // Chunks of one span each, and of two: they differ by the bytes of a span alone.
    let round = |spans: usize| {
        for session in &sessions {
            for _ in 0..spans {
                session.child("step").start().end();
            }
        }
        flush();
        let held = pipeline.stats().sampling.held_bytes.as_u64();
        (
            HELD.load(Ordering::Relaxed),
            i64::try_from(held).expect("little"),
        )
    };
    // What sessions need, and what the pool keeps, is there after some.
    let warm = [round(1), round(2), round(1), round(2), round(1)];
    let (of_two, of_one) = (warm[3].1 - warm[2].1, warm[4].1 - warm[3].1);
    let wire = (of_two - of_one) / size(SESSIONS);
    assert!((40..200).contains(&wire), "{wire} bytes of a span");
    let before = (0..WARM).fold(warm[4].0, |_, _| round(1).0);
    let after = (0..ROUNDS).fold(before, |_, _| round(1).0);
    let chunks = size(SESSIONS * ROUNDS);
    let beside = (after - before) as f64 / chunks as f64 - wire as f64;
    assert_eq!(pipeline.stats().sampling.undecided, SESSIONS as u64);
    drop(sessions);
    let report = pipeline.shutdown_blocking(Duration::from_secs(30));
    support::ledger::assert_settled(&report);
    assert!(
        (8.0..=64.0).contains(&beside),
        "{beside} bytes beside {wire}"
    );
}

/// A session that waits to be sealed has a buffer and a place in a list: where these are not what is counted, it
/// does not wait for long.
const SHORTLY: Duration = Duration::from_millis(1);
/// What a session ends before a flush is one chunk.
const UNTIL_FLUSHED: Duration = Duration::from_secs(300);

/// A pipeline that holds every session that has not failed.
fn start_holding(sampling: Sampling, linger: Duration) -> Pipeline {
    let sessions = SessionConfig {
        linger,
        ..SessionConfig::default()
    };
    Pipeline::builder()
        .resource(Resource::empty())
        .sessions(sessions)
        .budget(ByteSize::mib(512))
        .when_full(WhenFull::Block)
        .sampling(sampling)
        .export(Null)
        .start()
        .expect("a right configuration")
}

fn keep_errors() -> Sampling {
    Sampling::always_off().always_keep(Rule::Errors)
}

/// What each of many sessions adds to what is held, which `add` adds so many at a time.
fn held_for_each(pipeline: &Pipeline, mut add: impl FnMut(usize)) -> f64 {
    const FEW: usize = 10_000;
    const MANY: usize = 60_000;
    const AT_ONCE: usize = 500;
    let runtime = runtime();
    let mut grow = |sessions: std::ops::Range<usize>| {
        for number in sessions {
            if number % AT_ONCE == 0 {
                add(AT_ONCE);
                let flushed = runtime.block_on(pipeline.flush(Duration::from_secs(30)));
                flushed.expect("open");
            }
        }
        HELD.load(Ordering::Relaxed)
    };
    let before = grow(0..FEW);
    (grow(FEW..MANY) - before) as f64 / (MANY - FEW) as f64
}

/// A session of this process that is undecided takes at most 200 bytes beside its spans, its case included, and 64
/// for its chunk, as the allocator counts them: what it takes more than one that nobody judges.
#[test]
fn an_undecided_session_is_small() {
    let _alone = alone();
    let held = |sampling: Sampling| {
        let pipeline = start_holding(sampling, SHORTLY);
        let mut open = Vec::with_capacity(100_000);
        let each = held_for_each(&pipeline, |count| {
            for _ in 0..count {
                let session = pipeline.session("").expect("open");
                session.child("step").start().end();
                open.push(session);
            }
        });
        let wire = wire_of_a_step(&pipeline);
        drop(open);
        let report = pipeline.shutdown_blocking(Duration::from_secs(30));
        support::ledger::assert_settled(&report);
        (each, wire)
    };
    let (without, _) = held(Sampling::always_on());
    let (with, wire) = held(keep_errors());
    let beside = with - without - wire;
    assert!(
        (200.0..=264.0).contains(&beside),
        "{beside} bytes beside {wire}: {with} less {without}"
    );
}

/// How many bytes the span of a step has that is held: what a chunk of two has more than a chunk of one.
fn wire_of_a_step(pipeline: &Pipeline) -> f64 {
    let session = pipeline.session("").expect("open");
    let runtime = runtime();
    let held = |spans: usize| {
        for _ in 0..spans {
            session.child("step").start().end();
        }
        let flushed = runtime.block_on(pipeline.flush(Duration::from_secs(30)));
        flushed.expect("open");
        pipeline.stats().sampling.held_bytes.as_u64() as f64
    };
    let (none, one) = (held(0), held(1));
    let two = held(2);
    (two - one) - (one - none)
}

/// A session of another process that is undecided takes at most 200 bytes beside its spans, and 64 for its chunk,
/// as the allocator counts them; nobody waits for its receipt.
#[test]
fn an_undecided_session_of_others_is_small() {
    let _alone = alone();
    let pipeline = start_holding(keep_errors(), SHORTLY);
    let intake = pipeline.intake();
    let mut next = 0_u128;
    let mut wire = 0.0;
    let mut kept = 0;
    let each = held_for_each(&pipeline, |count| {
        let spans = (0..count).map(|_| {
            next += 1;
            Span {
                trace_id: next.to_be_bytes().to_vec(),
                span_id: vec![7; 8],
                parent_span_id: vec![8; 8],
                name: "step".to_owned(),
                ..Span::default()
            }
        });
        let scope = ScopeSpans {
            spans: spans.collect(),
            ..ScopeSpans::default()
        };
        wire = scope.encoded_len() as f64 / count as f64;
        let resource = ResourceSpans {
            scope_spans: vec![scope],
            ..ResourceSpans::default()
        };
        let request = ExportTraceServiceRequest {
            resource_spans: vec![resource],
        };
        let request = Bytes::from(request.encode_to_vec());
        let undecided = || pipeline.stats().sampling.undecided;
        let before = undecided();
        drop(intake.try_accept(Signal::Traces, request).expect("room"));
        // Where the sampler was faster than that drop, it has kept the receipt of each session, in 64 bytes.
        if undecided() > before {
            kept += count;
        }
    });
    assert_eq!(pipeline.stats().sampling.undecided, 60_000);
    let report = pipeline.shutdown_blocking(Duration::from_secs(30));
    support::ledger::assert_settled(&report);
    let beside = each - wire;
    let most = 264.0 + 64.0 * kept as f64 / 50_000.0;
    assert!(
        (200.0..=most).contains(&beside),
        "{beside} bytes beside {wire}, at most {most}"
    );
}

/// A window of 1 GiB holds at least 1.8 million spans of agents at work, by its own count as by the allocator's:
/// found from 100,000 of them, in sessions of 50 turns and in sessions of one.
#[test]
fn a_window_of_a_gibibyte_holds_many_spans() {
    const SPANS: usize = 100_000;
    const FOR_EACH: f64 = (1_u64 << 30) as f64 / 1.8e6;
    let _alone = alone();
    for turns in [50, 1] {
        // What is held of them, by the allocator's count and the window's.
        let held = |sampling: Sampling| {
            let pipeline = start_holding(sampling, SHORTLY);
            let runtime = runtime();
            let before = HELD.load(Ordering::Relaxed);
            let open = |_| {
                let session = pipeline.session("").expect("open");
                for _ in 0..turns {
                    turn(&session);
                    wait(&runtime, &session);
                }
                session
            };
            let sessions = SPANS / SPANS_PER_TURN as usize / turns;
            let open: Vec<_> = (0..sessions).map(open).collect();
            let flushed = runtime.block_on(pipeline.flush(Duration::from_secs(30)));
            flushed.expect("open");
            let held = HELD.load(Ordering::Relaxed) - before;
            let stats = pipeline.stats().sampling;
            drop(open);
            let report = pipeline.shutdown_blocking(Duration::from_secs(30));
            support::ledger::assert_settled(&report);
            (held, stats)
        };
        let (without, _) = held(Sampling::always_on());
        let (with, stats) = held(keep_errors());
        assert_eq!(stats.held_items, SPANS as u64, "all of it is held");
        let counted = stats.held_bytes.as_u64() as f64 / SPANS as f64;
        let allocated = (with - without) as f64 / SPANS as f64;
        assert!(
            counted.max(allocated) <= FOR_EACH,
            "in sessions of {turns} turns, {counted} and {allocated} bytes for each span"
        );
    }
}

/// Opening and ending ten times as many sessions takes ten times as much work, not more.
#[test]
fn many_sessions_cost_what_few_cost() {
    let _alone = alone();
    let mut per_session = Vec::new();
    for sessions in [10_000, 100_000] {
        let pipeline = start(SessionConfig::default());
        let runtime = runtime();
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        let mut open = Vec::with_capacity(sessions);
        for number in 0..sessions {
            open.push(open_idle(&pipeline, number));
        }
        for session in &open {
            session.end();
            wait(&runtime, session);
        }
        stop(&pipeline);
        let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
        per_session.push(allocations as f64 / sessions as f64);
    }
    let [few, many] = per_session[..] else {
        panic!("two counts");
    };
    assert!(
        many <= 1.1 * few,
        "{few:.1} allocations for each of few sessions, {many:.1} of many"
    );
}
