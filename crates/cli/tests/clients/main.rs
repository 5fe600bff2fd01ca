//! Programs that others wrote, sending to `spanreel serve`: the SDKs in Python of OpenTelemetry, AgentOps
//! and OpenLLMetry (Traceloop). Each prints what it knows of its own spans; what comes out downstream
//! is compared with that, span by span.
//!
//! The interpreters are those that `SPANREEL_PYTHON_OTEL`, `SPANREEL_PYTHON_AGENTOPS` and
//! `SPANREEL_PYTHON_TRACELOOP` name, with what the `.txt` file beside each script lists; without one its
//! tests say that they were skipped.

#![cfg(unix)]

mod client;
#[path = "../command/collector.rs"]
#[expect(dead_code, reason = "what only tests of the command ask of it")]
mod collector;
mod seen;
#[path = "../serve/server.rs"]
#[expect(dead_code, reason = "what only tests of the command ask of it")]
mod server;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::Value;

use client::{Client, Sent};
use collector::Collector;
use server::{ANY_PORT, Ended, Server};

/// What programs must show to be let in.
const TOKEN: &str = "abc";

/// A server with a token in front of a collector.
struct Serve {
    server: Server,
    collector: Collector,
}

/// What arrived, and what was said of it.
struct Arrived {
    spans: BTreeMap<String, Value>,
    /// `/metrics`, after everything was received.
    metrics: String,
    ended: Ended,
}

impl Serve {
    async fn start(token: Option<&str>) -> Self {
        let collector = Collector::default();
        let backend = format!("grpc://{}", collector.listen().await);
        let mut command = server::spanreel();
        command.arg("serve").args(ANY_PORT);
        command.args(["--export", &backend, "--batch-delay", "50ms"]);
        command.args(["--data-dir", "off"]);
        command.envs(token.map(|it| ("SPANREEL_TOKEN", it)));
        let server = Server::of(command);
        Self { server, collector }
    }

    fn http_url(&self) -> String {
        url(self.server.http())
    }

    fn stop(self) -> Arrived {
        let token = format!("authorization: Bearer {TOKEN}");
        let (status, metrics) = server::ask(self.server.operations(), "/metrics", &token);
        assert_eq!(status, 200, "{metrics}");
        let ended = self.server.stop();
        Arrived {
            spans: seen::by_id(self.collector.groups()),
            metrics,
            ended,
        }
    }
}

impl Arrived {
    /// Asserts that these are the spans that were sent: each once, no other, and nothing changed.
    fn assert_are(mut self, sent: Sent) {
        for (id, sent) in sent.spans {
            let arrived = self.spans.remove(&id);
            let arrived = arrived.unwrap_or_else(|| panic!("not arrived: {sent:#}"));
            for (part, sent) in sent.as_object().expect("a span") {
                assert_eq!(&arrived[part], sent, "{part} is not as it was sent: {id}");
            }
            assert_eq!(arrived, sent, "something was added");
        }
        assert!(self.spans.is_empty(), "never sent: {:#?}", self.spans);
        assert_eq!(self.ended.code, Some(0), "{:?}", self.ended);
        assert!(
            self.ended.report.contains("nothing was lost"),
            "{:?}",
            self.ended
        );
    }

    /// Asserts that the metrics have such a line.
    fn assert_counts(&self, name: &str, value: &str) {
        let line = format!("{name} {value}");
        assert!(
            self.metrics.lines().any(|it| it == line),
            "no {line} in {}",
            self.metrics
        );
    }
}

fn url(addr: SocketAddr) -> String {
    format!("http://{addr}")
}

/// Sends by opentelemetry-python with its standard variables, and compares.
async fn send_by_opentelemetry(test: &str, protocol: &str, compressions: &[&str]) {
    let Some(client) = Client::new(test, "SPANREEL_PYTHON_OTEL", "opentelemetry_sdk.py") else {
        return;
    };
    for compression in compressions {
        let serve = Serve::start(Some(TOKEN)).await;
        let endpoint = match protocol {
            "grpc" => url(serve.server.grpc()),
            _ => serve.http_url(),
        };
        let header = format!("authorization=Bearer%20{TOKEN}");
        let mut variables = vec![
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            ("OTEL_EXPORTER_OTLP_HEADERS", &header),
            ("OTEL_SERVICE_NAME", "planner-host"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=a%20b"),
            ("OTEL_SPAN_EVENT_COUNT_LIMIT", "3"),
        ];
        // Over gRPC this client knows neither `none` nor an empty value.
        if !compression.is_empty() {
            variables.push(("OTEL_EXPORTER_OTLP_COMPRESSION", compression));
        }
        let sent = client.run(&[protocol], &variables);
        assert_eq!(sent.spans.len(), 3 * (1 + 40 * 3) + 1);
        let arrived = serve.stop();
        // Three that name themselves, and one that is known by its trace.
        arrived.assert_counts("spanreel_sessions_total", "4");
        arrived.assert_counts("spanreel_tokens_total", "15540");
        arrived.assert_counts("spanreel_error_spans_total", "30");
        arrived.assert_are(sent);
    }
}

/// Every span that opentelemetry-python sends over gRPC arrives once, as it was.
#[tokio::test(flavor = "multi_thread")]
async fn spans_of_opentelemetry_arrive_over_grpc() {
    let test = "spans_of_opentelemetry_arrive_over_grpc";
    send_by_opentelemetry(test, "grpc", &["", "gzip"]).await;
}

/// Every span that opentelemetry-python sends as protobuf over HTTP arrives once, as it was.
#[tokio::test(flavor = "multi_thread")]
async fn spans_of_opentelemetry_arrive_over_http() {
    let test = "spans_of_opentelemetry_arrive_over_http";
    send_by_opentelemetry(test, "http/protobuf", &["", "gzip", "deflate"]).await;
}

/// Every span that opentelemetry-python sends as JSON arrives once, as it was.
#[tokio::test(flavor = "multi_thread")]
async fn spans_of_opentelemetry_arrive_as_json() {
    let test = "spans_of_opentelemetry_arrive_as_json";
    send_by_opentelemetry(test, "http/json", &["", "gzip", "deflate"]).await;
}

/// The AgentOps SDK needs nothing but two addresses to send its sessions here: each run is one, with its
/// tokens and its cost.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_agentops_arrive() {
    let test = "sessions_of_agentops_arrive";
    let Some(client) = Client::new(test, "SPANREEL_PYTHON_AGENTOPS", "agentops_sdk.py") else {
        return;
    };
    let serve = Serve::start(None).await;
    let endpoint = format!("{}/v1/traces", serve.http_url());
    let sent = client.run(
        &[],
        &[
            ("AGENTOPS_API_ENDPOINT", &serve.http_url()),
            ("AGENTOPS_EXPORTER_ENDPOINT", &endpoint),
        ],
    );
    assert_eq!(sent.spans.len(), 5 * 5);
    let arrived = serve.stop();
    arrived.assert_counts("spanreel_sessions_total", "5");
    arrived.assert_counts("spanreel_tokens_total", "60");
    arrived.assert_counts("spanreel_cost_usd_total", "0.25");
    arrived.assert_are(sent);
}

/// traceloop-sdk needs nothing but one address to send its workflows here, and the sessions that it names
/// in its association properties are recognised.
#[tokio::test(flavor = "multi_thread")]
async fn workflows_of_traceloop_arrive() {
    let test = "workflows_of_traceloop_arrive";
    let Some(client) = Client::new(test, "SPANREEL_PYTHON_TRACELOOP", "traceloop_sdk.py") else {
        return;
    };
    let serve = Serve::start(None).await;
    let sent = client.run(
        &[],
        &[
            ("TRACELOOP_BASE_URL", &serve.http_url()),
            ("TRACELOOP_TELEMETRY", "false"),
        ],
    );
    assert_eq!(sent.spans.len(), 5 * 4);
    let arrived = serve.stop();
    arrived.assert_counts("spanreel_sessions_total", "5");
    arrived.assert_are(sent);
}
