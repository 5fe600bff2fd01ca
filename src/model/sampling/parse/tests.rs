use super::super::rule::{Match, Outcome};
use super::*;

fn text(text: &str) -> OwnedValue {
    OwnedValue::Str(text.to_owned())
}

fn table<const N: usize>(entries: [(&str, OwnedValue); N]) -> OwnedValue {
    let entries = entries.map(|(key, value)| (key.to_owned(), value));
    OwnedValue::Map(entries.into())
}

fn list<const N: usize>(values: [OwnedValue; N]) -> OwnedValue {
    OwnedValue::Array(values.into())
}

fn number(number: f64) -> OwnedValue {
    OwnedValue::Double(number)
}

fn second(count: i64) -> OwnedValue {
    table([("count", OwnedValue::Int(count)), ("every", text("1s"))])
}

/// What is written in a file is what is written in code.
#[test]
fn a_file_says_what_code_says() {
    let any = list([
        table([("cost_above", number(1.0))]),
        table([("slower_than", text("60s"))]),
        table([("score_below", number(0.5)), ("name", text("relevance"))]),
        table([("end_state", text("error"))]),
    ]);
    let all = list([
        table([("agent", text("plan*"))]),
        table([("not", table([("tag", text("beta"))]))]),
        table([("attribute", text("app.tier")), ("equals", text("gold"))]),
        table([
            ("attribute", text("app.rank")),
            ("exceeds", OwnedValue::Int(3)),
        ]),
        table([("attribute", text("app.trial"))]),
    ]);
    let rate = table([
        ("count", OwnedValue::Int(10)),
        ("every", text("1m")),
        ("per", text("agent")),
        ("unit", text("spans")),
        ("burst", OwnedValue::Int(20)),
    ]);
    let value = table([
        ("ratio", number(0.01)),
        ("follow_parent", OwnedValue::Bool(false)),
        ("at_most", second(50)),
        (
            "holding",
            table([("max_wait", text("5m")), ("max_bytes", text("64MiB"))]),
        ),
        (
            "policy",
            list([
                table([
                    ("name", text("failed")),
                    ("when", text("errors")),
                    ("then", text("keep")),
                ]),
                table([("when", table([("any", any)])), ("then", text("keep"))]),
                table([
                    ("when", table([("all", all)])),
                    ("then", table([("at_least", rate)])),
                ]),
                table([
                    (
                        "then",
                        table([(
                            "first",
                            list([table([("then", table([("share", number(0.1))]))])]),
                        )]),
                    ),
                    ("at_most", second(5)),
                ]),
                table([("then", text("drop"))]),
            ]),
        ),
    ]);
    let expected = Sampling::ratio(0.01)
        .ignoring_parent()
        .at_most(Rate::per_second(50))
        .holding(Holding {
            max_wait: Duration::from_secs(300),
            max_bytes: Some(ByteSize::mib(64)),
            ..Holding::default()
        })
        .policy(Policy::keep(Rule::Errors).named("failed"))
        .always_keep(Rule::any([
            Rule::CostAbove(1.0),
            Rule::SlowerThan(Duration::from_secs(60)),
            Rule::Score {
                name: Some("relevance".into()),
                score: Match::Below(0.5),
            },
            Rule::EndState(Outcome::Error),
        ]))
        .policy(Policy::at_least(
            Rate::per_minute(10).per(Per::Agent).of_spans().burst(20),
            Rule::all([
                Rule::Agent("plan*".into()),
                !Rule::Tag("beta".into()),
                Rule::attribute("app.tier", "gold"),
                Rule::attribute("app.rank", Match::Exceeds(3.0)),
                Rule::attribute("app.trial", Match::Present),
            ]),
        ))
        .policy(Policy::first([Policy::share(0.1, Rule::Always)]).at_most(Rate::per_second(5)))
        .policy(Policy::drop(Rule::Always));
    assert_eq!(Sampling::from_value(&value), Ok(expected));
    assert_eq!(Sampling::from_value(&table([])), Ok(Sampling::ratio(1.0)));
}

/// Whatever is not known, or is of another form, is told with its place and the right form.
#[test]
fn whatever_is_not_known_is_told() {
    let policy = |entries| table([("policy", list([entries]))]);
    let when = |rule| policy(table([("when", rule), ("then", text("keep"))]));
    let then = |action| policy(table([("then", action)]));
    for (value, setting, advice) in [
        (text("x"), "sampling", "no table"),
        (
            table([("ration", number(0.1))]),
            "sampling.ration",
            "known are ratio",
        ),
        (table([("ratio", text("0.1"))]), "sampling.ratio", "0.01"),
        (
            table([("ratio", number(7.0))]),
            "sampling",
            "from 0.0 to 1.0",
        ),
        (
            table([("follow_parent", text("yes"))]),
            "sampling.follow_parent",
            "true nor false",
        ),
        (
            table([("policy", table([]))]),
            "sampling.policy",
            "brackets",
        ),
        (
            policy(table([("when", text("errors"))])),
            "sampling.policy[0].then",
            "missing",
        ),
        (
            policy(table([("then", text("keep")), ("if", text("x"))])),
            "sampling.policy[0].if",
            "name, when",
        ),
        (when(text("error")), "sampling.policy[0].when", "\"errors\""),
        (
            when(table([("cost_over", number(1.0))])),
            "sampling.policy[0].when.cost_over",
            "cost_above",
        ),
        (
            when(table([("slower_than", number(1.0))])),
            "sampling.policy[0].when.slower_than",
            "60s",
        ),
        (
            when(table([("slower_than", text("1 day"))])),
            "sampling.policy[0].when.slower_than",
            "60s",
        ),
        (
            when(table([("tokens_above", number(1.5))])),
            "sampling.policy[0].when.tokens_above",
            "whole",
        ),
        (
            when(table([("agent", number(1.0))])),
            "sampling.policy[0].when.agent",
            "planner",
        ),
        (
            when(table([("end_state", text("bad"))])),
            "sampling.policy[0].when.end_state",
            "unset",
        ),
        (
            when(table([("agent", text("a")), ("user", text("b"))])),
            "sampling.policy[0].when.user",
            "all = [..]",
        ),
        (
            when(table([(
                "any",
                list([table([("attribute", text("x")), ("like", text("y"))])]),
            )])),
            "sampling.policy[0].when.any[0].like",
            "equals",
        ),
        (then(text("sample")), "sampling.policy[0].then", "\"drop\""),
        (then(table([])), "sampling.policy[0].then", "one thing"),
        (
            then(table([("portion", number(0.1))])),
            "sampling.policy[0].then.portion",
            "share",
        ),
        (
            then(table([("at_least", table([]))])),
            "sampling.policy[0].then.at_least",
            "count = 50",
        ),
        (
            table([(
                "at_most",
                table([("count", number(0.0)), ("every", text("1s"))]),
            )]),
            "sampling.at_most",
            "above 0",
        ),
        (
            table([(
                "at_most",
                table([
                    ("count", number(1.0)),
                    ("every", text("1s")),
                    ("per", text("pod")),
                ]),
            )]),
            "sampling.at_most.per",
            "\"agent\"",
        ),
        (
            table([("holding", table([("max_bytes", text("much"))]))]),
            "sampling.holding.max_bytes",
            "64MiB",
        ),
    ] {
        let problems = Sampling::from_value(&value).expect_err("it is wrong");
        assert_eq!(problems.len(), 1, "{value:?} {problems:?}");
        assert_eq!(problems[0].setting, setting);
        assert!(problems[0].advice.contains(advice), "{problems:?}");
    }
}

/// A value that is nested without end is refused, not followed without end.
#[test]
fn deep_values_are_refused() {
    let mut rule = text("errors");
    for _ in 0..2000 {
        rule = table([("not", rule)]);
    }
    let value = table([(
        "policy",
        list([table([("when", rule), ("then", text("keep"))])]),
    )]);
    let problems = Sampling::from_value(&value).expect_err("too deep");
    assert!(problems[0].advice.contains("deep"), "{problems:?}");
}

/// How deep a value lies is counted by rules and policies, not by how long its place is to say.
#[test]
fn depth_is_counted_by_rules_and_policies() {
    let nested = |levels: usize, wrap: fn(OwnedValue) -> OwnedValue| {
        let rule = (0..levels).fold(text("errors"), |rule, _| wrap(rule));
        let policy = table([("when", rule), ("then", text("keep"))]);
        let value = table([("policy", list([policy]))]);
        let problems = Sampling::from_value(&value).expect_err("deeper than a plan may be");
        problems.iter().any(|it| it.advice.contains("too deep"))
    };
    let not = |rule| table([("not", rule)]);
    let all = |rule| {
        let others = (0..100).map(|_| text("errors"));
        table([("all", OwnedValue::Array(others.chain([rule]).collect()))])
    };
    // The policy is a level, and so is the rule in it.
    for (wrap, name) in [(not as fn(_) -> _, "not"), (all, "all")] {
        assert!(!nested(DEEPEST - 2, wrap), "{name}");
        assert!(nested(DEEPEST - 1, wrap), "{name}");
    }
}
