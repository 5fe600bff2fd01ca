//! What spans, log records and totals say.

use insta::assert_snapshot;
use spanreel::{Severity, SpanKind, Totals, Usage};
use spanreel_cli::convert::{AttrValue, Attribute, Options, SessionTrace, SpanDraft, Status};

use super::{convert, convert_text, only};

fn text(attributes: &[Attribute]) -> String {
    let lines: Vec<String> = attributes
        .iter()
        .map(|(key, value)| match value {
            AttrValue::Str(it) => format!("{key} = {it:?}"),
            AttrValue::Bool(it) => format!("{key} = {it}"),
            AttrValue::Int(it) => format!("{key} = {it}"),
            AttrValue::Double(it) => format!("{key} = {it:?}"),
            AttrValue::Strs(it) => format!("{key} = {it:?}"),
        })
        .collect();
    lines.join("\n")
}

fn span<'a>(session: &'a SessionTrace, name: &str) -> &'a SpanDraft {
    session
        .spans
        .iter()
        .find(|span| span.name == name)
        .expect("a span of that name")
}

fn session(fixture: &str) -> SessionTrace {
    only(convert(fixture, &Options::default()))
}

/// The root says what the session was; the totals stand beside it.
#[test]
fn a_session_knows_its_totals() {
    let session = session("event-store.jsonl");
    let root = session.root;
    assert_eq!((root.kind, root.status), (SpanKind::Internal, Status::Ok));
    assert_snapshot!(text(&root.attributes), @r#"
    gen_ai.operation.name = "invoke_agent"
    user.id = "user-3"
    "#);
    assert_eq!(session.conversation_id.as_deref(), Some("conv-7"));
    let usage = Usage {
        input: Some(355),
        output: Some(61),
        cache_read: Some(48),
        ..Usage::default()
    };
    let totals = Totals {
        spans: 12,
        llm_calls: 3,
        tool_calls: 2,
        errors: 1,
        usage,
        cost: Some(0.00074),
    };
    assert_eq!(session.totals, totals);
}

/// Calls of models other than chats count as calls of models, with what they used.
#[test]
fn every_call_of_a_model_counts() {
    let totals = session("multi-agent.json").totals;
    assert_eq!((totals.llm_calls, totals.tool_calls), (4, 2));
    let calls = [
        "embeddings text-embedding-3-small",
        "generate_content imagen-4",
    ];
    let session = session("multi-agent.json");
    let cost: f64 = session.spans.iter().filter_map(|span| span.cost).sum();
    assert_eq!(totals.cost, Some(cost));
    for call in calls {
        let call = span(&session, call);
        assert!(call.cost.is_some() || call.usage != Usage::default());
    }
}

/// Where no call told its tokens, those of its pipeline count; where one did, they do not.
#[test]
fn pipelines_stand_in_for_silent_calls() {
    let recording = |call: &str| {
        let event = |seq: u8, type_name: &str, data: &str| {
            format!(
                r#"{{"seq":{seq},"event":{{"type":"{type_name}","timestamp":"2026-03-14T09:26:5{seq}Z","session_id":"s","execution_id":"r","data":{data}}}}}"#
            )
        };
        let lines = [
            event(1, "pipeline.started", "{}"),
            event(2, "provider.call.completed", call),
            event(
                3,
                "pipeline.completed",
                r#"{"InputTokens":10,"OutputTokens":5,"TotalCost":0.5}"#,
            ),
        ];
        only(convert_text(&lines.join("\n")))
    };
    let silent = recording(r#"{"Provider":"openai","Model":"m"}"#);
    let expected = Usage {
        input: Some(10),
        output: Some(5),
        ..Usage::default()
    };
    assert_eq!(
        (silent.totals.usage, silent.totals.cost),
        (expected, Some(0.5))
    );
    let pipeline = span(&silent, "pipeline");
    assert_eq!(pipeline.usage, expected);
    assert_eq!(
        pipeline.attribute("gen_ai.usage.input_tokens"),
        Some(&AttrValue::Int(10))
    );

    let told = recording(r#"{"Provider":"openai","Model":"m","InputTokens":7,"OutputTokens":2}"#);
    assert_eq!(
        (told.totals.usage.input, told.totals.cost),
        (Some(7), Some(0.5))
    );
    let pipeline = span(&told, "pipeline");
    assert_eq!(
        (pipeline.usage, pipeline.cost),
        (Usage::default(), Some(0.5))
    );
    assert_eq!(pipeline.attribute("gen_ai.usage.input_tokens"), None);
}

/// A model call has the attributes of the GenAI conventions, with the provider's well-known name.
#[test]
fn a_model_call_follows_the_conventions() {
    let session = session("event-store.jsonl");
    let call = span(&session, "chat gpt-4o");
    assert_eq!(
        (call.kind, &call.status),
        (SpanKind::Client, &Status::Unset)
    );
    assert_snapshot!(text(&call.attributes), @r#"
    gen_ai.operation.name = "chat"
    promptkit.provider.name = "openai-main"
    gen_ai.provider.name = "openai"
    gen_ai.request.model = "gpt-4o"
    promptkit.provider.source = "agent"
    promptkit.message.count = 2
    promptkit.tool.count = 2
    promptkit.label.team = "support"
    promptkit.tool_call.count = 2
    gen_ai.response.finish_reasons = ["tool_calls"]
    gen_ai.usage.input_tokens = 48
    gen_ai.usage.output_tokens = 31
    gen_ai.usage.cost = 0.00043
    promptkit.run.id = "run-1"
    "#);
}

/// A tool of an MCP server is an extension; its call has no content by default.
#[test]
fn a_tool_call_follows_the_conventions() {
    let session = session("event-store.jsonl");
    let call = span(&session, "execute_tool mcp__meteo__weather");
    assert_eq!(call.kind, SpanKind::Internal);
    assert_snapshot!(text(&call.attributes), @r#"
    gen_ai.operation.name = "execute_tool"
    gen_ai.tool.name = "mcp__meteo__weather"
    gen_ai.tool.type = "extension"
    gen_ai.tool.call.id = "call_oslo"
    promptkit.tool.status = "success"
    promptkit.run.id = "run-1"
    "#);
}

/// An evaluation is a span and a log record of the conventions, correlated.
#[test]
fn an_evaluation_is_a_span_and_a_log_record() {
    let session = session("event-store.jsonl");
    let eval = span(&session, "promptkit.eval.cites_source");
    assert_eq!(eval.start_ns, eval.end_ns);
    assert_eq!(eval.status, Status::Error(String::new()));
    let mut logs = session
        .logs
        .iter()
        .filter(|log| log.event_name == "gen_ai.evaluation.result");
    let log = logs
        .find(|log| log.span_id == eval.span_id)
        .expect("a log record");
    assert_snapshot!(text(&log.attributes), @r#"
    gen_ai.evaluation.name = "cites_source"
    gen_ai.evaluation.score.value = 0.0
    gen_ai.evaluation.score.label = "fail"
    error.type = "evaluation_failed"
    "#);
}

/// Failures without a text are failures, and tools that complete with a bad status failed.
#[test]
fn failures_are_never_shown_as_successes() {
    let session = session("failures.jsonl");
    let statuses: Vec<(&str, &Status)> = session
        .spans
        .iter()
        .filter(|span| span.attribute("error.type").is_some())
        .map(|span| (span.name.as_str(), &span.status))
        .collect();
    let error = |message: &str| Status::Error(message.to_owned());
    let (silent, failed, late) = (
        error(""),
        error("status failed"),
        error("post: context deadline exceeded"),
    );
    let expected = [
        ("pipeline", &silent),
        ("execute_tool deploy", &failed),
        ("execute_tool deploy", &silent),
        ("chat gpt-4o", &late),
        ("promptkit.eval.max_length", &silent),
    ];
    assert_eq!(statuses, expected);
    assert_eq!(session.totals.errors, 5);
}

/// Parallel calls to one provider are told apart by what they took, and have ids of their own.
#[test]
fn parallel_calls_find_their_own_ends() {
    let session = session("failures.jsonl");
    let calls: Vec<_> = session
        .spans
        .iter()
        .filter(|span| span.name == "chat gpt-4o")
        .collect();
    let reason = |call: usize| {
        calls[call]
            .attribute("gen_ai.response.finish_reasons")
            .cloned()
    };
    assert_eq!(reason(0), Some(AttrValue::Strs(vec!["length".to_owned()])));
    assert_eq!(reason(1), Some(AttrValue::Strs(vec!["stop".to_owned()])));
    assert_ne!(calls[0].span_id, calls[1].span_id);
}

/// What was never reported is absent: no tokens, no cost, and no totals of them.
#[test]
fn unknown_is_absent_and_never_zero() {
    let session = session("failures.jsonl");
    let call = span(&session, "chat gpt-4o-mini");
    assert!(
        call.attributes
            .iter()
            .all(|(key, _)| !key.starts_with("gen_ai.usage"))
    );
    let session = only(convert_text(
        r#"{"seq":1,"event":{"type":"state.saved","timestamp":"2026-03-14T09:26:53Z","session_id":"s","data":{"MessageCount":0}}}"#,
    ));
    assert_eq!(
        (session.totals.usage, session.totals.cost),
        (Usage::default(), None)
    );
    assert_eq!(session.root.status, Status::Unset);
}

/// A call without an end is exported to the end of its session, marked.
#[test]
fn unfinished_calls_are_marked() {
    let session = session("failures.jsonl");
    let open: Vec<_> = session
        .spans
        .iter()
        .filter(|span| span.incomplete)
        .collect();
    assert_eq!(open.len(), 3);
    for span in open {
        assert_eq!(
            span.attribute("spanreel.incomplete"),
            Some(&AttrValue::Bool(true))
        );
        assert_eq!(span.end_ns, session.root.end_ns);
    }
}

/// A client's part of a tool call is no second tool call; alone, it is the tool call.
#[test]
fn client_tools_are_counted_once() {
    let line = |seq: u32, type_name: &str| {
        format!(
            r#"{{"seq":{seq},"event":{{"type":"{type_name}","timestamp":"2026-03-14T09:26:5{seq}Z","session_id":"s","execution_id":"r","data":{{"call_id":"c","tool_name":"camera","status":"fulfilled"}}}}}}"#
        )
    };
    let client = [
        line(2, "tool.client.request"),
        line(3, "tool.client.resolved"),
    ]
    .join("\n");
    let alone = only(convert_text(&client));
    assert_eq!(alone.totals.tool_calls, 1);
    assert_eq!(alone.spans[0].name, "execute_tool camera");
    let server = [line(1, "tool.call.started"), line(4, "tool.call.completed")].join("\n");
    let both = only(convert_text(&format!("{server}\n{client}")));
    assert_eq!(both.totals.tool_calls, 1);
    let names: Vec<_> = both.spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(
        names,
        ["execute_tool camera", "promptkit.tool.client.camera"]
    );
}

/// A second attempt at a tool call is linked to the first.
#[test]
fn attempts_are_linked() {
    let line = |seq: u32, type_name: &str| {
        format!(
            r#"{{"seq":{seq},"event":{{"type":"{type_name}","timestamp":"2026-03-14T09:26:5{seq}Z","session_id":"s","data":{{"CallID":"c","ToolName":"t","Error":{{}}}}}}}}"#
        )
    };
    let types = [
        "tool.call.started",
        "tool.call.failed",
        "tool.call.started",
        "tool.call.failed",
    ];
    let lines: Vec<String> = (1..).zip(types).map(|(seq, it)| line(seq, it)).collect();
    let session = only(convert_text(&lines.join("\n")));
    assert_eq!(session.spans.len(), 2);
    assert_eq!(session.spans[0].links, []);
    assert_eq!(session.spans[1].links[0].span_id, session.spans[0].span_id);
}

/// Log records keep their type, hang on the span during which they happened, and warn of limits.
#[test]
fn log_records_are_correlated() {
    let session = session("event-store.jsonl");
    let built = session
        .logs
        .iter()
        .find(|log| log.event_name == "context.built")
        .expect("a log");
    assert_eq!(
        built.span_id,
        span(&session, "promptkit.stage.provider").span_id
    );
    assert_eq!(built.severity, Severity::Info);
    let times: Vec<u64> = session.logs.iter().map(|log| log.time_ns).collect();
    assert!(times.is_sorted());
    assert!(session.logs.iter().all(|log| log.body.is_none()));
}

/// Every parent is a span of the same session, and a chain of parents ends at the root.
#[test]
fn every_span_hangs_under_the_root() {
    for fixture in super::FIXTURES {
        for session in convert(fixture, &Options::default()).sessions {
            super::properties::assert_is_a_tree(&session);
        }
    }
}

/// Events of calls of one model, each of a sequence number, a time in ms, a phase and a duration.
fn model_calls(events: &[(u32, u32, &str, u32)]) -> Vec<(u64, bool)> {
    let line = |&(seq, ms, phase, took): &(u32, u32, &str, u32)| {
        format!(
            r#"{{"seq":{seq},"event":{{"type":"provider.call.{phase}","timestamp":"2026-03-14T09:26:53.{ms:03}Z","session_id":"s","run_id":"r","data":{{"Provider":"openai","Model":"m","Duration":{}}}}}}}"#,
            took * 1_000_000
        )
    };
    let lines: Vec<String> = events.iter().map(line).collect();
    let session = only(convert_text(&lines.join("\n")));
    let calls = session.spans.iter();
    calls
        .map(|call| ((call.end_ns - call.start_ns) / 1_000_000, call.incomplete))
        .collect()
}

/// An end whose start was lost is a call of its own, and leaves a later start alone.
#[test]
fn a_lost_start_takes_no_other_call_with_it() {
    let calls = model_calls(&[
        (5, 100, "completed", 90),
        (6, 200, "started", 0),
        (9, 300, "failed", 0),
    ]);
    assert_eq!(calls, [(90, false), (100, false)]);
    let calls = model_calls(&[(5, 100, "completed", 90), (6, 200, "started", 0)]);
    assert_eq!(calls, [(90, false), (0, true)]);
}

/// A clock that jumps back costs a call its length, not its end.
#[test]
fn a_clock_that_jumps_back_separates_no_call() {
    let calls = model_calls(&[(5, 200, "started", 0), (6, 100, "completed", 0)]);
    assert_eq!(calls, [(0, false)]);
}
