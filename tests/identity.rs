//! Who a session is: what its ids are hidden behind, and what it is linked to when it comes back.

use std::time::Duration;

use spanreel::testing::InMemory;
use spanreel::{HashKey, Pipeline, Resource, SessionConfig, SpanContext};

fn start(memory: &InMemory, sessions: SessionConfig) -> Pipeline {
    Pipeline::builder()
        .resource(Resource::empty())
        .sessions(sessions)
        .export(memory.clone())
        .start()
        .expect("the configuration is right")
}

fn stop(pipeline: &Pipeline) {
    assert!(
        pipeline
            .shutdown_blocking(Duration::from_secs(5))
            .is_lossless()
    );
}

/// With a hash key no id of a session is exported as it is, that of the one before included, which
/// is hidden behind the same hash as the session that it names.
#[test]
fn a_hash_key_hides_the_previous_id_too() {
    let memory = InMemory::new();
    let hash_key = Some(HashKey::new(*b"0123456789abcdef"));
    let pipeline = start(
        &memory,
        SessionConfig {
            hash_key,
            ..SessionConfig::default()
        },
    );
    let before = pipeline.session("call +33 6 12").expect("open");
    let hashed = before.id().into_owned();
    before.end();
    let after = pipeline.open_session("call 2").previous_id("call +33 6 12");
    after.name("after").open().expect("open").end();
    stop(&pipeline);
    assert_eq!(
        memory.span("after").str("session.previous_id"),
        Some(&*hashed)
    );
    assert_ne!(hashed, "call +33 6 12");
}

/// A session that is opened again is linked to the root that it had before, in the trace where that
/// root is: a foreign parent may have put it elsewhere.
#[test]
fn a_session_that_comes_back_is_linked_to_where_it_was() {
    let memory = InMemory::new();
    let pipeline = start(&memory, SessionConfig::default());
    let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let parent = SpanContext::from_traceparent(header).expect("right");
    let first = pipeline
        .open_session("conv-1")
        .name("first")
        .parent(parent)
        .open();
    let first = first.expect("open");
    let root = first.context();
    first.end();
    let second = pipeline.open_session("conv-1").name("second").open();
    second.expect("open").end();
    stop(&pipeline);
    let links = memory.span("second").links;
    let ids: Vec<_> = links
        .iter()
        .map(|link| (link.trace_id, link.span_id))
        .collect();
    assert_eq!(ids, [(Some(root.trace_id()), Some(root.span_id()))]);
}
