//! Tokens that were forged, changed, broken or meant for somebody else.

use proptest::prelude::*;
use spanreel_http::token::{Issuer, KeyError, Keys, MAX_TOKEN, TokenRefused, Trust, Verifier};

use super::*;

fn refusal(token: &str) -> TokenRefused {
    let verifier = trusting().build().expect("right");
    let reason = verifier.check(token, now()).expect_err("refused");
    match verifier.receive(token, None, now()) {
        Trust::Refused(received) => assert_eq!(received, reason),
        Trust::Link(_) => assert_eq!(reason, TokenRefused::UnknownIssuer),
        Trust::Adopt(claims) => panic!("adopted {claims:?}"),
    }
    let counts = verifier.counts();
    assert_eq!((counts.received(), counts.adopted), (1, 0));
    reason
}

/// The payload of a good token, with some members changed.
fn changed(change: impl FnOnce(&mut serde_json::Value)) -> String {
    let mut payload = payload(&sign(&issuer()));
    change(&mut payload);
    payload.to_string()
}

/// What is issued is believed, and says what was signed; with either algorithm.
#[test]
fn what_is_issued_is_believed() {
    let shared = Keys::hmac("h1", &[9; 32]).expect("long enough");
    for (keys, trusted) in [(private(), public()), (shared.clone(), shared)] {
        let issuer = Issuer::new(A, keys).expect("it can sign");
        let verifier = Verifier::builder(B).trust(A, trusted).build();
        let verifier = verifier.expect("right");
        let token = sign(&issuer);
        let claims = verifier.check(token.as_str(), now()).expect("good");
        assert_eq!(claims.context(), &context());
        assert!(claims.context().is_remote());
        assert_eq!((claims.issuer(), claims.audience()), (A, B));
        assert_eq!(claims.session_id(), "conv-1");
        assert_eq!(claims.expires(), now() + MINUTE);
        assert!(verifier.receive(token.as_str(), None, now()).is_adopted());
    }
}

/// Every byte changed to any of many others, and every truncation, is refused.
#[test]
fn every_change_is_refused() {
    let token = sign(&issuer());
    let text = token.as_str();
    let verifier = trusting().build().expect("right");
    for at in 0..text.len() {
        for mask in [1, 2, 4, 8, 16, 32, 64] {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] ^= mask;
            let changed = String::from_utf8(bytes).expect("still ASCII");
            let checked = verifier.check(&changed, now());
            assert!(checked.is_err(), "byte {at} with {mask}: {checked:?}");
            let received = verifier.receive(&changed, None, now());
            assert!(!received.is_adopted(), "byte {at} with {mask}");
        }
        assert!(verifier.check(&text[..at], now()).is_err(), "cut at {at}");
        let without = format!("{}{}", &text[..at], &text[at + 1..]);
        assert!(verifier.check(&without, now()).is_err(), "without {at}");
    }
    for appended in [".", "A", "=", " ", "\n", "\0"] {
        let longer = format!("{text}{appended}");
        assert!(verifier.check(&longer, now()).is_err(), "{appended:?}");
    }
    assert!(verifier.check(text, now()).is_ok());
}

/// No algorithm but that of the key counts: neither none, nor HMAC with the public key as the secret,
/// nor another name for the same.
#[test]
fn the_algorithm_is_that_of_the_key() {
    let payload = payload(&sign(&issuer())).to_string();
    let header = |alg: &str| HEADER.replace("EdDSA", alg);
    for alg in [
        "none", "None", "", "RS256", "HS512", "ES256", "eddsa", "EdDSA ",
    ] {
        let token = sign_text(&header(alg), &payload);
        assert_eq!(refusal(&token), TokenRefused::Algorithm, "{alg}");
        let (message, _) = token.rsplit_once('.').expect("three parts");
        let unsigned = format!("{message}.");
        assert_eq!(refusal(&unsigned), TokenRefused::Algorithm, "{alg}");
    }
    let jwks: serde_json::Value = serde_json::from_str(&public().public_jwks()).expect("JSON");
    let public = decode(jwks["keys"][0]["x"].as_str().expect("text"));
    for secret in [public.clone(), encode(&public).into_bytes()] {
        let message = format!("{}.{}", encode(header("HS256")), encode(&payload));
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &secret);
        let tag = ring::hmac::sign(&key, message.as_bytes());
        let token = format!("{message}.{}", encode(tag));
        assert_eq!(refusal(&token), TokenRefused::Algorithm);
    }
    let unsigned = format!("{}.{}.", encode(HEADER), encode(&payload));
    assert_eq!(refusal(&unsigned), TokenRefused::BadSignature);
}

/// A signature has one spelling: the same number, written with the order of the curve added to it, is none
/// (RFC 8032, section 5.1.7).
#[test]
fn another_spelling_of_a_signature_is_refused() {
    // RFC 8032, section 5.1, from its lowest byte.
    const ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
    let order = |at: usize| u16::from_str_radix(&ORDER[2 * at..2 * at + 2], 16).expect("digits");
    let token = sign(&issuer());
    let (message, signature) = token.as_str().rsplit_once('.').expect("three parts");
    let mut signature = decode(signature);
    let mut carry = 0;
    for (at, byte) in signature[32..].iter_mut().enumerate() {
        let sum = u16::from(*byte) + order(at) + carry;
        *byte = (sum & 0xff) as u8;
        carry = sum >> 8;
    }
    assert_eq!(carry, 0, "it still has 32 bytes");
    let token = format!("{message}.{}", encode(signature));
    assert_eq!(refusal(&token), TokenRefused::BadSignature);
}

/// A public key under which anybody can sign anything is none, and neither are bytes that are no point of the curve.
#[test]
fn a_key_that_anybody_can_sign_for_is_refused() {
    let (mut neutral, mut no_point) = ([0; 32], [0; 32]);
    (neutral[0], no_point[0]) = (1, 2);
    for bytes in [[0; 32], neutral, no_point] {
        let refused = Keys::ed25519_public("k1", &bytes).expect_err("no key");
        assert!(matches!(refused, KeyError::NotPublicKey), "{refused}");
    }
    let jwks: serde_json::Value = serde_json::from_str(&public().public_jwks()).expect("JSON");
    let right = decode(jwks["keys"][0]["x"].as_str().expect("text"));
    let right = right.try_into().expect("32 bytes");
    let keys = Keys::ed25519_public("k1", &right).expect("a key");
    let verifier = Verifier::builder(B).trust(A, keys).build().expect("right");
    assert!(verifier.check(sign(&issuer()).as_str(), now()).is_ok());
}

/// A key that is not the issuer's, or not known by that id, signs nothing.
#[test]
fn other_keys_sign_nothing() {
    let forger = Issuer::new(A, Keys::ed25519("k1", &[8; 32])).expect("it can sign");
    assert_eq!(refusal(sign(&forger).as_str()), TokenRefused::BadSignature);
    let other = Issuer::new(A, Keys::ed25519("k2", &[7; 32])).expect("it can sign");
    assert_eq!(refusal(sign(&other).as_str()), TokenRefused::UnknownKey);
    // A trusted issuer does not sign for another one.
    let verifier = trusting().trust("https://c.example", Keys::ed25519("k1", &[8; 32]));
    let verifier = verifier.build().expect("right");
    let refused = verifier.check(sign(&forger).as_str(), now());
    assert_eq!(refused, Err(TokenRefused::BadSignature));
}

/// A token for somebody else is refused, whoever signed it.
#[test]
fn a_misaddressed_token_is_refused() {
    let token = issuer().sign(&context(), "conv-1", "https://c.example", now(), MINUTE);
    let token = token.expect("issued");
    assert_eq!(refusal(token.as_str()), TokenRefused::WrongAudience);
    let both = trusting()
        .audience("https://c.example")
        .build()
        .expect("right");
    assert!(both.check(token.as_str(), now()).is_ok());
    let stranger = Issuer::new("https://x.example", private()).expect("it can sign");
    let token = stranger.sign(&context(), "s", "https://c.example", now(), MINUTE);
    let verifier = trusting().build().expect("right");
    let trust = verifier.receive(token.expect("issued").as_str(), None, now());
    assert_eq!(trust, Trust::Refused(TokenRefused::WrongAudience));
}

/// An issuer that is not in the trust list is linked to, and never remembered.
#[test]
fn an_unknown_issuer_is_linked_to() {
    let stranger = Issuer::new("https://x.example", private()).expect("it can sign");
    let token = sign(&stranger);
    let verifier = trusting().nonces(1).build().expect("right");
    for _ in 0..3 {
        let Trust::Link(claims) = verifier.receive(token.as_str(), None, now()) else {
            panic!("not linked");
        };
        assert_eq!(claims.context(), &context());
    }
    assert_eq!(verifier.counts().linked, 3);
    let checked = verifier.check(token.as_str(), now());
    assert_eq!(checked, Err(TokenRefused::UnknownIssuer));
    assert!(
        verifier
            .receive(sign(&issuer()).as_str(), None, now())
            .is_adopted()
    );
}

/// Another JWT of the same issuer is no delegation token.
#[test]
fn another_kind_of_token_is_refused() {
    let payload = changed(|_| {});
    for typ in ["JWT", "at+jwt", ""] {
        let header = HEADER.replace("spanreel-delegation+jwt", typ);
        assert_eq!(
            refusal(&sign_text(&header, &payload)),
            TokenRefused::WrongType
        );
    }
}

/// Members that are missing, unknown, told twice or of another type are refused, though signed.
#[test]
fn members_are_exactly_those() {
    let good = changed(|_| {});
    assert!(
        trusting()
            .build()
            .expect("right")
            .check(&sign_text(HEADER, &good), now())
            .is_ok()
    );
    let with = |header: &str, payload: &str| refusal(&sign_text(header, payload));
    for (name, _) in payload(&sign(&issuer())).as_object().expect("an object") {
        let without = changed(|it| {
            it.as_object_mut().expect("an object").remove(name);
        });
        assert_eq!(with(HEADER, &without), TokenRefused::Malformed, "{name}");
        let null = changed(|it| it[name] = serde_json::Value::Null);
        assert_eq!(with(HEADER, &null), TokenRefused::Malformed, "{name}");
        let twice = good.replacen(
            '{',
            &format!(r#"{{"{name}":{},"#, payload(&sign(&issuer()))[name]),
            1,
        );
        assert_eq!(
            with(HEADER, &twice),
            TokenRefused::Malformed,
            "{name} twice"
        );
    }
    for payload in [
        changed(|it| it["admin"] = true.into()),
        changed(|it| it["aud"] = serde_json::json!([B])),
        changed(|it| it["exp"] = (-1).into()),
        changed(|it| it["exp"] = 1.5.into()),
        changed(|it| it["exp"] = it["iat"].clone()),
        changed(|it| it["exp"] = u64::MAX.into()),
        changed(|it| it["jti"] = "".into()),
        changed(|it| it["trace_id"] = "0".repeat(32).into()),
        changed(|it| it["parent_span_id"] = "1234567890123456-01-".into()),
        changed(|it| it["trace_flags"] = "1".into()),
        format!("{good} {good}"),
        format!("[{good}]"),
        "[\"a\",\"b\",1,2,\"c\",\"d\",\"e\",\"f\",\"g\"]".to_owned(),
        "[".repeat(1000),
        String::new(),
    ] {
        assert_eq!(with(HEADER, &payload), TokenRefused::Malformed, "{payload}");
    }
    for more in [
        r#""crit":["exp"],"#,
        r#""jwk":{},"#,
        r#""kid":"k1","#,
        r#""alg":"none","#,
        r#""b64":false,"#,
    ] {
        let header = HEADER.replacen('{', &format!("{{{more}"), 1);
        assert_eq!(with(&header, &good), TokenRefused::Malformed, "{more}");
    }
}

/// Base64 has one spelling: no padding, no other alphabet, no bits that mean nothing.
#[test]
fn base64_has_one_spelling() {
    let token = sign(&issuer());
    let text = token.as_str();
    let (message, signature) = text.rsplit_once('.').expect("three parts");
    let last = signature.chars().last().expect("not empty");
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let next = alphabet.find(last).expect("base64url") + 1;
    let sibling = &alphabet[next..=next];
    let odd = format!("{message}.{}{sibling}", &signature[..signature.len() - 1]);
    assert_eq!(refusal(&odd), TokenRefused::Malformed);
    for odd in [
        format!("{text}=="),
        text.replacen('.', "..", 1),
        format!("{text}.{message}"),
        "a.b".into(),
        "..".into(),
        String::new(),
        "\u{e4}.\u{e4}.\u{e4}".into(),
    ] {
        assert_eq!(refusal(&odd), TokenRefused::Malformed, "{odd}");
    }
}

/// A token beyond the bound is neither read nor issued.
#[test]
fn a_huge_token_is_not_read() {
    let huge = "A".repeat(MAX_TOKEN + 1);
    assert_eq!(refusal(&huge), TokenRefused::TooLarge);
    assert_eq!(refusal(&huge[1..]), TokenRefused::Malformed);
    let session = "s".repeat(MAX_TOKEN);
    let issued = issuer().sign(&context(), &session, B, now(), MINUTE);
    assert_eq!(issued, Err(spanreel_http::token::IssueError::TooLarge));
}

proptest! {
    /// Any session, audience and issuer comes back as it was signed.
    #[test]
    fn round_trip(session in "\\PC{0,80}", audience in "\\PC{0,40}", name in "\\PC{0,40}", secret in any::<[u8; 32]>()) {
        let keys = Keys::ed25519("k", &secret);
        let issuer = Issuer::new(&name, keys.clone()).expect("it can sign");
        let token = issuer.sign(&context(), &session, &audience, now(), MINUTE).expect("issued");
        let verifier = Verifier::builder(&audience).trust(&name, keys).build().expect("right");
        let claims = verifier.check(token.as_str(), now()).expect("good");
        prop_assert_eq!(claims.session_id(), session);
        prop_assert_eq!(claims.issuer(), name);
        prop_assert_eq!(claims.context(), &context());
    }

    /// Text of any kind is refused, without a panic.
    #[test]
    fn any_text_is_refused(text in "\\PC{0,200}", parts in prop::collection::vec("[A-Za-z0-9_-]{0,60}", 0..5)) {
        let verifier = trusting().build().expect("right");
        prop_assert!(verifier.check(&text, now()).is_err());
        prop_assert!(verifier.check(&parts.join("."), now()).is_err());
    }

    /// Any header and payload, signed by the right key, is refused unless it is exactly what a token is.
    #[test]
    fn any_signed_text_is_refused(header in "\\PC{0,60}", payload in "\\PC{0,120}") {
        let verifier = trusting().build().expect("right");
        prop_assert!(verifier.check(&sign_text(&header, &payload), now()).is_err());
        prop_assert!(verifier.check(&sign_text(HEADER, &payload), now()).is_err());
    }
}
