//! Spans as an indented outline, for snapshots; and how two outlines differ.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::actors::exporter::tree::forest::Forest;
use crate::actors::exporter::tree::text::visible;
use crate::model::id::TraceId;
use crate::model::kind::StatusCode;
use crate::model::owned_value::OwnedValue;
use crate::model::record::RecordedSpan;

/// Each trace as an outline, in order of their earliest start, an empty line between them.
pub(super) fn outline(spans: Vec<RecordedSpan>, attributes: &[&str]) -> String {
    let mut traces: BTreeMap<TraceId, Vec<RecordedSpan>> = BTreeMap::new();
    for span in spans {
        traces.entry(span.trace_id).or_default().push(span);
    }
    let mut traces: Vec<_> = traces.into_values().collect();
    traces.sort_by_key(|spans| spans.iter().map(|span| span.start_unix_nanos).min());
    let outlines: Vec<String> = traces.iter().map(|it| one_trace(it, attributes)).collect();
    outlines.join("\n")
}

fn one_trace(spans: &[RecordedSpan], attributes: &[&str]) -> String {
    let forest = Forest::of(spans);
    let mut out = String::new();
    let groups = [
        ("", &forest.roots),
        ("(missing parent)\n", &forest.orphans),
        ("(parents form a circle)\n", &forest.circles),
    ];
    for (title, tops) in groups {
        if tops.is_empty() {
            continue;
        }
        out.push_str(title);
        let depth = usize::from(!title.is_empty());
        let mut open: Vec<_> = tops.iter().rev().map(|&top| (depth, top)).collect();
        while let Some((depth, index)) = open.pop() {
            line(depth, &spans[index], attributes, &mut out);
            let children = forest.children(index).iter().rev();
            open.extend(children.map(|&child| (depth + 1, child)));
        }
    }
    out
}

fn line(depth: usize, span: &RecordedSpan, attributes: &[&str], out: &mut String) {
    out.extend(std::iter::repeat_n("  ", depth));
    out.push_str(&visible(&span.name));
    for &key in attributes {
        if let Some(value) = span.attributes.get(key) {
            write!(out, " {key}={}", shown(value)).expect("a String takes any text");
        }
    }
    if span.status == StatusCode::Error {
        out.push_str(" !");
        if !span.status_message.is_empty() {
            out.push(' ');
            out.push_str(&visible(&span.status_message));
        }
    }
    out.push('\n');
}

/// Text as it is, everything else as Rust writes it.
fn shown(value: &OwnedValue) -> String {
    match value {
        OwnedValue::Empty => String::new(),
        OwnedValue::Str(text) => visible(text).into_owned(),
        OwnedValue::Bool(truth) => truth.to_string(),
        OwnedValue::Int(number) => number.to_string(),
        OwnedValue::Double(number) => number.to_string(),
        OwnedValue::Bytes(bytes) => format!("{bytes:?}"),
        OwnedValue::Array(values) => {
            let values: Vec<String> = values.iter().map(shown).collect();
            format!("[{}]", values.join(", "))
        }
        OwnedValue::Map(entries) => {
            let entry =
                |(key, value): &(String, OwnedValue)| format!("{}: {}", visible(key), shown(value));
            let entries: Vec<String> = entries.iter().map(entry).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

/// The text without the indentation that all its lines share, without empty lines at its ends and
/// spaces at the ends of lines.
pub(super) fn dedent(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    while lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    let empty = lines.iter().take_while(|line| line.is_empty()).count();
    lines.drain(..empty);
    let indentation = |line: &&str| line.len() - line.trim_start_matches(' ').len();
    let filled = lines.iter().filter(|line| !line.is_empty());
    let shared = filled.map(indentation).min().unwrap_or(0);
    lines
        .into_iter()
        .map(|line| line.get(shared..).unwrap_or_default())
        .collect()
}

/// How the lines that came differ from those expected, or `None` when they do not: `-` for a line
/// that is missing, `+` for one that is too much, in place.
pub(super) fn difference(expected: &[&str], actual: &[&str]) -> Option<String> {
    if expected == actual {
        return None;
    }
    let common = longest_common(expected, actual);
    let (mut from_expected, mut from_actual) = (expected, actual);
    let mut out = String::new();
    let mut put = |mark: char, line: &str| {
        writeln!(out, "{mark} {line}").expect("a String takes any text");
    };
    for (expected_at, actual_at) in common.into_iter().chain([(expected.len(), actual.len())]) {
        let gone = expected.len() - from_expected.len()..expected_at;
        let new = actual.len() - from_actual.len()..actual_at;
        expected[gone].iter().for_each(|line| put('-', line));
        actual[new].iter().for_each(|line| put('+', line));
        if let Some(line) = expected.get(expected_at) {
            put(' ', line);
            from_expected = &expected[expected_at + 1..];
            from_actual = &actual[actual_at + 1..];
        }
    }
    Some(out)
}

/// The places, in both, of the lines of a longest common subsequence.
fn longest_common(left: &[&str], right: &[&str]) -> Vec<(usize, usize)> {
    // length[i][j]: of the longest common subsequence of left[i..] and right[j..].
    let mut length = vec![vec![0_u32; right.len() + 1]; left.len() + 1];
    for i in (0..left.len()).rev() {
        for j in (0..right.len()).rev() {
            length[i][j] = if left[i] == right[j] {
                length[i + 1][j + 1] + 1
            } else {
                length[i + 1][j].max(length[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut places = Vec::new();
    while i < left.len() && j < right.len() {
        if left[i] == right[j] {
            places.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if length[i + 1][j] >= length[i][j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::exporter::tree::sample::span;

    /// An outline has one line per span, children below their parent in order of start, what went
    /// wrong, and the attributes that were asked for.
    #[test]
    fn an_outline_shows_the_tree() {
        let ints = OwnedValue::Array(vec![OwnedValue::Int(1), OwnedValue::Int(2)]);
        let mut other = span(1, None, 50..60).named("second trace");
        other.trace_id = TraceId::from_bytes([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9])
            .expect("not zero");
        let spans = vec![
            other,
            span(4, Some(2), 5..6).named("search").failed("no answer"),
            span(3, Some(2), 4..5)
                .named("chat")
                .with("gen_ai.request.model", "claude")
                .with_value("list", ints),
            span(2, Some(1), 2..8).named("agent").failed(""),
            span(1, None, 1..9).named("root\n\x1b[2J"),
            span(7, Some(77), 3..4).named("lost"),
            span(8, Some(9), 1..2).named("egg"),
            span(9, Some(8), 1..2).named("hen"),
        ];
        insta::assert_snapshot!(outline(spans, &["gen_ai.request.model", "list"]), @r"
        root\n\u{1b}[2J
          agent !
            chat gen_ai.request.model=claude list=[1, 2]
            search ! no answer
        (missing parent)
          lost
        (parents form a circle)
          egg
            hen

        second trace
        ");
    }

    /// A difference shows each line that is missing or too much, between those that are right.
    #[test]
    fn a_difference_is_shown_in_place() {
        let expected = dedent(
            "
            root
              chat

              tool
            ",
        );
        assert_eq!(expected, ["root", "  chat", "", "  tool"]);
        assert_eq!(difference(&expected, &expected), None);
        let actual = ["root", "  plan", "  chat", "", "  fool", "  end"];
        let text = difference(&expected, &actual).expect("they differ");
        assert_eq!(
            text,
            "  root\n+   plan\n    chat\n  \n-   tool\n+   fool\n+   end\n"
        );
        assert_eq!(difference(&[], &["a"]), Some("+ a\n".to_owned()));
        assert_eq!(difference(&["a"], &[]), Some("- a\n".to_owned()));
    }
}
