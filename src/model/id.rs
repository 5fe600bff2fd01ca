//! Trace ids and span ids: what they are, how they are written, how they are made.

use std::cell::Cell;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// The id of these bytes, or `None` when all of them are zero, which W3C Trace Context
            /// (section 3.2.2) declares invalid.
            #[must_use]
            pub fn from_bytes(bytes: [u8; $bytes]) -> Option<Self> {
                (bytes != [0; $bytes]).then_some(Self(bytes))
            }

            /// The bytes, as OTLP carries them.
            #[must_use]
            pub const fn to_bytes(self) -> [u8; $bytes] {
                self.0
            }

            pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
                Self::from_bytes(bytes.try_into().ok()?)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            /// Reads hexadecimal digits of either case.
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let mut bytes = [0; $bytes];
                decode_hex(text.as_bytes(), &mut bytes).ok_or(InvalidId)?;
                Self::from_bytes(bytes).ok_or(InvalidId)
            }
        }
    };
}

id! {
    /// Names a trace: 16 bytes, never all zero. A session is one trace.
    TraceId, 16
}
id! {
    /// Names a span within its trace: 8 bytes, never all zero.
    SpanId, 8
}

/// The text is not an id: wrong length, a character that is no hexadecimal digit, or all zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not an id: expected hexadecimal digits, not all zero (32 for a trace id, 16 for a span id)"
)]
pub struct InvalidId;

impl TraceId {
    /// A random id. In a process that was forked off, others than those of its parent and its siblings once
    /// it has started a pipeline, or has asked the copy of its parent's for a session.
    #[must_use]
    pub fn random() -> Self {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&random_u64().to_be_bytes());
        bytes[8..].copy_from_slice(&random_u64().to_be_bytes());
        Self(bytes)
    }
}

impl SpanId {
    /// A random id; as to processes that were forked off, see [`TraceId::random`].
    #[inline]
    #[must_use]
    pub fn random() -> Self {
        Self(random_u64().to_be_bytes())
    }
}

/// Reads exactly `out.len() * 2` hexadecimal digits. Where it fails, what is in `out` means nothing.
#[inline]
pub(crate) fn decode_hex(text: &[u8], out: &mut [u8]) -> Option<()> {
    if text.len() != out.len() * 2 {
        return None;
    }
    let mut bad = 0;
    for (pair, byte) in text.chunks_exact(2).zip(out) {
        let (high, low) = (DIGIT[usize::from(pair[0])], DIGIT[usize::from(pair[1])]);
        bad |= high | low;
        *byte = high << 4 | low & 0xf;
    }
    (bad < NO_DIGIT).then_some(())
}

/// What a byte means as a hexadecimal digit of either case.
const DIGIT: [u8; 256] = {
    let mut table = [NO_DIGIT; 256];
    let mut digit = 0;
    while digit < 16 {
        let lower = b"0123456789abcdef"[digit as usize];
        table[lower as usize] = digit;
        table[lower.to_ascii_uppercase() as usize] = digit;
        digit += 1;
    }
    table
};

/// Has a bit that no digit has.
const NO_DIGIT: u8 = 0x10;

/// Which beginning the generators of all threads are to have; never zero.
static BEGINNING: AtomicU64 = AtomicU64::new(1);

/// Has every thread's generator begin anew with its next number.
///
/// To be called where a process may have been forked off: a thread that forks goes on in the child with the
/// numbers of the parent, and with the keys of its `RandomState`. What differs is the process and the time.
pub(crate) fn begin_anew() {
    let differs = (std::process::id(), Instant::now());
    let beginning = RandomState::new().hash_one(differs) | 1;
    BEGINNING.store(beginning, Ordering::Relaxed);
}

/// The numbers of one thread: SplitMix64.
struct Generator {
    /// The beginning that `state` goes back to; zero before the first number.
    beginning: Cell<u64>,
    state: Cell<u64>,
}

impl Generator {
    #[cold]
    #[inline(never)]
    fn begin(&self, beginning: u64) {
        let place = std::ptr::from_ref(self).addr();
        let seed = (beginning, place, self.state.get());
        self.state.set(RandomState::new().hash_one(seed));
        self.beginning.set(beginning);
    }
}

/// A number that is never zero, from a generator of the thread's own, which is seeded by the
/// operating system's randomness through `RandomState`. Unpredictable enough to be unique, which
/// is all that an id needs; not for secrets.
#[inline]
pub(crate) fn random_u64() -> u64 {
    thread_local! {
        static GENERATOR: Generator = const {
            Generator {
                beginning: Cell::new(0),
                state: Cell::new(0),
            }
        };
    }
    GENERATOR.with(|generator| {
        let beginning = BEGINNING.load(Ordering::Relaxed);
        if generator.beginning.get() != beginning {
            generator.begin(beginning);
        }
        loop {
            let next = generator.state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
            generator.state.set(next);
            let mut z = next;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            if z != 0 {
                return z;
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_ids_do_not_exist() {
        assert_eq!(TraceId::from_bytes([0; 16]), None);
        assert!("0000000000000000".parse::<SpanId>().is_err());
    }

    #[test]
    fn ids_are_read_in_either_case_and_written_in_lower_case() {
        let id: TraceId = "0AF7651916CD43DD8448EB211C80319C"
            .parse()
            .expect("32 digits");
        assert_eq!(id.to_string(), "0af7651916cd43dd8448eb211c80319c");
        for wrong in [
            "",
            "0af7",
            "+af7651916cd43dd8448eb211c80319c",
            "0af7651916cd43dd8448eb211c80319g",
        ] {
            assert_eq!(wrong.parse::<TraceId>(), Err(InvalidId), "{wrong}");
        }
    }

    #[test]
    fn random_ids_differ() {
        let ids: std::collections::HashSet<_> = (0..10_000).map(|_| SpanId::random()).collect();
        assert_eq!(ids.len(), 10_000);
    }

    /// A generator that begins anew does not go on where it was, whoever has a copy of it.
    #[test]
    fn a_generator_that_begins_anew_has_other_numbers() {
        let generator = || Generator {
            beginning: Cell::new(7),
            state: Cell::new(9),
        };
        let (one, other) = (generator(), generator());
        one.begin(11);
        other.begin(13);
        assert_eq!((one.beginning.get(), other.beginning.get()), (11, 13));
        assert_ne!(one.state.get(), other.state.get());
        assert_ne!(one.state.get(), 9);
    }

    /// Every call has every thread begin anew.
    #[test]
    fn every_beginning_is_another() {
        let beginning = || {
            begin_anew();
            BEGINNING.load(Ordering::Relaxed)
        };
        let beginnings: std::collections::HashSet<_> = (0..100).map(|_| beginning()).collect();
        assert_eq!(beginnings.len(), 100);
        assert!(!beginnings.contains(&0), "it would be taken for none");
    }
}
