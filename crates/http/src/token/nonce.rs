//! The nonces of tokens that are still good: each may be used for one request.
//!
//! Holds: one entry per token until it expires, at most as many as its bound, some 150 bytes each. Never
//! waits. Loses: nothing; when it is full, what is new is refused, because to forget an old one would let
//! it be replayed.

use std::collections::{BTreeSet, HashMap};

use sha2::{Digest, Sha256};

use super::claims::Claims;
use super::refused::TokenRefused;

/// The SHA-256 of something.
type Hash = [u8; 32];

#[derive(Debug)]
pub(super) struct Nonces {
    capacity: usize,
    /// What the token was used for.
    seen: HashMap<Hash, Option<Hash>>,
    by_expiry: BTreeSet<(u64, Hash)>,
    /// What expired before this was forgotten.
    forgotten_until: u64,
}

/// A token that may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    First,
    /// By the same request.
    Repeated,
}

impl Nonces {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            seen: HashMap::new(),
            by_expiry: BTreeSet::new(),
            forgotten_until: 0,
        }
    }

    /// Notes that a token which is good until `until` is used for `request`.
    pub(super) fn note(
        &mut self,
        claims: &Claims,
        request: Option<&[u8]>,
        until: u64,
        now: u64,
    ) -> Result<Use, TokenRefused> {
        self.forget_expired(now);
        // A clock that was set back makes nothing good again.
        if until < self.forgotten_until {
            return Err(TokenRefused::Expired);
        }
        let nonce = hash(&[claims.issuer().as_bytes(), &[0], claims.nonce().as_bytes()].concat());
        let request = request.map(hash);
        if let Some(before) = self.seen.get(&nonce) {
            return match before.is_some() && *before == request {
                true => Ok(Use::Repeated),
                false => Err(TokenRefused::Replayed),
            };
        }
        if self.seen.len() >= self.capacity {
            return Err(TokenRefused::TooMany);
        }
        self.seen.insert(nonce, request);
        self.by_expiry.insert((until, nonce));
        Ok(Use::First)
    }

    fn forget_expired(&mut self, now: u64) {
        while let Some((until, nonce)) = self.by_expiry.first().copied() {
            if until >= now {
                break;
            }
            self.by_expiry.pop_first();
            self.seen.remove(&nonce);
        }
        self.forgotten_until = self.forgotten_until.max(now);
    }
}

fn hash(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}
