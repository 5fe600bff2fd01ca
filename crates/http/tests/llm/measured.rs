//! What is measured of calls, whatever sampling decides.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use serde_json::json;
use spanreel::testing::InMemory;
use spanreel::{Pipeline, Sampling};
use spanreel_http::llm::{Llm, Measured, Prices, Rate};

/// What is kept of a call.
#[derive(Clone, Debug, PartialEq)]
struct Kept {
    names: [Option<String>; 6],
    tokens: [Option<u64>; 2],
    cost: Option<f64>,
    chunks: u64,
    pauses: u64,
    is_recorded: bool,
    has_times: bool,
}

fn keep(call: &Measured<'_>) -> Kept {
    let names = [
        Some(call.operation),
        Some(call.provider),
        call.request_model,
        call.response_model,
        call.server_address,
        call.error_type,
    ];
    Kept {
        names: names.map(|name| name.map(str::to_owned)),
        tokens: [call.usage.input, call.usage.output],
        cost: call.cost,
        chunks: call.chunks,
        pauses: call.pauses.iter().map(|(_, chunks)| chunks).sum(),
        is_recorded: call.is_recorded,
        has_times: call.first_chunk.is_some() && !call.took.is_zero() && call.took >= call.streamed,
    }
}

/// A listener, and what it has heard.
fn listening(llm: Llm) -> (Llm, Arc<Mutex<Vec<Kept>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&heard);
    let llm = llm.measure_by(move |call| kept.lock().expect("nobody panics").push(keep(call)));
    (llm, heard)
}

fn sse() -> HeaderMap {
    let kind = "text/event-stream".parse().expect("a value");
    HeaderMap::from_iter([(http::header::CONTENT_TYPE, kind)])
}

/// Asks for a stream of two chunks by hand.
fn stream(llm: &Llm) {
    let uri = Uri::from_static("http://gpu.internal:8000/v1/chat/completions");
    let begun = llm.begin(&Method::POST, &uri, &HeaderMap::new(), None);
    let mut call = begun.expect("it is a call");
    call.request(br#"{"model":"gpt-5","stream":true}"#);
    call.response(StatusCode::OK, &sse());
    call.chunk(b"data: {\"id\":\"c\",\"model\":\"gpt-5-x\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n");
    call.chunk(b"data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":4}}\n\ndata: [DONE]\n\n");
    call.end();
}

/// A session that the head sampler leaves out exports nothing; its calls are measured all the same, and its
/// totals count their tokens and their cost.
#[test]
fn calls_of_unsampled_sessions_count() {
    for is_sampled in [true, false] {
        let memory = InMemory::new();
        let sampling = match is_sampled {
            true => Sampling::always_on(),
            false => Sampling::always_off(),
        };
        let builder = Pipeline::builder()
            .sampling(sampling)
            .export(memory.clone());
        let pipeline = builder.start().expect("the configuration is right");
        let session = pipeline.session("conv-1").expect("open");
        let rate = Rate {
            input: 1.0,
            output: 2.0,
            ..Rate::default()
        };
        let prices = Prices::new("ours", "1").model("gpt-5-x", rate);
        let (llm, heard) = listening(Llm::under(&session).prices(prices));
        stream(&llm);
        let totals = session.totals();
        assert_eq!(
            (totals.usage.input, totals.usage.output),
            (Some(10), Some(4))
        );
        let cost = totals.cost.expect("it has a price");
        assert!((cost - 18e-6).abs() < 1e-12, "{cost}");
        session.end();
        pipeline.shutdown_blocking(Duration::from_secs(5));
        assert_eq!(memory.spans().is_empty(), !is_sampled);
        let heard = heard.lock().expect("nobody panics").clone();
        let named = |name: &str| Some(name.to_owned());
        let expected = Kept {
            names: [
                named("chat"),
                named("openai"),
                named("gpt-5"),
                named("gpt-5-x"),
                named("gpu.internal"),
                None,
            ],
            tokens: [Some(10), Some(4)],
            cost: Some(cost),
            chunks: 2,
            pauses: 1,
            is_recorded: is_sampled,
            has_times: true,
        };
        assert_eq!(heard, [expected]);
    }
}

/// What is unknown of a call that failed is absent, and its error has the name that its span has.
#[test]
fn what_is_unknown_is_absent() {
    let pipeline = Pipeline::builder()
        .export(InMemory::new())
        .start()
        .expect("right");
    let session = pipeline.session("conv-1").expect("open");
    let (llm, heard) = listening(Llm::under(&session));
    let uri = Uri::from_static("https://api.openai.com/v1/chat/completions");
    let call = || {
        llm.begin(&Method::POST, &uri, &HeaderMap::new(), None)
            .expect("a call")
    };
    let mut failed = call();
    failed.response(StatusCode::TOO_MANY_REQUESTS, &HeaderMap::new());
    failed.chunk(
        json!({"error": {"type": "rate_limit_error", "message": "SECRET"}})
            .to_string()
            .as_bytes(),
    );
    failed.end();
    call().fail("connect", "nobody listens");
    drop(call());
    let heard = heard.lock().expect("nobody panics").clone();
    let errors: Vec<_> = heard.iter().map(|it| it.names[5].as_deref()).collect();
    assert_eq!(
        errors,
        [Some("rate_limit_error"), Some("connect"), Some("cancelled")]
    );
    for call in &heard {
        assert_eq!(
            (call.tokens, call.cost, call.chunks, call.pauses),
            ([None, None], None, 0, 0)
        );
        assert!(!format!("{call:?}").contains("SECRET"));
    }
    session.end();
    pipeline.shutdown_blocking(Duration::from_secs(5));
}

/// Every chunk behind the first counts with the time since the one before it: a pause is not spread over the
/// stream, and what comes in one piece comes without any.
#[test]
#[expect(clippy::disallowed_methods, reason = "it is time that is measured")]
fn each_chunk_counts_with_its_own_pause() {
    const PAUSE: Duration = Duration::from_millis(60);
    let pipeline = Pipeline::builder()
        .export(InMemory::new())
        .start()
        .expect("right");
    let session = pipeline.session("conv-1").expect("open");
    let told = Arc::new(Mutex::new(Vec::new()));
    let teller = Arc::clone(&told);
    let llm = Llm::under(&session).measure_by(move |call| {
        let mut told = teller.lock().expect("nobody panics");
        told.extend_from_slice(call.pauses);
    });
    let uri = Uri::from_static("https://api.openai.com/v1/chat/completions");
    let begun = llm.begin(&Method::POST, &uri, &HeaderMap::new(), None);
    let mut call = begun.expect("it is a call");
    call.response(StatusCode::OK, &sse());
    let event = "data: {\"choices\":[]}\n\n";
    call.chunk(event.as_bytes());
    std::thread::sleep(PAUSE);
    // The second comes after a pause, and eight more in the same piece.
    call.chunk(event.repeat(9).as_bytes());
    call.end();
    let told = told.lock().expect("nobody panics").clone();
    let count = |is: fn(Duration) -> bool| -> u64 {
        let those = told.iter().filter(|(pause, _)| is(*pause));
        those.map(|(_, chunks)| chunks).sum()
    };
    assert_eq!(count(|it| it >= PAUSE), 1, "{told:?}");
    assert_eq!(count(|it| it.is_zero()), 8, "{told:?}");
    session.end();
    pipeline.shutdown_blocking(Duration::from_secs(5));
}

/// A recorded pair took no time, and is not measured; a listener that panics costs nobody anything.
#[test]
fn recorded_pairs_are_not_measured() {
    let memory = InMemory::new();
    let pipeline = Pipeline::builder()
        .export(memory.clone())
        .start()
        .expect("right");
    let session = pipeline.session("conv-1").expect("open");
    let (llm, heard) = listening(Llm::under(&session));
    let request = Request::post("https://api.openai.com/v1/chat/completions").body("{}");
    llm.observe(&request.expect("right"), &Response::new("{}"));
    assert!(heard.lock().expect("nobody panics").is_empty());
    stream(&llm.measure_by(|_| panic!("on purpose")));
    session.end();
    pipeline.shutdown_blocking(Duration::from_secs(5));
    assert_eq!(memory.spans().len(), 3);
}
