//! Writes telemetry to a file in the forms that the library has no file for: OTLP in protobuf with lengths,
//! and Zipkin.
//!
//! Holds: one request. Waits: for the file, in the pipeline's thread for it. Loses: log records and links,
//! where the form is Zipkin's.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prost::encoding::encode_varint;
use spanreel::{Export, ExportError, Exporter, Request, Signal, Zipkin};

use super::args::Out;

/// A form of telemetry in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spans {
    /// `ExportTraceServiceRequest` and `ExportLogsServiceRequest`, each behind its length as a varint.
    OtlpProto,
    /// One JSON list of Zipkin v2 spans.
    Zipkin,
}

/// A file that is being written; clones write to the same.
#[derive(Clone)]
pub(crate) struct FormWriter {
    form: Spans,
    file: Arc<Mutex<File>>,
}

struct File {
    out: Box<dyn Write + Send>,
    /// Something stands in the list.
    has_spans: bool,
}

impl fmt::Debug for FormWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FormWriter").field(&self.form).finish()
    }
}

/// Begins a file anew, readable and writable by its owner alone where it is made; or standard output.
///
/// # Errors
/// It cannot be opened: says which, and what to do.
pub(crate) fn create(out: &Out) -> io::Result<Box<dyn Write + Send>> {
    let Out::File(path) = out else {
        return Ok(Box::new(io::stdout()));
    };
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let opened = options.write(true).create(true).truncate(true).open(path);
    let file = opened.map_err(|error| {
        let advice = "name a file in a folder that exists and may be written to";
        let text = format!(
            "cannot open {} for writing: {error}; {advice}",
            path.display()
        );
        io::Error::new(error.kind(), text)
    })?;
    Ok(Box::new(BufWriter::new(file)))
}

impl FormWriter {
    pub(crate) fn new(form: Spans, out: Box<dyn Write + Send>) -> Self {
        let file = File {
            out,
            has_spans: false,
        };
        Self {
            form,
            file: Arc::new(Mutex::new(file)),
        }
    }

    /// For a pipeline: one request at a time, in order. What could not be written once is not written
    /// again: a part of it may stand in the file.
    pub(crate) fn exporter(&self) -> Exporter {
        let signals: &[Signal] = match self.form {
            Spans::OtlpProto => &[Signal::Traces, Signal::Logs],
            Spans::Zipkin => &[Signal::Traces],
        };
        Exporter::new(self.clone())
            .concurrency(NonZeroUsize::MIN)
            .timeout(Duration::from_secs(3600))
            .signals(signals)
    }

    /// Writes what belongs behind the last request.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn finish(&self) -> io::Result<()> {
        let mut file = self.file();
        if self.form == Spans::Zipkin {
            let end: &[u8] = if file.has_spans { b"\n]\n" } else { b"[]\n" };
            file.out.write_all(end)?;
        }
        file.out.flush()
    }

    fn file(&self) -> MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, request: &Request) -> Result<(), ExportError> {
        let bytes = request.to_bytes();
        let mut file = self.file();
        match self.form {
            Spans::OtlpProto => {
                let mut length = Vec::with_capacity(10);
                encode_varint(bytes.len() as u64, &mut length);
                file.out
                    .write_all(&length)
                    .map_err(ExportError::permanent)?;
                file.out.write_all(&bytes).map_err(ExportError::permanent)
            }
            Spans::Zipkin => {
                let (list, rejected) = Zipkin::encode(&bytes).map_err(ExportError::permanent)?;
                file.write_list(&list).map_err(ExportError::permanent)?;
                if rejected > 0 {
                    let message = "spans without a valid trace id and span id".to_owned();
                    return Err(ExportError::Partial { rejected, message });
                }
                Ok(())
            }
        }
    }
}

impl File {
    /// Adds the elements of a JSON list to the one in the file.
    fn write_list(&mut self, list: &[u8]) -> io::Result<()> {
        let inside = list.strip_prefix(b"[").and_then(|it| it.strip_suffix(b"]"));
        let Some(elements) = inside.filter(|it| !it.is_empty()) else {
            return Ok(());
        };
        let before: &[u8] = if self.has_spans { b",\n" } else { b"[\n" };
        self.has_spans = true;
        self.out.write_all(before)?;
        self.out.write_all(elements)
    }
}

impl Export for FormWriter {
    fn name(&self) -> &str {
        "file"
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        let writer = self.clone();
        let written = tokio::task::spawn_blocking(move || writer.write(&request));
        written.await.map_err(ExportError::permanent)?
    }
}
