//! Answers that nobody should send.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use futures::executor::block_on;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use proptest::prelude::*;
use spanreel::record::RecordedSpan;
use spanreel::{ByteSize, Content};
use spanreel_http::llm::{Asked, Event, Llm, Provider, Recognised, Target, Told};
use tower::{Layer, ServiceExt};

use crate::rig::{End, Rig, answering};

const CHAT: &str = "https://api.openai.com/v1/chat/completions";
const WHOLE: &str = r#"{"id":"c-1","model":"m","choices":[{"index":0,"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}"#;

fn request(url: &str) -> Request<&'static [u8]> {
    let request = Request::post(url);
    request
        .body(&br#"{"model":"m"}"#[..])
        .expect("the parts are right")
}

/// The span of an answer, read in pieces of a size, with which the client gets the same bytes.
fn told(
    change: impl FnOnce(Llm) -> Llm,
    headers: &[(&'static str, &str)],
    body: &[u8],
    size: usize,
) -> RecordedSpan {
    let rig = Rig::new();
    let llm = change(Llm::under(&rig.session));
    let frames: Vec<Bytes> = body.chunks(size).map(Bytes::copy_from_slice).collect();
    let client = llm
        .layer()
        .layer(answering(200, headers, &frames, End::Whole));
    let request = request(CHAT).map(|body| Full::from(Bytes::from_static(body)));
    block_on(async {
        let response = client.oneshot(request).await.expect("it answers");
        let got = response.into_body().collect().await.expect("whole");
        assert_eq!(got.to_bytes(), body);
    });
    rig.only()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).expect("memory");
    encoder.finish().expect("memory")
}

fn deflate(text: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).expect("memory");
    encoder.finish().expect("memory")
}

/// An answer of Brotli without compression: as its specification has it (RFC 7932, 9.2).
fn brotli(text: &[u8]) -> Vec<u8> {
    assert!(text.len() <= 1 << 16);
    // Window of 16 bits; not the last; length of 4 nibbles; uncompressed; then an empty last block.
    let head = (text.len() as u32 - 1) << 4 | 1 << 20;
    let mut out = head.to_le_bytes()[..3].to_vec();
    out.extend_from_slice(text);
    out.push(3);
    out
}

/// Compressed answers are read, however they are cut; the client's stay compressed.
#[test]
fn compressed_answers_are_read() {
    let zstd = zstd::encode_all(WHOLE.as_bytes(), 3).expect("memory");
    for (encoding, body) in [
        ("gzip", gzip(WHOLE.as_bytes())),
        ("x-gzip", gzip(WHOLE.as_bytes())),
        ("deflate", deflate(WHOLE.as_bytes())),
        ("br", brotli(WHOLE.as_bytes())),
        ("zstd", zstd),
        ("identity", WHOLE.into()),
    ] {
        let headers = [
            ("content-type", "application/json"),
            ("content-encoding", encoding),
        ];
        for size in [1, 7, 10_000] {
            let span = told(|llm| llm, &headers, &body, size);
            assert_eq!(span.str("spanreel.llm.unread"), None, "{encoding}");
            assert_eq!(
                span.int("gen_ai.usage.output_tokens"),
                Some(4),
                "{encoding} {size}"
            );
        }
    }
}

/// A compressed stream is read as it comes: its first event before its end.
#[test]
fn compressed_streams_are_read_as_they_come() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let mut frames = Vec::new();
    for event in [
        "data: {\"id\":\"c-1\"}\n\n",
        "data: {\"model\":\"m-1\"}\n\n",
    ] {
        encoder.write_all(event.as_bytes()).expect("memory");
        encoder.flush().expect("memory");
        frames.push(Bytes::from(std::mem::take(encoder.get_mut())));
    }
    let rig = Rig::new();
    let headers = [
        ("content-type", "text/event-stream"),
        ("content-encoding", "gzip"),
    ];
    let client =
        Llm::under(&rig.session)
            .layer()
            .layer(answering(200, &headers, &frames, End::Never));
    let request = request(CHAT).map(|body| Full::from(Bytes::from_static(body)));
    block_on(async {
        let mut body = client
            .oneshot(request)
            .await
            .expect("it answers")
            .into_body();
        body.frame().await;
        body.frame().await;
    });
    let span = rig.only();
    assert_eq!(span.int("spanreel.llm.chunks"), Some(2));
    assert_eq!(span.str("gen_ai.response.model"), Some("m-1"));
}

/// What cannot be read says why, and the client gets it all the same.
#[test]
fn what_cannot_be_read_says_why() {
    let json = ("content-type", "application/json");
    let mut corrupt = gzip(WHOLE.as_bytes());
    corrupt[12] ^= 0xff;
    let half = &WHOLE.as_bytes()[..60];
    let long = format!("{{\"id\":\"c-1\",\"x\":\"{}\"}}", "x".repeat(100_000));
    for (headers, body, why) in [
        (
            &[json, ("content-encoding", "secret")][..],
            WHOLE.as_bytes(),
            "unknown content encoding",
        ),
        (
            &[json, ("content-encoding", "gzip")],
            &corrupt,
            "corrupt content encoding",
        ),
        (
            &[json, ("content-encoding", "gzip")],
            WHOLE.as_bytes(),
            "corrupt content encoding",
        ),
        (&[json], half, "not the JSON that was expected"),
        (&[json], b"<html>", "not the JSON that was expected"),
        (
            &[("content-type", "text/event-stream")],
            b"data: {\"id\":\n\n",
            "not the JSON that was expected",
        ),
        (&[json], long.as_bytes(), "too long"),
    ] {
        let span = told(
            |llm| llm.read_at_most(ByteSize::kib(64)),
            headers,
            body,
            1000,
        );
        assert_eq!(span.str("spanreel.llm.unread"), Some(why));
        assert_eq!(span.int("gen_ai.usage.output_tokens"), None);
    }
    // What was known of half an answer is told.
    let span = told(|llm| llm, &[json], half, 1000);
    assert_eq!(span.str("gen_ai.response.id"), Some("c-1"));
}

/// A hundred mebibytes pass, and no more than the bound is held of them; a bomb of gzip is no more.
#[test]
fn endless_answers_pass() {
    let rig = Rig::new();
    let llm = Llm::under(&rig.session).read_at_most(ByteSize::kib(64));
    let piece = Bytes::from(vec![b' '; 1 << 20]);
    let frames = vec![piece; 100];
    let client = llm.layer().layer(answering(
        200,
        &[("content-type", "application/json")],
        &frames,
        End::Whole,
    ));
    let body = request(CHAT).map(|body| Full::from(Bytes::from_static(body)));
    let got = block_on(async {
        let mut body = client.oneshot(body).await.expect("it answers").into_body();
        let mut got = 0;
        while let Some(frame) = body.frame().await {
            got += frame.expect("whole").into_data().expect("data").len();
        }
        got
    });
    assert_eq!(got, 100 << 20);
    assert_eq!(rig.only().str("spanreel.llm.unread"), Some("too long"));

    let bomb = gzip(&vec![b' '; 64 << 20]);
    let headers = [
        ("content-type", "application/json"),
        ("content-encoding", "gzip"),
    ];
    let span = told(
        |llm| llm.read_at_most(ByteSize::kib(64)),
        &headers,
        &bomb,
        1 << 20,
    );
    assert_eq!(span.str("spanreel.llm.unread"), Some("too long"));
}

/// Usage that contradicts itself is told as far as it does not.
#[test]
fn contradictions_are_left_out() {
    let body = br#"{"usage":{"prompt_tokens":10,"completion_tokens":5,
        "prompt_tokens_details":{"cached_tokens":11},"completion_tokens_details":{"reasoning_tokens":-3}}}"#;
    let span = told(
        |llm| llm,
        &[("content-type", "application/json")],
        body,
        1000,
    );
    assert_eq!(span.int("gen_ai.usage.input_tokens"), Some(10));
    assert_eq!(span.int("gen_ai.usage.cache_read.input_tokens"), None);
    assert_eq!(span.int("gen_ai.usage.reasoning.output_tokens"), None);
    assert_eq!(span.str("spanreel.llm.usage.conflict"), Some("cache"));
}

/// A provider that panics.
#[derive(Debug)]
struct Panics;

impl Provider for Panics {
    fn recognise(&self, _: &Target<'_>) -> Option<Recognised> {
        Some(Recognised::new("mine", spanreel::Operation::Chat))
    }

    fn read_request(&self, _: &[u8], _: &mut Asked) {
        panic!("request");
    }

    fn read_response(&self, _: &[u8], _: &mut Told) {
        panic!("answer");
    }

    fn read_event(&self, _: &Event<'_>, _: &mut Told) {
        panic!("event");
    }
}

/// A provider that panics costs what it would have read, and no call.
#[test]
fn panics_of_providers_are_caught() {
    for kind in ["application/json", "text/event-stream"] {
        let span = told(
            |llm| llm.provider(Panics),
            &[("content-type", kind)],
            b"data: 1\n\n",
            3,
        );
        assert_eq!(span.str("gen_ai.provider.name"), Some("mine"));
        assert_eq!(
            span.str("spanreel.llm.unread"),
            Some("the provider panicked")
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever is asked and told, by whatever API, nothing panics and one span ends.
    #[test]
    fn arbitrary_answers_do_no_harm(
        url in prop::sample::select(vec![
            CHAT, "https://api.openai.com/v1/responses", "https://api.openai.com/v1/embeddings",
            "https://api.anthropic.com/v1/messages", "http://localhost:11434/api/chat",
            "https://generativelanguage.googleapis.com/v1beta/models/m:streamGenerateContent",
            "https://generativelanguage.googleapis.com/v1beta/interactions",
        ]),
        status in 100_u16..600,
        kind in prop::sample::select(vec!["application/json", "text/event-stream", "application/x-ndjson", "", "text/html"]),
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "(data: ?|event: |\\r?\\n|\\[|\\]|\\{|\\}|\"(id|type|model|usage|choices|delta|index|message|content)\":|\"[a-z\\\\]*\"|-?[0-9]{1,20}|,|null){0,40}".prop_map(String::into_bytes),
        ],
        content in any::<bool>(),
    ) {
        let rig = Rig::with(if content { Content::Both } else { Content::Off });
        let llm = Llm::under(&rig.session);
        let asked = Request::post(url).body(&body[..]).expect("the parts are right");
        let told = Response::builder().status(status).header("content-type", kind);
        let id = llm.observe(&asked, &told.body(&body[..]).expect("the parts are right"));
        prop_assert!(id.is_some());
        rig.only();
    }
}
