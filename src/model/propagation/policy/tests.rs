//! Tests of the policy of baggage.

use super::*;

fn sent(policy: &BaggagePolicy, tags: &[&str], baggage: &str) -> String {
    let tags: Vec<Box<str>> = tags.iter().map(|tag| (*tag).into()).collect();
    let outbound = policy.outbound(&Sender {
        session_id: "conv-1",
        user: Some("u-19"),
        tags: &tags,
        baggage: &Baggage::parse(baggage),
    });
    outbound.as_str().to_owned()
}

/// Nothing travels that is not allowed by name.
#[test]
fn only_what_is_allowed_travels() {
    let new = BaggagePolicy::new;
    for (policy, travels) in [
        (new(), ""),
        (new().send_session_id(), "session.id=conv-1"),
        (new().send_user(), "user.id=u-19"),
        (new().send_tags(), "spanreel.session.tags=eu%2Ca%252Cb"),
        (new().send_member("a"), "a=1;p"),
        (new().send_member("none"), ""),
        (new().send_all_members(), "a=1;p,b=2,user.id=forged"),
        (
            new().send_all_members().send_user(),
            "user.id=u-19,a=1;p,b=2",
        ),
        (new().to_host("*").accept("a"), ""),
    ] {
        assert_eq!(
            sent(&policy, &["eu", "a,b"], "a=1;p,b=2,user.id=forged"),
            travels,
            "{policy:?}"
        );
    }
}

/// What travels is redacted: changed, left out, and left out where the redaction panics.
#[test]
fn what_travels_is_redacted() {
    let policy = BaggagePolicy::new()
        .send_session_id()
        .send_user()
        .send_all_members()
        .redact(|key, value| match key {
            "user.id" => None,
            "panics" => panic!("on purpose"),
            "mail" => Some(value.replace("ann@", "***@")),
            _ => Some(value.to_owned()),
        });
    let travels = sent(&policy, &[], "mail=ann@x.test;p=1,panics=secret,plain=%20x");
    assert_eq!(travels, "session.id=conv-1,mail=***@x.test;p=1,plain=%20x");
}

/// The session's own members come first, and of much baggage the rest is left out by members.
#[test]
fn the_sessions_own_come_first() {
    let policy = BaggagePolicy::new()
        .send_session_id()
        .send_user()
        .send_all_members();
    let many: Vec<_> = (0..64).map(|number| format!("k{number}=v")).collect();
    let travels = Baggage::parse(&sent(&policy, &[], &many.join(",")));
    assert_eq!(travels.len(), Baggage::MAX_MEMBERS);
    assert_eq!(travels.get("session.id").as_deref(), Some("conv-1"));
    assert_eq!(
        (travels.get("k61").as_deref(), travels.get("k62")),
        (Some("v"), None)
    );
    let long = "x".repeat(9000);
    assert_eq!(sent(&BaggagePolicy::new().send_tags(), &[&long], ""), "");
}

/// Only members on the list are taken over.
#[test]
fn only_listed_members_are_accepted() {
    let policy = BaggagePolicy::new().accept("tenant");
    let inbound = Baggage::parse("tenant=acme,user.id=forged");
    let accepted: Vec<_> = policy
        .accepted(&inbound)
        .map(|member| member.key())
        .collect();
    assert_eq!(accepted, ["tenant"]);
    assert_eq!(BaggagePolicy::new().accepted(&inbound).count(), 0);
}

/// Hosts and keys that cannot be meant are problems, each told with its setting.
#[test]
fn what_cannot_be_meant_is_told() {
    let wrong = BaggagePolicy::new()
        .to_host("https://a.test")
        .send_member("no key")
        .accept("")
        .to_host("a.test");
    let problems: Vec<_> = wrong.problems().into_iter().map(|it| it.setting).collect();
    assert_eq!(
        problems,
        ["baggage.to_host", "baggage.send_member", "baggage.accept"]
    );
}

/// A policy equals its clone, and shows no function.
#[test]
fn a_policy_equals_its_clone() {
    let policy = BaggagePolicy::new().redact(|_, value| Some(value.to_owned()));
    assert_eq!(policy, policy.clone());
    assert_ne!(policy, BaggagePolicy::new());
    assert_ne!(
        policy,
        BaggagePolicy::new().redact(|_, value| Some(value.to_owned()))
    );
    assert!(format!("{policy:?}").contains("Redactor(..)"));
}
