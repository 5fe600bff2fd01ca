//! How a session id becomes a trace id: the same id, the same trace, in any process.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::hex;
use super::id::{TraceId, decode_hex};

/// How many digits a trace id has.
const DIGITS: usize = 32;

/// The id of a session as a host gives it. That of nearly all requests is the digits of a trace id, which take no
/// memory.
#[derive(Clone, Debug)]
pub(crate) enum GivenId {
    /// Its digits, in lower case.
    Trace(TraceId),
    /// Anything else.
    Text(Box<str>),
}

impl GivenId {
    pub(crate) fn new(id: &str) -> Self {
        match lower_case(id.as_bytes()) {
            Some(trace_id) => Self::Trace(trace_id),
            None => Self::Text(id.into()),
        }
    }

    /// Its text, which `room` may be needed for.
    pub(crate) fn text<'a>(&'a self, room: &'a mut [u8; DIGITS]) -> &'a str {
        match self {
            Self::Trace(trace_id) => {
                hex::write(&trace_id.to_bytes(), room);
                std::str::from_utf8(room).expect("digits are ASCII")
            }
            Self::Text(text) => text,
        }
    }

    /// The same as [`trace_id_of`] its text.
    pub(crate) fn trace_id(&self, hash_key: Option<&[u8]>) -> (TraceId, bool) {
        match (self, hash_key) {
            (Self::Trace(trace_id), None) => (*trace_id, is_random_uuid(trace_id.to_bytes())),
            _ => trace_id_of(self.text(&mut [0; DIGITS]), hash_key),
        }
    }
}

fn lower_case(id: &[u8]) -> Option<TraceId> {
    let digits: &[u8; DIGITS] = id.try_into().ok()?;
    let mut bytes = [0; 16];
    let is_right = hex::read(digits, &mut bytes);
    TraceId::from_bytes(bytes).filter(|_| is_right)
}

/// Whether it looks like a UUID of version 4.
fn is_random_uuid(bytes: [u8; 16]) -> bool {
    bytes[6] >> 4 == 4 && bytes[8] >> 6 == 0b10
}

/// The trace id of a session, and whether its last 7 bytes are random (W3C Trace Context level 2,
/// "random-trace-id").
///
/// A random UUID (version 4) and 32 hexadecimal digits *are* the trace id. Any other id - nil,
/// name-based, free text - maps to the first 16 bytes of its SHA-256. With a `hash_key` every id
/// maps to those of its HMAC-SHA-256.
pub(crate) fn trace_id_of(id: &str, hash_key: Option<&[u8]>) -> (TraceId, bool) {
    if let Some(key) = hash_key {
        return (keyed(id.as_bytes(), key), false);
    }
    if let Some(literal) = literal(id) {
        return literal;
    }
    (first_16(&Sha256::digest(id.as_bytes())), false)
}

impl TraceId {
    /// The trace of the session with this id, in any process: a random UUID (version 4) and 32
    /// hexadecimal digits *are* the trace id; any other id maps to the first 16 bytes of its SHA-256.
    ///
    /// Not so for a session with a foreign parent, whose trace it continues, nor where
    /// [`SessionConfig::hash_key`](crate::SessionConfig::hash_key) is set.
    ///
    /// ```
    /// use spanreel::TraceId;
    ///
    /// let trace_id = TraceId::of_session("9f1c2a4e-6b7d-4c3e-8a5f-0123456789ab");
    /// assert_eq!(trace_id.to_string(), "9f1c2a4e6b7d4c3e8a5f0123456789ab");
    /// ```
    #[must_use]
    pub fn of_session(id: &str) -> Self {
        trace_id_of(id, None).0
    }
}

/// The first 16 bytes of a text's HMAC-SHA-256: nobody without the key can find out the text by trying.
pub(crate) fn keyed(text: &[u8], key: &[u8]) -> TraceId {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text);
    first_16(&mac.finalize().into_bytes())
}

fn first_16(hash: &[u8]) -> TraceId {
    // A hash of 16 zero bytes is as unlikely as a collision; it still must not panic.
    TraceId::from_slice(&hash[..16]).unwrap_or_else(TraceId::random)
}

/// An id that is a trace id already, and whether it is known to be random.
fn literal(id: &str) -> Option<(TraceId, bool)> {
    let digits: [u8; DIGITS] = match id.len() {
        DIGITS => id.as_bytes().try_into().ok()?,
        36 => {
            let bytes = id.as_bytes();
            if [8, 13, 18, 23].iter().any(|dash| bytes[*dash] != b'-') {
                return None;
            }
            let mut digits = [0; DIGITS];
            let mut kept = bytes.iter().filter(|byte| **byte != b'-');
            digits
                .iter_mut()
                .zip(&mut kept)
                .for_each(|(digit, byte)| *digit = *byte);
            if kept.next().is_some() {
                return None;
            }
            digits
        }
        _ => return None,
    };
    let mut bytes = [0; 16];
    decode_hex(&digits, &mut bytes)?;
    let is_random = is_random_uuid(bytes);
    if id.len() == 36 && !is_random {
        return None;
    }
    Some((TraceId::from_bytes(bytes)?, is_random))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random UUIDs and 32 digits are the trace id; everything else is hashed.
    #[test]
    fn only_random_ids_are_taken_literally() {
        let uuid = "c56a4180-65aa-42ec-a945-5fd21dec0538";
        assert_eq!(
            trace_id_of(uuid, None),
            (
                "c56a418065aa42eca9455fd21dec0538".parse().expect("id"),
                true
            )
        );
        let digits = "0AF7651916CD43DD2448EB211C80319C";
        assert_eq!(
            trace_id_of(digits, None),
            (digits.parse().expect("id"), false)
        );
        for hashed in [
            "",
            "conv-8f2e",
            "00000000-0000-0000-0000-000000000000",
            "00000000000000000000000000000000",
            "c56a4180-65aa-52ec-a945-5fd21dec0538",
            "c56a4180x65aa-42ec-a945-5fd21dec0538",
            "c56a4180-65aa-42ec-a945-5fd21dec053-",
            "ä56a4180-65aa-42ec-a945-5fd21dec053",
        ] {
            let (id, random) = trace_id_of(hashed, None);
            assert!(!random);
            assert_eq!(
                id.to_bytes(),
                Sha256::digest(hashed.as_bytes())[..16],
                "{hashed}"
            );
        }
    }

    /// An id that is kept as a trace id has the text that was given, and the trace of that.
    #[test]
    fn a_given_id_is_what_was_given() {
        for id in [
            "c56a418065aa42eca9455fd21dec0538",
            "0af7651916cd43dd2448eb211c80319c",
            "0AF7651916CD43DD2448EB211C80319C",
            "00000000000000000000000000000000",
            "c56a4180-65aa-42ec-a945-5fd21dec0538",
            "conv-8f2e",
            "",
        ] {
            let given = GivenId::new(id);
            assert_eq!(given.text(&mut [0; DIGITS]), id);
            for key in [None, Some(&b"key"[..])] {
                assert_eq!(given.trace_id(key), trace_id_of(id, key), "{id} {key:?}");
            }
        }
    }

    /// A key hides every id, also those that would be taken literally.
    #[test]
    fn a_key_hides_every_id() {
        let uuid = "c56a4180-65aa-42ec-a945-5fd21dec0538";
        let (hidden, random) = trace_id_of(uuid, Some(b"key"));
        assert!(!random);
        assert_ne!(hidden, trace_id_of(uuid, None).0);
        assert_ne!(hidden, trace_id_of(uuid, Some(b"other")).0);
    }
}
