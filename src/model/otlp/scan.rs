//! Finds where items begin and end, without decoding them.

/// The end of each item of a chunk: a run of length-delimited fields. Stops where the bytes are
/// no such run.
pub(crate) fn item_ends(chunk: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        if chunk.get(at)? & 7 != 2 {
            return None;
        }
        let (len, len_bytes) = varint(chunk.get(at + 1..)?)?;
        let end = (at + 1 + len_bytes).checked_add(usize::try_from(len).ok()?)?;
        if end > chunk.len() {
            return None;
        }
        at = end;
        Some(end)
    })
}

/// A varint at the start of `bytes`, and how many bytes it took.
fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
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
        assert_eq!(item_ends(&[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).count(), 0);
    }
}
