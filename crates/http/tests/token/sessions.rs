//! Sessions that are opened from received tokens.

use spanreel::testing::InMemory;
use spanreel::{Pipeline, Resource};
use spanreel_http::token::{Issuer, Keys, TokenRefused, Trust};

use super::support::ledger;
use super::*;

/// A believed token makes a child, a doubted one a link, a refused one neither, and each says so.
#[test]
fn sessions_are_opened_as_the_token_deserves() {
    let memory = InMemory::new();
    let pipeline = Pipeline::builder().resource(Resource::empty());
    let pipeline = pipeline.export(memory.clone()).start().expect("right");
    let a = pipeline
        .open_session("conv-1")
        .name("a")
        .open()
        .expect("open");
    let delegation = a.delegate("agent-b").start();
    let parent = delegation.id();
    let clock = delegation.deadline() - Duration::from_secs(30 * 60);
    let stranger = Issuer::new("https://x.example", private()).expect("it can sign");
    let forger = Issuer::new(A, Keys::ed25519("k1", &[8; 32])).expect("it can sign");
    let verifier = trusting().build().expect("right");
    for (name, issuer) in [
        ("child", issuer()),
        ("linked", stranger),
        ("refused", forger),
    ] {
        let token = issuer.token(&delegation, B, MINUTE).expect("issued");
        let trust = verifier.receive(token.as_str(), None, clock);
        let session = trust.apply(pipeline.open_session(name).name(name)).open();
        session.expect("open").end();
    }
    delegation.answered(None);
    a.end();
    let report = pipeline.shutdown_blocking(Duration::from_secs(20));
    ledger::assert_settled(&report);

    let child = memory.span("child");
    assert_eq!(child.trace_id, a.trace_id());
    assert_eq!(child.parent_span_id, Some(parent));
    assert_eq!(child.str("spanreel.trust"), Some("verified"));
    assert_eq!(child.str("spanreel.delegation.issuer"), Some(A));
    assert_eq!(child.str("spanreel.delegation.session_id"), Some("conv-1"));
    let linked = memory.span("linked");
    assert_ne!(linked.trace_id, a.trace_id());
    assert_eq!(linked.parent_span_id, None);
    assert_eq!(linked.links[0].span_id, Some(parent));
    let trust = linked.links[0].attributes.str("spanreel.trust");
    assert_eq!(trust, Some("unverified"));
    let refused = memory.span("refused");
    assert_ne!(refused.trace_id, a.trace_id());
    assert!(refused.links.is_empty() && refused.parent_span_id.is_none());
    let reason = refused.str("spanreel.delegation.refused");
    assert_eq!(reason, Some("bad_signature"));
    let counts = verifier.counts();
    assert_eq!((counts.adopted, counts.linked), (1, 1));
    assert_eq!(counts.refused(TokenRefused::BadSignature), 1);
}

/// The names of the reasons are those of the table, each of its own.
#[test]
fn every_reason_has_a_name_of_its_own() {
    let mut names = TokenRefused::ALL.map(TokenRefused::name).to_vec();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), TokenRefused::ALL.len());
    let trust = Trust::Refused(TokenRefused::Expired);
    assert!(!trust.is_adopted());
}
