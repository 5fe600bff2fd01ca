//! Properties that hold for any recording.

use std::collections::{HashMap, HashSet};

use proptest::collection::vec;
use proptest::prelude::*;
use spanreel::SpanId;
use spanreel_cli::convert::{Conversion, Options, SessionTrace, read};

use super::{FIXTURES, convert_text, path};

/// A call that some recording holds: its kind, run, name, start, length, and how it is recorded.
#[derive(Clone, Debug)]
struct Call {
    kind: usize,
    run: u8,
    name: u8,
    start_ms: u64,
    took_ms: u64,
    ending: Ending,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Ending {
    Completed,
    CompletedWithDuration,
    Failed,
    Never,
}

const KINDS: [&str; 7] = [
    "pipeline",
    "stage",
    "middleware",
    "provider.call",
    "tool.call",
    "composition.step",
    "embedding.call",
];

fn call() -> impl Strategy<Value = Call> {
    let ending = prop_oneof![
        Just(Ending::Completed),
        Just(Ending::CompletedWithDuration),
        Just(Ending::Failed),
        Just(Ending::Never),
    ];
    (
        0..KINDS.len(),
        0..3_u8,
        0..2_u8,
        0..50_u64,
        0..30_u64,
        ending,
    )
        .prop_map(|(kind, run, name, start_ms, took_ms, ending)| Call {
            kind,
            run,
            name,
            start_ms,
            took_ms,
            ending,
        })
}

/// The lines of a recording of the calls, with and without sequence numbers.
fn lines(calls: &[Call], numbered: bool) -> Vec<String> {
    let mut events = Vec::new();
    for call in calls {
        let stem = KINDS[call.kind];
        let end = call.start_ms + call.took_ms;
        events.push((call.start_ms, stem, "started", call, 0));
        match call.ending {
            Ending::Completed => events.push((end, stem, "completed", call, 0)),
            Ending::CompletedWithDuration => {
                events.push((end, stem, "completed", call, call.took_ms))
            }
            Ending::Failed => events.push((end, stem, "failed", call, 0)),
            Ending::Never => {}
        }
    }
    events.sort_by_key(|(time, ..)| *time);
    let line = |(seq, (time, stem, phase, call, took)): (usize, (u64, &str, &str, &Call, u64))| {
        let (run, name) = (call.run, call.name);
        let seq = if numbered { seq } else { 0 };
        format!(
            r#"{{"seq":{seq},"event":{{"type":"{stem}.{phase}","timestamp":"2026-03-14T09:26:53.{time:03}Z","session_id":"s","execution_id":"r{run}","data":{{"Name":"n{name}","Provider":"p{name}","Model":"m","ToolName":"t{name}","CallID":"c{name}","step_id":"s{name}","Duration":{}}}}}}}"#,
            took * 1_000_000
        )
    };
    (1..).zip(events).map(line).collect()
}

fn convert_lines(lines: &[String]) -> Conversion {
    convert_text(&lines.join("\n"))
}

/// Ids differ, every span hangs under the root, and no span ends before it starts.
pub(crate) fn assert_is_a_tree(session: &SessionTrace) {
    let mut parents: HashMap<SpanId, SpanId> = HashMap::new();
    for span in &session.spans {
        let parent = span.parent_span_id.expect("only the root may have none");
        assert!(
            parents.insert(span.span_id, parent).is_none(),
            "two spans have one id"
        );
        assert!(span.start_ns <= span.end_ns);
        assert!(session.root.start_ns <= span.start_ns && span.end_ns <= session.root.end_ns);
        let keys: HashSet<_> = span.attributes.iter().map(|(key, _)| key).collect();
        assert_eq!(keys.len(), span.attributes.len(), "a key stands twice");
    }
    let root = session.root.span_id;
    assert!(!parents.contains_key(&root));
    for span in &session.spans {
        let mut at = span.span_id;
        for _ in 0..=session.spans.len() {
            if at == root {
                break;
            }
            at = parents[&at];
        }
        assert_eq!(at, root, "a circle of parents");
    }
    for log in &session.logs {
        assert!(log.span_id == root || parents.contains_key(&log.span_id));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// The order of the lines does not matter, to the last byte.
    #[test]
    fn the_order_of_lines_does_not_matter(
        (lines, shuffled) in (vec(call(), 1..20), any::<bool>()).prop_flat_map(|(calls, numbered)| {
            let lines = lines(&calls, numbered);
            (Just(lines.clone()), Just(lines).prop_shuffle())
        })
    ) {
        prop_assert_eq!(convert_lines(&lines).sessions, convert_lines(&shuffled).sessions);
    }

    /// Every start is exactly one span, unfinished ones are marked, and the spans are a tree.
    #[test]
    fn every_start_is_one_span(calls in vec(call(), 1..30), numbered in any::<bool>()) {
        let conversion = convert_lines(&lines(&calls, numbered));
        let session = super::only(conversion);
        prop_assert_eq!(session.spans.len(), calls.len());
        let open = calls.iter().filter(|call| call.ending == Ending::Never).count();
        prop_assert_eq!(session.spans.iter().filter(|span| span.incomplete).count(), open);
        assert_is_a_tree(&session);
    }

    /// Damage of any kind is survived, and costs at most the lines that it touched.
    #[test]
    fn damaged_recordings_are_survived(
        fixture in 0..FIXTURES.len(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        length in any::<prop::sample::Index>(),
    ) {
        let mut bytes = std::fs::read(path(FIXTURES[fixture])).expect("a fixture");
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(length.index(bytes.len()) + 1);
        let options = Options { content: true, ..Options::default() };
        let conversion = read(&*bytes, "f", &options).expect("memory cannot fail");
        conversion.sessions.iter().for_each(assert_is_a_tree);
    }

    /// Fields of any type and depth are survived in every kind of event.
    #[test]
    fn fields_of_any_type_are_survived(
        events in vec((type_name(), field(), field(), field(), field()), 1..10),
    ) {
        let lines: Vec<String> = events
            .iter()
            .map(|(type_name, time, id, seq, value)| {
                let fields: Vec<String> = FIELDS.iter().map(|name| format!("\"{name}\":{value}")).collect();
                format!(
                    r#"{{"seq":{seq},"parent_id":{seq},"event":{{"type":"{type_name}","timestamp":{time},"session_id":{id},"run_id":{value},"data":{{{}}}}}}}"#,
                    fields.join(",")
                )
            })
            .collect();
        let options = Options { content: true, ..Options::default() };
        let text = lines.join("\n");
        let conversion = read(text.as_bytes(), "f", &options).expect("memory cannot fail");
        prop_assert_eq!(conversion.report.events as usize, lines.len());
        conversion.sessions.iter().for_each(assert_is_a_tree);
    }
}

const FIELDS: [&str; 24] = [
    "Provider",
    "Model",
    "Duration",
    "InputTokens",
    "OutputTokens",
    "Cost",
    "Labels",
    "ToolName",
    "CallID",
    "Args",
    "Parts",
    "Error",
    "Status",
    "Role",
    "Content",
    "Index",
    "ToolCalls",
    "ToolResult",
    "eval_id",
    "passed",
    "score",
    "step_id",
    "kind",
    "FinishReason",
];

fn type_name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "provider.call.started",
        "provider.call.completed",
        "provider.call.failed",
        "tool.call.started",
        "tool.call.completed",
        "tool.client.resolved",
        "message.created",
        "message.updated",
        "eval.completed",
        "validation.failed",
        "composition.step.started",
        "workflow.transitioned",
        "pipeline.started",
        "pipeline.completed",
        "audio.input",
        "x.y",
    ])
}

/// A JSON value that hardly any field expects, and some that fields do.
fn field() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "null".to_owned(),
        "true".to_owned(),
        "0".to_owned(),
        "-1".to_owned(),
        "3".to_owned(),
        "1e999".to_owned(),
        "0.5".to_owned(),
        "18446744073709551616".to_owned(),
        "9223372036854775807".to_owned(),
        "\"\"".to_owned(),
        "\"\\ud800\"".to_owned(),
        "\"assistant\"".to_owned(),
        "\"2026-03-14T09:26:53Z\"".to_owned(),
        "\"9999-12-31T23:59:59Z\"".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        "[{\"id\":\"c\",\"name\":1,\"args\":{}}]".to_owned(),
        "{\"id\":\"c\",\"parts\":[1]}".to_owned(),
        "[".repeat(300) + &"]".repeat(300),
    ])
}
