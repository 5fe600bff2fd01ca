//! What those see who run the process.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;

use super::collector::Collector;
use super::server::{Server, ask, request};

/// Samples by name with labels.
fn samples(page: &str) -> BTreeMap<String, f64> {
    let body = page.strip_suffix("# EOF\n").expect("an end");
    let lines = body.lines().filter(|line| !line.starts_with("# "));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').expect("a value");
        (name.to_owned(), value.parse().expect("a number"))
    };
    lines.map(sample).collect()
}

/// The sum of all samples of a name with these labels.
fn sum(samples: &BTreeMap<String, f64>, name: &str, labels: &[&str]) -> u64 {
    let of_name = samples
        .iter()
        .filter(|(sample, _)| sample.split('{').next() == Some(name));
    let with = of_name.filter(|(sample, _)| labels.iter().all(|label| sample.contains(label)));
    with.map(|(_, value)| *value as u64).sum()
}

/// The metrics of a process add up with its books, and with the report at its end.
#[tokio::test(flavor = "multi_thread")]
async fn metrics_add_up_with_the_report() {
    let collector = Collector::default();
    let backend = format!("grpc://{}", collector.listen().await);
    let server = Server::start(&[
        "--export",
        &backend,
        "--export",
        "http://127.0.0.1:9",
        "--batch-delay",
        "10ms",
        "--grace",
        "500ms",
    ]);
    let url = format!("http://{}", server.grpc());
    let mut client = TraceServiceClient::connect(url).await.expect("it listens");
    for number in 0..5 {
        client
            .export(request(&format!("s{number}"), 4))
            .await
            .expect("taken");
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    while collector.spans().len() < 20 {
        assert!(Instant::now() < deadline, "it forwards");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let exported = ["lane=\"otlp-grpc\"", "fate=\"exported\""];
    let page = loop {
        let (status, page) = server.ask("/metrics");
        assert_eq!(status, 200);
        let page = samples(&page);
        // The backend has it a moment before the books.
        if sum(&page, "spanreel_lane_items_total", &exported) == 20 {
            break page;
        }
        assert!(Instant::now() < deadline, "{page:#?}");
    };
    let of = |name: &str, labels: &[&str]| sum(&page, name, labels);
    let traces = "signal=\"traces\"";
    assert_eq!(of("spanreel_items_entered_total", &[traces]), 20);
    assert_eq!(of("spanreel_items_total", &[traces, "fate=\"handed\""]), 20);
    for lane in ["lane=\"otlp-grpc\"", "lane=\"otlp-http\""] {
        let entered = of("spanreel_lane_items_entered_total", &[lane, traces]);
        let settled = of("spanreel_lane_items_total", &[lane, traces]);
        let in_flight = of("spanreel_lane_items_in_flight", &[lane, traces]);
        assert_eq!((entered, settled + in_flight), (20, 20), "{lane}");
    }
    assert_eq!(
        of(
            "spanreel_receiver_requests_total",
            &["protocol=\"grpc\"", "outcome=\"accepted\""]
        ),
        5
    );
    assert_eq!(of("spanreel_receiver_requests_total", &[]), 5);
    assert_eq!(of("spanreel_receiver_items_total", &[traces]), 20);
    assert_eq!(of("spanreel_sessions_total", &[]), 5);
    assert_eq!(of("spanreel_sessions_live", &[]), 5);
    assert_eq!(of("spanreel_ready", &[]), 1);
    assert_eq!(
        of(
            "otel_sdk_exporter_span_exported_total",
            &["otel_component_name=\"otlp-grpc\"", "error_type=\"\""]
        ),
        20
    );
    assert!(of("spanreel_memory_budget_bytes", &[]) > 0);
    let ended = server.stop();
    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(
        ended.report.contains("20 spans received: 20 handed"),
        "{ended:?}"
    );
    assert!(
        ended.report.contains("otlp-grpc: 20 handed: 20 exported"),
        "{ended:?}"
    );
    assert!(
        ended.report.contains("otlp-http: 20 handed: 20 abandoned"),
        "{ended:?}"
    );
    assert!(ended.report.contains("20 lost"), "{ended:?}");
}

/// A name that is not known here is refused: a web page could have made it point here.
#[test]
fn unknown_hosts_are_refused() {
    let server = Server::start(&["--allowed-host", "spanreel.internal"]);
    let addr = server.operations();
    assert_eq!(ask(addr, "/metrics", "host: evil.example").0, 403);
    assert_eq!(ask(addr, "/metrics", "host: spanreel.internal:4320").0, 200);
    assert_eq!(ask(addr, "/healthz", "").0, 200);
    assert_eq!(ask(addr, "/other", "").0, 404);
}

/// Many that connect and say nothing do not keep others from an answer for long, nor the process from its
/// work.
#[test]
fn silent_connections_do_not_stop_the_process() {
    let server = Server::start(&[]);
    let silent: Vec<_> = (0..64)
        .map(|_| std::net::TcpStream::connect(server.operations()).expect("it listens"))
        .collect();
    let begun = Instant::now();
    assert_eq!(server.ask("/healthz").0, 200);
    assert!(begun.elapsed() < Duration::from_secs(30));
    drop(silent);
    assert_eq!(server.stop().code, Some(0));
}
