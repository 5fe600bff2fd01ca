//! The id of a session that inbound work enters: that of the trace, or one that the caller names.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use spanreel::TraceId;

/// The digits of a trace id.
const DIGITS: usize = 32;

/// What a session is known by while inbound work is under way in it. Nearly all are traces, which take no memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Id {
    Trace(TraceId),
    /// Never the digits of a trace id, which are that trace.
    Named(Arc<str>),
}

impl Id {
    pub(super) fn named(name: &str) -> Self {
        let trace = name.parse().ok();
        match trace.filter(|trace| digits(*trace) == name.as_bytes()) {
            Some(trace) => Self::Trace(trace),
            None => Self::Named(name.into()),
        }
    }

    /// A number that differs for most: the last characters of an id mostly do.
    pub(super) fn ending(&self) -> usize {
        match self {
            Self::Trace(trace) => usize::from(trace.to_bytes()[15]),
            Self::Named(name) => {
                let last = name.bytes().rev().take(4);
                last.fold(0, |sum, byte| sum * 31 + usize::from(byte))
            }
        }
    }
}

/// One word for a trace: it is not hashed as the slice that it is.
impl Hash for Id {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Trace(trace) => state.write_u128(u128::from_ne_bytes(trace.to_bytes())),
            Self::Named(name) => name.hash(state),
        }
    }
}

/// What a trace id looks like.
fn digits(trace: TraceId) -> [u8; DIGITS] {
    let mut text = [0; DIGITS];
    for (byte, pair) in trace.to_bytes().iter().zip(text.chunks_exact_mut(2)) {
        pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
        pair[1] = b"0123456789abcdef"[usize::from(byte & 0xf)];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An id is one whether a trace or a caller names it, and no two names are one id.
    #[test]
    fn each_text_is_one_id() {
        let trace = TraceId::random();
        let text = trace.to_string();
        assert_eq!(Id::named(&text), Id::Trace(trace));
        let upper = "0AF7651916CD43DD8448EB211C80319C";
        let dashed = "0af76519-16cd-43dd-8448-eb211c80319c";
        for name in [upper, dashed, "conv-1", "", &"0".repeat(32)] {
            assert_eq!(Id::named(name), Id::Named(name.into()));
        }
    }
}
