//! Users' processors: what they see, change and drop is what is exported.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use spanreel::view::ValueView;
use spanreel::{Fate, Flow, Item, Process, Sample, SessionFacts, Signal, Value, Verdict};

use crate::rig::Rig;

/// A processor made of a function.
struct With<F>(F);

impl<F: FnMut(&mut Item<'_>) -> Flow + Send + 'static> Process for With<F> {
    fn process(&mut self, item: &mut Item<'_>) -> Flow {
        (self.0)(item)
    }
}

/// What a processor sets, removes and renames is what is exported; what it does not touch stays.
#[test]
fn a_processor_changes_what_is_exported() {
    let rig = Rig::with(|builder| {
        builder.process(With(|item: &mut Item<'_>| {
            if item.signal() == Signal::Logs {
                item.set("seen", true);
                item.remove_text();
                return Flow::Pass;
            }
            if item.name() != "execute_tool search" {
                return Flow::Pass;
            }
            item.rename("execute_tool redacted");
            item.remove("query");
            item.remove("was.never.set");
            item.set("kept", "changed");
            item.set("list", &[Value::Int(1), Value::Str("two")][..]);
            item.remove_text();
            item.remove_events();
            Flow::Pass
        }))
    });
    let session = rig.pipeline.session("conv-1").expect("open");
    let mut tool = session
        .tool("search")
        .attribute("query", "secret")
        .attribute("kept", "before")
        .attribute("other", 7_i64)
        .start();
    tool.event("asked", &[("query", "secret".into())]);
    tool.error("timeout", "secret host");
    tool.log("secret body").emit();
    tool.end();
    session
        .child("untouched")
        .attribute("query", "open")
        .start()
        .end();
    session.end();
    let memory = rig.stop();
    let tool = memory.span("execute_tool redacted");
    assert_eq!(tool.str("query"), None);
    assert_eq!(tool.str("kept"), Some("changed"));
    assert_eq!(tool.int("other"), Some(7));
    assert_eq!(tool.str("session.id"), Some("conv-1"));
    assert_eq!((tool.status as i32, &*tool.status_message), (2, ""));
    assert!(tool.events.is_empty());
    assert_eq!(tool.parent_span_id, Some(memory.span("session").span_id));
    assert_eq!(memory.span("untouched").str("query"), Some("open"));
    let log = memory.logs().remove(0);
    assert_eq!(log.bool("seen"), Some(true));
    assert_eq!(log.span_id, Some(tool.span_id));
    let exported = format!("{:?}{:?}", memory.spans(), memory.logs());
    assert!(!exported.contains("secret"), "{exported}");
}

/// What a processor drops is booked as filtered and not exported; the others behind it never see it.
#[test]
fn a_processor_drops_what_it_wants() {
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let names = Arc::clone(&seen);
    let rig = Rig::with(move |builder| {
        builder
            .process(With(|item: &mut Item<'_>| match item.name() {
                "ping" => Flow::Drop,
                _ => Flow::Pass,
            }))
            .process(With(move |item: &mut Item<'_>| {
                let mut names = names.lock().expect("no panic under it");
                names.insert(item.name().to_owned());
                Flow::Pass
            }))
    });
    let session = rig.pipeline.session("conv-1").expect("open");
    for _ in 0..10 {
        session.child("ping").start().end();
        session.child("work").start().end();
    }
    session.log("a heartbeat").event_name("ping").emit();
    session.end();
    let report = rig.settle();
    assert!(report.is_lossless());
    assert_eq!(report.traces.fates.of(Fate::Filtered), 10);
    assert_eq!(report.traces.fates.of(Fate::Handed), 11);
    assert_eq!(report.logs.fates.of(Fate::Filtered), 1);
    assert_eq!(rig.memory.spans().len(), 11);
    let seen = seen.lock().expect("no panic under it").clone();
    assert_eq!(seen, BTreeSet::from(["session", "work"].map(str::to_owned)));
}

/// A panic of a processor costs the item in its hands alone, which is booked and not let through
/// half redacted.
#[test]
fn a_panic_costs_one_item() {
    let rig = Rig::with(|builder| {
        builder.process(With(|item: &mut Item<'_>| {
            item.set("seen", true);
            assert_ne!(item.name(), "poison", "as tested");
            Flow::Pass
        }))
    });
    let session = rig.pipeline.session("conv-1").expect("open");
    session.child("before").start().end();
    session.child("poison").start().end();
    session.child("after").start().end();
    session.end();
    let report = rig.settle();
    assert_eq!(report.traces.fates.of(Fate::Abandoned), 1);
    assert_eq!(report.lost(), 1);
    rig.memory.assert_tree_with(
        &["seen"],
        "
        session seen=true
          before seen=true
          after seen=true
        ",
    );
}

/// A processor reads the whole of an item before it decides.
#[test]
fn a_processor_reads_the_whole_item() {
    let rig = Rig::with(|builder| {
        builder.process(With(|item: &mut Item<'_>| {
            let Ok(span) = item.span() else {
                return Flow::Pass;
            };
            let cheap = span
                .attributes()
                .any(|(key, value)| key == "cost" && matches!(value, ValueView::Int(0)));
            let deep = span.parent_span_id().is_some();
            if cheap && deep {
                Flow::Drop
            } else {
                Flow::Pass
            }
        }))
    });
    let session = rig.pipeline.open_session("conv-1").attribute("cost", 0_i64);
    let session = session.open().expect("open");
    for cost in 0..3_i64 {
        session
            .child(&format!("work {cost}"))
            .attribute("cost", cost)
            .start()
            .end();
    }
    session.end();
    rig.stop().assert_tree(
        "
        session
          work 1
          work 2
        ",
    );
}

/// Many sessions through a processor: every span is seen once and comes out whole.
#[test]
fn every_span_is_processed_once() {
    let rig = Rig::with(|builder| {
        let mut count = 0_i64;
        builder.process(With(move |item: &mut Item<'_>| {
            item.set("number", count);
            count += 1;
            Flow::Pass
        }))
    });
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let pipeline = &rig.pipeline;
            scope.spawn(move || {
                for number in 0..50 {
                    let id = format!("{thread}.{number}");
                    let session = pipeline.session(&id).expect("open");
                    for _ in 0..5 {
                        session.tool("search").attribute("of", &id).start().end();
                    }
                    session.end();
                }
            });
        }
    });
    let spans = rig.stop().spans();
    assert_eq!(spans.len(), 4 * 50 * 6);
    let numbers: BTreeSet<_> = spans.iter().map(|span| span.int("number")).collect();
    assert_eq!(numbers.len(), spans.len());
    for span in &spans {
        if span.name != "session" {
            assert_eq!(span.str("of"), span.str("session.id"));
        }
    }
}

/// Tail sampling learns of the end of a session also when a processor drops its root.
#[test]
fn a_dropped_root_still_ends_its_session() {
    struct AtTheEnd;
    impl Sample for AtTheEnd {
        fn sample(&mut self, session: &SessionFacts) -> Verdict {
            if session.ended {
                Verdict::Keep
            } else {
                Verdict::Wait
            }
        }
    }
    let rig = Rig::with(|builder| {
        builder
            .process(With(|item: &mut Item<'_>| match item.name() {
                "session" => Flow::Drop,
                _ => Flow::Pass,
            }))
            .sample(AtTheEnd)
            .batch(spanreel::BatchConfig {
                schedule_delay: std::time::Duration::ZERO,
                ..Default::default()
            })
    });
    let session = rig.pipeline.session("conv-1").expect("open");
    session.child("work").start().end();
    // The root comes in a chunk of its own.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let flushed = runtime
        .expect("a runtime")
        .block_on(rig.pipeline.flush(crate::rig::PATIENCE));
    flushed.expect("open");
    session.end();
    crate::rig::eventually("the session was kept", || rig.memory.spans().len() == 1);
    rig.stop();
}
