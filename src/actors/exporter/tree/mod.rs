//! Sessions as text: a header with what a session was and cost, and the tree of its spans.
//!
//! Shared by the console exporter and by tools that show recorded sessions. Whatever came over the
//! wire is shown as plain text: no name or value reaches the terminal as a command.
//!
//! Holds: the spans of one session. Never waits.

pub(crate) mod forest;
mod line;
mod summary;
pub(crate) mod text;

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt::Write;

use crate::model::id::TraceId;
use crate::model::kind::StatusCode;
use crate::model::record::RecordedSpan;

use forest::Forest;
use line::Page;
use summary::{State, Summary};

/// How a tree is laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Style {
    /// How many columns a line may have; at least 40 are taken. From 80 on a bar shows when each
    /// span ran. Default: 100.
    pub width: usize,
    /// Whether to use the colours of ANSI terminals. Default: no.
    pub color: bool,
    /// Whether the tree itself is drawn in ASCII; names and values are shown as they are either
    /// way. Default: no.
    pub ascii: bool,
    /// How many children of one span, and how many of its events, are shown: the first and the
    /// last of them. At least 2. Default: 20.
    pub children: usize,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            width: 100,
            color: false,
            ascii: false,
            children: 20,
        }
    }
}

/// The spans of one session, arranged as a tree to be read by a person.
///
/// ```
/// use spanreel::record::RecordedSpan;
/// use spanreel::tree::{SessionTree, Style};
///
/// fn show(request: &[u8]) -> Result<String, spanreel::view::WireError> {
///     let style = Style { width: 120, ..Style::default() };
///     let sessions = SessionTree::by_trace(RecordedSpan::read_all(request)?);
///     Ok(sessions.iter().map(|session| session.render(&style)).collect())
/// }
/// # assert_eq!(show(&[])?, "");
/// # Ok::<(), spanreel::view::WireError>(())
/// ```
#[derive(Debug)]
pub struct SessionTree {
    spans: Vec<RecordedSpan>,
    forest: Forest,
    summary: Summary,
}

impl SessionTree {
    /// Takes all given spans as one session.
    #[must_use]
    pub fn new(spans: impl IntoIterator<Item = RecordedSpan>) -> Self {
        let spans: Vec<_> = spans.into_iter().collect();
        let forest = Forest::of(&spans);
        let summary = Summary::of(&spans, &forest);
        Self {
            spans,
            forest,
            summary,
        }
    }

    /// Takes the spans of each trace as one session; sessions come in order of their start.
    #[must_use]
    pub fn by_trace(spans: impl IntoIterator<Item = RecordedSpan>) -> Vec<Self> {
        let mut traces: HashMap<TraceId, Vec<RecordedSpan>> = HashMap::new();
        for span in spans {
            traces.entry(span.trace_id).or_default().push(span);
        }
        let mut sessions: Vec<_> = traces
            .into_iter()
            .map(|(id, spans)| (id, Self::new(spans)))
            .collect();
        sessions.sort_by_key(|(id, session)| (session.summary.start, *id));
        sessions.into_iter().map(|(_, session)| session).collect()
    }

    /// The session as lines of text, each ended by a line feed.
    ///
    /// Spans whose parent is not among them stand under `(missing parent)`, spans that are their
    /// own ancestors under `(parents form a circle)`.
    #[must_use]
    pub fn render(&self, style: &Style) -> String {
        let mut out = String::new();
        let page = Page::new(style, &self.summary);
        self.render_header(&page, &mut out);
        let Forest {
            roots,
            orphans,
            circles,
            ..
        } = &self.forest;
        self.render_below(&page, None, roots, &mut out);
        self.render_below(&page, Some("(missing parent)"), orphans, &mut out);
        self.render_below(&page, Some("(parents form a circle)"), circles, &mut out);
        out
    }

    fn render_header(&self, page: &Page<'_>, out: &mut String) {
        let summary = &self.summary;
        let mut parts = vec![format!("session {}", text::visible(&summary.id))];
        if let Some(agent) = &summary.agent {
            parts.push(format!("agent {}", text::visible(agent)));
        }
        if let Some(user) = &summary.user {
            parts.push(format!("user {}", text::visible(user)));
        }
        parts.push(summary.state.name().to_owned());
        let took = summary.end.saturating_sub(summary.start);
        parts.push(text::duration(took));
        let color = match summary.state {
            State::Success => line::GREEN,
            State::Error => line::RED,
            State::Incomplete | State::Partial => line::YELLOW,
            State::Ended => line::BOLD,
        };
        page.header(&parts, color, out);
        let color = if summary.has_errors() {
            line::RED
        } else {
            line::DIM
        };
        page.header(&summary.counts(), color, out);
    }

    /// Writes some spans, which have no shown parent, with all below them.
    fn render_below(&self, page: &Page<'_>, title: Option<&str>, tops: &[usize], out: &mut String) {
        if tops.is_empty() {
            return;
        }
        let mut open = Vec::new();
        match title {
            Some(title) => {
                page.remark(&[], title, out);
                self.open_children(page, &[], tops, &mut open);
            }
            None => open.extend(tops.iter().rev().map(|&top| Row::Span(Vec::new(), top))),
        }
        while let Some(row) = open.pop() {
            match row {
                Row::Span(rails, index) => {
                    let children = self.forest.children(index);
                    page.span(&rails, &self.spans[index], !children.is_empty(), out);
                    self.open_children(page, &rails, children, &mut open);
                }
                Row::More(rails, text) => page.remark(&rails, &text, out),
            }
        }
    }

    /// Puts the children that are shown on the stack, the first one on top.
    fn open_children(
        &self,
        page: &Page<'_>,
        rails: &[bool],
        children: &[usize],
        open: &mut Vec<Row>,
    ) {
        let below = |goes_on| page.deeper(rails, goes_on);
        let (first, hidden, last) = page.shown(children);
        if let [others @ .., final_one] = last {
            open.push(Row::Span(below(false), *final_one));
            open.extend(others.iter().rev().map(|&it| Row::Span(below(true), it)));
        }
        if !hidden.is_empty() {
            open.push(Row::More(below(true), self.hidden_text(hidden)));
        }
        let shown = first.iter().enumerate().rev();
        open.extend(shown.map(|(place, &it)| {
            let goes_on = place + 1 < children.len();
            Row::Span(below(goes_on), it)
        }));
    }

    fn hidden_text(&self, hidden: &[usize]) -> String {
        let failed = |&&index: &&usize| self.spans[index].status == StatusCode::Error;
        let failed = hidden.iter().filter(failed).count();
        let mut text = format!("... {} more", text::grouped(hidden.len()));
        if failed > 0 {
            write!(text, ", {} of them errors", text::grouped(failed))
                .expect("a String takes any text");
        }
        text
    }
}

/// What is still to be written: at which rails, and what.
enum Row {
    Span(Vec<bool>, usize),
    More(Vec<bool>, String),
}
