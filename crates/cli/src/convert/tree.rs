//! A trace as text, one line per span, for people and for tests.

use std::collections::HashMap;
use std::fmt::{self, Display, Write as _};

use spanreel::SpanId;

use super::draft::{SessionTrace, SpanDraft, SpanKind, Status};

/// How many levels are indented; deeper spans stand no further to the right.
const MAX_INDENT: usize = 40;

impl Display for SessionTrace {
    /// Writes the tree of spans, children in order of their starts, each with the time from the
    /// start of the session at which it began and how long it took.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut children: HashMap<SpanId, Vec<&SpanDraft>> = HashMap::new();
        for span in &self.spans {
            let parent = span.parent_span_id.unwrap_or(self.root.span_id);
            children.entry(parent).or_default().push(span);
        }
        writeln!(
            f,
            "session {} trace {}",
            plain(&self.session_id),
            self.trace_id
        )?;
        let mut waiting = vec![(0, &self.root)];
        while let Some((depth, span)) = waiting.pop() {
            self.write_line(f, depth, span)?;
            let below = children.remove(&span.span_id).unwrap_or_default();
            waiting.extend(below.into_iter().rev().map(|child| (depth + 1, child)));
        }
        if !self.logs.is_empty() {
            writeln!(f, "log records: {}", self.logs.len())?;
        }
        Ok(())
    }
}

impl SessionTrace {
    fn write_line(
        &self,
        f: &mut fmt::Formatter<'_>,
        depth: usize,
        span: &SpanDraft,
    ) -> fmt::Result {
        for _ in 0..depth.min(MAX_INDENT) {
            f.write_str("  ")?;
        }
        let after = span.start_ns.saturating_sub(self.root.start_ns);
        let took = span.end_ns.saturating_sub(span.start_ns);
        write!(
            f,
            "{} at {} took {}",
            plain(&span.name),
            Millis(after),
            Millis(took)
        )?;
        if span.kind == SpanKind::Client {
            f.write_str(" client")?;
        }
        if span.incomplete {
            f.write_str(" incomplete")?;
        }
        if span.attribute("spanreel.synthesized").is_some() {
            f.write_str(" synthesized")?;
        }
        match &span.status {
            Status::Error(message) if message.is_empty() => f.write_str(" ERROR")?,
            Status::Error(message) => write!(f, " ERROR {}", plain(message))?,
            Status::Unset | Status::Ok => {}
        }
        f.write_char('\n')
    }
}

/// A text without control characters, so that a recording cannot steer the reader's terminal.
fn plain(text: &str) -> String {
    text.chars()
        .map(|it| if it.is_control() { ' ' } else { it })
        .collect()
}

/// Nanoseconds, shown as milliseconds.
struct Millis(u64);

impl Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 1_000_000, self.0 % 1_000_000);
        if rest == 0 {
            return write!(f, "{whole}ms");
        }
        let rest = format!("{rest:06}");
        write!(f, "{whole}.{}ms", rest.trim_end_matches('0'))
    }
}
