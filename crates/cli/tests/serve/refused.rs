//! What operators see of a destination in trouble on a running server, and what they do about what it refused.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use serde_json::{Value, json};
use spanreel_faults::{Manner, Sink};

use super::server::{LONG, Server, request};

async fn serve(directory: &Path, backend: &str) -> Server {
    let directory = directory.to_str().expect("text");
    let server = Server::start(&["--data-dir", directory, "--export", backend]);
    let url = format!("http://{}", server.grpc());
    let mut client = TraceServiceClient::connect(url).await.expect("it listens");
    client.export(request("s", 3)).await.expect("taken");
    server
}

fn pipeline(server: &Server) -> Value {
    let (status, body) = server.ask("/api/v1/pipeline");
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).expect("JSON")
}

/// Waits until the pipeline is so.
async fn wait_for(server: &Server, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + LONG;
    loop {
        let found = pipeline(server);
        if is_so(&found) {
            return found;
        }
        assert!(Instant::now() < deadline, "never: {what}: {found:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A destination that answers so. Starting it waits, which tasks must not.
fn sink(status: u16) -> Sink {
    tokio::task::block_in_place(|| Sink::start(Manner::Status(status, None)))
}

/// What a destination was handed, and what became of it: both sums.
fn sums(lane: &Value) -> (u64, u64) {
    let number = |name: &str| lane[name].as_u64().expect(name);
    let fates = lane["fates"].as_object().expect("fates").values();
    let settled: u64 = fates.map(|count| count.as_u64().expect("a count")).sum();
    (
        number("handed") + number("recovered"),
        settled + number("waiting") + number("on_disk"),
    )
}

fn post(server: &Server, path: &str, headers: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(server.operations()).expect("it listens");
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{headers}content-length: 0\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).expect("a status");
    (status.parse().expect("a number"), body.to_owned())
}

/// What a destination refuses is seen with its words; once it is mended, it is sent again by request, and all adds
/// up. Who does not mean it changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_is_seen_and_sent_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let sink = sink(400);
    let server = serve(folder.path(), &sink.url()).await;
    let refused = |it: &Value| it["lanes"][0]["fates"]["quarantined"] == 3;
    let found = wait_for(&server, "it is refused", |it| {
        refused(it) && it["spool"]["quarantine_requests"] == 3
    })
    .await;
    let lane = &found["lanes"][0];
    assert_eq!(
        (&lane["state"], &lane["on_disk"]),
        (&json!("ok"), &json!(0))
    );
    assert!(
        lane["last_error"]["time_us"]
            .as_u64()
            .is_some_and(|us| us > 0)
    );
    let (entered, settled) = sums(lane);
    assert_eq!(entered, settled, "{lane:#}");
    let receiver = &found["receivers"][0];
    assert_eq!(receiver["by_protocol"], json!({ "grpc": 1 }));
    let url = format!("http://{}", server.http());
    assert_eq!(receiver["endpoint"], url);
    let request = &found["spool"]["quarantined"][0];
    assert_eq!(request["items"], 1);
    let id = request["id"].as_str().expect("an id");

    let path = format!("/api/v1/pipeline/quarantine/{id}/replay");
    assert_eq!(post(&server, &path, "").0, 403);
    let foreign = "x-spanreel-request: 1\r\norigin: http://evil.example\r\n";
    assert_eq!(post(&server, &path, foreign).0, 403);
    assert_eq!(pipeline(&server)["lanes"][0]["recovered"], 0);

    tokio::task::block_in_place(|| sink.now(Manner::Accepts));
    let (status, body) = post(&server, &path, "x-spanreel-request: 1\r\n");
    assert_eq!(status, 200, "{body}");
    let found = wait_for(&server, "it is delivered", |it| {
        it["lanes"][0]["exported"] == 1 && it["spool"]["quarantine_requests"] == 2
    })
    .await;
    let (entered, settled) = sums(&found["lanes"][0]);
    assert_eq!((entered, settled), (4, 4), "{found:#}");
    assert_eq!(server.stop().code, Some(0));
}

/// A destination that is away is shown as away, with since when and how much waits, and what it said last, without
/// what is secret.
#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_is_away_is_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = serve(folder.path(), "grpc://127.0.0.1:9").await;
    let found = wait_for(&server, "it is away", |it| {
        it["lanes"][0]["state"] == "away" && it["lanes"][0]["lag_us"].is_u64()
    })
    .await;
    let lane = &found["lanes"][0];
    assert_eq!(
        (&lane["on_disk_items"], &lane["exported"]),
        (&json!(3), &json!(0))
    );
    assert!(
        lane["on_disk_bytes"]
            .as_u64()
            .is_some_and(|bytes| bytes > 100)
    );
    let words = lane["last_error"]["message"].as_str().expect("words");
    assert!(words.contains("cannot take it now"), "{words}");
    let (entered, settled) = sums(lane);
    assert_eq!(entered, settled, "{lane:#}");
    assert_eq!(found["spool"]["quarantined"], json!([]));
    assert!(found.get("redaction").is_none(), "none is configured");
    drop(server);

    let folder = tempfile::tempdir().expect("a folder");
    let sink = sink(401);
    let server = serve(folder.path(), &sink.url()).await;
    let found = wait_for(&server, "it is denied", |it| {
        it["lanes"][0]["state"] == "denied"
    })
    .await;
    let words = found["lanes"][0]["last_error"]["message"].to_string();
    assert!(words.contains("credentials"), "{words}");
}
