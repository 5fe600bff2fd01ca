//! What layers do with calls: names, times, content, cost, ends.

use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::executor::block_on;
use http::Request;
use http_body_util::{BodyExt, Full};
use spanreel::record::RecordedLog;
use spanreel::{Content, SpanKind, SpanRef, StatusCode};
use spanreel_http::llm::{Llm, Prices, Rate};
use tower::{Layer, Service, ServiceExt};

use crate::rig::{Broken, End, Frames, Rig, answering};

const CHAT: &str = "https://api.openai.com/v1/chat/completions";
const ASKED: &str =
    r#"{"model":"gpt-5","stream":true,"messages":[{"role":"user","content":"PROMPT"}]}"#;
const SSE: [(&str, &str); 1] = [("content-type", "text/event-stream")];
const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

/// A stream of three chunks, usage and end.
fn stream() -> Vec<Bytes> {
    [
        "data: {\"id\":\"c-1\",\"model\":\"gpt-5-x\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ANS\"}}]}\n\n",
        "data: {\"id\":\"c-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"WER\"},\"finish_reason\":\"stop\"}]}\n\n",
        "data: {\"id\":\"c-1\",\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":4,\"total_tokens\":14}}\n\n",
        "data: [DONE]\n\n",
    ]
    .map(Bytes::from)
    .into()
}

fn request() -> Request<Full<Bytes>> {
    let request = Request::post(CHAT).header("authorization", "Bearer KEY");
    request
        .body(Full::from(ASKED))
        .expect("the parts are right")
}

/// Makes a request; reads as many frames of its answer as asked for.
fn read<S>(client: S, frames: usize)
where
    S: Service<
            Request<Full<Bytes>>,
            Response = http::Response<spanreel_http::llm::ResponseBody<Frames>>,
            Error = std::convert::Infallible,
        >,
{
    block_on(async {
        let response = client.oneshot(request()).await.expect("it answers");
        let mut body = response.into_body();
        for _ in 0..frames {
            body.frame().await;
        }
    });
}

/// A call is a span of kind client, named after what it does and the model, below whom it is for; it says
/// how long the first chunk took and how many there were, and no content.
#[test]
fn a_call_is_a_span_without_content() {
    let rig = Rig::new();
    let tool = rig.session.agent("planner").start();
    let client = Llm::new()
        .layer()
        .layer(answering(200, &SSE, &stream(), End::Whole));
    let mut request = request();
    request.extensions_mut().insert(SpanRef::from(&tool));
    block_on(async {
        let response = client.oneshot(request).await.expect("it answers");
        response.into_body().collect().await.expect("it ends");
    });
    let parent = tool.id();
    tool.end();
    let spans = rig.finish();
    let span = spans
        .iter()
        .find(|span| span.name == "chat gpt-5")
        .expect("a span");
    assert_eq!(
        (span.kind, span.parent_span_id),
        (SpanKind::Client, Some(parent))
    );
    assert_eq!(span.str("server.address"), Some("api.openai.com"));
    assert_eq!(span.bool("gen_ai.request.stream"), Some(true));
    assert_eq!(span.str("gen_ai.response.model"), Some("gpt-5-x"));
    assert_eq!(span.int("spanreel.llm.chunks"), Some(3));
    let first = span
        .double("gen_ai.response.time_to_first_chunk")
        .expect("told");
    let pace = span.double("spanreel.llm.time_per_chunk").expect("told");
    let whole = Duration::from_nanos(span.duration_nanos()).as_secs_f64();
    assert!(
        first > 0.0 && pace > 0.0 && first + 2.0 * pace <= whole,
        "{first} {pace} {whole}"
    );
    assert_eq!(span.status, StatusCode::Unset);
    for secret in ["PROMPT", "ANS", "KEY"] {
        assert!(!format!("{spans:?}").contains(secret), "{secret}");
    }
}

/// What is not for anybody, and what is no call of a model, passes without a span.
#[test]
fn other_requests_pass() {
    let rig = Rig::new();
    read(
        Llm::new()
            .layer()
            .layer(answering(200, &SSE, &stream(), End::Whole)),
        9,
    );
    let client = Llm::under(&rig.session)
        .layer()
        .layer(answering(200, &JSON, &[], End::Whole));
    let models = Request::get("https://api.openai.com/v1/models").body(Full::default());
    block_on(client.oneshot(models.expect("right"))).expect("it answers");
    assert!(rig.finish().is_empty());
}

/// Whom a call is for can be found out where it is made.
#[test]
fn a_place_is_found_where_the_call_is_made() {
    let rig = Rig::new();
    let agent = rig.session.agent("planner").start();
    let place = SpanRef::from(&agent);
    let llm = Llm::new().place_by(move || Some(place.clone()));
    read(
        llm.layer()
            .layer(answering(200, &SSE, &stream(), End::Whole)),
        9,
    );
    let id = agent.id();
    agent.end();
    let spans = rig.finish();
    let span = spans
        .iter()
        .find(|span| span.name == "chat gpt-5")
        .expect("a span");
    assert_eq!(span.parent_span_id, Some(id));
}

/// A stream that is dropped early ends its span as cancelled, with what was known; one that nobody reads
/// does too; one that had come to its last event was not cancelled.
#[test]
fn a_dropped_stream_is_cancelled() {
    for (frames, error, model, output) in [
        (0, Some("cancelled"), None, None),
        (1, Some("cancelled"), Some("gpt-5-x"), None),
        (3, Some("cancelled"), Some("gpt-5-x"), Some(4)),
        (4, None, Some("gpt-5-x"), Some(4)),
        (5, None, Some("gpt-5-x"), Some(4)),
    ] {
        let rig = Rig::new();
        let llm = Llm::under(&rig.session);
        read(
            llm.layer()
                .layer(answering(200, &SSE, &stream(), End::Whole)),
            frames,
        );
        let span = rig.only();
        assert_eq!(span.name, "chat gpt-5");
        assert_eq!(span.str("error.type"), error, "{frames}");
        assert_eq!(span.str("gen_ai.response.model"), model, "{frames}");
        assert_eq!(span.int("gen_ai.usage.output_tokens"), output, "{frames}");
    }
}

/// An answer that never comes, and a body that never goes on, are cancelled when they are dropped.
#[test]
fn a_call_that_hangs_is_cancelled() {
    let rig = Rig::new();
    let llm = Llm::under(&rig.session);
    let hanging = tower::service_fn(|_: Request<_>| {
        std::future::pending::<Result<http::Response<Full<Bytes>>, Broken>>()
    });
    let client = llm.layer().layer(hanging);
    let mut call = Box::pin(client.oneshot(request()));
    assert!((&mut call).now_or_never().is_none());
    drop(call);
    let mut client = llm
        .layer()
        .layer(answering(200, &SSE, &stream()[..1], End::Never));
    let response = block_on(client.call(request())).expect("it answers");
    drop(response);
    for span in rig.finish() {
        assert_eq!(span.str("error.type"), Some("cancelled"));
    }
}

/// A connection that is lost is an error of that name, with what was known by then.
#[test]
fn a_lost_connection_is_an_error() {
    let rig = Rig::new();
    let llm = Llm::under(&rig.session);
    read(
        llm.layer()
            .layer(answering(200, &SSE, &stream()[..2], End::Broken)),
        9,
    );
    let span = rig.only();
    assert_eq!(span.str("error.type"), Some("Broken"));
    assert_eq!(span.status_message, "the connection broke");
    assert_eq!(span.str("gen_ai.response.id"), Some("c-1"));
}

/// A provider's error is told by its type; its words, which may quote the prompt, only where content is.
#[test]
fn errors_are_told_without_their_words() {
    let body = Bytes::from_static(br#"{"error":{"type":"rate_limit_error","message":"PROMPT"}}"#);
    for content in [Content::Off, Content::Spans] {
        let rig = Rig::with(content);
        let llm = Llm::under(&rig.session);
        read(
            llm.layer().layer(answering(
                429,
                &JSON,
                std::slice::from_ref(&body),
                End::Whole,
            )),
            9,
        );
        let span = rig.only();
        assert_eq!(span.str("error.type"), Some("rate_limit_error"));
        assert_eq!(span.int("http.response.status_code"), Some(429));
        assert_eq!(span.status, StatusCode::Error);
        assert_eq!(
            span.status_message,
            if content.in_spans() { "PROMPT" } else { "" }
        );
    }
}

/// An error in the midst of a stream is an error, whatever the status was.
#[test]
fn an_error_in_a_stream_is_one() {
    let url = "https://api.anthropic.com/v1/messages";
    let event =
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n";
    let rig = Rig::new();
    let request = Request::post(url).body(ASKED.as_bytes()).expect("right");
    let response = http::Response::builder().header("content-type", "text/event-stream");
    Llm::under(&rig.session).observe(&request, &response.body(event).expect("right"));
    assert_eq!(rig.only().str("error.type"), Some("overloaded_error"));
}

/// Content is recorded where the session says so, on spans or in events, as the conventions have it.
#[test]
fn content_is_recorded_where_the_session_says_so() {
    let told = serde_json::json!([{"role": "assistant", "finish_reason": "stop",
        "parts": [{"type": "text", "content": "ANSWER"}]}]);
    let asked = serde_json::json!([{"role": "user",
        "parts": [{"type": "text", "content": "PROMPT"}]}]);
    for content in [Content::Off, Content::Spans, Content::Events, Content::Both] {
        let rig = Rig::with(content);
        let llm = Llm::under(&rig.session);
        read(
            llm.layer()
                .layer(answering(200, &SSE, &stream(), End::Whole)),
            9,
        );
        let logs = rig.logs();
        let span = rig.only();
        let is_event =
            |log: &&RecordedLog| log.event_name == "gen_ai.client.inference.operation.details";
        let events: Vec<_> = logs.iter().filter(is_event).collect();
        assert_eq!(
            events.len(),
            usize::from(content.in_events()),
            "{content:?}"
        );
        for (key, expected) in [
            ("gen_ai.input.messages", &asked),
            ("gen_ai.output.messages", &told),
        ] {
            let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
            let on_span = span.str(key).map(json);
            assert_eq!(
                on_span.as_ref(),
                content.in_spans().then_some(expected),
                "{content:?}"
            );
            for event in &events {
                assert_eq!(event.str(key).map(json).as_ref(), Some(expected));
            }
        }
    }
}

/// A call costs what the price list says, and the session adds it up; a model without a price costs
/// nothing that is known, and is counted.
#[test]
fn calls_cost_what_the_price_list_says() {
    let rate = Rate {
        input: 2.0,
        output: 8.0,
        ..Rate::default()
    };
    let rig = Rig::new();
    let priced =
        Llm::under(&rig.session).prices(Prices::new("contract", "7").model("gpt-5-x", rate));
    let unpriced = Llm::under(&rig.session).prices(Prices::new("contract", "7"));
    for llm in [&priced, &unpriced] {
        read(
            llm.layer()
                .layer(answering(200, &SSE, &stream(), End::Whole)),
            9,
        );
    }
    assert_eq!((priced.counts().calls, priced.counts().unpriced), (1, 0));
    assert_eq!(
        (unpriced.counts().calls, unpriced.counts().unpriced),
        (1, 1)
    );
    let totals = rig.session.totals();
    assert_eq!(totals.llm_calls, 2);
    assert_eq!(totals.usage.input, Some(20));
    let cost = (10.0 * 2.0 + 4.0 * 8.0) / 1e6;
    assert!((totals.cost.expect("known") - cost).abs() < 1e-12);
    let spans = rig.finish();
    assert_eq!(spans[0].str("spanreel.cost.source"), Some("contract"));
    assert_eq!(spans[0].str("spanreel.cost.version"), Some("7"));
    assert_eq!(spans[0].str("spanreel.cost.currency"), Some("USD"));
    assert_eq!(spans[1].double("gen_ai.usage.cost"), None);
}

/// A host whose name says nothing is named by the user.
#[test]
fn hosts_can_be_named() {
    let rig = Rig::new();
    let llm = Llm::under(&rig.session).named("models.internal:8000", "vllm");
    for url in ["http://models.internal:8000", "http://models.internal:9000"] {
        let request = Request::post(format!("{url}/v1/chat/completions"));
        let request = request.body(ASKED).expect("right");
        llm.observe(&request, &http::Response::new("{}"));
    }
    let spans = rig.finish();
    let names: Vec<_> = spans
        .iter()
        .map(|span| span.str("gen_ai.provider.name"))
        .collect();
    assert_eq!(names, [Some("vllm"), Some("openai")]);
}
