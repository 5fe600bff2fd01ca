//! One key: its algorithm follows from what it is, never from what a token says.
//!
//! Nothing here shows what a key is made of.

use std::fmt;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The shortest secret for HMAC, in bytes: the size of the hash (RFC 7518, section 3.2).
pub(super) const MIN_SECRET: usize = 32;

/// The algorithms that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    EdDsa,
    Hs256,
}

impl Algorithm {
    /// The value of `alg`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Hs256 => "HS256",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        [Self::EdDsa, Self::Hs256]
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
    }
}

/// A key for exactly one algorithm.
pub(super) enum Key {
    /// Verifies. Its point of the curve is worked out once.
    Public(Box<VerifyingKey>),
    /// Signs and verifies. Its bytes are overwritten when it is dropped.
    Private(Box<SigningKey>),
    /// Signs and verifies: whoever verifies could have signed.
    Shared(Box<Hmac<Sha256>>),
}

impl Key {
    /// The private key of this seed (RFC 8032, section 5.1.5): any 32 bytes are one.
    pub(super) fn private(seed: &[u8; 32]) -> Self {
        Self::Private(Box::new(SigningKey::from_bytes(seed)))
    }

    /// The public key of these bytes (RFC 8032, section 5.1.3); `None` when they are no point of the curve, or one of
    /// the eight under which anybody can sign.
    pub(super) fn public(bytes: &[u8; 32]) -> Option<Self> {
        let key = VerifyingKey::from_bytes(bytes).ok()?;
        (!key.is_weak()).then(|| Self::Public(Box::new(key)))
    }

    /// `None` when it is too short.
    pub(super) fn shared(secret: &[u8]) -> Option<Self> {
        if secret.len() < MIN_SECRET {
            return None;
        }
        let key = Hmac::new_from_slice(secret).expect("HMAC takes a key of any length");
        Some(Self::Shared(Box::new(key)))
    }

    pub(super) const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Public(_) | Self::Private(_) => Algorithm::EdDsa,
            Self::Shared(_) => Algorithm::Hs256,
        }
    }

    pub(super) const fn can_sign(&self) -> bool {
        !matches!(self, Self::Public(_))
    }

    /// The public half; none of a shared secret.
    pub(super) fn public_bytes(&self) -> Option<[u8; 32]> {
        match self {
            Self::Public(public) => Some(public.to_bytes()),
            Self::Private(pair) => Some(pair.verifying_key().to_bytes()),
            Self::Shared(_) => None,
        }
    }

    /// `None` for a public key.
    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Public(_) => None,
            Self::Private(pair) => Some(pair.sign(message).to_bytes().to_vec()),
            Self::Shared(key) => Some(tag(key, message).finalize().into_bytes().to_vec()),
        }
    }

    /// Whether the signature is right. An HMAC is compared in constant time; one of Ed25519 has one spelling
    /// (RFC 8032, section 5.1.7), and holds for this message under this key alone.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match (self, Signature::from_slice(signature)) {
            (Self::Shared(key), _) => tag(key, message).verify_slice(signature).is_ok(),
            (Self::Public(public), Ok(signature)) => {
                public.verify_strict(message, &signature).is_ok()
            }
            (Self::Private(pair), Ok(signature)) => pair.verify_strict(message, &signature).is_ok(),
            (_, Err(_)) => false,
        }
    }
}

fn tag(key: &Hmac<Sha256>, message: &[u8]) -> Hmac<Sha256> {
    key.clone().chain_update(message)
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public(_) => "Public(..)",
            Self::Private(_) => "Private(..)",
            Self::Shared(_) => "Shared(..)",
        })
    }
}
