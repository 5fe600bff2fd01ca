//! `spanreel doctor` and receivers in the clear.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};

use serde_json::Value;
use spanreel_cli::sink::{Sink, SinkConfig};

use crate::collector::Collector;
use crate::server::{File, Server, spanreel};
use crate::{Said, said};

/// What it finds at an address.
pub(crate) fn examine(endpoint: &str, options: &[&str]) -> Said {
    let mut command = spanreel();
    command
        .args(["doctor", "--endpoint", endpoint])
        .args(options);
    said(command)
}

/// As [`examine`], read by a program: the exit code, and a state and words for each check.
pub(crate) fn findings(endpoint: &str, options: &[&str]) -> (Option<i32>, Vec<[String; 3]>) {
    let said = examine(endpoint, &[options, &["--json"]].concat());
    let report: Value = serde_json::from_str(&said.out).expect(&said.err);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let checks = report["checks"].as_array().expect("checks");
    let rows = checks.iter().map(|check| {
        let words = format!("{} {}", text(&check["seen"]), text(&check["advice"]));
        [text(&check["check"]), text(&check["state"]), words]
    });
    (said.code, rows.collect())
}

/// The state and words of one check.
pub(crate) fn of<'a>(found: &'a [[String; 3]], check: &str) -> (&'a str, &'a str) {
    let row = found.iter().find(|[name, ..]| name == check);
    let [_, state, words] = row.unwrap_or_else(|| panic!("no {check} in {found:?}"));
    (state, words)
}

/// A server that gives everybody this answer, whatever they say.
fn answering(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut start = [0; 1_024];
            let read = stream.read(&mut start);
            if read.is_ok_and(|read| read > 0) && stream.write_all(answer).is_err() {
                continue;
            }
        }
    });
    addr
}

/// A `serve` is well in every respect, over both protocols, and nothing of the examination is left in it.
#[test]
fn serve_is_well() {
    let server = Server::start(&[]);
    for (url, json) in [
        (format!("http://{}", server.http()), "ok"),
        (format!("grpc://{}", server.grpc()), "skipped"),
    ] {
        let (code, found) = findings(&url, &["--size-limits"]);
        assert_eq!(code, Some(0), "{found:?}");
        for check in [
            "name",
            "connection",
            "protocol",
            "access",
            "traces",
            "logs",
            "metrics",
        ] {
            assert_eq!(of(&found, check).0, "ok", "{check} {found:?}");
        }
        for check in ["gzip", "zstd", "round trip"] {
            assert_eq!(of(&found, check).0, "ok", "{check} {found:?}");
        }
        assert_eq!(of(&found, "json").0, json, "{found:?}");
        assert_eq!(of(&found, "size"), ("ok", "16 MiB and perhaps more "));
        assert_ne!(of(&found, "clock").0, "warning", "{found:?}");
    }
    let ended = server.stop();
    assert!(!ended.report.contains("received"), "{ended:?}");
}

/// The largest request is found where there is a limit.
#[test]
fn the_limit_of_a_receiver_is_found() {
    let server = Server::start(&["--max-request-bytes", "3MiB", "--max-wire-bytes", "3MiB"]);
    for url in [
        format!("http://{}", server.http()),
        format!("grpc://{}", server.grpc()),
    ] {
        let (code, found) = findings(&url, &["--size-limits"]);
        assert_eq!(code, Some(0), "{found:?}");
        let (state, words) = of(&found, "size");
        assert_eq!(state, "ok", "{words}");
        assert!(
            words.starts_with("about 2.9") || words.starts_with("about 3 MiB"),
            "{words}"
        );
    }
}

/// A null receiver is well too; a server of tonic's without metrics and compression has warnings.
#[tokio::test(flavor = "multi_thread")]
async fn other_receivers_are_examined() {
    let sink = Sink::start(SinkConfig::default()).expect("a free port");
    let (code, found) = findings(&format!("http://{}", sink.addr()), &[]);
    assert_eq!((code, of(&found, "traces").0), (Some(0), "ok"), "{found:?}");
    assert_eq!(sink.counts().spans, 0);

    let collector = Collector::default();
    let addr = collector.listen().await;
    let (code, found) = findings(&format!("grpc://{addr}"), &[]);
    assert_eq!(code, Some(0), "{found:?}");
    assert_eq!(of(&found, "traces").0, "ok");
    assert_eq!(of(&found, "metrics").0, "warning");
    assert_eq!(of(&found, "gzip").0, "warning");
    assert!(collector.groups().is_empty());
    let (code, found) = findings(&format!("http://{addr}"), &[]);
    assert_eq!(code, Some(1), "{found:?}");
    assert!(of(&found, "protocol").1.contains("grpc://"), "{found:?}");
}

/// A port that nobody listens on is told with what to do.
#[test]
fn a_port_without_anybody_is_told() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = free.local_addr().expect("an address");
    drop(free);
    let said = examine(&format!("http://{addr}"), &[]);
    assert_eq!(said.code, Some(1), "{}", said.out);
    assert!(said.out.contains("failed   connection"), "{}", said.out);
    assert!(said.out.contains("-> nobody listens there"), "{}", said.out);
}

/// Servers that are no receivers are told from receivers, whatever they answer.
#[test]
fn servers_that_are_no_receivers_are_told() {
    let page =
        answering(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 5\r\n\r\nhello");
    let (code, found) = findings(&format!("http://{page}"), &[]);
    assert_eq!(code, Some(1), "{found:?}");
    assert!(
        of(&found, "protocol").1.contains("no OTLP receiver"),
        "{found:?}"
    );
    let (code, found) = findings(&format!("grpc://{page}"), &[]);
    assert_eq!(
        (code, of(&found, "protocol").0),
        (Some(1), "failed"),
        "{found:?}"
    );
    assert!(of(&found, "protocol").1.contains("http://"), "{found:?}");

    let ssh = answering(b"SSH-2.0-OpenSSH_9.9\r\n");
    let (code, found) = findings(&format!("http://{ssh}"), &["--timeout", "2s"]);
    assert_eq!(
        (code, of(&found, "protocol").0),
        (Some(1), "failed"),
        "{found:?}"
    );
    let (code, found) = findings(&format!("https://{ssh}"), &["--timeout", "2s"]);
    assert_eq!(
        (code, of(&found, "tls").0),
        (Some(1), "failed"),
        "{found:?}"
    );
    assert!(
        of(&found, "tls").1.contains("does not speak TLS"),
        "{found:?}"
    );
}

/// A server that takes connections and says nothing costs the time limit, no more.
#[test]
fn a_silent_server_is_told() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = silent.local_addr().expect("an address");
    let (code, found) = findings(&format!("http://{addr}"), &["--timeout", "300ms"]);
    assert_eq!(code, Some(1), "{found:?}");
    assert!(
        of(&found, "protocol").1.contains("does not answer"),
        "{found:?}"
    );
}

/// A path that is not there, a clock that is off, and a receiver that repeats the key are told; the key is
/// not.
#[test]
fn a_receiver_that_is_off_is_told_without_keys() {
    let missing = answering(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
    let (code, found) = findings(&format!("http://{missing}/x"), &[]);
    assert_eq!(
        (code, of(&found, "traces").0),
        (Some(1), "failed"),
        "{found:?}"
    );
    assert!(of(&found, "traces").1.contains("the path"), "{found:?}");

    let late = answering(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ndate: Tue, 01 Jan 2019 00:00:00 GMT\r\ncontent-length: 0\r\n\r\n");
    let (code, found) = findings(&format!("http://{late}"), &[]);
    assert_eq!(code, Some(0), "{found:?}");
    assert_eq!(of(&found, "clock").0, "warning");
    assert!(of(&found, "clock").1.contains("behind"), "{found:?}");

    let echo = answering(b"HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\ncontent-length: 27\r\n\r\n{\"message\":\"what is k3y?!\"}");
    let said = examine(
        &format!("http://{echo}?q=k3y"),
        &["--header", "authorization=Bearer%20k3y%3F"],
    );
    assert_eq!(said.code, Some(1), "{}", said.out);
    assert!(
        said.out.contains("what is ***") && !said.out.contains("k3y"),
        "{}",
        said.out
    );
}

/// Who must say who they are is told how; with the right key all is well, with a wrong one it is not, and
/// neither is shown.
#[test]
fn a_key_that_is_missing_is_told() {
    let token = "s3cret-s3cret-s3cret-s3cret-s3cret";
    let file = File::new(token);
    let server = Server::start(&["--token-file", file.name()]);
    for url in [
        format!("http://{}", server.http()),
        format!("grpc://{}", server.grpc()),
    ] {
        let (code, found) = findings(&url, &[]);
        assert_eq!(
            (code, of(&found, "access").0),
            (Some(1), "failed"),
            "{found:?}"
        );
        assert!(of(&found, "access").1.contains("--header"), "{found:?}");
        let right = format!("authorization=Bearer%20{token}");
        let said = examine(&url, &["--header", &right]);
        assert_eq!(said.code, Some(0), "{}", said.out);
        assert!(!said.out.contains("s3cret"), "{}", said.out);
        let (code, found) = findings(&url, &["--header", "authorization=Bearer%20wrong-s3cret"]);
        assert_eq!(code, Some(1));
        let words = of(&found, "access").1;
        assert!(
            words.contains("not the right ones") && !words.contains("s3cret"),
            "{words}"
        );
    }
}
