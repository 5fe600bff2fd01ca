//! Spans in other words, read by the reference decoder.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Known;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

use super::*;

fn span(attributes: &[(&str, Known)]) -> Span {
    let attributes = attributes.iter().map(|(key, value)| KeyValue {
        key: (*key).to_owned(),
        value: Some(AnyValue {
            value: Some(value.clone()),
        }),
        ..KeyValue::default()
    });
    Span {
        span_id: vec![1; 8],
        name: "chat x".to_owned(),
        kind: 1,
        attributes: attributes.collect(),
        ..Span::default()
    }
}

fn text(text: &str) -> Known {
    Known::StringValue(text.to_owned())
}

fn request(span: Span) -> Vec<u8> {
    let scope = ScopeSpans {
        spans: vec![span],
        ..ScopeSpans::default()
    };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![scope],
            ..ResourceSpans::default()
        }],
    };
    request.encode_to_vec()
}

/// A span in other words: its attributes, as text.
fn translated(dialect: Dialect, original: &Span) -> BTreeMap<String, String> {
    let bytes = dialect
        .translate(&request(original.clone()))
        .expect("it is rewritten");
    let mut request = ExportTraceServiceRequest::decode(&*bytes).expect("wire form");
    let mut span = request
        .resource_spans
        .remove(0)
        .scope_spans
        .remove(0)
        .spans
        .remove(0);
    let attributes = std::mem::take(&mut span.attributes);
    let bare = Span {
        attributes: Vec::new(),
        ..original.clone()
    };
    assert_eq!(span, bare, "nothing else changes");
    let number = attributes.len();
    let shown = attributes.into_iter().map(|it| {
        let value = match it.value.and_then(|value| value.value).expect("a value") {
            Known::StringValue(text) => text,
            Known::IntValue(number) => number.to_string(),
            Known::DoubleValue(number) => format!("{number:?}"),
            other => format!("{other:?}"),
        };
        (it.key, value)
    });
    let shown: BTreeMap<_, _> = shown.collect();
    assert_eq!(shown.len(), number, "no key is there twice");
    shown
}

fn assert_has(attributes: &BTreeMap<String, String>, expected: &[(&str, &str)]) {
    for (key, value) in expected {
        assert_eq!(
            attributes.get(*key).map(String::as_str),
            Some(*value),
            "{key}: {attributes:#?}"
        );
    }
}

const ASKED: &str = r#"[{"role":"user","parts":[{"type":"text","content":"hello"},{"type":"text","content":"there"}]},
    {"role":"assistant","parts":[{"type":"tool_call","id":"c1","name":"search","arguments":{"q":"x"}}]},
    {"role":"tool","parts":[{"type":"tool_call_response","id":"c1","response":"found"}]}]"#;
const ANSWERED: &str =
    r#"[{"role":"assistant","parts":[{"type":"text","content":"hi"}],"finish_reason":"stop"}]"#;

fn chat() -> Span {
    span(&[
        (key::OPERATION_NAME, text("chat")),
        (key::PROVIDER_NAME, text("x_ai")),
        (key::REQUEST_MODEL, text("asked-model")),
        (key::RESPONSE_MODEL, text("answering-model")),
        (key::REQUEST_TOP_K, Known::DoubleValue(40.0)),
        (key::INPUT_TOKENS, Known::IntValue(100)),
        (key::OUTPUT_TOKENS, Known::IntValue(20)),
        (key::CACHE_READ_TOKENS, Known::IntValue(60)),
        (key::CACHE_CREATION_TOKENS, Known::IntValue(10)),
        (key::REASONING_TOKENS, Known::IntValue(5)),
        (key::COST, Known::DoubleValue(0.5)),
        (key::SESSION_ID, text("conv-1")),
        (
            Part::SystemInstructions.key(),
            text(r#"[{"type":"text","content":"be kind"}]"#),
        ),
        (Part::InputMessages.key(), text(ASKED)),
        (Part::OutputMessages.key(), text(ANSWERED)),
        ("other", text("stays")),
    ])
}

/// The words of the conventions themselves are the bytes that are there.
#[test]
fn the_default_changes_nothing() {
    assert_eq!(Dialect::GenAi.translate(&request(chat())), None);
    assert!(!Dialect::default().rewrites());
}

/// Conventions before 1.37 have other names for provider and messages.
#[test]
fn older_conventions_have_other_names() {
    let it = translated(Dialect::GenAiBefore137, &chat());
    assert_has(
        &it,
        &[
            (key::SYSTEM, "xai"),
            (key::PROMPT, ASKED),
            (key::COMPLETION, ANSWERED),
            (key::INPUT_TOKENS, "100"),
            ("other", "stays"),
        ],
    );
    assert!(!it.contains_key(key::PROVIDER_NAME) && !it.contains_key(Part::InputMessages.key()));
}

/// Conventions after 1.41 write the cache, count by whole numbers, and say less of agents.
#[test]
fn newer_conventions_have_other_names() {
    let it = translated(Dialect::GenAiDevelopment, &chat());
    assert_has(
        &it,
        &[(key::CACHE_WRITE_TOKENS, "10"), (key::REQUEST_TOP_K, "40")],
    );
    assert!(!it.contains_key(key::CACHE_CREATION_TOKENS));
    let agent = span(&[
        (key::OPERATION_NAME, text("invoke_agent")),
        (key::AGENT_NAME, text("planner")),
        (key::AGENT_ID, text("a-1")),
        (key::PROVIDER_NAME, text("openai")),
    ]);
    let it = translated(Dialect::GenAiDevelopment, &agent);
    let keys: Vec<_> = it.keys().map(String::as_str).collect();
    assert_eq!(keys, [key::AGENT_NAME, key::OPERATION_NAME]);
}

/// OpenInference has kinds, counts with totals, and messages one attribute at a time.
#[test]
fn openinference_has_messages_one_attribute_at_a_time() {
    let it = translated(Dialect::OpenInference, &chat());
    let message = |index: usize, rest: &str| format!("llm.input_messages.{index}.message.{rest}");
    assert_has(
        &it,
        &[
            ("openinference.span.kind", "LLM"),
            ("llm.provider", "x_ai"),
            ("llm.model_name", "answering-model"),
            ("llm.token_count.prompt", "100"),
            ("llm.token_count.completion", "20"),
            ("llm.token_count.total", "120"),
            ("llm.token_count.prompt_details.cache_read", "60"),
            ("llm.cost.total", "0.5"),
            ("llm.invocation_parameters", r#"{"top_k":40.0}"#),
            ("input.value", ASKED),
            ("input.mime_type", "application/json"),
            ("output.value", ANSWERED),
            (&message(0, "role"), "system"),
            (&message(0, "content"), "be kind"),
            (&message(1, "content"), "hello\nthere"),
            (
                &message(2, "tool_calls.0.tool_call.function.name"),
                "search",
            ),
            (
                &message(2, "tool_calls.0.tool_call.function.arguments"),
                r#"{"q":"x"}"#,
            ),
            (&message(3, "content"), "found"),
            (&message(3, "tool_call_id"), "c1"),
            ("llm.output_messages.0.message.content", "hi"),
            ("session.id", "conv-1"),
        ],
    );
    let tool = span(&[
        (key::OPERATION_NAME, text("execute_tool")),
        (key::TOOL_NAME, text("search")),
        (Part::ToolArguments.key(), text("{\"q\":1}")),
        (Part::ToolResult.key(), text("nothing")),
    ]);
    let it = translated(Dialect::OpenInference, &tool);
    assert_has(
        &it,
        &[
            ("openinference.span.kind", "TOOL"),
            ("tool.name", "search"),
            ("tool.parameters", "{\"q\":1}"),
            ("output.value", "nothing"),
            ("output.mime_type", "text/plain"),
        ],
    );
    assert_has(
        &translated(Dialect::OpenInference, &span(&[])),
        &[("openinference.span.kind", "CHAIN")],
    );
}

/// Langfuse adds up what it is told of tokens: no part is told twice.
#[test]
fn langfuse_is_told_no_token_twice() {
    let failed = Span {
        status: Some(Status {
            code: 2,
            message: "too slow".to_owned(),
        }),
        ..chat()
    };
    let it = translated(Dialect::Langfuse, &failed);
    assert_has(
        &it,
        &[
            ("langfuse.session.id", "conv-1"),
            ("session.id", "conv-1"),
            ("langfuse.observation.type", "generation"),
            ("langfuse.observation.model.name", "answering-model"),
            ("langfuse.observation.input", ASKED),
            ("langfuse.observation.output", ANSWERED),
            ("langfuse.observation.cost_details", r#"{"total":0.5}"#),
            ("langfuse.observation.level", "ERROR"),
            ("langfuse.observation.status_message", "too slow"),
        ],
    );
    let usage: serde_json::Value =
        serde_json::from_str(&it["langfuse.observation.usage_details"]).expect("JSON");
    let total: i64 = usage
        .as_object()
        .expect("an object")
        .values()
        .filter_map(|it| it.as_i64())
        .sum();
    assert_eq!(total, 120);
    assert_eq!(usage["cache_read_input_tokens"], 60);
    assert!(!it.contains_key(key::INPUT_TOKENS));
}

/// Messages are given one by one as far as anybody looks at them, however many there are; all of them stay in
/// the value.
#[test]
fn many_messages_are_given_up_to_a_bound() {
    const LONG: usize = 256 << 10;
    let many = |one: &str| format!("[{}]", vec![one; LONG / (one.len() + 1)].join(","));
    let calls = many(r#"{"type":"tool_call","name":"t"}"#);
    for (messages, expected) in [
        (many("{}"), 0),
        (many("7"), 0),
        (many(r#"{"role":"u"}"#), 512),
        (many(r#"{"role":"u","content":"c"}"#), 2 * 512),
        (format!(r#"[{{"role":"u","parts":{calls}}}]"#), 1 + 3 * 512),
        (
            many(r#"{"role":"u","parts":[{"type":"tool_call"},{"type":"tool_call"}]}"#),
            512 + 3 * 512,
        ),
    ] {
        let chat = span(&[(Part::InputMessages.key(), text(&messages))]);
        let it = translated(Dialect::OpenInference, &chat);
        assert_eq!(it["input.value"], messages);
        let of_messages = it.keys().filter(|it| it.starts_with("llm.input_messages."));
        assert_eq!(of_messages.count(), expected, "{}", &messages[..40]);
    }
}

/// A span with many attributes is put into other words in one pass over them.
#[test]
fn many_attributes_are_put_into_words_in_one_pass() {
    let mut many: Vec<_> = (0..100_000)
        .map(|number| (format!("key.{number}"), Known::IntValue(number)))
        .collect();
    many.extend(vec![(key::REQUEST_MODEL.to_owned(), text("m")); 100_000]);
    let many: Vec<_> = many.iter().map(|(key, it)| (&**key, it.clone())).collect();
    let it = translated(Dialect::OpenInference, &span(&many));
    assert_eq!(it.len(), 100_000 + 2);
    assert_has(&it, &[("key.99999", "99999"), ("llm.model_name", "m")]);
}

/// Content is left out under its own name only where it is said whole in other words.
#[test]
fn content_that_is_not_said_in_other_words_stays() {
    let list = || {
        let values = vec![AnyValue {
            value: Some(text("said")),
        }];
        Known::ArrayValue(ArrayValue { values })
    };
    let (system, input, output) = (
        Part::SystemInstructions.key(),
        Part::InputMessages.key(),
        Part::OutputMessages.key(),
    );
    let (arguments, result) = (Part::ToolArguments.key(), Part::ToolResult.key());
    let mixed = r#"[{"type":"text","content":"be kind"},{"type":"blob","data":"AAAA"}]"#;
    let said = r#"[{"type":"text","content":"be kind"}]"#;
    // What is recorded; the keys of it that stay.
    type Row<'a> = (Dialect, Vec<(&'a str, Known)>, &'a [&'a str]);
    let rows: [Row<'_>; 12] = [
        (Dialect::OpenInference, vec![(system, text(said))], &[]),
        (
            Dialect::OpenInference,
            vec![(system, text("be kind"))],
            &[system],
        ),
        (
            Dialect::OpenInference,
            vec![(system, text(mixed)), (input, text(ASKED))],
            &[system],
        ),
        (
            Dialect::OpenInference,
            vec![(system, list()), (input, list()), (output, list())],
            &[system, input, output],
        ),
        (
            Dialect::OpenInference,
            vec![(input, text(ASKED)), (arguments, text("{}"))],
            &[],
        ),
        (
            Dialect::OpenInference,
            vec![(output, text(ANSWERED)), (result, text("found"))],
            &[result],
        ),
        (
            Dialect::OpenInference,
            vec![
                ("llm.input_messages.0.message.role", text("user")),
                (system, text(said)),
                (input, text(ASKED)),
            ],
            &[system],
        ),
        (
            Dialect::OpenInference,
            vec![("output.value", text("mine")), (output, text(ANSWERED))],
            &[output],
        ),
        (Dialect::Langfuse, vec![(input, text(ASKED))], &[]),
        (
            Dialect::Langfuse,
            vec![(input, list()), (arguments, text("{}")), (output, list())],
            &[input, output],
        ),
        (
            Dialect::Langfuse,
            vec![(input, text(ASKED)), (arguments, text("{}"))],
            &[arguments],
        ),
        (
            Dialect::Langfuse,
            vec![
                (key::INPUT_TOKENS, Known::IntValue(1)),
                (key::OUTPUT_TOKENS, text("some")),
                ("langfuse.observation.output", text("mine")),
                (output, text(ANSWERED)),
            ],
            &[key::OUTPUT_TOKENS, output],
        ),
    ];
    for (dialect, recorded, stays) in rows {
        let it = translated(dialect, &span(&recorded));
        let own = |key: &&str| key.starts_with("gen_ai.");
        let left: Vec<_> = recorded
            .iter()
            .map(|(key, _)| *key)
            .filter(own)
            .filter(|key| it.contains_key(*key))
            .collect();
        assert_eq!(left, stays, "{dialect:?} {recorded:?}");
    }
}

/// What somebody set in other words on purpose wins, wherever it stands among the attributes, and no key is
/// there twice.
#[test]
fn what_was_set_on_purpose_wins_wherever_it_stands() {
    for (dialect, own, theirs) in [
        (Dialect::OpenInference, "llm.model_name", key::REQUEST_MODEL),
        (
            Dialect::OpenInference,
            "llm.token_count.prompt",
            key::INPUT_TOKENS,
        ),
        (
            Dialect::Langfuse,
            "langfuse.observation.model.name",
            key::REQUEST_MODEL,
        ),
        (Dialect::GenAiBefore137, key::SYSTEM, key::PROVIDER_NAME),
        (
            Dialect::GenAiDevelopment,
            key::CACHE_WRITE_TOKENS,
            key::CACHE_CREATION_TOKENS,
        ),
    ] {
        let mine = || (own, text("mine"));
        for attributes in [
            vec![mine(), (theirs, text("theirs"))],
            vec![(theirs, text("theirs")), mine()],
            vec![
                (theirs, text("theirs")),
                mine(),
                (key::RESPONSE_MODEL, text("answers")),
            ],
        ] {
            let it = translated(dialect, &span(&attributes));
            assert_has(&it, &[(own, "mine")]);
            assert!(!it.contains_key(theirs), "{dialect:?} {attributes:?}");
        }
    }
}

/// What somebody set on purpose in other words wins.
#[test]
fn what_was_set_on_purpose_wins() {
    let mut chat = chat();
    chat.attributes.splice(
        0..0,
        span(&[
            ("llm.provider", text("mine")),
            ("openinference.span.kind", text("AGENT")),
        ])
        .attributes,
    );
    let it = translated(Dialect::OpenInference, &chat);
    assert_has(
        &it,
        &[
            ("llm.provider", "mine"),
            ("openinference.span.kind", "AGENT"),
        ],
    );
}

proptest::proptest! {
    /// Whatever the bytes are, nothing panics.
    #[test]
    fn random_bytes_lead_nowhere(bytes: Vec<u8>, json: String) {
        for dialect in [
            Dialect::GenAiBefore137,
            Dialect::GenAiDevelopment,
            Dialect::OpenInference,
            Dialect::Langfuse,
        ] {
            let _ = dialect.translate(&bytes);
            let odd = span(&[
                (key::OPERATION_NAME, text("chat")),
                (Part::InputMessages.key(), text(&json)),
                (key::INPUT_TOKENS, Known::IntValue(i64::MIN)),
                (key::CACHE_READ_TOKENS, Known::IntValue(i64::MAX)),
                (key::CACHE_CREATION_TOKENS, Known::IntValue(i64::MAX)),
            ]);
            let _ = dialect.translate(&request(odd));
        }
    }
}
