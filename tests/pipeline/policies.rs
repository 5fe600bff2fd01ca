//! Policies: which sessions are kept, with which probability, and what is told of it.

use std::time::Duration;

use spanreel::{
    ByteSize, Fate, Holding, Match, Outcome, Pipeline, Policy, PolicyStats, Rate, Rule, Sample,
    Sampling, Session, SessionConfig, SessionFacts, SpanContext, Verdict,
};

use crate::rig::{PATIENCE, Rig, eventually};
use crate::support::ledger;

fn rig(sampling: Sampling) -> Rig {
    Rig::with(|builder| builder.sampling(sampling))
}

/// The names of the sessions that were exported, each with a single span of that name.
fn kept(rig: &Rig) -> Vec<String> {
    let mut names: Vec<_> = rig
        .memory
        .spans()
        .into_iter()
        .map(|span| span.name)
        .collect();
    names.sort();
    names
}

fn open(pipeline: &Pipeline, name: &str) -> Session {
    pipeline.open_session("").name(name).open().expect("open")
}

fn policy(rig: &Rig, name: &str) -> PolicyStats {
    let stats = rig.pipeline.stats().sampling;
    let found = stats
        .policies
        .into_iter()
        .find(|policy| policy.name == name);
    found.expect("a policy of this name")
}

/// Sessions are kept by what they did, whole, and each rule tells what it kept and dropped; totals and
/// accounts are exact under every policy.
#[test]
fn rules_keep_what_they_name() {
    let keep = |name: &str, rule| Policy::keep(rule).named(name);
    let rig = rig(Sampling::always_off()
        .policy(keep("ended badly", Rule::EndState(Outcome::Error)))
        .policy(keep("failed", Rule::Errors))
        .policy(keep("dear", Rule::CostAbove(1.0)))
        .policy(keep("many tokens", Rule::TokensAbove(100)))
        .policy(keep("many tools", Rule::ToolCallsAbove(1)))
        .policy(keep("gold", Rule::attribute("app.tier", "gold")))
        .policy(keep(
            "above",
            Rule::attribute("app.rank", Match::Exceeds(9.5)),
        ))
        .policy(keep("named", Rule::SpanName("reindex*".into())))
        .policy(keep("model", Rule::Model("gpt-5*".into())))
        .policy(keep("bad answer", Rule::score_below(0.5)))
        .policy(keep("agent", Rule::Agent("critic".into())))
        .policy(keep("user", Rule::User("vip-*".into())))
        .policy(keep("tag", Rule::Tag("beta".into()))));
    let act = |name: &str, act: &dyn Fn(&Session)| {
        let session = open(&rig.pipeline, name);
        act(&session);
        session.end();
        assert!(session.totals().spans <= 2);
    };
    act("failed", &|it| {
        it.child("x").start().error("timeout", "");
    });
    act("dear", &|it| {
        it.chat("a", "b").start().cost(1.5);
    });
    act("many tokens", &|it| {
        it.chat("a", "b").start().tokens(90, 20);
    });
    act("many tools", &|it| {
        it.tool("a").start().end();
        it.tool("b").start().end();
    });
    act("gold", &|it| {
        it.child("x").attribute("app.tier", "gold").start().end()
    });
    act("above", &|it| {
        it.child("x").attribute("app.rank", 10).start().end()
    });
    act("named", &|it| it.child("reindex all").start().end());
    act("model", &|it| it.chat("openai", "gpt-5.1").start().end());
    act("bad answer", &|it| {
        let log = it.log("evaluated").event_name("gen_ai.evaluation.result");
        log.attribute("gen_ai.evaluation.score.value", 0.2).emit();
    });
    open(&rig.pipeline, "ended badly").fail("no luck");
    for (id, agent, user, tag) in [
        ("agent", "critic", "", ""),
        ("user", "", "vip-1", ""),
        ("tag", "", "", "beta"),
        ("none", "planner", "user", "alpha"),
    ] {
        let session = rig
            .pipeline
            .open_session("")
            .name(id)
            .agent(agent)
            .user(user)
            .tag(tag);
        session.open().expect("open").end();
    }
    for (name, change) in [("cheap", Some(1.0)), ("fine", None)] {
        act(name, &|it| {
            let mut span = it
                .chat("a", "gpt-4")
                .attribute("app.tier", "silver")
                .start();
            span.set("app.rank", 9);
            if let Some(usd) = change {
                span.cost(usd);
            }
        });
    }
    let report = rig.settle();
    assert!(report.is_lossless());
    let names = [
        "failed",
        "dear",
        "ended badly",
        "many tokens",
        "many tools",
        "gold",
        "above",
        "named",
        "model",
        "bad answer",
        "agent",
        "user",
        "tag",
    ];
    let kept = kept(&rig);
    for name in names {
        assert!(kept.iter().any(|it| it == name), "{name} is kept");
        let stats = policy(&rig, name);
        assert_eq!((stats.kept, stats.dropped), (1, 0), "{name}");
    }
    for name in ["none", "cheap", "fine"] {
        assert!(!kept.iter().any(|it| it == name), "{name} is not");
    }
    let rest = policy(&rig, "rest");
    assert_eq!((rest.kept, rest.dropped, rest.dropped_items), (0, 3, 5));
    assert_eq!(report.traces.fates.of(Fate::SampledOut), 5);
}

/// As soon as a keep rule is certain, what is held goes out and the rest follows without waiting.
#[test]
fn a_certain_session_leaves_at_once() {
    let config = SessionConfig {
        linger: Duration::from_millis(5),
        ..SessionConfig::default()
    };
    let sampling = Sampling::always_off().always_keep(Rule::Errors);
    let rig = Rig::with(|builder| {
        let batch = spanreel::BatchConfig {
            schedule_delay: Duration::ZERO,
            ..Default::default()
        };
        builder.sampling(sampling).sessions(config).batch(batch)
    });
    let session = open(&rig.pipeline, "root");
    session.child("before").start().end();
    eventually("it is held", || {
        rig.pipeline.stats().sampling.undecided == 1
    });
    assert!(rig.memory.spans().is_empty());
    session.child("failed").start().error("timeout", "");
    eventually("both are out", || rig.memory.spans().len() == 2);
    session.child("after").start().end();
    eventually("so is what follows", || rig.memory.spans().len() == 3);
    assert_eq!(rig.pipeline.stats().sampling.undecided, 0);
    session.end();
    session.child("late").start().end();
    let memory = rig.stop();
    assert_eq!(memory.spans().len(), 5);
}

/// Exported spans carry the threshold of their session, so that counts can be scaled up without bias; a
/// session kept by a rule carries none, which is a probability of one.
#[test]
fn exported_spans_carry_their_threshold() {
    let rig = rig(Sampling::ratio(0.25).always_keep(Rule::Errors));
    let (count, failures) = (2000, 200);
    for number in 0..count {
        // Ids that are hashed: the test is the same each time.
        let session = rig.pipeline.session(&format!("s-{number}")).expect("open");
        let mut step = session.child("step").start();
        if number % 10 == 0 {
            step.error("timeout", "");
        }
        step.end();
        session.end();
        session.child("late").start().end();
    }
    let spans = rig.stop().spans();
    let (mut sure, mut scaled) = (0, 0);
    for span in spans.iter().filter(|span| span.parent_span_id.is_none()) {
        match &*span.trace_state {
            "" => sure += 1,
            "ot=th:c" => scaled += 4,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(sure, failures);
    assert!((1600..2000).contains(&scaled), "{scaled} for 1800");
    for trace in spans.chunk_by(|a, b| a.trace_id == b.trace_id) {
        let roots = spans
            .iter()
            .filter(|span| span.trace_id == trace[0].trace_id);
        let states: Vec<_> = roots.map(|span| &*span.trace_state).collect();
        assert_eq!(states.len(), 3, "whole, with what was late");
        assert!(states.iter().all(|state| *state == states[0]), "{states:?}");
    }
}

/// A ratio without rules is decided at the start: spans and contexts carry its threshold from there, and
/// a service behind it that keeps a smaller share decides within it.
#[test]
fn a_head_ratio_tells_its_threshold() {
    let front = rig(Sampling::ratio(0.5));
    let back = rig(Sampling::ratio(0.25).ignoring_parent());
    let mut forwarded = 0;
    for number in 0..500 {
        let session = front
            .pipeline
            .session(&format!("s-{number}"))
            .expect("open");
        let context = session.context();
        if session.is_sampled() {
            assert_eq!(context.trace_state().as_str(), "ot=th:8");
        }
        let behind = back.pipeline.open_session("").parent(context.clone());
        let behind = behind.open().expect("open");
        assert!(session.is_sampled() || !behind.is_sampled());
        forwarded += usize::from(behind.is_sampled());
        behind.end();
        session.end();
    }
    assert!(forwarded > 80);
    assert!(
        front
            .stop()
            .spans()
            .iter()
            .all(|span| span.trace_state == "ot=th:8")
    );
    let spans = back.stop().spans();
    assert_eq!(spans.len(), forwarded);
    assert!(spans.iter().all(|span| span.trace_state == "ot=th:c"));
}

/// New policies are for sessions that begin from then on; wrong ones change nothing.
#[test]
fn a_reload_is_for_new_sessions() {
    let rig = rig(Sampling::always_off().policy(Policy::keep(Rule::Errors).named("failed")));
    let before = open(&rig.pipeline, "before");
    let wrong = rig.pipeline.set_sampling(&Sampling::ratio(2.0));
    assert!(
        wrong
            .expect_err("no ratio")
            .to_string()
            .contains("from 0.0 to 1.0")
    );
    let changed = Sampling::always_off()
        .always_keep(Rule::CostAbove(1.0))
        .policy(Policy::keep(Rule::SpanName("x".into())).named("failed"));
    rig.pipeline.set_sampling(&changed).expect("right policies");
    let after = open(&rig.pipeline, "after");
    for session in [&before, &after] {
        session.chat("a", "b").start().cost(2.0);
    }
    before.end();
    after.end();
    let failed = open(&rig.pipeline, "failed");
    failed.child("y").start().error("timeout", "");
    failed.end();
    let head = Sampling::always_on();
    rig.pipeline.set_sampling(&head).expect("right policies");
    open(&rig.pipeline, "head").end();
    let report = rig.settle();
    assert_eq!(kept(&rig), ["after", "chat b", "head"]);
    assert_eq!(report.traces.fates.of(Fate::SampledOut), 4);
}

/// What is known at the start decides there: such a session records nothing.
#[test]
fn what_is_known_at_the_start_decides_there() {
    let rig = rig(Sampling::always_on()
        .policy(Policy::drop(Rule::Agent("health-*".into())).named("health"))
        .always_keep(Rule::Errors));
    let open = |agent: &str| {
        let session = rig
            .pipeline
            .open_session("")
            .agent(agent)
            .open()
            .expect("open");
        session.child("x").start().end();
        session
    };
    assert!(!open("health-check").is_sampled());
    assert!(open("planner").is_sampled());
    let health = policy(&rig, "health");
    assert_eq!((health.kept, health.dropped), (0, 1));
    assert_eq!(rig.stop().spans().len(), 2);
}

/// A session that goes on and on is decided when it was held for long enough, and what follows follows.
#[test]
fn an_endless_session_is_decided_in_time() {
    let holding = Holding {
        max_wait: Duration::from_millis(50),
        ..Holding::default()
    };
    let sampling = Sampling::always_on()
        .policy(Policy::drop(Rule::Errors))
        .holding(holding);
    let rig = Rig::with(|builder| {
        let config = SessionConfig {
            linger: Duration::from_millis(1),
            ..SessionConfig::default()
        };
        builder.sampling(sampling).sessions(config)
    });
    let session = open(&rig.pipeline, "endless");
    session.child("x").start().end();
    eventually("it is decided", || {
        rig.pipeline.stats().sampling.timed_out == 1
    });
    session.child("failed").start().error("timeout", "");
    session.end();
    assert_eq!(rig.stop().spans().len(), 3, "the decision stands");
}

/// Over a bound sessions are decided early, and that is told.
#[test]
fn early_decisions_are_told() {
    let holding = Holding {
        max_sessions: 10,
        max_bytes: Some(ByteSize::mib(1)),
        ..Holding::default()
    };
    let sampling = Sampling::always_off()
        .always_keep(Rule::Errors)
        .holding(holding);
    let rig = Rig::with(|builder| {
        let config = SessionConfig {
            linger: Duration::from_millis(1),
            ..SessionConfig::default()
        };
        builder.sampling(sampling).sessions(config)
    });
    let sessions: Vec<_> = (0..50).map(|_| open(&rig.pipeline, "x")).collect();
    sessions.iter().for_each(|it| it.child("y").start().end());
    eventually("forty are decided", || {
        rig.pipeline.stats().sampling.early == 40
    });
    let stats = rig.pipeline.stats();
    assert_eq!(stats.sampling.undecided, 10);
    ledger::assert_adds_up(&stats);
    let report = rig.settle();
    assert_eq!(report.traces.fates.of(Fate::SampledOut), 100);
}

/// A rate keeps what it allows; what it drops is booked.
#[test]
fn a_rate_is_kept_to() {
    let rig = rig(Sampling::always_on()
        .always_keep(Rule::Errors)
        .at_most(Rate::new(10.0, Duration::from_secs(3600))));
    for _ in 0..300 {
        open(&rig.pipeline, "x").end();
    }
    let report = rig.settle();
    let kept = rig.memory.spans().len() as u64;
    assert!((10..30).contains(&kept), "{kept}");
    assert_eq!(report.traces.fates.of(Fate::SampledOut), 300 - kept);
}

/// Segments of a session that was decided at its start follow it, with its randomness told; those of
/// one that is judged later are judged for themselves.
#[test]
fn segments_are_decided_consistently() {
    let config = SessionConfig {
        max_spans: 2,
        ..SessionConfig::default()
    };
    let run = |sampling: Sampling, is_failing: bool| {
        let rig = Rig::with(|builder| builder.sampling(sampling).sessions(config.clone()));
        let mut sampled = 0;
        for number in 0..40 {
            let session = rig.pipeline.session(&format!("s-{number}")).expect("open");
            sampled += usize::from(session.is_sampled());
            for step in 0..5 {
                let mut span = session.child("x").start();
                if is_failing && step == 0 {
                    span.error("timeout", "");
                }
            }
            session.end();
        }
        (sampled, rig.stop().spans())
    };
    let (sampled, spans) = run(Sampling::ratio(0.5), false);
    assert_eq!(spans.len(), 8 * sampled);
    for span in &spans {
        let context = SpanContext::new(span.trace_id, span.span_id, Default::default());
        let id = context.trace_id().to_string();
        let state = &span.trace_state;
        let randomness = state.strip_prefix("ot=th:8;rv:").unwrap_or(&id[18..]);
        assert!(
            u64::from_str_radix(randomness, 16).expect("digits") >= 1 << 55,
            "{state} {id}"
        );
    }
    assert!(spans.iter().any(|span| span.trace_state.contains("rv:")));
    let (_, spans) = run(Sampling::always_off().always_keep(Rule::Errors), true);
    assert_eq!(spans.len(), 40 * 3, "the first segment of each");
}

/// Policies for what sessions do and a sampler of one's own are refused together; what is known at the
/// start goes with both.
#[test]
fn two_judges_are_refused() {
    struct Everything;
    impl Sample for Everything {
        fn sample(&mut self, _: &SessionFacts) -> Verdict {
            Verdict::Keep
        }
    }
    let start = |sampling| {
        let builder = Pipeline::builder().sampling(sampling).sample(Everything);
        builder.export(spanreel::Null).start()
    };
    let refused = start(Sampling::always_on().always_keep(Rule::Errors));
    let advice = refused.expect_err("two judges").to_string();
    assert!(advice.contains("give one of them"), "{advice}");
    let pipeline = start(Sampling::ratio(0.5)).expect("one judge");
    let late = pipeline.set_sampling(&Sampling::always_on().always_keep(Rule::Errors));
    assert!(late.is_err());
    pipeline.shutdown_blocking(PATIENCE);
}
