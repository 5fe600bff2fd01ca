//! What a token says.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use spanreel::SpanContext;

use super::refused::TokenRefused;

/// The claims as they are written; exactly these.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wire {
    pub(super) iss: String,
    pub(super) aud: String,
    pub(super) iat: u64,
    pub(super) exp: u64,
    pub(super) jti: String,
    pub(super) trace_id: String,
    pub(super) parent_span_id: String,
    pub(super) trace_flags: String,
    pub(super) session_id: String,
}

/// The latest time that can be told: 9999-12-31.
const LATEST: u64 = 253_402_300_799;

/// What a token says that may be believed, or at least linked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    context: SpanContext,
    issuer: String,
    audience: String,
    session_id: String,
    expires: u64,
    nonce: String,
}

impl Claims {
    /// Reads what has the right form; whether it is true is another matter.
    pub(super) fn of(wire: Wire) -> Result<Self, TokenRefused> {
        let is_nonce = wire.jti.len() == 32 && wire.jti.bytes().all(|b| b.is_ascii_hexdigit());
        if wire.exp <= wire.iat || wire.exp > LATEST || !is_nonce {
            return Err(TokenRefused::Malformed);
        }
        let traceparent = format!(
            "00-{}-{}-{}",
            wire.trace_id, wire.parent_span_id, wire.trace_flags
        );
        let context = SpanContext::from_traceparent(&traceparent);
        Ok(Self {
            context: context.map_err(|_| TokenRefused::Malformed)?,
            issuer: wire.iss,
            audience: wire.aud,
            session_id: wire.session_id,
            expires: wire.exp,
            nonce: wire.jti,
        })
    }

    /// The context of the delegation.
    #[must_use]
    pub const fn context(&self) -> &SpanContext {
        &self.context
    }

    /// Who says so.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Whom it is for.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// The session that delegates.
    #[must_use]
    pub fn session_id(&self) -> &str {
        &self.session_id
    }

    /// Until when the token is good, leeway aside.
    #[must_use]
    pub fn expires(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.expires)
    }

    pub(super) const fn expires_at(&self) -> u64 {
        self.expires
    }

    pub(super) fn nonce(&self) -> &str {
        &self.nonce
    }
}
