//! Sessions do not see each other, however many there are.

use std::collections::HashMap;
use std::sync::Mutex;

use proptest::collection::vec;
use proptest::prelude::*;
use spanreel::{ByteSize, Span, WhenFull};

use crate::rig::Rig;

/// Thousands of sessions, opened, used and ended by many threads at once: every span carries the ids
/// of its own session and stands under its own session's root or span.
#[test]
fn thousands_of_sessions_do_not_mix() {
    const SESSIONS: usize = 4000;
    const THREADS: usize = 8;
    let rig = Rig::with(|builder| {
        let builder = builder.when_full(WhenFull::Block);
        builder.budget(ByteSize::mib(256))
    });
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let pipeline = &rig.pipeline;
            scope.spawn(move || {
                // Each thread goes through all sessions in an order of its own.
                for step in 0..SESSIONS {
                    let number = (step * 7 + thread * 501) % SESSIONS;
                    let id = format!("conv-{number}");
                    let session = pipeline.session(&id).expect("open");
                    let work = session.child("work").attribute("of", &id).start();
                    let chat = work.chat("openai", "gpt").attribute("of", &id);
                    let mut chat = chat.start();
                    chat.log(&id).emit();
                    chat.tokens(1, 1);
                }
            });
        }
    });
    let mut roots = HashMap::new();
    for number in 0..SESSIONS {
        let id = format!("conv-{number}");
        let session = rig.pipeline.session(&id).expect("open");
        assert_eq!(session.totals().llm_calls, THREADS as u64, "{id}");
        roots.insert(id, (session.trace_id(), session.context().span_id()));
        session.end();
    }
    let memory = rig.stop();
    let spans = memory.spans();
    assert_eq!(spans.len(), SESSIONS * (1 + 2 * THREADS));
    let works: HashMap<_, _> = spans
        .iter()
        .filter(|span| span.name == "work")
        .map(|span| (span.span_id, span.trace_id))
        .collect();
    for span in &spans {
        let id = span.str("session.id").expect("each has one");
        let (trace, root) = roots[id];
        assert_eq!(span.trace_id, trace);
        match &*span.name {
            "session" => assert_eq!((span.span_id, span.parent_span_id), (root, None)),
            "work" => assert_eq!(span.parent_span_id, Some(root)),
            _ => assert_eq!(works[&span.parent_span_id.expect("a parent")], trace),
        }
        if span.name != "session" {
            assert_eq!(span.str("of"), Some(id));
        }
    }
    let logs = memory.logs();
    assert_eq!(logs.len(), SESSIONS * THREADS);
    for log in &logs {
        let id = log.str("session.id").expect("each has one");
        assert_eq!(log.body, spanreel::OwnedValue::Str(id.to_owned()));
        assert_eq!(log.trace_id, Some(roots[id].0));
    }
}

/// What may happen to one of a few sessions.
#[derive(Clone, Copy, Debug)]
enum Step {
    Open,
    Start,
    StartBelow,
    End,
    EndOnAnotherThread,
    Log,
    Close,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is done to sessions in whatever order, every span that was started is exported
    /// once, in its own session.
    #[test]
    fn any_interleaving_keeps_spans_apart(
        steps in vec(
            (
                0..4_usize,
                proptest::sample::select(
                    &[
                        Step::Open,
                        Step::Start,
                        Step::Start,
                        Step::StartBelow,
                        Step::End,
                        Step::EndOnAnotherThread,
                        Step::Log,
                        Step::Close,
                    ][..],
                ),
            ),
            0..120,
        ),
    ) {
        let rig = Rig::start();
        let ids = ["a", "b", "c", "d"];
        let mut sessions = ids.map(|id| rig.pipeline.session(id).expect("open"));
        let mut open: [Vec<Span>; 4] = Default::default();
        let started = Mutex::new(Vec::new());
        let note = |of: usize, span: &Span| started.lock().expect("unpoisoned").push((of, span.id()));
        for (of, step) in steps {
            let session = &sessions[of];
            match step {
                Step::Open => sessions[of] = rig.pipeline.session(ids[of]).expect("open"),
                Step::Start => {
                    let span = session.child("span").attribute("of", ids[of]).start();
                    note(of, &span);
                    open[of].push(span);
                }
                Step::StartBelow => {
                    if let Some(above) = open[of].last() {
                        let span = above.child("span").attribute("of", ids[of]).start();
                        note(of, &span);
                        open[of].push(span);
                    }
                }
                Step::End => drop(open[of].pop()),
                Step::EndOnAnotherThread => {
                    if let Some(span) = open[of].pop() {
                        let ended = std::thread::spawn(move || span.end()).join();
                        ended.expect("the thread ran");
                    }
                }
                Step::Log => session.log(ids[of]).emit(),
                Step::Close => session.end(),
            }
        }
        let report = rig.settle();
        prop_assert!(report.is_lossless());
        drop(open);
        let mut exported = HashMap::new();
        for span in rig.memory.spans() {
            let id = span.str("session.id").expect("each has one").to_owned();
            prop_assert_eq!(span.str("of").unwrap_or(&id), &id);
            prop_assert!(exported.insert(span.span_id, id).is_none(), "twice: {:?}", span);
        }
        for (of, id) in started.into_inner().expect("unpoisoned") {
            prop_assert_eq!(exported.get(&id).map(String::as_str), Some(ids[of]));
        }
        crate::support::ledger::assert_settled(&rig.pipeline.stats());
    }
}
