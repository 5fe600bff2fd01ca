//! One key: its algorithm follows from what it is, never from what a token says.
//!
//! Nothing here shows what a key is made of.

use std::fmt;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use ring::{hmac, rand};

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
    /// Verifies.
    Public([u8; 32]),
    /// Signs and verifies.
    Private(Box<Ed25519KeyPair>),
    /// Signs and verifies: whoever verifies could have signed.
    Shared(hmac::Key),
}

impl Key {
    /// The private key of this seed (RFC 8032, section 5.1.5).
    pub(super) fn private(seed: &[u8; 32]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("any 32 bytes are a seed");
        Self::Private(Box::new(pair))
    }

    /// `None` when it is too short.
    pub(super) fn shared(secret: &[u8]) -> Option<Self> {
        (secret.len() >= MIN_SECRET)
            .then(|| Self::Shared(hmac::Key::new(hmac::HMAC_SHA256, secret)))
    }

    /// A random seed.
    pub(super) fn random_seed() -> Result<[u8; 32], ring::error::Unspecified> {
        let seed = rand::generate::<[u8; 32]>(&rand::SystemRandom::new())?;
        Ok(seed.expose())
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
    pub(super) fn public(&self) -> Option<&[u8]> {
        match self {
            Self::Public(public) => Some(public),
            Self::Private(pair) => Some(pair.public_key().as_ref()),
            Self::Shared(_) => None,
        }
    }

    /// `None` for a public key.
    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Public(_) => None,
            Self::Private(pair) => Some(pair.sign(message).as_ref().to_vec()),
            Self::Shared(key) => Some(hmac::sign(key, message).as_ref().to_vec()),
        }
    }

    /// Whether the signature is right. An HMAC is compared in constant time.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match self {
            Self::Shared(key) => hmac::verify(key, message, signature),
            Self::Public(public) => {
                UnparsedPublicKey::new(&ED25519, public).verify(message, signature)
            }
            Self::Private(pair) => {
                UnparsedPublicKey::new(&ED25519, pair.public_key()).verify(message, signature)
            }
        };
        verified.is_ok()
    }
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
