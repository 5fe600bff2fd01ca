//! Keys: where they come from, how they rotate, files that change while they are used.

use std::fs;
use std::path::Path;
use std::process::Command;

use spanreel_http::token::{Issuer, KeyError, Keys, TokenRefused, Verifier};

use super::*;

/// Longer than a file is not looked at again.
const LATER: Duration = Duration::from_millis(1100);

/// Replaces a file as one should.
fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).expect("writable");
    fs::rename(&new, path).expect("writable");
}

/// The keys of several sets in one, in this order.
fn joined(sets: &[&str]) -> String {
    let keys = sets.iter().flat_map(|set| {
        let set: serde_json::Value = serde_json::from_str(set).expect("JSON");
        set["keys"].as_array().expect("a list").clone()
    });
    serde_json::json!({"keys": keys.collect::<Vec<_>>()}).to_string()
}

fn verifier_of(path: &Path) -> Verifier {
    let keys = Keys::from_file(path).expect("readable");
    Verifier::builder(B).trust(A, keys).build().expect("right")
}

fn public_of(private: &str) -> String {
    Keys::from_jwks(private).expect("a set").public_jwks()
}

/// A rotation step by step: at no moment is a token refused that was signed with a key which both
/// sides have, and after it the old key is good no more. Nobody is restarted.
#[test]
fn keys_rotate_while_they_are_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let (private, public) = (
        folder.path().join("a.jwks"),
        folder.path().join("trust.jwks"),
    );
    let old = Keys::generate("old").expect("randomness");
    let new = Keys::generate("new").expect("randomness");
    replace(&private, &old);
    replace(&public, &public_of(&old));
    let issuer = Issuer::new(A, Keys::from_file(&private).expect("readable"));
    let issuer = issuer.expect("it can sign");
    let verifier = verifier_of(&public);
    let with_old = sign(&issuer);
    assert!(verifier.check(with_old.as_str(), now()).is_ok());

    replace(&public, &public_of(&joined(&[&old, &new])));
    replace(&private, &joined(&[&new, &old]));
    std::thread::sleep(LATER);
    let with_new = sign(&issuer);
    assert!(with_new.as_str() != with_old.as_str());
    assert!(verifier.check(with_new.as_str(), now()).is_ok());
    assert!(verifier.check(with_old.as_str(), now()).is_ok());

    replace(&public, &public_of(&new));
    verifier.reload().expect("readable");
    assert!(verifier.check(with_new.as_str(), now()).is_ok());
    let refused = verifier.check(with_old.as_str(), now());
    assert_eq!(refused, Err(TokenRefused::UnknownKey));
}

/// A trust file that becomes wrong or goes away leaves the keys as they were; when it is right again
/// it counts.
#[test]
fn a_wrong_trust_file_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("trust.jwks");
    replace(&path, &public().public_jwks());
    let verifier = verifier_of(&path);
    let token = sign(&issuer());
    for wrong in [
        "",
        "{",
        r#"{"keys":[{"kty":"oct","kid":"a","k":"c2hvcnQ"}]}"#,
    ] {
        replace(&path, wrong);
        assert!(verifier.reload().is_err(), "{wrong}");
        assert!(verifier.check(token.as_str(), now()).is_ok(), "{wrong}");
    }
    std::thread::sleep(LATER);
    assert!(verifier.check(token.as_str(), now()).is_ok());
    fs::remove_file(&path).expect("it was there");
    std::thread::sleep(LATER);
    assert!(verifier.check(token.as_str(), now()).is_ok());
    replace(&path, r#"{"keys":[]}"#);
    std::thread::sleep(LATER);
    let refused = verifier.check(token.as_str(), now());
    assert_eq!(refused, Err(TokenRefused::UnknownKey));
}

/// A file that changes again and again while tokens are checked never yields half of a set.
#[test]
fn a_file_that_keeps_changing_is_read_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("trust.jwks");
    let more = Keys::ed25519("k2", &[3; 32]).public_jwks();
    let sets = [
        public().public_jwks(),
        joined(&[&public().public_jwks(), &more]),
    ];
    replace(&path, &sets[0]);
    let verifier = verifier_of(&path);
    let token = sign(&issuer());
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 0..200 {
                replace(&path, &sets[round % 2]);
            }
        });
        while !writer.is_finished() {
            verifier.reload().expect("always whole");
            verifier.check(token.as_str(), now()).expect("always good");
        }
    });
}

/// What cannot hold keys is told at once: no such file, a folder, a variable that is not set, and for an
/// issuer keys that cannot sign.
#[test]
fn what_holds_no_keys_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    for path in [folder.path().join("none"), folder.path().to_owned()] {
        let error = Keys::from_file(&path).expect_err("no file");
        assert!(matches!(error, KeyError::File { .. }));
        assert!(error.to_string().contains(&*path.to_string_lossy()));
    }
    let error = Keys::from_env("SPANREEL_TEST_NO_SUCH_VARIABLE").expect_err("not set");
    assert!(error.to_string().contains("SPANREEL_TEST_NO_SUCH_VARIABLE"));
    let error = Issuer::new(A, public()).expect_err("public");
    assert!(matches!(error, KeyError::NoSigningKey));
    let error = Keys::hmac("h", &[1; 31]).expect_err("short");
    assert!(matches!(error, KeyError::ShortSecret));
}

/// A pipe in the place of a key file is refused, not waited for.
#[cfg(unix)]
#[test]
fn a_pipe_is_not_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&path).status().expect("mkfifo");
    assert!(made.success());
    assert!(Keys::from_file(&path).is_err());
}

/// An issuer whose file loses its private keys says so, and signs again when it has one.
#[test]
fn an_issuer_without_keys_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.jwks");
    let private = Keys::generate("k").expect("randomness");
    replace(&path, &private);
    let issuer = Issuer::new(A, Keys::from_file(&path).expect("readable"));
    let issuer = issuer.expect("it can sign");
    let issue = || issuer.sign(&context(), "s", B, now(), MINUTE);
    replace(&path, &public_of(&private));
    issuer.keys().reload().expect("readable");
    assert_eq!(issue(), Err(spanreel_http::token::IssueError::NoSigningKey));
    replace(&path, &private);
    issuer.keys().reload().expect("readable");
    assert!(issue().is_ok());
}
