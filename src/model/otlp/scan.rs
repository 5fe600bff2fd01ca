//! Finds where items and fields begin and end in bytes of our own making, without decoding them.
//!
//! For cutting, moving and removing: it answers with positions, and where bytes are not what they
//! should be it stops without a word. What others wrote is read, and checked, with
//! [`cursor`](super::cursor).
//!
//! Holds: borrowed bytes. Never waits, never allocates, never panics on any input.

use std::ops::Range;

use super::fields as f;
use crate::model::request::Signal;

/// The end of each item of a chunk: a run of length-delimited fields. Stops where the bytes are
/// no such run.
pub(crate) fn item_ends(chunk: &[u8]) -> impl Iterator<Item = usize> + '_ {
    fields(chunk)
        .take_while(|field| field.tag & 7 == 2)
        .map(|field| field.range.end)
}

/// The end of each entry of a chunk and how many items are in it: one, or as many as a metric has data
/// points.
pub(crate) fn entries(signal: Signal, chunk: &[u8]) -> impl Iterator<Item = (usize, u64)> + '_ {
    let entries = fields(chunk).take_while(|field| field.tag & 7 == 2);
    entries.map(move |field| {
        let items = match signal {
            Signal::Traces | Signal::Logs => 1,
            Signal::Metrics => data_points(&chunk[field.body]),
        };
        (field.range.end, items)
    })
}

/// How many data points a `Metric` has, of whatever kind.
fn data_points(metric: &[u8]) -> u64 {
    let data = fields(metric).filter(|field| f::metric::DATA.iter().any(|kind| field.is(*kind)));
    data.map(|data| {
        let points = fields(&metric[data.body]).filter(|field| field.is(f::metric_data::POINTS));
        points.count() as u64
    })
    .sum()
}

/// The message of a chunk entry: what follows its tag and length.
pub(crate) fn message_of(entry: &[u8]) -> &[u8] {
    fields(entry)
        .next()
        .and_then(|field| entry.get(field.body))
        .unwrap_or_default()
}

/// Where a field of a message stands.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    tag: u64,
    /// The whole field.
    pub(crate) range: Range<usize>,
    /// What a length-delimited field holds; the value of others.
    pub(crate) body: Range<usize>,
}

impl Field {
    /// Whether it is this length-delimited field.
    pub(crate) fn is(&self, field: u32) -> bool {
        self.tag == u64::from(field << 3 | 2)
    }

    /// Its number, where it is length-delimited.
    pub(crate) fn number_of_delimited(&self) -> Option<u32> {
        (self.tag & 7 == 2).then(|| u32::try_from(self.tag >> 3).unwrap_or(u32::MAX))
    }

    /// Whether it is this field and holds a number of variable length.
    pub(crate) fn is_uint(&self, field: u32) -> bool {
        self.tag == u64::from(field << 3)
    }
}

/// The fields of a message. Stops where the bytes are no message.
pub(crate) fn fields(message: &[u8]) -> impl Iterator<Item = Field> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at;
        let (tag, tag_bytes) = varint(message.get(at..)?)?;
        let mut body = start + tag_bytes;
        let len = match tag & 7 {
            0 => varint(message.get(body..)?)?.1,
            1 => 8,
            5 => 4,
            2 => {
                let (len, len_bytes) = varint(message.get(body..)?)?;
                body += len_bytes;
                usize::try_from(len).ok()?
            }
            _ => return None,
        };
        let end = body.checked_add(len).filter(|end| *end <= message.len())?;
        at = end;
        Some(Field {
            tag,
            range: start..end,
            body: body..end,
        })
    })
}

/// The key of a `KeyValue`: of several the last, as readers take it (protobuf, "Last One Wins").
pub(crate) fn key_of(key_value: &[u8]) -> Option<&[u8]> {
    let keys = fields(key_value).filter(|field| field.is(f::key_value::KEY));
    keys.last().map(|key| &key_value[key.body])
}

/// A varint at the start of `bytes`, and how many bytes it took.
#[inline]
pub(crate) fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    // Most tags and lengths take one byte.
    let first = *bytes.first()?;
    if first < 0x80 {
        return Some((first.into(), 1));
    }
    let mut value = 0;
    for (index, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if *byte < 0x80 {
            return Some((value, index + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Items are found by their lengths; a damaged tail ends the run.
    #[test]
    fn items_are_found_by_their_lengths() {
        let mut chunk = vec![0x12, 1, b'a', 0x12, 0, 0x12, 0x80, 0x01];
        chunk.extend([7; 128]);
        assert_eq!(item_ends(&chunk).collect::<Vec<_>>(), [3, 5, 136]);
        assert_eq!(item_ends(&chunk[..135]).collect::<Vec<_>>(), [3, 5]);
        assert_eq!(item_ends(&[0x10, 1]).count(), 0);
        assert_eq!(
            item_ends(&[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).count(),
            0
        );
    }

    /// Fields of all wire types are found where they stand; a damaged tail ends the message.
    #[test]
    fn fields_are_found_where_they_stand() {
        // 1: varint, 2: bytes, 3: fixed64, 4: fixed32, 16: bytes (a tag of two bytes)
        let message = [
            &[0x08, 0x96, 0x01][..],
            &[0x12, 2, b'a', b'b'],
            &[0x19, 1, 2, 3, 4, 5, 6, 7, 8],
            &[0x25, 1, 2, 3, 4],
            &[0x82, 0x01, 1, b'c'],
        ]
        .concat();
        let found: Vec<_> = fields(&message).collect();
        let ranges: Vec<_> = found.iter().map(|it| it.range.clone()).collect();
        assert_eq!(ranges, [0..3, 3..7, 7..16, 16..21, 21..25]);
        let bodies: Vec<_> = found.iter().map(|it| it.body.clone()).collect();
        assert_eq!(bodies, [1..3, 5..7, 8..16, 17..21, 24..25]);
        assert!(found[1].is(2) && found[4].is(16));
        assert!(!found[0].is(1), "it is no length-delimited field");
        for cut in 0..message.len() {
            let whole = ranges.iter().filter(|range| range.end <= cut).count();
            assert_eq!(fields(&message[..cut]).count(), whole, "cut at {cut}");
        }
        assert_eq!(fields(&[0x0b, 1]).count(), 0, "a group");
    }

    /// The message of an entry is what follows its tag and length, however long those are.
    #[test]
    fn the_message_follows_tag_and_length() {
        assert_eq!(message_of(&[0x12, 2, b'a', b'b']), b"ab");
        let mut long = vec![0x12, 0x80, 0x01];
        long.extend([7; 128]);
        assert_eq!(message_of(&long), [7; 128]);
        assert_eq!(message_of(&[]), b"");
        assert_eq!(message_of(&[0x12]), b"");
    }

    /// Where a key is there twice, the last one counts, as with the reference decoder.
    #[test]
    fn the_last_key_counts() {
        use opentelemetry_proto::tonic::common::v1::KeyValue;
        use prost::Message;

        for (bytes, key) in [
            (&[0x0a, 1, b'a', 0x0a, 1, b'b'][..], "b"),
            (&[0x0a, 1, b'a', 0x12, 0, 0x0a, 1, b'b'], "b"),
            (&[0x12, 0, 0x0a, 1, b'a', 0x0a, 0], ""),
            (&[0x0a, 1, b'a', 0x0a, 1, b'b', 0x12, 0], "b"),
        ] {
            let read = KeyValue::decode(bytes).expect("wire form");
            assert_eq!(read.key, key);
            assert_eq!(key_of(bytes), Some(key.as_bytes()), "{bytes:?}");
        }
    }

    /// The key of an attribute is found wherever it stands.
    #[test]
    fn the_key_is_found_wherever_it_stands() {
        assert_eq!(key_of(&[0x0a, 1, b'k', 0x12, 0]), Some(&b"k"[..]));
        assert_eq!(key_of(&[0x12, 0, 0x0a, 1, b'k']), Some(&b"k"[..]));
        assert_eq!(key_of(&[0x12, 0]), None);
        assert_eq!(key_of(&[0x0a, 9, b'k']), None);
    }

    proptest::proptest! {
        /// Bytes that are no message neither panic nor lead outside.
        #[test]
        fn random_bytes_lead_nowhere(bytes: Vec<u8>) {
            for field in fields(&bytes) {
                assert!(field.range.end <= bytes.len() && field.body.end == field.range.end);
            }
            assert!(item_ends(&bytes).all(|end| end <= bytes.len()));
            assert!(message_of(&bytes).len() <= bytes.len());
            assert!(key_of(&bytes).is_none_or(|key| key.len() < bytes.len()));
        }
    }
}
