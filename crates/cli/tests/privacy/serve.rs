//! `spanreel serve` with a `[redaction]`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use spanreel::Otlp;

use crate::agent::speak;
use crate::collector::Collector;
use crate::foreign;
use crate::got;
use crate::planter::{Planter, files};
use crate::server::{File, LONG, Server, spanreel};

/// Posts a body with headers that hold secrets; what is answered.
pub(crate) fn post(addr: SocketAddr, path: &str, planter: &mut Planter, body: &str) -> String {
    let mut stream = TcpStream::connect(addr).expect("it listens");
    stream.set_read_timeout(Some(LONG)).expect("a time");
    let (one, two) = (planter.secret(), planter.secret());
    let one = one.replace('\n', " ");
    let two = two.replace(['\n', ','], " ");
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {addr}\r\ncontent-type: application/json\r\n\
         x-note: {one}\r\nbaggage: who={two}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");
    answer
}

/// Everything that the API and the page answer.
fn everything_shown(server: &Server) -> String {
    let mut shown = String::new();
    let mut ask = |path: &str| {
        let (status, body) = server.ask(path);
        assert_eq!(status, 200, "{path}: {body}");
        shown.push_str(&body);
        body
    };
    for path in ["/", "/metrics", "/healthz", "/readyz"] {
        ask(path);
    }
    for path in [
        "pipeline",
        "fields",
        "activity?buckets=4",
        "usage?by=user",
        "latency?by=agent",
    ] {
        ask(&format!("/api/v1/{path}"));
    }
    let sessions: Value = serde_json::from_str(&ask("/api/v1/sessions?limit=1000")).expect("JSON");
    let sessions = sessions["items"].as_array().expect("a list");
    assert!(sessions.len() > 5, "{sessions:?}");
    for session in sessions {
        let id = session["id"].as_str().expect("an id");
        let id = utf8_percent_encode(id, NON_ALPHANUMERIC).to_string();
        let parts = ["", "/spans", "/messages", "/logs", "/export?format=json"];
        for part in parts {
            ask(&format!("/api/v1/sessions/{id}{part}"));
        }
        for form in ["otlp-json", "html"] {
            ask(&format!("/api/v1/sessions/{id}/export?format={form}"));
        }
    }
    shown
}

/// Waits until the store has everything that was received.
async fn settled(server: &Server) {
    let deadline = Instant::now() + LONG;
    loop {
        let (_, text) = server.ask("/api/v1/pipeline");
        let pipeline: Value = serde_json::from_str(&text).expect("JSON");
        let lanes = pipeline["lanes"].as_array().expect("lanes");
        let is_done = lanes
            .iter()
            .filter(|lane| lane["name"] == "store")
            .all(|lane| lane["handed"].as_u64() > Some(0) && lane["handed"] == lane["exported"]);
        if is_done {
            return;
        }
        assert!(Instant::now() < deadline, "{text}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn command(arguments: &[&str], directory: &Path) -> Vec<u8> {
    let ended = spanreel()
        .args(arguments)
        .arg(directory)
        .output()
        .expect("it runs");
    [ended.stdout, ended.stderr].concat()
}

/// Whatever secrets are sent, in any protocol and any place, none is forwarded, on disk, shown, logged or
/// answered; and what was found is counted.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_leaves_serve() {
    let mut planter = Planter::new(0x5e44e);
    let folder = tempfile::tempdir().expect("a folder");
    let (collector, refusing) = (Collector::default(), Collector::refusing());
    let lines = folder.path().join("lines.jsonl");
    let data = folder.path().join("data");
    let data_text = data.to_str().expect("text");
    let file = File::new(&format!(
        "log-level = \"trace\"\nbatch-delay = \"50ms\"\n\
         [[export]]\nurl = \"grpc://{}\"\n[[export]]\nurl = \"grpc://{}\"\nname = \"refuses\"\n\
         [[export]]\nurl = \"http://127.0.0.1:9\"\n[[export]]\nurl = \"file:{}\"\n\
         [redaction]\nmask = [\"question\"]\n",
        collector.listen().await,
        refusing.listen().await,
        lines.display(),
    ));
    let options = [
        "--config",
        file.name(),
        "--data-dir",
        data_text,
        "--grace",
        "2s",
    ];
    let server = Server::start(&options);
    let (grpc, http) = (server.grpc(), server.http());
    for to in [
        Otlp::grpc(format!("http://{grpc}")),
        Otlp::http(format!("http://{http}")),
        Otlp::http_json(format!("http://{http}")),
    ] {
        speak(to.into(), &mut planter, 12).await;
    }
    let mut client = MetricsServiceClient::connect(format!("http://{grpc}"))
        .await
        .expect("it listens");
    let _taken_or_not = client.export(foreign::metrics(&mut planter)).await;
    // What is wrong, and what is no request at all.
    let said = planter.said();
    let mut answered = String::new();
    for (path, body) in [
        ("/v1/traces", format!("{{\"resourceSpans\": \"{said}\"}}")),
        ("/v1/traces", format!("[{said}")),
        ("/v1/logs", said.clone()),
        ("/v1/nothing", said),
    ] {
        answered.push_str(&post(http, path, &mut planter, &body));
    }
    settled(&server).await;
    let shown = everything_shown(&server);
    let on_disk = files(&data);
    let spool = command(&["spool", "ls", "--json"], &data);
    let held = command(&["spool", "show", "@0"], &data);
    let ended = server.stop();
    let stored = command(&["sessions", "ls"], &data);

    planter.assert_none_in("the destination", got(&collector).as_bytes());
    planter.assert_none_in("a file", &std::fs::read(&lines).expect("written"));
    planter.assert_none_in("the API", shown.as_bytes());
    planter.assert_none_in("an answer", answered.as_bytes());
    planter.assert_none_in("the spool and the store", &on_disk);
    planter.assert_none_in("the spool and the store at the end", &files(&data));
    planter.assert_none_in("spool ls", &spool);
    planter.assert_none_in("spool show", &held);
    planter.assert_none_in("sessions", &stored);
    planter.assert_none_in("diagnostics", ended.said.join("\n").as_bytes());
    planter.assert_none_in("the report", ended.report.as_bytes());

    assert!(planter.planted() > 1000, "{}", planter.planted());
    // Four of each session, and for each protocol the session that the others link to.
    assert_eq!(collector.spans().len(), 36 * 4 + 3);
    assert!(collector.logs().len() >= 36 * 3);
    let on_disk = String::from_utf8_lossy(&on_disk);
    assert!(
        on_disk.contains("they say"),
        "requests lie on disk as they are"
    );
    assert!(got(&collector).contains("they say") && shown.contains("they say"));
    for metric in [
        "spanreel_redacted_total{detector=\"email\"}",
        "spanreel_redacted_total{rule=\"secret_names\",action=\"mask\"}",
        "spanreel_redacted_total{rule=\"question\",action=\"mask\"} 36",
    ] {
        assert!(shown.contains(metric), "{metric}");
    }
    for part in [r#""name":"question""#, r#""name":"email""#] {
        assert!(shown.contains(part), "/api/v1/pipeline has {part}");
    }
    let none = "spanreel_redacted_total{detector=\"email\"} 0\n";
    assert!(!shown.contains(none), "it is counted");
}
