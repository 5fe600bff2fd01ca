//! Trees as a reader sees them.

use super::sample::span;
use super::*;
use crate::model::owned_value::OwnedValue;
use crate::model::record::RecordedEvent;

const MS: u64 = 1_000_000;

fn session() -> Vec<RecordedSpan> {
    let int = OwnedValue::Int;
    let mut tool = span(4, Some(2), 1_300 * MS..1_900 * MS)
        .named("execute_tool web_search")
        .with("gen_ai.operation.name", "execute_tool")
        .with("error.type", "timeout")
        .failed("no answer within 600 ms");
    tool.events = vec![
        event("retry", 1_500 * MS, &[]),
        event(
            "exception",
            1_900 * MS,
            &[
                ("exception.type", "timeout"),
                ("exception.message", "no answer within 600 ms"),
            ],
        ),
        event(
            "exception",
            1_900 * MS,
            &[("exception.type", "Io"), ("exception.message", "reset")],
        ),
    ];
    vec![
        span(1, None, 0..2_310 * MS)
            .named("invoke_agent planner")
            .with("gen_ai.operation.name", "invoke_agent")
            .with("gen_ai.agent.name", "planner")
            .with("session.id", "conv-8f2e")
            .with("user.id", "u-19")
            .with("spanreel.session.end_state", "success"),
        span(2, Some(1), 10 * MS..2_300 * MS).named("step"),
        span(3, Some(2), 20 * MS..1_220 * MS)
            .named("chat claude-sonnet-4-5")
            .with("gen_ai.operation.name", "chat")
            .with_value("gen_ai.usage.input_tokens", int(1_234))
            .with_value("gen_ai.usage.output_tokens", int(340))
            .with_value("gen_ai.usage.cache_read.input_tokens", int(1_000))
            .with_value("gen_ai.usage.cost", OwnedValue::Double(0.0123)),
        tool,
        span(5, Some(1), 2_300 * MS..2_310 * MS)
            .named("cleanup")
            .with_value("spanreel.incomplete", OwnedValue::Bool(true)),
        span(6, Some(42), 2_000 * MS..2_100 * MS).named("late"),
    ]
}

fn event(name: &str, time_unix_nanos: u64, attributes: &[(&str, &str)]) -> RecordedEvent {
    let owned = |&(key, value): &(&str, &str)| (key.to_owned(), OwnedValue::Str(value.to_owned()));
    RecordedEvent {
        name: name.to_owned(),
        time_unix_nanos,
        attributes: attributes.iter().map(owned).collect::<Vec<_>>().into(),
        dropped_attributes: 0,
    }
}

/// A session reads as a header and a tree: what ran, when, for how long, at what cost, what failed.
#[test]
fn a_session_reads_as_a_tree() {
    let tree = SessionTree::new(session());
    insta::assert_snapshot!(tree.render(&Style::default()), @r"
    session conv-8f2e  agent planner  user u-19  success  2.31s
    llm calls 1  tool calls 1  errors 1  tokens 1.2k in / 340 out / 1.0k cached  cost $0.0123
    agent planner                                                            2.31s  ━━━━━━━━━━━━━━━━━━━━
    ├─ span step                                                             2.29s  ━━━━━━━━━━━━━━━━━━━
    │  ├─ llm claude-sonnet-4-5                1.2k in / 340 out  $0.0123    1.20s  ━━━━━━━━━━
    │  └─ tool web_search                                                    600ms             ━━━━━
    │       ! timeout: no answer within 600 ms
    │       * retry +200ms
    │       * exception Io: reset +600ms
    └─ span cleanup (incomplete)                                            10.0ms                     ━
    (missing parent)
    └─ span late                                                             100ms                   ━
    ");
}

/// What is not known is not shown: no name, no tokens, no type of an error, no message.
#[test]
fn what_is_unknown_is_not_shown() {
    let spans = [
        span(1, None, 0..9 * MS)
            .named("invoke_agent")
            .with("gen_ai.operation.name", "invoke_agent")
            .with_value("spanreel.incomplete", OwnedValue::Bool(true)),
        span(2, Some(1), MS..2 * MS)
            .named("embeddings small")
            .with("gen_ai.operation.name", "embeddings")
            .with_value("gen_ai.usage.input_tokens", OwnedValue::Int(12)),
        span(3, Some(1), 2 * MS..3 * MS)
            .with("error.type", "_OTHER")
            .named("step")
            .failed(""),
    ];
    let style = Style {
        width: 60,
        ascii: true,
        ..Style::default()
    };
    let text = SessionTree::new(spans).render(&style);
    let lines: Vec<&str> = text.lines().skip(2).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    agent (incomplete)                                    9.00ms
    |- embed small                                12 in   1.00ms
    `- span step                                          1.00ms
         ! error
    ");
}

/// Without room for bars and with ASCII only, the same tree fits a narrow page.
#[test]
fn a_narrow_page_keeps_what_matters() {
    let tree = SessionTree::new(session());
    let style = Style {
        width: 60,
        ascii: true,
        ..Style::default()
    };
    let text = tree.render(&style);
    assert!(text.lines().all(|line| line.len() <= 60), "{text}");
    insta::assert_snapshot!(text, @r"
    session conv-8f2e  agent planner  user u-19  success  2.31s
    llm calls 1  tool calls 1  errors 1
    tokens 1.2k in / 340 out / 1.0k cached  cost $0.0123
    agent planner                                          2.31s
    |- span step                                           2.29s
    |  |- llm claude-sonnet-4-5                            1.20s
    |  |    1.2k in / 340 out  $0.0123
    |  `- tool web_search                                  600ms
    |       ! timeout: no answer within 600 ms
    |       * retry +200ms
    |       * exception Io: reset +600ms
    `- span cleanup (incomplete)                          10.0ms
    (missing parent)
    `- span late                                           100ms
    ");
}

/// What a root says of its session wins over what its spans add up to.
#[test]
fn the_root_knows_the_totals() {
    let mut spans = session();
    let totals = [
        ("spanreel.session.llm_calls", 7),
        ("spanreel.session.tool_calls", 8),
        ("spanreel.session.errors", 0),
        ("spanreel.session.input_tokens", 5_000_000),
        ("spanreel.session.output_tokens", 900),
        ("spanreel.session.cached_tokens", 4_000),
        ("spanreel.session.reasoning_tokens", 100),
    ];
    for (key, total) in totals {
        spans[0] = spans[0].clone().with_value(key, OwnedValue::Int(total));
    }
    spans[0] = spans[0]
        .clone()
        .with_value("spanreel.session.cost", OwnedValue::Double(1.5));
    let text = SessionTree::new(spans).render(&Style::default());
    assert_eq!(
        text.lines().nth(1),
        Some(
            "llm calls 7  tool calls 8  errors 0  tokens 5.0M in / 900 out / 4.0k cached / 100 reasoning"
        )
    );
    assert_eq!(text.lines().nth(2), Some("cost $1.5000"));
}

/// Of ten thousand children the first and the last are shown, and how many are not.
#[test]
fn ten_thousand_children_are_abridged() {
    let mut spans = vec![span(1, None, 0..20_000)];
    spans.extend((2..=10_001).map(|id| span(id, Some(1), id..id + 1)));
    spans[5_000] = spans[5_000].clone().failed("");
    let tree = SessionTree::new(spans);
    let text = tree.render(&Style {
        width: 40,
        ascii: true,
        ..Style::default()
    });
    let lines: Vec<&str> = text
        .lines()
        .skip_while(|it| !it.starts_with("span"))
        .collect();
    assert_eq!(lines.len(), 22);
    assert!(lines[10].starts_with("|- span span 11 "), "{text}");
    assert_eq!(lines[11], "|- ... 9,980 more, 1 of them errors");
    assert!(lines[12].starts_with("|- span span 9992 "), "{text}");
    assert!(lines[21].starts_with("`- span span 10001 "), "{text}");
    let four = tree.render(&Style {
        children: 4,
        ..Style::default()
    });
    assert!(four.contains("... 9,996 more"), "{four}");
}

/// No name or value reaches the terminal as a command, with or without colours.
#[test]
fn escapes_in_names_and_values_are_shown_as_text() {
    let evil = "\x1b[2J\x1b]0;owned\x07\n\u{202e}";
    let mut spans = vec![
        span(1, None, 0..9)
            .named(evil)
            .with("session.id", evil)
            .with("user.id", evil)
            .with("gen_ai.agent.name", evil)
            .with("error.type", evil)
            .with_value("spanreel.session.cost", OwnedValue::Double(1.0))
            .failed(evil),
    ];
    spans[0].events = vec![
        event(evil, 1, &[]),
        event("exception", 2, &[("exception.message", evil)]),
    ];
    let tree = SessionTree::new(spans);
    let plain = tree.render(&Style::default());
    assert!(
        plain.lines().all(|line| !line.contains(char::is_control)),
        "{plain:?}"
    );
    assert!(plain.contains("\\u{1b}[2J"), "{plain}");
    let mut colored = tree.render(&Style {
        color: true,
        ..Style::default()
    });
    assert!(colored.contains(line::RED));
    for ours in [
        "\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[36m",
    ] {
        colored = colored.replace(ours, "");
    }
    assert_eq!(colored, plain);
}

/// A chain of ten thousand levels stays within the page, and circles end.
#[test]
fn depth_and_circles_stay_on_the_page() {
    let mut spans: Vec<_> = (1..=10_000)
        .map(|id| span(id, Some(id - 1), id..id + 1))
        .collect();
    let style = Style::default();
    let text = SessionTree::new(spans.clone()).render(&style);
    assert_eq!(text.lines().count(), 10_002);
    assert!(text.lines().all(|line| text::columns(line) <= style.width));
    spans[0].parent_span_id = Some(spans[1].span_id);
    let text = SessionTree::new(spans).render(&style);
    assert!(text.contains("(parents form a circle)"));
    assert_eq!(text.lines().count(), 10_003);
}

/// Sessions come apart by trace, in order of their start; no spans are no session.
#[test]
fn sessions_come_apart_by_trace() {
    let mut other = span(1, None, 0..5).with("session.id", "first");
    other.trace_id = TraceId::from_bytes([9; 16]).expect("not zero");
    let spans = [span(1, None, 3..5).with("session.id", "second"), other];
    let sessions = SessionTree::by_trace(spans);
    let headers: Vec<String> = sessions
        .iter()
        .map(|it| {
            it.render(&Style::default())
                .lines()
                .next()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(
        headers,
        ["session first  ended  5ns", "session second  ended  2ns"]
    );
    assert!(SessionTree::by_trace([]).is_empty());
}
