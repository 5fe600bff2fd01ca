//! Layers under gRPC.

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use spanreel::{SpanKind, SpanRef};
use spanreel_http::{ClientLayer, ServerLayer};
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::service::Routes;
use tonic::transport::Channel;
use tower::{Layer, ServiceExt};

use crate::rig::{PARENT, Rig, TRACE};

/// A call that tonic's router answers is a span.
#[tokio::test]
async fn a_call_of_tonics_router_is_a_span() {
    let rig = Rig::new();
    let service = ServerLayer::new(&rig.pipeline).layer(Routes::default().prepare());
    let request = Request::post("http://127.0.0.1/tides.Tides/Get")
        .header("content-type", "application/grpc")
        .header("traceparent", PARENT)
        .body(Body::default())
        .expect("the parts are right");
    let response = service.oneshot(request).await.expect("it answers");
    assert_eq!(response.headers()["grpc-status"], "12", "no such service");
    response.into_body().collect().await.expect("it ends");
    let memory = rig.finish();
    let span = memory.spans().remove(0);
    assert_eq!(span.trace_id.to_string(), TRACE);
    assert_eq!(span.str("url.path"), Some("/tides.Tides/Get"));
    assert_eq!(span.str("rpc.system.name"), Some("grpc"));
    assert_eq!(span.str("rpc.response.status_code"), Some("UNIMPLEMENTED"));
    assert_eq!(span.str("error.type"), Some("UNIMPLEMENTED"));
}

/// An answer of gRPC: a message, and trailers with this status.
fn answer(
    status: &'static str,
) -> Response<impl http_body::Body<Data = Bytes, Error = Infallible>> {
    let trailers = HeaderMap::from_iter([
        (
            HeaderName::from_static("grpc-status"),
            HeaderValue::from_static(status),
        ),
        (
            HeaderName::from_static("grpc-message"),
            HeaderValue::from_static("low%20tide%3A%20%C3%A9tal"),
        ),
    ]);
    let frames = [
        Ok(Frame::data(Bytes::from_static(b"\0\0\0\0\0"))),
        Ok(Frame::trailers(trailers)),
    ];
    Response::builder()
        .header("content-type", "application/grpc+proto")
        .body(StreamBody::new(futures::stream::iter(frames)))
        .expect("the parts are right")
}

/// The status that the trailers say is noted, and is a failure as the conventions have it: to a caller
/// all but OK, of a service what tells of itself. HTTP says 200 each time.
#[tokio::test]
async fn the_status_in_the_trailers_is_noted() {
    for (status, name, of_server, of_client) in [
        ("0", "OK", false, false),
        ("5", "NOT_FOUND", false, true),
        ("13", "INTERNAL", true, true),
        ("14", "UNAVAILABLE", true, true),
        ("16", "UNAUTHENTICATED", false, true),
        ("99", "UNKNOWN", true, true),
        ("five", "UNKNOWN", true, true),
    ] {
        let rig = Rig::new();
        let session = rig.pipeline.session("conv-1").expect("open");
        let service = tower::service_fn(move |_: Request<Body>| async move {
            Ok::<_, Infallible>(answer(status))
        });
        let service = ServerLayer::new(&rig.pipeline).layer(service);
        let service = ClientLayer::under(SpanRef::from(&session)).layer(service);
        let request = Request::post("http://127.0.0.1/tides.Tides/Get").body(Body::default());
        let response = service.oneshot(request.expect("the parts are right")).await;
        let body = response.expect("it answers").into_body();
        body.collect().await.expect("it ends");
        session.end();
        let spans = rig.finish().spans();
        for (kind, is_failure) in [(SpanKind::Server, of_server), (SpanKind::Client, of_client)] {
            let span = spans
                .iter()
                .find(|span| span.kind == kind)
                .expect("it is there");
            assert_eq!(span.int("http.response.status_code"), Some(200));
            assert_eq!(span.str("rpc.response.status_code"), Some(name), "{status}");
            let error = is_failure.then_some(name);
            assert_eq!(span.str("error.type"), error, "{status} {kind:?}");
            let message = if is_failure {
                "low tide: \u{e9}tal"
            } else {
                ""
            };
            assert_eq!(span.status_message, message, "{status} {kind:?}");
        }
    }
}

/// A call over tonic's channel is a span, also where nobody is there.
#[tokio::test]
async fn a_call_over_tonics_channel_is_a_span() {
    let rig = Rig::new();
    let session = rig.pipeline.session("conv-1").expect("open");
    let channel = Channel::from_static("http://127.0.0.1:1").connect_lazy();
    let channel = ClientLayer::under(SpanRef::from(&session)).layer(channel);
    // What generated clients ask of a channel.
    let mut client = Grpc::new(channel);
    assert!(client.ready().await.is_ok());
    let request = Request::post("http://127.0.0.1:1/tides.Tides/Get").body(Body::default());
    let request = request.expect("the parts are right");
    let channel = ClientLayer::under(SpanRef::from(&session))
        .layer(Channel::from_static("http://127.0.0.1:1").connect_lazy());
    assert!(channel.oneshot(request).await.is_err());
    session.end();
    let span = rig.finish().span("POST");
    assert_eq!(span.str("error.type"), Some("Error"));
    assert_eq!(span.str("server.address"), Some("127.0.0.1"));
}
