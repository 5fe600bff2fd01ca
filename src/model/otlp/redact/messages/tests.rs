//! Messages that are events, in the shapes in which SDKs send them.

use opentelemetry_proto::tonic::common::v1::any_value::Value as Known;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use prost::Message;

use crate::model::otlp::redact::Rewriter;
use crate::model::redaction::{Redaction, RedactionStats};
use crate::model::request::Signal;

/// What was written, wherever it stands.
const WORDS: &str = "when is the tide";

fn text(text: &str) -> AnyValue {
    AnyValue {
        value: Some(Known::StringValue(text.to_owned())),
    }
}

fn map(entries: Vec<KeyValue>) -> AnyValue {
    AnyValue {
        value: Some(Known::KvlistValue(KeyValueList { values: entries })),
    }
}

fn entry(key: &str, value: AnyValue) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(value),
        ..KeyValue::default()
    }
}

fn entries(entries: &[(&str, &str)]) -> Vec<KeyValue> {
    let entries = entries.iter().map(|(key, value)| entry(key, text(value)));
    entries.collect()
}

/// An item as it leaves, and what was counted.
fn rewritten<M: Message + Default>(
    redaction: &Redaction,
    signal: Signal,
    item: &M,
) -> (M, RedactionStats) {
    let redactor = redaction.redactor();
    let bytes = item.encode_to_vec();
    let rewritten = Rewriter::new(&redactor, signal).item(&bytes);
    let left = M::decode(&*rewritten.unwrap_or(bytes)).expect("wire form");
    (left, redactor.stats())
}

fn without_content<M: Message + Default>(signal: Signal, item: &M) -> (M, RedactionStats) {
    rewritten(&Redaction::nothing().remove_content(), signal, item)
}

fn content_count(stats: &RedactionStats) -> u64 {
    let rule = stats.rules.iter().find(|it| it.name == "content");
    rule.expect("it is on").changed
}

/// A message as OpenTelemetry's instrumentations of OpenAI and Bedrock have it in a body.
fn message() -> AnyValue {
    map(entries(&[("content", WORDS), ("role", "user")]))
}

/// The answer as they have it: the message is in there, with the calls of tools.
fn choice() -> AnyValue {
    let function = map(entries(&[("name", "tide"), ("arguments", WORDS)]));
    let call = map(vec![
        entry("id", text("call_1")),
        entry("function", function),
    ]);
    map(vec![
        entry("finish_reason", text("stop")),
        entry("message", message()),
        entry("tool_calls", call),
    ])
}

/// The body of a log record that is a message goes, however the record says that it is one, and is counted;
/// its name and what it is of stay.
#[test]
fn bodies_that_are_messages_go() {
    let named = |name: &str, body| LogRecord {
        event_name: name.to_owned(),
        attributes: entries(&[("gen_ai.system", "openai")]),
        body: Some(body),
        trace_id: vec![1; 16],
        ..LogRecord::default()
    };
    let by_attribute = |name: &str, body| LogRecord {
        event_name: String::new(),
        attributes: entries(&[("gen_ai.system", "openai"), ("event.name", name)]),
        ..named("", body)
    };
    let json = format!(r#"{{"role": "user", "content": "{WORDS}"}}"#);
    let in_body = map(vec![
        entry("event.name", text("gen_ai.tool.message")),
        entry("content", text(WORDS)),
    ]);
    let listed = format!(r#"[{{"event.name": "gen_ai.user.message", "content": "{WORDS}"}}]"#);
    for record in [
        named("gen_ai.user.message", message()),
        named("gen_ai.system.message", message()),
        named("gen_ai.assistant.message", choice()),
        named("gen_ai.tool.message", message()),
        named("gen_ai.choice", choice()),
        // OpenTelemetry's SDK of Python before 1.36.
        by_attribute("gen_ai.choice", choice()),
        // Semantic Kernel: JSON in the text of a record of Python's `logging`.
        by_attribute("gen_ai.user.message", text(&json)),
        // Events that came as bodies of records without a name.
        named("", in_body),
        named("", text(&listed)),
    ] {
        let (left, stats) = without_content(Signal::Logs, &record);
        let expected = LogRecord {
            body: None,
            ..record.clone()
        };
        assert_eq!(left, expected);
        assert_eq!((stats.removed, content_count(&stats)), (1, 1), "{record:?}");
    }
}

/// Of an event of a span that is a message, the attributes go that have parts of it, in the words of each SDK.
#[test]
fn events_of_spans_that_are_messages_lose_their_words() {
    for (name, gone, stays) in [
        // Langtrace, Spring AI, and the conventions 1.27.
        ("gen_ai.content.prompt", &["gen_ai.prompt"][..], &[][..]),
        ("gen_ai.content.completion", &["gen_ai.completion"], &[]),
        ("llm.content.prompt", &["llm.prompts"], &[]),
        // Azure's SDKs.
        (
            "gen_ai.user.message",
            &["gen_ai.event.content"],
            &["gen_ai.system", "gen_ai.thread.id"],
        ),
        // Strands Agents.
        ("gen_ai.system.message", &["content"], &[]),
        (
            "gen_ai.choice",
            &["message", "tool.result"],
            &["finish_reason"],
        ),
        ("gen_ai.tool.message", &["content"], &["role", "id"]),
        ("gen_ai.assistant.message", &["tool_calls"], &["index"]),
    ] {
        let attributes: Vec<_> = gone.iter().chain(stays).map(|key| (*key, WORDS)).collect();
        let event = Event {
            name: name.to_owned(),
            attributes: entries(&attributes),
            ..Event::default()
        };
        let span = Span {
            name: "chat".to_owned(),
            events: vec![event.clone()],
            ..Span::default()
        };
        let (left, stats) = without_content(Signal::Traces, &span);
        let kept: Vec<_> = stays.iter().map(|key| (*key, WORDS)).collect();
        let expected = Event {
            attributes: entries(&kept),
            ..event
        };
        assert_eq!(left.events, [expected]);
        assert_eq!(content_count(&stats), gone.len() as u64, "{name}");
    }
}

/// An attribute that lists such events goes: Pydantic AI has them as JSON on the span of the call.
#[test]
fn attributes_that_list_messages_go() {
    let events = format!(
        r#"[{{"content": "{WORDS}", "role": "user", "event.name": "gen_ai.user.message"}},
            {{"index": 0, "message": {{"role": "assistant"}}, "event.name": "gen_ai.choice"}}]"#
    );
    let nested = serde_json::json!({ "events": events }).to_string();
    let harmless = r#"{"event.name": "gen_ai.client.token.usage", "n": ["gen_ai.message"]}"#;
    let span = Span {
        attributes: entries(&[
            ("events", &events),
            ("nested", &nested),
            ("gen_ai.system", "openai"),
            ("harmless", harmless),
            ("about", "gen_ai.choice"),
            ("prose", r#"the event "gen_ai.choice""#),
        ]),
        ..Span::default()
    };
    let (left, stats) = without_content(Signal::Traces, &span);
    assert_eq!(left.attributes, span.attributes[2..]);
    assert_eq!(content_count(&stats), 2);
}

/// What is no message stays, byte for byte: other events, other bodies; and everything does where content is
/// not removed, or nothing is changed.
#[test]
fn what_is_no_message_stays() {
    let log = |name: &str| LogRecord {
        event_name: name.to_owned(),
        attributes: entries(&[("content", "x"), ("gen_ai.system", "openai")]),
        body: Some(message()),
        ..LogRecord::default()
    };
    for name in [
        "",
        "user.message",
        "gen_ai.evaluation.result",
        "gen_ai.choices",
    ] {
        let (left, stats) = without_content(Signal::Logs, &log(name));
        assert_eq!(left, log(name));
        assert_eq!(stats.removed, 0);
    }
    let record = log("gen_ai.user.message");
    let (left, stats) = rewritten(&Redaction::nothing(), Signal::Logs, &record);
    assert_eq!((left, stats.removed), (record.clone(), 0));
    let dry = Redaction::nothing().remove_content().dry_run(true);
    let (left, stats) = rewritten(&dry, Signal::Logs, &record);
    assert_eq!((left, stats.removed), (record, 2));
}

/// A rule of one's own wins over that of messages, and the next record is no message because one was.
#[test]
fn rules_of_ones_own_win() {
    let redaction = Redaction::nothing().remove_content().pass("content");
    let event = |name: &str| Event {
        name: name.to_owned(),
        attributes: entries(&[("content", WORDS), ("message", WORDS)]),
        ..Event::default()
    };
    let span = Span {
        events: vec![event("gen_ai.choice"), event("tide")],
        attributes: entries(&[("message", WORDS)]),
        ..Span::default()
    };
    let (left, _) = rewritten(&redaction, Signal::Traces, &span);
    assert_eq!(left.events[0].attributes, entries(&[("content", WORDS)]));
    assert_eq!(left.events[1], span.events[1]);
    assert_eq!(left.attributes, span.attributes);
}

/// Whoever asks is told of what goes, by where it stood.
#[test]
fn who_asks_is_told_of_messages() {
    let (tell, told) = std::sync::mpsc::sync_channel(8);
    let redaction = Redaction::nothing().remove_content().tell(move |found| {
        let line = format!("{} {} {}", found.key, found.by, found.sample());
        tell.send(line).expect("it is heard");
    });
    let record = LogRecord {
        event_name: "gen_ai.user.message".to_owned(),
        body: Some(text("ahoy")),
        ..LogRecord::default()
    };
    rewritten(&redaction, Signal::Logs, &record);
    assert_eq!(told.try_recv().as_deref(), Ok("log.body content xxxx"));
}
