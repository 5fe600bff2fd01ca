//! Signals, the report, the exit code.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use rustix::process::Signal;

use super::collector::Collector;
use super::server::{File, Server, request, spanreel};

async fn send(server: &Server, requests: usize, spans: u8) {
    let url = format!("http://{}", server.grpc());
    let mut client = TraceServiceClient::connect(url).await.expect("it listens");
    for number in 0..requests {
        client
            .export(request(&format!("s{number}"), spans))
            .await
            .expect("taken");
    }
}

/// What was accepted and not yet forwarded is forwarded before the end, on either signal.
#[tokio::test(flavor = "multi_thread")]
async fn a_signal_forwards_what_is_in_memory() {
    for signal in [Signal::TERM, Signal::INT] {
        let collector = Collector::default();
        let backend = format!("grpc://{}", collector.listen().await);
        let server = Server::start(&["--export", &backend, "--batch-delay", "10m"]);
        send(&server, 10, 10).await;
        assert_eq!(collector.spans().len(), 0, "it waits for more");
        server.signal(signal);
        let ended = server.wait();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!(collector.spans().len(), 100);
        assert!(
            ended.report.contains("100 spans received: 100 handed"),
            "{ended:?}"
        );
        assert!(
            ended.report.contains("100 handed: 100 exported"),
            "{ended:?}"
        );
        assert!(ended.report.contains("nothing was lost"), "{ended:?}");
    }
}

/// Where the backend is away, the command ends with the grace, tells what was lost, and its exit code
/// says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_is_away_is_told() {
    let server = Server::start(&[
        "--export",
        "grpc://127.0.0.1:9",
        "--grace",
        "1s",
        "--lane-down-after",
        "300ms",
        "--batch-delay",
        "10ms",
    ]);
    send(&server, 2, 5).await;
    let deadline = Instant::now() + Duration::from_secs(30);
    while server.ask("/readyz").0 == 200 {
        assert!(Instant::now() < deadline, "it should not be ready");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (status, reason) = server.ask("/readyz");
    assert_eq!(status, 503);
    assert!(reason.contains("otlp-grpc has taken nothing"), "{reason}");
    assert_eq!(server.ask("/healthz").0, 200);
    let begun = Instant::now();
    let ended = server.stop();
    assert!(begun.elapsed() < Duration::from_secs(20), "{ended:?}");
    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(
        ended.report.contains("10 handed: 10 abandoned"),
        "{ended:?}"
    );
    assert!(ended.report.contains("10 lost"), "{ended:?}");
}

/// A second signal stops at once, whatever grace is left, and what was on its way counts as lost. Until
/// then the command answers that it is not ready.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_stops_at_once() {
    // Takes connections and never answers.
    let hanging = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let backend = format!("grpc://{}", hanging.local_addr().expect("an address"));
    let mut server = Server::start(&[
        "--export",
        &backend,
        "--grace",
        "10m",
        "--batch-delay",
        "10ms",
        // A lane of its own, which may or may not have them by then.
        "--store",
        "off",
    ]);
    send(&server, 1, 5).await;
    server.signal(Signal::TERM);
    server.wait_for("stopping");
    assert_eq!(server.ask("/readyz"), (503, "draining\n".to_owned()));
    assert_eq!(server.ask("/healthz").0, 200);
    let begun = Instant::now();
    let ended = server.stop();
    assert!(begun.elapsed() < Duration::from_secs(20), "{ended:?}");
    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(
        ended.report.contains("stopped at once: 5 lost"),
        "{ended:?}"
    );
}

/// A port that is taken is told with the option that moves it, before anything is received.
#[test]
fn a_taken_port_is_told_with_its_option() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = taken.local_addr().expect("an address").to_string();
    for option in ["--otlp-grpc", "--otlp-http", "--http"] {
        let mut options = super::server::ANY_PORT;
        let place = options
            .iter()
            .position(|it| *it == option)
            .expect("an option");
        options[place + 1] = &addr;
        let output = spanreel()
            .arg("serve")
            .args(options)
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(option) && said.contains(&addr), "{said}");
        assert_eq!(said.lines().count(), 1, "nothing was begun: {said}");
        assert_eq!(output.stdout, b"");
    }
}

/// With `--json-logs` every line is a JSON object, and standard output stays empty.
#[tokio::test(flavor = "multi_thread")]
async fn machines_read_json_alone() {
    let file = File::new(
        "json-logs = true\nstatus-every = \"50ms\"\notlp-http = \"off\"\nhttp = \"off\"\n",
    );
    let mut command = spanreel();
    command.args([
        "serve",
        "--config",
        file.name(),
        "--otlp-grpc",
        "127.0.0.1:0",
    ]);
    let process = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn();
    let mut process = process.expect("it runs");
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(
        process.stderr.take().expect("a pipe"),
    ));
    let mut next = |message: &str| loop {
        let line = lines.next().expect("a line").expect("text");
        let line: serde_json::Value = serde_json::from_str(&line).expect(&line);
        if line["message"] == message {
            return line;
        }
    };
    let listening = next("listening");
    let addr = listening["otlp_grpc"].as_str().expect("an address");
    assert_eq!(listening["otlp_http"], "off");
    let mut client = TraceServiceClient::connect(format!("http://{addr}"))
        .await
        .expect("it listens");
    client.export(request("s", 3)).await.expect("taken");
    while next("status")["spans"] != 3 {}
    let pid = rustix::process::Pid::from_child(&process);
    rustix::process::kill_process(pid, Signal::TERM).expect("it is there");
    let stopped = next("stopped");
    assert_eq!(
        (&stopped["received"], &stopped["lossless"]),
        (&3.into(), &true.into())
    );
    let output = process.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), output.stdout), (Some(0), Vec::new()));
}
