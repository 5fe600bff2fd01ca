//! Signed delegation tokens, from the outside.

#![expect(
    clippy::disallowed_methods,
    reason = "files are looked at once a second, which is waited for"
)]

#[path = "../../../../tests/support/mod.rs"]
mod support;

mod attacks;
mod clocks;
mod example;
mod keys;
mod replay;
mod server;
mod sessions;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use spanreel::SpanContext;
use spanreel_http::token::{Issuer, Keys, Token, Verifier, VerifierBuilder};

const A: &str = "https://a.example";
const B: &str = "https://b.example";
const MINUTE: Duration = Duration::from_secs(60);

/// The private key of issuer A.
fn private() -> Keys {
    Keys::ed25519("k1", &[7; 32])
}

/// The public key of issuer A.
fn public() -> Keys {
    Keys::from_jwks(&private().public_jwks()).expect("what was written")
}

fn issuer() -> Issuer {
    Issuer::new(A, private()).expect("it can sign")
}

/// A verifier at B that trusts A.
fn trusting() -> VerifierBuilder {
    Verifier::builder(B).trust(A, public())
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn context() -> SpanContext {
    let text = "00-12345678901234567890123456789012-1234567890123456-03";
    SpanContext::from_traceparent(text).expect("valid")
}

fn sign(issuer: &Issuer) -> Token {
    let token = issuer.sign(&context(), "conv-1", B, now(), MINUTE);
    token.expect("issued")
}

/// The payload of a token as JSON, and what stands around it.
fn payload(token: &Token) -> serde_json::Value {
    let part = token.as_str().split('.').nth(1).expect("three parts");
    serde_json::from_slice(&decode(part)).expect("JSON")
}

fn decode(part: &str) -> Vec<u8> {
    use base64::Engine;
    let base64 = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    base64.decode(part).expect("base64url")
}

fn encode(part: impl AsRef<[u8]>) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(part)
}

/// Signs any header and payload with the key of issuer A.
fn sign_text(header: &str, payload: &str) -> String {
    let pair = ring::signature::Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a seed");
    let message = format!("{}.{}", encode(header), encode(payload));
    let signature = pair.sign(message.as_bytes());
    format!("{message}.{}", encode(signature))
}

const HEADER: &str = r#"{"alg":"EdDSA","typ":"spanreel-delegation+jwt","kid":"k1"}"#;
