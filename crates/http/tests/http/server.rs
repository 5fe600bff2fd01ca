//! Spans for requests that a service answers.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;

use axum::Router;
use axum::extract::Extension;
use axum::routing::get;
use futures::FutureExt;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use spanreel::{SpanKind, SpanRef};
use spanreel_http::ServerLayer;
use tower::{Layer, Service, ServiceExt};

use crate::rig::{Broken, End, PARENT, Rig, TRACE, answering};

fn request(parent: Option<&str>) -> Request<()> {
    let mut request = Request::get("/models/7?key=secret").header("host", "api.test:8080");
    if let Some(parent) = parent {
        request = request.header("traceparent", parent);
    }
    request.body(()).expect("the parts are right")
}

/// A request is a span of kind server, in the caller's trace and below its span, with what HTTP says
/// of it; the query is not told.
#[tokio::test]
async fn a_request_is_a_span_below_its_caller() {
    let rig = Rig::new();
    let service = ServerLayer::new(&rig.pipeline).layer(answering(200, &["hello"], End::Whole));
    let response = service
        .oneshot(request(Some(PARENT)))
        .await
        .expect("it answers");
    response.into_body().collect().await.expect("it ends");
    let span = rig.finish().span("GET");
    assert_eq!(span.kind, SpanKind::Server);
    assert_eq!(span.trace_id.to_string(), TRACE);
    assert_eq!(
        span.parent_span_id.expect("it has one").to_string(),
        "b7ad6b7169203331"
    );
    for (key, value) in [
        ("http.request.method", "GET"),
        ("url.path", "/models/7"),
        ("url.scheme", "http"),
        ("server.address", "api.test"),
        ("network.protocol.version", "1.1"),
        ("session.id", TRACE),
    ] {
        assert_eq!(span.str(key), Some(value), "{key}");
    }
    assert_eq!(span.int("server.port"), Some(8080));
    assert_eq!(span.int("http.response.status_code"), Some(200));
    assert!(!format!("{span:?}").contains("secret"));
}

/// Without a caller, or with one that W3C does not allow, a trace begins, and the latter is counted.
#[tokio::test]
async fn without_a_valid_caller_a_trace_begins() {
    for (parent, ignored) in [(None, 0), (Some("00-zero-zero-01"), 1)] {
        let rig = Rig::new();
        let service = ServerLayer::new(&rig.pipeline).layer(answering(200, &[], End::Whole));
        let response = service.oneshot(request(parent)).await.expect("it answers");
        response.into_body().collect().await.expect("it ends");
        assert_eq!(rig.pipeline.stats().ignored_contexts, ignored);
        let span = rig.finish().span("GET");
        assert_eq!(span.parent_span_id, None);
        let trace = span.trace_id.to_string();
        assert_eq!(span.str("session.id"), Some(&*trace));
    }
}

/// From 500 on an answer is an error, below it is none.
#[tokio::test]
async fn only_failures_of_the_server_are_errors() {
    for (status, error) in [
        (200, None),
        (404, None),
        (499, None),
        (500, Some("500")),
        (503, Some("503")),
    ] {
        let rig = Rig::new();
        let service = ServerLayer::new(&rig.pipeline).layer(answering(status, &["x"], End::Whole));
        let response = service.oneshot(request(None)).await.expect("it answers");
        response.into_body().collect().await.expect("it ends");
        let memory = rig.finish();
        assert_eq!(memory.span("GET").str("error.type"), error, "{status}");
        let tree = if error.is_some() { "GET !" } else { "GET" };
        memory.assert_tree(tree);
    }
}

/// A span ends with the body, not with the head; one that is dropped early is cancelled, one that
/// fails is failed.
#[tokio::test]
async fn a_span_ends_with_the_body() {
    let rig = Rig::new();
    let layer = ServerLayer::new(&rig.pipeline);
    let whole = layer.layer(answering(200, &["a", "b"], End::Whole));
    let failing = layer.layer(answering(200, &["a"], End::Failed));
    let endless = layer.layer(answering(200, &["a"], End::Never));

    let mut body = whole
        .oneshot(request(None))
        .await
        .expect("it answers")
        .into_body();
    for expected in ["a", "b"] {
        let frame = body
            .frame()
            .await
            .expect("there is more")
            .expect("it is fine");
        assert_eq!(frame.into_data().expect("data"), expected);
        assert_eq!(rig.pipeline.stats().traces.open, 1);
    }
    assert!(body.frame().await.is_none());
    assert_eq!(rig.pipeline.stats().traces.open, 0);

    let body = failing
        .oneshot(request(None))
        .await
        .expect("it answers")
        .into_body();
    assert_eq!(body.collect().await.expect_err("it fails"), Broken);

    let mut body = endless
        .clone()
        .oneshot(request(None))
        .await
        .expect("it answers")
        .into_body();
    body.frame().await.expect("one comes").expect("it is fine");
    drop(body);
    drop(endless.oneshot(request(None)));

    rig.finish().assert_tree_with(
        &["error.type"],
        "
        GET

        GET error.type=Broken ! the connection broke

        GET error.type=cancelled ! the request was dropped before the response had ended
        ",
    );
}

/// A body of known length has ended when all of it was taken: a server need not ask again. That an
/// answer to HEAD is not taken is no early end either.
#[tokio::test]
async fn a_body_that_was_taken_whole_is_not_cancelled() {
    let rig = Rig::new();
    let layer = ServerLayer::new(&rig.pipeline);
    let answer = || {
        tower::service_fn(|_: Request<()>| async {
            Ok::<_, Infallible>(Response::new(http_body_util::Full::new(
                Bytes::from_static(b"all"),
            )))
        })
    };
    let mut body = layer
        .layer(answer())
        .oneshot(request(None))
        .await
        .expect("it answers")
        .into_body();
    body.frame().await.expect("one comes").expect("it is fine");
    drop(body);
    let mut head = request(None);
    *head.method_mut() = Method::HEAD;
    drop(
        layer
            .layer(answer())
            .oneshot(head)
            .await
            .expect("it answers"),
    );
    rig.finish().assert_tree("GET\n\nHEAD");
}

/// A handler that panics fails its span, and one that is dropped before its answer is cancelled.
#[tokio::test]
async fn panics_and_cancellations_are_told() {
    let rig = Rig::new();
    let layer = ServerLayer::new(&rig.pipeline);
    let mut panicking = layer.layer(tower::service_fn(|_: Request<()>| async {
        if true {
            panic!("for the test");
        }
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    }));
    let call = AssertUnwindSafe(panicking.call(request(None))).catch_unwind();
    assert!(call.await.is_err());
    let mut waiting = layer.layer(tower::service_fn(|_: Request<()>| {
        std::future::pending::<Result<Response<Empty<Bytes>>, Infallible>>()
    }));
    drop(waiting.call(request(None)));
    rig.finish().assert_tree_with(
        &["error.type"],
        "
        GET error.type=panic ! the work panicked

        GET error.type=cancelled ! the request was dropped before the response had ended
        ",
    );
}

/// Under axum the span is named after the route (with the feature `axum`), and the handler starts its
/// spans below it.
#[tokio::test]
async fn a_handler_works_below_its_request() {
    async fn user(Extension(place): Extension<SpanRef>) -> StatusCode {
        place.tool("lookup").start().end();
        StatusCode::NOT_FOUND
    }
    let rig = Rig::new();
    let layer = ServerLayer::new(&rig.pipeline);
    let app = Router::new().route("/users/{id}", get(user)).layer(layer);
    let request = Request::get("/users/7").body(axum::body::Body::empty());
    let response = app
        .oneshot(request.expect("it is right"))
        .await
        .expect("it answers");
    response.into_body().collect().await.expect("it ends");
    let expected = if cfg!(feature = "axum") {
        "GET /users/{id} http.route=/users/{id} http.response.status_code=404\n  execute_tool lookup"
    } else {
        "GET http.response.status_code=404\n  execute_tool lookup"
    };
    let attributes = ["http.route", "http.response.status_code"];
    rig.finish().assert_tree_with(&attributes, expected);
}

/// Routes of other frameworks are told by the host.
#[tokio::test]
async fn routes_are_told_by_the_host() {
    let rig = Rig::new();
    let layer = ServerLayer::new(&rig.pipeline).route_by(|request| {
        request
            .uri()
            .path()
            .starts_with("/models/")
            .then_some("/models/{id}")
    });
    let service = layer.layer(answering(200, &[], End::Whole));
    let response = service.oneshot(request(None)).await.expect("it answers");
    response.into_body().collect().await.expect("it ends");
    rig.finish().assert_tree("GET /models/{id}");
}

/// A pipeline that is shut down costs no request.
#[tokio::test]
async fn requests_outlive_the_pipeline() {
    let rig = Rig::new();
    let service = ServerLayer::new(&rig.pipeline).layer(answering(200, &["a"], End::Whole));
    rig.finish();
    let response = service
        .oneshot(request(Some(PARENT)))
        .await
        .expect("it answers");
    let body = response.into_body().collect().await.expect("it ends");
    assert_eq!(body.to_bytes(), "a");
}
