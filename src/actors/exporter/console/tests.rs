//! What appears on the terminal, and when.

use std::sync::Mutex;

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
    let looked = exporter.printer.at_once(|printer| {
        let waiting: usize = printer.traces.values().map(|waiting| waiting.bytes).sum();
        assert_eq!(printer.bytes, waiting);
        assert_eq!(printer.traces.len(), 2);
    });
    looked.expect("nobody else prints");
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
