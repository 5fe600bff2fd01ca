//! Who signs tokens.

use std::fmt;
use std::time::{Duration, SystemTime};

use spanreel::{Delegation, SpanContext};

use super::claims::Wire;
use super::keys::Keys;
use super::set::KeyError;
use super::{MAX_TOKEN, jws, random, unix_seconds};

/// Signs tokens in the name of an agent. Clones share the keys.
#[derive(Clone, Debug)]
pub struct Issuer {
    issuer: String,
    keys: Keys,
}

/// A signed token. `Debug` shows nothing of it: whoever has it can use it until it expires.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The text to send, in the header [`HEADER`](super::HEADER).
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Why no token was issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// It would be longer than [`MAX_TOKEN`].
    #[error("the token would be too large; shorten the session id or the names of the agents")]
    TooLarge,
    /// The key file holds no key any more that can sign.
    #[error("no key can sign any more; put one into the key file")]
    NoSigningKey,
    /// The operating system gave no random numbers.
    #[error("the operating system gave no random numbers")]
    NoRandomness,
}

impl Issuer {
    /// Signs in the name of `issuer`, by which verifiers find the keys: a URL as a rule.
    ///
    /// The first key that can sign does. To rotate keys in a file: give the verifiers the new public
    /// key, put the new private key before the old one, and take the old ones out when the last token
    /// that was signed with them has expired.
    ///
    /// # Errors
    /// None of the keys can sign.
    pub fn new(issuer: &str, keys: Keys) -> Result<Self, KeyError> {
        if keys.current().signing().is_none() {
            return Err(KeyError::NoSigningKey);
        }
        Ok(Self {
            issuer: issuer.to_owned(),
            keys,
        })
    }

    /// A token for this delegation, from now on and for `ttl`, in whole seconds and 1 at least. It
    /// must last until the request arrives, not until the answer does: a minute is much.
    ///
    /// # Errors
    /// It would be too large, or there is no key (any more) or no nonce for it.
    pub fn token(
        &self,
        delegation: &Delegation,
        audience: &str,
        ttl: Duration,
    ) -> Result<Token, IssueError> {
        #[expect(
            clippy::disallowed_methods,
            reason = "tokens are good by the wall clock of whoever verifies them"
        )]
        let now = SystemTime::now();
        let (context, session_id) = (delegation.context(), delegation.session_id());
        self.sign(&context, session_id, audience, now, ttl)
    }

    /// A token for any span of any session, from `now` on.
    ///
    /// # Errors
    /// As [`token`](Self::token).
    pub fn sign(
        &self,
        context: &SpanContext,
        session_id: &str,
        audience: &str,
        now: SystemTime,
        ttl: Duration,
    ) -> Result<Token, IssueError> {
        let nonce = random().map_err(|_| IssueError::NoRandomness)?;
        let iat = unix_seconds(now);
        let claims = Wire {
            iss: self.issuer.clone(),
            aud: audience.to_owned(),
            iat,
            exp: iat.saturating_add(ttl.as_secs().max(1)),
            jti: format!("{:032x}", u128::from_be_bytes(nonce)),
            trace_id: context.trace_id().to_string(),
            parent_span_id: context.span_id().to_string(),
            trace_flags: format!("{:02x}", context.flags().bits()),
            session_id: session_id.to_owned(),
        };
        let keys = self.keys.current();
        let token = keys
            .signing()
            .and_then(|(kid, key)| jws::sign(kid, key, &claims))
            .ok_or(IssueError::NoSigningKey)?;
        match token.len() > MAX_TOKEN {
            true => Err(IssueError::TooLarge),
            false => Ok(Token(token)),
        }
    }

    /// Its keys, to reload them or to show the public ones.
    #[must_use]
    pub const fn keys(&self) -> &Keys {
        &self.keys
    }
}
