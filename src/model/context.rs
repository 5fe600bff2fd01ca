//! What crosses borders between processes: which span is the parent, and whether it is recorded.

use std::fmt;

use crate::model::hex;
use crate::model::id::{SpanId, TraceId};
use crate::model::propagation::trace_state::TraceState;

/// The length of a `traceparent` of version 00.
pub(crate) const TRACEPARENT_LEN: usize = 55;

/// The flags of a trace (W3C Trace Context level 2, section 3.2.2.5). Only the two bits that the
/// standard defines exist; others are dropped when flags are read.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct TraceFlags(u8);

impl TraceFlags {
    /// No flag: the caller did not record, and its trace id may not be random.
    pub const NONE: Self = Self(0);
    /// The caller may have recorded its span.
    pub const SAMPLED: Self = Self(1);
    /// The last 7 bytes of the trace id are random, so that a ratio may be judged by them.
    pub const RANDOM: Self = Self(2);

    /// The flags of an octet; bits without a meaning are dropped.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & (Self::SAMPLED.0 | Self::RANDOM.0))
    }

    /// The octet: bit 0 sampled, bit 1 random.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// These flags and those of `other`.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the sampled flag is set.
    #[must_use]
    pub const fn is_sampled(self) -> bool {
        self.0 & Self::SAMPLED.0 != 0
    }

    /// Whether the random flag is set.
    #[must_use]
    pub const fn is_random(self) -> bool {
        self.0 & Self::RANDOM.0 != 0
    }

    /// The flags as OTLP carries them (`SpanFlags`): bit 8 says that it is known whether the parent of the
    /// span, or the linked span, is remote; bit 9 that it is.
    pub(crate) fn of_otlp(self, is_remote: bool) -> u32 {
        u32::from(self.0) | 0x100 | u32::from(is_remote) << 9
    }
}

impl fmt::Debug for TraceFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}", self.0)
    }
}

/// The identity of a span, as it travels to other processes and comes from them.
///
/// ```
/// use spanreel::SpanContext;
///
/// # fn main() -> Result<(), spanreel::InvalidTraceparent> {
/// let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// let parent = SpanContext::from_traceparent(header)?;
/// assert!(parent.is_sampled() && parent.is_remote());
/// assert_eq!(parent.traceparent(), header);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SpanContext {
    trace_id: TraceId,
    span_id: SpanId,
    flags: TraceFlags,
    remote: bool,
    /// What of the decision about sampling does not fit into the flags.
    beyond: Beyond,
    trace_state: TraceState,
}

/// What formats other than W3C's say about sampling beside the sampled flag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Beyond {
    #[default]
    Nothing,
    /// B3's debug flag.
    Debug,
    /// Nobody has decided yet.
    Deferred,
}

/// What was decided about sampling where a context comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Sample,
    Drop,
    /// Sampled, and by all means (B3).
    Debug,
    /// Left to whoever reads it (X-Ray, B3).
    Deferred,
}

impl Decision {
    /// Whether to sample, where that was decided.
    pub(crate) const fn is_sampled(self) -> Option<bool> {
        match self {
            Self::Sample | Self::Debug => Some(true),
            Self::Drop => Some(false),
            Self::Deferred => None,
        }
    }
}

impl SpanContext {
    /// The context of a span of this process.
    #[must_use]
    pub const fn new(trace_id: TraceId, span_id: SpanId, flags: TraceFlags) -> Self {
        Self {
            trace_id,
            span_id,
            flags,
            remote: false,
            beyond: Beyond::Nothing,
            trace_state: TraceState::EMPTY,
        }
    }

    /// The context of a span of another process, as one of the formats other than W3C's tells it.
    /// Of `flags` the sampled flag does not count: `decision` says it.
    pub(crate) const fn remote(
        trace_id: TraceId,
        span_id: SpanId,
        flags: TraceFlags,
        decision: Decision,
    ) -> Self {
        let (sampled, beyond) = match decision {
            Decision::Sample => (TraceFlags::SAMPLED, Beyond::Nothing),
            Decision::Drop => (TraceFlags::NONE, Beyond::Nothing),
            Decision::Debug => (TraceFlags::SAMPLED, Beyond::Debug),
            Decision::Deferred => (TraceFlags::NONE, Beyond::Deferred),
        };
        Self {
            trace_id,
            span_id,
            flags: TraceFlags::from_bits(flags.0 & !TraceFlags::SAMPLED.0).with(sampled),
            remote: true,
            beyond,
            trace_state: TraceState::EMPTY,
        }
    }

    /// Reads one `traceparent` (W3C Trace Context level 2, section 3.2). The result is remote.
    ///
    /// Versions above 00 are read as the standard asks: their first four fields, provided that
    /// nothing or a dash follows. The text must be the bare value: HTTP strips white space around
    /// a header before it gets here, other carriers must do so themselves.
    ///
    /// # Errors
    /// Anything that the standard forbids: version ff, upper-case digits, an id of zeros, a wrong
    /// length. The caller then starts a new trace and ignores `tracestate` too.
    pub fn from_traceparent(text: &str) -> Result<Self, InvalidTraceparent> {
        Self::parse(text.as_bytes()).ok_or(InvalidTraceparent)
    }

    /// As [`from_traceparent`](Self::from_traceparent).
    #[inline]
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let fields: &[u8; TRACEPARENT_LEN] = text.first_chunk()?;
        // All digits side by side, so that they are read in one go.
        let mut digits = [b'0'; 64];
        digits[..32].copy_from_slice(&fields[3..35]);
        digits[32..48].copy_from_slice(&fields[36..52]);
        digits[48..50].copy_from_slice(&fields[..2]);
        digits[50..52].copy_from_slice(&fields[53..]);
        let mut bytes = [0; 32];
        let is_right = hex::read(&digits, &mut bytes);
        if !is_right || [fields[2], fields[35], fields[52]] != [b'-'; 3] {
            return None;
        }
        let (version, flags) = (bytes[24], bytes[25]);
        match (version, text.get(TRACEPARENT_LEN)) {
            (0xff, _) => return None,
            (_, None) => {}
            (1.., Some(b'-')) => {}
            _ => return None,
        }
        Some(Self {
            trace_id: TraceId::from_slice(&bytes[..16])?,
            span_id: SpanId::from_slice(&bytes[16..24])?,
            flags: TraceFlags::from_bits(flags),
            remote: true,
            beyond: Beyond::Nothing,
            trace_state: TraceState::EMPTY,
        })
    }

    /// The same context with the `tracestate` that travels beside it.
    #[must_use]
    pub fn with_trace_state(mut self, trace_state: TraceState) -> Self {
        self.trace_state = trace_state;
        self
    }

    /// The same context, marked as B3's debug where `is_debug` says so.
    pub(crate) const fn with_debug(mut self, is_debug: bool) -> Self {
        if is_debug {
            self.beyond = Beyond::Debug;
        }
        self
    }

    /// The trace.
    #[must_use]
    pub const fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// The span within it.
    #[must_use]
    pub const fn span_id(&self) -> SpanId {
        self.span_id
    }

    /// The flags of the trace.
    #[must_use]
    pub const fn flags(&self) -> TraceFlags {
        self.flags
    }

    /// The `tracestate` that travels beside the ids, as it will be passed on.
    #[must_use]
    pub const fn trace_state(&self) -> &TraceState {
        &self.trace_state
    }

    /// Whether the span may have been recorded where it lives.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.flags.is_sampled()
    }

    /// Whether nobody has decided yet if the trace is sampled, as X-Ray and B3 can say. The sampled
    /// flag is then not set, and a session below it is sampled as if it had no parent.
    #[must_use]
    pub const fn is_deferred(&self) -> bool {
        matches!(self.beyond, Beyond::Deferred)
    }

    /// Whether it is marked as debug, which B3 can do: sampled by all means. It is passed on in B3.
    #[must_use]
    pub const fn is_debug(&self) -> bool {
        matches!(self.beyond, Beyond::Debug)
    }

    /// What was decided about sampling where it comes from.
    pub(crate) const fn decision(&self) -> Decision {
        match self.beyond {
            Beyond::Debug => Decision::Debug,
            Beyond::Deferred => Decision::Deferred,
            Beyond::Nothing if self.is_sampled() => Decision::Sample,
            Beyond::Nothing => Decision::Drop,
        }
    }

    /// Whether both are the same span.
    pub(crate) fn is_same_span(&self, other: &Self) -> bool {
        (self.trace_id, self.span_id) == (other.trace_id, other.span_id)
    }

    /// What both tell of one span: the decision of `later`, and what either has beside it.
    pub(crate) fn joined(self, later: &Self) -> Self {
        let random = TraceFlags::from_bits((self.flags.0 | later.flags.0) & TraceFlags::RANDOM.0);
        let context = Self::remote(self.trace_id, self.span_id, random, later.decision());
        context.with_trace_state(if later.trace_state.is_empty() {
            self.trace_state
        } else {
            later.trace_state.clone()
        })
    }

    /// Whether it came from another process.
    #[must_use]
    pub const fn is_remote(&self) -> bool {
        self.remote
    }

    /// The flags as OTLP carries them (`SpanFlags`): W3C's, and whether the span is remote.
    pub(crate) fn otlp_flags(&self) -> u32 {
        self.flags.of_otlp(self.remote)
    }

    /// The value of the `traceparent` header, version 00.
    #[must_use]
    pub fn traceparent(&self) -> String {
        let mut room = Room::new();
        let text = str::from_utf8(self.write_traceparent(&mut room));
        text.expect("hexadecimal digits and dashes are ASCII")
            .to_owned()
    }

    /// Writes the `traceparent`, which is ASCII. Allocates nothing.
    #[inline]
    pub(crate) fn write_traceparent<'a>(&self, room: &'a mut Room) -> &'a [u8; TRACEPARENT_LEN] {
        let Room(out) = room;
        *out = *b"00-00000000000000000000000000000000-0000000000000000-00";
        hex::write(&self.trace_id.to_bytes(), &mut out[3..35]);
        hex::write(&self.span_id.to_bytes(), &mut out[36..52]);
        hex::write(&[self.flags.bits()], &mut out[53..]);
        out
    }
}

/// Where a `traceparent` is written; aligned, so that whoever checks the text does that a word at a time.
#[repr(align(16))]
pub(crate) struct Room([u8; TRACEPARENT_LEN]);

impl Room {
    #[inline]
    pub(crate) const fn new() -> Self {
        Self([0; TRACEPARENT_LEN])
    }
}

/// The text is not a `traceparent` that W3C Trace Context allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a traceparent: expected version, trace id, span id and flags in lower-case hexadecimal \
     digits, as in 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
)]
pub struct InvalidTraceparent;

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-12345678901234567890123456789012-1234567890123456-01";

    /// The cases of the W3C test suite that must be accepted, and a few beside them.
    #[test]
    fn what_w3c_accepts_is_accepted() {
        for (text, flags) in [
            (VALID, 1),
            ("00-12345678901234567890123456789012-1234567890123456-00", 0),
            ("00-12345678901234567890123456789012-1234567890123456-02", 2),
            ("00-12345678901234567890123456789012-1234567890123456-03", 3),
            // Bits without a meaning are dropped.
            ("00-12345678901234567890123456789012-1234567890123456-ff", 3),
            ("00-12345678901234567890123456789012-1234567890123456-fc", 0),
            // A future version, alone and with fields of its own.
            ("cc-12345678901234567890123456789012-1234567890123456-01", 1),
            (
                "01-12345678901234567890123456789012-1234567890123456-01-",
                1,
            ),
            (
                "cc-12345678901234567890123456789012-1234567890123456-01-what-the-future-will-be-like",
                1,
            ),
            (
                "fe-12345678901234567890123456789012-1234567890123456-01-\u{e4}",
                1,
            ),
        ] {
            let context = SpanContext::from_traceparent(text).expect(text);
            assert_eq!(context.trace_id().to_string(), &VALID[3..35], "{text}");
            assert_eq!(context.span_id().to_string(), &VALID[36..52], "{text}");
            assert_eq!(context.flags().bits(), flags, "{text}");
            assert!(context.is_remote());
        }
    }

    /// The cases of the W3C test suite that must be refused, and a few beside them.
    #[test]
    fn what_w3c_refuses_is_refused() {
        for text in [
            "",
            "00",
            "00-12345678901234567890123456789012-1234567890123456",
            // Version 00 with something behind it.
            "00-12345678901234567890123456789012-1234567890123456-01.",
            "00-12345678901234567890123456789012-1234567890123456-01-",
            "00-12345678901234567890123456789012-1234567890123456-01-what-the-future-will-be-like",
            // A future version with something other than a dash behind it.
            "cc-12345678901234567890123456789012-1234567890123456-01.what-the-future-will-be-like",
            "cc-12345678901234567890123456789012-1234567890123456-011",
            // Version: forbidden, illegal characters, too long, too short.
            "ff-12345678901234567890123456789012-1234567890123456-01",
            "ff-12345678901234567890123456789012-1234567890123456-01-more",
            ".0-12345678901234567890123456789012-1234567890123456-01",
            "0.-12345678901234567890123456789012-1234567890123456-01",
            "000-12345678901234567890123456789012-1234567890123456-01",
            "0000-12345678901234567890123456789012-1234567890123456-01",
            "0-12345678901234567890123456789012-1234567890123456-01",
            // Trace id: zeros, illegal characters, too long, too short, upper case.
            "00-00000000000000000000000000000000-1234567890123456-01",
            "00-.2345678901234567890123456789012-1234567890123456-01",
            "00-1234567890123456789012345678901.-1234567890123456-01",
            "00-123456789012345678901234567890123-1234567890123456-01",
            "00-1234567890123456789012345678901-1234567890123456-01",
            "00-1234567890123456789012345678901A-1234567890123456-01",
            // Span id: the same.
            "00-12345678901234567890123456789012-0000000000000000-01",
            "00-12345678901234567890123456789012-.234567890123456-01",
            "00-12345678901234567890123456789012-123456789012345.-01",
            "00-12345678901234567890123456789012-12345678901234567-01",
            "00-12345678901234567890123456789012-123456789012345-01",
            "00-12345678901234567890123456789012-123456789012345A-01",
            // Flags: illegal characters, too long, too short, upper case.
            "00-12345678901234567890123456789012-1234567890123456-.0",
            "00-12345678901234567890123456789012-1234567890123456-0.",
            "00-12345678901234567890123456789012-1234567890123456-001",
            "00-12345678901234567890123456789012-1234567890123456-1",
            "00-12345678901234567890123456789012-1234567890123456-0B",
            // Dashes elsewhere, white space, two values in one header, characters beyond ASCII.
            "00_12345678901234567890123456789012-1234567890123456-01",
            "00-12345678901234567890123456789012_1234567890123456-01",
            "00-12345678901234567890123456789012-1234567890123456_01",
            " 00-12345678901234567890123456789012-1234567890123456-01",
            "00-12345678901234567890123456789012-1234567890123456-01 ",
            "00-12345678901234567890123456789012-1234567890123456-01,\
             00-12345678901234567890123456789012-1234567890123456-01",
            "00-1234567890123456789012345678901\u{e4}-1234567890123456-01",
            "cc-12345678901234567890123456789012-1234567890123456-0\u{e4}",
        ] {
            assert_eq!(
                SpanContext::from_traceparent(text),
                Err(InvalidTraceparent),
                "{text:?}"
            );
        }
    }

    /// What is written is version 00 and reads back as the same identity.
    #[test]
    fn what_is_written_reads_back() {
        for _ in 0..1000 {
            let flags = TraceFlags::SAMPLED.with(TraceFlags::RANDOM);
            let context = SpanContext::new(TraceId::random(), SpanId::random(), flags);
            let text = context.traceparent();
            assert_eq!(
                text,
                format!("00-{}-{}-03", context.trace_id(), context.span_id())
            );
            let read = SpanContext::from_traceparent(&text).expect("what was written");
            assert!(read.is_remote() && !context.is_remote());
            assert_eq!(
                SpanContext {
                    remote: false,
                    ..read
                },
                context
            );
        }
    }

    /// The trace state is passed on as it is.
    #[test]
    fn the_trace_state_is_passed_on() {
        let state = TraceState::parse("ot=th:8").expect("valid");
        let context = SpanContext::from_traceparent(VALID).expect("valid");
        assert!(context.trace_state().is_empty());
        let context = context.with_trace_state(state);
        assert_eq!(context.trace_state().as_str(), "ot=th:8");
    }

    /// A context is small: open sessions hold some.
    #[test]
    fn a_context_is_small() {
        assert!(size_of::<SpanContext>() <= 48);
    }
}
