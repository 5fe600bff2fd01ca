//! What is sent to the command arrives where it forwards to, and senders are told the truth.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use spanreel::{Otlp, Pipeline, Resource, Sampling};
use spanreel_cli::sink::{Sink, SinkConfig};
use tonic::Code;

use super::collector::Collector;
use super::server::{File, LONG, Server, request};

/// Spans with what they are below: in an order of their own.
fn sorted(groups: Vec<ResourceSpans>) -> Vec<(String, String, Span)> {
    let mut spans = Vec::new();
    for group in groups {
        for scope in group.scope_spans {
            for mut span in scope.spans {
                // JSON writes an empty status where protobuf leaves it out: the same in either.
                span.status.get_or_insert_default();
                spans.push((
                    format!("{:?}", group.resource),
                    format!("{:?}", scope.scope),
                    span,
                ));
            }
        }
    }
    spans.sort_by(|(.., one), (.., other)| one.span_id.cmp(&other.span_id));
    spans
}

/// What an agent does.
async fn work(pipeline: &Pipeline) {
    let session = pipeline
        .open_session("conv-1")
        .agent("planner")
        .user("u")
        .open()
        .expect("open");
    for number in 0..20 {
        let turn = session.child("turn").start();
        let mut chat = turn.chat("anthropic", "claude").start();
        chat.tokens(800 + number, 96);
        chat.end();
        turn.tool("search").call_id("call_1").start().end();
        turn.end();
    }
    session.log("said").emit();
    session.succeed();
    let report = pipeline.shutdown(LONG).await;
    assert!(report.is_lossless(), "{report}");
}

/// Whatever protocol a program speaks, the backend gets exactly what it would have got from the program
/// itself.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_forwarded_is_what_was_sent() {
    for protocol in ["grpc", "http", "json"] {
        let (through, direct) = (Collector::default(), Collector::default());
        let backend = format!("grpc://{}", through.listen().await);
        let server = Server::start(&["--export", &backend, "--batch-delay", "50ms"]);
        let here = match protocol {
            "grpc" => Otlp::grpc(format!("http://{}", server.grpc())),
            "http" => Otlp::http(format!("http://{}", server.http())).gzip(),
            _ => Otlp::http_json(format!("http://{}", server.http())),
        };
        let pipeline = Pipeline::builder()
            .resource(Resource::empty().service("agents"))
            .sampling(Sampling::always_on())
            .export(here)
            .export(Otlp::grpc(format!("http://{}", direct.listen().await)))
            .start()
            .expect("a pipeline");
        work(&pipeline).await;
        let ended = server.stop();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let (through_spans, direct_spans) = (sorted(through.groups()), sorted(direct.groups()));
        assert_eq!(direct_spans.len(), 61);
        for (there, here) in through_spans.iter().zip(&direct_spans) {
            assert_eq!(there, here, "{protocol}");
        }
        assert_eq!(through_spans.len(), direct_spans.len(), "{protocol}");
        assert_eq!(through.logs(), direct.logs(), "{protocol}");
        assert!(
            ended.report.contains("61 spans received: 61 handed"),
            "{ended:?}"
        );
        assert!(ended.report.contains("nothing was lost"), "{ended:?}");
    }
}

/// Each export gets everything, with its headers, whatever becomes of the others.
#[tokio::test(flavor = "multi_thread")]
async fn each_export_gets_everything() {
    let collector = Collector::default();
    let first = collector.listen().await;
    let sink = Sink::start(SinkConfig::default()).expect("a sink");
    let folder = tempfile::tempdir().expect("a folder");
    let lines = folder.path().join("traces.jsonl");
    let text = format!(
        "[[export]]\nurl = \"grpc://{first}\"\nheaders = {{ x-tenant = {{ env = \"TENANT\" }} }}\n\
         [[export]]\nurl = \"http://{}\"\ncompression = \"zstd\"\n[[export]]\nurl = \"file:{}\"\n",
        sink.addr(),
        lines.display(),
    );
    let file = File::new(&text);
    let mut command = super::server::spanreel();
    command
        .env("TENANT", "blue")
        .arg("serve")
        .args(super::server::ANY_PORT);
    command.args(["--config", file.name()]);
    let server = Server::of(command);
    let mut client = TraceServiceClient::connect(format!("http://{}", server.grpc()))
        .await
        .expect("it listens");
    client.export(request("s", 5)).await.expect("taken");
    let ended = server.stop();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(collector.spans().len(), 5);
    assert_eq!(collector.tenants(), ["blue"]);
    assert_eq!(sink.stop().spans, 5);
    let written = std::fs::read_to_string(&lines).expect("written");
    assert_eq!(written.matches("\"spanId\"").count(), 5, "{written}");
}

/// With `--ack delivered` a sender is told when the backend has it, and no sooner.
#[tokio::test(flavor = "multi_thread")]
async fn delivered_means_that_the_backend_has_it() {
    let collector = Collector::default();
    let backend = format!("grpc://{}", collector.listen().await);
    let server = Server::start(&[
        "--export",
        &backend,
        "--ack",
        "delivered",
        "--batch-delay",
        "10m",
    ]);
    let mut client = TraceServiceClient::connect(format!("http://{}", server.grpc()))
        .await
        .expect("it listens");
    for sent in 1..=5 {
        let answer = client.export(request("s", 3)).await.expect("delivered");
        assert_eq!(answer.into_inner().partial_success, None);
        assert_eq!(collector.spans().len(), 3 * sent);
    }
    assert_eq!(server.stop().code, Some(0));
}

/// With `--ack delivered` a sender is told what the backend refused for good, so as not to send it again,
/// and what could not be delivered, so as to send it again.
#[tokio::test(flavor = "multi_thread")]
async fn senders_are_told_what_was_not_delivered() {
    let refusing = Collector::refusing();
    let backend = format!("grpc://{}", refusing.listen().await);
    let server = Server::start(&["--export", &backend, "--ack", "delivered"]);
    let mut client = TraceServiceClient::connect(format!("http://{}", server.grpc()))
        .await
        .expect("it listens");
    let answer = client
        .export(request("s", 3))
        .await
        .expect("an answer")
        .into_inner();
    assert_eq!(answer.partial_success.expect("a part").rejected_spans, 3);
    assert_eq!(server.stop().code, Some(4), "what was refused is lost");

    let file = File::new(
        "ack = \"delivered\"\n[[export]]\nurl = \"grpc://127.0.0.1:9\"\nretry-for = \"100ms\"\n",
    );
    let server = Server::start(&["--config", file.name()]);
    let mut client = TraceServiceClient::connect(format!("http://{}", server.grpc()))
        .await
        .expect("it listens");
    let refused = client
        .export(request("s", 3))
        .await
        .expect_err("not delivered");
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
}

/// Without an export telemetry is received, counted and shown, and it is said that it goes nowhere.
#[tokio::test(flavor = "multi_thread")]
async fn without_an_export_it_counts_and_shows() {
    let mut server = Server::start(&["--status-every", "100ms"]);
    assert!(server.banner.contains("nowhere"), "{}", server.banner);
    let mut client = TraceServiceClient::connect(format!("http://{}", server.grpc()))
        .await
        .expect("it listens");
    client.export(request("s", 7)).await.expect("taken");
    server.wait_for("sessions 1 live / 1 | spans 7 | tokens 0 | cost $0.00 | errors 0");
    let ended = server.stop();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.report.contains("7 spans received"), "{ended:?}");
}

/// A client must show the token where there is one; without one, other machines are not let in at all.
#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_asked_for() {
    let mut command = super::server::spanreel();
    command
        .env("SPANREEL_TOKEN", "abc")
        .arg("serve")
        .args(super::server::ANY_PORT);
    command.args(["--otlp-grpc", "0.0.0.0:0"]);
    // The later one of an option counts, as with most programs.
    let output = command.output().expect("it runs");
    assert_eq!(output.status.code(), Some(2), "an option is given once");

    let mut command = super::server::spanreel();
    command.env("SPANREEL_TOKEN", "abc").args([
        "serve",
        "--otlp-http",
        "off",
        "--http",
        "127.0.0.1:0",
    ]);
    command.args(["--otlp-grpc", "0.0.0.0:0"]);
    let server = Server::of(command);
    assert!(server.banner.contains("$TOKEN") && !server.banner.contains("abc"));
    let port = server.grpc().port();
    let mut client = TraceServiceClient::connect(format!("http://127.0.0.1:{port}"))
        .await
        .expect("it listens");
    let refused = client.export(request("s", 1)).await.expect_err("no token");
    assert_eq!(refused.code(), Code::Unauthenticated);
    let mut request = tonic::Request::new(request("s", 1));
    request
        .metadata_mut()
        .insert("authorization", "Bearer abc".parse().expect("a header"));
    client.export(request).await.expect("taken");
    assert_eq!(server.ask("/healthz").0, 200);
    assert_eq!(server.ask("/metrics").0, 401);
    let authorised =
        super::server::ask(server.operations(), "/metrics", "authorization: Bearer abc");
    assert_eq!(authorised.0, 200);
    let ended = server.stop();
    assert!(ended.report.contains("1 request was refused"), "{ended:?}");
    assert!(
        ended.said.iter().all(|line| !line.contains("abc")),
        "{ended:?}"
    );

    for option in ["--otlp-grpc", "--otlp-http", "--http"] {
        let output = super::server::spanreel()
            .args(["serve", option, "0.0.0.0:0"])
            .output();
        let output = output.expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(option) && said.contains("token"), "{said}");
    }
}

/// A request that is larger than allowed is refused for good, and the next is taken.
#[tokio::test(flavor = "multi_thread")]
async fn too_large_is_told() {
    let server = Server::start(&["--max-wire-bytes", "1KiB"]);
    let mut client = TraceServiceClient::connect(format!("http://{}", server.grpc()))
        .await
        .expect("it listens");
    let large = request(&"s".repeat(2_000), 1);
    let refused = tokio::time::timeout(Duration::from_secs(30), client.export(large))
        .await
        .expect("an answer");
    assert_eq!(
        refused.expect_err("too large").code(),
        Code::ResourceExhausted
    );
    client.export(request("s", 1)).await.expect("taken");
}
