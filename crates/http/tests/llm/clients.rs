//! Clients that people use, each with its one line, against a provider that answers from a script: as JSON and
//! as a stream.

#![expect(
    clippy::disallowed_methods,
    reason = "the provider runs beside the test"
)]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use async_openai::Client as OpenAi;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use async_openai::types::chat::{
    ChatCompletionRequestUserMessage, ChatCompletionStreamOptions, CreateChatCompletionRequest,
};
use bytes::Bytes;
use futures::StreamExt;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use spanreel::record::RecordedSpan;
use spanreel_http::llm::Llm;
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt};

use crate::rig::Rig;

/// The pieces of a stream.
fn pieces() -> Vec<String> {
    let chunk = |choices: Value, usage: Value| {
        let chunk = json!({"id": "c-2", "object": "chat.completion.chunk", "created": 1,
            "model": "gpt-5-2025-08-07", "choices": choices, "usage": usage});
        format!("data: {chunk}\n\n")
    };
    let text = |text: &str| json!([{"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": null}]);
    vec![
        chunk(text("Low "), Value::Null),
        chunk(text("tide."), Value::Null),
        chunk(
            json!([]),
            json!({"prompt_tokens": 20, "completion_tokens": 4, "total_tokens": 24}),
        ),
        "data: [DONE]\n\n".to_owned(),
    ]
}

async fn answer(
    request: Request<Incoming>,
) -> http::Result<Response<http_body_util::combinators::UnsyncBoxBody<Bytes, Infallible>>> {
    let body = request.into_body().collect().await;
    let body = body.expect("it is sent").to_bytes();
    let asked: Value = serde_json::from_slice(&body).expect("JSON");
    if asked["stream"] == true {
        let frames = futures::stream::iter(pieces()).then(|piece| async {
            tokio::time::sleep(Duration::from_millis(2)).await;
            Ok(Frame::data(Bytes::from(piece)))
        });
        let response = Response::builder().header("content-type", "text/event-stream");
        return response.body(StreamBody::new(frames).boxed_unsync());
    }
    let answer = json!({"id": "c-1", "object": "chat.completion", "created": 1, "model": "gpt-5-2025-08-07",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Low tide."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 20, "completion_tokens": 4, "total_tokens": 24}});
    let response = Response::builder().header("content-type", "application/json");
    response.body(Full::from(answer.to_string()).boxed_unsync())
}

async fn provider() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let server = hyper::server::conn::http1::Builder::new();
                // How a client leaves is its own affair.
                let _left = server
                    .serve_connection(TokioIo::new(stream), service_fn(answer))
                    .await;
            });
        }
    });
    addr
}

fn asked(is_stream: bool) -> String {
    json!({"model": "gpt-5", "stream": is_stream, "messages": [{"role": "user", "content": "PROMPT"}]}).to_string()
}

/// Both calls are told as they were, without content and without keys.
#[track_caller]
fn assert_told(spans: &[RecordedSpan]) {
    assert_eq!(spans.len(), 2, "{spans:?}");
    for (span, chunks) in spans.iter().zip([None, Some(3)]) {
        assert_eq!(span.name, "chat gpt-5");
        assert_eq!(span.str("gen_ai.provider.name"), Some("openai"));
        assert_eq!(span.str("server.address"), Some("127.0.0.1"));
        assert_eq!(span.str("gen_ai.response.model"), Some("gpt-5-2025-08-07"));
        assert_eq!(span.int("gen_ai.usage.input_tokens"), Some(20));
        assert_eq!(span.int("gen_ai.usage.output_tokens"), Some(4));
        assert_eq!(span.int("spanreel.llm.chunks"), chunks);
        assert_eq!(span.str("error.type"), None);
        let first = span.double("gen_ai.response.time_to_first_chunk");
        assert_eq!(first.is_some(), chunks.is_some());
        for secret in ["PROMPT", "tide", "SECRET-KEY"] {
            assert!(!format!("{span:?}").contains(secret), "{secret}");
        }
    }
}

/// A client of hyper-util: the layer is around it.
#[tokio::test]
async fn hyper_util_is_traced() {
    let (rig, provider) = (Rig::new(), provider().await);
    let client = Client::builder(TokioExecutor::new()).build_http();
    let client = Llm::under(&rig.session).layer().layer(client);
    for is_stream in [false, true] {
        let request = Request::post(format!("http://{provider}/v1/chat/completions"))
            .header("authorization", "Bearer SECRET-KEY")
            .body(Full::<Bytes>::from(asked(is_stream)));
        let response = client.clone().oneshot(request.expect("right")).await;
        let body = response.expect("it answers").into_body().collect().await;
        let body = body.expect("whole").to_bytes();
        if is_stream {
            assert_eq!(body, pieces().concat());
        }
    }
    assert_told(
        &tokio::task::spawn_blocking(|| rig.finish())
            .await
            .expect("it ends"),
    );
}

/// A client of reqwest: as a middleware of `reqwest-middleware`.
#[tokio::test]
async fn reqwest_is_traced() {
    let (rig, provider) = (Rig::new(), provider().await);
    let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new());
    let client = client.with(Llm::under(&rig.session).middleware()).build();
    for is_stream in [false, true] {
        let request = client.post(format!(
            "http://{provider}/v1/chat/completions?key=SECRET-KEY"
        ));
        let request = request.bearer_auth("SECRET-KEY").body(asked(is_stream));
        let response = request.send().await.expect("it answers");
        assert_eq!(response.url().path(), "/v1/chat/completions");
        let body = response.bytes().await.expect("whole");
        if is_stream {
            assert_eq!(body, pieces().concat());
        }
    }
    assert_told(
        &tokio::task::spawn_blocking(|| rig.finish())
            .await
            .expect("it ends"),
    );
}

/// async-openai: the layer is around `reqwest::Client`, in the service of its `middleware`.
#[tokio::test]
async fn async_openai_is_traced() {
    let (rig, provider) = (Rig::new(), provider().await);
    let traced = Llm::under(&rig.session)
        .layer()
        .layer(reqwest::Client::new());
    let service = tower::service_fn(move |factory: HttpRequestFactory| {
        let traced = traced.clone();
        async move {
            let request = factory.build().await?;
            let response = traced.oneshot(request).await;
            response.map_err(OpenAIError::Reqwest)
        }
    });
    let config = OpenAIConfig::new()
        .with_api_base(format!("http://{provider}/v1"))
        .with_api_key("SECRET-KEY");
    let client = OpenAi::with_config(config).with_http_service(service);
    let request = CreateChatCompletionRequest {
        model: "gpt-5".to_owned(),
        messages: vec![ChatCompletionRequestUserMessage::from("PROMPT").into()],
        ..CreateChatCompletionRequest::default()
    };
    let whole = client
        .chat()
        .create(request.clone())
        .await
        .expect("it answers");
    assert_eq!(whole.usage.expect("told").total_tokens, 24);
    let request = CreateChatCompletionRequest {
        stream_options: Some(ChatCompletionStreamOptions {
            include_usage: Some(true),
            ..ChatCompletionStreamOptions::default()
        }),
        ..request
    };
    let mut stream = client
        .chat()
        .create_stream(request)
        .await
        .expect("it answers");
    let mut text = String::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.expect("a chunk");
        text.extend(
            chunk
                .choices
                .into_iter()
                .filter_map(|choice| choice.delta.content),
        );
    }
    drop(stream);
    assert_eq!(text, "Low tide.");
    drop(client);
    assert_told(
        &tokio::task::spawn_blocking(|| rig.finish())
            .await
            .expect("it ends"),
    );
}
