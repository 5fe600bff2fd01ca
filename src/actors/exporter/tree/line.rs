//! One span on the page: its rails, its line, and what is said below it.

use std::fmt::Write;

use super::summary::{Summary, in_and_out, operation};
use super::text::{self, columns, fit, visible};
use super::{RecordedSpan, StatusCode, Style};
use crate::model::genai::{Operation, key};
use crate::model::kind::SpanKind;
use crate::model::record::RecordedEvent;

pub(super) const BOLD: &str = "\x1b[1m";
pub(super) const DIM: &str = "\x1b[2m";
pub(super) const RED: &str = "\x1b[31m";
pub(super) const GREEN: &str = "\x1b[32m";
pub(super) const YELLOW: &str = "\x1b[33m";
const CYAN: &str = "\x1b[36m";
const RESET: &str = "\x1b[0m";

/// The columns of a duration.
const TIME: usize = 8;

/// What draws the tree.
struct Signs {
    /// A child that has a sibling after it, and one that has not.
    child: [&'static str; 2],
    /// A level that goes on below, and one that does not.
    level: [&'static str; 2],
    /// Levels that are not drawn.
    skipped: &'static str,
    cut: &'static str,
    bar: &'static str,
}

const LINES: Signs = Signs {
    child: ["\u{251c}\u{2500} ", "\u{2514}\u{2500} "],
    level: ["\u{2502}  ", "   "],
    skipped: "\u{bb} ",
    cut: "\u{2026}",
    bar: "\u{2501}",
};

const ASCII: Signs = Signs {
    child: ["|- ", "`- "],
    level: ["|  ", "   "],
    skipped: "> ",
    cut: "...",
    bar: "=",
};

/// Where lines are written: the style, and the time that a bar covers.
pub(super) struct Page<'a> {
    style: &'a Style,
    signs: &'static Signs,
    width: usize,
    bar: usize,
    start: u64,
    end: u64,
}

impl<'a> Page<'a> {
    pub(super) fn new(style: &'a Style, summary: &Summary) -> Self {
        let width = style.width.max(40);
        Self {
            style,
            signs: if style.ascii { &ASCII } else { &LINES },
            width,
            bar: match width {
                ..80 => 0,
                80..100 => 12,
                _ => 20,
            },
            start: summary.start,
            end: summary.end,
        }
    }

    fn paint(&self, color: &str, text: &str) -> String {
        if !self.style.color || text.is_empty() {
            return text.to_owned();
        }
        format!("{color}{text}{RESET}")
    }

    /// Writes the parts of a header, two columns apart, on as many lines as they need.
    pub(super) fn header(&self, parts: &[String], color: &str, out: &mut String) {
        let mut line = String::new();
        for part in parts {
            if !line.is_empty() && columns(&line) + 2 + columns(part) > self.width {
                self.write(&self.paint(color, &line), out);
                line.clear();
            }
            if !line.is_empty() {
                line.push_str("  ");
            }
            line.push_str(&fit(part, self.width, self.signs.cut));
        }
        self.write(&self.paint(color, &line), out);
    }

    /// The children that are shown: the first, those that are not, and the last ones.
    pub(super) fn shown<'b, T>(&self, all: &'b [T]) -> (&'b [T], &'b [T], &'b [T]) {
        let limit = self.style.children.max(2);
        if all.len() <= limit {
            return (all, &[], &[]);
        }
        let (first, rest) = all.split_at(limit.div_ceil(2));
        let (hidden, last) = rest.split_at(rest.len() - limit / 2);
        (first, hidden, last)
    }

    /// The rails of a child: whether each level, the outermost first, goes on below it. Levels that
    /// would fill more than half of the width are left out, but for one that says so.
    pub(super) fn deeper(&self, rails: &[bool], goes_on: bool) -> Vec<bool> {
        let most = self.width / 6 + 1;
        let skip = (rails.len() + 1).saturating_sub(most);
        let mut deeper = rails[skip..].to_vec();
        deeper.push(goes_on);
        deeper
    }

    /// What stands before a line: levels, and then the child's own sign or its level.
    fn rails(&self, rails: &[bool], own: [&str; 2]) -> String {
        let Some((last, levels)) = rails.split_last() else {
            return String::new();
        };
        let mut text = String::new();
        let mut levels = levels;
        if rails.len() > self.width / 6 {
            text.push_str(self.signs.skipped);
            levels = &levels[1..];
        }
        let pick = |signs: [&'static str; 2], goes_on: bool| signs[usize::from(!goes_on)];
        for &level in levels {
            text.push_str(pick(self.signs.level, level));
        }
        text.push_str(own[usize::from(!last)]);
        text
    }

    /// Writes a line that is no span, as the tree's own remark.
    pub(super) fn remark(&self, rails: &[bool], remark: &str, out: &mut String) {
        let rails = self.rails(rails, self.signs.child);
        let line = format!("{}{}", self.paint(DIM, &rails), self.paint(DIM, remark));
        self.write(&line, out);
    }

    /// Writes a span: its line, and below it what went wrong and what happened.
    pub(super) fn span(
        &self,
        rails: &[bool],
        span: &RecordedSpan,
        has_children: bool,
        out: &mut String,
    ) {
        let failed = span.status == StatusCode::Error;
        let prefix = self.rails(rails, self.signs.child);
        let right = format!("{:>TIME$}", text::duration(span.duration_nanos()));
        let bar_room = if self.bar > 0 { self.bar + 2 } else { 0 };
        let room = self.width.saturating_sub(TIME + 1 + bar_room);

        let used = usage(span);
        let (word, name) = title(span);
        let mark = match span.bool(key::INCOMPLETE) {
            Some(true) => " (incomplete)",
            _ => "",
        };
        let space = if name.is_empty() { "" } else { " " };
        let fixed = columns(&prefix) + columns(word) + space.len() + columns(mark);
        let usage_room = if used.is_empty() {
            0
        } else {
            columns(&used) + 2
        };
        // Usage that leaves too little of the name goes below.
        let usage_fits = fixed + columns(&name).min(16) + usage_room <= room;
        let usage_room = if usage_fits { usage_room } else { 0 };
        let name = fit(
            &name,
            room.saturating_sub(fixed + usage_room).max(1),
            self.signs.cut,
        );

        let mut line = self.paint(DIM, &prefix);
        line.push_str(&self.paint(CYAN, word));
        line.push_str(space);
        line.push_str(&self.paint(if failed { RED } else { BOLD }, &name));
        line.push_str(&self.paint(YELLOW, mark));
        let left = fixed + columns(&name);
        let gap = room.saturating_sub(left + if usage_fits { columns(&used) } else { 0 });
        line.extend(std::iter::repeat_n(' ', gap));
        if usage_fits {
            line.push_str(&self.paint(DIM, &used));
        }
        line.push(' ');
        line.push_str(&right);
        line.push_str(&self.bar(span, if failed { RED } else { GREEN }));
        self.write(&line, out);

        let mut below = self.rails(rails, self.signs.level);
        below.push_str(if has_children {
            self.signs.level[0]
        } else {
            "  "
        });
        if !usage_fits {
            self.detail(&below, DIM, &used, out);
        }
        if failed {
            self.detail(&below, RED, &failure(span), out);
        }
        self.events(span, &below, out);
    }

    fn events(&self, span: &RecordedSpan, below: &str, out: &mut String) {
        let told: Vec<&RecordedEvent> = span
            .events
            .iter()
            .filter(|event| !is_the_failure(event, span))
            .collect();
        let (first, hidden, last) = self.shown(&told);
        for event in first {
            self.event(event, span, below, out);
        }
        if !hidden.is_empty() {
            let remark = format!("... {} more events", text::grouped(hidden.len()));
            self.detail(below, DIM, &remark, out);
        }
        for event in last {
            self.event(event, span, below, out);
        }
    }

    fn event(&self, event: &RecordedEvent, span: &RecordedSpan, below: &str, out: &mut String) {
        let after = event.time_unix_nanos.saturating_sub(span.start_unix_nanos);
        let after = text::duration(after);
        let said = [key::EXCEPTION_TYPE, key::EXCEPTION_MESSAGE]
            .map(|key| event.attributes.str(key).unwrap_or_default());
        let (color, text) = match event.name.as_str() {
            "exception" => (RED, format!("* exception {} +{after}", words(said))),
            name => (DIM, format!("* {} +{after}", visible(name))),
        };
        self.detail(below, color, &text, out);
    }

    fn detail(&self, below: &str, color: &str, text: &str, out: &mut String) {
        let room = self.width.saturating_sub(columns(below)).max(8);
        let text = fit(text, room, self.signs.cut);
        let line = format!("{}{}", self.paint(DIM, below), self.paint(color, &text));
        self.write(&line, out);
    }

    /// When the span ran, within the time of the whole session.
    fn bar(&self, span: &RecordedSpan, color: &str) -> String {
        if self.bar == 0 || self.end <= self.start {
            return String::new();
        }
        let whole = u128::from(self.end - self.start);
        let cells = self.bar as u128;
        let cell = |nanos: u64| {
            let offset = u128::from(nanos.clamp(self.start, self.end) - self.start);
            (offset * cells / whole) as usize
        };
        let from = cell(span.start_unix_nanos).min(self.bar - 1);
        let to = cell(span.end_unix_nanos).clamp(from + 1, self.bar);
        let mut text = " ".repeat(2 + from);
        text.push_str(&self.paint(color, &self.signs.bar.repeat(to - from)));
        text
    }

    fn write(&self, line: &str, out: &mut String) {
        writeln!(out, "{}", line.trim_end()).expect("a String takes any text");
    }
}

/// What a span is, in a word, and its name as far as the word does not say it already:
/// `execute_tool search` is a `tool`, `search`, and `invoke_agent` an `agent`.
fn title(span: &RecordedSpan) -> (&'static str, String) {
    let operation = operation(span);
    let word = match (operation, span.kind) {
        (Operation::Chat | Operation::TextCompletion | Operation::GenerateContent, _) => "llm",
        (Operation::Embeddings, _) => "embed",
        (Operation::Retrieval, _) => "retrieve",
        (Operation::CreateAgent | Operation::InvokeAgent, _) => "agent",
        (Operation::InvokeWorkflow, _) => "workflow",
        (Operation::ExecuteTool, _) => "tool",
        (Operation::Other | Operation::Action, SpanKind::Client) => "call",
        (Operation::Other | Operation::Action, SpanKind::Server) => "serve",
        (Operation::Other | Operation::Action, SpanKind::Producer) => "send",
        (Operation::Other | Operation::Action, SpanKind::Consumer) => "receive",
        (Operation::Other | Operation::Action, SpanKind::Internal | SpanKind::Unspecified) => {
            "span"
        }
    };
    let name = span.name.as_str();
    let rest = match operation.name().and_then(|it| name.strip_prefix(it)) {
        Some("") => "",
        Some(rest) => rest.strip_prefix(' ').unwrap_or(name),
        None => name,
    };
    (word, visible(rest).into_owned())
}

/// `1.2k in / 340 out  $0.0123`, as far as the span says so.
fn usage(span: &RecordedSpan) -> String {
    let tokens = [key::INPUT_TOKENS, key::OUTPUT_TOKENS].map(|key| span.int(key));
    let tokens = match tokens {
        [None, None] => None,
        [Some(input), Some(output)] => Some(in_and_out(input, output)),
        [Some(input), None] => Some(format!("{} in", text::tokens(input))),
        [None, Some(output)] => Some(format!("{} out", text::tokens(output))),
    };
    let cost = span.double(key::COST).map(text::cost);
    let parts: Vec<String> = tokens.into_iter().chain(cost).collect();
    parts.join("  ")
}

/// `! timeout: no answer within 30 s`.
fn failure(span: &RecordedSpan) -> String {
    // The conventions' word for an error of no known type tells nothing.
    let kind = span.str(key::ERROR_TYPE).filter(|kind| *kind != "_OTHER");
    let kind = kind.unwrap_or_default();
    let words = words([kind, &span.status_message]);
    if words.is_empty() {
        "! error".to_owned()
    } else {
        format!("! {words}")
    }
}

/// A type of error and what it says, either of which may be empty.
fn words([kind, message]: [&str; 2]) -> String {
    let (kind, message) = (visible(kind), visible(message));
    match (kind.is_empty(), message.is_empty()) {
        (false, false) if kind != message => format!("{kind}: {message}"),
        (true, false) => message.into_owned(),
        _ => kind.into_owned(),
    }
}

/// Whether an exception says no more than the failure line above it.
fn is_the_failure(event: &RecordedEvent, span: &RecordedSpan) -> bool {
    let kind = event.attributes.str(key::EXCEPTION_TYPE);
    let message = event.attributes.str(key::EXCEPTION_MESSAGE);
    event.name == "exception"
        && span.status == StatusCode::Error
        && kind.is_none_or(|kind| span.str(key::ERROR_TYPE) == Some(kind))
        && message.is_none_or(|message| span.status_message == message)
}
