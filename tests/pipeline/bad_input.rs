//! Whatever a host gives: nothing panics, nothing grows without bound, what is cut is counted.

use spanreel::{BatchConfig, Limits, Value};
#[cfg(all(feature = "grpc", feature = "http"))]
use spanreel::{BuildError, Otlp, Pipeline, Resource, Sampling, SessionConfig};

use crate::rig::Rig;

/// Names that are far too long are cut, between characters.
#[test]
fn long_names_are_cut() {
    let long = "ä".repeat(1_000_000);
    let rig = Rig::start();
    let session = rig.pipeline.open_session("conv-1").name(&long).open();
    let session = session.expect("open");
    let mut span = session
        .chat("openai", &long)
        .attribute(&long, 1_i64)
        .start();
    assert_eq!(rig.pipeline.sessions()[0].open_spans[0].name.len(), 1023);
    span.event(&long, &[(&long, Value::Int(1))]);
    span.log("body")
        .event_name(&long)
        .attribute(&long, 1_i64)
        .emit();
    span.end();
    session.end();
    let memory = rig.stop();
    let spans = memory.spans();
    let cut = &long[..1024];
    let span = spans.iter().find(|span| span.parent_span_id.is_some());
    let span = span.expect("the child");
    let root = spans.iter().find(|span| span.parent_span_id.is_none());
    assert_eq!(root.expect("the root").name, cut);
    assert_eq!(span.name, format!("chat {}", &long[..1018]));
    assert_eq!(span.int(cut), Some(1));
    assert_eq!(span.events[0].name, cut);
    assert_eq!(span.events[0].attributes.int(cut), Some(1));
    let log = memory.logs().remove(0);
    assert_eq!(log.event_name, cut);
    assert_eq!(log.int(cut), Some(1));
}

/// Names may be empty; an attribute without a name is counted and left out.
#[test]
fn names_may_be_empty() {
    let rig = Rig::start();
    let session = rig
        .pipeline
        .open_session("conv-1")
        .name("root")
        .attribute("", 1_i64);
    let session = session
        .tag("")
        .user("")
        .agent("")
        .baggage("", "")
        .open()
        .expect("open");
    let mut span = session.child("").attribute("", 1_i64).start();
    span.event("", &[("", Value::Int(1))]);
    span.error("", "");
    span.end();
    session.tool("").start().end();
    session.log("").event_name("").emit();
    session.end();
    let memory = rig.stop();
    assert_eq!(memory.span("root").dropped_attributes, 1);
    let span = memory.span("");
    assert_eq!(span.dropped_attributes, 1);
    assert_eq!(span.events[0].dropped_attributes, 1);
    assert_eq!(span.str("error.type"), Some(""));
    assert_eq!(
        memory.span("execute_tool").str("gen_ai.tool.name"),
        Some("")
    );
    assert_eq!(memory.logs().len(), 1);
}

/// Of ten thousand attributes the first are kept and the others counted, on spans, events, links,
/// records and roots; the last value of a key wins all the same.
#[test]
fn ten_thousand_attributes_are_counted() {
    let rig = Rig::start();
    let keys: Vec<String> = (0..10_000).map(|number| format!("key.{number}")).collect();
    let pairs: Vec<_> = keys.iter().map(|key| (&**key, Value::Int(7))).collect();
    let mut builder = rig.pipeline.open_session("conv-1").name("root");
    for key in &keys {
        builder = builder.attribute(key, 7_i64);
    }
    let session = builder.open().expect("open");
    let mut span = session.child("span").start();
    for key in &keys {
        span.set(key, 7_i64);
    }
    span.set("key.0", 8_i64);
    span.event("event", &pairs);
    span.link(&session.context(), &pairs);
    let mut log = span.log("body");
    for key in &keys {
        log = log.attribute(key, 7_i64);
    }
    log.emit();
    span.end();
    session.end();
    let memory = rig.stop();
    let span = memory.span("span");
    assert_eq!(span.dropped_attributes, 10_000 - 128);
    assert_eq!(span.attributes.len(), 128 + 1);
    assert_eq!(span.int("key.0"), Some(8));
    assert_eq!(span.events[0].attributes.len(), 128);
    assert_eq!(span.events[0].dropped_attributes, 10_000 - 128);
    assert_eq!(span.links[0].attributes.len(), 128);
    let log = memory.logs().remove(0);
    assert_eq!(log.dropped_attributes, 10_000 - 128);
    let root = memory.span("root");
    assert_eq!(root.dropped_attributes, 10_000 - 128);
    assert_eq!(
        root.int("spanreel.session.errors"),
        Some(0),
        "its own are kept"
    );
}

/// Of ten thousand events and links the first are kept and the others counted.
#[test]
fn ten_thousand_events_are_counted() {
    let rig = Rig::start();
    let session = rig.pipeline.session("conv-1").expect("open");
    let mut span = session.child("span").start();
    for _ in 0..10_000 {
        span.event("event", &[]);
        span.link(&session.context(), &[]);
    }
    span.end();
    session.end();
    let span = rig.stop().span("span");
    assert_eq!(
        (span.events.len(), span.dropped_events),
        (128, 10_000 - 128)
    );
    assert_eq!((span.links.len(), span.dropped_links), (128, 10_000 - 128));
}

/// A value of 20 MiB is cut to 256 KiB; one that is 20 MiB in pieces is left out and counted. Neither
/// is lost to the size of a request, nor kept in memory.
#[test]
fn huge_values_are_cut() {
    let huge = "x".repeat(20 << 20);
    let pieces = vec![Value::from(&huge); 100];
    let rig = Rig::start();
    let session = rig.pipeline.session("conv-1").expect("open");
    session.set("text", &huge);
    let mut span = session.child("span").start();
    span.set("text", &huge).set("bytes", huge.as_bytes());
    span.set("pieces", &pieces[..]);
    span.event("event", &[("pieces", Value::Array(&pieces))]);
    span.link(&session.context(), &[("pieces", Value::Array(&pieces))]);
    span.log(&pieces[..])
        .attribute("pieces", &pieces[..])
        .emit();
    span.log(&huge).emit();
    span.error("oversize", &huge);
    span.end();
    session.fail(&huge);
    let report = rig.settle();
    assert!(report.is_lossless(), "{report}");
    let memory = rig.memory;
    let span = memory.span("span");
    let cut = 256 << 10;
    assert_eq!(span.str("text").map(str::len), Some(cut));
    assert_eq!(span.status_message.len(), cut);
    assert_eq!(span.dropped_attributes, 1);
    assert_eq!((span.dropped_events, span.dropped_links), (1, 1));
    let root = memory.span("session");
    assert_eq!(root.str("text").map(str::len), Some(cut));
    assert_eq!(root.status_message.len(), cut);
    let logs = memory.logs();
    assert_eq!(logs[0].dropped_attributes, 2, "the body and the attribute");
    assert_eq!(format!("{:?}", logs[1].body).len(), cut + "Str(\"\")".len());
    let stats = rig.pipeline.stats();
    assert_eq!(stats.memory, spanreel::ByteSize::bytes(0));
}

/// A span filled to its limit still fits into a request, whatever it is filled with.
#[test]
fn a_full_span_fits_into_a_request() {
    let limits = Limits {
        attribute_count: 100_000,
        event_count: 100_000,
        span_bytes: 64 << 10,
        value_hard_limit: 32 << 10,
        ..Limits::default()
    };
    let batch = BatchConfig {
        max_export_batch_bytes: spanreel::ByteSize::kib(128),
        max_request_bytes: spanreel::ByteSize::kib(128),
        ..BatchConfig::default()
    };
    let rig = Rig::with(|builder| builder.limits(limits).batch(batch));
    let session = rig.pipeline.session(&"i".repeat(1000)).expect("open");
    let texts = ["x".repeat(1000), "x".repeat(10)];
    for round in 0..4 {
        let mut span = session.chat("openai", &texts[0]).start();
        for number in 0..3_000 {
            let text = &texts[usize::from(round % 2 == 0)];
            if round < 2 {
                span.set(&format!("{number}{text}"), text);
            } else {
                span.event(text, &[(text, text.into())]);
            }
        }
        span.error("oversize", &"m".repeat(100_000));
        span.end();
    }
    session.end();
    let memory = rig.stop();
    assert_eq!(memory.spans().len(), 5);
    for span in memory
        .spans()
        .iter()
        .filter(|span| span.parent_span_id.is_some())
    {
        assert!(span.dropped_attributes + span.dropped_events > 500);
    }
}

/// A session id may be empty, which gives it a random one, or a megabyte long, which is cut; the
/// trace still follows from the whole.
#[test]
fn session_ids_may_be_anything() {
    let rig = Rig::start();
    let nameless = rig.pipeline.session("").expect("open");
    let other = rig.pipeline.session("").expect("open");
    assert_ne!(nameless.id(), other.id());
    assert_eq!(nameless.id().len(), 36);
    let digits = nameless.id().replace('-', "");
    assert_eq!(nameless.trace_id().to_string(), digits);
    let long = "ä".repeat(1 << 19);
    let session = rig.pipeline.session(&long).expect("open");
    assert_eq!(session.id(), "ä".repeat(128));
    let again = rig.pipeline.session(&long).expect("open");
    assert_eq!(again.context(), session.context());
    let longer = rig.pipeline.session(&format!("{long}x")).expect("open");
    assert_ne!(longer.trace_id(), session.trace_id());
    for odd in ["\0", "\n\u{1b}[2J", "a/b?c=d&e", "\u{feff}"] {
        let session = rig.pipeline.session(odd).expect("open");
        assert_eq!(session.id(), odd);
        session.end();
    }
    for session in [nameless, other, session, longer] {
        session.end();
    }
    let memory = rig.stop();
    assert_eq!(memory.spans().len(), 8);
    assert!(memory.spans().iter().all(|span| {
        let id = span.str("session.id").expect("each has one");
        id.len() <= 256
    }));
}

/// Values nested deeper than anybody reads are cut off there, and the stack holds.
#[test]
fn deep_values_are_cut_off() {
    fn nest(inner: Value<'_>, depth: usize, show: &mut dyn FnMut(Value<'_>)) {
        if depth == 0 {
            return show(inner);
        }
        nest(Value::Array(&[inner]), depth - 1, show);
    }
    let rig = Rig::start();
    let session = rig.pipeline.session("conv-1").expect("open");
    let mut span = session.child("span").start();
    for depth in [43, 44, 45, 2000] {
        nest(Value::Int(7), depth, &mut |value| {
            span.set(&depth.to_string(), value);
        });
    }
    span.end();
    session.end();
    let span = rig.stop().span("span");
    for (depth, holds) in [(43, true), (44, true), (45, false), (2000, false)] {
        let value = span.attributes.get(&depth.to_string());
        let shown = format!("{:?}", value.expect("it is there"));
        assert_eq!(shown.contains("Int(7)"), holds, "{depth}");
        assert_eq!(shown.matches("Array").count(), depth.min(44), "{depth}");
    }
}

/// Everything that is wrong in a configuration is told at once, each with the setting that it is
/// about.
#[cfg(all(feature = "grpc", feature = "http"))]
#[test]
fn all_problems_are_told_at_once() {
    let build = Pipeline::builder()
        .resource(Resource::empty())
        .sampling(Sampling::ratio(1.5))
        .sessions(SessionConfig {
            max_spans: 0,
            ..SessionConfig::default()
        })
        .export(Otlp::http("no url at all"))
        .export(Otlp::grpc("https://localhost:4317").ca_file("/does/not/exist.pem"))
        .start();
    let error = build.expect_err("nothing of it is right");
    let BuildError::Invalid(problems) = &error else {
        panic!("another kind of error: {error}");
    };
    let text = error.to_string();
    for part in [
        "sampling",
        "1.5",
        "sessions.max_spans",
        "endpoint",
        "exist.pem",
    ] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    assert_eq!(problems.len(), 4, "{text}");
}

/// Each limit of the configuration is in force.
#[test]
fn limits_come_from_the_configuration() {
    let limits = Limits {
        attribute_value_length: Some(3),
        attribute_count: 5,
        event_count: 1,
        link_count: 0,
        event_attribute_count: 1,
        log_attribute_value_length: Some(2),
        log_attribute_count: 1,
        value_hard_limit: 100,
        name_length: 20,
        session_id_length: 40,
        ..Limits::default()
    };
    let rig = Rig::with(|builder| builder.limits(limits));
    let session = rig.pipeline.session(&"s".repeat(50)).expect("open");
    assert_eq!(session.id().len(), 40);
    let mut span = session.child(&"n".repeat(50)).start();
    for number in 0..7 {
        span.set(&number.to_string(), "text");
    }
    span.event("first", &[("a", "text".into()), ("b", Value::Int(1))]);
    span.event("second", &[]);
    span.link(&session.context(), &[]);
    span.error("kind", &"m".repeat(200));
    span.log("body")
        .attribute("a", "text")
        .attribute("b", 1_i64)
        .emit();
    span.end();
    session.end();
    let memory = rig.stop();
    let span = memory.span(&"n".repeat(20));
    assert_eq!(span.str("0"), Some("tex"));
    assert_eq!(span.dropped_attributes, 3, "two, and error.type");
    assert_eq!((span.events.len(), span.dropped_events), (1, 1));
    assert_eq!(span.events[0].attributes.str("a"), Some("tex"));
    assert_eq!(span.events[0].dropped_attributes, 1);
    assert_eq!(span.dropped_links, 1);
    assert_eq!(span.status_message.len(), 100);
    let log = memory.logs().remove(0);
    assert_eq!((log.str("a"), log.dropped_attributes), (Some("te"), 1));
}
