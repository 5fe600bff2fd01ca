//! Prints sessions as trees, for people at a terminal.
//!
//! Holds: spans whose root has not come, within a bound of time and of size. Waits: for the terminal,
//! on a thread for blocking work. Loses nothing that it was given: what exceeds a bound is printed
//! as a partial tree, and so is whatever is left at the end.

use std::collections::HashMap;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::tree::{SessionTree, Style};
use super::{DynExport, Export, ExportError, Exporter};
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
            printer: Arc::new(Mutex::new(Printer {
                out,
                style: self.style,
                limits: self.limits,
                traces: HashMap::new(),
                bytes: 0,
            })),
        }
    }
}

impl From<Console> for Exporter {
    /// One request of traces at a time, so that trees do not mix and roots come last.
    fn from(console: Console) -> Self {
        let build = || Ok(Arc::new(console.printing_to(io::stdout())) as Arc<dyn DynExport>);
        Self::deferred("console", build)
            .concurrency(NonZeroUsize::MIN)
            .signals(&[Signal::Traces])
    }
}

struct ConsoleExporter<W: Write + Send + 'static> {
    printer: Arc<Mutex<Printer<W>>>,
}

impl<W: Write + Send + 'static> Export for ConsoleExporter<W> {
    fn name(&self) -> &str {
        "console"
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        let now = Instant::now();
        let printer = Arc::clone(&self.printer);
        let printed = tokio::task::spawn_blocking(move || {
            let bytes = request.to_bytes();
            let mut printer = printer.lock().unwrap_or_else(PoisonError::into_inner);
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
        printed.await.map_err(ExportError::permanent)?
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
            waiting.has_root |= span.parent_span_id.is_none() || span.has_remote_parent();
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
mod tests {
    use bytes::Bytes;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
    use prost::Message;

    use super::*;

    /// What was printed, shared with the exporter.
    #[derive(Clone, Default)]
    struct Screen(Arc<Mutex<Vec<u8>>>);

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Screen {
        /// What was printed since the last time, without durations.
        fn lines(&self) -> Vec<String> {
            let bytes = std::mem::take(&mut *self.0.lock().unwrap());
            let text = String::from_utf8(bytes).expect("UTF-8");
            let lines = text.lines().filter(|line| !line.starts_with("llm calls"));
            lines
                .map(|line| line.split("  ").next().unwrap_or_default().to_owned())
                .collect()
        }
    }

    fn request(spans: &[(u8, u8, u8)]) -> Request {
        let spans = spans.iter().map(|&(trace, id, parent)| Span {
            trace_id: vec![trace; 16],
            span_id: vec![id; 8],
            parent_span_id: if parent == 0 { vec![] } else { vec![parent; 8] },
            name: format!("s{trace}.{id}"),
            start_time_unix_nano: u64::from(id),
            end_time_unix_nano: 100,
            ..Span::default()
        });
        let scope_spans = vec![ScopeSpans {
            spans: spans.collect(),
            ..ScopeSpans::default()
        }];
        let group = ResourceSpans {
            scope_spans,
            ..ResourceSpans::default()
        };
        let request = ExportTraceServiceRequest {
            resource_spans: vec![group],
        };
        Request::new(
            Signal::Traces,
            1,
            Bytes::from(request.encode_to_vec()).into(),
        )
    }

    fn session(digit: char) -> String {
        let id: String = std::iter::repeat_n(['0', digit], 16).flatten().collect();
        format!("session {id}")
    }

    fn ascii() -> Console {
        Console::new().style(Style {
            ascii: true,
            width: 60,
            ..Style::default()
        })
    }

    /// A tree is printed when its root comes, with what came before it, and only then.
    #[tokio::test]
    async fn a_tree_is_printed_when_its_root_comes() {
        let screen = Screen::default();
        let exporter = ascii().printing_to(screen.clone());
        Export::export(&exporter, request(&[(1, 2, 1), (2, 3, 1)]))
            .await
            .expect("kept");
        assert!(screen.lines().is_empty());
        Export::export(&exporter, request(&[(1, 3, 1), (1, 1, 0)]))
            .await
            .expect("printed");
        let expected = [
            &session('1'),
            "span s1.1",
            "|- span s1.2",
            "`- span s1.3",
            "",
        ];
        assert_eq!(screen.lines(), expected);
        drop(exporter);
        let expected = [&session('2'), "(missing parent)", "`- span s2.3", ""];
        assert_eq!(
            screen.lines(),
            expected,
            "what is left is printed at the end"
        );
    }

    /// Spans whose root does not come in time are printed as a partial tree.
    #[tokio::test(start_paused = true)]
    async fn a_root_is_not_awaited_for_ever() {
        let screen = Screen::default();
        let exporter = ascii()
            .wait(Duration::from_secs(5))
            .printing_to(screen.clone());
        Export::export(&exporter, request(&[(1, 2, 1)]))
            .await
            .expect("kept");
        tokio::time::advance(Duration::from_secs(4)).await;
        Export::export(&exporter, request(&[(2, 2, 1)]))
            .await
            .expect("kept");
        assert!(screen.lines().is_empty());
        tokio::time::advance(Duration::from_secs(1)).await;
        Export::export(&exporter, request(&[]))
            .await
            .expect("printed");
        assert_eq!(screen.lines()[0], session('1'));
        tokio::time::advance(Duration::from_secs(4)).await;
        Export::export(&exporter, request(&[]))
            .await
            .expect("printed");
        assert_eq!(screen.lines()[0], session('2'));
    }

    /// What waits is bounded: the trace that has waited longest is printed first.
    #[tokio::test(start_paused = true)]
    async fn what_waits_is_bounded() {
        let screen = Screen::default();
        let exporter = ascii()
            .max_waiting_bytes(3 * SPAN_OVERHEAD)
            .printing_to(screen.clone());
        for trace in 1..=2 {
            Export::export(&exporter, request(&[(trace, 2, 1)]))
                .await
                .expect("kept");
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert!(screen.lines().is_empty());
        Export::export(&exporter, request(&[(3, 2, 1)]))
            .await
            .expect("printed");
        let lines = screen.lines();
        assert_eq!((&lines[0], lines.len()), (&session('1'), 4));
        let printer = exporter.printer.lock().unwrap();
        let waiting: usize = printer.traces.values().map(|waiting| waiting.bytes).sum();
        assert_eq!(printer.bytes, waiting);
        assert_eq!(printer.traces.len(), 2);
    }

    /// A terminal that is gone refuses for good.
    #[tokio::test]
    async fn a_closed_terminal_refuses() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let exporter = ascii().printing_to(Gone);
        let error = Export::export(&exporter, request(&[(1, 1, 0)]))
            .await
            .expect_err("gone");
        assert!(matches!(error, ExportError::Permanent { .. }));
    }

    /// The lane gives the console traces alone, one request at a time.
    #[test]
    fn only_traces_come_one_request_at_a_time() {
        let exporter = Exporter::from(Console::new());
        assert_eq!(exporter.settings.concurrency.get(), 1);
        assert_eq!(exporter.settings.signals, [Signal::Traces]);
    }
}
