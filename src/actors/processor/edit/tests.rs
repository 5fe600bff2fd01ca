//! Items that were edited are decoded with the reference decoder.

use opentelemetry_proto::tonic::common::v1::any_value::Value as Known;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ScopeLogs};
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span, Status};
use prost::Message;

use super::*;

fn attribute(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(text(value)),
        ..KeyValue::default()
    }
}

fn text(text: &str) -> AnyValue {
    AnyValue {
        value: Some(Known::StringValue(text.to_owned())),
    }
}

fn span() -> Span {
    Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        name: "chat gpt".to_owned(),
        start_time_unix_nano: 7,
        attributes: vec![
            attribute("a", "first"),
            attribute("b", "x".repeat(300).as_str()),
        ],
        events: vec![Event::default(), Event::default()],
        status: Some(Status {
            message: "secret".to_owned(),
            code: 2,
        }),
        ..Span::default()
    }
}

fn record() -> LogRecord {
    LogRecord {
        event_name: "said".to_owned(),
        body: Some(text("secret")),
        attributes: vec![attribute("a", "first")],
        ..LogRecord::default()
    }
}

/// Edits a span and reads what came of it.
fn edited(span: &Span, edit: impl FnOnce(&mut Item<'_>)) -> Span {
    let scope = ScopeSpans {
        spans: vec![span.clone()],
        ..ScopeSpans::default()
    };
    let entry = scope.encode_to_vec();
    let mut item = Item::new(Signal::Traces, &entry);
    edit(&mut item);
    let mut out = Vec::new();
    item.append_to(&mut out);
    ScopeSpans::decode(&*out)
        .expect("wire form")
        .spans
        .remove(0)
}

/// Edits a log record and reads what came of it.
fn edited_log(record: &LogRecord, edit: impl FnOnce(&mut Item<'_>)) -> LogRecord {
    let scope = ScopeLogs {
        log_records: vec![record.clone()],
        ..ScopeLogs::default()
    };
    let entry = scope.encode_to_vec();
    let mut item = Item::new(Signal::Logs, &entry);
    edit(&mut item);
    let mut out = Vec::new();
    item.append_to(&mut out);
    ScopeLogs::decode(&*out)
        .expect("wire form")
        .log_records
        .remove(0)
}

/// What nobody edits stays as it is, and is not copied.
#[test]
fn what_is_not_edited_stays() {
    assert_eq!(edited(&span(), |_| {}), span());
    let read = edited(&span(), |item| {
        assert_eq!(item.name(), "chat gpt");
        item.remove("c");
        assert!(matches!(item.message, Cow::Borrowed(_)));
    });
    assert_eq!(read, span());
    assert_eq!(
        edited_log(&record(), |item| assert_eq!(item.name(), "said")),
        record()
    );
}

/// A new name replaces the old one, of a span or an event; an empty one too.
#[test]
fn a_name_is_replaced() {
    for name in ["", "other", &"n".repeat(500)] {
        let expected = Span {
            name: name.to_owned(),
            ..span()
        };
        let renamed = edited(&span(), |item| {
            item.rename("between");
            item.rename(name);
            assert_eq!(item.name(), name);
        });
        assert_eq!(renamed, expected);
        let expected = LogRecord {
            event_name: name.to_owned(),
            ..record()
        };
        assert_eq!(edited_log(&record(), |item| item.rename(name)), expected);
    }
}

/// An attribute is replaced, added or removed by its key; every occurrence of it goes.
#[test]
fn attributes_are_edited_by_key() {
    let mut given = span();
    given.attributes.push(attribute("a", "again"));
    let read = edited(&given, |item| {
        item.set("a", "second");
        item.set("c", 7_i64);
        item.remove("b");
    });
    let seven = KeyValue {
        value: Some(AnyValue {
            value: Some(Known::IntValue(7)),
        }),
        ..attribute("c", "")
    };
    assert_eq!(read.attributes, [attribute("a", "second"), seven]);
    assert_eq!(read.events.len(), 2);
    let read = edited_log(&record(), |item| {
        item.set("b", "new");
        item.remove("a");
    });
    assert_eq!(read.attributes, [attribute("b", "new")]);
    assert_eq!(read.body, record().body);
}

/// Free text goes: the message of a status, whose code stays, and the body of a log record.
#[test]
fn free_text_is_removed() {
    let read = edited(&span(), |item| item.remove_text());
    let status = Status {
        message: String::new(),
        code: 2,
    };
    assert_eq!(read.status, Some(status));
    let without = Span {
        status: None,
        ..span()
    };
    assert_eq!(edited(&without, |item| item.remove_text()), without);
    assert_eq!(edited_log(&record(), |item| item.remove_text()).body, None);
}

/// Events of a span are removed; a log record has none.
#[test]
fn events_are_removed() {
    let read = edited(&span(), |item| item.remove_events());
    let expected = Span {
        events: Vec::new(),
        ..span()
    };
    assert_eq!(read, expected);
    assert_eq!(edited_log(&record(), |item| item.remove_events()), record());
}

/// What was edited is read back at once, and as what it is alone.
#[test]
fn an_edit_is_read_back() {
    let _edited = edited(&span(), |item| {
        assert_eq!(item.signal(), Signal::Traces);
        item.set("a", true);
        let view = item.span().expect("a span");
        assert_eq!(view.attributes().count(), 2);
        assert_eq!(view.name(), "chat gpt");
    });
}

proptest::proptest! {
    /// Damaged items are edited without a panic.
    #[test]
    fn damaged_items_do_no_harm(bytes: Vec<u8>) {
        for signal in [Signal::Traces, Signal::Logs] {
            let mut item = Item::new(signal, &bytes);
            item.rename("name");
            item.set("a", 1_i64);
            item.remove("b");
            item.remove_text();
            item.remove_events();
            let mut out = Vec::new();
            item.append_to(&mut out);
            assert!(!out.is_empty());
            let _name = item.name().len();
        }
    }
}
