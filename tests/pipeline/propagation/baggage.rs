//! Baggage of sessions: what travels, to whom, and what is taken over.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use spanreel::{BaggagePolicy, BuildError, Null, Pipeline};

use super::{Pairs, get};
use crate::rig::Rig;

fn policy() -> BaggagePolicy {
    BaggagePolicy::new()
        .send_session_id()
        .send_user()
        .send_tags()
        .send_member("tenant")
        .to_host("*.orders.internal")
        .to_host("localhost")
        .accept("tenant")
        .accept("user.id")
        .accept("session.id")
}

fn baggage_to(session: &spanreel::Session, host: &str) -> Option<String> {
    let mut carrier = Pairs::from([("baggage".to_owned(), "stale=1".to_owned())]);
    let span = session.child("call").start();
    span.inject_to(host, &mut carrier);
    assert!(get(&carrier, "traceparent").is_some());
    get(&carrier, "baggage").map(str::to_owned)
}

/// Baggage goes to allowed hosts alone: a provider of models gets none, nor what the carrier held.
#[test]
fn baggage_goes_to_allowed_hosts_alone() {
    let rig = Rig::with(|builder| builder.baggage(policy()));
    let session = rig
        .pipeline
        .open_session("conv-1")
        .user("u-19")
        .tag("eu")
        .tag("paid");
    let session = session
        .baggage("tenant", "acme & sons")
        .baggage("secret", "x")
        .baggage("no key", "x")
        .open()
        .expect("open");
    let all =
        "session.id=conv-1,user.id=u-19,spanreel.session.tags=eu%2Cpaid,tenant=acme%20&%20sons";
    for host in [
        "api.orders.internal",
        "API.orders.internal:8443",
        "localhost",
    ] {
        assert_eq!(baggage_to(&session, host).as_deref(), Some(all), "{host}");
    }
    for host in [
        "api.anthropic.com",
        "orders.internal",
        "",
        "x.orders.internal.evil.test",
    ] {
        assert_eq!(baggage_to(&session, host), None, "{host}");
    }
    let mut carrier = Pairs::new();
    session.inject(&mut carrier);
    assert_eq!(carrier.len(), 1, "no host, no baggage");
    assert_eq!(
        session.baggage().as_str(),
        "tenant=acme%20&%20sons,secret=x"
    );
    session.end();
    rig.stop();
}

/// Members on the list become attributes of the root; what the host says of the session wins, and
/// the session's id is nobody else's to say.
#[test]
fn inbound_members_become_attributes_by_list_alone() {
    let rig = Rig::with(|builder| builder.baggage(policy()));
    let headers = [(
        "baggage",
        "tenant=acme;p, user.id=forged,session.id=forged,other=1",
    )];
    for (id, user) in [("with", Some("u-19")), ("without", None)] {
        let inbound = rig.pipeline.propagators().extract(&headers);
        let mut session = rig.pipeline.open_session(id).name(id).extracted(inbound);
        if let Some(user) = user {
            session = session.user(user);
        }
        let session = session.baggage("own", "1").open().expect("open");
        assert_eq!(
            session.baggage().as_str(),
            "tenant=acme;p,user.id=forged,session.id=forged,other=1,own=1"
        );
        session.end();
        let sent = baggage_to(&session, "localhost").expect("allowed");
        assert!(sent.starts_with(&format!("session.id={id},")), "{sent}");
        assert!(sent.ends_with("tenant=acme;p"), "{sent}");
    }
    let memory = rig.stop();
    for (id, user) in [("with", "u-19"), ("without", "forged")] {
        let root = memory.span(id);
        assert_eq!(root.str("tenant"), Some("acme"));
        assert_eq!(root.str("user.id"), Some(user), "{id}");
        assert_eq!(root.str("session.id"), Some(id));
        assert_eq!(root.str("other"), None);
    }
}

/// Without a policy nothing travels and nothing is taken over, but the session knows its caller's
/// baggage.
#[test]
fn without_a_policy_nothing_travels() {
    let rig = Rig::start();
    let inbound = rig
        .pipeline
        .propagators()
        .extract(&[("baggage", "tenant=acme")]);
    let session = rig
        .pipeline
        .open_session("conv-1")
        .user("u-19")
        .extracted(inbound);
    let session = session.open().expect("open");
    assert_eq!(baggage_to(&session, "localhost"), None);
    assert_eq!(session.baggage().get("tenant").as_deref(), Some("acme"));
    session.end();
    assert_eq!(rig.stop().span("session").str("tenant"), None);
}

/// What travels is redacted once per session; a redaction may use the session itself.
#[test]
fn what_travels_is_redacted() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let redacting = policy().redact(move |key, value| {
        counted.fetch_add(1, Ordering::Relaxed);
        (key != "user.id").then(|| value.replace("acme", "***"))
    });
    let rig = Rig::with(|builder| builder.baggage(redacting));
    let session = rig
        .pipeline
        .open_session("conv-1")
        .user("u-19")
        .baggage("tenant", "acme");
    let session = session.open().expect("open");
    for _ in 0..3 {
        let sent = baggage_to(&session, "localhost");
        assert_eq!(sent.as_deref(), Some("session.id=conv-1,tenant=***"));
    }
    assert_eq!(calls.load(Ordering::Relaxed), 3, "three members, once each");
    session.end();
    rig.stop();
}

/// A policy that cannot be meant is reported by `start`.
#[test]
fn a_wrong_policy_is_reported() {
    let policy = BaggagePolicy::new()
        .to_host("https://orders.internal/")
        .accept("no key");
    let error = Pipeline::builder()
        .baggage(policy)
        .export(Null)
        .start()
        .err();
    let Some(BuildError::Invalid(problems)) = error else {
        panic!("it starts");
    };
    let settings: Vec<_> = problems.iter().map(|it| it.setting.as_str()).collect();
    assert_eq!(settings, ["baggage.to_host", "baggage.accept"]);
}
