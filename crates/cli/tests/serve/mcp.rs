//! `/mcp` of a running server, asked by a client of the protocol as agents have one.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use rmcp::model::CallToolRequestParams;
use rmcp::service::RunningService;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{RoleClient, ServiceExt as _};
use serde_json::{Value, json};

use super::server::{LONG, Server, request};

async fn connect(server: &Server, token: Option<&str>) -> RunningService<RoleClient, ()> {
    let uri = format!("http://{}/mcp", server.operations());
    let mut config = StreamableHttpClientTransportConfig::with_uri(uri);
    if let Some(token) = token {
        config = config.auth_header(token);
    }
    let transport = StreamableHttpClientTransport::from_config(config);
    ().serve(transport).await.expect("it answers")
}

async fn call(client: &RunningService<RoleClient, ()>, tool: &'static str, with: Value) -> Value {
    let mut call = CallToolRequestParams::new(tool);
    call.arguments = with.as_object().cloned();
    let result = client.call_tool(call).await.expect("it is answered");
    assert_ne!(result.is_error, Some(true), "{tool}: {result:?}");
    let text = result.content.first().and_then(|block| block.as_text());
    serde_json::from_str(&text.expect("a text").text).expect("JSON")
}

/// A client of the protocol lists the tools, finds what was received a moment ago, and is told how the pipeline is.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_asks_about_sessions() {
    let server = Server::start(&["--store", "memory"]);
    let url = format!("http://{}", server.grpc());
    let mut sender = TraceServiceClient::connect(url).await.expect("it listens");
    sender
        .export(request("conv-1", 3))
        .await
        .expect("it is taken");
    let client = connect(&server, None).await;
    let name = client.peer_info().and_then(|peer| peer.server_info.clone());
    assert_eq!(name.map(|it| it.name).as_deref(), Some("spanreel"));
    let tools = client.list_all_tools().await.expect("tools");
    assert!(tools.iter().any(|tool| tool.name == "why_did_it_fail"));

    let deadline = Instant::now() + LONG;
    let found = loop {
        let found = call(&client, "list_sessions", json!({})).await;
        if found["total"] == 1 {
            break found;
        }
        assert!(Instant::now() < deadline, "{found}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let id = found["sessions"][0]["id"].clone();
    assert_eq!(id, "conv-1");
    let spans = call(&client, "get_spans", json!({ "id": id })).await;
    assert_eq!(spans["spans"].as_array().map(Vec::len), Some(3));
    let health = call(&client, "pipeline_health", json!({})).await;
    assert_eq!(
        health["verdict"][0],
        "Nothing has been lost since the start."
    );
    assert_eq!(health["ledger"]["spans"]["received"], 3);
    client.cancel().await.expect("it ends");
    assert_eq!(server.stop().code, Some(0));
}

/// Sends bytes, and reads the status of the answer.
fn status_of(server: &Server, headers: &str) -> u16 {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let request = format!(
        "POST /mcp HTTP/1.1\r\n{headers}content-type: application/json\r\naccept: application/json, \
         text/event-stream\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(server.operations()).expect("it listens");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");
    let status = answer.split(' ').nth(1).expect("a status");
    status.parse().expect(&answer)
}

/// Names and pages that are not this machine's are refused; with a token, so is whoever lacks it.
#[tokio::test(flavor = "multi_thread")]
async fn only_who_may_ask_is_answered() {
    let server = Server::start(&["--store", "memory"]);
    assert_eq!(status_of(&server, "host: 127.0.0.1:4320\r\n"), 200);
    assert_eq!(status_of(&server, "host: evil.example\r\n"), 403);
    let foreign = "host: 127.0.0.1:4320\r\norigin: http://evil.example\r\n";
    assert_eq!(status_of(&server, foreign), 403);
    drop(server);

    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "a-secret-of-some-length\n").expect("written");
    let path = file.path().to_str().expect("text");
    let server = Server::start(&["--store", "memory", "--token-file", path]);
    assert_eq!(status_of(&server, "host: 127.0.0.1:4320\r\n"), 401);
    let client = connect(&server, Some("a-secret-of-some-length")).await;
    let tools = client.list_all_tools().await.expect("tools");
    assert!(!tools.is_empty());
}
