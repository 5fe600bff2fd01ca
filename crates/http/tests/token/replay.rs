//! Tokens that come more than once.

use spanreel_http::token::{TokenRefused, Trust};

use super::*;

const REPLAYED: Trust = Trust::Refused(TokenRefused::Replayed);

/// The identical request, repeated by a transport, amounts to the same; another request with the same
/// token is refused.
#[test]
fn a_repeated_request_is_accepted_and_a_replay_refused() {
    let verifier = trusting().build().expect("right");
    let token = sign(&issuer());
    let first = verifier.receive(token.as_str(), Some(b"do this"), now());
    assert!(first.is_adopted());
    let again = verifier.receive(token.as_str(), Some(b"do this"), now() + MINUTE);
    assert_eq!(again, first);
    for other in [Some(&b"do that"[..]), Some(b""), None] {
        assert_eq!(verifier.receive(token.as_str(), other, now()), REPLAYED);
    }
    let counts = verifier.counts();
    assert_eq!((counts.adopted, counts.repeated), (1, 1));
    assert_eq!(counts.refused(TokenRefused::Replayed), 3);
    let refusals: Vec<_> = counts.refusals().collect();
    assert_eq!(refusals, [(TokenRefused::Replayed, 3)]);
}

/// Where nothing tells requests apart, every second use is refused.
#[test]
fn without_a_request_every_second_use_is_refused() {
    let verifier = trusting().build().expect("right");
    let token = sign(&issuer());
    assert!(verifier.receive(token.as_str(), None, now()).is_adopted());
    assert_eq!(verifier.receive(token.as_str(), None, now()), REPLAYED);
}

/// A token that was refused for another reason is not used up by that.
#[test]
fn a_refused_token_is_not_used_up() {
    let verifier = trusting().build().expect("right");
    let token = sign(&issuer());
    let early = now() - MINUTE;
    assert!(!verifier.receive(token.as_str(), None, early).is_adopted());
    assert!(verifier.receive(token.as_str(), None, now()).is_adopted());
}

/// What is remembered is bounded: when it is full, new tokens are refused and no old one is forgotten
/// before it has expired.
#[test]
fn what_is_remembered_is_bounded() {
    let verifier = trusting().nonces(3).leeway(Duration::ZERO).build();
    let verifier = verifier.expect("right");
    let tokens: Vec<_> = (0..4).map(|_| sign(&issuer())).collect();
    for token in &tokens[..3] {
        assert!(verifier.receive(token.as_str(), None, now()).is_adopted());
    }
    let fourth = verifier.receive(tokens[3].as_str(), None, now());
    assert_eq!(fourth, Trust::Refused(TokenRefused::TooMany));
    for token in &tokens[..3] {
        assert_eq!(verifier.receive(token.as_str(), None, now()), REPLAYED);
    }
    let later = now() + MINUTE + Duration::from_secs(1);
    let fresh = issuer().sign(&context(), "s", B, later, MINUTE);
    let fresh = fresh.expect("issued");
    assert!(verifier.receive(fresh.as_str(), None, later).is_adopted());
}

/// A clock that is set back makes no forgotten token good again.
#[test]
fn a_clock_set_back_makes_nothing_good_again() {
    let verifier = trusting().build().expect("right");
    let token = sign(&issuer());
    assert!(verifier.receive(token.as_str(), None, now()).is_adopted());
    let later = now() + 10 * MINUTE;
    let other = issuer().sign(&context(), "s", B, later, MINUTE);
    let other = other.expect("issued");
    assert!(verifier.receive(other.as_str(), None, later).is_adopted());
    let again = verifier.receive(token.as_str(), None, now());
    assert_eq!(again, Trust::Refused(TokenRefused::Expired));
}

/// Of many that present the same token at once, one is first.
#[test]
fn one_of_many_is_first() {
    let verifier = trusting().build().expect("right");
    let token = sign(&issuer());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| verifier.receive(token.as_str(), None, now()));
        }
    });
    let counts = verifier.counts();
    assert_eq!((counts.adopted, counts.received()), (1, 8));
    assert_eq!(counts.refused(TokenRefused::Replayed), 7);
}
