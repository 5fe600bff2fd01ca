//! What fields become.

use spanreel::record::RecordedSpan;
use spanreel::{OwnedValue, SpanKind, StatusCode};
use tracing::field::Empty;
use tracing::{debug_span, error, info, info_span, warn};
use tracing_subscriber::filter::LevelFilter;

use super::Stage;

/// The attributes that were set, without those that every span of the session has.
fn values(span: &RecordedSpan) -> Vec<(String, OwnedValue)> {
    let mut values = span.attributes.to_vec();
    values.retain(|(key, _)| key != "session.id" && key != "gen_ai.conversation.id");
    values
}

/// Fields of every type become attributes of the same name.
#[test]
fn fields_become_attributes() {
    let stage = Stage::new();
    stage.run(|| {
        info_span!(
            "work",
            text = "a",
            int = -1,
            large = u64::MAX,
            huge = u128::MAX,
            float = 0.5,
            truth = true,
            debug = ?Some(1),
            display = %7,
            none = Empty,
        );
    });
    let span = stage.finish().span("work");
    assert_eq!(
        values(&span),
        [
            ("text".to_owned(), "a".into()),
            ("int".to_owned(), (-1).into()),
            ("large".to_owned(), u64::MAX.into()),
            ("huge".to_owned(), u128::MAX.to_string().into()),
            ("float".to_owned(), 0.5.into()),
            ("truth".to_owned(), true.into()),
            ("debug".to_owned(), "Some(1)".into()),
            ("display".to_owned(), "7".into()),
        ]
    );
}

/// GenAI fields make spans what the conventions have for them, and the session counts them once.
#[test]
fn genai_fields_make_typed_spans() {
    let stage = Stage::new();
    stage.run(|| {
        let agent = info_span!(
            "invoke_agent",
            gen_ai.operation.name = "invoke_agent",
            gen_ai.agent.name = "planner",
            gen_ai.usage.input_tokens = 100,
        );
        let _entered = agent.enter();
        info_span!(
            "completion",
            gen_ai.operation.name = "chat_streaming",
            gen_ai.system = "openai",
            gen_ai.request.model = "gpt-5-mini",
            gen_ai.usage.input_tokens = 100,
            gen_ai.usage.output_tokens = "20",
            gen_ai.usage.reasoning_tokens = 5,
            gen_ai.usage.cost = 0.25,
            gen_ai.response.finish_reasons = "[\"stop\"]",
        );
        let tool = info_span!(
            "execute_tool",
            gen_ai.operation.name = "execute_tool",
            gen_ai.tool.name = Empty
        );
        tool.record("gen_ai.tool.name", "search");
    });
    let memory = stage.finish();
    memory.assert_tree(
        "
        session
          invoke_agent planner
            chat gpt-5-mini
            execute_tool search
        ",
    );
    let chat = memory.span("chat gpt-5-mini");
    assert_eq!(chat.kind, SpanKind::Client);
    assert_eq!(memory.span("execute_tool search").kind, SpanKind::Internal);
    assert_eq!(
        values(&chat),
        [
            ("gen_ai.operation.name".to_owned(), "chat".into()),
            ("gen_ai.request.stream".to_owned(), true.into()),
            ("gen_ai.provider.name".to_owned(), "openai".into()),
            ("gen_ai.request.model".to_owned(), "gpt-5-mini".into()),
            ("gen_ai.usage.input_tokens".to_owned(), 100.into()),
            ("gen_ai.usage.output_tokens".to_owned(), 20.into()),
            ("gen_ai.usage.reasoning.output_tokens".to_owned(), 5.into()),
            ("gen_ai.usage.cost".to_owned(), 0.25.into()),
            (
                "gen_ai.response.finish_reasons".to_owned(),
                vec!["stop"].into()
            ),
        ]
    );
    let root = memory.span("session");
    assert_eq!(root.int("spanreel.session.llm_calls"), Some(1));
    assert_eq!(root.int("spanreel.session.tool_calls"), Some(1));
    assert_eq!(root.int("spanreel.session.input_tokens"), Some(100));
    assert_eq!(root.int("spanreel.session.output_tokens"), Some(20));
    assert_eq!(root.double("spanreel.session.cost"), Some(0.25));
}

/// An operation, a model and tokens that are recorded late count as if they had been there.
#[test]
fn what_is_recorded_late_counts() {
    let stage = Stage::new();
    stage.run(|| {
        let span = info_span!(
            "request",
            otel.kind = Empty,
            gen_ai.operation.name = Empty,
            gen_ai.request.model = Empty,
            gen_ai.usage.output_tokens = Empty,
            note = Empty,
        );
        span.record("note", "first").record("note", "second");
        span.record("gen_ai.operation.name", "chat");
        span.record("gen_ai.request.model", "gpt-5-mini");
        span.record("gen_ai.usage.output_tokens", 7);
    });
    let memory = stage.finish();
    let chat = memory.span("chat gpt-5-mini");
    assert_eq!(chat.kind, SpanKind::Client);
    assert_eq!(chat.str("note"), Some("second"));
    assert_eq!(chat.str("gen_ai.operation.name"), Some("chat"));
    let root = memory.span("session");
    assert_eq!(root.int("spanreel.session.llm_calls"), Some(1));
    assert_eq!(root.int("spanreel.session.output_tokens"), Some(7));
}

/// The fields of `tracing-opentelemetry` say name, kind and status, and win over what follows from
/// others.
#[test]
fn otel_fields_say_name_kind_and_status() {
    let stage = Stage::new();
    stage.run(|| {
        info_span!(
            "in code",
            otel.name = "GET /users",
            otel.kind = "server",
            otel.status_code = "OK",
            gen_ai.operation.name = "chat",
        );
        let late = info_span!(
            "late",
            otel.name = Empty,
            otel.status_code = Empty,
            otel.status_description = Empty
        );
        late.record("otel.name", "renamed");
        late.record("otel.status_description", "no answer");
        late.record("otel.status_code", "ERROR");
    });
    let memory = stage.finish();
    let span = memory.span("GET /users");
    assert_eq!((span.kind, span.status), (SpanKind::Server, StatusCode::Ok));
    let late = memory.span("renamed");
    assert_eq!(
        (late.status, &*late.status_message),
        (StatusCode::Error, "no answer")
    );
    assert_eq!(late.str("error.type"), Some("_OTHER"));
    assert!(late.str("otel.name").is_none());
}

/// Errors mark their span, in whatever way they are told; success that was declared stays.
#[test]
fn errors_mark_their_span() {
    let stage = Stage::new();
    let refused = std::io::Error::other("refused");
    stage.run(|| {
        info_span!("by type", error.type = "timeout");
        info_span!("by rig", gen_ai.tool.error.type = "not_found");
        info_span!(
            "by error",
            error = &refused as &(dyn std::error::Error + 'static)
        );
        info_span!("by text", error = %refused);
        info_span!("by flag", error = true);
        info_span!("not by flag", error = false);
        info_span!("by event").in_scope(|| error!(error.type = "429", "too many requests"));
        info_span!("not by warning").in_scope(|| warn!("slow"));
        info_span!("declared", otel.status_code = "OK").in_scope(|| error!("a detail"));
    });
    let memory = stage.finish();
    for (name, error_type, message) in [
        ("by type", "timeout", ""),
        ("by rig", "not_found", ""),
        ("by error", "_OTHER", "refused"),
        ("by text", "_OTHER", "refused"),
        ("by flag", "_OTHER", ""),
        ("by event", "429", "too many requests"),
    ] {
        let span = memory.span(name);
        assert_eq!(span.status, StatusCode::Error, "{name}");
        assert_eq!(span.str("error.type"), Some(error_type), "{name}");
        assert_eq!(span.status_message, message, "{name}");
    }
    assert_eq!(memory.span("by error").events[0].name, "exception");
    assert_eq!(memory.span("not by flag").status, StatusCode::Unset);
    assert_eq!(memory.span("not by warning").status, StatusCode::Unset);
    assert_eq!(memory.span("declared").status, StatusCode::Ok);
    assert_eq!(
        memory.span("session").int("spanreel.session.errors"),
        Some(6)
    );
}

/// What users and models wrote is left out unless it is asked for.
#[test]
fn content_is_recorded_only_when_asked_for() {
    for wanted in [false, true] {
        let stage = Stage::with(|_, layer| layer.content(wanted));
        stage.run(|| {
            let span = info_span!(
                "chat",
                gen_ai.input.messages = "[secret]",
                gen_ai.tool.call.arguments = Empty,
                gen_ai.response.id = "r-1",
            );
            span.record("gen_ai.tool.call.arguments", "{secret}");
            span.in_scope(|| info!(gen_ai.prompt = "secret", "asked"));
        });
        let memory = stage.finish();
        let (span, log) = (memory.span("chat"), &memory.logs()[0]);
        assert_eq!(span.str("gen_ai.input.messages").is_some(), wanted);
        assert_eq!(span.str("gen_ai.tool.call.arguments").is_some(), wanted);
        assert_eq!(log.str("gen_ai.prompt").is_some(), wanted);
        assert_eq!(span.str("gen_ai.response.id"), Some("r-1"));
    }
}

/// An event is a log record of its span, with severity, target, text and fields.
#[test]
fn events_are_log_records() {
    let stage = Stage::new();
    stage.run(|| {
        let span = info_span!("work");
        span.in_scope(|| {
            warn!(target: "my::target", attempt = 2, "slow: {}", 7);
            info!(name: "cache.miss", key = "k");
        });
        info!(parent: &span, "told");
        error!(parent: None, error = %std::io::Error::other("refused"));
    });
    let memory = stage.finish();
    let (logs, span) = (memory.logs(), memory.span("work"));
    let [warned, missed, told, refused] = &logs[..] else {
        panic!("{logs:?}");
    };
    assert_eq!(warned.body, "slow: 7".into());
    assert_eq!(
        (warned.severity_number, &*warned.severity_text),
        (13, "WARN")
    );
    assert_eq!(warned.str("target"), Some("my::target"));
    assert_eq!((warned.int("attempt"), &*warned.event_name), (Some(2), ""));
    assert_eq!(missed.event_name, "cache.miss");
    assert_eq!(
        (missed.str("key"), &missed.body),
        (Some("k"), &OwnedValue::Empty)
    );
    for log in [warned, missed, told] {
        assert_eq!(
            (log.trace_id, log.span_id),
            (Some(span.trace_id), Some(span.span_id))
        );
    }
    assert_eq!(refused.span_id, Some(memory.span("session").span_id));
    assert_eq!(refused.str("exception.message"), Some("refused"));
    assert_eq!(
        span.status,
        StatusCode::Unset,
        "the error was not said in it"
    );
}

/// What is more verbose than the level that was asked for is left out.
#[test]
fn verbose_levels_are_left_out() {
    for (level, expected) in [(LevelFilter::INFO, 0), (LevelFilter::DEBUG, 1)] {
        let stage = Stage::with(|_, layer| layer.max_level(level));
        stage.run(|| {
            debug_span!("detail").in_scope(|| tracing::debug!("detail"));
            tracing::trace!("whole requests");
        });
        assert_eq!(
            (stage.counts.spans(), stage.counts.events()),
            (expected, expected)
        );
        let memory = stage.finish();
        assert_eq!(memory.spans().len() as u64, 1 + expected);
        assert_eq!(memory.logs().len() as u64, expected);
    }
}

/// A value that would take all memory is cut, whether it is a text or a `Debug` form.
#[test]
fn huge_values_are_cut() {
    struct Huge;
    impl std::fmt::Debug for Huge {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            (0..10_000).try_for_each(|_| f.write_str(&"x".repeat(1000)))
        }
    }
    let stage = Stage::new();
    let text = "x".repeat(1 << 20);
    stage.run(|| {
        info_span!("debug", huge = ?Huge);
        info_span!("text", huge = text);
        info_span!("name", otel.name = text);
    });
    let memory = stage.finish();
    for name in ["debug", "text"] {
        let span = memory.span(name);
        assert_eq!(span.str("huge").map(str::len), Some(256 << 10));
    }
    assert!(memory.spans().iter().any(|span| span.name.len() == 1024));
}

/// A `Debug` may use `tracing` itself: nothing is locked while it runs.
#[test]
fn a_debug_may_use_tracing() {
    struct Chatty(tracing::Span);
    impl std::fmt::Debug for Chatty {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            self.0.record("seen", true);
            self.0
                .in_scope(|| info_span!("inner").in_scope(|| error!("said while it was shown")));
            f.write_str("chatty")
        }
    }
    let stage = Stage::new();
    stage.run(|| {
        let outer = info_span!("outer", seen = Empty, late = Empty);
        let chatty = Chatty(outer.clone());
        let _entered = outer.enter();
        outer.record("late", tracing::field::debug(&chatty));
        info_span!("below", value = ?chatty);
        info!(value = ?chatty, "event");
    });
    let memory = stage.finish();
    assert_eq!(memory.span("outer").str("late"), Some("chatty"));
    assert_eq!(memory.span("outer").bool("seen"), Some(true));
    assert_eq!(memory.span("below").str("value"), Some("chatty"));
}
