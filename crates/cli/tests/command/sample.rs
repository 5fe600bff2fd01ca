//! What `spanreel sample` says of the fixtures.

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
when = { all = [{ llm_calls_above = 1 }, { not = { cost_above = 5.0 } }] }
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
    assert_snapshot!(sample("try", POLICIES, &FIXTURES, &[]).fine().stdout, @"");
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
    assert_snapshot!(run.fine().stdout, @"");
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
    assert_snapshot!(run.stdout, @"");
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
    for command in [
        &["sample", "--help"][..],
        &["sample", "try", "--help"],
        &["sample", "explain", "--help"],
    ] {
        let help = super::run(command).fine().stdout;
        assert!(help.contains("polic"), "{help}");
    }
}
