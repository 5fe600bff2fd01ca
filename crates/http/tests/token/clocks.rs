//! Clocks that are apart.

use spanreel_http::token::{InvalidVerifier, TokenRefused};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A token is good from its issue to its expiry, the leeway before and after included.
#[test]
fn clocks_may_be_apart_by_the_leeway() {
    let token = sign(&issuer());
    let verifier = trusting().leeway(10 * SECOND).build().expect("right");
    let at = |time| verifier.check(token.as_str(), time).map(|_| ());
    assert_eq!(at(now() - 11 * SECOND), Err(TokenRefused::FromTheFuture));
    assert_eq!(at(now() - 10 * SECOND), Ok(()));
    assert_eq!(at(now()), Ok(()));
    assert_eq!(at(now() + MINUTE + 9 * SECOND), Ok(()));
    assert_eq!(at(now() + MINUTE + 10 * SECOND), Err(TokenRefused::Expired));
    assert_eq!(at(UNIX_EPOCH), Err(TokenRefused::FromTheFuture));
    assert_eq!(at(UNIX_EPOCH - SECOND), Err(TokenRefused::FromTheFuture));
    let strict = trusting().leeway(Duration::ZERO).build().expect("right");
    assert!(strict.check(token.as_str(), now()).is_ok());
    let refused = strict.check(token.as_str(), now() + MINUTE);
    assert_eq!(refused, Err(TokenRefused::Expired));
}

/// A token that is good for longer than the verifier allows is refused; an absurd life is none.
#[test]
fn a_long_life_is_refused() {
    let verifier = trusting().max_ttl(MINUTE).build().expect("right");
    let lasting = |ttl| {
        let token = issuer()
            .sign(&context(), "s", B, now(), ttl)
            .expect("issued");
        verifier.check(token.as_str(), now()).map(|_| ())
    };
    assert_eq!(lasting(MINUTE), Ok(()));
    assert_eq!(lasting(Duration::ZERO), Ok(()));
    assert_eq!(lasting(MINUTE + SECOND), Err(TokenRefused::TooLongLived));
    assert_eq!(lasting(Duration::MAX), Err(TokenRefused::Malformed));
}

/// The settings of a verifier have bounds, which are told.
#[test]
fn settings_have_bounds() {
    let eleven = Duration::from_secs(11 * 60);
    let built = trusting().leeway(eleven).build();
    assert_eq!(built.expect_err("too long"), InvalidVerifier::Leeway);
    let built = trusting().max_ttl(Duration::ZERO).build();
    assert_eq!(built.expect_err("too short"), InvalidVerifier::MaxTtl);
    let built = trusting().nonces(0).build();
    assert_eq!(built.expect_err("none"), InvalidVerifier::Nonces);
}
