//! What `spanreel convert` reads besides PromptKit, and what it writes.

use std::path::{Path, PathBuf};

use insta::assert_snapshot;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::Value;

use super::collector::Collector;
use super::{Run, run, run_with};

/// All fixtures in other formats than PromptKit's.
const FORMATS: [&str; 4] = [
    "agentops-spans.json",
    "agentops.json",
    "agentops.jsonl",
    "otlp.jsonl",
];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/formats")
        .join(name)
}

fn convert(path: &Path, options: &[&str]) -> Run {
    let args = ["convert".as_ref(), path.as_os_str()];
    run(args.into_iter().chain(options.iter().map(AsRef::as_ref)))
}

/// A request as lines have it, which say that a status is unset where nothing was said.
fn with_status(mut request: ExportTraceServiceRequest) -> ExportTraceServiceRequest {
    let groups = request.resource_spans.iter_mut();
    let scopes = groups.flat_map(|group| &mut group.scope_spans);
    for span in scopes.flat_map(|scope| &mut scope.spans) {
        span.status.get_or_insert_default();
    }
    request
}

/// The requests of spans in lines of OTLP JSON.
fn requests(lines: &str) -> Vec<ExportTraceServiceRequest> {
    let spans = lines
        .lines()
        .filter(|line| line.starts_with("{\"resourceSpans\""));
    spans
        .map(|line| serde_json::from_str(line).expect("OTLP JSON"))
        .collect()
}

fn spans(lines: &str) -> Vec<Span> {
    let groups = requests(lines).into_iter().flat_map(|it| it.resource_spans);
    groups
        .flat_map(|it| it.scope_spans)
        .flat_map(|it| it.spans)
        .collect()
}

fn get<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Any> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    found.value.as_ref()?.value.as_ref()
}

/// Events of AgentOps read as trees: calls, tools, actions, and errors at what failed.
#[test]
fn events_of_agentops_read_as_trees() {
    let run = convert(&fixture("agentops.jsonl"), &[]).fine();
    assert_snapshot!(run.stdout, @r"
    session ao-1  success  9.50s
    llm calls 2  tool calls 1  errors 1  tokens 36 in / 16 out  cost $0.0021
    agent                                                                    9.50s  ━━━━━━━━━━━━━━━━━━━━
    ├─ llm gpt-4o                                 31 in / 12 out  $0.0021    1.25s    ━━
    ├─ tool find_table                                                       600ms      ━━
    ├─ span reserve                                                          100ms        ━
    ├─ call api                                                              200ms          ━
    │    ! HTTPError: upstream is down
    └─ llm gpt-4o-mini                                       5 in / 4 out    1.00s            ━━

    session ao-2  ended  0ns
    llm calls 1  tool calls 0  errors 0
    agent                                                                      0ns
    └─ llm o1                                                                  0ns
    ");
    let report = run.stderr.split_once("agentops.jsonl").expect("a name").1;
    assert_snapshot!(report, @r"
    : 12 lines, 9 events, 2 sessions: 8 spans and 1 log record
      3 lines skipped
        line 10: the JSON ends too early
        line 11: no event type
        line 11: no event type
      1 event of unknown type: dreams (1)
      1 event recorded twice, used once
    ");
    let document = convert(&fixture("agentops.json"), &[]).fine();
    assert!(
        document.stdout.contains("! ValueError: no such place"),
        "{document:?}"
    );
}

/// What prompts and tools of AgentOps said is taken in on demand alone.
#[test]
fn content_of_agentops_is_off_unless_asked_for() {
    let path = fixture("agentops.jsonl");
    let without = convert(&path, &["--to", "otlp-jsonl"]).fine().stdout;
    let with = convert(&path, &["--to", "otlp-jsonl", "--content"])
        .fine()
        .stdout;
    for said in ["Which table is free", "SECRET-9", "It is done", "seats"] {
        assert!(!without.contains(said), "{said}");
        assert!(with.contains(said), "{said}");
    }
    let service = |name| format!(r#"{{"stringValue":"{name}"}}"#);
    assert!(without.contains(&service("agentops")) && !without.contains(&service("promptkit")));
    let named = convert(&path, &["--to", "otlp-jsonl", "--service", "inn"]).fine();
    assert!(named.stdout.contains(&service("inn")) && !named.stdout.contains(&service("agentops")));
}

/// Spans of AgentOps show what they were, whatever their attributes are called.
#[test]
fn spans_of_agentops_read_as_trees() {
    let run = convert(&fixture("agentops-spans.json"), &[]).fine();
    assert_snapshot!(run.stdout, @r"
    session 0af7651916cd43dd8448eb211c80319c  agent concierge  success  5.00s
    llm calls 1  tool calls 1  errors 1  tokens 31 in / 12 out / 8 cached / 3 reasoning  cost $0.0021
    agent booking.session                                                    5.00s  ━━━━━━━━━━━━━━━━━━━━
    └─ agent concierge.agent                                       999 in    4.89s  ━━━━━━━━━━━━━━━━━━━
       ├─ llm openai.chat.completion              31 in / 12 out  $0.0021    1.50s  ━━━━━━
       └─ tool find_table.tool                                               600ms        ━━━
            ! =HYPERLINK(1)
    ");
}

/// OTLP passes as it is: every request comes out equal, in order.
#[test]
fn otlp_passes_unchanged() {
    for name in ["otlp.jsonl", "agentops-spans.json"] {
        let text = std::fs::read_to_string(fixture(name)).expect("a fixture");
        let given: Vec<ExportTraceServiceRequest> = match name {
            "otlp.jsonl" => {
                let lines = text.lines();
                let lines = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
                let whole = lines.filter(|line| line["resourceSpans"][0]["resource"].is_object());
                whole
                    .map(|line| serde_json::from_value(line).expect("OTLP"))
                    .collect()
            }
            _ => vec![serde_json::from_str(&text).expect("OTLP")],
        };
        assert!(!given.is_empty());
        let given: Vec<_> = given.into_iter().map(with_status).collect();
        let run = convert(&fixture(name), &["--to", "otlp-jsonl"]).fine();
        assert_eq!(requests(&run.stdout), given, "{name}");
    }
    let run = convert(&fixture("otlp.jsonl"), &["--to", "otlp-jsonl"]).fine();
    assert_eq!(run.stdout.lines().count(), 3);
    assert!(
        run.stdout
            .lines()
            .nth(1)
            .expect("a log")
            .starts_with("{\"resourceLogs\"")
    );
}

/// What cannot be read of OTLP is told line by line, and the rest is used.
#[test]
fn malformed_lines_of_otlp_are_told() {
    let run = convert(&fixture("otlp.jsonl"), &[]).fine();
    let report = run.stderr.split_once("otlp.jsonl").expect("a name").1;
    assert_snapshot!(report, @r"
    : 8 lines, 3 requests, 2 sessions: 4 spans and 1 log record
      4 lines skipped
        line 4: not an OTLP export request: resourceSpans[0].scopeSpans[0].spans[0].traceId: must be 32 hexadecimal digits at column 58
        line 5: the JSON ends too early
        line 6: no OTLP request: neither resourceSpans nor resourceLogs
        line 7: metrics belong to no session and are not converted
    ");
    let strict = convert(&fixture("otlp.jsonl"), &["--strict"]);
    assert_eq!(strict.code, Some(1));
    assert!(
        strict.stderr.contains("line 4 cannot be used"),
        "{strict:?}"
    );
}

/// Protobuf is read alone, behind varints and behind four bytes, and what is written as protobuf is read
/// again as what it was.
#[test]
fn protobuf_is_read_in_all_framings() {
    let lines = convert(&fixture("otlp.jsonl"), &["--to", "otlp-jsonl"])
        .fine()
        .stdout;
    let requests = requests(&lines);
    let bare: Vec<u8> = requests.iter().flat_map(|it| it.encode_to_vec()).collect();
    let varints: Vec<u8> = requests
        .iter()
        .flat_map(|it| it.encode_length_delimited_to_vec())
        .collect();
    let four_bytes: Vec<u8> = requests
        .iter()
        .flat_map(|it| {
            [
                &(it.encoded_len() as u32).to_be_bytes()[..],
                &it.encode_to_vec(),
            ]
            .concat()
        })
        .collect();
    let args = ["convert", "-", "--to", "otlp-jsonl"];
    for (file, count) in [
        (&bare, "2 messages"),
        (&varints, "2 messages"),
        (&four_bytes, "2 messages"),
    ] {
        let run = run_with(file, &args).fine();
        assert_eq!(spans(&run.stdout), spans(&lines));
        assert!(run.stderr.contains(count), "{run:?}");
    }

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("all.pb");
    let out = path.to_str().expect("text");
    convert(
        &fixture("otlp.jsonl"),
        &["--to", "otlp-proto", "--out", out],
    )
    .fine();
    let again = convert(&path, &["--to", "otlp-jsonl"]).fine();
    assert_eq!(again.stdout, lines);

    let mut torn = varints.clone();
    torn.truncate(varints.len() - 10);
    let run = run_with(&torn, &args).fine();
    assert!(
        run.stderr.contains("message 2: the message ends too early"),
        "{run:?}"
    );
    let forced = run_with(
        b"\xff\xff no protobuf at all",
        &["convert", "-", "--from", "otlp-proto"],
    );
    assert_eq!(forced.code, Some(1));
    assert!(forced.stderr.contains("is not a recording"), "{forced:?}");
}

/// With `--rewrite` attributes have the names of today, and without it those that they had.
#[test]
fn names_are_rewritten_on_demand() {
    let path = fixture("agentops-spans.json");
    let plain = spans(&convert(&path, &["--to", "otlp-jsonl"]).fine().stdout);
    let rewritten = spans(
        &convert(&path, &["--to", "otlp-jsonl", "--rewrite"])
            .fine()
            .stdout,
    );
    let [_, _, before, _] = &plain[..] else {
        panic!("{plain:?}")
    };
    assert!(get(&before.attributes, "gen_ai.prompt.0.content").is_some());
    let [session, agent, call, tool] = &rewritten[..] else {
        panic!("{rewritten:?}")
    };
    let text = |text: &str| Some(Any::StringValue(text.to_owned()));
    for (span, key, value) in [
        (session, "gen_ai.operation.name", text("invoke_agent")),
        (session, "spanreel.session.end_state", text("success")),
        (agent, "gen_ai.agent.name", text("concierge")),
        (call, "gen_ai.operation.name", text("chat")),
        (call, "gen_ai.provider.name", text("openai")),
        (call, "gen_ai.usage.input_tokens", Some(Any::IntValue(31))),
        (call, "gen_ai.usage.cost", Some(Any::DoubleValue(0.0021))),
        (
            call,
            "gen_ai.usage.reasoning.output_tokens",
            Some(Any::IntValue(3)),
        ),
        (call, "gen_ai.prompt.0.content", None),
        (tool, "gen_ai.tool.name", text("find_table")),
        (tool, "tool.status", text("succeeded")),
    ] {
        assert_eq!(get(&span.attributes, key), value.as_ref(), "{key}");
    }
    let Some(Any::StringValue(messages)) = get(&call.attributes, "gen_ai.input.messages") else {
        panic!("{call:?}")
    };
    let messages: Value = serde_json::from_str(messages).expect("JSON");
    let said = serde_json::json!({"type": "text", "content": "Which table is free?"});
    assert_eq!(
        messages,
        serde_json::json!([{"role": "user", "parts": [said]}])
    );
    let ids =
        |spans: &[Span]| -> Vec<Vec<u8>> { spans.iter().map(|it| it.span_id.clone()).collect() };
    assert_eq!(ids(&plain), ids(&rewritten));
}

/// `--parent` moves all spans to its trace, hangs roots under its span, and takes links within along.
#[test]
fn traces_are_continued() {
    let path = fixture("otlp.jsonl");
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let plain = spans(&convert(&path, &["--to", "otlp-jsonl"]).fine().stdout);
    let moved = spans(
        &convert(&path, &["--to", "otlp-jsonl", "--parent", parent])
            .fine()
            .stdout,
    );
    assert_eq!((plain.len(), moved.len()), (4, 4));
    let trace_id = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes();
    for (plain, moved) in plain.iter().zip(&moved) {
        assert_eq!(moved.trace_id, trace_id);
        assert_eq!(moved.span_id, plain.span_id);
        if plain.parent_span_id.is_empty() {
            assert_eq!(
                moved.parent_span_id,
                0xb7ad_6b71_6920_3331_u64.to_be_bytes()
            );
        } else {
            assert_eq!(moved.parent_span_id, plain.parent_span_id);
            assert_eq!(moved.links[0].trace_id, trace_id);
            assert_eq!(moved.links[1].trace_id, [0x11; 16]);
        }
    }
}

/// Zipkin is one JSON list of all spans.
#[test]
fn zipkin_is_one_list() {
    let run = convert(&fixture("otlp.jsonl"), &["--to", "zipkin"]).fine();
    let list: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let ids: Vec<_> = (list.as_array().expect("a list").iter())
        .map(|span| span["id"].as_str().expect("an id"))
        .collect();
    assert_eq!(
        ids,
        [
            "0000000000000011",
            "0000000000000012",
            "0000000000000021",
            "0000000000000022"
        ]
    );
    let empty = run_with(
        b"{\"resourceLogs\":[]}",
        &["convert", "-", "--to", "zipkin"],
    )
    .fine();
    assert_eq!(empty.stdout, "[]\n");
}

/// A table has a row for each session, and no cell of it is a formula.
#[test]
fn tables_have_a_row_for_each_session() {
    let run = convert(&fixture("otlp.jsonl"), &["--to", "csv"]).fine();
    assert_eq!(
        run.stdout,
        "session_id,trace_id,agent,user,start,duration_ms,spans,llm_calls,tool_calls,errors,\
         input_tokens,output_tokens,cached_tokens,reasoning_tokens,cost,state\r\n\
         shop-1,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1,,'=1+1,2024-06-01T10:01:41Z,1000,2,1,0,0,11,5,,,0.5,success\r\n\
         \"shop-2, \"\"two\"\"\",bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb2,,u-2,2024-06-01T10:01:42Z,1000,2,1,0,0,12,5,,,0.5,success\r\n"
    );
}

/// Every form of every format is the same bytes each time, on standard output and in a file.
#[test]
fn every_form_is_the_same_each_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("out");
    let out = path.to_str().expect("text");
    let directory = fixture("");
    for form in ["otlp-jsonl", "otlp-proto", "zipkin", "tree", "csv"] {
        for more in [&[][..], &["--rewrite", "--content"]] {
            let written = || {
                let options = [&["--to", form, "--out", out, "--quiet"], more].concat();
                let run = convert(&directory, &options).fine();
                assert_eq!(
                    (run.stdout.as_str(), run.stderr.as_str()),
                    ("", ""),
                    "{form}"
                );
                std::fs::read(&path).expect("a file")
            };
            let first = written();
            assert!(first.len() > 500, "{form}");
            assert!(first == written(), "{form} {more:?}");
        }
    }
    let printed = convert(&directory, &["--to", "csv"]).fine();
    assert_eq!(printed.stdout, {
        convert(&directory, &["--to", "csv", "--out", out, "--quiet"]).fine();
        std::fs::read_to_string(&path).expect("a file")
    });
}

/// An export of OTLP arrives as it was, and a second one brings the same spans again.
#[tokio::test]
async fn a_second_export_is_the_same() {
    let collector = Collector::default();
    let url = format!("grpc://{}", collector.listen().await);
    let export = || {
        let url = url.clone();
        tokio::task::spawn_blocking(move || convert(&fixture(""), &["--export", &url, "--quiet"]))
    };
    let ids = || {
        let spans = collector.spans().into_iter();
        let mut ids: Vec<_> = spans
            .map(|it| (it.trace_id, it.span_id, it.parent_span_id))
            .collect();
        ids.sort();
        ids
    };
    export().await.expect("no panic").fine();
    let first = ids();
    assert_eq!((first.len(), collector.logs().len()), (18, 3));
    export().await.expect("no panic").fine();
    let mut both = ids();
    both.dedup();
    assert_eq!(both, first);
}

/// The examples of the specification are read, and come out as they were.
#[test]
fn the_examples_of_the_specification_pass() {
    #[expect(clippy::disallowed_methods, reason = "says where data for tests is")]
    let Some(folder) = std::env::var_os("SPANREEL_TEST_DATA") else {
        eprintln!("SKIPPED the_examples_of_the_specification_pass: SPANREEL_TEST_DATA is not set");
        return;
    };
    let folder = PathBuf::from(folder).join("otlp");
    let text = std::fs::read_to_string(folder.join("trace.json")).expect("an example");
    let given: ExportTraceServiceRequest = serde_json::from_str(&text).expect("OTLP");
    let run = convert(&folder.join("trace.json"), &["--to", "otlp-jsonl"]).fine();
    assert_eq!(requests(&run.stdout), [with_status(given)]);
    for (name, items) in [
        ("logs.json", "1 log record"),
        ("events.json", "1 log record"),
    ] {
        let run = convert(&folder.join(name), &[]).fine();
        assert!(run.stderr.contains(items), "{run:?}");
    }
    let metrics = convert(&folder.join("metrics.json"), &[]);
    assert_eq!(metrics.code, Some(1));
    assert!(
        metrics.stderr.contains("metrics belong to no session"),
        "{metrics:?}"
    );
}

/// Every fixture is of the format that it is told to be, also when that is forced.
#[test]
fn formats_are_told_by_content() {
    for (name, format) in FORMATS
        .iter()
        .zip(["otlp-json", "agentops", "agentops", "otlp-json"])
    {
        for more in [&[][..], &["--from", format]] {
            let options = [&["--json"], more].concat();
            let run = convert(&fixture(name), &options).fine();
            assert_eq!(run.json()["files"][0]["format"], format, "{name}");
        }
    }
}
