//! What `spanreel convert --export` sends, compared with what the recording became.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use spanreel::Totals;
use spanreel_cli::convert::{
    self, AttrValue, Attribute, LogDraft, SessionTrace, SpanDraft, Status,
};
use spanreel_cli::sink::{Sink, SinkConfig};

use super::collector::Collector;
use super::{FIXTURES, Run, fixture, spanreel};

/// Attributes by key, in a form that can be compared and printed.
type Attributes = BTreeMap<String, String>;

fn sessions(options: &convert::Options) -> Vec<SessionTrace> {
    let read = |name: &&str| {
        let path = fixture(name);
        let file = File::open(&path).expect("a fixture");
        let name = path.to_str().expect("text");
        convert::read(BufReader::new(file), name, options).expect("a recording")
    };
    let conversions = FIXTURES.iter().map(read);
    conversions.flat_map(|it| it.sessions).collect()
}

/// Exports all fixtures, without blocking the receiver that runs in this process.
async fn export(url: String, options: &'static [&'static str]) -> Run {
    let exported = tokio::task::spawn_blocking(move || {
        let output = spanreel()
            .arg("convert")
            .args(FIXTURES.map(fixture))
            .args(["--export", &url])
            .args(options)
            .env(
                "OTEL_EXPORTER_OTLP_HEADERS",
                "x-tenant=blue%20sky,x-other=1",
            )
            .output();
        output.expect("the command runs").into()
    });
    exported.await.expect("it does not panic")
}

fn expected_attributes(attributes: &[Attribute]) -> Attributes {
    let text = |value: &AttrValue| match value {
        AttrValue::Str(it) => format!("{it:?}"),
        AttrValue::Bool(it) => format!("{it:?}"),
        AttrValue::Int(it) => format!("{it:?}"),
        AttrValue::Double(it) => format!("{it:?}f"),
        AttrValue::Strs(it) => format!("{it:?}"),
    };
    let pairs = attributes.iter();
    pairs
        .map(|(key, value)| (key.to_string(), text(value)))
        .collect()
}

fn received_value(value: &Option<AnyValue>) -> String {
    match value.as_ref().and_then(|it| it.value.as_ref()) {
        Some(Value::StringValue(it)) => format!("{it:?}"),
        Some(Value::BoolValue(it)) => format!("{it:?}"),
        Some(Value::IntValue(it)) => format!("{it:?}"),
        Some(Value::DoubleValue(it)) => format!("{it:?}f"),
        Some(Value::ArrayValue(it)) => {
            let values: Vec<_> = it
                .values
                .iter()
                .map(|it| received_value(&Some(it.clone())))
                .collect();
            format!("[{}]", values.join(", "))
        }
        other => format!("{other:?}"),
    }
}

/// Attributes as they came; no key may come twice.
fn received_attributes(attributes: &[KeyValue]) -> Attributes {
    let mut all = Attributes::new();
    for it in attributes {
        let before = all.insert(it.key.clone(), received_value(&it.value));
        assert_eq!(before, None, "{} came twice", it.key);
    }
    all
}

/// What the session adds to what was drafted.
fn with_ids(mut attributes: Attributes, session: &SessionTrace, is_genai: bool) -> Attributes {
    attributes.insert("session.id".to_owned(), format!("{:?}", session.session_id));
    if is_genai {
        let conversation = session
            .conversation_id
            .as_ref()
            .unwrap_or(&session.session_id);
        attributes.insert(
            "gen_ai.conversation.id".to_owned(),
            format!("{conversation:?}"),
        );
    }
    attributes
}

fn check_span(received: &Span, draft: &SpanDraft, session: &SessionTrace) {
    let name = &draft.name;
    assert_eq!(received.name, *name);
    assert_eq!(received.trace_id, session.trace_id.to_bytes(), "{name}");
    let parent = draft
        .parent_span_id
        .map_or(vec![], |it| it.to_bytes().to_vec());
    assert_eq!(received.parent_span_id, parent, "{name}");
    assert_eq!(received.kind, draft.kind as i32, "{name}");
    let times = (received.start_time_unix_nano, received.end_time_unix_nano);
    assert_eq!(times, (draft.start_ns, draft.end_ns), "{name}");
    assert_eq!(received.flags & 1, 1, "{name} is sampled");
    let status = received.status.clone().unwrap_or_default();
    let (code, message) = match &draft.status {
        Status::Unset => (0, ""),
        Status::Ok => (1, ""),
        Status::Error(message) => (2, message.as_str()),
    };
    assert_eq!(
        (status.code, status.message.as_str()),
        (code, message),
        "{name}"
    );
    let links: Vec<_> = received.links.iter().map(|it| it.span_id.clone()).collect();
    let expected: Vec<_> = draft
        .links
        .iter()
        .map(|it| it.span_id.to_bytes().to_vec())
        .collect();
    assert_eq!(links, expected, "{name}");
    assert!(
        received.events.is_empty() && received.dropped_attributes_count == 0,
        "{name}"
    );
}

fn check_log(received: &LogRecord, draft: &LogDraft, session: &SessionTrace) {
    let name = &draft.event_name;
    assert_eq!(received.event_name, *name);
    assert_eq!(received.trace_id, session.trace_id.to_bytes(), "{name}");
    assert_eq!(received.span_id, draft.span_id.to_bytes(), "{name}");
    let times = (received.time_unix_nano, received.observed_time_unix_nano);
    assert_eq!(times, (draft.time_ns, draft.time_ns), "{name}");
    assert_eq!(received.severity_number, draft.severity as i32, "{name}");
    let body = draft.body.clone().map(|body| ("body".into(), body));
    let body = expected_attributes(body.as_slice()).remove("body");
    let received_body = received
        .body
        .is_some()
        .then(|| received_value(&received.body));
    assert_eq!(received_body, body, "{name}");
    let attributes = received_attributes(&received.attributes);
    let expected = with_ids(expected_attributes(&draft.attributes), session, false);
    assert_eq!(attributes, expected, "{name}");
}

/// The totals as attributes of the root, as the conversion counted them.
fn totals(totals: &Totals, end_state: &str) -> Attributes {
    let counts = [
        ("llm_calls", Some(totals.llm_calls)),
        ("tool_calls", Some(totals.tool_calls)),
        ("errors", Some(totals.errors)),
        ("input_tokens", totals.usage.input),
        ("output_tokens", totals.usage.output),
        ("cached_tokens", totals.usage.cache_read),
        ("reasoning_tokens", totals.usage.reasoning),
    ];
    let mut all: Attributes = counts
        .into_iter()
        .filter_map(|(key, count)| Some((key.to_owned(), count?.to_string())))
        .collect();
    all.extend(
        totals
            .cost
            .map(|cost| ("cost".to_owned(), format!("{cost:?}f"))),
    );
    all.insert("end_state".to_owned(), format!("{end_state:?}"));
    let keys = all.into_iter();
    keys.map(|(key, it)| (format!("spanreel.session.{key}"), it))
        .collect()
}

/// Every span and log record of every fixture arrives once, just as it was recorded, and the totals
/// that sessions add up are those that the conversion counted.
#[tokio::test(flavor = "multi_thread")]
async fn everything_arrives_as_it_was_recorded() {
    let collector = Collector::default();
    let url = format!("grpc://{}", collector.listen().await);
    let run = export(url.clone(), &["--content"]).await.fine();
    let content = convert::Options {
        content: true,
        ..convert::Options::default()
    };
    let sessions = sessions(&content);
    let spans: BTreeMap<_, _> = collector
        .spans()
        .into_iter()
        .map(|span| ((span.trace_id.clone(), span.span_id.clone()), span))
        .collect();
    let logs = collector.logs();
    let count = |each: fn(&SessionTrace) -> usize| sessions.iter().map(each).sum::<usize>();
    let expected = (count(|it| it.spans.len() + 1), count(|it| it.logs.len()));
    assert_eq!((collector.spans().len(), logs.len()), expected);
    assert_eq!(spans.len(), expected.0, "every id is given once");

    for session in &sessions {
        let received = |draft: &SpanDraft| {
            let trace_id = session.trace_id.to_bytes().to_vec();
            &spans[&(trace_id, draft.span_id.to_bytes().to_vec())]
        };
        for draft in &session.spans {
            let span = received(draft);
            check_span(span, draft, session);
            let is_genai = draft.attribute("gen_ai.operation.name").is_some();
            let expected = with_ids(expected_attributes(&draft.attributes), session, is_genai);
            assert_eq!(
                received_attributes(&span.attributes),
                expected,
                "{}",
                draft.name
            );
        }
        let root = received(&session.root);
        check_span(root, &session.root, session);
        let end_state = match session.root.status {
            Status::Unset => "unset",
            Status::Ok => "success",
            Status::Error(_) => "error",
        };
        let mut expected = with_ids(expected_attributes(&session.root.attributes), session, true);
        expected.extend(totals(&session.totals, end_state));
        assert_eq!(
            received_attributes(&root.attributes),
            expected,
            "{}",
            session.session_id
        );

        let trace_id = session.trace_id.to_bytes();
        let own = logs.iter().filter(|log| log.trace_id == trace_id);
        let own: Vec<_> = own.collect();
        assert_eq!(own.len(), session.logs.len());
        for (log, draft) in own.into_iter().zip(&session.logs) {
            check_log(log, draft, session);
        }
    }

    for group in collector.groups() {
        let resource = received_attributes(&group.resource.expect("a resource").attributes);
        assert_eq!(
            resource,
            Attributes::from([("service.name".into(), "\"promptkit\"".into())])
        );
        let scope = group.scope_spans[0].scope.clone().expect("a scope");
        assert_eq!(scope.name, "spanreel");
    }
    assert!(
        collector
            .tenants()
            .iter()
            .all(|tenant| tenant == "blue sky")
    );
    assert!(!collector.tenants().is_empty());
    let (spans, logs) = expected;
    assert!(
        run.stderr.contains(&format!("export to {url}\n")),
        "{run:?}"
    );
    assert!(
        run.stderr
            .contains(&format!("{spans} spans ended: {spans} handed")),
        "{run:?}"
    );
    assert!(
        run.stderr.contains(&format!("{logs} log records ended")),
        "{run:?}"
    );
    assert!(run.stderr.ends_with("nothing was lost\n"), "{run:?}");
}

/// Under a foreign parent all sessions are part of its trace, also where it was not sampled, and
/// their roots say that the parent is elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_trace_is_continued() {
    let collector = Collector::default();
    let url = format!("grpc://{}", collector.listen().await);
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    let options = &[
        "--parent",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
        "-q",
    ];
    export(url, options).await.fine();
    let spans = collector.spans();
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|it| format!("{it:02x}"))
            .collect::<String>()
    };
    assert!(
        spans
            .iter()
            .all(|span| parent.contains(&hex(&span.trace_id)))
    );
    let roots = spans
        .iter()
        .filter(|span| hex(&span.parent_span_id) == "b7ad6b7169203331");
    let flags: Vec<u32> = roots.map(|root| root.flags & 0x301).collect();
    assert_eq!(
        flags,
        vec![0x301; 6],
        "six sessions, sampled, under a remote parent"
    );
}

/// Over HTTP the same arrives, and a file may be written beside it.
#[tokio::test(flavor = "multi_thread")]
async fn http_works_too() {
    let sink = Sink::start(SinkConfig::default()).expect("a free port");
    let url = format!("http://{}", sink.addr());
    let run = export(url.clone(), &["--json"]).await.fine();
    let counts = sink.counts();
    assert_eq!((counts.spans, counts.logs, counts.refused), (58, 34, 0));
    let delivery = &run.json()["export"];
    let expected = serde_json::json!({
        "to": url,
        "ended": {"traces": 58, "logs": 34},
        "exported": {"traces": 58, "logs": 34},
        "lost": {"traces": 0, "logs": 0},
        "ledger": [{"fate": "exported", "loss": false, "traces": 58, "logs": 34}],
    });
    assert_eq!(*delivery, expected);
}

/// What a receiver refuses is lost, and the exit code and the report say so.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_a_loss() {
    let collector = Collector::refusing();
    let url = format!("grpc://{}", collector.listen().await);
    let run = export(url, &[]).await;
    assert_eq!(run.code, Some(3), "{run:?}");
    assert!(run.stderr.contains("58 rejected"), "{run:?}");
    assert!(run.stderr.ends_with("92 lost\n"), "{run:?}");
}

/// A receiver that takes nothing is given up when the patience is at its end.
#[tokio::test(flavor = "multi_thread")]
async fn patience_has_an_end() {
    let config = SinkConfig {
        fail_rate: 1.0,
        ..SinkConfig::default()
    };
    let sink = Sink::start(config).expect("a free port");
    let url = format!("grpc://{}", sink.addr());
    let begun = std::time::Instant::now();
    let run = export(url, &["--patience", "300ms", "--quiet"]).await;
    assert_eq!((run.code, run.stdout.as_str()), (Some(3), ""), "{run:?}");
    assert!(begun.elapsed().as_secs() < 10);
}
