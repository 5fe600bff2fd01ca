//! How the messages of OTLP in protobuf stand in a file: one request alone, or many of them with their
//! lengths before them.
//!
//! Holds: nothing. Waits: never.

/// How messages are set apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// They are not: requests one after the other are one request (protobuf, "Last one wins").
    Bare,
    /// By a length in a varint, as protobuf's libraries write delimited messages.
    Varint,
    /// By a length in four bytes, the highest first, as the Collector's file exporter does.
    FourBytes,
}

impl Framing {
    /// The framing of a file with these first bytes; `None` when they are no request.
    pub(crate) fn of(begin: &[u8]) -> Option<Self> {
        if begins_request(begin, None) {
            return Some(Self::Bare);
        }
        if let Some((length, rest)) = four_bytes(begin)
            && length > 0
            && begins_request(rest, Some(length))
        {
            return Some(Self::FourBytes);
        }
        let (length, rest) = varint(begin)?;
        (length > 0 && begins_request(rest, Some(length))).then_some(Self::Varint)
    }

    /// The length at the beginning of `bytes`, and what is behind it; `None` where it is not complete or
    /// no length.
    pub(crate) fn length(self, bytes: &[u8]) -> Option<(u64, &[u8])> {
        match self {
            Self::Varint => varint(bytes),
            Self::FourBytes => four_bytes(bytes),
            // The tag of `resource_spans`, `resource_logs` or `resource_metrics`, and a length.
            Self::Bare => match bytes {
                [0x0a, rest @ ..] => varint(rest),
                _ => None,
            },
        }
    }
}

/// Whether a request begins here, which has `length` bytes if that is known: with a resource's group that
/// fits, and in it a field that such a group has, which fits too.
fn begins_request(bytes: &[u8], length: Option<u64>) -> bool {
    let [0x0a, rest @ ..] = bytes else {
        return false;
    };
    let Some((group, body)) = varint(rest) else {
        return false;
    };
    let head = (bytes.len() - body.len()) as u64;
    if length.is_some_and(|length| head.saturating_add(group) > length) {
        return false;
    }
    if group == 0 {
        return body.is_empty() || body.first() == Some(&0x0a);
    }
    // resource = 1, scope_spans = 2, schema_url = 3: all with a length.
    let [0x0a | 0x12 | 0x1a, inner @ ..] = body else {
        return false;
    };
    let Some((field, contents)) = varint(inner) else {
        return false;
    };
    let head = (body.len() - contents.len()) as u64;
    if head.saturating_add(field) > group {
        return false;
    }
    // attributes = 1 of a resource; scope = 1 or spans = 2 of a scope; text of a URL.
    match (body[0], contents.first()) {
        _ if field == 0 => true,
        (0x0a, Some(first)) => matches!(first, 0x0a | 0x10 | 0x1a),
        (0x12, Some(first)) => matches!(first, 0x0a | 0x12 | 0x1a),
        (_, Some(first)) => !first.is_ascii_control(),
        (_, None) => true,
    }
}

fn four_bytes(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*length).into(), rest))
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        let bits = u64::from(byte & 0x7f);
        if at == 9 && bits > 1 {
            return None;
        }
        value |= bits << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths are read in all framings; what is cut off or too long is none.
    #[test]
    fn lengths_are_read() {
        let rest = &b"x"[..];
        assert_eq!(Framing::Varint.length(b"\x96\x01x"), Some((150, rest)));
        assert_eq!(Framing::Varint.length(b"\x96"), None);
        assert_eq!(Framing::Varint.length(&[0xff; 11]), None);
        assert_eq!(Framing::FourBytes.length(b"\0\0\x01\0x"), Some((256, rest)));
        assert_eq!(Framing::FourBytes.length(b"\0\0\x01"), None);
        assert_eq!(Framing::Bare.length(b"\x0a\x05x"), Some((5, rest)));
        assert_eq!(Framing::Bare.length(b"\x12\x05x"), None);
    }

    /// A request of ten bytes is not mistaken for one with a length of ten before it, nor the other way.
    #[test]
    fn a_length_of_ten_is_told_from_a_tag() {
        let alone = b"\x0a\x08\x12\x06\x12\x04\x2a\x02ab";
        assert_eq!(Framing::of(alone), Some(Framing::Bare));
        let framed: Vec<u8> = [&[10][..], alone].concat();
        assert_eq!(Framing::of(&framed), Some(Framing::Varint));
    }
}
