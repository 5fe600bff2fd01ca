//! Where keys come from: from text once, or from a file that is read again when it changes.
//!
//! Waits: for the file system, at most once a second where keys come from a file. Loses: nothing; a file
//! that has become wrong leaves the keys as they were.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use super::key::Key;
use super::set::{KeyError, Set};
use super::{jwk, random};

/// A file that was changed more recently than this may change again and look the same.
const SETTLED: Duration = Duration::from_secs(2);

/// How often a file is looked at, at the most.
const LOOK: Duration = Duration::from_secs(1);

/// Keys of one issuer: private or shared ones to sign with, public or shared ones to verify by.
///
/// Clones share the keys. Those from a file [rotate](Self::from_file). Nothing shows what they are made
/// of but [`generate`](Self::generate).
#[derive(Clone)]
pub struct Keys {
    inner: Arc<Inner>,
}

struct Inner {
    set: RwLock<Arc<Set>>,
    file: Option<Watched>,
}

/// A file, and what it looked like when it was read.
struct Watched {
    path: PathBuf,
    state: Mutex<State>,
}

struct State {
    looked: Instant,
    /// None where it could not be looked at.
    seen: Option<Look>,
    /// Whether a change since then would show: times of files are coarse.
    is_settled: bool,
}

/// What tells one content of a file from another without reading it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Look {
    modified: Option<SystemTime>,
    len: u64,
}

impl Keys {
    /// A private Ed25519 key in a JSON Web Key Set of its own, as text: the one place that shows a
    /// key. Write it to a file that only the agent can read.
    ///
    /// # Errors
    /// The operating system gave no random numbers.
    pub fn generate(kid: &str) -> Result<String, KeyError> {
        let seed = random().map_err(|_| KeyError::NoRandomness)?;
        Ok(jwk::write_private(kid, &seed))
    }

    /// The private Ed25519 key of this seed (RFC 8032, section 5.1.5), to sign with.
    #[must_use]
    pub fn ed25519(kid: &str, seed: &[u8; 32]) -> Self {
        Self::of(Set::of(kid, Key::private(seed)))
    }

    /// A public Ed25519 key (RFC 8032, section 5.1.5), to verify by.
    ///
    /// # Errors
    /// The bytes are no such key: no point of the curve, or one of the few under which anybody can sign.
    pub fn ed25519_public(kid: &str, public: &[u8; 32]) -> Result<Self, KeyError> {
        let key = Key::public(public).ok_or(KeyError::NotPublicKey)?;
        Ok(Self::of(Set::of(kid, key)))
    }

    /// A shared secret for HMAC-SHA-256, to sign with and to verify by: for closed systems, because
    /// whoever can verify can sign.
    ///
    /// # Errors
    /// It has less than 32 bytes.
    pub fn hmac(kid: &str, secret: &[u8]) -> Result<Self, KeyError> {
        let key = Key::shared(secret).ok_or(KeyError::ShortSecret)?;
        Ok(Self::of(Set::of(kid, key)))
    }

    /// The keys of a JSON Web Key Set (RFC 7517): `OKP` keys of the curve Ed25519 (RFC 8037), private
    /// with `d`, and `oct` keys for HS256. Each needs a `kid` of its own; keys of other types are left
    /// out. The first that can sign does.
    ///
    /// # Errors
    /// It is no such set, or one of its keys is wrong.
    pub fn from_jwks(text: &str) -> Result<Self, KeyError> {
        jwk::read(text).map(Self::of)
    }

    /// The keys of a JSON Web Key Set in an environment variable. They do not change.
    ///
    /// # Errors
    /// As [`from_jwks`](Self::from_jwks), or the variable holds no text.
    pub fn from_env(variable: &str) -> Result<Self, KeyError> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the caller names the variable; it is none of the pipeline's configuration"
        )]
        let text = std::env::var(variable).map_err(|_| KeyError::Variable {
            name: variable.to_owned(),
        })?;
        Self::from_jwks(&text)
    }

    /// The keys of a JSON Web Key Set in a file, which is looked at again when a token is issued or
    /// received, at most once a second, and read again when its time or size has changed. A key that
    /// has left the file is good no more.
    ///
    /// A file that has become unreadable or wrong leaves the keys as they were, and warns; replace it
    /// by renaming another over it, so that nobody reads half of it.
    ///
    /// # Errors
    /// As [`from_jwks`](Self::from_jwks), or it cannot be read or is no regular file.
    pub fn from_file(path: impl Into<PathBuf>) -> Result<Self, KeyError> {
        let path = path.into();
        let state = State::of(&path);
        let set = read(&path)?;
        let file = Watched {
            path,
            state: Mutex::new(state),
        };
        Ok(Self::with(set, Some(file)))
    }

    fn of(set: Set) -> Self {
        Self::with(set, None)
    }

    fn with(set: Set, file: Option<Watched>) -> Self {
        let set = RwLock::new(Arc::new(set));
        Self {
            inner: Arc::new(Inner { set, file }),
        }
    }

    /// Reads the file again now, whatever it looks like. Does nothing to keys that come from
    /// elsewhere.
    ///
    /// # Errors
    /// As [`from_file`](Self::from_file); the keys stay as they were.
    pub fn reload(&self) -> Result<(), KeyError> {
        let Some(file) = &self.inner.file else {
            return Ok(());
        };
        let mut state = file.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.read_again(file, &mut state)
    }

    /// The public halves as a JSON Web Key Set, for those who verify. Shared secrets have none.
    #[must_use]
    pub fn public_jwks(&self) -> String {
        jwk::write_public(&self.now())
    }

    /// The keys as they are now.
    pub(super) fn current(&self) -> Arc<Set> {
        if let Some(file) = &self.inner.file
            // Whoever looks already does so for all.
            && let Ok(mut state) = file.state.try_lock()
            && state.looked.elapsed() >= LOOK
        {
            state.looked = Instant::now();
            if state.may_have_changed(&file.path)
                && let Err(error) = self.read_again(file, &mut state)
            {
                tracing::warn!(
                    target: "spanreel",
                    path = %file.path.display(),
                    error = %error,
                    "the key file has changed and cannot be used; the keys stay as they were"
                );
            }
        }
        self.now()
    }

    fn read_again(&self, file: &Watched, state: &mut State) -> Result<(), KeyError> {
        // Looked at before it is read: what is written in between is then noticed the next time.
        *state = State::of(&file.path);
        let set = Arc::new(read(&file.path)?);
        let mut current = self
            .inner
            .set
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *current = set;
        Ok(())
    }

    fn now(&self) -> Arc<Set> {
        let set = self.inner.set.read();
        Arc::clone(&set.unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn of(path: &Path) -> Self {
        let seen = look(path).ok();
        let age = seen.and_then(|it| it.modified?.elapsed().ok());
        Self {
            looked: Instant::now(),
            seen,
            is_settled: seen.is_none() || age.is_some_and(|age| age >= SETTLED),
        }
    }

    fn may_have_changed(&self, path: &Path) -> bool {
        !self.is_settled || look(path).ok() != self.seen
    }
}

fn look(path: &Path) -> io::Result<Look> {
    let metadata = fs::metadata(path)?;
    Ok(Look {
        modified: metadata.modified().ok(),
        len: metadata.len(),
    })
}

fn read(path: &Path) -> Result<Set, KeyError> {
    let wrong = |source| KeyError::File {
        path: path.to_owned(),
        source,
    };
    // A pipe would be waited for.
    if !fs::metadata(path).map_err(wrong)?.is_file() {
        return Err(wrong(io::Error::other("not a regular file")));
    }
    let mut text = String::new();
    let file = File::open(path).map_err(wrong)?;
    let most = jwk::MAX_BYTES as u64 + 1;
    file.take(most).read_to_string(&mut text).map_err(wrong)?;
    jwk::read(&text)
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = self.now();
        let file = self.inner.file.as_ref().map(|file| &file.path);
        f.debug_struct("Keys")
            .field("keys", &set.keys)
            .field("file", &file)
            .finish()
    }
}
