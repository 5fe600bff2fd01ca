//! What `spanreel sample` says of the fixtures.

use std::ffi::OsStr;

use insta::assert_snapshot;

use super::{FIXTURES, Run, fixture, run};

const POLICIES: &str = "\
token-file = \"/not/on/this/machine\"

[sampling]
ratio = 0.0

[[sampling.policy]]
name = \"failed\"
when = \"errors\"
then = \"keep\"

[[sampling.policy]]
name = \"busy\"
when = { all = [{ llm_calls_above = 3 }, { not = { cost_above = 5.0 } }] }
then = \"keep\"
";

/// Runs a command of `sample` on some fixtures, with policies.
fn sample(command: &str, policies: &str, fixtures: &[&str], options: &[&str]) -> Run {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("spanreel.toml");
    std::fs::write(&config, policies).expect("written");
    let recordings = fixtures.iter().map(|name| fixture(name).into_os_string());
    let options = options.iter().map(Into::into);
    let told = [
        "sample".into(),
        command.into(),
        "--config".into(),
        config.into(),
    ];
    let told: [std::ffi::OsString; 4] = told;
    run(told.into_iter().chain(recordings).chain(options))
}

/// A trial tells what each policy keeps and drops of all recordings, and what that saves.
#[test]
fn a_trial_tells_what_each_policy_keeps() {
    assert_snapshot!(sample("try", POLICIES, &FIXTURES, &[]).fine().stdout, @r"
    policy       kept     spans      bytes    dropped     spans      bytes
    failed          4        35   22.8 KiB          0         0        0 B
    busy            1        17   7.46 KiB          0         0        0 B
    rest            0         0        0 B          1         6   1.86 KiB

    kept: 5 of 6 sessions (83.3 %), 52 of 58 spans (89.7 %), 30.3 KiB of 32.1 KiB (94.2 %); saved: 5.8 %
    ");
}

/// For programs the same is an object, whose sums are those of its sessions, and equal those of `convert`.
#[test]
fn sums_are_those_of_the_sessions() {
    let json = sample("try", POLICIES, &FIXTURES, &["--json"])
        .fine()
        .json();
    let sessions = json["sessions"].as_array().expect("a list");
    let sum = |key: &str, of: &dyn Fn(&serde_json::Value) -> bool| -> u64 {
        let of_these = sessions.iter().filter(|session| of(session));
        of_these.filter_map(|session| session[key].as_u64()).sum()
    };
    for key in ["spans", "logs", "bytes"] {
        assert_eq!(json["total"][key], sum(key, &|_| true), "{key}");
        assert_eq!(
            json["kept"][key],
            sum(key, &|it| it["kept"] == true),
            "{key}"
        );
        for policy in json["policies"].as_array().expect("a list") {
            for (verdict, kept) in [("kept", true), ("dropped", false)] {
                let is_it =
                    |it: &serde_json::Value| it["policy"] == policy["name"] && it["kept"] == kept;
                assert_eq!(policy[verdict][key], sum(key, &is_it), "{policy}");
            }
        }
    }
    let recordings = FIXTURES.iter().map(|name| fixture(name).into_os_string());
    let converted = ["convert".into(), "--json".into()]
        .into_iter()
        .chain(recordings);
    let converted = run(converted).json();
    let spans = converted["sessions"].as_array().expect("a list").iter();
    let spans: u64 = spans.filter_map(|session| session["spans"].as_u64()).sum();
    assert_eq!(json["total"]["spans"].as_u64(), Some(spans));
    assert_eq!(
        json["kept_percent"]
            .as_f64()
            .map(|it| it > 0.0 && it < 100.0),
        Some(true)
    );
}

/// An explanation names the policy that decides, and tells for each rule what it says and what it saw.
#[test]
fn an_explanation_tells_what_each_rule_saw() {
    let run = sample("explain", POLICIES, &["narrowed.jsonl"], &[]);
    assert_snapshot!(run.fine().stdout, @r"
    session support-call-42: kept by failed, 7 spans, 7.45 KiB
    > failed: keep
        yes  a span failed                                     execute_tool points failed
      busy: keep
        yes  all of
        yes    more than 3 LLM calls                           4 LLM calls
        yes    not
        no       cost above $5                                 it cost $0.000020
      rest: what no policy is for
    ");
    let all = "[sampling]\nratio = 1.0\n";
    let run = sample("explain", all, &["narrowed.jsonl"], &[]).fine();
    assert!(run.stdout.contains("kept by rest"), "{run:?}");
}

/// All kinds of rules can be explained, and the facts are those of the session.
#[test]
fn every_rule_can_be_explained() {
    let policies = "\
[sampling]
ratio = 0.5

[[sampling.policy]]
name = \"every rule\"
then = { first = [
  { when = \"never\", then = \"drop\" },
  { when = { end_state = \"error\" }, then = \"keep\" },
  { when = { slower_than = \"10m\" }, then = \"keep\", at_most = { count = 5, every = \"1s\", unit = \"spans\" } },
  { when = { tokens_above = 1000000 }, then = { share = 0.5 } },
  { when = { tool_calls_above = 1000 }, then = { at_least = { count = 1, every = \"1m\", per = \"agent\" } } },
  { when = { spans_above = 1000 }, then = \"keep\" },
  { when = { score_below = -1.0, name = \"x\" }, then = \"keep\" },
  { when = { agent = \"conc*\" }, then = \"keep\" },
  { when = { user = \"nobody\" }, then = \"keep\" },
  { when = { tag = \"beta\" }, then = \"keep\" },
  { when = { model = \"gemini-*\" }, then = \"keep\" },
  { when = { attribute = \"gen_ai.tool.name\", equals = \"points\" }, then = \"keep\" },
  { when = { span_name = \"execute_tool *\" }, then = \"keep\" },
] }
";
    let run = sample("explain", policies, &["narrowed.jsonl"], &[]).fine();
    assert_snapshot!(run.stdout, @r"
    session support-call-42: kept by every rule/policy 9, 7 spans, 7.45 KiB
      every rule: as the first of these
        yes  every session
        every rule/policy 2: drop
        no     no session
        every rule/policy 3: keep
        no     it ended as error                               it ended as unset
        every rule/policy 4: keep, at most 5 spans in 1 s
        no     slower than 10 m 00 s                           the longest span took 5.2 s
        every rule/policy 5: keep 50 %
        no     more than 1,000,000 tokens                      201 tokens
        every rule/policy 6: keep at least 1 sessions of each agent in 1 m 00 s
        no     more than 1,000 tool calls                      2 tool calls
        every rule/policy 7: keep
        no     more than 1,000 spans                           7 spans
        every rule/policy 8: keep
        no     a score below -1 whose name is x                scores: none
    >   every rule/policy 9: keep
        yes    an agent whose name is like conc*               the agent is concierge
        every rule/policy 10: keep
        no     a user whose id is nobody                       no user is known
        every rule/policy 11: keep
        no     a tag that is beta                              tags: none
        every rule/policy 12: keep
        yes    a model whose name is like gemini-*             models: gemini-2.0-flash
        every rule/policy 13: keep
        yes    gen_ai.tool.name is points                      gen_ai.tool.name: find_table, points
        every rule/policy 14: keep
        yes    a span whose name is like execute_tool *        names: chat gemini-2.0-flash, execute_tool find_table, execute_tool points and 1 more
      rest: what no policy is for
    ");
    let run = sample("try", policies, &["narrowed.jsonl"], &[]).fine();
    assert!(
        run.stdout
            .ends_with("rates count as if all sessions came at once\n"),
        "{run:?}"
    );
}

/// A configuration that is wrong is told with its place, a recording that is none by its name.
#[test]
fn what_is_wrong_is_told() {
    let wrong = POLICIES.replace("\"errors\"", "\"eror\"");
    let run = sample("try", &wrong, &["narrowed.jsonl"], &[]);
    assert_eq!(run.code, Some(2), "{run:?}");
    let expected = "spanreel.toml:8:8: sampling.policy[0].when: is no table";
    assert!(run.stderr.contains(expected), "{run:?}");
    let run = sample("explain", POLICIES, &["no-such-file.jsonl"], &[]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("no-such-file.jsonl"), "{run:?}");
    let folder = tempfile::tempdir().expect("a folder");
    let (config, otlp) = (folder.path().join("c.toml"), folder.path().join("o.jsonl"));
    std::fs::write(&config, POLICIES).expect("written");
    std::fs::write(&otlp, "{\"resourceSpans\":[]}\n").expect("written");
    let told: [&OsStr; 5] = [
        "sample".as_ref(),
        "try".as_ref(),
        "--config".as_ref(),
        config.as_ref(),
        otlp.as_ref(),
    ];
    let run = super::run(told);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("holds OTLP"), "{run:?}");
    for command in [
        &["sample", "--help"][..],
        &["sample", "try", "--help"],
        &["sample", "explain", "--help"],
    ] {
        let help = super::run(command).fine().stdout;
        assert!(help.contains("polic"), "{help}");
    }
}
