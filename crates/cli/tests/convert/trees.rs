//! The tree of spans of each fixture.

use insta::assert_snapshot;
use spanreel::SpanKind;
use spanreel_cli::convert::{Options, Report, SessionTrace, SpanDraft, Status};

use super::convert;

/// The sessions of a fixture as an outline: for each span when it began, counted from the start of
/// its session, and how long it took, in milliseconds.
fn tree(fixture: &str) -> String {
    let sessions = convert(fixture, &Options::default()).sessions;
    sessions.iter().map(outline).collect()
}

fn outline(session: &SessionTrace) -> String {
    let (id, trace_id) = (session.session_id.escape_debug(), session.trace_id);
    let mut text = format!("session {id} trace {trace_id}\n");
    describe(session, &session.root, 0, &mut text);
    if !session.logs.is_empty() {
        text += &format!("log records: {}\n", session.logs.len());
    }
    text
}

fn describe(session: &SessionTrace, span: &SpanDraft, depth: usize, text: &mut String) {
    let millis = |nanos: u64| nanos as f64 / 1e6;
    let mut line = format!(
        "{}{} at {}ms took {}ms",
        "  ".repeat(depth),
        span.name,
        millis(span.start_ns - session.root.start_ns),
        millis(span.end_ns - span.start_ns),
    );
    let marks = [
        (span.kind == SpanKind::Client, " client"),
        (span.incomplete, " incomplete"),
        (
            span.attribute("spanreel.synthesized").is_some(),
            " synthesized",
        ),
    ];
    line.extend(
        marks
            .iter()
            .filter(|(is_so, _)| *is_so)
            .map(|(_, mark)| *mark),
    );
    if let Status::Error(message) = &span.status {
        line += format!(" ERROR {message}").trim_end();
    }
    text.push_str(&line);
    text.push('\n');
    let children = session.spans.iter();
    for child in children.filter(|it| it.parent_span_id == Some(span.span_id)) {
        describe(session, child, depth + 1, text);
    }
}

/// An event store becomes a trace whose calls hang under the stage that made them.
#[test]
fn event_store() {
    assert_snapshot!(tree("event-store.jsonl"), @r"
    session 9f1c2a4e-6b7d-4c3e-8a5f-0123456789ab trace 9f1c2a4e6b7d4c3e8a5f0123456789ab
    invoke_agent at 0ms took 2302ms
      pipeline at 0ms took 1720ms
        promptkit.prompt.template at 1ms took 2ms
        promptkit.stage.save at 4ms took 1711ms
        promptkit.stage.provider at 4ms took 1706ms
          chat gpt-4o at 10ms took 900ms client
          execute_tool weather at 915ms took 200ms
          execute_tool mcp__meteo__weather at 916ms took 124ms
          chat gpt-4o at 1120ms took 580ms client
          promptkit.eval.no_pii at 1703ms took 2ms
      chat claude-sonnet-4 at 1800ms took 500ms client
      promptkit.eval.helpful at 2301ms took 0ms
      promptkit.eval.cites_source at 2302ms took 0ms ERROR
    log records: 13
    ");
}

/// A recording without provider events gets its model calls from its messages.
#[test]
fn narrowed() {
    assert_snapshot!(tree("narrowed.jsonl"), @r"
    session support-call-42 trace 4fb48a169b6af8e05165c18bf61f0022
    invoke_agent concierge at 0ms took 5200ms
      chat gemini-2.0-flash at 350ms took 1150ms client synthesized
      execute_tool find_table at 1505ms took 395ms
      chat gemini-2.0-flash at 1901ms took 699ms client synthesized
      chat gemini-2.0-flash at 4000ms took 500ms client synthesized
      execute_tool points at 4550ms took 150ms synthesized ERROR unknown customer
      chat gemini-2.0-flash at 4750ms took 450ms client synthesized
    log records: 15
    ");
}

/// Compositions, parallel steps and a sub-agent that a tool call started hang where they belong.
#[test]
fn multi_agent() {
    assert_snapshot!(tree("multi-agent.json"), @r"
    session 5b0f6a1e3c2d4b5a9e8f7a6b5c4d3e2f trace 5b0f6a1e3c2d4b5a9e8f7a6b5c4d3e2f
    invoke_agent at 0ms took 912ms
      promptkit.workflow.transition at 0ms took 0ms
      pipeline at 5ms took 905ms
        promptkit.composition at 6ms took 900ms
          promptkit.composition.step at 7ms took 405ms
            promptkit.composition.step at 8ms took 403ms
              execute_tool ask_librarian at 10ms took 400ms
                pipeline at 12ms took 393ms
                  embeddings text-embedding-3-small at 15ms took 30ms client
                  chat claude-haiku at 50ms took 350ms client
            promptkit.composition.step at 8ms took 173ms
              execute_tool search at 9ms took 171ms
          promptkit.composition.step at 414ms took 491ms
            chat gpt-4o at 415ms took 485ms client
            generate_content imagen-4 at 417ms took 3ms client
      promptkit.workflow.transition at 911ms took 0ms
      promptkit.workflow.completed at 912ms took 0ms
    log records: 2
    ");
}

/// Failures, disorder, parallel calls and calls without an end all become spans.
#[test]
fn failures() {
    assert_snapshot!(tree("failures.jsonl"), @r"
    session nightly batch / 2026-03-14 trace c41e990fa8e118ac5df72a6973429904
    invoke_agent at 0ms took 2500ms incomplete
      pipeline at 0ms took 1730ms ERROR
        chat gpt-4o at 10ms took 590ms client
        chat gpt-4o at 20ms took 680ms client
        execute_tool deploy at 1100ms took 300ms ERROR status failed
        execute_tool deploy at 1450ms took 50ms ERROR
        execute_tool slow_report at 1600ms took 900ms incomplete
        chat gpt-4o at 1610ms took 90ms client ERROR post: context deadline exceeded
        chat gpt-4o-mini at 1710ms took 0ms client
        promptkit.eval.max_length at 1716ms took 4ms ERROR
      pipeline at 1800ms took 700ms incomplete
        promptkit.middleware.guard at 1805ms took 0ms
        chat gpt-4o at 1900ms took 600ms client incomplete
    log records: 2
    ");
    let report = convert("failures.jsonl", &Options::default()).report;
    let expected = Report {
        lines: 21,
        events: 21,
        duplicates: 1,
        clamped_spans: 1,
        ..Report::default()
    };
    assert_eq!(report, expected);
}

/// Input in which nearly everything is wrong gives what can be had, and says what could not.
#[test]
fn hostile() {
    assert_snapshot!(tree("hostile.jsonl"), @r"
    session hostile trace 8f383ccddc6f17eb57a96c711523e4a8
    invoke_agent at 0ms took 2000ms
      pipeline at 0ms took 0ms
        execute_tool 17 at 0ms took 2000ms incomplete
        chat at 1000ms took 0ms client
        chat m at 1000ms took 0ms client
      promptkit.stage at 1000ms took 0ms
    log records: 2
    session other\0one trace f76f144d1fbeadedb3b5ae678f4ab309
    invoke_agent at 0ms took 0ms ERROR
      pipeline at 0ms took 0ms ERROR
    ");
    let report = convert("hostile.jsonl", &Options::default()).report;
    assert_eq!(
        (report.lines, report.events, report.untimed_events),
        (18, 10, 3)
    );
    let skipped: Vec<String> = report
        .skipped
        .iter()
        .map(|it| format!("{}: {}", it.line, it.reason))
        .collect();
    assert_snapshot!(skipped.join("\n"), @r"
    10: the JSON ends too early
    11: the event is not an object, or empty
    12: no event type
    13: not a JSON object
    14: not a JSON object
    15: not UTF-8
    16: an event line without an event
    ");
    assert_eq!(
        report.unknown_types.into_iter().collect::<Vec<_>>(),
        [
            ("acme.empty".to_owned(), 1),
            ("acme.heartbeat".to_owned(), 1),
        ]
    );
}
