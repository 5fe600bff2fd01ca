//! What `spanreel convert` shows and writes.

use std::path::Path;

use insta::assert_snapshot;
use serde_json::Value;

use super::{FIXTURES, Run, fixture, run, run_with, spanreel};

/// Runs `convert` on some fixtures.
fn convert(fixtures: &[&str], options: &[&str]) -> Run {
    let recordings = fixtures.iter().map(|name| fixture(name).into_os_string());
    let options = options.iter().map(Into::into);
    run(["convert".into()]
        .into_iter()
        .chain(recordings)
        .chain(options))
}

fn tree(name: &str) -> String {
    convert(&[name], &[]).fine().stdout
}

/// A session of an event store reads as a tree: what was called, when, for how long, at what cost,
/// and what failed.
#[test]
fn an_event_store_reads_as_a_tree() {
    assert_snapshot!(tree("event-store.jsonl"), @r"
    session 9f1c2a4e-6b7d-4c3e-8a5f-0123456789ab  user user-3  success  2.30s
    llm calls 3  tool calls 2  errors 1  tokens 355 in / 61 out / 48 cached  cost $0.0007
    agent                                                                    2.30s  ━━━━━━━━━━━━━━━━━━━━
    ├─ workflow pipeline                                                     1.72s  ━━━━━━━━━━━━━━
    │  ├─ span promptkit.prompt.template                                    2.00ms  ━
    │  ├─ span promptkit.stage.provider                                      1.71s  ━━━━━━━━━━━━━━
    │  │  ├─ llm gpt-4o                           48 in / 31 out  $0.0004    900ms  ━━━━━━━
    │  │  ├─ tool weather                                                    200ms         ━━
    │  │  ├─ tool mcp__meteo__weather                                        124ms         ━━
    │  │  ├─ llm gpt-4o                           97 in / 18 out  $0.0003    580ms           ━━━━━
    │  │  └─ span promptkit.eval.no_pii                                     2.00ms                ━
    │  └─ span promptkit.stage.save                                          1.71s  ━━━━━━━━━━━━━━
    ├─ llm claude-sonnet-4                                210 in / 12 out    500ms                 ━━━━
    ├─ span promptkit.eval.helpful                                             0ns                     ━
    └─ span promptkit.eval.cites_source                                        0ns                     ━
         ! evaluation_failed
    ");
}

/// A recording without calls is shown with the calls that its messages tell of.
#[test]
fn a_narrowed_recording_reads_as_a_tree() {
    assert_snapshot!(tree("narrowed.jsonl"), @r"
    session support-call-42  agent concierge  ended  5.20s
    llm calls 4  tool calls 2  errors 1  tokens 184 in / 17 out  cost <$0.0001
    agent concierge                                                          5.20s  ━━━━━━━━━━━━━━━━━━━━
    ├─ llm gemini-2.0-flash                       64 in / 9 out  <$0.0001    1.15s   ━━━━
    ├─ tool find_table                                                       395ms       ━━
    ├─ llm gemini-2.0-flash                                                  699ms         ━━━
    ├─ llm gemini-2.0-flash                                                  500ms                 ━━
    ├─ tool points                                                           150ms                   ━
    │    ! tool_error: unknown customer
    └─ llm gemini-2.0-flash                                120 in / 8 out    450ms                    ━━
    ");
}

/// Agents within agents are shown within each other.
#[test]
fn agents_within_agents_read_as_a_tree() {
    assert_snapshot!(tree("multi-agent.json"), @r"
    session 5b0f6a1e3c2d4b5a9e8f7a6b5c4d3e2f  success  912ms
    llm calls 4  tool calls 2  errors 0  tokens 1.1k in / 290 out  cost $0.0445
    agent                                                                    912ms  ━━━━━━━━━━━━━━━━━━━━
    ├─ span promptkit.workflow.transition                                      0ns  ━
    ├─ workflow pipeline                                                     905ms  ━━━━━━━━━━━━━━━━━━━
    │  └─ span promptkit.composition                                         900ms  ━━━━━━━━━━━━━━━━━━━
    │     ├─ span promptkit.composition.step                                 405ms  ━━━━━━━━━
    │     │  ├─ span promptkit.composition.step                              173ms  ━━━
    │     │  │  └─ tool search                                               171ms  ━━━
    │     │  └─ span promptkit.composition.step                              403ms  ━━━━━━━━━
    │     │     └─ tool ask_librarian                                        400ms  ━━━━━━━━
    │     │        └─ workflow pipeline                                      393ms  ━━━━━━━━
    │     │           ├─ embed text-embedding-3-small     12 in  <$0.0001   30.0ms  ━
    │     │           └─ llm claude-haiku        300 in / 80 out  $0.0004    350ms   ━━━━━━━
    │     └─ span promptkit.composition.step                                 491ms           ━━━━━━━━━━
    │        ├─ llm gpt-4o                      800 in / 210 out  $0.0041    485ms           ━━━━━━━━━━
    │        └─ llm imagen-4                                      $0.0400   3.00ms           ━
    ├─ span promptkit.workflow.transition                                      0ns                     ━
    └─ span promptkit.workflow.completed                                       0ns                     ━
    ");
}

/// What failed and what never ended is told.
#[test]
fn failures_are_shown() {
    assert_snapshot!(tree("failures.jsonl"), @r"
    session nightly batch / 2026-03-14  incomplete  2.50s
    llm calls 5  tool calls 3  errors 5  tokens 30 in / 12 out  cost $0.0030
    agent (incomplete)                                                       2.50s  ━━━━━━━━━━━━━━━━━━━━
    ├─ workflow pipeline                                                     1.73s  ━━━━━━━━━━━━━
    │  │  ! error
    │  ├─ llm gpt-4o                               20 in / 7 out  $0.0020    590ms  ━━━━
    │  ├─ llm gpt-4o                               10 in / 5 out  $0.0010    680ms  ━━━━━
    │  ├─ tool deploy                                                        300ms          ━━━
    │  │    ! tool_error: status failed
    │  ├─ tool deploy                                                       50.0ms             ━
    │  │    ! tool_error
    │  ├─ tool slow_report (incomplete)                                      900ms              ━━━━━━━━
    │  ├─ llm gpt-4o                                                        90.0ms              ━
    │  │    ! timeout: post: context deadline exceeded
    │  ├─ llm gpt-4o-mini                                                      0ns               ━
    │  └─ span promptkit.eval.max_length                                    4.00ms               ━
    │       ! validation_failed
    └─ workflow pipeline (incomplete)                                        700ms                ━━━━━━
       ├─ span promptkit.middleware.guard                                      0ns                ━
       └─ llm gpt-4o (incomplete)                                            600ms                 ━━━━━
    ");
}

/// From a damaged recording everything readable is shown, and nothing of it reaches the terminal as
/// a command; the rest is reported line by line.
#[test]
fn a_damaged_recording_is_shown_as_far_as_it_goes() {
    let run = convert(&["hostile.jsonl"], &[]).fine();
    assert!(!run.stdout.contains('\0'));
    assert_snapshot!(run.stdout, @r"
    session hostile  success  2.00s
    llm calls 2  tool calls 1  errors 0  tokens 1.0k in / 0 out
    agent                                                                    2.00s  ━━━━━━━━━━━━━━━━━━━━
    ├─ workflow pipeline                                                       0ns  ━
    │  ├─ tool 17 (incomplete)                                               2.00s  ━━━━━━━━━━━━━━━━━━━━
    │  ├─ llm                                                                  0ns            ━
    │  └─ llm m                                                   1.0k in      0ns            ━
    └─ span promptkit.stage                                                    0ns            ━

    session other\u{0}one  error  0ns
    llm calls 0  tool calls 0  errors 1
    agent                                                                      0ns
    │  ! error
    └─ workflow pipeline                                                       0ns
         ! error
    ");
    let report = run.stderr.split_once("hostile.jsonl").expect("a name").1;
    assert_snapshot!(report, @r"
    : 18 lines, 10 events, 2 sessions: 8 spans and 2 log records
      7 lines skipped
        line 10: the JSON ends too early
        line 11: the event is not an object, or empty
        line 12: no event type
        line 13: not a JSON object
        line 14: not a JSON object
        line 15: not UTF-8
        line 16: an event line without an event
      2 events of unknown type: acme.empty (1), acme.heartbeat (1)
      3 events without a time, placed beside their neighbours
      1 span recorded to end before the start, shown without length
    ");
}

/// Colours are used where they are asked for.
#[test]
fn colours_are_a_matter_of_choice() {
    let coloured = convert(&["failures.jsonl"], &["--color", "always"]).fine();
    assert!(coloured.stdout.contains("\u{1b}[31m"));
    let plain = convert(&["failures.jsonl"], &[]).fine();
    assert!(!plain.stdout.contains('\u{1b}') && !plain.stderr.contains('\u{1b}'));
}

/// The lines of a file of OTLP JSON.
fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("a file of text");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect()
}

/// The same recordings give the same bytes: in every run, whatever the environment says, and on
/// standard output as in a file.
#[test]
fn the_same_recording_gives_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let [first, second] = ["first.jsonl", "second.jsonl"].map(|name| folder.path().join(name));
    let out = |path: &Path| path.to_str().expect("text").to_owned();
    let quiet = convert(&FIXTURES, &["--content", "--quiet", "--out", &out(&first)]).fine();
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));

    let status = spanreel()
        .arg("convert")
        .args(FIXTURES.map(fixture))
        .args(["--content", "--out", &out(&second)])
        .env("OTEL_SDK_DISABLED", "true")
        .env("OTEL_TRACES_SAMPLER", "always_off")
        .env("OTEL_ATTRIBUTE_COUNT_LIMIT", "1")
        .env("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "3")
        .env("OTEL_SERVICE_NAME", "other")
        .env("OTEL_RESOURCE_ATTRIBUTES", "a=b")
        .env("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2")
        .output()
        .expect("the command runs")
        .status;
    assert!(status.success());
    let bytes = std::fs::read(&first).expect("a file");
    assert!(bytes == std::fs::read(&second).expect("a file"));

    let printed = convert(&FIXTURES, &["--content", "--out", "-"]).fine();
    assert!(printed.stdout.as_bytes() == bytes);
    assert!(
        printed
            .stderr
            .contains("wrote 58 spans and 34 log records to standard output")
    );

    let lines = lines(&first);
    for line in &lines {
        let (spans, logs) = (&line["resourceSpans"], &line["resourceLogs"]);
        let resource = if spans.is_null() { logs } else { spans };
        let attributes = &resource[0]["resource"]["attributes"];
        let service = serde_json::json!([
            {"key": "service.name", "value": {"stringValue": "promptkit"}}
        ]);
        assert_eq!(*attributes, service, "nothing of this machine");
    }
    assert!(lines.len() >= FIXTURES.len());
}

/// A session of many requests is written whole, the same each time, and drawn abridged.
#[test]
fn a_long_session_is_written_whole() {
    let call = |seq: u32, phase: &str, millis: u32| {
        let (second, millis) = (millis / 1_000, millis % 1_000);
        format!(
            r#"{{"seq":{seq},"event":{{"type":"tool.call.{phase}","timestamp":"2026-03-14T09:26:{second:02}.{millis:03}Z","session_id":"long","data":{{"ToolName":"t","CallID":"{millis}-{second}"}}}}}}"#
        )
    };
    let events = (0..10_000).flat_map(|number| {
        let [start, end] = [number * 2, number * 2 + 1];
        [
            call(start + 1, "started", number),
            call(end + 1, "completed", number),
        ]
    });
    let recording: String = events.map(|event| event + "\n").collect();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("long.jsonl");
    std::fs::write(&path, recording).expect("a file");
    let [first, second] = ["1.jsonl", "2.jsonl"].map(|name| folder.path().join(name));
    for out in [&first, &second] {
        let args = [
            "convert".as_ref(),
            path.as_os_str(),
            "--out".as_ref(),
            out.as_os_str(),
        ];
        let tree = run(args).fine().stdout;
        assert!(tree.contains("... 9,980 more"), "{tree}");
    }
    let written = lines(&first);
    assert!(written.len() > 1, "more than one request");
    let spans = |line: &Value| {
        line["resourceSpans"][0]["scopeSpans"][0]["spans"]
            .as_array()
            .map_or(0, Vec::len)
    };
    assert_eq!(written.iter().map(spans).sum::<usize>(), 10_001);
    assert!(std::fs::read(&first).expect("a file") == std::fs::read(&second).expect("a file"));
}

/// A recording in a pipe is a recording, and a service may have a name.
#[test]
fn recordings_come_through_pipes() {
    let recording = std::fs::read(fixture("event-store.jsonl")).expect("a fixture");
    let args = ["convert", "-", "--out", "-", "--service", "kitchen"];
    let piped = run_with(&recording, &args).fine();
    let named = convert(
        &["event-store.jsonl"],
        &["--out", "-", "--service", "kitchen"],
    )
    .fine();
    assert_eq!(piped.stdout, named.stdout);
    assert!(piped.stdout.contains(r#"{"stringValue":"kitchen"}"#));
    assert!(
        piped.stderr.starts_with("standard input: 32 lines"),
        "{piped:?}"
    );
}

/// What was said leaves a recording on demand alone.
#[test]
fn content_is_off_unless_asked_for() {
    let without = convert(&FIXTURES, &["--out", "-"]).fine().stdout;
    let with = convert(&FIXTURES, &["--out", "-", "--content"])
        .fine()
        .stdout;
    for said in [
        "Is it warmer",
        "Table four",
        "You answer the telephone",
        "SECRET",
    ] {
        assert!(!without.contains(said), "{said}");
        assert!(with.contains(said), "{said}");
    }
}

/// An agent named on the command line is the agent.
#[test]
fn an_agent_may_be_named() {
    let run = convert(&["narrowed.jsonl"], &["--agent", "replayer"]).fine();
    assert!(
        run.stdout
            .starts_with("session support-call-42  agent replayer"),
        "{run:?}"
    );
    assert!(run.stdout.contains("\nagent replayer  "), "{run:?}");
}

/// Programs get one object: what was read, what it became, what it added up to.
#[test]
fn programs_get_one_object() {
    let run = convert(&["event-store.jsonl", "hostile.jsonl"], &["--json"]).fine();
    assert_eq!(run.stderr, "");
    let json = run.json();
    let files = json["files"].as_array().expect("a list");
    assert_eq!(files.len(), 2);
    assert_eq!(
        (&files[0]["lines"], &files[0]["spans"]),
        (&32.into(), &13.into())
    );
    assert_eq!(files[1]["skipped"][0]["line"], 10);
    assert_eq!(files[1]["skipped"][0]["reason"], "the JSON ends too early");
    assert_eq!(files[1]["unknown_types"]["acme.empty"], 1);
    let session = &json["sessions"][0];
    let expected = serde_json::json!({
        "file": files[0]["name"],
        "session_id": "9f1c2a4e-6b7d-4c3e-8a5f-0123456789ab",
        "trace_id": "9f1c2a4e6b7d4c3e8a5f0123456789ab",
        "conversation_id": "conv-7",
        "user_id": "user-3",
        "agent": null,
        "end_state": "success",
        "start_unix_ns": session["start_unix_ns"],
        "end_unix_ns": session["end_unix_ns"],
        "spans": 13,
        "logs": 13,
        "llm_calls": 3,
        "tool_calls": 2,
        "errors": 1,
        "input_tokens": 355,
        "output_tokens": 61,
        "cached_tokens": 48,
        "reasoning_tokens": null,
        "cost": 0.00074,
    });
    assert_eq!(*session, expected);
    assert_eq!(
        (&json["out"], &json["export"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(json["sessions"].as_array().map(Vec::len), Some(3));
}

/// Who reads only the beginning of the trees gets it, without complaints.
#[test]
fn a_reader_may_leave_early() {
    let mut process = spanreel()
        .arg("convert")
        .args(std::iter::repeat_n(fixture("multi-agent.json"), 200))
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the command runs");
    drop(process.stdout.take());
    let run: Run = process.wait_with_output().expect("it ends").into();
    let report = "200 recordings: 105,400 lines, 6,000 events, 200 sessions: 3,400 spans and 400 log records\n";
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), report));
}
