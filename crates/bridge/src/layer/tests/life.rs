//! When mirrors begin and end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use spanreel::Fate;
use tracing::{info, info_span};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;

use super::Stage;
use crate::{SessionLayer, current};

/// A span lasts from its creation to its close, however often it was entered, also if never.
#[test]
fn a_span_lasts_from_creation_to_close() {
    let stage = Stage::new();
    stage.run(|| {
        let busy = info_span!("busy");
        info_span!("never entered");
        for _ in 0..100 {
            busy.in_scope(|| info_span!("below"));
        }
        busy.in_scope(|| busy.in_scope(|| info_span!("entered twice")));
        info_span!("after");
    });
    let memory = stage.finish();
    let (busy, after) = (memory.span("busy"), memory.span("after"));
    assert!(busy.end_unix_nanos >= after.end_unix_nanos);
    let children = memory.spans();
    let children = children
        .iter()
        .filter(|span| span.parent_span_id == Some(busy.span_id));
    assert_eq!(children.count(), 101);
    assert!(memory.span("never entered").parent_span_id.is_some());
}

/// A span may be closed on another thread than it was made on.
#[test]
fn a_span_may_close_on_another_thread() {
    let stage = Stage::new();
    let span = stage.run(|| info_span!("wanders"));
    std::thread::spawn(move || span.in_scope(|| info_span!("below")))
        .join()
        .expect("it does not panic");
    stage.finish().assert_tree(
        "
        session
          wanders
        ",
    );
}

/// Ids that `tracing` gives again are those of other spans: no parent and no attribute is mixed up.
#[test]
fn ids_that_are_used_again_do_not_mix() {
    let stage = Stage::new();
    let sessions: Vec<_> = (0..2000)
        .map(|number| {
            let session = stage
                .pipeline
                .session(&format!("s-{number}"))
                .expect("it is open");
            stage.subscribed(|| {
                let scope = (number % 3 != 0).then(|| current::enter(&session));
                let outer = info_span!("outer", number);
                outer.in_scope(|| info_span!("inner", number));
                drop((outer, scope));
            });
            session.end();
            session
        })
        .collect();
    let mut traces = HashMap::<_, Vec<_>>::new();
    for span in stage.finish().spans() {
        traces.entry(span.trace_id).or_default().push(span);
    }
    for (number, session) in sessions.iter().enumerate() {
        let spans = &traces[&session.trace_id()];
        let expected = if number % 3 == 0 { 1 } else { 3 };
        assert_eq!(spans.len(), expected, "{number}");
        let numbers = spans.iter().filter_map(|span| span.int("number"));
        assert!(numbers.clone().all(|told| told == number as i64));
        assert_eq!(numbers.count() + 1, expected);
    }
}

/// A span that is open when its session ends is exported as incomplete, once.
#[test]
fn a_span_open_at_the_end_is_incomplete() {
    let stage = Stage::new();
    let span = stage.run(|| info_span!("hangs", gen_ai.operation.name = "chat"));
    stage.session.end();
    stage.subscribed(|| span.in_scope(|| info!("late")));
    drop(span);
    let report = stage.pipeline.shutdown_blocking(Duration::from_secs(5));
    assert!(report.is_lossless(), "{report}");
    assert_eq!(report.traces.fates.of(Fate::Superseded), 1);
    let span = stage.memory.span("chat");
    assert_eq!(span.bool("spanreel.incomplete"), Some(true));
}

/// After a shutdown, spans cost nothing but are no error.
#[test]
fn spans_after_a_shutdown_are_no_error() {
    let stage = Stage::new();
    stage.pipeline.shutdown_blocking(Duration::from_secs(5));
    stage.run(|| info_span!("late").in_scope(|| info!("late")));
    assert_eq!(stage.memory.spans().len(), 1);
}

/// A layer that is taken out or put in while spans are entered leaves nothing behind that a later
/// span could be put into by mistake.
#[test]
fn a_reload_leaves_nothing_behind() {
    let stage = Stage::new();
    let (layer, handle) = reload::Layer::new(Some(SessionLayer::new()));
    let subscriber = Arc::new(tracing_subscriber::registry().with(layer));
    tracing::subscriber::with_default(Arc::clone(&subscriber), || {
        let scope = current::enter(&stage.session);
        let span = info_span!("cut short");
        let entered = span.enter();
        drop(scope);
        handle.reload(None).expect("the subscriber lives");
        info_span!("unseen");
        drop(entered);
        drop(span);
        assert!(current::get().is_none(), "it has closed");

        let before = info_span!("before");
        let entered = before.enter();
        handle
            .reload(Some(SessionLayer::new()))
            .expect("the subscriber lives");
        let scope = current::enter(&stage.session);
        info_span!("seen");
        drop(entered);
        info_span!("seen too");
        drop(scope);
    });
    assert!(current::get().is_none());
    assert_eq!(current::stack::depth(), 0);
    stage.finish().assert_tree(
        "
        session
          cut short
          seen
          seen too
        ",
    );
}

/// Two layers in one subscriber record everything once.
#[test]
fn two_layers_record_once() {
    let stage = Stage::new();
    let layers = tracing_subscriber::registry()
        .with(SessionLayer::new())
        .with(SessionLayer::new());
    tracing::subscriber::with_default(layers, || {
        let _scope = current::enter(&stage.session);
        info_span!("outer").in_scope(|| info_span!("inner"));
    });
    assert_eq!(current::stack::depth(), 0);
    stage.finish().assert_tree("session\n  outer\n    inner");
}
