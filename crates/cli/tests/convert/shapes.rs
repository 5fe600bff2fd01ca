//! The three shapes of a recording, and inputs that are nearly one.

use std::io::{BufReader, Read};

use spanreel::TraceId;
use spanreel_cli::convert::{ConvertError, Options, SessionTrace, read};

use super::{convert, convert_text, only};

const EVENTS: [&str; 2] = [
    r#"{"seq":1,"type":"tool.call.started","timestamp":"2026-03-14T09:26:53Z","session_id":"s1","run_id":"r","data_type":"events.ToolCallStartedData","data":{"ToolName":"t","CallID":"c"}}"#,
    r#"{"seq":2,"type":"tool.call.completed","timestamp":"2026-03-14T09:26:54Z","session_id":"s1","run_id":"r","data_type":"*events.ToolCallEventData","data":{"ToolName":"t","CallID":"c","Duration":1000000000,"Status":"success"}}"#,
];
const METADATA: &str = r#"{"session_id":"s1","start_time":"2026-03-14T09:26:53Z","version":"1.0"}"#;

/// One recording in all its shapes, with every layout that they may have.
fn shapes() -> Vec<(&'static str, String)> {
    let [first, second] = EVENTS;
    let store: String = EVENTS
        .iter()
        .map(|event| {
            format!(
                "{{\"seq\":{},\"event\":{}}}\n",
                &event[7..8],
                event.replace("run_id", "execution_id")
            )
        })
        .collect();
    let recording = format!(
        "{{\"metadata\":{METADATA},\"type\":\"metadata\"}}\n{{\"event\":{first},\"type\":\"event\"}}\n{{\"event\":{second},\"type\":\"event\"}}"
    );
    vec![
        ("event store", store.clone()),
        (
            "event store, CRLF and a mark",
            format!("\u{feff}{}", store.replace('\n', "\r\n")),
        ),
        ("recording", recording.clone()),
        (
            "recording, blank lines",
            format!("\n\n{}", recording.replace('\n', "\n\n")),
        ),
        (
            "document, one line",
            format!("{{\"metadata\":{METADATA},\"events\":[{first},{second}]}}"),
        ),
        (
            "document, indented",
            format!(
                "{{\n  \"metadata\": {METADATA},\n  \"events\": [\n    {first},\n    {second}\n  ]\n}}\n"
            ),
        ),
        (
            "document, events on lines",
            format!("{{\"metadata\":{METADATA},\"events\":[\n{first},\n{second}\n]}}"),
        ),
        (
            "document, one event",
            format!("{{\"events\":[\n{first}\n,\n{second}],\"metadata\":{METADATA}}}"),
        ),
    ]
}

/// The same recording is the same trace in all three shapes.
#[test]
fn all_shapes_are_read_alike() {
    let mut known: Option<SessionTrace> = None;
    for (shape, text) in shapes() {
        let conversion = convert_text(&text);
        assert_eq!(
            conversion.report.skipped_total, 0,
            "{shape}: {:?}",
            conversion.report
        );
        assert_eq!(conversion.report.events, 2, "{shape}");
        let session = only(conversion);
        assert_eq!(session.spans.len(), 1, "{shape}");
        assert_eq!(
            known.get_or_insert_with(|| session.clone()),
            &session,
            "{shape}"
        );
    }
}

/// A torn first line costs that line alone.
#[test]
fn a_torn_first_line_is_skipped() {
    for (shape, text) in shapes().into_iter().take(3) {
        let torn = format!("{}\n{text}", &text[..40].replace('\n', ""));
        let conversion = convert_text(torn.trim_start_matches('\u{feff}'));
        assert_eq!(conversion.report.skipped_total, 1, "{shape}");
        assert_eq!(conversion.report.skipped[0].line, 1, "{shape}");
        assert_eq!(conversion.report.events, 2, "{shape}");
    }
}

/// A document keeps the events before the place where it breaks, and says where that is.
#[test]
fn a_broken_document_keeps_its_beginning() {
    let whole = shapes().swap_remove(5).1;
    let broken = &whole[..whole.len() - 60];
    let conversion = convert_text(broken);
    assert_eq!(conversion.report.events, 1);
    assert_eq!(conversion.report.skipped_total, 1);
    assert_eq!(conversion.report.skipped[0].line, 5);
    let bad_event = whole.replace(EVENTS[0], "42");
    let conversion = convert_text(&bad_event);
    assert_eq!(
        (conversion.report.events, conversion.report.skipped_total),
        (1, 1)
    );
    assert_eq!(conversion.report.skipped[0].line, 4);
}

/// Lines and events above the bound are skipped, in lines and in documents; a document in one line
/// may be longer than any line.
#[test]
fn the_bound_is_per_event() {
    let options = Options {
        max_line_bytes: 400,
        ..Options::default()
    };
    let long = format!(
        "{{\"seq\":9,\"event\":{{\"type\":\"x\",\"data\":\"{}\"}}}}\n",
        "x".repeat(1000)
    );
    let store = shapes().swap_remove(0).1 + &long;
    let conversion = read(store.as_bytes(), "f", &options).expect("memory cannot fail");
    assert_eq!(
        (conversion.report.events, conversion.report.skipped_total),
        (2, 1)
    );
    assert_eq!(conversion.report.skipped[0].reason, "longer than 400 bytes");

    let document = shapes().swap_remove(4).1;
    assert!(document.len() > 400);
    let conversion = read(document.as_bytes(), "f", &options).expect("memory cannot fail");
    assert_eq!(
        (conversion.report.events, conversion.report.skipped_total),
        (2, 0)
    );
    let document = document.replace(
        "\"CallID\":\"c\"",
        &format!("\"CallID\":\"{}\"", "c".repeat(500)),
    );
    let conversion = read(document.as_bytes(), "f", &options).expect("memory cannot fail");
    assert_eq!(
        (conversion.report.events, conversion.report.skipped_total),
        (0, 1)
    );
}

/// A strict conversion stops at the first line that cannot be used, and names it.
#[test]
fn strict_stops_at_the_first_bad_line() {
    let strict = Options {
        strict: true,
        ..Options::default()
    };
    let text = shapes().swap_remove(0).1 + "\n{\"seq\":\n";
    let error = read(text.as_bytes(), "f", &strict).expect_err("the fourth line is bad");
    assert_eq!(
        error.to_string(),
        "line 4 cannot be used: the JSON ends too early"
    );
    let text = shapes().swap_remove(5).1.replace(EVENTS[0], "42");
    let error = read(text.as_bytes(), "f", &strict).expect_err("an event is bad");
    assert!(
        matches!(error, ConvertError::Malformed { line: 4, .. }),
        "{error}"
    );
}

/// A failing input is an error, not a short recording.
#[test]
fn a_failing_input_is_an_error() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("disk on fire"))
        }
    }
    for (shape, text) in shapes() {
        let input = BufReader::new(text.as_bytes().chain(Failing));
        let cut = BufReader::new(text.as_bytes()[..text.len() - 1].chain(Failing));
        let outcome = [
            read(input, "f", &Options::default()),
            read(cut, "f", &Options::default()),
        ];
        // A document may end before its input does.
        let failed = outcome
            .iter()
            .filter(|it| matches!(it, Err(ConvertError::Read(_))))
            .count();
        assert!(failed >= 1, "{shape}");
    }
}

/// No input is no session; metadata alone is a session without spans.
#[test]
fn little_input_gives_little() {
    for nothing in ["", "\n\n", "\u{feff}"] {
        let conversion = convert_text(nothing);
        assert_eq!(conversion.sessions, []);
        assert_eq!(conversion.report.skipped_total, 0);
    }
    let session = only(convert_text(&format!(
        "{{\"type\":\"metadata\",\"metadata\":{METADATA}}}"
    )));
    assert_eq!(
        (session.session_id.as_str(), session.spans.len()),
        ("s1", 0)
    );
    assert_eq!(session.root.start_ns, 1_773_480_413_000_000_000);
}

/// Events that name no session belong to one that is named after the file.
#[test]
fn nameless_events_belong_to_the_file() {
    let text = shapes()
        .swap_remove(0)
        .1
        .replace("\"session_id\":\"s1\",", "");
    assert_eq!(only(convert_text(&text)).session_id, "night-shift");
}

/// Each session of a file is a trace of its own, by time.
#[test]
fn sessions_of_one_file_are_told_apart() {
    let store = shapes().swap_remove(0).1;
    let later = store.replace("s1", "s0").replace("09:26", "09:27");
    let conversion = convert_text(&(later + &store));
    let ids: Vec<_> = conversion
        .sessions
        .iter()
        .map(|it| it.session_id.as_str())
        .collect();
    assert_eq!(ids, ["s1", "s0"]);
    assert_ne!(
        conversion.sessions[0].trace_id,
        conversion.sessions[1].trace_id
    );
    assert_ne!(
        conversion.sessions[0].spans[0].span_id,
        conversion.sessions[1].spans[0].span_id
    );
}

/// With a parent, the session continues its trace; without, its id makes the trace id.
#[test]
fn a_session_may_continue_a_trace() {
    let trace_id: TraceId = "0af7651916cd43dd8448eb211c80319c".parse().expect("an id");
    let span_id = "b7ad6b7169203331".parse().expect("an id");
    let options = Options {
        parent: Some((trace_id, span_id)),
        agent: Some("replayer".to_owned()),
        ..Options::default()
    };
    let session = only(convert("event-store.jsonl", &options));
    assert_eq!(
        (session.trace_id, session.root.parent_span_id),
        (trace_id, Some(span_id))
    );
    assert_eq!(session.root.name, "invoke_agent replayer");
    let session = only(convert("event-store.jsonl", &Options::default()));
    assert_eq!(
        session.trace_id.to_string(),
        "9f1c2a4e6b7d4c3e8a5f0123456789ab"
    );
    assert_eq!(session.root.parent_span_id, None);
    assert_eq!(session.session_id, "9f1c2a4e-6b7d-4c3e-8a5f-0123456789ab");
}
