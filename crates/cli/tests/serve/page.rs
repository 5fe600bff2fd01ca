//! The page of `spanreel serve` and what is behind it: sessions are kept, shown, and there after a restart.

use std::path::Path;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use serde_json::{Value, json};

use super::server::{LONG, Server, request, spanreel};

fn serve(directory: &Path, options: &[&str]) -> Server {
    let directory = directory.to_str().expect("text");
    let mut all = vec!["--data-dir", directory];
    all.extend(options);
    Server::start(&all)
}

fn ask(server: &Server, path: &str) -> Value {
    let (status, body) = server.ask(path);
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).expect("JSON")
}

/// Sends a session of three spans.
async fn send(server: &Server, session: &str) {
    let url = format!("http://{}", server.grpc());
    let mut client = TraceServiceClient::connect(url).await.expect("it listens");
    client
        .export(request(session, 3))
        .await
        .expect("it is taken");
}

/// Waits until so many sessions are kept.
async fn wait_for(server: &Server, sessions: u64) -> Value {
    let deadline = Instant::now() + LONG;
    loop {
        let found = ask(server, "/api/v1/sessions");
        if found["total"] == json!(sessions) {
            return found;
        }
        assert!(Instant::now() < deadline, "{found}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn command(arguments: &[&str], directory: &Path) -> (Option<i32>, String) {
    let ended = spanreel()
        .args(arguments)
        .arg(directory)
        .output()
        .expect("it runs");
    let text = [ended.stdout, ended.stderr].concat();
    (ended.status.code(), String::from_utf8(text).expect("text"))
}

/// What is received is on the page, whatever is forwarded, and there after a restart; the command reads it too.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_received_is_on_the_page() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut server = serve(directory.path(), &[]);
    assert!(server.banner.contains("page"), "{}", server.banner);
    send(&server, "conv-1").await;
    let found = wait_for(&server, 1).await;
    assert_eq!(
        (&found["items"][0]["id"], &found["items"][0]["spans"]),
        (&json!("conv-1"), &json!(3))
    );
    let (status, page) = server.ask("/");
    assert!(
        status == 200 && page.contains("<title>spanreel</title>"),
        "{status} {page}"
    );
    let pipeline = ask(&server, "/api/v1/pipeline");
    let lanes = pipeline["lanes"].as_array().expect("lanes");
    let store = lanes
        .iter()
        .find(|lane| lane["name"] == "store")
        .expect("its lane");
    assert_eq!(
        (&store["handed"], &store["exported"]),
        (&json!(3), &json!(3))
    );
    assert_eq!(pipeline["store"]["sessions"], 1);

    let (code, listed) = command(&["sessions", "ls"], directory.path());
    assert!(
        code == Some(0) && listed.contains("conv-1"),
        "{code:?} {listed}"
    );
    let ended = server.stop();
    assert_eq!(ended.code, Some(0), "{:?}", ended.said);

    server = serve(directory.path(), &[]);
    send(&server, "conv-2").await;
    wait_for(&server, 2).await;
    let (code, shown) = command(&["sessions", "show", "conv-1"], directory.path());
    assert!(
        code == Some(0) && shown.contains("span 3"),
        "{code:?} {shown}"
    );
    let (code, exported) = command(&["sessions", "export", "conv-2"], directory.path());
    assert!(
        code == Some(0) && exported.starts_with(r#"{"resourceSpans":"#),
        "{code:?} {exported}"
    );
    let (code, said) = command(&["sessions", "show", "conv-3"], directory.path());
    assert!(
        code == Some(1) && said.contains("there is no session conv-3"),
        "{code:?} {said}"
    );
    assert_eq!(server.stop().code, Some(0));
}

/// A second process with the same directory says so, and keeps sessions in memory.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_keeps_sessions_in_memory() {
    let directory = tempfile::tempdir().expect("a directory");
    let first = serve(directory.path(), &[]);
    let mut second = serve(directory.path(), &[]);
    second.wait_for("sessions are kept in memory instead");
    send(&second, "conv-1").await;
    wait_for(&second, 1).await;
    assert_eq!(ask(&second, "/api/v1/pipeline")["store"]["kind"], "memory");
    assert_eq!(ask(&first, "/api/v1/sessions")["total"], 0);
}

/// Without a store there is no page, and nothing is written.
#[test]
fn without_a_store_there_is_no_page() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = serve(directory.path(), &["--store", "off"]);
    assert_eq!(server.ask("/api/v1/sessions").0, 404);
    assert_eq!(server.ask("/healthz").0, 200);
    assert!(!directory.path().join("store").exists());
}
