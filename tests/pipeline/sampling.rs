//! Which sessions are recorded, and which of those are kept.

use std::sync::{Arc, Mutex};

use spanreel::{
    ByteSize, Fate, Sample, Sampling, SessionFacts, SpanContext, Totals, TraceFlags, Usage, Verdict,
};

use crate::rig::{PATIENCE, Rig, eventually};
use crate::support::ledger;

fn parent(sampled: bool) -> SpanContext {
    let flags = u8::from(sampled) | 2;
    let header = format!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0{flags}");
    SpanContext::from_traceparent(&header).expect("a traceparent")
}

/// Each sampler of OpenTelemetry decides as its specification says, with no parent and with either.
#[test]
fn samplers_decide_as_specified() {
    let on = Sampling::always_on();
    let off = Sampling::always_off();
    for (sampling, [alone, under_sampled, under_unsampled]) in [
        (Sampling::default(), [true, true, false]),
        (on.clone(), [true, true, true]),
        (off.clone(), [false, false, false]),
        (Sampling::parent_based(on.clone()), [true, true, false]),
        (Sampling::parent_based(off.clone()), [false, true, false]),
        (Sampling::ratio(0.0), [false, true, false]),
        (Sampling::ratio(1.0), [true, true, false]),
        (
            Sampling::ratio(0.0).ignoring_parent(),
            [false, false, false],
        ),
        (Sampling::ratio(1.0).ignoring_parent(), [true, true, true]),
    ] {
        let rig = Rig::with(|builder| builder.sampling(sampling.clone()));
        for (id, parent, expected) in [
            ("alone", None, alone),
            ("sampled", Some(parent(true)), under_sampled),
            ("unsampled", Some(parent(false)), under_unsampled),
        ] {
            let session = rig.pipeline.open_session(id).name(id).parent(parent);
            let session = session.open().expect("open");
            assert_eq!(session.is_sampled(), expected, "{id} with {sampling:?}");
            assert_eq!(session.context().is_sampled(), expected);
            let span = session.child(id).start();
            assert_eq!(span.is_recording(), expected);
            span.end();
            session.end();
        }
        let kept = [alone, under_sampled, under_unsampled];
        let kept = 2 * kept.iter().filter(|kept| **kept).count();
        let report = rig.settle();
        assert!(report.is_lossless());
        assert_eq!(rig.memory.spans().len(), kept, "{sampling:?}");
        assert_eq!(report.traces.fates.of(Fate::SampledOut), 6 - kept as u64);
    }
}

/// A session that is not sampled still hands on its context, with the flag that says so, still counts
/// what it does, and every span of it is booked.
#[test]
fn an_unsampled_session_still_propagates_and_counts() {
    let rig = Rig::with(|builder| builder.sampling(Sampling::always_off()));
    let session = rig.pipeline.open_session("conv-1").open().expect("open");
    let mut chat = session.chat("openai", "gpt").start();
    chat.tokens(10, 5).cost(0.25).event("ignored", &[]);
    chat.error("429", "slow down");
    let tool = chat.tool("search").start();
    assert_eq!(tool.context().trace_id(), session.trace_id());
    assert_ne!(tool.context().span_id(), chat.context().span_id());
    assert_eq!(tool.context().flags(), TraceFlags::NONE);
    assert!(tool.context().traceparent().ends_with("-00"));
    tool.end();
    chat.end();
    session.child("plain").start().end();
    let totals = session.totals();
    let usage = Usage {
        input: Some(10),
        output: Some(5),
        ..Usage::default()
    };
    assert_eq!(
        totals,
        Totals {
            spans: 3,
            llm_calls: 1,
            tool_calls: 1,
            errors: 1,
            usage,
            cost: Some(0.25),
        }
    );
    session.end();
    let report = rig.settle();
    assert_eq!(report.traces.fates.of(Fate::SampledOut), 4);
    assert!(rig.memory.spans().is_empty());
}

/// A span of an unsampled session is booked whenever it ends: before its session, after it, after
/// the session is forgotten.
#[test]
fn late_unsampled_spans_are_booked() {
    let rig = Rig::with(|builder| builder.sampling(Sampling::always_off()));
    let session = rig.pipeline.session("conv-1").expect("open");
    let open = session.child("open").start();
    session.end();
    session.child("late").start().end();
    drop(session);
    open.end();
    let stats = rig.pipeline.stats();
    ledger::assert_adds_up(&stats);
    assert_eq!(stats.traces.ended, 3);
    let report = rig.settle();
    assert_eq!(report.traces.fates.of(Fate::SampledOut), 3);
}

/// A ratio keeps about its share of sessions, and whoever keeps a larger share of the same sessions
/// keeps those too.
#[test]
fn ratios_are_consistent() {
    let rigs =
        [0.2, 0.5].map(|ratio| Rig::with(|builder| builder.sampling(Sampling::ratio(ratio))));
    let mut kept = [0, 0];
    for number in 0..2000 {
        let id = format!("conv-{number}");
        let [small, large] = [&rigs[0], &rigs[1]].map(|rig| {
            let session = rig.pipeline.session(&id).expect("open");
            session.end();
            session.is_sampled()
        });
        assert!(large || !small, "{id} is kept by the smaller share alone");
        kept[0] += usize::from(small);
        kept[1] += usize::from(large);
    }
    // The ids are fixed, and so is their share: far from the bounds, it never comes near them.
    assert!((300..500).contains(&kept[0]), "{kept:?}");
    assert!((850..1150).contains(&kept[1]), "{kept:?}");
    for (rig, kept) in rigs.into_iter().zip(kept) {
        assert_eq!(rig.stop().spans().len(), kept);
    }
}

/// A sampler that answers as it is told, and remembers what it was asked.
#[derive(Clone)]
struct Scripted {
    answer: fn(&SessionFacts) -> Verdict,
    asked: Arc<Mutex<Vec<SessionFacts>>>,
}

impl Scripted {
    fn new(answer: fn(&SessionFacts) -> Verdict) -> Self {
        Self {
            answer,
            asked: Arc::default(),
        }
    }

    fn asked(&self) -> Vec<SessionFacts> {
        self.asked.lock().expect("no panic under it").clone()
    }
}

impl Sample for Scripted {
    fn sample(&mut self, session: &SessionFacts) -> Verdict {
        self.asked.lock().expect("no panic under it").push(*session);
        (self.answer)(session)
    }
}

/// A sampler judges whole sessions by what they did, and every part of a session meets the same
/// fate.
#[test]
fn a_sampler_judges_whole_sessions() {
    let sampler = Scripted::new(|session| match (session.error, session.ended) {
        (true, _) => Verdict::Keep,
        (false, true) => Verdict::Drop,
        (false, false) => Verdict::Wait,
    });
    let rig = Rig::with(|builder| builder.sample(sampler.clone()));
    for id in ["fine", "failed"] {
        let session = rig.pipeline.open_session(id).name(id).open().expect("open");
        session
            .chat("openai", "gpt")
            .start()
            .tokens(10, 5)
            .cost(0.5);
        let mut tool = session.tool("search").start();
        if id == "failed" {
            tool.error("timeout", "too slow");
        }
        tool.end();
        session.log("a record of it").emit();
        session.end();
    }
    let report = rig.settle();
    assert!(report.is_lossless());
    rig.memory.assert_tree(
        "
        failed
          chat gpt
          execute_tool search ! too slow
        ",
    );
    assert_eq!(rig.memory.logs().len(), 1);
    assert_eq!(report.traces.fates.of(Fate::SampledOut), 3);
    assert_eq!(report.logs.fates.of(Fate::SampledOut), 1);
    let asked = sampler.asked();
    let last = asked
        .iter()
        .rfind(|facts| facts.error)
        .expect("the failed one");
    assert!(last.ended && last.last_chance);
    assert_eq!((last.spans, last.llm_calls, last.tool_calls), (3, 1, 1));
    assert_eq!((last.tokens, last.cost), (15, 0.5));
}

/// What comes after the verdict follows it, be it kept or dropped.
#[test]
fn what_comes_late_follows_the_verdict() {
    let sampler = Scripted::new(|session| {
        if session.tool_calls > 0 {
            Verdict::Keep
        } else {
            Verdict::Drop
        }
    });
    let rig = Rig::with(|builder| builder.sample(sampler.clone()));
    let flush = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let flushed = runtime
            .expect("a runtime")
            .block_on(rig.pipeline.flush(PATIENCE));
        flushed.expect("open");
    };
    for id in ["kept", "dropped"] {
        let session = rig.pipeline.open_session(id).name(id).open().expect("open");
        if id == "kept" {
            session.tool("first").start().end();
        } else {
            session.child("first").start().end();
        }
        flush();
        session.child("late").start().end();
        session.end();
        session.child("later").start().end();
    }
    let report = rig.settle();
    rig.memory.assert_tree(
        "
        kept
          execute_tool first
          late
          later
        ",
    );
    assert_eq!(report.traces.fates.of(Fate::SampledOut), 4);
    assert_eq!(sampler.asked().len(), 2, "each was judged once");
}

/// A session that comes back is judged anew: what it did before it ended does not count.
#[test]
fn a_session_that_comes_back_is_judged_anew() {
    let sampler = Scripted::new(|session| match (session.ended, session.error) {
        (false, _) => Verdict::Wait,
        (true, true) => Verdict::Keep,
        (true, false) => Verdict::Drop,
    });
    let rig = Rig::with(|builder| builder.sample(sampler));
    for turn in ["fine", "failed", "fine again"] {
        let session = rig.pipeline.open_session("conv-1").name(turn).open();
        let session = session.expect("open");
        if turn == "failed" {
            session.child("work").start().error("timeout", "");
        }
        session.end();
    }
    rig.stop().assert_tree(
        "
        failed
          work !
        ",
    );
}

/// An undecided session is asked about again when more of it comes, and kept at the shutdown unless
/// the sampler says otherwise.
#[test]
fn undecided_sessions_are_judged_at_the_shutdown() {
    let sampler = Scripted::new(|session| match session.last_chance {
        true if session.tool_calls > 0 => Verdict::Drop,
        _ => Verdict::Wait,
    });
    let rig = Rig::with(|builder| builder.sample(sampler.clone()));
    let kept = rig.pipeline.open_session("kept").name("kept").open();
    let kept = kept.expect("open");
    kept.child("work").start().end();
    let dropped = rig.pipeline.session("dropped").expect("open");
    dropped.tool("search").start().end();
    let report = rig.settle();
    assert!(report.is_lossless());
    rig.memory.assert_tree(
        "
        kept
          work
        ",
    );
    assert_eq!(report.traces.fates.of(Fate::SampledOut), 2);
    assert!(sampler.asked().iter().any(|facts| facts.last_chance));
}

/// What is held for undecided sessions is bounded: over the bound the oldest session has its last
/// chance, the others go on waiting.
#[test]
fn over_the_bound_the_oldest_session_has_its_last_chance() {
    let sampler = Scripted::new(|_| Verdict::Wait);
    let rig = Rig::with(|builder| {
        builder
            .budget(ByteSize::mib(8))
            .sample(sampler.clone())
            .batch(spanreel::BatchConfig {
                schedule_delay: std::time::Duration::ZERO,
                ..Default::default()
            })
    });
    let text = "x".repeat(100_000);
    let fill = |id: &str| {
        let session = rig.pipeline.open_session(id).name(id).open().expect("open");
        session
            .child(&format!("work of {id}"))
            .attribute("text", &text)
            .start()
            .end();
        session
    };
    // Half of the budget may be held: some 40 such spans.
    let sessions: Vec<_> = (0..60).map(|number| fill(&format!("{number}"))).collect();
    eventually("the oldest was let go", || {
        rig.memory
            .spans()
            .iter()
            .any(|span| span.name == "work of 0")
    });
    let early: Vec<_> = rig.memory.spans();
    assert!(early.len() < 45, "{} were let go", early.len());
    assert!(!early.iter().any(|span| span.name == "work of 59"));
    let chances = sampler.asked();
    assert!(
        chances
            .iter()
            .any(|facts| facts.last_chance && !facts.ended)
    );
    sessions.iter().for_each(spanreel::Session::end);
    let memory = rig.stop();
    assert_eq!(memory.spans().len(), 120);
}

/// A sampler that panics loses nothing: the session is kept, and others are judged as before.
#[test]
fn a_panicking_sampler_keeps() {
    let sampler = Scripted::new(|session| {
        assert_eq!(session.tool_calls, 0, "as tested");
        Verdict::Drop
    });
    let rig = Rig::with(|builder| builder.sample(sampler));
    let first = rig.pipeline.session("first").expect("open");
    first.child("work").start().end();
    first.end();
    let second = rig.pipeline.open_session("second").name("second").open();
    let second = second.expect("open");
    second.tool("search").start().end();
    second.end();
    let third = rig.pipeline.session("third").expect("open");
    third.child("work").start().end();
    third.end();
    let report = rig.settle();
    assert!(report.is_lossless());
    rig.memory.assert_tree(
        "
        second
          execute_tool search
        ",
    );
    assert_eq!(report.traces.fates.of(Fate::SampledOut), 4);
}
