//! What a session and its spans carry.

use spanreel::OwnedValue;
use spanreel::{EndState, Operation, SpanKind, Usage};

use crate::rig::Rig;

/// Every span carries the id of its session; GenAI spans, the root among them, carry it as the id of
/// the conversation too.
#[test]
fn every_span_carries_its_session() {
    let rig = Rig::start();
    let session = rig.pipeline.session("conv-1").expect("open");
    let starters = [
        (session.child("plain"), false),
        (session.action("click"), false),
        (session.agent("a"), true),
        (session.workflow("w"), true),
        (session.chat("p", "m"), true),
        (session.text_completion("p", "m"), true),
        (session.generate_content("p", "m"), true),
        (session.embeddings("p", "m"), true),
        (session.retrieval("d"), true),
        (session.tool("t"), true),
        (session.child("other chat").operation(Operation::Chat), true),
    ];
    let mut expected = vec![("session".to_owned(), true)];
    for (builder, is_genai) in starters {
        let span = builder.start();
        let live = &rig.pipeline.sessions()[0].open_spans[0];
        expected.push((live.name.clone(), is_genai));
        span.end();
    }
    session.end();
    let memory = rig.stop();
    assert_eq!(memory.spans().len(), expected.len());
    for (name, is_genai) in expected {
        let span = memory.span(&name);
        assert_eq!(span.str("session.id"), Some("conv-1"), "{name}");
        let conversation = span.str("gen_ai.conversation.id");
        assert_eq!(conversation, is_genai.then_some("conv-1"), "{name}");
    }
}

/// Each kind of span has the name, kind and attributes of the GenAI semantic conventions.
#[test]
fn spans_are_named_after_the_conventions() {
    let rig = Rig::start();
    let session = rig.pipeline.session("conv-1").expect("open");
    session.agent("planner").start().end();
    session.workflow("nightly").start().end();
    session.chat("openai", "gpt").start().end();
    session.text_completion("openai", "davinci").start().end();
    session.generate_content("gcp.gemini", "pro").start().end();
    session.embeddings("openai", "ada").start().end();
    session.retrieval("docs").start().end();
    session.tool("search").call_id("call-7").start().end();
    session.action("click").start().end();
    session.end();
    let memory = rig.stop();
    let client = SpanKind::Client as i64;
    let internal = SpanKind::Internal as i64;
    for (name, kind, attributes) in [
        (
            "invoke_agent planner",
            internal,
            &[
                ("gen_ai.operation.name", "invoke_agent"),
                ("gen_ai.agent.name", "planner"),
            ][..],
        ),
        (
            "invoke_workflow nightly",
            internal,
            &[
                ("gen_ai.operation.name", "invoke_workflow"),
                ("gen_ai.workflow.name", "nightly"),
            ],
        ),
        (
            "chat gpt",
            client,
            &[
                ("gen_ai.operation.name", "chat"),
                ("gen_ai.provider.name", "openai"),
                ("gen_ai.request.model", "gpt"),
            ],
        ),
        (
            "text_completion davinci",
            client,
            &[("gen_ai.operation.name", "text_completion")],
        ),
        (
            "generate_content pro",
            client,
            &[("gen_ai.operation.name", "generate_content")],
        ),
        (
            "embeddings ada",
            client,
            &[("gen_ai.operation.name", "embeddings")],
        ),
        (
            "retrieval docs",
            client,
            &[
                ("gen_ai.operation.name", "retrieval"),
                ("gen_ai.data_source.id", "docs"),
            ],
        ),
        (
            "execute_tool search",
            internal,
            &[
                ("gen_ai.operation.name", "execute_tool"),
                ("gen_ai.tool.name", "search"),
                ("gen_ai.tool.call.id", "call-7"),
            ],
        ),
        (
            "action click",
            internal,
            &[("spanreel.action.name", "click")],
        ),
    ] {
        let span = memory.span(name);
        assert_eq!(span.kind as i64, kind, "{name}");
        for (key, value) in attributes {
            assert_eq!(span.str(key), Some(*value), "{key} of {name}");
        }
    }
}

/// The root carries who the session is of: agent, user, tags, what it continues, and what the host
/// set when it opened it or later.
#[test]
fn the_root_carries_who_it_is() {
    let rig = Rig::start();
    let elsewhere = super::foreign("01");
    let session = rig
        .pipeline
        .open_session("conv-2")
        .agent("planner")
        .agent_id("agent-7")
        .user("u-1")
        .tag("beta")
        .tag("eu")
        .previous_id("conv-1")
        .kind(SpanKind::Server)
        .link(&elsewhere, &[])
        .attribute("at.open", 1_i64)
        .attribute("twice", "first")
        .attribute("session.id", "somebody else")
        .open()
        .expect("open");
    session.set("twice", "second").set("later", true);
    session.set("gen_ai.conversation.id", "somebody else");
    session.link(&elsewhere, &[]);
    session.child("work").start().end();
    session.end();
    session.set("after.the.end", true);
    let memory = rig.stop();
    let root = memory.span("invoke_agent planner");
    assert_eq!(root.kind as i64, SpanKind::Server as i64);
    for (key, value) in [
        ("gen_ai.operation.name", "invoke_agent"),
        ("gen_ai.agent.name", "planner"),
        ("gen_ai.agent.id", "agent-7"),
        ("user.id", "u-1"),
        ("session.previous_id", "conv-1"),
        ("session.id", "conv-2"),
        ("gen_ai.conversation.id", "conv-2"),
        ("twice", "second"),
        ("spanreel.session.end_state", "unset"),
    ] {
        assert_eq!(root.str(key), Some(value), "{key}");
    }
    assert_eq!(root.int("at.open"), Some(1));
    assert_eq!(root.bool("later"), Some(true));
    assert_eq!(root.bool("after.the.end"), None);
    let tags = ["beta", "eu"].map(|tag| OwnedValue::Str(tag.to_owned()));
    assert_eq!(
        root.attributes.get("spanreel.session.tags"),
        Some(&OwnedValue::Array(tags.to_vec()))
    );
    let links: Vec<_> = root.links.iter().map(|link| link.span_id).collect();
    assert_eq!(links, [Some(elsewhere.span_id()); 2]);
    let keys = root.attributes.iter().map(|(key, _)| key);
    let distinct: std::collections::BTreeSet<_> = keys.clone().collect();
    assert_eq!(distinct.len(), keys.count(), "no key twice");
    let work = memory.span("work");
    assert_eq!(
        work.str("user.id"),
        None,
        "who it is stands on the root alone"
    );
}

/// Baggage stays with the session and is not exported.
#[test]
fn baggage_stays_in_the_process() {
    let rig = Rig::start();
    let session = rig
        .pipeline
        .open_session("conv-1")
        .baggage("tenant", "acme")
        .baggage("plan", "pro")
        .open()
        .expect("open");
    let found = rig.pipeline.session("conv-1").expect("open");
    assert_eq!(found.baggage().as_str(), "tenant=acme,plan=pro");
    let mut sent: Vec<(String, String)> = Vec::new();
    found.inject_to("localhost", &mut sent);
    assert_eq!(sent.len(), 1, "the traceparent alone travels");
    session.end();
    let root = format!("{:?}", rig.stop().span("session"));
    assert!(!root.contains("acme") && !root.contains("tenant"), "{root}");
}

/// The root tells what the session did in all; what nobody told is absent, never zero.
#[test]
fn the_root_tells_totals() {
    let rig = Rig::start();
    let session = rig.pipeline.session("conv-1").expect("open");
    let mut chat = session.chat("openai", "gpt").start();
    chat.tokens(100, 20).cost(0.5);
    chat.end();
    let mut chat = session.chat("openai", "gpt").start();
    chat.usage(Usage {
        input: Some(1),
        cache_read: Some(7),
        ..Usage::default()
    });
    chat.error("timeout", "too slow");
    chat.end();
    let mut tool = session.tool("search").start();
    tool.fail("no index");
    tool.ok();
    tool.end();
    let mut odd = session.embeddings("openai", "ada").start();
    odd.cost(f64::NAN);
    odd.end();
    let totals = session.totals();
    assert_eq!(
        (totals.spans, totals.llm_calls, totals.tool_calls),
        (4, 3, 1)
    );
    assert_eq!(totals.errors, 1, "the tool call was fine in the end");
    assert_eq!(totals.usage.input, Some(101));
    assert_eq!(totals.cost, Some(0.5), "what is no number is not added");
    session.end();
    rig.pipeline.session("quiet").expect("open").end();
    let elsewhere = rig.pipeline.open_session("elsewhere").totals_elsewhere();
    elsewhere.open().expect("open").end();
    let memory = rig.stop();
    let root_of = |id: &str| {
        let roots = memory.spans().into_iter();
        let mut of =
            roots.filter(|span| span.name == "session" && span.str("session.id") == Some(id));
        of.next().expect("a root")
    };
    let root = root_of("conv-1");
    for (key, value) in [
        ("llm_calls", Some(3)),
        ("tool_calls", Some(1)),
        ("errors", Some(1)),
        ("input_tokens", Some(101)),
        ("output_tokens", Some(20)),
        ("cached_tokens", Some(7)),
        ("reasoning_tokens", None),
    ] {
        assert_eq!(root.int(&format!("spanreel.session.{key}")), value, "{key}");
    }
    assert_eq!(root.double("spanreel.session.cost"), Some(0.5));
    let quiet = root_of("quiet");
    assert_eq!(
        quiet.int("spanreel.session.llm_calls"),
        Some(0),
        "it is known"
    );
    for unknown in ["input_tokens", "output_tokens", "cached_tokens", "cost"] {
        let key = format!("spanreel.session.{unknown}");
        assert_eq!(quiet.attributes.get(&key), None, "{unknown}");
    }
    let elsewhere = root_of("elsewhere");
    assert_eq!(elsewhere.int("spanreel.session.llm_calls"), None);
    assert_eq!(elsewhere.int("spanreel.session.errors"), None);
}

/// Token counts beyond all bounds neither panic nor wrap around.
#[test]
fn totals_do_not_overflow() {
    let rig = Rig::start();
    let session = rig.pipeline.session("conv-1").expect("open");
    for _ in 0..3 {
        session
            .chat("openai", "gpt")
            .start()
            .tokens(u64::MAX, u64::MAX);
    }
    assert_eq!(session.totals().usage.input, Some(u64::MAX));
    session.end();
    let root = rig.stop().span("session");
    assert_eq!(root.int("spanreel.session.input_tokens"), Some(i64::MAX));
}

/// How a session ended stands on its root, as an attribute and as its status.
#[test]
fn the_root_tells_how_it_ended() {
    let rig = Rig::start();
    for (id, state) in [
        ("unset", EndState::Unset),
        ("success", EndState::Success),
        ("error", EndState::Error("no plan")),
    ] {
        let session = rig.pipeline.open_session(id).name(id).open().expect("open");
        session.finish(state);
        session.fail("a second end does nothing");
    }
    let memory = rig.stop();
    for (name, status, message) in [
        ("unset", 0, ""),
        ("success", 1, ""),
        ("error", 2, "no plan"),
    ] {
        let root = memory.span(name);
        assert_eq!(root.str("spanreel.session.end_state"), Some(name));
        assert_eq!(
            (root.status as i32, &*root.status_message),
            (status, message)
        );
        assert_eq!(root.bool("spanreel.incomplete"), None);
    }
}
