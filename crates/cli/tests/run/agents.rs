//! Commands that write telemetry.

use std::path::Path;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;

use crate::collector::Collector;
use crate::{Said, has_python, run, said, totals};

fn agent(options: &[&str], what: &str) -> Said {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/run/agent.py");
    let script = script.to_str().expect("text");
    let options = [&["--protocol", "http/json"], options].concat();
    said(run(&options, &["python3", script, what]))
}

fn find<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let found = spans.iter().find(|span| span.name == name);
    found.unwrap_or_else(|| panic!("no {name} in {spans:?}"))
}

/// An agent in Python that knows nothing of spanreel becomes a session: its spans are below the root, those
/// of a trace of their own are shown there too, a session of its own stands apart; and all is forwarded as
/// it came.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_in_python_becomes_a_session() {
    if !has_python("an_agent_in_python_becomes_a_session") {
        return;
    }
    let collector = Collector::default();
    let url = format!("grpc://{}", collector.listen().await);
    let id = "5f0d4c1e-9f5b-4f0e-8a55-0c6f4c1d2e3f";
    let said = agent(&["--session", id, "--export", &url], "tree");
    assert_eq!(said.code, Some(3), "{}", said.err);
    assert_eq!(said.out, "working\n");

    let tree: Vec<&str> = said.err.lines().collect();
    let row = |text: &str| {
        let found = tree.iter().position(|line| line.contains(text));
        found.unwrap_or_else(|| panic!("no {text} in\n{}", said.err))
    };
    assert!(tree[row(&format!("session {id}"))].contains("error"));
    assert!(row("span python3") < row("llm claude") && row("llm claude") < row("span tool"));
    assert!(
        tree[row("span tool")].starts_with("\u{2502}  "),
        "below chat:\n{}",
        said.err
    );
    assert!(
        tree[row("span alone")].starts_with('\u{2514}'),
        "{}",
        said.err
    );
    assert!(
        row("session cdcdcd") > row("span alone") && row("span foreign") > row("session cdcdcd")
    );
    assert!(
        tree[row("llm calls")].contains("llm calls 1"),
        "{}",
        said.err
    );
    row("received 4 spans");
    assert!(
        !said.err.contains("no calls of models"),
        "there was one:\n{}",
        said.err
    );
    row(&format!("forwarded to {url}"));

    let spans = collector.spans();
    assert_eq!(spans.len(), 5, "{spans:?}");
    let root = find(&spans, "python3");
    let hex: String = root
        .trace_id
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(hex, id.replace('-', ""));
    assert_eq!(find(&spans, "chat claude").parent_span_id, root.span_id);
    assert_eq!(find(&spans, "chat claude").trace_id, root.trace_id);
    assert_eq!(find(&spans, "alone").trace_id, [0xab; 16]);
    let value = |key: &str| {
        let found = root.attributes.iter().find(|it| it.key == key);
        found.and_then(|it| it.value.clone()?.value)
    };
    assert_eq!(value("process.exit.code"), Some(Value::IntValue(3)));
    assert!(value("process.pid").is_some());
    assert_eq!(value("process.command_args"), None, "not asked for");
    assert_eq!(
        root.status.as_ref().expect("a status").message,
        "exit code 3"
    );
}

/// What is sent after the end of the command, by somebody who is connected, is waited for.
#[test]
fn what_comes_late_is_waited_for() {
    if !has_python("what_comes_late_is_waited_for") {
        return;
    }
    let said = agent(&["--no-forward", "--linger", "60s", "--json"], "late");
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_eq!(totals(&said)["spans"], 1, "{}", said.err);
}

/// Of a command that sends without end, a bounded number of spans is kept; all are counted.
#[test]
fn too_many_spans_are_counted_and_not_kept() {
    if !has_python("too_many_spans_are_counted_and_not_kept") {
        return;
    }
    let said = agent(&["--no-forward"], "many");
    assert_eq!(said.code, Some(0), "{}", said.err);
    for text in [
        "received 12,000 spans",
        "no calls of models were seen",
        "spans are too many to draw",
        "python3",
        "success",
    ] {
        assert!(said.err.contains(text), "no {text}:\n{}", said.err);
    }
}
