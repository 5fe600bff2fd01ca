//! Where the session goes, and what the command is told.

use crate::collector::Collector;
use crate::server::{Server, spanreel};
use crate::{run, said, totals};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// A running `serve` is found and used, by its port for HTTP and by that for gRPC.
#[test]
fn a_running_serve_is_found() {
    let server = Server::start(&[]);
    let urls = [
        format!("http://{}", server.http()),
        format!("grpc://{}", server.grpc()),
    ];
    for url in &urls {
        let found = said(run(&["--json", "--serve", url], &["true"]));
        assert_eq!(found.code, Some(0), "{}", found.err);
        assert_eq!(totals(&found)["forwarded_to"][0], url.as_str());
        let other = said(run(&["--json", "--no-forward", "--serve", url], &["true"]));
        assert_eq!(totals(&other)["forwarded_to"], serde_json::json!([]));
    }
    let ended = server.stop();
    assert!(ended.report.contains("2 spans received"), "{ended:?}");
}

/// Where the environment names a receiver, that one gets the session, with the keys that it needs; the
/// command gets neither.
#[tokio::test(flavor = "multi_thread")]
async fn the_receiver_of_the_environment_gets_the_session() {
    let collector = Collector::default();
    let url = format!("http://{}", collector.listen().await);
    let mut command = run(&["--json"], &["env"]);
    command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &url)
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        .env("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=s3cret")
        .env("OTEL_RESOURCE_ATTRIBUTES", "team=blue")
        .env("OTEL_SERVICE_NAME", "mine")
        .env("OTEL_SDK_DISABLED", "true");
    let said = said(command);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let spans = collector.spans();
    assert_eq!(spans.len(), 1);
    let keys = spans[0].attributes.iter().map(|it| &*it.key);
    let own: Vec<_> = keys
        .filter(|key| key.starts_with("spanreel.session."))
        .collect();
    assert_eq!(
        own,
        ["spanreel.session.end_state"],
        "no totals of what others record"
    );
    assert_eq!(collector.tenants(), ["s3cret"]);
    let has = |line: &str| said.out.lines().any(|it| it.starts_with(line));
    assert!(!said.out.contains("s3cret") && !said.err.contains("s3cret"));
    assert!(
        !said.out.contains(&url) && !has("OTEL_SDK_DISABLED"),
        "{}",
        said.out
    );
    let resource = format!(
        "OTEL_RESOURCE_ATTRIBUTES=team=blue,session.id={}",
        totals(&said)["session_id"].as_str().expect("an id")
    );
    for line in [
        "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:",
        "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
        "OTEL_TRACES_EXPORTER=otlp",
        "OTEL_LOGS_EXPORTER=otlp",
        "OTEL_METRICS_EXPORTER=otlp",
        "OTEL_SERVICE_NAME=mine",
        "TRACELOOP_BASE_URL=http://127.0.0.1:",
        "AGENTOPS_EXPORTER_ENDPOINT=http://127.0.0.1:",
        &resource,
    ] {
        assert!(has(line), "no {line} in\n{}", said.out);
    }
    assert!(!has("CLAUDE_CODE_ENABLE_TELEMETRY"), "not asked for");
}

/// The trace and the baggage that it is started in go on in the command.
#[test]
fn the_trace_goes_on_in_the_command() {
    let mut command = run(&["--json", "--no-forward", "--coding-agent"], &["env"]);
    command
        .env("TRACEPARENT", PARENT)
        .env("BAGGAGE", "tenant=blue");
    let said = said(command);
    assert_eq!(totals(&said)["trace_id"], &PARENT[3..35]);
    let lines: Vec<&str> = said.out.lines().collect();
    let parent = lines.iter().find_map(|it| it.strip_prefix("TRACEPARENT="));
    let parent = parent.expect("a parent");
    assert!(
        parent.starts_with(&PARENT[..36]) && parent != PARENT,
        "{parent}"
    );
    for line in ["BAGGAGE=tenant=blue", "CLAUDE_CODE_ENABLE_TELEMETRY=1"] {
        assert!(lines.contains(&line), "no {line} in\n{}", said.out);
    }
}

/// One run within another is a part of its session.
#[test]
fn a_run_within_a_run_is_a_part_of_it() {
    let inner = spanreel();
    let inner = inner.get_program().to_str().expect("text");
    let command = [inner, "run", "--quiet", "--", "sh", "-c", "exit 5"];
    let said = said(run(&["--no-forward", "--session", "outer"], &command));
    assert_eq!(said.code, Some(5), "{}", said.err);
    let root = said.err.find("span spanreel").expect("the outer root");
    let below = said.err.find(" sh ").expect("the inner root");
    assert!(
        root < below && said.err.contains("received 1 span,"),
        "{}",
        said.err
    );
    assert_eq!(said.err.matches("session outer").count(), 1, "{}", said.err);
}

/// A receiver that is not there costs its share of the patience, never the command.
#[test]
fn a_dead_receiver_does_not_fail_the_command() {
    let options = ["--export", "http://127.0.0.1:9", "--patience", "300ms"];
    let said = said(run(&options, &["sh", "-c", "echo done; exit 4"]));
    assert_eq!((said.code, said.out.as_str()), (Some(4), "done\n"));
    assert!(said.err.contains("1 lost"), "{}", said.err);
}
