//! `spanreel spool`: what is on disk after and during `spanreel serve`, and what to do about it.

use std::path::Path;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use serde_json::Value;

use super::collector::Collector;
use super::server::{LONG, Server, request, spanreel};

/// Runs the command on a directory.
fn spool(args: &[&str], directory: &Path) -> (Option<i32>, String, String) {
    let mut command = spanreel();
    command.arg("spool").args(args).arg(directory);
    let output = command.output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// What `ls --json` tells.
fn listed(directory: &Path) -> Value {
    let (code, stdout, stderr) = spool(&["ls", "--json"], directory);
    assert_eq!(code, Some(0), "{stderr}");
    serde_json::from_str(&stdout).expect(&stdout)
}

async fn serve(directory: &Path, backend: &str, spans: u8) -> Server {
    let directory = directory.to_str().expect("text");
    let server = Server::start(&["--data-dir", directory, "--export", backend]);
    if spans > 0 {
        let url = format!("http://{}", server.grpc());
        let mut client = TraceServiceClient::connect(url).await.expect("it listens");
        client.export(request("s", spans)).await.expect("taken");
    }
    server
}

async fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What waits is shown to people and programs, also while it is in use, with what it holds; it can be given
/// up for an exporter, but not while it is in use.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_shown_and_given_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = serve(folder.path(), "grpc://127.0.0.1:9", 5).await;
    let found = listed(folder.path());
    assert_eq!(found["in_use"], true, "{found}");
    assert_eq!(found["exporters"][0]["spans"], 5, "{found}");
    let (code, _, stderr) = spool(&["drop", "--exporter", "otlp-grpc"], folder.path());
    assert_eq!(code, Some(1));
    assert!(stderr.contains("is in use by process"), "{stderr}");
    assert!(stderr.contains("stop that process first"), "{stderr}");
    assert_eq!(server.stop().code, Some(0));

    let (code, text, _) = spool(&["ls"], folder.path());
    assert_eq!(code, Some(0));
    assert!(text.contains("otlp-grpc") && text.contains("@0"), "{text}");
    assert!(!text.contains("in use"), "{text}");
    let (code, text, _) = spool(&["show", "@0"], folder.path());
    assert_eq!(code, Some(0));
    let shown: Value = serde_json::from_str(&text).expect(&text);
    let spans = &shown["resourceSpans"][0]["scopeSpans"][0]["spans"];
    assert_eq!(spans.as_array().map(Vec::len), Some(5), "{text}");
    let (code, text, _) = spool(&["verify"], folder.path());
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("whole"), "{text}");
    let (code, text, stderr) = spool(&["drop", "--exporter", "otlp-grpc"], folder.path());
    assert_eq!(code, Some(0), "{stderr}");
    assert!(text.contains("5 spans"), "{text}");
    let (_, text, _) = spool(&["ls"], folder.path());
    assert!(text.contains("nothing waits"), "{text}");
}

/// What a backend refused is shown with its words; it is sent to a receiver, or again by its exporter, and
/// what neither takes stays where it is.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_is_sent_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let refusing = Collector::refusing();
    let refusing = format!("grpc://{}", refusing.listen().await);
    let server = serve(folder.path(), &refusing, 1).await;
    wait_until("it is refused", || {
        listed(folder.path())["quarantine"][0]["items"] == 1
    })
    .await;
    let refused = listed(folder.path())["quarantine"][0].clone();
    assert!(
        refused["answer"]
            .as_str()
            .is_some_and(|it| it.contains("not today"))
    );
    let id = refused["id"].as_str().expect("an id");
    let (_, text, _) = spool(&["ls"], folder.path());
    assert!(text.contains(id) && text.contains("not today"), "{text}");
    let (code, text, _) = spool(&["show", id], folder.path());
    assert_eq!(code, Some(0));
    assert!(text.contains("\"span 1\""), "{text}");

    // While it is in use nothing is taken out; it may be sent all the same.
    let (code, _, stderr) = spool(&["replay", "--all"], folder.path());
    assert_eq!(code, Some(1));
    assert!(stderr.contains("or give --to and --keep"), "{stderr}");
    let collector = Collector::default();
    let backend = format!("grpc://{}", collector.listen().await);
    let to = ["replay", "--all", "--to", &backend];
    let (code, _, stderr) = spool(&to, folder.path());
    assert_eq!(code, Some(1));
    assert!(stderr.contains("or add --keep"), "{stderr}");
    let (code, text, stderr) = spool(&[&to[..], &["--keep"]].concat(), folder.path());
    assert_eq!(code, Some(0), "{stderr}");
    assert!(text.contains("1 traces delivered"), "{text}");
    assert_eq!(collector.spans().len(), 1);
    assert_eq!(server.stop().code, Some(0));

    // A receiver that refuses it too, and one that is not there.
    let again = ["replay", "--id", id, "--to", &refusing];
    let (code, text, _) = spool(&again, folder.path());
    assert_eq!(code, Some(1));
    assert!(
        text.contains("stays where it is") && text.contains("not today"),
        "{text}"
    );
    let away = ["replay", "--id", id, "--to", "grpc://127.0.0.1:9"];
    let (code, _, stderr) = spool(&away, folder.path());
    assert_eq!(code, Some(1));
    assert!(stderr.contains("try again later"), "{stderr}");
    assert_eq!(listed(folder.path())["quarantine"][0]["id"], id);

    // Its own exporter, at the next start; headers for others do not keep it from that.
    let mut command = spanreel();
    command.env("SPANREEL_REPLAY_HEADER", "api-key=secret");
    let output = command
        .args(["spool", "replay", "--id", id])
        .arg(folder.path())
        .output();
    let output = output.expect("it runs");
    let (text, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(text.contains("wait for otlp-grpc again"), "{text}");
    assert_eq!(
        listed(folder.path())["quarantine"],
        Value::Array(Vec::new())
    );
    let server = serve(folder.path(), &backend, 0).await;
    wait_until("it is delivered", || collector.spans().len() == 2).await;
    assert_eq!(server.stop().code, Some(0));
    let (code, _, stderr) = spool(&["replay", "--id", id], folder.path());
    assert_eq!(code, Some(1));
    assert!(
        stderr.contains("nothing was refused that goes by"),
        "{stderr}"
    );
}

/// Damage is told with its file and an exit code of its own; what is no spool is told as such.
#[tokio::test(flavor = "multi_thread")]
async fn damage_has_an_exit_code_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = serve(folder.path(), "grpc://127.0.0.1:9", 5).await;
    assert_eq!(server.stop().code, Some(0));
    let file = listed(folder.path())["files"][0]["name"].clone();
    let path = folder
        .path()
        .join("spool")
        .join(file.as_str().expect("a name"));
    let mut bytes = std::fs::read(&path).expect("read");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&path, bytes).expect("written");
    let (code, text, _) = spool(&["verify"], folder.path());
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("cannot be read"), "{text}");
    assert_eq!(listed(folder.path())["whole"], false);
    for (directory, expected) in [("missing", "there is no spool at"), (".", "")] {
        let (code, _, stderr) = spool(&["ls"], &folder.path().join(directory));
        assert_eq!(code, Some(i32::from(!expected.is_empty())), "{stderr}");
        assert!(stderr.contains(expected), "{stderr}");
    }
    let (code, _, stderr) = spool(&["drop"], folder.path());
    assert_eq!(code, Some(2), "{stderr}");
}
