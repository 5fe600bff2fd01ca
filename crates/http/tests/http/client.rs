//! Spans for requests that a client makes.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use spanreel::{SpanContext, SpanKind, SpanRef};
use spanreel_http::{ClientLayer, ServerLayer};
use tower::{Layer, Service, ServiceExt};

use crate::rig::{End, PARENT, Rig, TRACE, answering};

type Seen = Arc<Mutex<Vec<HeaderMap>>>;

/// A server that keeps the headers it is sent.
fn keeping(
    seen: &Seen,
) -> impl Service<Request<()>, Response = Response<Empty<Bytes>>, Error = Infallible, Future: Send> + Clone
{
    let seen = Arc::clone(seen);
    tower::service_fn(move |request: Request<()>| {
        seen.lock()
            .expect("nobody panics")
            .push(request.headers().clone());
        std::future::ready(Ok(Response::new(Empty::new())))
    })
}

/// A request is a span of kind client below the span that it is made for; its context is what the
/// server gets, whatever the headers held before. No secret of the URL is told.
#[tokio::test]
async fn a_request_is_a_span_whose_context_travels() {
    let rig = Rig::new();
    let session = rig.pipeline.session("conv-1").expect("open");
    let tool = session.tool("search").start();
    let seen = Seen::default();
    let request = Request::post("https://me:pass@api.test:8443/query?key=secret")
        .header("traceparent", PARENT)
        .header("tracestate", "old=1")
        .header("baggage", "old=1")
        .extension(SpanRef::from(&tool))
        .body(())
        .expect("the parts are right");
    let service = ClientLayer::new().layer(keeping(&seen));
    let response = service.oneshot(request).await.expect("it answers");
    response.into_body().collect().await.expect("it ends");
    tool.end();
    session.end();
    let trace = session.trace_id();
    let memory = rig.finish();
    memory.assert_tree(
        "
        session
          execute_tool search
            POST
        ",
    );
    let span = memory.span("POST");
    assert_eq!(span.kind, SpanKind::Client);
    assert_eq!(span.str("url.full"), Some("https://api.test:8443/query"));
    assert_eq!(span.str("server.address"), Some("api.test"));
    assert_eq!(span.str("network.protocol.version"), Some("1.1"));
    assert_eq!(span.int("server.port"), Some(8443));
    assert_eq!(span.int("http.response.status_code"), Some(200));
    assert!(!format!("{span:?}").contains("secret") && !format!("{span:?}").contains("pass"));

    let headers = &seen.lock().expect("nobody panics")[0];
    let context = SpanContext::extract(headers).expect("it travels");
    assert_eq!(
        (context.trace_id(), context.span_id()),
        (trace, span.span_id)
    );
    assert!(!headers.contains_key("tracestate") && !headers.contains_key("baggage"));
}

/// Baggage goes to the hosts that are allowed and to no other.
#[tokio::test]
async fn baggage_goes_to_allowed_hosts_only() {
    let rig = Rig::with_baggage();
    let session = rig
        .pipeline
        .open_session("conv-1")
        .baggage("tenant", "acme")
        .open()
        .expect("open");
    let seen = Seen::default();
    let service = ClientLayer::under(&session).layer(keeping(&seen));
    for (url, host) in [
        ("http://allowed.test:8080/", None),
        ("http://api.other.test/", None),
        ("/", Some("allowed.test")),
        ("/", Some("evil.test")),
        // The URL says where it goes.
        ("http://api.other.test/", Some("allowed.test")),
    ] {
        let mut request = Request::get(url);
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let request = request.body(()).expect("the parts are right");
        let response = service.clone().oneshot(request).await.expect("it answers");
        response.into_body().collect().await.expect("it ends");
    }
    session.end();
    rig.finish();
    let seen = seen.lock().expect("nobody panics");
    let sent: Vec<_> = seen
        .iter()
        .map(|headers| headers.get("baggage").is_some())
        .collect();
    assert_eq!(sent, [true, false, true, false, false]);
    assert_eq!(seen[0]["baggage"], "session.id=conv-1,tenant=acme");
}

/// From 400 on an answer is an error of the client's, and so is a call that fails or is dropped.
#[tokio::test]
async fn what_the_client_did_not_get_is_an_error() {
    let rig = Rig::new();
    let session = rig.pipeline.session("conv-1").expect("open");
    let layer = ClientLayer::under(&session);
    let request = || {
        Request::get("http://api.test/")
            .body(())
            .expect("the parts are right")
    };
    for status in [200, 404, 503] {
        let service = layer.layer(answering(status, &[], End::Whole));
        let response = service.oneshot(request()).await.expect("it answers");
        response.into_body().collect().await.expect("it ends");
    }
    let failing = tower::service_fn(|_: Request<()>| async {
        Err::<Response<Empty<Bytes>>, _>(std::io::Error::other("refused"))
    });
    layer
        .layer(failing)
        .oneshot(request())
        .await
        .expect_err("it fails");
    drop(layer.layer(answering(200, &[], End::Never)).call(request()));
    session.end();
    rig.finish().assert_tree_with(
        &["http.response.status_code", "error.type"],
        "
        session
          GET http.response.status_code=200
          GET http.response.status_code=404 error.type=404 !
          GET http.response.status_code=503 error.type=503 !
          GET error.type=Error ! refused
          GET error.type=cancelled ! the request was dropped before the response had ended
        ",
    );
}

/// A request that is made for nobody is passed on as it is.
#[tokio::test]
async fn a_request_for_nobody_is_passed_on() {
    let rig = Rig::new();
    let seen = Seen::default();
    let service = ClientLayer::new().layer(keeping(&seen));
    let request = Request::get("http://api.test/").header("traceparent", PARENT);
    let request = request.body(()).expect("the parts are right");
    service.oneshot(request).await.expect("it answers");
    assert_eq!(
        seen.lock().expect("nobody panics")[0]["traceparent"],
        PARENT
    );
    assert_eq!(rig.finish().spans().len(), 0);
}

/// Behind each other, a proxy's layers join the trace of its caller and of whom it asks.
#[tokio::test]
async fn a_proxy_is_in_the_middle_of_its_trace() {
    let rig = Rig::new();
    let seen = Seen::default();
    let proxy = ServerLayer::new(&rig.pipeline).layer(ClientLayer::new().layer(keeping(&seen)));
    let request = Request::get("http://api.test/")
        .header("traceparent", PARENT)
        .header("tracestate", "vendor=1")
        .body(())
        .expect("the parts are right");
    let response = proxy.oneshot(request).await.expect("it answers");
    response.into_body().collect().await.expect("it ends");
    let memory = rig.finish();
    memory.assert_tree("GET\n  GET");
    let headers = &seen.lock().expect("nobody panics")[0];
    let context = SpanContext::extract(headers).expect("it travels");
    assert_eq!(context.trace_id().to_string(), TRACE);
    assert_eq!(headers["tracestate"], "vendor=1");
}

/// Where a trace is not sampled, nothing is recorded and the context travels still.
#[tokio::test]
async fn an_unsampled_trace_travels_on() {
    let rig = Rig::new();
    let seen = Seen::default();
    let proxy = ServerLayer::new(&rig.pipeline).layer(ClientLayer::new().layer(keeping(&seen)));
    let unsampled = PARENT.replace("-01", "-00");
    let request = Request::get("http://api.test/").header("traceparent", unsampled);
    let request = request.body(()).expect("the parts are right");
    let response = proxy.oneshot(request).await.expect("it answers");
    response.into_body().collect().await.expect("it ends");
    assert_eq!(rig.finish().spans().len(), 0);
    let headers = &seen.lock().expect("nobody panics")[0];
    let context = SpanContext::extract(headers).expect("it travels");
    assert!(context.trace_id().to_string() == TRACE && !context.is_sampled());
}
