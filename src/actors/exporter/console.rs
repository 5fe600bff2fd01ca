//! Prints sessions as trees, for people at a terminal.
//!
//! Holds: spans whose root has not come, within a bound of time and of size. Waits: for the terminal,
//! on one thread for blocking work at the most. Loses nothing that it was given: what exceeds a bound is printed
//! as a partial tree, and so is whatever is left at the end.

use std::collections::HashMap;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::aside::Aside;
use super::tree::{SessionTree, Style};
use super::{DynExport, Export, ExportError, Exporter, LaneSettings};
use crate::model::id::TraceId;
use crate::model::otlp::view::WireError;
use crate::model::record::RecordedSpan;
use crate::model::request::{Request, Signal};

/// What a waiting span counts beyond its size on the wire: roughly what it takes as a value.
const SPAN_OVERHEAD: usize = 512;

/// Prints each trace to standard output as a tree when its root span arrives.
///
/// Spans that arrive before their root wait for it. They are printed as a partial tree when the root
/// has not come within 30 s, which is looked at whenever something is exported, or when more than
/// 16 MiB are waiting (the oldest trace first), and when the exporter is dropped. Log records are
/// not printed.
///
/// ```
/// use spanreel::tree::Style;
/// use spanreel::{Console, Exporter};
///
/// let console = Console::new().style(Style { width: 120, color: true, ..Style::default() });
/// let exporter = Exporter::from(console);
/// ```
#[derive(Clone, Debug)]
pub struct Console {
    style: Style,
    limits: Limits,
}

#[derive(Clone, Debug)]
struct Limits {
    wait: Duration,
    bytes: usize,
}

impl Default for Console {
    fn default() -> Self {
        Self::new()
    }
}

impl Console {
    /// Prints without colours, 100 columns wide.
    #[must_use]
    pub fn new() -> Self {
        Self {
            style: Style::default(),
            limits: Limits {
                wait: Duration::from_secs(30),
                bytes: 16 * 1024 * 1024,
            },
        }
    }

    /// How trees are laid out.
    #[must_use]
    pub fn style(mut self, style: Style) -> Self {
        self.style = style;
        self
    }

    /// How long spans wait for their root. Default: 30 s.
    #[must_use]
    pub fn wait(mut self, at_most: Duration) -> Self {
        self.limits.wait = at_most;
        self
    }

    /// How many bytes of spans may wait for their roots: their size on the wire and 512 bytes each.
    /// Default: 16 MiB.
    #[must_use]
    pub fn max_waiting_bytes(mut self, bytes: usize) -> Self {
        self.limits.bytes = bytes;
        self
    }

    fn printing_to<W: Write + Send + 'static>(self, out: W) -> ConsoleExporter<W> {
        ConsoleExporter {
            printer: Aside::new(Printer {
                out,
                style: self.style,
                limits: self.limits,
                traces: HashMap::new(),
                bytes: 0,
            }),
        }
    }
}

impl From<Console> for Exporter {
    /// One request of traces at a time, so that trees do not mix and roots come last.
    fn from(console: Console) -> Self {
        let build = |_: &LaneSettings| {
            Ok(Arc::new(console.printing_to(io::stdout())) as Arc<dyn DynExport>)
        };
        Self::deferred("console", build)
            .concurrency(NonZeroUsize::MIN)
            .signals(&[Signal::Traces])
    }
}

struct ConsoleExporter<W: Write + Send + 'static> {
    printer: Aside<Printer<W>>,
}

impl<W: Write + Send + 'static> Export for ConsoleExporter<W> {
    fn name(&self) -> &str {
        "console"
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        let now = Instant::now();
        let printed = self.printer.with(move |printer| {
            let bytes = request.to_bytes();
            let rejected = printer
                .take_in(&bytes, now)
                .map_err(ExportError::permanent)?;
            let due = printer.take_due(now);
            // A terminal that is gone does not come back.
            printer.print(due).map_err(ExportError::permanent)?;
            if rejected > 0 {
                let message = "spans without a valid trace id and span id".to_owned();
                return Err(ExportError::Partial { rejected, message });
            }
            Ok(())
        });
        printed.await?
    }
}

/// Spans on their way to the terminal.
struct Printer<W: Write> {
    out: W,
    style: Style,
    limits: Limits,
    traces: HashMap<TraceId, Waiting>,
    /// The sum over all traces.
    bytes: usize,
}

/// The spans of a trace whose root has not come.
struct Waiting {
    spans: Vec<RecordedSpan>,
    bytes: usize,
    /// When the first of them came.
    since: Instant,
    has_root: bool,
}

impl<W: Write> Printer<W> {
    /// Takes in a request, and says how many of its spans are invalid.
    fn take_in(&mut self, request: &[u8], now: Instant) -> Result<u64, WireError> {
        RecordedSpan::read_each(request, |span, size| {
            let waiting = self.traces.entry(span.trace_id).or_insert(Waiting {
                spans: Vec::new(),
                bytes: 0,
                since: now,
                has_root: false,
            });
            let size = size + SPAN_OVERHEAD;
            self.bytes += size;
            waiting.bytes += size;
            waiting.has_root |= span.is_local_root();
            waiting.spans.push(span);
        })
    }

    /// Gives out the traces to be printed: those with a root, those that waited too long, and as
    /// many of the oldest as are too many.
    fn take_due(&mut self, now: Instant) -> Vec<Waiting> {
        let wait = self.limits.wait;
        let mut due = self.take_out(|waiting| waiting.has_root);
        due.extend(self.take_out(|waiting| now.duration_since(waiting.since) >= wait));
        if self.bytes > self.limits.bytes {
            due.extend(self.take_oldest());
        }
        due
    }

    /// The traces that are wanted, the one that began to wait first in front.
    fn take_out(&mut self, wanted: impl Fn(&Waiting) -> bool) -> Vec<Waiting> {
        let found = self.traces.extract_if(|_, waiting| wanted(waiting));
        let mut found: Vec<Waiting> = found.map(|(_, waiting)| waiting).collect();
        self.bytes -= found.iter().map(|waiting| waiting.bytes).sum::<usize>();
        found.sort_by_key(|waiting| (waiting.since, waiting.start()));
        found
    }

    /// As many of the traces that have waited longest as are too many.
    fn take_oldest(&mut self) -> Vec<Waiting> {
        let mut order: Vec<(Instant, u64, TraceId)> = self
            .traces
            .iter()
            .map(|(id, waiting)| (waiting.since, waiting.start(), *id))
            .collect();
        order.sort_unstable();
        let mut taken = Vec::new();
        for (_, _, id) in order {
            if self.bytes <= self.limits.bytes {
                break;
            }
            if let Some(waiting) = self.traces.remove(&id) {
                self.bytes -= waiting.bytes;
                taken.push(waiting);
            }
        }
        taken
    }

    fn print(&mut self, traces: Vec<Waiting>) -> io::Result<()> {
        if traces.is_empty() {
            return Ok(());
        }
        let mut text = String::new();
        for waiting in traces {
            text.push_str(&SessionTree::new(waiting.spans).render(&self.style));
            text.push('\n');
        }
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}

impl Waiting {
    fn start(&self) -> u64 {
        let starts = self.spans.iter().map(|span| span.start_unix_nanos);
        starts.min().unwrap_or(0)
    }
}

impl<W: Write> Drop for Printer<W> {
    fn drop(&mut self) {
        let left = self.take_out(|_| true);
        let traces = left.len();
        if let Err(error) = self.print(left) {
            tracing::warn!(target: "spanreel", traces, %error, "could not print what was left");
        }
    }
}

#[cfg(test)]
mod tests;
