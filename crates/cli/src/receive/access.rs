//! Who may come in: the bearer token, and the origins of web pages.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, AUTHORIZATION, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::refusal::Refusal;

/// A secret that clients present. Only its SHA-256 is kept, and it is never shown. Clones are one token:
/// where one of them is renewed, all are.
#[derive(Clone)]
pub struct Token {
    digest: Arc<RwLock<[u8; 32]>>,
}

/// The token cannot be sent in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token must be made of visible ASCII characters, one at least")]
pub struct InvalidToken;

impl Token {
    /// Takes the secret as clients write it behind `Bearer `.
    ///
    /// # Errors
    /// It is empty, or holds anything but visible ASCII characters.
    pub fn new(secret: &str) -> Result<Self, InvalidToken> {
        if secret.is_empty() || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidToken);
        }
        let digest = Arc::new(RwLock::new(Sha256::digest(secret).into()));
        Ok(Self { digest })
    }

    /// Puts another secret in its place, from the next request on: also on connections that are open.
    pub fn renew(&self, next: &Self) {
        let next = next.current();
        *self.digest.write().unwrap_or_else(PoisonError::into_inner) = next;
    }

    /// Whether a request presents it, as `authorization: Bearer ...`.
    pub(crate) fn is_presented(&self, headers: &HeaderMap) -> bool {
        let header = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let presented = header.and_then(bearer);
        presented.is_some_and(|presented| self.is(presented))
    }

    /// Compares in a time that says nothing about the secret, not even its length.
    fn is(&self, presented: &[u8]) -> bool {
        let presented: [u8; 32] = Sha256::digest(presented).into();
        self.current().ct_eq(&presented).into()
    }

    fn current(&self) -> [u8; 32] {
        *self.digest.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Checks the head of each request.
#[derive(Debug)]
pub(crate) struct Access {
    token: Option<Token>,
    origins: Vec<String>,
}

/// The origin of a web page that may send telemetry.
#[derive(Clone, Debug)]
pub(crate) struct Origin(HeaderValue);

impl Access {
    pub(crate) fn new(token: Option<Token>, origins: Vec<String>) -> Self {
        Self { token, origins }
    }

    /// The origin that the browser names, if it names one.
    ///
    /// # Errors
    /// It is not on the list. Requests of pages that were not invited are refused, not only left
    /// without an answer that their scripts can read: a receiver on a loopback address is within
    /// reach of every page that the user of the machine opens.
    pub(crate) fn origin(&self, headers: &HeaderMap) -> Result<Option<Origin>, Refusal> {
        let Some(origin) = headers.get(ORIGIN) else {
            return Ok(None);
        };
        let is_invited = |known: &String| known == "*" || known.as_bytes() == origin.as_bytes();
        if self.origins.iter().any(is_invited) {
            return Ok(Some(Origin(origin.clone())));
        }
        Err(Refusal::ForbiddenOrigin)
    }

    /// Lets those in who present the token, or everybody where there is none.
    pub(crate) fn admit(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        match &self.token {
            Some(token) if !token.is_presented(headers) => Err(Refusal::Unauthorized),
            _ => Ok(()),
        }
    }
}

impl Origin {
    /// Lets the page read the answer.
    pub(crate) fn allow(self, headers: &mut HeaderMap) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, self.0);
        headers.append(VARY, HeaderValue::from_static("origin"));
    }

    /// Answers what the browser asks before the request.
    pub(crate) fn allow_beforehand(self, headers: &mut HeaderMap) {
        self.allow(headers);
        let fixed = [
            (ACCESS_CONTROL_ALLOW_METHODS, "POST"),
            (
                ACCESS_CONTROL_ALLOW_HEADERS,
                "authorization, content-encoding, content-type",
            ),
            (ACCESS_CONTROL_MAX_AGE, "7200"),
        ];
        for (name, value) in fixed {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}

/// What stands behind the scheme, whose letters may have any case (RFC 9110, 11.1).
fn bearer(header: &[u8]) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"Bearer ";
    let (scheme, rest) = header.split_at_checked(SCHEME.len())?;
    scheme
        .eq_ignore_ascii_case(SCHEME)
        .then(|| rest.trim_ascii())
}
