//! What it takes to sign and to verify a delegation token: at most 60 microseconds each.
//!
//! ```sh
//! cargo bench --package spanreel-http --features token --bench token
//! ```

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use spanreel::SpanContext;
use spanreel_http::token::{Issuer, Keys, Token, Verifier};

fn main() {
    divan::main();
}

const A: &str = "https://a.example";
const B: &str = "https://b.example";

/// Which keys sign.
#[derive(Debug)]
enum Kind {
    Ed25519,
    Hmac,
}

fn keys(kind: &Kind) -> (Keys, Keys) {
    match kind {
        Kind::Ed25519 => {
            let private = Keys::ed25519("k1", &[7; 32]);
            let public = Keys::from_jwks(&private.public_jwks()).expect("what was written");
            (private, public)
        }
        Kind::Hmac => {
            let shared = Keys::hmac("k1", &[7; 32]).expect("long enough");
            (shared.clone(), shared)
        }
    }
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn sign(issuer: &Issuer, context: &SpanContext) -> Token {
    let ttl = Duration::from_secs(60);
    let token = issuer.sign(context, "conv-8f2e", B, now(), ttl);
    token.expect("issued")
}

fn context() -> SpanContext {
    let text = "00-12345678901234567890123456789012-1234567890123456-03";
    SpanContext::from_traceparent(text).expect("valid")
}

/// A token is issued.
#[divan::bench(args = [Kind::Ed25519, Kind::Hmac])]
fn issue(bencher: divan::Bencher<'_, '_>, kind: &Kind) {
    let issuer = Issuer::new(A, keys(kind).0).expect("it can sign");
    let context = context();
    bencher.bench(|| sign(&issuer, &context));
}

/// A token is taken apart and verified.
#[divan::bench(args = [Kind::Ed25519, Kind::Hmac])]
fn check(bencher: divan::Bencher<'_, '_>, kind: &Kind) {
    let (private, public) = keys(kind);
    let issuer = Issuer::new(A, private).expect("it can sign");
    let verifier = Verifier::builder(B).trust(A, public).build();
    let verifier = verifier.expect("right");
    let token = sign(&issuer, &context());
    bencher.bench(|| verifier.check(token.as_str(), now()).expect("good"));
}

/// A token is received: verified, and its nonce noted.
#[divan::bench(args = [Kind::Ed25519, Kind::Hmac])]
fn receive(bencher: divan::Bencher<'_, '_>, kind: &Kind) {
    let (private, public) = keys(kind);
    let issuer = Issuer::new(A, private).expect("it can sign");
    let context = context();
    let verifier = Verifier::builder(B).trust(A, public).nonces(1 << 24);
    let verifier = verifier.build().expect("right");
    bencher
        .with_inputs(|| sign(&issuer, &context))
        .bench_values(|token| {
            let trust = verifier.receive(token.as_str(), Some(b"request"), now());
            assert!(trust.is_adopted());
        });
}

/// A token whose signature is wrong is refused.
#[divan::bench]
fn refuse(bencher: divan::Bencher<'_, '_>) {
    let forger = Issuer::new(A, Keys::ed25519("k1", &[8; 32])).expect("it can sign");
    let verifier = Verifier::builder(B).trust(A, keys(&Kind::Ed25519).1);
    let verifier = verifier.build().expect("right");
    let token = sign(&forger, &context());
    bencher.bench(|| verifier.check(token.as_str(), now()).expect_err("forged"));
}
