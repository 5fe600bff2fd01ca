//! Layers under gRPC.

use http::Request;
use http_body_util::BodyExt;
use spanreel::SpanRef;
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
