//! `spanreel serve --gateway` with a `[redaction]`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use serde_json::json;

use crate::collector::Collector;
use crate::got;
use crate::planter::{Planter, files};
use crate::server::{ANY_PORT, File, LONG, Server, spanreel};

/// A provider that repeats everything it is told, as an error or as an answer.
fn provider() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let asked = request(&mut stream);
            let words = asked["messages"][0]["content"].clone();
            let (status, body) = match asked["temperature"] == 0 {
                true => (
                    "400 Bad Request",
                    json!({"error": {
                    "type": words, "code": words, "message": words}}),
                ),
                false => (
                    "200 OK",
                    json!({
                    "id": words, "object": "chat.completion", "created": 1, "model": words,
                    "system_fingerprint": words,
                    "choices": [{"index": 0, "finish_reason": "stop",
                        "message": {"role": "assistant", "content": words}}],
                    "usage": {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25}}),
                ),
            };
            let body = body.to_string();
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
                 connection: close\r\n\r\n{body}",
                body.len()
            );
            // How a client leaves is its own affair.
            let _left = stream.write_all(answer.as_bytes());
        }
    });
    addr
}

/// The body of a request.
fn request(stream: &mut TcpStream) -> serde_json::Value {
    let mut read = Vec::new();
    let mut block = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let lines = head.lines().map(str::to_ascii_lowercase);
            let mut lengths = lines.filter_map(|line| {
                let length = line.strip_prefix("content-length:")?;
                length.trim().parse::<usize>().ok()
            });
            if body.len() >= lengths.next().unwrap_or(0) {
                return serde_json::from_str(body).unwrap_or_default();
            }
        }
        match stream.read(&mut block) {
            Ok(count) if count > 0 => read.extend_from_slice(&block[..count]),
            _ => return serde_json::Value::Null,
        }
    }
}

/// What is asked of a model, what it answers and how it refuses hold secrets, and so do headers: none is
/// forwarded, on disk, shown or logged, though the client gets its answer as it is.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_leaves_the_gateway() {
    let mut planter = Planter::new(0x6a7e);
    let folder = tempfile::tempdir().expect("a folder");
    let collector = Collector::default();
    let file = File::new(&format!(
        "log-level = \"trace\"\nbatch-delay = \"50ms\"\n\
         [[export]]\nurl = \"grpc://{}\"\n[[export]]\nurl = \"http://127.0.0.1:9\"\n[redaction]\n",
        collector.listen().await,
    ));
    let data = folder.path().to_str().expect("text");
    let mut command = spanreel();
    command
        .env("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true")
        .arg("serve")
        .args(ANY_PORT);
    command.args(["--config", file.name(), "--data-dir", data, "--grace", "2s"]);
    command.args(["--gateway", "127.0.0.1:0"]);
    command.args(["--upstream", &format!("openai=http://{}", provider())]);
    let server = Server::of(command);
    let banner = server.banner.clone();
    let line = banner.lines().find(|line| line.contains("gateway"));
    let line = line.expect("it is said");
    let start = line.find("http://").expect("an address") + "http://".len();
    let addr = &line[start..];
    let addr = &addr[..addr.find("/openai").expect("a path")];
    for number in 0..60 {
        let said = planter.said();
        let body = json!({
            "model": planter.said(),
            "temperature": number % 2,
            "user": planter.said(),
            "messages": [{"role": "user", "content": said}],
        });
        let body = body.to_string();
        let plain = |text: String| text.replace(['\n', ','], " ");
        let (session, note) = (plain(planter.said()), plain(planter.secret()));
        let asked = format!(
            "POST /openai/v1/chat/completions HTTP/1.1\r\nhost: {addr}\r\nx-session-id: {session}\r\n\
             x-note: {note}\r\nbaggage: user={note}\r\nauthorization: Bearer {note}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(addr).expect("it listens");
        stream.set_read_timeout(Some(LONG)).expect("a time");
        stream.write_all(asked.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("text");
        let words = serde_json::to_string(&said).expect("text");
        assert!(
            answer.contains(&words),
            "the client gets what was said: {answer}"
        );
    }
    let (_, metrics) = server.ask("/metrics");
    let on_disk = files(folder.path());
    let ended = server.stop();
    assert!(ended.code.is_some(), "{ended:?}");
    assert!(collector.spans().len() >= 60, "{}", collector.spans().len());
    let got = got(&collector);
    assert!(got.contains("they say") && got.contains("gen_ai.input.messages"));
    planter.assert_none_in("the destination", got.as_bytes());
    planter.assert_none_in("metrics", metrics.as_bytes());
    planter.assert_none_in("the spool and the store", &on_disk);
    planter.assert_none_in("the spool and the store at the end", &files(folder.path()));
    planter.assert_none_in("diagnostics", ended.said.join("\n").as_bytes());
    planter.assert_none_in("the report", ended.report.as_bytes());
}
