//! A provider that answers from a script.

#![expect(
    clippy::disallowed_methods,
    reason = "the provider runs beside the test"
)]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// What was asked so far. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Provider {
    asked: Arc<Mutex<Vec<HeaderMap>>>,
    /// Between the chunks of streams.
    pause: Duration,
}

/// How many chunks of text a stream has.
pub(crate) const CHUNKS: usize = 20;

impl Provider {
    /// One that pauses between the chunks of its streams.
    pub(crate) fn pausing(pause: Duration) -> Self {
        let asked = Arc::default();
        Self { asked, pause }
    }

    /// Listens until the runtime of the test ends.
    pub(crate) async fn listen(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("an address");
        let provider = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).expect("a socket");
                let provider = provider.clone();
                let service = service_fn(move |request| provider.clone().answer(request));
                tokio::spawn(async move {
                    let builder = Builder::new(TokioExecutor::new());
                    // How a client leaves is its own affair.
                    let _left = builder
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        addr
    }

    /// The headers of all requests.
    pub(crate) fn asked(&self) -> Vec<HeaderMap> {
        self.asked.lock().expect("nobody panics").clone()
    }

    async fn answer(
        self,
        request: Request<Incoming>,
    ) -> Result<Response<impl hyper::body::Body<Data = Bytes, Error = Infallible>>, Infallible>
    {
        let (parts, body) = request.into_parts();
        let body = body
            .collect()
            .await
            .map(|body| body.to_bytes())
            .unwrap_or_default();
        let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
        let path = parts.uri.path().to_owned();
        self.asked
            .lock()
            .expect("nobody panics")
            .push(parts.headers);
        let (status, kind, chunks) = script(&path, &asked);
        let (send, mut receive) = mpsc::channel(1);
        let pause = self.pause;
        tokio::spawn(async move {
            for chunk in chunks {
                // Who no longer reads is no concern of a provider.
                if send.send(chunk).await.is_err() {
                    return;
                }
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
            }
        });
        let frames = futures_of(move |cx| receive.poll_recv(cx));
        let response = Response::builder()
            .status(status)
            .header("content-type", kind)
            .header("x-request-id", "req-1")
            .body(StreamBody::new(frames));
        Ok(response.expect("the parts are right"))
    }
}

/// A stream of frames out of what is received.
fn futures_of(
    mut poll: impl FnMut(&mut std::task::Context<'_>) -> std::task::Poll<Option<Bytes>>,
) -> impl futures::Stream<Item = Result<Frame<Bytes>, Infallible>> {
    futures::stream::poll_fn(move |cx| poll(cx).map(|chunk| chunk.map(|it| Ok(Frame::data(it)))))
}

fn script(path: &str, asked: &Value) -> (u16, &'static str, Vec<Bytes>) {
    let whole = |status, value: Value| (status, "application/json", vec![value.to_string().into()]);
    if asked["model"] == "none" {
        let error = json!({"error": {"type": "invalid_request_error", "code": "model_not_found", "message": "no such model"}});
        return whole(404, error);
    }
    let is_stream = asked["stream"] == true;
    match path {
        "/v1/chat/completions" if is_stream => (200, "text/event-stream", chat(asked)),
        "/v1/chat/completions" => whole(
            200,
            json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-5-2025-08-07",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "Low tide."}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25}}),
        ),
        "/v1/messages" if is_stream => (200, "text/event-stream", messages()),
        "/v1/messages" => whole(
            200,
            json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929",
            "content": [{"type": "tool_use", "id": "toolu_1", "name": "tide", "input": {"port": "Brest"}}],
            "stop_reason": "tool_use", "stop_sequence": null,
            "usage": {"input_tokens": 8, "cache_read_input_tokens": 1000, "cache_creation_input_tokens": 0, "output_tokens": 30}}),
        ),
        _ => whole(
            404,
            json!({"error": {"type": "not_found", "message": path}}),
        ),
    }
}

fn event(value: &Value) -> Bytes {
    let name = value["type"]
        .as_str()
        .map(|name| format!("event: {name}\n"));
    Bytes::from(format!("{}data: {value}\n\n", name.unwrap_or_default()))
}

fn chat(asked: &Value) -> Vec<Bytes> {
    let chunk = |choices: Value, usage: Value| {
        event(
            &json!({"id": "chatcmpl-2", "object": "chat.completion.chunk", "created": 1,
            "model": "gpt-5-2025-08-07", "choices": choices, "usage": usage}),
        )
    };
    let mut chunks: Vec<Bytes> = (0..CHUNKS)
        .map(|_| {
            chunk(
                json!([{"index": 0, "delta": {"content": "tide "}, "finish_reason": null}]),
                Value::Null,
            )
        })
        .collect();
    chunks.push(chunk(
        json!([{"index": 0, "delta": {}, "finish_reason": "stop"}]),
        Value::Null,
    ));
    if asked["stream_options"]["include_usage"] == true {
        let usage = json!({"prompt_tokens": 20, "completion_tokens": 40, "total_tokens": 60});
        chunks.push(chunk(json!([]), usage));
    }
    chunks.push(Bytes::from_static(b"data: [DONE]\n\n"));
    chunks
}

fn messages() -> Vec<Bytes> {
    let mut events = vec![
        json!({"type": "message_start", "message": {"id": "msg_2", "type": "message", "role": "assistant",
            "model": "claude-sonnet-4-5-20250929", "content": [], "stop_reason": null, "stop_sequence": null,
            "usage": {"input_tokens": 9, "output_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
    ];
    events.extend((0..CHUNKS).map(|_| {
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "tide "}})
    }));
    events.push(json!({"type": "content_block_stop", "index": 0}));
    events.push(
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null},
        "usage": {"output_tokens": 40}}),
    );
    events.push(json!({"type": "message_stop"}));
    events.iter().map(event).collect()
}
