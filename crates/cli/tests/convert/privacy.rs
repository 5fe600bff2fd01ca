//! What was said leaves a recording only on demand.

use spanreel_cli::convert::{AttrValue, Options};

use super::{FIXTURES, convert, only, with_content};

/// Things that people, models and tools say in the fixtures.
const SAID: [&str; 16] = [
    "Ada Lovelace",
    "Is it warmer",
    "Rome is",
    "21 C",
    "No source named",
    "Book a table",
    "Table four",
    "loyalty points",
    "seats",
    "answer the telephone",
    "Newton",
    "tides",
    "The moon",
    "SECRET",
    "words too many",
    "Oslo",
];

/// Without content, nothing that was said appears anywhere in a trace; with it, everything does.
#[test]
fn content_is_off_unless_asked_for() {
    let all = |options: &Options| -> String {
        FIXTURES
            .iter()
            .map(|fixture| format!("{:?}", convert(fixture, options).sessions))
            .collect()
    };
    let (without, with) = (all(&Options::default()), all(&with_content()));
    for said in SAID {
        assert!(!without.contains(said), "{said}");
        assert!(with.contains(said), "{said}");
    }
    // Bytes of media are of no use in a trace.
    assert!(!with.contains("BAUF"));
}

/// Calls carry the messages that were new to them, and the answer they gave.
#[test]
fn messages_stand_on_the_calls_they_belong_to() {
    let session = only(convert("event-store.jsonl", &with_content()));
    let calls: Vec<_> = session
        .spans
        .iter()
        .filter(|span| span.name == "chat gpt-4o")
        .collect();
    let text = |call: usize, key: &str| match calls[call].attribute(key) {
        Some(AttrValue::Str(text)) => text.clone(),
        other => panic!("{key} is {other:?}"),
    };
    assert_eq!(
        text(0, "gen_ai.input.messages"),
        r#"[{"role":"user","parts":[{"type":"text","content":"Is it warmer in Rome or in Oslo?"}]}]"#
    );
    assert!(text(0, "gen_ai.output.messages").contains("call_rome"));
    assert!(text(1, "gen_ai.input.messages").contains(r#""response":"4 C""#));
    assert!(!text(1, "gen_ai.input.messages").contains("Is it warmer"));
    assert!(text(1, "gen_ai.output.messages").contains("Rome is warmer."));
}

/// Tool calls carry their arguments and their results.
#[test]
fn tool_calls_carry_arguments_and_results() {
    let session = only(convert("event-store.jsonl", &with_content()));
    let tool = session
        .spans
        .iter()
        .find(|span| span.name == "execute_tool weather")
        .expect("a call");
    let expected = |text: &str| Some(AttrValue::from(text));
    assert_eq!(
        tool.attribute("gen_ai.tool.call.arguments").cloned(),
        expected(r#"{"city":"Rome"}"#)
    );
    assert_eq!(
        tool.attribute("gen_ai.tool.call.result").cloned(),
        expected("21 C")
    );
}
