//! What passes, and to whom it is told to belong.

#![expect(
    clippy::disallowed_methods,
    reason = "a connection runs beside the test"
)]

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::net::TcpStream;

use crate::provider::{CHUNKS, Provider};
use crate::spans::{Rig, attributes, calls};

/// One connection, whatever a pool would make of it.
struct Connection(http1::SendRequest<Full<Bytes>>);

impl Connection {
    async fn to(url: &str) -> Self {
        let addr = url.trim_start_matches("http://");
        let stream = TcpStream::connect(addr).await.expect("it listens");
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
        tokio::spawn(connection);
        Self(sender)
    }

    async fn call(&mut self, mut request: Request<Full<Bytes>>) -> Response<Incoming> {
        let host = request.uri().authority().expect("a host").to_string();
        let path = request.uri().path().to_owned();
        request
            .headers_mut()
            .insert("host", host.parse().expect("a value"));
        *request.uri_mut() = path.parse().expect("a path");
        self.0.ready().await.expect("it is open");
        self.0.send_request(request).await.expect("it answers")
    }

    async fn whole(&mut self, request: Request<Full<Bytes>>) {
        let response = self.call(request).await;
        assert_eq!(response.status(), 200);
        response.into_body().collect().await.expect("whole");
    }
}

type Plain = Client<HttpConnector, Full<Bytes>>;

/// A client with connections of its own.
pub(crate) fn client() -> Plain {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).build(connector)
}

/// A call of a chat, streamed or not.
pub(crate) fn chat(url: &str, is_stream: bool) -> Request<Full<Bytes>> {
    let body = json!({"model": "gpt-5", "stream": is_stream, "messages": []});
    let request = Request::post(format!("{url}/v1/chat/completions"));
    request
        .body(Full::from(body.to_string()))
        .expect("the parts are right")
}

async fn whole(client: &Plain, request: Request<Full<Bytes>>) -> (u16, Bytes) {
    let response = client.request(request).await.expect("it answers");
    let status = response.status().as_u16();
    (
        status,
        response
            .into_body()
            .collect()
            .await
            .expect("whole")
            .to_bytes(),
    )
}

async fn frames(mut body: Incoming) -> Vec<Bytes> {
    let mut frames = Vec::new();
    while let Some(frame) = body.frame().await {
        frames.extend(frame.expect("whole").into_data());
    }
    frames
}

/// A stream comes through the gateway as it comes from the provider: the same bytes in the same chunks, as
/// soon as they are there.
#[tokio::test(flavor = "multi_thread")]
async fn streams_pass_as_they_come() {
    let provider = Provider::pausing(Duration::from_millis(20));
    let direct = format!("http://{}", provider.listen().await);
    let rig = Rig::start(provider).await;
    let client = client();
    let through = client
        .request(chat(&format!("{}/openai", rig.url()), true))
        .await;
    let through = frames(through.expect("it answers").into_body()).await;
    let straight = client.request(chat(&direct, true)).await;
    let straight = frames(straight.expect("it answers").into_body()).await;
    assert_eq!(through.concat(), straight.concat());
    assert!(through.len() >= CHUNKS, "{} chunks", through.len());
    drop(client);
    let spans = rig.stop();
    assert_eq!(
        calls(&spans)[0].1["spanreel.llm.chunks"],
        (CHUNKS + 1).to_string()
    );
}

/// A call belongs to the session that its header names, which the provider does not learn; else to the
/// trace of its caller; else to a session of its connection.
#[tokio::test(flavor = "multi_thread")]
async fn calls_belong_where_they_say() {
    let rig = Rig::start(Provider::default()).await;
    let url = format!("{}/openai", rig.url());
    let with = |name: &'static str, value: &'static str| {
        let mut request = chat(&url, false);
        request
            .headers_mut()
            .insert(name, value.parse().expect("a value"));
        request
    };
    let mut one = Connection::to(&rig.url()).await;
    let mut other = Connection::to(&rig.url()).await;
    for connection in [&mut one, &mut other] {
        connection.whole(with("x-session-id", "named-1")).await;
    }
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    one.whole(with("traceparent", parent)).await;
    one.whole(chat(&url, false)).await;
    one.whole(chat(&url, false)).await;
    other.whole(chat(&url, false)).await;
    for headers in rig.provider.asked() {
        assert!(!headers.contains_key("x-session-id"));
    }
    drop((one, other));
    let spans = rig.stop();
    let sessions: Vec<String> = calls(&spans)
        .into_iter()
        .map(|(_, told)| told["session.id"].clone())
        .collect();
    assert_eq!(
        sessions[..3],
        ["named-1", "named-1", "0af7651916cd43dd8448eb211c80319c"]
    );
    assert_eq!(sessions[3], sessions[4]);
    assert_ne!(sessions[3], sessions[5]);
    let entry = spans
        .iter()
        .find(|span| span.name == "gateway")
        .expect("a span");
    assert_eq!(
        entry.parent_span_id,
        [0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31]
    );
    let ended = |span: &opentelemetry_proto::tonic::trace::v1::Span| {
        !attributes(span).contains_key("spanreel.incomplete")
    };
    assert!(spans.iter().all(ended), "every session has ended");
}

/// A provider that is named by the user is called by that name; one that cannot be reached is an error of
/// the call, which its client is told; paths and names that are not known are refused.
#[tokio::test(flavor = "multi_thread")]
async fn other_ways_have_their_answers() {
    let rig = Rig::start(Provider::default()).await;
    let (url, client) = (rig.url(), client());
    assert_eq!(
        whole(&client, chat(&format!("{url}/house"), false)).await.0,
        200
    );
    let (status, said) = whole(&client, chat(&format!("{url}/nobody"), false)).await;
    assert_eq!(status, 404);
    assert!(
        String::from_utf8_lossy(&said).contains("/openai/"),
        "{said:?}"
    );
    let mut foreign = chat(&format!("{url}/openai"), false);
    foreign
        .headers_mut()
        .insert("host", "evil.example".parse().expect("a value"));
    assert_eq!(whole(&client, foreign).await.0, 403);
    drop(client);
    let spans = rig.stop();
    let calls = calls(&spans);
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].1["gen_ai.provider.name"], "house");
}

/// A client that leaves in the midst of a stream ends its call as cancelled.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_cancels_its_call() {
    let provider = Provider::pausing(Duration::from_millis(250));
    let rig = Rig::start(provider).await;
    let mut connection = Connection::to(&rig.url()).await;
    let request = chat(&format!("{}/openai", rig.url()), true);
    let mut body = connection.call(request).await.into_body();
    body.frame().await.expect("a chunk").expect("whole");
    drop((body, connection));
    // The gateway learns of it when it has the next chunk to pass on.
    tokio::time::sleep(Duration::from_millis(1000)).await;
    let spans = rig.stop();
    let calls = calls(&spans);
    assert_eq!(calls.len(), 1);
    let told = &calls[0].1;
    assert!(told.contains_key("error.type"), "{told:?}");
    assert_eq!(told["error.type"], "cancelled");
    assert_eq!(told["gen_ai.response.model"], "gpt-5-2025-08-07");
}

/// Of a provider that cannot be reached, the client is told the host and the reason, and nothing of the request.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_cannot_be_reached_is_named() {
    let options = ["--upstream", "dead=http://127.0.0.1:9/SECRET"];
    let rig = Rig::with(Provider::default(), &options).await;
    let request = chat(&format!("{}/dead", rig.url()), false);
    let response = client().request(request).await.expect("it answers");
    assert_eq!(response.status(), 502);
    let told = response.into_body().collect().await.expect("whole");
    let told: serde_json::Value = serde_json::from_slice(&told.to_bytes()).expect("JSON");
    assert_eq!(told["error"]["type"], "spanreel_gateway");
    let message = told["error"]["message"].as_str().expect("a text");
    assert!(
        message.starts_with("127.0.0.1 could not be reached: ") && message.contains("refused"),
        "{message}"
    );
    assert!(!message.contains("SECRET"), "{message}");
    assert_eq!(calls(&rig.stop()).len(), 1);
}
