//! OTLP as JSON lines, to a file or to stdout (OpenTelemetry "File Exporter").
//!
//! Holds: the open file. Waits: for the file, on one thread for blocking work at the most. Loses nothing: a
//! request is written and flushed before it counts as exported, and a line that could not be
//! written whole is ended, so that it spoils no other.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::future::BoxFuture;

use super::aside::Aside;
use super::{DynExport, ExportError, Exporter, LaneSettings};
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

    /// Starts the file anew when the pipeline starts: what an existing one held is lost then, and stays
    /// where the start fails. Permissions are as with [`OtlpFile::append`].
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
                let opened = append_to(&path);
                (path, opened)
            }
            Target::Create(path) => {
                let opened = replace(&path);
                (path, opened)
            }
        };
        opened.map_err(|error| {
            let advice = format!(
                "cannot open {} for writing: {error}; name a file in a folder that exists and may \
                 be written to",
                path.display()
            );
            vec![Problem::new("OtlpFile", advice)]
        })
    }
}

/// Opens or makes a file.
fn open(path: &Path, how: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(how, 0o600);
    how.create(true).open(path)
}

/// Lines behind those that a file has, whose last one may lack its end.
fn append_to(path: &Path) -> io::Result<Lines> {
    let file = open(path, OpenOptions::new().append(true))?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() == 0 {
        return Ok(Lines::new(Box::new(file), false));
    }
    // Through a handle of its own: the file may be write-only for us.
    let last_byte = File::open(path).and_then(|mut file| {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        Ok(last)
    });
    let is_cut_off = last_byte.is_ok_and(|last| last != *b"\n");
    Ok(Lines::new(Box::new(file), is_cut_off))
}

/// Lines instead of those that a file has, which it keeps until the pipeline starts.
fn replace(path: &Path) -> io::Result<Lines> {
    let file = open(path, OpenOptions::new().write(true).truncate(false))?;
    // What is no file, such as a pipe or a device, has nothing to be emptied.
    let old = match file.metadata()?.is_file() {
        true => Some(file.try_clone()?),
        false => None,
    };
    let out = Box::new(file);
    Ok(Lines {
        old,
        ..Lines::new(out, false)
    })
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
    /// The file, while it has what it is to be emptied of.
    old: Option<File>,
}

impl Lines {
    fn new(out: Box<dyn Write + Send>, is_cut_off: bool) -> Self {
        Self {
            out,
            is_cut_off,
            old: None,
        }
    }

    /// Empties the file where it is to be started anew and was not.
    fn start_anew(&mut self) -> io::Result<()> {
        if let Some(file) = &self.old {
            file.set_len(0)?;
            self.old = None;
        }
        Ok(())
    }

    /// Writes and flushes a line, which comes with its line feed.
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.start_anew()?;
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
    lines: Aside<Lines>,
}

impl FileExporter {
    fn new(lines: Lines) -> Self {
        Self {
            lines: Aside::new(lines),
        }
    }
}

impl DynExport for FileExporter {
    fn export(&self, request: Request) -> BoxFuture<'_, Result<(), ExportError>> {
        let written = self.lines.with(move |lines| write_request(lines, &request));
        Box::pin(async { written.await? })
    }

    fn pipeline_starts(&self) {
        // It is nobody else's turn before there was a request. The first one tries it again.
        if let Some(Err(error)) = self.lines.at_once(Lines::start_anew) {
            tracing::warn!(target: "spanreel", %error, "the file of an exporter cannot be emptied");
        }
    }
}

fn write_request(lines: &mut Lines, request: &Request) -> Result<(), ExportError> {
    let bytes = request.to_bytes();
    let view = RequestView::new(request.signal(), &bytes).map_err(ExportError::permanent)?;
    let mut line = to_json(view);
    line.push(b'\n');
    lines.write(&line).map_err(ExportError::retryable)
}

#[cfg(test)]
mod tests;
