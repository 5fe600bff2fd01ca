//! Signed delegation tokens: how an agent proves to another that a delegation is its own.
//!
//! Trace ids that arrive in headers are claims that anybody can make. A token says who claims them, to
//! whom and until when, and is signed. Whoever receives one opens its session accordingly:
//!
//! | the token | the session |
//! | --- | --- |
//! | of an issuer in the trust list, signed by a key of its | continues the delegation's trace |
//! | of an issuer that is not in the trust list | is linked to the claimed context, `spanreel.trust = "unverified"` |
//! | forged, expired, misaddressed, replayed, broken | is a trace of its own; the reason is counted and named |
//!
//! ```
//! use std::time::{Duration, SystemTime};
//!
//! use spanreel::{Null, Pipeline};
//! use spanreel_http::token::{Issuer, Keys, Verifier};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Once, by an operator: the private keys stay with agent A, the public ones go to B.
//! let private = Keys::generate("2026-01")?;
//! let public = Keys::from_jwks(&private)?.public_jwks();
//!
//! // Agent A.
//! let pipeline = Pipeline::builder().export(Null).start()?;
//! let session = pipeline.session("conv-1")?;
//! let issuer = Issuer::new("https://a.example", Keys::from_jwks(&private)?)?;
//! let delegation = session.delegate("agent-b").start();
//! let token = issuer.token(&delegation, "https://b.example", Duration::from_secs(60))?;
//!
//! // Agent B, with what came in the header `spanreel-delegation`, and the body.
//! let verifier = Verifier::builder("https://b.example")
//!     .trust("https://a.example", Keys::from_jwks(&public)?)
//!     .build()?;
//! let trust = verifier.receive(token.as_str(), Some(b"the body"), SystemTime::now());
//! let sub_session = trust.apply(pipeline.open_session("task-7")).open()?;
//! assert_eq!(sub_session.trace_id(), session.trace_id());
//! # delegation.answered(sub_session.context());
//! # pipeline.shutdown_blocking(Duration::from_secs(1));
//! # Ok(())
//! # }
//! ```
//!
//! # The format
//!
//! A JWS in compact serialization (RFC 7515, section 3.1) of at most [`MAX_TOKEN`] bytes. The header
//! has exactly `alg` (`EdDSA` with Ed25519, RFC 8037, or `HS256`, RFC 7518), `kid` and
//! `typ` = `spanreel-delegation+jwt`; the payload has exactly these claims:
//!
//! | claim | type | meaning |
//! | --- | --- | --- |
//! | `iss` | string | who signs |
//! | `aud` | string | whom it is for |
//! | `iat`, `exp` | integer | when it was issued and until when it is good, in seconds since 1970 |
//! | `jti` | string | a nonce: 128 random bits in hexadecimal digits |
//! | `trace_id`, `parent_span_id`, `trace_flags` | string | the delegation's context, as in `traceparent` |
//! | `session_id` | string | the session that delegates |
//!
//! What is signed is not secret: whoever sees a token can read it.

mod claims;
mod counts;
mod issuer;
mod jwk;
mod jws;
mod key;
mod keys;
mod nonce;
mod refused;
mod set;
mod trust;
mod verifier;
mod warning;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use self::claims::Claims;
pub use self::counts::TokenCounts;
pub use self::issuer::{IssueError, Issuer, Token};
pub use self::keys::Keys;
pub use self::refused::TokenRefused;
pub use self::set::KeyError;
pub use self::trust::Trust;
pub use self::verifier::{InvalidVerifier, Verifier, VerifierBuilder};

/// The header (HTTP) or metadata key (gRPC, queues) that a token travels in, beside `traceparent`.
pub const HEADER: &str = "spanreel-delegation";

/// The longest token, in bytes: longer ones are neither issued nor read.
pub const MAX_TOKEN: usize = 4096;

/// Whole seconds since 1970; times before it count as 1970.
fn unix_seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    since.as_secs()
}

/// Random bytes of the operating system.
fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
