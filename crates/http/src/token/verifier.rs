//! Who receives tokens: the trust list, and the policy.
//!
//! Holds: the nonces of tokens that are good, a bounded number of them. Waits: for the file system, at
//! most once a second for each key file. Loses: nothing; what it refuses is counted and named.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::claims::Claims;
use super::counts::{Books, TokenCounts};
use super::jws::Parts;
use super::keys::Keys;
use super::nonce::{Nonces, Use};
use super::refused::TokenRefused;
use super::trust::Trust;
use super::unix_seconds;
use super::warning::Warning;

/// The most that clocks may be apart.
const MAX_LEEWAY: Duration = Duration::from_secs(10 * 60);

/// Judges tokens: one per process and audience, because it remembers which were used.
#[derive(Debug)]
pub struct Verifier {
    audiences: Vec<String>,
    trusted: HashMap<String, Keys>,
    leeway: u64,
    max_ttl: u64,
    nonces: Mutex<Nonces>,
    books: Books,
    warning: Warning,
}

/// A verifier that does not exist yet.
#[must_use = "call build"]
#[derive(Debug)]
pub struct VerifierBuilder {
    audiences: Vec<String>,
    trusted: HashMap<String, Keys>,
    leeway: Duration,
    max_ttl: Duration,
    nonces: usize,
}

/// What is wrong with the settings of a verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidVerifier {
    /// Clocks that are further apart must be set.
    #[error("the leeway is longer than 10 minutes; set the clocks instead")]
    Leeway,
    /// No token could be good.
    #[error("the longest life of a token is less than 1 s; give a longer time")]
    MaxTtl,
    /// No token could be remembered.
    #[error("no nonce may be remembered; give 1 or more")]
    Nonces,
}

impl VerifierBuilder {
    /// Another name by which tokens may call this agent.
    pub fn audience(mut self, audience: &str) -> Self {
        self.audiences.push(audience.to_owned());
        self
    }

    /// Believes what `issuer` signs with one of these keys. The last keys given for an issuer count.
    pub fn trust(mut self, issuer: &str, keys: Keys) -> Self {
        self.trusted.insert(issuer.to_owned(), keys);
        self
    }

    /// How far the issuers' clocks may be from this one, both ways. Default: 30 s; at most 10 min.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// How long a token may be good in all. Default: 1 h.
    pub fn max_ttl(mut self, max_ttl: Duration) -> Self {
        self.max_ttl = max_ttl;
        self
    }

    /// How many tokens that are good are remembered, so that none is used twice; more than that at
    /// the same time are refused. Default: 65,536, which is up to 10 MiB.
    pub fn nonces(mut self, nonces: usize) -> Self {
        self.nonces = nonces;
        self
    }

    /// Makes it.
    ///
    /// # Errors
    /// One of the settings is out of its bounds.
    pub fn build(self) -> Result<Verifier, InvalidVerifier> {
        if self.leeway > MAX_LEEWAY {
            return Err(InvalidVerifier::Leeway);
        }
        if self.max_ttl < Duration::from_secs(1) {
            return Err(InvalidVerifier::MaxTtl);
        }
        if self.nonces == 0 {
            return Err(InvalidVerifier::Nonces);
        }
        Ok(Verifier {
            audiences: self.audiences,
            trusted: self.trusted,
            leeway: self.leeway.as_secs(),
            max_ttl: self.max_ttl.as_secs(),
            nonces: Mutex::new(Nonces::new(self.nonces)),
            books: Books::default(),
            warning: Warning::default(),
        })
    }
}

impl Verifier {
    /// One that takes tokens for this audience: the name by which issuers call this agent, its URL as
    /// a rule. Without [`trust`](VerifierBuilder::trust) it adopts nothing.
    pub fn builder(audience: &str) -> VerifierBuilder {
        VerifierBuilder {
            audiences: vec![audience.to_owned()],
            trusted: HashMap::new(),
            leeway: Duration::from_secs(30),
            max_ttl: Duration::from_secs(60 * 60),
            nonces: 65_536,
        }
    }

    /// Judges a token and notes that it was used.
    ///
    /// `request` is what makes the request this one and no other: its body, or an id that the sender
    /// gives to each. The same token with the same request again is taken for a repetition by the
    /// transport, and amounts to the same; with another request it is refused as replayed. Without a
    /// `request`, every second use is refused. What nobody vouches for is not remembered: a link
    /// decides nothing.
    pub fn receive(&self, token: &str, request: Option<&[u8]>, now: SystemTime) -> Trust {
        let now = unix_seconds(now);
        match self.judge(token, request, now) {
            Ok(trust) => trust,
            Err(reason) => {
                self.books.refuse(reason);
                if let Some(count) = self.warning.due(Instant::now()) {
                    let reason = reason.name();
                    tracing::warn!(target: "spanreel", reason, count, "delegation tokens refused");
                }
                Trust::Refused(reason)
            }
        }
    }

    fn judge(&self, token: &str, request: Option<&[u8]>, now: u64) -> Result<Trust, TokenRefused> {
        let (claims, is_verified) = self.read(token, now)?;
        if !is_verified {
            self.books.linked.fetch_add(1, Ordering::Relaxed);
            return Ok(Trust::Link(claims));
        }
        let until = claims.expires_at().saturating_add(self.leeway);
        let mut nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        let used = nonces.note(&claims, request, until, now)?;
        drop(nonces);
        let book = match used {
            Use::First => &self.books.adopted,
            Use::Repeated => &self.books.repeated,
        };
        book.fetch_add(1, Ordering::Relaxed);
        Ok(Trust::Adopt(claims))
    }

    /// What a token says, if an issuer in the trust list vouches for it now. Neither counts it nor notes
    /// its use: whether it was used before only [`receive`](Self::receive) knows.
    ///
    /// # Errors
    /// It is not to be believed.
    pub fn check(&self, token: &str, now: SystemTime) -> Result<Claims, TokenRefused> {
        match self.read(token, unix_seconds(now))? {
            (claims, true) => Ok(claims),
            (_, false) => Err(TokenRefused::UnknownIssuer),
        }
    }

    /// What a token says, and whether somebody in the trust list vouches for it.
    fn read(&self, token: &str, now: u64) -> Result<(Claims, bool), TokenRefused> {
        let parts = Parts::of(token)?;
        let keys = self.trusted.get(&parts.claims.iss);
        if let Some(keys) = keys {
            let keys = keys.current();
            let key = keys.find(&parts.kid).ok_or(TokenRefused::UnknownKey)?;
            parts.check(key)?;
        }
        let wire = parts.claims;
        let (iat, exp) = (wire.iat, wire.exp);
        let claims = Claims::of(wire)?;
        if !self.audiences.iter().any(|it| it == claims.audience()) {
            return Err(TokenRefused::WrongAudience);
        }
        if iat > now.saturating_add(self.leeway) {
            return Err(TokenRefused::FromTheFuture);
        }
        if exp.saturating_add(self.leeway) <= now {
            return Err(TokenRefused::Expired);
        }
        if exp - iat > self.max_ttl {
            return Err(TokenRefused::TooLongLived);
        }
        Ok((claims, keys.is_some()))
    }

    /// What became of the tokens that it received.
    #[must_use]
    pub fn counts(&self) -> TokenCounts {
        self.books.counts()
    }

    /// Reads the key files again now, whatever they look like.
    ///
    /// # Errors
    /// One of them is wrong; its keys stay as they were, and the others are read.
    pub fn reload(&self) -> Result<(), super::KeyError> {
        let mut result = Ok(());
        for keys in self.trusted.values() {
            result = result.and(keys.reload());
        }
        result
    }
}
