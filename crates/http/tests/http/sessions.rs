//! Which session a request belongs to, and when it ends.

use http::{HeaderName, Request};
use http_body_util::BodyExt;
use spanreel::SpanRef;
use spanreel_http::{Inbound, ServerLayer};
use tower::{Layer, Service, ServiceExt};

use crate::rig::{End, PARENT, Rig, TRACE, answering};

fn request(headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::get("/chat");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).expect("the parts are right")
}

/// Requests of one trace that overlap are in one session, which ends with the last of them; each has
/// its own end.
#[tokio::test]
async fn overlapping_requests_share_a_session() {
    let rig = Rig::new();
    let mut service = ServerLayer::new(&rig.pipeline).layer(answering(500, &["a"], End::Whole));
    let ask = || request(&[("traceparent", PARENT)]);
    let first = service.call(ask()).await.expect("it answers");
    let second = service.call(ask()).await.expect("it answers");
    assert_eq!(rig.pipeline.sessions().len(), 1);
    first.into_body().collect().await.expect("it ends");
    assert_eq!(rig.pipeline.sessions().len(), 1);
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    second.into_body().collect().await.expect("it ends");
    assert_eq!(rig.pipeline.sessions().len(), 0);

    let spans = rig.finish().spans();
    assert_eq!(spans.len(), 2);
    for span in &spans {
        assert_eq!(span.trace_id.to_string(), TRACE);
        assert_eq!(span.str("session.id"), Some(TRACE));
        assert_eq!(span.str("error.type"), Some("500"));
        assert_eq!(
            span.parent_span_id.map(|id| id.to_string()).as_deref(),
            Some("b7ad6b7169203331")
        );
    }
    let root = spans
        .iter()
        .find(|span| span.attributes.get("spanreel.session.end_state").is_some());
    let root = root.expect("the first is the root");
    let other = spans
        .iter()
        .find(|span| span.span_id != root.span_id)
        .expect("there are two");
    assert!(
        root.end_unix_nanos + 10_000_000 < other.end_unix_nanos,
        "each has its own end"
    );
}

/// A request of a session that the host has open is a span in it: below the caller where that is of
/// the same trace, below the root and linked to the caller otherwise. The session stays open.
#[tokio::test]
async fn a_request_joins_the_session_of_the_host() {
    let rig = Rig::new();
    let session = rig
        .pipeline
        .session("conv-1")
        .expect("the pipeline is open");
    let layer =
        ServerLayer::new(&rig.pipeline).session_header(HeaderName::from_static("x-session"));
    let service = layer.layer(answering(200, &[], End::Whole));
    let tool = session.tool("search").start();
    let own = tool.context().traceparent();
    for parent in [&own, PARENT] {
        let request = request(&[("traceparent", parent), ("x-session", "conv-1")]);
        let response = service.clone().oneshot(request).await.expect("it answers");
        response.into_body().collect().await.expect("it ends");
    }
    tool.end();
    assert_eq!(rig.pipeline.sessions().len(), 1);
    session.end();
    let memory = rig.finish();
    memory.assert_tree(
        "
        session
          execute_tool search
            GET
          GET
        ",
    );
    let (linked, below): (Vec<_>, Vec<_>) = memory
        .spans()
        .into_iter()
        .filter(|span| span.name == "GET")
        .partition(|span| !span.links.is_empty());
    // Its parent came in a header, that of the other is the root.
    assert!(below[0].has_remote_parent() && !linked[0].has_remote_parent());
    assert!(!below[0].is_local_root(), "the session is");
    let links = &linked[0].links;
    assert_eq!((linked.len(), below.len(), links.len()), (1, 1, 1));
    assert_eq!(
        links[0].trace_id.map(|id| id.to_string()).as_deref(),
        Some(TRACE)
    );
}

/// The host says what session a request belongs to, with all that it knows; where it says nothing,
/// the trace decides.
#[tokio::test]
async fn the_host_chooses_the_session() {
    let rig = Rig::new();
    let layer = ServerLayer::new(&rig.pipeline).session_by(|request| {
        let session = request.open_session(request.header("x-session")?);
        session.agent("planner").open().ok()
    });
    let service = layer.layer(answering(200, &[], End::Whole));
    for headers in [&[("x-session", "conv-1"), ("traceparent", PARENT)][..], &[]] {
        let response = service
            .clone()
            .oneshot(request(headers))
            .await
            .expect("it answers");
        response.into_body().collect().await.expect("it ends");
    }
    let session = rig.pipeline.session("conv-1").expect("it is open");
    assert_eq!(
        session.trace_id().to_string(),
        TRACE,
        "it continues the caller's trace"
    );
    session.end();
    rig.finish().assert_tree(
        "
        invoke_agent planner
        GET

        GET
        ",
    );
}

/// The caller's baggage names the session where the policy accepts it, and nowhere else.
#[tokio::test]
async fn baggage_names_the_session_where_it_is_accepted() {
    for (rig, id) in [(Rig::with_baggage(), "conv-9"), (Rig::new(), TRACE)] {
        let service = ServerLayer::new(&rig.pipeline).layer(answering(200, &[], End::Whole));
        let request = request(&[
            ("traceparent", PARENT),
            ("baggage", "a=1,session.id=conv-9"),
        ]);
        let response = service.oneshot(request).await.expect("it answers");
        response.into_body().collect().await.expect("it ends");
        let span = rig.finish().span("GET");
        assert_eq!(span.str("session.id"), Some(id));
        assert_eq!(span.trace_id.to_string(), TRACE);
    }
}

/// Work that arrives otherwise is recorded in the same way, and shares sessions with requests.
#[test]
fn other_work_arrives_in_the_same_way() {
    let rig = Rig::new();
    let inbound = Inbound::new(&rig.pipeline);
    let caller = inbound.extract(&[("traceparent", PARENT)]);
    let mut outer = inbound
        .arrival("first")
        .caller(&caller)
        .start()
        .expect("open");
    let mut inner = inbound
        .arrival("second")
        .caller(&caller)
        .start()
        .expect("open");
    outer.set("a", 1).error("timeout", "too late");
    inner.set("a", 2);
    let place: SpanRef = inner.place().clone();
    drop(outer);
    place.child("late").start().end();
    inner.end();
    rig.finish().assert_tree_with(
        &["a", "error.type"],
        "
        first a=1 error.type=timeout ! too late
        second a=2
          late
        ",
    );
}

/// However requests of one trace overlap on many threads, each is recorded once and whole.
#[test]
fn overlapping_on_many_threads_loses_nothing() {
    const EACH: usize = 500;
    let rig = Rig::new();
    let inbound = Inbound::new(&rig.pipeline);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let caller = inbound.extract(&[("traceparent", PARENT)]);
                for _ in 0..EACH {
                    let arrival = inbound.arrival("request").caller(&caller);
                    let mut span = arrival.start().expect("open");
                    span.set("whole", true);
                    std::thread::yield_now();
                    span.end();
                }
            });
        }
    });
    let spans = rig.finish().spans();
    assert_eq!(spans.len(), 8 * EACH);
    for span in spans {
        assert_eq!(span.bool("whole"), Some(true));
        assert_eq!(span.bool("spanreel.incomplete"), None);
        assert_eq!(span.trace_id.to_string(), TRACE);
    }
}
