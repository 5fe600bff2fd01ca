//! What stands in the file, and when.

use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

use super::*;
use crate::model::content::Content;
use crate::model::request::Signal;
use crate::pipeline::Pipeline;

fn typed(name: &str) -> ExportTraceServiceRequest {
    let span = Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        name: name.to_owned(),
        status: Some(Default::default()),
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans {
        scope: Some(Default::default()),
        spans: vec![span],
        ..ScopeSpans::default()
    }];
    let group = ResourceSpans {
        resource: Some(Default::default()),
        scope_spans,
        ..ResourceSpans::default()
    };
    ExportTraceServiceRequest {
        resource_spans: vec![group],
    }
}

fn request(name: &str) -> Request {
    let bytes = Bytes::from(typed(name).encode_to_vec());
    Request::new(Signal::Traces, 1, bytes.into())
}

fn started(file: OtlpFile) -> Arc<dyn DynExport> {
    let Exporter {
        build, settings, ..
    } = file.into();
    build(&settings).expect("it opens")
}

fn read(path: &Path) -> Vec<ExportTraceServiceRequest> {
    let text = std::fs::read_to_string(path).expect("a file of text");
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines()
        .map(|line| serde_json::from_str(line).expect("OTLP JSON"))
        .collect()
}

/// Each request is one line that the reference reads, there as soon as the export is done.
#[tokio::test]
async fn each_request_is_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("traces.jsonl");
    let exporter = started(OtlpFile::append(&path));
    exporter
        .export(request("one\nline"))
        .await
        .expect("written");
    assert_eq!(read(&path), [typed("one\nline")]);
    exporter.export(request("two")).await.expect("written");
    assert_eq!(read(&path), [typed("one\nline"), typed("two")]);
}

/// The lane gives the file one request at a time.
#[test]
fn requests_come_one_at_a_time() {
    let exporter = Exporter::from(OtlpFile::stdout());
    assert_eq!(exporter.settings.concurrency.get(), 1);
}

/// Appending keeps what is there, creating does not.
#[tokio::test]
async fn appending_keeps_and_creating_replaces() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("traces.jsonl");
    for name in ["one", "two"] {
        let exporter = started(OtlpFile::append(&path));
        exporter.export(request(name)).await.expect("written");
    }
    assert_eq!(read(&path), [typed("one"), typed("two")]);
    let exporter = started(OtlpFile::create(&path));
    exporter.export(request("three")).await.expect("written");
    assert_eq!(read(&path), [typed("three")]);
}

/// A file that is to be started anew is empty as soon as the pipeline runs, and keeps what it has where the
/// start fails: because of another exporter, say.
#[test]
fn a_start_that_fails_keeps_the_old_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("traces.jsonl");
    std::fs::write(&path, "of the last run\n").expect("a folder of ours");
    let missing = folder.path().join("missing").join("traces.jsonl");
    let failed = Pipeline::builder()
        .export(OtlpFile::create(&path))
        .export(OtlpFile::append(missing))
        .start();
    assert!(failed.is_err());
    let text = || std::fs::read_to_string(&path).expect("text");
    assert_eq!(text(), "of the last run\n");

    let file = Exporter::from(OtlpFile::create(&path)).content(Content::Off);
    let pipeline = Pipeline::builder().export(file).start();
    let pipeline = pipeline.expect("a pipeline");
    assert_eq!(text(), "");
    pipeline.shutdown_blocking(Duration::from_secs(20));
}

/// A new file is its owner's alone.
#[cfg(unix)]
#[test]
fn a_new_file_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    for file in [OtlpFile::append, OtlpFile::create] {
        let path = folder.path().join("traces.jsonl");
        let _exporter = started(file(path.clone()));
        let mode = std::fs::metadata(&path)
            .expect("it exists")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::remove_file(path).expect("ours");
    }
}

/// A file that cannot be opened is reported at the start, with its path and what would be right.
#[test]
fn a_file_that_cannot_be_opened_is_a_problem_at_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("missing").join("traces.jsonl");
    let Exporter {
        build, settings, ..
    } = OtlpFile::append(&path).into();
    let Err(problems) = build(&settings) else {
        panic!("it opened");
    };
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].setting, "OtlpFile");
    assert!(problems[0].advice.contains(&path.display().to_string()));
}

/// After a crash within a line, the next line starts on its own.
#[tokio::test]
async fn a_cut_off_line_spoils_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("traces.jsonl");
    std::fs::write(&path, "{\"resourceSpans\":[{\"re").expect("a folder of ours");
    let exporter = started(OtlpFile::append(&path));
    exporter.export(request("one")).await.expect("written");
    let text = std::fs::read_to_string(&path).expect("text");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(serde_json::from_str::<ExportTraceServiceRequest>(lines[1]).is_ok());
}

/// Takes some bytes, then fails once in the middle of a line.
struct FailsOnce {
    written: Arc<Mutex<Vec<u8>>>,
    room: Option<usize>,
}

impl Write for FailsOnce {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let take = match self.room {
            Some(0) => {
                self.room = None;
                return Err(io::ErrorKind::StorageFull.into());
            }
            Some(room) => room.min(bytes.len()),
            None => bytes.len(),
        };
        self.room = self.room.map(|room| room - take);
        self.written.lock().unwrap().extend(&bytes[..take]);
        Ok(take)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A failed write is retryable, and the next attempt writes the whole line on its own.
#[tokio::test]
async fn a_failed_write_is_tried_again() {
    let written = Arc::default();
    let out = FailsOnce {
        written: Arc::clone(&written),
        room: Some(10),
    };
    let exporter = FileExporter::new(Lines::new(Box::new(out), false));
    let error = DynExport::export(&exporter, request("one"))
        .await
        .expect_err("full");
    assert!(error.is_retryable(), "{error:?}");
    DynExport::export(&exporter, request("one"))
        .await
        .expect("room again");
    let text = String::from_utf8(written.lock().unwrap().clone()).expect("UTF-8");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0].len(), 10);
    let read: ExportTraceServiceRequest = serde_json::from_str(lines[1]).expect("OTLP JSON");
    assert_eq!(read, typed("one"));
}

/// Bytes that are no request are refused for good and write nothing.
#[tokio::test]
async fn bytes_that_are_no_request_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("traces.jsonl");
    let exporter = started(OtlpFile::append(&path));
    let garbage = Request::new(Signal::Traces, 1, Bytes::from_static(b"\x0a\x05").into());
    let error = exporter.export(garbage).await.expect_err("cut off");
    assert!(matches!(error, ExportError::Permanent { .. }));
    assert!(read(&path).is_empty());
}
