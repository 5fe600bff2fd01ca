//! A set of keys by their ids, as it was read at one moment.

use std::io;
use std::path::PathBuf;

use super::key::Key;

/// Keys, in the order in which they were given: the first that can sign does.
#[derive(Debug, Default)]
pub(super) struct Set {
    pub(super) keys: Vec<(Box<str>, Key)>,
}

impl Set {
    pub(super) fn of(kid: &str, key: Key) -> Self {
        Self {
            keys: vec![(kid.into(), key)],
        }
    }

    pub(super) fn find(&self, kid: &str) -> Option<&Key> {
        let found = self.keys.iter().find(|(id, _)| **id == *kid);
        found.map(|(_, key)| key)
    }

    /// The key that signs, with its id.
    pub(super) fn signing(&self) -> Option<(&str, &Key)> {
        let found = self.keys.iter().find(|(_, key)| key.can_sign());
        found.map(|(kid, key)| (&**kid, key))
    }
}

/// Why keys cannot be used. No message has anything in it of what was read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The file cannot be read.
    #[error("cannot read the key file {}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The environment variable is not set, or is not Unicode.
    #[error("the environment variable {name} holds no text; set it to a JSON Web Key Set")]
    Variable {
        /// Which variable.
        name: String,
    },
    /// What was read is longer than a key set may be (1 MiB).
    #[error("the key set is longer than 1 MiB")]
    TooLarge,
    /// It is not a JSON Web Key Set (RFC 7517, section 5).
    #[error("not a JSON Web Key Set: wrong at line {line}, column {column}")]
    NotKeySet {
        /// Counted from 1.
        line: usize,
        /// Counted from 1; 0 where the line is empty.
        column: usize,
    },
    /// One of the keys is wrong.
    #[error("key number {number} of the set {problem}")]
    Key {
        /// Counted from 1.
        number: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An issuer needs a key that can sign.
    #[error(
        "no key of the set can sign; give a private Ed25519 key (with `d`) or a shared secret \
         (`kty` = `oct`)"
    )]
    NoSigningKey,
    /// A shared secret is too short (RFC 7518, section 3.2).
    #[error("the shared secret is too short; give 32 random bytes at least")]
    ShortSecret,
    /// The bytes are no public key of Ed25519 (RFC 8032, section 5.1.3), or one under which anybody can sign.
    #[error(
        "the bytes are no public key of Ed25519; give the 32 bytes that belong to a private key"
    )]
    NotPublicKey,
    /// The operating system gave no random numbers.
    #[error("the operating system gave no random numbers")]
    NoRandomness,
}
