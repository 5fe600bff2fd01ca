//! OTLP as JSON lines, to a file or to stdout (OpenTelemetry "File Exporter").
//!
//! Holds: the open file. Waits: for the file, on a thread for blocking work. Loses nothing: a
//! request is written and flushed before it counts as exported, and a line that could not be
//! written whole is ended, so that it spoils no other.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::{DynExport, Export, ExportError, Exporter, LaneSettings};
use crate::model::otlp::json::to_json;
use crate::model::otlp::view::RequestView;
use crate::model::problem::Problem;
use crate::model::request::Request;

/// Writes telemetry to a file or to stdout, as OTLP JSON: one line is one request (`TracesData` or
/// `LogsData`), in the format of OpenTelemetry's file exporter, which the Collector's
/// `otlpjsonfile` receiver reads.
///
/// A line has reached the operating system
/// before it counts as exported; it survives the end of the process, though not of the machine.
/// A request may appear twice when writing it took longer than its time-out.
///
/// The format demands that one file holds one kind of data. With both, restrict each exporter:
///
/// ```no_run
/// use spanreel::{Exporter, OtlpFile, Signal};
///
/// let traces = Exporter::from(OtlpFile::append("traces.jsonl")).signals(&[Signal::Traces]);
/// let logs = Exporter::from(OtlpFile::append("logs.jsonl")).signals(&[Signal::Logs]);
/// ```
#[derive(Clone, Debug)]
pub struct OtlpFile {
    target: Target,
}

#[derive(Clone, Debug)]
enum Target {
    Append(PathBuf),
    Create(PathBuf),
    Stdout,
}

impl OtlpFile {
    /// Adds to the file, which is made when it does not exist: on Unix, readable and writable by
    /// its owner alone (0600). An existing file keeps its permissions.
    #[must_use]
    pub fn append(path: impl Into<PathBuf>) -> Self {
        Self {
            target: Target::Append(path.into()),
        }
    }

    /// Starts the file anew when the pipeline starts: what an existing one held is lost. Permissions
    /// are as with [`OtlpFile::append`].
    #[must_use]
    pub fn create(path: impl Into<PathBuf>) -> Self {
        Self {
            target: Target::Create(path.into()),
        }
    }

    /// Writes to standard output.
    #[must_use]
    pub fn stdout() -> Self {
        Self {
            target: Target::Stdout,
        }
    }

    fn open(self) -> Result<Lines, Vec<Problem>> {
        let (path, opened) = match self.target {
            Target::Stdout => return Ok(Lines::new(Box::new(io::stdout()), false)),
            Target::Append(path) => {
                let opened = open(&path, OpenOptions::new().append(true));
                (path, opened)
            }
            Target::Create(path) => {
                let opened = open(&path, OpenOptions::new().write(true).truncate(true));
                (path, opened)
            }
        };
        let (file, is_cut_off) = opened.map_err(|error| {
            let advice = format!(
                "cannot open {} for writing: {error}; name a file in a folder that exists and may \
                 be written to",
                path.display()
            );
            vec![Problem::new("OtlpFile", advice)]
        })?;
        Ok(Lines::new(Box::new(file), is_cut_off))
    }
}

/// Opens or makes a file, and says whether its last line lacks its end.
fn open(path: &Path, how: &mut OpenOptions) -> io::Result<(File, bool)> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(how, 0o600);
    let file = how.create(true).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() == 0 {
        return Ok((file, false));
    }
    // Through a handle of its own: the file may be write-only for us.
    let last_byte = File::open(path).and_then(|mut file| {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        Ok(last)
    });
    Ok((file, last_byte.is_ok_and(|last| last != *b"\n")))
}

impl From<OtlpFile> for Exporter {
    /// Traces and logs, one request at a time, so that lines stand in the order in which batches were made.
    fn from(file: OtlpFile) -> Self {
        let build = |lane: &LaneSettings| {
            if let Some(problem) = lane.asks_for_metrics() {
                return Err(vec![problem]);
            }
            Ok(Arc::new(FileExporter::new(file.open()?)) as Arc<dyn DynExport>)
        };
        let mut exporter = Self::deferred("otlp-file", build).concurrency(NonZeroUsize::MIN);
        exporter.settings = exporter.settings.without_metrics();
        exporter
    }
}

/// Lines being written.
struct Lines {
    out: Box<dyn Write + Send>,
    /// The last line was not written whole.
    is_cut_off: bool,
}

impl Lines {
    fn new(out: Box<dyn Write + Send>, is_cut_off: bool) -> Self {
        Self { out, is_cut_off }
    }

    /// Writes and flushes a line, which comes with its line feed.
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.is_cut_off {
            self.out.write_all(b"\n")?;
            self.is_cut_off = false;
        }
        let mut rest = line;
        while !rest.is_empty() {
            match self.out.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(taken) => rest = &rest[taken..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            self.is_cut_off = !rest.is_empty();
        }
        self.out.flush()
    }
}

struct FileExporter {
    lines: Arc<Mutex<Lines>>,
}

impl FileExporter {
    fn new(lines: Lines) -> Self {
        Self {
            lines: Arc::new(Mutex::new(lines)),
        }
    }
}

impl Export for FileExporter {
    fn name(&self) -> &str {
        "otlp-file"
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        let lines = Arc::clone(&self.lines);
        let written = tokio::task::spawn_blocking(move || write_request(&lines, &request));
        written.await.map_err(ExportError::retryable)?
    }
}

fn write_request(lines: &Mutex<Lines>, request: &Request) -> Result<(), ExportError> {
    let bytes = request.to_bytes();
    let view = RequestView::new(request.signal(), &bytes).map_err(ExportError::permanent)?;
    let mut line = to_json(view);
    line.push(b'\n');
    let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
    lines.write(&line).map_err(ExportError::retryable)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
    use prost::Message;

    use super::*;
    use crate::model::request::Signal;

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
        let error = Export::export(&exporter, request("one"))
            .await
            .expect_err("full");
        assert!(error.is_retryable(), "{error:?}");
        Export::export(&exporter, request("one"))
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
}
