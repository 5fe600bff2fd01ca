//! Copies of short texts, which most keys, values and names are.

/// Copies as many bytes as there is room for. Most texts are short: up to 32 bytes go in two moves
/// that may overlap, which costs a fraction of a call to the library's copy.
///
/// What moves are numbers and not slices: of copies that differ in their constant lengths alone, the
/// compiler makes one whose length varies, which is that call again.
#[inline(always)]
pub(crate) fn copy(room: &mut [u8], bytes: &[u8]) {
    let len = bytes.len();
    if len > 32 || room.len() != len {
        room.copy_from_slice(bytes);
    } else if len >= 16 {
        copy_eight(room, bytes, 0);
        copy_eight(room, bytes, 8);
        copy_eight(room, bytes, len - 16);
        copy_eight(room, bytes, len - 8);
    } else if len >= 8 {
        copy_eight(room, bytes, 0);
        copy_eight(room, bytes, len - 8);
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let (first, last) = (u32::from_ne_bytes(*first), u32::from_ne_bytes(*last));
        room[..4].copy_from_slice(&first.to_ne_bytes());
        room[len - 4..].copy_from_slice(&last.to_ne_bytes());
    } else {
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = *from;
        }
    }
}

/// Copies the eight bytes at a place to the same place.
#[inline(always)]
fn copy_eight(room: &mut [u8], bytes: &[u8], at: usize) {
    let eight = bytes[at..].first_chunk().expect("whoever calls has looked");
    room[at..][..8].copy_from_slice(&u64::from_ne_bytes(*eight).to_ne_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte is copied, whatever the length, and none beside them is touched.
    #[test]
    fn every_byte_is_copied_and_no_other() {
        let text: Vec<u8> = (1..=80).collect();
        for len in 0..=text.len() {
            let mut room = vec![0; len + 2];
            copy(&mut room[1..=len], &text[..len]);
            assert_eq!(room[1..=len], text[..len]);
            assert_eq!((room[0], room[len + 1]), (0, 0));
        }
    }
}
