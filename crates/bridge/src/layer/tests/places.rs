//! Where spans and events belong.

use tracing::{Instrument, Span, info, info_span};

use super::Stage;
use crate::current;

/// Spans lie in each other as they do in `tracing`, and explicit parents count.
#[test]
fn spans_nest_as_in_tracing() {
    let stage = Stage::new();
    stage.run(|| {
        let outer = info_span!("outer");
        outer.in_scope(|| {
            info_span!("contextual");
            info_span!(parent: None, "root");
        });
        info_span!(parent: &outer, "explicit");
        info_span!("beside");
    });
    stage.finish().assert_tree(
        "
        session
          outer
            contextual
            explicit
          root
          beside
        ",
    );
}

/// Spans of the host and of `tracing` lie in each other, whichever is the inner one.
#[test]
fn host_spans_and_tracing_spans_nest() {
    let stage = Stage::new();
    stage.run(|| {
        let turn = stage.session.child("turn").start();
        let _in_turn = current::enter(&turn);
        let tool = info_span!("execute_tool", gen_ai.operation.name = "execute_tool");
        tool.in_scope(|| {
            let here = current::get().expect("a session is current");
            let query = here.child("query").start();
            let _in_query = current::enter(&query);
            info_span!("driver").in_scope(|| info!("connected"));
        });
    });
    let memory = stage.finish();
    memory.assert_tree(
        "
        session
          turn
            execute_tool
              query
                driver
        ",
    );
    assert_eq!(
        memory.logs()[0].span_id,
        Some(memory.span("driver").span_id)
    );
}

/// A scope of another session inside a `tracing` span counts, and so does a span that is entered
/// inside that scope.
#[test]
fn the_innermost_place_counts() {
    let stage = Stage::new();
    let other = stage.pipeline.session("conv-2").expect("it is open");
    stage.run(|| {
        info_span!("of the first").in_scope(|| {
            let carried = info_span!("carried");
            let _other = current::enter(&other);
            info_span!("of the second");
            carried.in_scope(|| info_span!("of the first again"));
        });
    });
    other.end();
    let memory = stage.finish();
    let trace = |name| memory.span(name).trace_id;
    assert_eq!(trace("of the second"), other.trace_id());
    assert_ne!(trace("of the first"), other.trace_id());
    assert_eq!(trace("of the first again"), trace("of the first"));
}

/// Without a session, spans and events are left out and counted; those below them that have one are
/// not.
#[test]
fn what_has_no_session_is_left_out_and_counted() {
    let stage = Stage::new();
    stage.subscribed(|| {
        let server = info_span!("server");
        let _entered = server.enter();
        info!("accepted");
        let _scope = current::enter(&stage.session);
        info_span!("handler").in_scope(|| info!("handled"));
    });
    assert_eq!(
        (
            stage.counts.homeless_spans(),
            stage.counts.homeless_events()
        ),
        (1, 1)
    );
    assert_eq!((stage.counts.spans(), stage.counts.events()), (1, 1));
    let memory = stage.finish();
    memory.assert_tree("session\n  handler");
    assert_eq!(memory.logs().len(), 1);
}

/// With a fallback, what has no session goes there.
#[test]
fn the_fallback_takes_what_has_no_session() {
    let stage = Stage::with(|session, layer| layer.fallback(session));
    stage.subscribed(|| info_span!("server").in_scope(|| info!("accepted")));
    assert_eq!(
        (stage.counts.homeless_spans(), stage.counts.spans()),
        (0, 1)
    );
    let memory = stage.finish();
    memory.assert_tree("session\n  server");
    assert_eq!(memory.logs().len(), 1);
}

/// What the pipeline says about itself is never recorded, nor is what its threads do.
#[test]
fn the_pipeline_does_not_observe_itself() {
    let stage = Stage::with(|session, layer| layer.fallback(session));
    stage.run(|| {
        info_span!(target: "spanreel", "own").in_scope(|| info!(target: "spanreel::x", "own"));
        info_span!(target: "spanreel_agent", "a host's");
    });
    assert_eq!((stage.counts.spans(), stage.counts.events()), (1, 0));
    stage.finish().assert_tree("session\n  a host's");
}

/// What a span follows from is linked, as rig chains its calls.
#[test]
fn follows_from_becomes_a_link() {
    let stage = Stage::new();
    stage.run(|| {
        let first = info_span!("first");
        let second = info_span!("second");
        second.follows_from(&first);
        second.follows_from(Span::none());
    });
    let memory = stage.finish();
    let links = memory.span("second").links;
    assert_eq!(links.len(), 1);
    assert_eq!(links[0].span_id, Some(memory.span("first").span_id));
}

/// A span that instruments a future is current exactly while that future runs, on any thread; tasks
/// that are handed nothing see nothing.
#[test]
fn instrumented_futures_keep_their_places() {
    let stage = Stage::new();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(3)
        .build()
        .expect("threads can be started");
    let dispatch = tracing::Dispatch::new(std::sync::Arc::clone(&stage.subscriber));
    let work = |number: usize| {
        use tracing::instrument::WithSubscriber;
        let name = format!("work {number}");
        let span = move || info_span!("outer", otel.name = name);
        async move {
            let span = span();
            let below = async move {
                for _ in 0..5 {
                    tokio::task::yield_now().await;
                    info_span!("inner", number);
                }
            };
            current::spawn(below.instrument(span).with_current_subscriber()).await
        }
        .with_subscriber(dispatch.clone())
    };
    let session = stage.session.clone();
    let all = futures::future::join_all((0..200).map(work));
    let outcomes = runtime.block_on(current::scope(&session, all));
    assert!(outcomes.iter().all(Result::is_ok));
    drop(runtime);
    let memory = stage.finish();
    let spans = memory.spans();
    let mut inner = spans.iter().filter(|span| span.name == "inner");
    assert_eq!(inner.clone().count(), 1000);
    assert!(inner.all(|span| {
        let number = span.int("number").expect("it was set");
        let parent = spans
            .iter()
            .find(|outer| Some(outer.span_id) == span.parent_span_id);
        parent.is_some_and(|outer| outer.name == format!("work {number}"))
    }));
}
