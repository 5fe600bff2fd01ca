//! The command, running, and what it says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use rustix::process::{Pid, Signal, kill_process};

/// Longer than anything here takes, also on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// The command, with nothing of this process's environment. What a test does not ask for is not kept.
pub(crate) fn spanreel() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spanreel"));
    command.env_clear().env("SPANREEL_DATA_DIR", "off");
    command
}

/// Ports that are free.
pub(crate) const ANY_PORT: [&str; 6] = [
    "--otlp-grpc",
    "127.0.0.1:0",
    "--otlp-http",
    "127.0.0.1:0",
    "--http",
    "127.0.0.1:0",
];

/// `spanreel serve` that is running. Dropped, it is killed.
pub(crate) struct Server {
    process: Child,
    stdout: BufReader<std::process::ChildStdout>,
    stderr: Receiver<String>,
    /// Lines of standard error that were read.
    pub(crate) said: Vec<String>,
    /// What it said at the start.
    pub(crate) banner: String,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    /// What it said on standard output at the end.
    pub(crate) report: String,
    /// Everything on standard error.
    pub(crate) said: Vec<String>,
}

impl Server {
    /// Starts it on free ports with more options, and waits until it listens.
    pub(crate) fn start(options: &[&str]) -> Self {
        let mut command = spanreel();
        command.arg("serve").args(ANY_PORT).args(options);
        Self::of(command)
    }

    /// Starts a command, and waits until it listens.
    pub(crate) fn of(mut command: Command) -> Self {
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command runs");
        let stdout = BufReader::new(process.stdout.take().expect("a pipe"));
        let errors = BufReader::new(process.stderr.take().expect("a pipe"));
        let (lines, stderr) = sync_channel(100_000);
        std::thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                if lines.send(line).is_err() {
                    break;
                }
            }
        });
        let mut server = Self {
            process,
            stdout,
            stderr,
            said: Vec::new(),
            banner: String::new(),
        };
        // It ends with the lines to paste and an empty one.
        while !(server.banner.contains("PROTOCOL=") && server.banner.ends_with("\n\n")) {
            let mut line = String::new();
            let read = server.stdout.read_line(&mut line).expect("text");
            if read == 0 {
                let said = server.kill().said;
                panic!("it has ended: {} {said:?}", server.banner);
            }
            server.banner.push_str(&line);
        }
        server
    }

    fn addr(&self, name: &str) -> SocketAddr {
        let line = self
            .banner
            .lines()
            .find(|line| line.trim_start().starts_with(name));
        let line = line.unwrap_or_else(|| panic!("{name} in {}", self.banner));
        let shown = line.trim_start().trim_start_matches(name).trim();
        let shown = shown.trim_start_matches("http://");
        let end = shown.find(['/', ',']).unwrap_or(shown.len());
        shown[..end].parse().expect(line)
    }

    pub(crate) fn grpc(&self) -> SocketAddr {
        self.addr("OTLP/gRPC")
    }

    pub(crate) fn http(&self) -> SocketAddr {
        self.addr("OTLP/HTTP")
    }

    pub(crate) fn operations(&self) -> SocketAddr {
        self.addr("operations")
    }

    /// Asks the operations: status and body.
    pub(crate) fn ask(&self, path: &str) -> (u16, String) {
        ask(self.operations(), path, "")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.process.id()).expect("a process");
        let pid = Pid::from_raw(pid).expect("not 0");
        kill_process(pid, signal).expect("it is there");
    }

    /// Waits until it says something on standard error.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let deadline = Instant::now() + LONG;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.stderr.recv_timeout(left) {
                Ok(line) => {
                    self.said.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(error) => panic!("{error}: no {text} in {:#?}", self.said),
            }
        }
    }

    /// Asks it to stop, and waits for the end.
    pub(crate) fn stop(self) -> Ended {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Waits for the end.
    pub(crate) fn wait(mut self) -> Ended {
        let mut report = String::new();
        self.stdout.read_to_string(&mut report).expect("text");
        let code = self.process.wait().expect("it ends").code();
        loop {
            match self.stderr.recv_timeout(LONG) {
                Ok(line) => self.said.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("standard error stays open"),
            }
        }
        Ended {
            code,
            report: report.trim_start().to_owned(),
            said: std::mem::take(&mut self.said),
        }
    }

    fn kill(&mut self) -> Ended {
        let _killed_or_gone = self.process.kill();
        let code = self.process.wait().expect("it ends").code();
        let said = self.stderr.iter().collect();
        Ended {
            code,
            report: String::new(),
            said,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _killed_or_gone = self.process.kill();
        let _status = self.process.wait();
    }
}

/// A plain GET: status and body. `header` is a further line or empty.
pub(crate) fn ask(addr: SocketAddr, path: &str, header: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(addr).expect("it listens");
    stream.set_read_timeout(Some(LONG)).expect("a time");
    let host = if header.to_ascii_lowercase().starts_with("host:") {
        String::new()
    } else {
        format!("host: {addr}\r\n")
    };
    let header = if header.is_empty() {
        String::new()
    } else {
        format!("{header}\r\n")
    };
    let request = format!("GET {path} HTTP/1.1\r\n{host}{header}connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");
    let status = answer
        .split(' ')
        .nth(1)
        .expect("a status")
        .parse()
        .expect("a number");
    let body = answer.split_once("\r\n\r\n").expect("a body").1;
    (status, body.to_owned())
}

/// A file with a configuration, in a folder that goes with it.
pub(crate) struct File {
    _folder: tempfile::TempDir,
    pub(crate) path: PathBuf,
}

impl File {
    pub(crate) fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("spanreel.toml");
        std::fs::write(&path, text).expect("written");
        Self {
            _folder: folder,
            path,
        }
    }

    pub(crate) fn name(&self) -> &str {
        Path::to_str(&self.path).expect("text")
    }
}

/// A request with spans of one session.
pub(crate) fn request(session: &str, spans: u8) -> ExportTraceServiceRequest {
    let text = |key: &str, value: &str| KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: Some(Value::StringValue(value.to_owned())),
        }),
        ..KeyValue::default()
    };
    let spans = (1..=spans).map(|number| Span {
        trace_id: vec![7; 16],
        span_id: vec![number; 8],
        parent_span_id: vec![99; 8],
        name: format!("span {number}"),
        start_time_unix_nano: 1_700_000_000_000_000_000,
        end_time_unix_nano: 1_700_000_001_000_000_000,
        attributes: vec![text("session.id", session)],
        ..Span::default()
    });
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: vec![text("service.name", "agents")],
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans {
                spans: spans.collect(),
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
}
