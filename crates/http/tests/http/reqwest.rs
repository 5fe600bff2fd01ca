//! Spans for requests of reqwest.

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use reqwest_middleware::ClientBuilder;
use spanreel::{SpanContext, SpanRef};
use spanreel_http::ClientMiddleware;
use tokio::net::TcpListener;

use crate::rig::Rig;

/// A request is a span of kind client below the span that it is made for, which ends with the body;
/// its context travels, and no secret of its URL is told, not even by an error.
#[tokio::test]
async fn a_request_of_reqwest_is_a_span() {
    let rig = Rig::new();
    let session = rig.pipeline.session("conv-1").expect("open");
    let tool = session.tool("search").start();
    let parent_seen = |headers: HeaderMap| async move {
        SpanContext::extract(&headers)
            .expect("it travels")
            .traceparent()
    };
    let app = Router::new().route("/tides", get(parent_seen));
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("there is a port");
    let address = listener.local_addr().expect("it is bound");
    let client = ClientBuilder::new(reqwest::Client::new())
        .with(ClientMiddleware::new())
        .build();
    let asked = async {
        let get = |url: String| client.get(url).with_extension(SpanRef::from(&tool)).send();
        let response = get(format!("http://{address}/tides?key=secret"))
            .await
            .expect("it answers");
        assert_eq!(response.url().path(), "/tides");
        assert_eq!(
            rig.pipeline.stats().traces.open,
            3,
            "the span ends with the body"
        );
        let seen = response.text().await.expect("it ends");
        let missing = get(format!("http://{address}/none?key=secret"))
            .await
            .expect("it answers");
        assert_eq!(missing.status(), 404);
        drop(missing);
        get("http://127.0.0.1:1/?key=secret".to_owned())
            .await
            .expect_err("nobody listens");
        client
            .get(format!("http://{address}/none"))
            .send()
            .await
            .expect("made for nobody");
        seen
    };
    let seen = tokio::select! {
        seen = asked => seen,
        served = async { axum::serve(listener, app).await } => panic!("it stopped: {served:?}"),
    };
    tool.end();
    session.end();
    let memory = rig.finish();
    memory.assert_tree_with(
        &["http.response.status_code", "error.type"],
        "
        session
          execute_tool search
            GET http.response.status_code=200
            GET http.response.status_code=404 error.type=404 !
            GET error.type=connect ! the request failed
        ",
    );
    let spans = memory.spans();
    assert!(
        spans
            .iter()
            .any(|span| seen.contains(&span.span_id.to_string()))
    );
    assert!(!format!("{spans:?}").contains("secret"));
}
