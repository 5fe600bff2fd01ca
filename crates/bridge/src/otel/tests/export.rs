//! The pipeline feeds an exporter of an SDK.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::executor::block_on;
use opentelemetry::{Array, Value};
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use spanreel::testing::InMemory;
use spanreel::{Export, ExportError, Fate, Pipeline, Request, Resource, Signal, Value as Ours};

use super::{Keep, finish};
use crate::otel::{OtelExport, PipelineExporter};

/// Spans of sessions that go through an exporter of an SDK and back into a pipeline are what a
/// pipeline exports itself.
#[test]
fn spans_of_sessions_survive_the_way_through_an_sdk() {
    let (direct, detour) = (InMemory::new(), InMemory::new());
    let second = Pipeline::builder()
        .export(detour.clone())
        .start()
        .expect("it is valid");
    let through = OtelExport::new("sdk", PipelineExporter::new(&second)).exporter();
    let first = Pipeline::builder()
        .resource(Resource::empty().service("shop"))
        .export(direct.clone())
        .export(through)
        .start()
        .expect("it is valid");
    let session = first
        .open_session("conv-1")
        .agent("planner")
        .user("u-1")
        .open()
        .expect("open");
    let mut chat = session.chat("openai", "gpt-5-mini").start();
    chat.tokens(812, 96)
        .set("texts", &[Ours::Str("a"), Ours::Str("b")][..])
        .set("float", 0.5);
    chat.exception("Timeout", "no answer", "at main");
    chat.link(&session.context(), &[("why", "retry".into())]);
    chat.end();
    session.tool("search").start().end();
    session.log("not for span exporters").emit();
    session.succeed();
    finish(&first);
    finish(&second);

    let sorted = |memory: &InMemory| {
        let mut spans = memory.spans();
        spans.sort_by_key(|span| span.span_id.to_string());
        spans
    };
    assert_eq!(sorted(&direct).len(), 3);
    assert_eq!(sorted(&direct), sorted(&detour));
}

/// Values that OpenTelemetry's API does not know become text as its specification has it.
#[test]
fn values_without_a_counterpart_become_text() {
    let (pipeline, given) = super::pipeline_to_sdk();
    let session = pipeline.session("conv-1").expect("it is open");
    let mut span = session.child("work").start();
    let map = [
        ("number", Ours::Int(1)),
        ("bytes", Ours::Bytes(b"\x01\x02")),
        ("none", Ours::Empty),
    ];
    span.set("bytes", &b"\x01\x02\x03"[..])
        .set("map", &map[..])
        .set(
            "mixed",
            &[Ours::Int(1), Ours::Str("a"), Ours::Double(f64::NAN)][..],
        )
        .set("nested", &[Ours::Array(&[Ours::Bool(true)])][..])
        .set("none", Ours::Empty)
        .set("no items", &[][..] as &[Ours<'_>])
        .set("ints", &[Ours::Int(1), Ours::Int(2)][..]);
    span.end();
    session.end();
    finish(&pipeline);
    let spans = given.spans();
    let work = spans
        .iter()
        .find(|(_, span)| span.name == "work")
        .expect("it arrived");
    let value = |key: &str| {
        let mut attributes = work.1.attributes.iter();
        let found = attributes.find(|attribute| attribute.key.as_str() == key);
        found.map(|attribute| attribute.value.clone()).expect(key)
    };
    assert_eq!(value("bytes"), Value::from("AQID"));
    let map: serde_json::Value = serde_json::from_str(&value("map").as_str()).expect("it is JSON");
    assert_eq!(
        map,
        serde_json::json!({"number": 1, "bytes": "AQI=", "none": null})
    );
    assert_eq!(value("mixed"), Value::from(r#"[1,"a","NaN"]"#));
    assert_eq!(value("nested"), Value::from("[[true]]"));
    assert_eq!(value("none"), Value::from(""));
    assert_eq!(value("no items"), Value::Array(Array::String(vec![])));
    assert_eq!(value("ints"), Value::Array(Array::I64(vec![1, 2])));
}

/// An exporter that fails a number of times.
#[derive(Clone, Debug)]
struct Fails {
    left: Arc<AtomicU64>,
    with: fn() -> OTelSdkError,
}

impl SpanExporter for Fails {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        let left = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |it| it.checked_sub(1));
        left.map_or(Ok(()), |_| Err((self.with)()))
    }
}

/// A batch that the exporter reports as failed is gone, by the SDK's contract, unless the host asked
/// for another attempt.
#[test]
fn failures_are_tried_again_only_when_asked_for() {
    let internal = || OTelSdkError::InternalFailure("refused".to_owned());
    for (retries, with, fate) in [
        (false, internal as fn() -> _, Fate::Rejected),
        (true, internal, Fate::Exported),
        (true, || OTelSdkError::AlreadyShutdown, Fate::Rejected),
    ] {
        let fails = Fails {
            left: Arc::new(AtomicU64::new(1)),
            with,
        };
        let export = OtelExport::new("fails", fails).retry(retries).exporter();
        let pipeline = Pipeline::builder()
            .export(export)
            .start()
            .expect("it is valid");
        pipeline.session("conv-1").expect("it is open").end();
        let flushed = pipeline.flush(Duration::from_secs(20));
        block_on(flushed).expect("it is not shut down");
        pipeline.shutdown_blocking(Duration::from_secs(5));
        assert_eq!(
            pipeline.stats().lanes[0].traces.of(fate),
            1,
            "{retries} {fate:?}"
        );
    }
}

/// Requests that no exporter of spans can take are refused for good, malformed ones too.
#[test]
fn other_requests_are_refused_for_good() {
    let (keep, given) = Keep::new();
    let export = OtelExport::new("keep", keep);
    for request in [
        Request::from_bytes(Signal::Logs, 1, Bytes::new()),
        Request::from_bytes(Signal::Traces, 1, Bytes::from_static(b"\xff\xff")),
    ] {
        let refused = block_on(export.export(request)).expect_err("it cannot be taken");
        assert!(
            matches!(refused, ExportError::Permanent { .. }),
            "{refused:?}"
        );
    }
    assert!(given.spans().is_empty());
    assert_eq!(export.name(), "keep");
}

/// When the pipeline lets go of the exporter, it is shut down.
#[test]
fn the_exporter_is_shut_down_in_the_end() {
    let (keep, given) = Keep::new();
    let export = OtelExport::new("keep", keep);
    assert!(!given.is_shut_down());
    drop(export);
    assert!(given.is_shut_down());
}
