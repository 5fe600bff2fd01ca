//! What is told in the end: the session as a tree, or the totals as one JSON object.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;
use spanreel::record::RecordedSpan;
use spanreel::tree::{SessionTree, Style};
use spanreel::{ShutdownReport, SpanId, TraceId};

use super::child::End;
use super::gather::Kept;
use super::passed::PassedSums;
use super::seen::Sums;
use crate::term::Terminal;
use crate::units::{self, grouped};

/// How many sessions of their own are drawn below that of the run.
const OTHERS: usize = 10;

const INFALLIBLE: &str = "a string takes everything";

/// The session of a run.
#[derive(Clone, Debug)]
pub(crate) struct Ours {
    pub(crate) session: String,
    pub(crate) trace: TraceId,
    pub(crate) root: SpanId,
}

/// Everything that is to be told.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) ours: Ours,
    pub(crate) program: String,
    pub(crate) end: End,
    pub(crate) took: Duration,
    pub(crate) sums: Sums,
    /// What passed the gateway, where there was one.
    pub(crate) passed: Option<PassedSums>,
    pub(crate) data_points: u64,
    /// Where was forwarded to, without secrets.
    pub(crate) forwards: Vec<String>,
    /// `None` where nobody waited for it.
    pub(crate) shutdown: Option<ShutdownReport>,
    pub(crate) kept: Kept,
}

/// The totals, for programs. Keys are stable: keys may be added, none is renamed or changes its unit
/// without a new major version.
#[derive(Debug, Serialize)]
struct Totals<'a> {
    command: &'a str,
    session_id: &'a str,
    trace_id: String,
    exit_code: u8,
    signal: Option<&'a str>,
    duration_ms: u64,
    #[serde(flatten)]
    sums: &'a Sums,
    data_points: u64,
    /// What passed the gateway; `null` without one.
    gateway: Option<&'a PassedSums>,
    forwarded_to: &'a [String],
    /// Items that did not arrive somewhere; `null` where nobody waited to know.
    lost: Option<u64>,
    /// Spans that a tree would leave out.
    not_drawn: u64,
}

impl Account {
    /// One JSON object on one line.
    pub(crate) fn json(&self) -> String {
        let totals = Totals {
            command: &self.program,
            session_id: &self.ours.session,
            trace_id: self.ours.trace.to_string(),
            exit_code: self.end.code,
            signal: self.end.signal.as_deref(),
            duration_ms: u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
            sums: &self.sums,
            data_points: self.data_points,
            gateway: self.passed.as_ref(),
            forwarded_to: &self.forwards,
            lost: self.shutdown.as_ref().map(ShutdownReport::lost),
            not_drawn: self.kept.left_out,
        };
        let mut line = serde_json::to_string(&totals).expect("numbers and texts have a JSON form");
        line.push('\n');
        line
    }

    /// The tree and what else is to be known, for people.
    pub(crate) fn text(mut self, stderr: &Terminal) -> String {
        let style = Style {
            width: stderr.width,
            color: stderr.palette.is_coloured(),
            ..Style::default()
        };
        let palette = stderr.palette;
        let note = |text: &mut String, line: &str| {
            writeln!(text, "{}", palette.faint(line)).expect(INFALLIBLE);
        };
        let spans = std::mem::take(&mut self.kept.spans);
        let arranged = arrange(spans, &self.ours);
        let mut text = String::from("\n");
        text += &arranged.ours.render(&style);
        for other in arranged.others.iter().take(OTHERS) {
            text.push('\n');
            text += &other.render(&style);
        }
        let hidden = arranged.others.len().saturating_sub(OTHERS);
        if hidden > 0 {
            note(&mut text, &format!("({hidden} more sessions of its own)"));
        }
        if self.kept.left_out > 0 {
            let count = grouped(self.kept.left_out);
            note(
                &mut text,
                &format!("({count} more spans are too many to draw)"),
            );
        }
        let sums = &self.sums;
        let received = format!(
            "received {}, {} and {}",
            count(sums.spans, "span"),
            count(sums.logs, "log record"),
            count(self.data_points, "data point"),
        );
        note(
            &mut text,
            &format!("{received}{}", used(sums.tokens, sums.cost)),
        );
        if let Some(passed) = &self.passed {
            let calls = count(passed.llm_calls, "call");
            let used = used(passed.tokens, passed.cost);
            note(&mut text, &format!("gateway: {calls} of models{used}"));
            if passed.llm_calls > 0 && sums.llm_calls > 0 {
                let advice = "the command traces calls of models itself: what is counted and forwarded may hold them \
                              twice; leave out --gateway";
                writeln!(text, "{}", palette.bad(advice)).expect(INFALLIBLE);
            }
        }
        if let Some(advice) = self.silence() {
            note(&mut text, advice);
        }
        if let Some(advice) = self.no_calls() {
            note(&mut text, advice);
        }
        if self.forwards.is_empty() {
            note(&mut text, "forwarded nowhere; --export URL does that");
        } else {
            note(
                &mut text,
                &format!("forwarded to {}", self.forwards.join(", ")),
            );
        }
        match &self.shutdown {
            None => {
                let cut = "not everything was waited for: what was on its way may be lost";
                writeln!(text, "{}", palette.bad(cut)).expect(INFALLIBLE);
            }
            Some(report) if report.lost() > 0 => {
                writeln!(text, "{}", palette.bad(&report.to_string())).expect(INFALLIBLE);
            }
            Some(_) => {}
        }
        text
    }
}

impl Account {
    /// What may be the reason that nothing came at all.
    fn silence(&self) -> Option<&'static str> {
        let passed = self.passed.as_ref().map_or(0, |passed| passed.llm_calls);
        let came = self.sums.spans + self.sums.logs + self.data_points + passed;
        (came == 0).then_some(
            "the command sent nothing: it writes no telemetry, or does not read OTEL_EXPORTER_OTLP_ENDPOINT",
        )
    }

    /// How calls of models would be seen, where there was none.
    fn no_calls(&self) -> Option<&'static str> {
        if self.sums.llm_calls > 0 {
            return None;
        }
        match &self.passed {
            None => Some(
                "no calls of models were seen: --gateway traces those of commands that do not trace them themselves",
            ),
            Some(passed) if passed.llm_calls == 0 => Some(
                "no calls of models were seen: the command made none, or does not read OPENAI_BASE_URL, \
                 ANTHROPIC_BASE_URL and GOOGLE_GEMINI_BASE_URL",
            ),
            Some(_) => None,
        }
    }
}

/// Spans, by what session they belong to.
struct Arranged {
    ours: SessionTree,
    others: Vec<SessionTree>,
}

/// Puts spans under the root of the run: those of its trace, and traces that name no session of their own,
/// whose roots are shown as its children. What was forwarded is as it came.
fn arrange(spans: Vec<RecordedSpan>, ours: &Ours) -> Arranged {
    let mut own: HashMap<TraceId, bool> = HashMap::new();
    for span in &spans {
        let has_own = session_of(span).is_some_and(|id| id != ours.session);
        *own.entry(span.trace_id).or_default() |= has_own;
    }
    own.insert(ours.trace, false);
    let (others, mut mine): (Vec<_>, Vec<_>) =
        spans.into_iter().partition(|span| own[&span.trace_id]);
    for span in &mut mine {
        if span.trace_id != ours.trace {
            span.trace_id = ours.trace;
            span.parent_span_id.get_or_insert(ours.root);
        }
    }
    Arranged {
        ours: SessionTree::new(mine),
        others: SessionTree::by_trace(others),
    }
}

fn session_of(span: &RecordedSpan) -> Option<&str> {
    const KEY: &str = "session.id";
    span.str(KEY).or_else(|| span.resource.str(KEY))
}

/// Tokens and cost, where there are any.
fn used(tokens: u64, cost: f64) -> String {
    match tokens {
        0 => String::new(),
        tokens => format!("; {} tokens, ${cost:.2}", units::count(tokens as f64)),
    }
}

/// `1 span`, `12,345 spans`.
fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}
