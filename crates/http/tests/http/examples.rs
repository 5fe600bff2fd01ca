//! The examples, as they run.

use std::time::Duration;

use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;

use crate::rig::{PARENT, Rig};
use crate::{axum_service, mcp_stdio};

/// A chat is a request in the session of its conversation; what the agent asks of another service is
/// below its tool, on both sides.
#[tokio::test]
async fn a_chat_is_one_tree() {
    let rig = Rig::new();
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("there is a port");
    let address = listener.local_addr().expect("it is bound").to_string();
    let service = axum_service::service(&rig.pipeline, &address);
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::post(format!("http://{address}/chat"))
        .header("x-conversation", "conv-8f2e")
        .header("traceparent", PARENT)
        .body(Full::new(Bytes::from_static(
            b"Which tides does Brest have?",
        )))
        .expect("the parts are right");
    let asked = async {
        let response = client.request(request).await.expect("it answers");
        response
            .into_body()
            .collect()
            .await
            .expect("it ends")
            .to_bytes()
    };
    let answer = tokio::select! {
        answer = asked => answer,
        served = async { axum::serve(listener, service).await } => panic!("it stopped: {served:?}"),
    };
    assert_eq!(answer, "high water in brest at 06:12 and 18:31");
    // A server sees the end of its answer behind the client.
    while rig.pipeline.stats().traces.open > 1 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    rig.pipeline.session("conv-8f2e").expect("open").end();
    let tree = rig.finish().tree_with(&["http.response.status_code"]);
    #[cfg(feature = "axum")]
    insta::assert_snapshot!(tree, @r"
    session
    POST /chat http.response.status_code=200
      invoke_agent planner
        chat claude-sonnet-4-5
        execute_tool tide_table
          GET http.response.status_code=200
            GET /tides/{town} http.response.status_code=200
              retrieval tides
    ");
    #[cfg(not(feature = "axum"))]
    assert!(
        tree.contains("        GET http.response.status_code=200\n"),
        "{tree}"
    );
}

/// A tool that is called over MCP is one tree of both processes, joined by what `_meta` carries.
#[tokio::test]
async fn a_tool_over_mcp_is_one_tree() {
    let agent = Rig::new();
    let memory = agent.memory.clone();
    let tools = Rig::with_memory(memory.clone(), |builder| builder);
    let (here, there) = tokio::io::duplex(4096);
    let (client, server) = tokio::join!(
        mcp_stdio::ask(&agent.pipeline, here),
        mcp_stdio::answer(&tools.pipeline, there),
    );
    server.expect("it answers");
    assert_eq!(
        client.expect("it is answered"),
        "12 degrees and rain in Brest"
    );
    agent.finish();
    tools.finish();
    let tree = memory.tree_with(&["mcp.method.name", "network.transport"]);
    insta::assert_snapshot!(tree, @r"
    invoke_agent planner
      tools/list mcp.method.name=tools/list network.transport=pipe
        tools/list mcp.method.name=tools/list network.transport=pipe
      execute_tool get_weather mcp.method.name=tools/call network.transport=pipe
        tools/call get_weather mcp.method.name=tools/call network.transport=pipe
          retrieval stations
    ");
}
