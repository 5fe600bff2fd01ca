//! Numbers by which spans and log records that come twice are told.

use spanreel::{SpanId, TraceId};

/// A number for a span or log record: of 64 random bits, mostly.
pub(crate) fn identity(trace: TraceId, span: SpanId) -> u64 {
    let trace = u128::from_be_bytes(trace.to_bytes());
    let (high, low) = ((trace >> 64) as u64, trace as u64);
    mix(u64::from_be_bytes(span.to_bytes()) ^ mix(low ^ mix(high)))
}

/// A number for a log record: it has no id, and is the same when all of its bytes are.
pub(crate) fn identity_of_log(bytes: &[u8]) -> u64 {
    let mut sum = mix(bytes.len() as u64);
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        sum = mix(sum ^ u64::from_le_bytes(word));
    }
    sum
}

/// Spreads bits (the finalizer of SplitMix64): ids that are counted up must not meet.
pub(crate) fn mix(mut value: u64) -> u64 {
    value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids that are counted up, as some tools make them, do not meet.
    #[test]
    fn ids_that_are_counted_up_do_not_meet() {
        let mut seen = std::collections::HashSet::new();
        for trace in 1..=100_u128 {
            for span in 1..=100_u64 {
                let trace = TraceId::from_bytes(trace.to_be_bytes()).expect("not zero");
                let span = SpanId::from_bytes(span.to_be_bytes()).expect("not zero");
                assert!(seen.insert(identity(trace, span)));
            }
        }
    }

    /// A log record is the same when all of its bytes are.
    #[test]
    fn a_log_record_is_the_same_when_its_bytes_are() {
        assert_eq!(identity_of_log(b"abcdefghi"), identity_of_log(b"abcdefghi"));
        assert_ne!(identity_of_log(b"abcdefghi"), identity_of_log(b"abcdefghj"));
        assert_ne!(identity_of_log(b"a"), identity_of_log(b"a\0"));
    }
}
