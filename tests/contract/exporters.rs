//! Every exporter keeps the contract.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use spanreel::testing::InMemory;
use spanreel::{Console, Exporter, Fate, Null, Otlp, OtlpFile, Zipkin};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::prompt;
use crate::receiver::{Answer, Receiver};
use crate::suite::{Sink, Told, check, check_partial_success, check_refusals};
use crate::support::ledger::assert_settled;

/// A receiver with the runtime that it lives on.
struct Remote {
    receiver: Receiver,
    _runtime: Arc<Runtime>,
}

impl Sink for Remote {
    fn names(&self) -> Vec<String> {
        self.receiver.names()
    }
}

impl Told for Remote {
    fn will(&self, answers: &[Answer]) {
        self.receiver.will(answers);
    }
}

/// Makes exporters, each with a receiver of its own.
fn remote<E: Into<Exporter>>(
    over_grpc: bool,
    exporter: impl Fn(String) -> E,
) -> impl Fn() -> (Exporter, Remote) {
    let runtime = Arc::new(Runtime::new().expect("a runtime"));
    move || {
        let address = "127.0.0.1:0".parse().expect("an address");
        let receiver = match over_grpc {
            true => runtime.block_on(Receiver::grpc(address)),
            false => runtime.block_on(Receiver::http(address)),
        };
        let exporter = exporter(receiver.url()).into();
        let _runtime = Arc::clone(&runtime);
        (exporter, Remote { receiver, _runtime })
    }
}

/// OTLP over gRPC keeps the contract.
#[test]
fn otlp_over_grpc_keeps_it() {
    let make = remote(true, Otlp::grpc);
    check(&make);
    check_refusals(&make);
    check_partial_success(&make);
}

/// OTLP over HTTP in protobuf keeps the contract.
#[test]
fn otlp_over_http_keeps_it() {
    let make = remote(false, Otlp::http);
    check(&make);
    check_refusals(&make);
    check_partial_success(&make);
}

/// OTLP over HTTP in JSON keeps the contract.
#[test]
fn otlp_json_over_http_keeps_it() {
    let make = remote(false, Otlp::http_json);
    check(&make);
    check_refusals(&make);
    check_partial_success(&make);
}

/// Zipkin keeps the contract; it knows no partial success.
#[test]
fn zipkin_keeps_it() {
    let make = remote(false, |url| Zipkin::new(format!("{url}/api/v2/spans")));
    check(&make);
    check_refusals(&make);
}

/// A file of OTLP JSON.
struct File {
    path: PathBuf,
    _folder: TempDir,
}

impl Sink for File {
    fn names(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.path).expect("a file");
        let mut names = Vec::new();
        for line in text.lines() {
            let request: ExportTraceServiceRequest = serde_json::from_str(line).expect("OTLP JSON");
            let resources = request.resource_spans.into_iter();
            let scopes = resources.flat_map(|resource| resource.scope_spans);
            names.extend(scopes.flat_map(|scope| scope.spans).map(|span| span.name));
        }
        names
    }
}

/// The file exporter keeps the contract.
#[test]
fn a_file_keeps_it() {
    check(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("spans.jsonl");
        let exporter = OtlpFile::create(&path).into();
        let _folder = folder;
        (exporter, File { path, _folder })
    });
}

impl Sink for InMemory {
    fn names(&self) -> Vec<String> {
        self.spans().into_iter().map(|span| span.name).collect()
    }
}

/// The in-memory exporter keeps the contract.
#[test]
fn memory_keeps_it() {
    check(|| {
        let memory = InMemory::new();
        (memory.clone().into(), memory)
    });
}

/// The exporter that keeps nothing takes everything.
#[test]
fn null_takes_everything() {
    let pipeline = prompt().export(Null).start().expect("a pipeline");
    let session = pipeline.session("contract").expect("open");
    session.child("turn").start().end();
    session.log("a record").emit();
    let report = pipeline.shutdown_blocking(std::time::Duration::from_secs(5));
    assert_settled(&report);
    assert!(report.is_lossless(), "{report}");
    assert_eq!(report.lanes[0].traces.of(Fate::Exported), 2);
    assert_eq!(report.lanes[0].logs.of(Fate::Exported), 1);
}

/// The program whose standard output the next test reads.
#[test]
#[ignore = "the next test runs it as a process of its own"]
fn console_program() {
    let pipeline = prompt().export(Console::new()).start().expect("a pipeline");
    let session = pipeline.session("contract").expect("open");
    session.child("turn one").start().end();
    let _open = session.child("turn two").start();
    // Neither ended nor shut down: dropping the handle is the end.
}

/// The console prints a session that its program did not end before it went, once.
#[test]
fn a_console_prints_everything_once() {
    let program = std::env::current_exe().expect("this program");
    let child = [
        "--exact",
        "exporters::console_program",
        "--ignored",
        "--nocapture",
    ];
    let output = Command::new(program).args(child).output().expect("it runs");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("text");
    for name in ["turn one", "turn two"] {
        assert_eq!(text.matches(name).count(), 1, "{text}");
    }
}
