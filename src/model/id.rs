//! Trace ids and span ids: what they are, how they are written, how they are made.

use std::cell::Cell;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;

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
    /// A random id.
    #[must_use]
    pub fn random() -> Self {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&random_u64().to_be_bytes());
        bytes[8..].copy_from_slice(&random_u64().to_be_bytes());
        Self(bytes)
    }
}

impl SpanId {
    /// A random id.
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

/// A number that is never zero, from a generator of the thread's own (SplitMix64, seeded by the
/// operating system's randomness through `RandomState`). Unpredictable enough to be unique, which
/// is all that an id needs; not for secrets.
#[inline]
pub(crate) fn random_u64() -> u64 {
    thread_local! {
        static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(std::thread::current().id()));
    }
    STATE.with(|state| {
        loop {
            let next = state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
            state.set(next);
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
}
