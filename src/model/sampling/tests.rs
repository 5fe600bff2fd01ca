use std::collections::HashMap;

use super::case::{Opening, Plans};
use super::node::Evidence;
use super::plan::{Decision, Draw};
use super::policy::{Action, Per};
use super::rule::{Match, Outcome};
use super::threshold::{Randomness, Threshold};
use super::*;
use crate::model::about::{About, Said};
use crate::model::chunk::{Digest, End, SessionKey};
use crate::model::id::TraceId;
use crate::model::owned_value::OwnedValue;
use crate::model::propagation::trace_state::TraceState;

const SECOND: u64 = 1_000_000_000;

fn plan(sampling: &Sampling) -> Plan {
    Plan::new(sampling, None).expect("right policies")
}

fn draw(randomness: Randomness) -> Draw {
    Draw {
        randomness,
        incoming: Threshold::KEEP_ALL,
        parent: None,
    }
}

fn chance() -> Draw {
    draw(Randomness::of(TraceId::random(), &TraceState::EMPTY))
}

/// The luckiest and the unluckiest trace.
fn luck(is_lucky: bool) -> Draw {
    let low = if is_lucky { u128::MAX } else { 1 << 120 };
    let id = TraceId::from_bytes(low.to_be_bytes()).expect("not zero");
    draw(Randomness::of(id, &TraceState::EMPTY))
}

fn about(agent: &str) -> About {
    About {
        agent: Some(agent.into()),
        user: Some("u-1".into()),
        tags: ["blue".into(), "beta".into()].into(),
        ..About::default()
    }
}

fn evidence<'a>(digest: &'a Digest, about: &'a About, is_final: bool) -> Evidence<'a> {
    Evidence {
        digest,
        about,
        about_is_whole: true,
        seen: 0,
        is_final,
    }
}

/// Whether a rule holds of these facts, before the end and at it.
fn holds(rule: Rule, digest: &Digest) -> [Option<bool>; 2] {
    let sampling = Sampling::always_off().policy(Policy::keep(rule));
    let (plan, about) = (plan(&sampling), about("planner"));
    [false, true].map(|is_final| {
        let decision = plan.judge(&luck(true), &evidence(digest, &about, is_final), 0);
        decision.map(|it| it.keep)
    })
}

/// Each rule is true of the facts it names, not of those at its limit, and open while it may become
/// true.
#[test]
fn each_rule_is_true_of_what_it_names() {
    let nothing = Digest::default();
    let with = |change: fn(&mut Digest)| {
        let mut digest = Digest::default();
        change(&mut digest);
        digest
    };
    let (yes, no, later) = ([Some(true); 2], [Some(false); 2], [None, Some(false)]);
    for (rule, digest, expected) in [
        (Rule::Always, nothing, yes),
        (Rule::Never, nothing, no),
        (Rule::Errors, nothing, later),
        (Rule::Errors, with(|it| it.error = true), yes),
        (Rule::EndState(Outcome::Error), nothing, later),
        (
            Rule::EndState(Outcome::Error),
            with(|it| it.end = End::Error),
            yes,
        ),
        (
            Rule::EndState(Outcome::Unset),
            with(|it| it.end = End::Unset),
            yes,
        ),
        (
            Rule::EndState(Outcome::Success),
            with(|it| it.end = End::Error),
            no,
        ),
        (
            Rule::SlowerThan(Duration::from_nanos(5)),
            with(|it| it.longest_ns = 5),
            later,
        ),
        (
            Rule::SlowerThan(Duration::from_nanos(5)),
            with(|it| it.longest_ns = 6),
            yes,
        ),
        (Rule::CostAbove(1.0), with(|it| it.cost = 1.0), later),
        (Rule::CostAbove(1.0), with(|it| it.cost = 1.1), yes),
        (Rule::TokensAbove(7), with(|it| it.tokens = 7), later),
        (Rule::TokensAbove(7), with(|it| it.tokens = 8), yes),
        (Rule::LlmCallsAbove(1), with(|it| it.llm_calls = 1), later),
        (Rule::LlmCallsAbove(1), with(|it| it.llm_calls = 2), yes),
        (Rule::ToolCallsAbove(1), with(|it| it.tool_calls = 1), later),
        (Rule::ToolCallsAbove(1), with(|it| it.tool_calls = 2), yes),
        (Rule::SpansAbove(1), with(|it| it.spans = 1), later),
        (Rule::SpansAbove(1), with(|it| it.spans = 2), yes),
        (Rule::Agent("planner".into()), nothing, yes),
        (Rule::Agent("plan".into()), nothing, no),
        (Rule::User("u-*".into()), nothing, yes),
        (Rule::User(Match::Contains("2".into())), nothing, no),
        (Rule::Tag("beta".into()), nothing, yes),
        (Rule::Tag("gamma".into()), nothing, no),
        (!Rule::Errors, nothing, [None, Some(true)]),
        (Rule::all([]), nothing, yes),
        (Rule::any([]), nothing, no),
        (Rule::all([Rule::Errors, Rule::Never]), nothing, no),
        (Rule::any([Rule::Errors, Rule::Always]), nothing, yes),
        (Rule::any([Rule::Errors, Rule::Never]), nothing, later),
        (Rule::SpanName("x".into()), nothing, later),
    ] {
        assert_eq!(
            holds(rule.clone(), &digest),
            expected,
            "{rule:?} of {digest:?}"
        );
    }
}

/// The first policy that is for a session decides, and those that are for none leave it to the rest.
#[test]
fn the_first_policy_decides() {
    let sampling = Sampling::always_on()
        .policy(Policy::keep(Rule::Tag("blue".into())).named("blue"))
        .policy(Policy::drop(Rule::Agent("health-*".into())).named("health"))
        .policy(Policy::share(0.5, Rule::Agent("half".into())).named("half"));
    let plan = plan(&sampling);
    let untagged = |agent: &str| About {
        tags: Vec::new(),
        ..about(agent)
    };
    for (about, is_lucky, keep, by) in [
        (about("health-1"), false, true, "blue"),
        (untagged("health-1"), true, false, "health"),
        (untagged("half"), true, true, "half"),
        (untagged("half"), false, false, "half"),
        (untagged("other"), false, true, "rest"),
    ] {
        let digest = Digest::default();
        let of = evidence(&digest, &about, false);
        let decision = plan
            .judge(&luck(is_lucky), &of, 0)
            .expect("known from the start");
        let name = &plan.counters[usize::from(decision.policy)].name;
        assert_eq!((decision.keep, &**name), (keep, by), "{about:?}");
    }
}

/// A session is decided as soon as that is certain, by a keep rule even while others are open.
#[test]
fn what_is_certain_is_decided_early() {
    let sampling = Sampling::ratio(0.5)
        .always_keep(Rule::Errors)
        .always_keep(Rule::CostAbove(1.0))
        .policy(Policy::drop(Rule::LlmCallsAbove(3)));
    let (plan, about) = (plan(&sampling), about("planner"));
    let judge = |digest: Digest| plan.judge(&luck(true), &evidence(&digest, &about, false), 0);
    let dear = Digest {
        cost: 2.0,
        ..Digest::default()
    };
    let kept = judge(dear).expect("it is kept whatever comes");
    assert!(kept.keep && kept.threshold == Threshold::KEEP_ALL && kept.policy == 1);
    let busy = Digest {
        llm_calls: 4,
        ..Digest::default()
    };
    assert_eq!(judge(busy), None, "an error may yet keep it");
    assert_eq!(judge(Digest::default()), None);
}

/// Head samplers decide by the last seven bytes of the trace id, as they did and as the specification
/// has it.
#[test]
fn the_last_seven_bytes_decide() {
    let decide = |sampling: Sampling, low: u64, parent| {
        let id = TraceId::from_bytes((7_u128 << 64 | u128::from(low)).to_be_bytes());
        let plans = Plans::new(plan(&sampling));
        let id = id.expect("not zero");
        !matches!(
            plans.open(
                SessionKey(id),
                id,
                &TraceState::EMPTY,
                parent,
                &Said::default(),
                || 0
            ),
            Opening::Unsampled
        )
    };
    const ALL: u64 = (1 << 56) - 1;
    for (ratio, lowest_kept) in [
        (1.0, 0),
        (0.5, 1 << 55),
        (0.25, 3 << 54),
        (1.0 / 65536.0, ALL - (1 << 40) + 1),
        (1.0 / (1_u64 << 56) as f64, ALL),
    ] {
        for noise in [0, 0xff << 56] {
            let sampling = Sampling::ratio(ratio);
            assert!(
                decide(sampling.clone(), lowest_kept | noise, None),
                "{ratio}"
            );
            assert!(decide(sampling.clone(), ALL | noise, None), "{ratio}");
            if lowest_kept > 0 {
                assert!(
                    !decide(sampling, (lowest_kept - 1) | noise, None),
                    "{ratio}"
                );
            }
        }
    }
    assert!(!decide(Sampling::ratio(0.0), ALL, None));
    let on = Sampling::always_on();
    let off = Sampling::always_off();
    for (sampling, decisions) in [
        (Sampling::default(), [true, true, false]),
        (on.clone(), [true, true, true]),
        (off.clone(), [false, false, false]),
        (Sampling::parent_based(on), [true, true, false]),
        (Sampling::parent_based(off), [false, true, false]),
        (Sampling::ratio(0.0), [false, true, false]),
        (Sampling::ratio(1.0), [true, true, false]),
        (
            Sampling::ratio(0.0).ignoring_parent(),
            [false, false, false],
        ),
        (Sampling::ratio(1.0).ignoring_parent(), [true, true, true]),
    ] {
        let found =
            [None, Some(true), Some(false)].map(|parent| decide(sampling.clone(), 1, parent));
        assert_eq!(found, decisions, "{sampling:?}");
    }
}

/// Over a million sessions a share keeps its share, within six standard deviations.
#[test]
fn shares_are_kept_over_a_million_sessions() {
    let sampling = Sampling::ratio(0.01)
        .policy(Policy::share(0.3, Rule::Agent("a".into())))
        .always_keep(Rule::Errors);
    let (plan, digest) = (plan(&sampling), Digest::default());
    let (a, other) = (about("a"), about("other"));
    let count = 500_000;
    for (about, share) in [(&a, 0.3), (&other, 0.01)] {
        let of = evidence(&digest, about, true);
        let kept = (0..count).filter(|_| {
            let decision = plan.judge(&chance(), &of, 0).expect("final");
            decision.keep
        });
        let (kept, count) = (kept.count() as f64, f64::from(count));
        let deviation = (count * share * (1.0 - share)).sqrt();
        assert!(
            (kept - count * share).abs() < 6.0 * deviation,
            "{kept} of {share}"
        );
    }
}

/// What `sampling` keeps of sessions that come each `gap_ns`: decisions with their time.
fn flow(
    sampling: &Sampling,
    gap_ns: u64,
    count: u64,
    about: impl Fn(u64) -> About,
) -> Vec<(u64, Decision)> {
    let (plan, digest) = (
        plan(sampling),
        Digest {
            spans: 3,
            ..Digest::default()
        },
    );
    let flow = (0..count).map(|number| {
        let (now_ns, about) = (SECOND + number * gap_ns, about(number));
        let decision = plan.judge(&chance(), &evidence(&digest, &about, true), now_ns);
        (number, decision.expect("final"))
    });
    flow.collect()
}

/// A rate keeps what it allows in the long run and little more than its burst at first, and all while
/// less comes; of spans it counts spans.
#[test]
fn a_rate_keeps_what_it_allows() {
    let kept = |flow: &[(u64, Decision)]| flow.iter().filter(|(_, it)| it.keep).count() as f64;
    let flood = SECOND / 5000;
    let sampling = Sampling::always_on().at_most(Rate::per_second(50));
    let flow_of = |sampling: &Sampling, gap, count| flow(sampling, gap, count, |_| about("a"));
    let found = flow_of(&sampling, flood, 5000 * 60);
    let all = kept(&found);
    assert!(
        (50.0 * 60.0..50.0 * 60.0 + 50.0 + 80.0).contains(&all),
        "{all}"
    );
    let first = kept(&found[..5000]);
    assert!(
        (100.0..=100.0 + 80.0).contains(&first),
        "{first} in the first second"
    );
    let quiet = flow_of(&sampling, SECOND / 40, 4000);
    assert!(
        quiet
            .iter()
            .all(|(_, it)| it.keep && it.threshold == Threshold::KEEP_ALL)
    );
    let spans = Sampling::always_on().at_most(Rate::per_second(300).of_spans());
    let all = kept(&flow_of(&spans, flood, 5000 * 60)) * 3.0;
    assert!(
        (300.0 * 59.0..300.0 * 60.0 + 300.0 + 480.0).contains(&all),
        "{all}"
    );
    let burst = Sampling::always_on().at_most(Rate::per_minute(6).burst(100));
    assert!((100.0..250.0).contains(&kept(&flow_of(&burst, flood, 5000))));
}

/// Counts that are scaled up by the probability that kept sessions carry come out right, whatever
/// policies and rates took part.
#[test]
fn kept_sessions_stand_for_all() {
    let budget = [
        Policy::keep(Rule::Agent("a".into())).at_most(Rate::per_second(20)),
        Policy::share(0.2, Rule::Agent("b".into())),
    ];
    let sampling = Sampling::ratio(0.05)
        .policy(Policy::at_least(
            Rate::per_second(5).per(Per::Agent),
            Rule::Always,
        ))
        .policy(Policy::first(budget).at_most(Rate::per_second(40)))
        .at_most(Rate::per_second(60));
    let agents = ["a", "b", "c"];
    let agent = |number: u64| agents[(number % 7 / 3) as usize];
    let count = 400_000;
    let found = flow(&sampling, SECOND / 2000, count, |number| {
        about(agent(number))
    });
    for name in agents {
        let of = |number: &u64| agent(*number) == name;
        let true_count = (0..count).filter(of).count() as f64;
        let weights = found.iter().filter(|(number, it)| it.keep && of(number));
        let (mut sum, mut variance) = (0.0, 0.0);
        for (_, decision) in weights {
            let weight = 1.0 / decision.threshold.share();
            sum += weight;
            variance += weight * (weight - 1.0);
        }
        let error = (sum - true_count).abs();
        assert!(
            error < 6.0 * f64::sqrt(variance),
            "{name}: {sum} for {true_count}"
        );
        assert!(error < 0.25 * true_count, "{name}: {sum} for {true_count}");
    }
}

/// Each key has a rate of its own: one that floods takes nothing from the others; what is beyond the
/// number of keys shares one.
#[test]
fn rates_are_fair_among_keys() {
    let rate = Rate::per_minute(10).per(Per::Agent);
    let sampling = Sampling::always_off().policy(Policy::at_least(rate, Rule::Always));
    let agent = |number: u64| match number % 100 {
        0 => "quiet",
        1 => "calm",
        _ => "loud",
    };
    // Ten minutes, a hundred sessions each second.
    let found = flow(&sampling, SECOND / 100, 60_000, |number| {
        about(agent(number))
    });
    let mut kept: HashMap<&str, f64> = HashMap::new();
    for (number, _) in found.iter().filter(|(_, it)| it.keep) {
        *kept.entry(agent(*number)).or_default() += 1.0;
    }
    for name in ["quiet", "calm", "loud"] {
        assert!((100.0..=130.0).contains(&kept[name]), "{kept:?}");
    }
    let hostile = flow(&sampling, 1000, 20_000, |number| about(&number.to_string()));
    let kept = hostile.iter().filter(|(_, it)| it.keep).count();
    assert!((4096..4096 + 60).contains(&kept), "{kept}");
}

/// A stage behind others keeps what it would have kept of all, and no decision is above one that was
/// made before.
#[test]
fn stages_agree() {
    let late = plan(&Sampling::ratio(0.02));
    let rule = plan(&Sampling::ratio(0.02).always_keep(Rule::Always));
    let (digest, nobody) = (Digest::default(), About::default());
    let of = evidence(&digest, &nobody, true);
    let early = Plans::new(plan(&Sampling::ratio(0.1)));
    let mut kept = 0;
    for _ in 0..20_000 {
        let id = TraceId::random();
        let alone = late
            .judge(&Draw::new(id, &TraceState::EMPTY, None), &of, 0)
            .expect("final");
        let state = match early.open(
            SessionKey(id),
            id,
            &TraceState::EMPTY,
            None,
            &Said::default(),
            || 0,
        ) {
            Opening::Unsampled => {
                assert!(!alone.keep, "the smaller share is within the larger");
                continue;
            }
            Opening::Sampled(state) => state.expect("its share"),
            Opening::Undecided(_) => panic!("known from the start"),
        };
        let draw = Draw::new(id, &state, None);
        let after = late.judge(&draw, &of, 0).expect("final");
        assert_eq!(after.keep, alone.keep);
        assert_eq!(after.threshold, Threshold::of_share(0.02));
        let kept_by_rule = rule.judge(&draw, &of, 0).expect("final");
        assert!(kept_by_rule.keep && kept_by_rule.threshold == Threshold::of_share(0.1));
        kept += u32::from(after.keep);
    }
    assert!((280..520).contains(&kept), "{kept}");
}

/// Everything wrong is told, with the place and what would be right.
#[test]
fn what_is_wrong_is_told_with_its_place() {
    let keep = |rule| Sampling::always_on().always_keep(rule);
    let rate = |rate| Sampling::always_on().at_most(rate);
    let many = |count: usize| (0..count).map(|number| Rule::attribute(format!("k{number}"), "x"));
    let mut deep = Rule::Always;
    for _ in 0..40 {
        deep = !deep;
    }
    let holding = Holding {
        max_sessions: 0,
        ..Holding::default()
    };
    for (sampling, setting, advice) in [
        (Sampling::ratio(1.5), "sampling", "from 0.0 to 1.0"),
        (Sampling::ratio(f64::NAN), "sampling", "from 0.0 to 1.0"),
        (
            keep(Rule::CostAbove(-1.0)),
            "sampling.policy[0].when",
            "CostAbove(1.0)",
        ),
        (
            keep(Rule::Agent(Match::Exceeds(1.0))),
            "sampling.policy[0].when",
            "plan*",
        ),
        (
            keep(Rule::SpanName(true.into())),
            "sampling.policy[0].when",
            "plan*",
        ),
        (
            keep(Rule::attribute("", "x")),
            "sampling.policy[0].when",
            "app.tier",
        ),
        (
            keep(Rule::attribute("x", Match::Exceeds(f64::NAN))),
            "sampling.policy[0].when",
            "Exceeds",
        ),
        (
            keep(Rule::attribute("x", Match::Equals(OwnedValue::Empty))),
            "sampling.policy[0].when",
            "compared",
        ),
        (
            keep(Rule::Score {
                name: None,
                score: "good".into(),
            }),
            "sampling.policy[0].when",
            "Below(0.5)",
        ),
        (keep(Rule::any(many(65))), "sampling.policy[0].when", "64"),
        (keep(deep), "sampling.policy[0].when", "deeper than 32"),
        (
            Sampling::always_on().policy(Policy::share(2.0, Rule::Always)),
            "sampling.policy[0].then",
            "0.0 to 1.0",
        ),
        (
            Sampling::always_on().policy(Policy::new(Rule::Always, Action::First(Vec::new()))),
            "sampling.policy[0].then",
            "one at least",
        ),
        (
            keep(Rule::Always).policy(Policy::first([Policy::share(-1.0, Rule::Always)])),
            "sampling.policy[1].then[0].then",
            "0.0 to 1.0",
        ),
        (
            rate(Rate::per_second(0)),
            "sampling.at_most",
            "Rate::per_second(50)",
        ),
        (
            rate(Rate::new(1.0, Duration::ZERO)),
            "sampling.at_most",
            "zero",
        ),
        (
            rate(Rate::per_second(1).burst(0.5)),
            "sampling.at_most",
            "burst",
        ),
        (
            keep(Rule::Always).policy(Policy::keep(Rule::Always).named("policy 1")),
            "sampling.policy[1]",
            "taken",
        ),
        (
            (0..121).fold(Sampling::always_on(), |it, _| it.always_keep(Rule::Errors)),
            "sampling.policy",
            "120",
        ),
        (
            Sampling::always_on().holding(holding),
            "sampling.holding.max_sessions",
            "from 1",
        ),
    ] {
        let problems = sampling.problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].setting, setting, "{problems:?}");
        assert!(problems[0].advice.contains(advice), "{problems:?}");
    }
}

/// Policies of the same name go on counting in a plan that replaces another.
#[test]
fn counters_go_on_by_name() {
    let sampling = Sampling::always_on().policy(Policy::drop(Rule::Errors).named("failed"));
    let before = plan(&sampling);
    let failed = Digest {
        error: true,
        ..Digest::default()
    };
    let nobody = About::default();
    let _dropped = before.judge(&chance(), &evidence(&failed, &nobody, true), 0);
    let more = Sampling::always_off()
        .always_keep(Rule::Never)
        .policy(sampling.policies()[0].clone());
    let after = Plan::new(&more, Some(&before)).expect("right policies");
    let names: Vec<_> = after.counters.iter().map(|it| &*it.name).collect();
    assert_eq!(names, ["policy 1", "failed", "rest"]);
    let dropped = after.counters[1]
        .dropped
        .load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(dropped, 1);
}

/// A plan is of the tail where a policy asks for what is not known when a session begins.
#[test]
fn only_later_facts_make_a_tail() {
    let on = Sampling::always_on;
    for (sampling, is_tail) in [
        (Sampling::ratio(0.1), false),
        (on().policy(Policy::drop(!Rule::Agent("a".into()))), false),
        (on().at_most(Rate::per_second(1)), false),
        (on().at_most(Rate::per_second(1).of_spans()), true),
        (on().always_keep(Rule::Errors), true),
        (
            on().policy(Policy::first([Policy::drop(Rule::SpanName("x".into()))])),
            true,
        ),
        (
            on().policy(Policy::at_least(Rate::per_second(1), Rule::Always)),
            false,
        ),
    ] {
        assert_eq!(plan(&sampling).is_tail(), is_tail, "{sampling:?}");
    }
}
