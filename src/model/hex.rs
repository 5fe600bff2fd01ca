//! Lower-case hexadecimal digits, many at a time: what every call with a `traceparent` has to read and to write.
//!
//! There is no branch and no table. Reading is a plain loop, which the compiler makes vector instructions of: it takes
//! 11 ns for a `traceparent`, where eight digits at a time took 18. Whether all were digits is asked once, at the end.
//! Writing looks at eight digits in one register, each in a lane of its own: as a plain loop it took 3 ns more.

/// The lowest bit of each lane.
const ONES: u64 = 0x0101_0101_0101_0101;

/// Writes two digits for each byte, at the beginning of `out`.
// Of an array, whose length is known where this is called, nothing is left of the loop.
#[inline(always)]
pub(crate) fn write(bytes: &[u8], out: &mut [u8]) {
    let (fours, rest) = bytes.as_chunks();
    let (eights, last) = out[..bytes.len() * 2].as_chunks_mut();
    for (four, eight) in fours.iter().zip(eights) {
        *eight = digits(*four);
    }
    let mut four = [0; 4];
    four[..rest.len()].copy_from_slice(rest);
    last.copy_from_slice(&digits(four)[..last.len()]);
}

/// The eight digits of four bytes.
#[inline]
fn digits(bytes: [u8; 4]) -> [u8; 8] {
    let fours = u64::from(u32::from_be_bytes(bytes));
    let pairs = (fours | fours << 16) & 0x0000_ffff_0000_ffff;
    let lanes = (pairs | pairs << 8) & 0x00ff_00ff_00ff_00ff;
    let halves = (lanes | lanes << 4) & (0x0f * ONES);
    // One where a half is 10 or more, and 6 more reach the next bit.
    let letters = (halves + 6 * ONES) >> 4 & ONES;
    let to_letter = u64::from(b'a' - b'0' - 10);
    (halves + u64::from(b'0') * ONES + letters * to_letter).to_be_bytes()
}

/// Reads two digits for each byte of `out`; `false`, and anything in `out`, where other characters are among them.
#[inline]
#[must_use]
pub(crate) fn read<const DIGITS: usize>(digits: &[u8; DIGITS], out: &mut [u8]) -> bool {
    let mut halves = [0; DIGITS];
    let mut is_bad = false;
    for (half, digit) in halves.iter_mut().zip(digits) {
        let (decimal, letter) = (digit.wrapping_sub(b'0'), digit.wrapping_sub(b'a'));
        is_bad |= (decimal >= 10) & (letter >= 6);
        *half = if decimal < 10 {
            decimal
        } else {
            letter.wrapping_add(10)
        };
    }
    for (byte, [high, low]) in out.iter_mut().zip(halves.as_chunks().0) {
        *byte = high << 4 | low;
    }
    !is_bad
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written says each byte in each place, and reads back.
    #[test]
    fn what_is_written_reads_back() {
        for place in 0..4 {
            for byte in 0..=u8::MAX {
                let mut bytes = [0x09, 0xaf, 0x90, 0xfa];
                bytes[place] = byte;
                let (mut written, mut back) = ([0; 8], [0; 4]);
                write(&bytes, &mut written);
                let expected = format!("{:08x}", u32::from_be_bytes(bytes));
                assert_eq!(std::str::from_utf8(&written), Ok(&*expected));
                assert!(read(&written, &mut back));
                assert_eq!(back, bytes);
            }
        }
    }

    /// Each byte in each place is read as what it means, and nothing but lower-case digits is right.
    #[test]
    fn each_byte_means_what_it_says() {
        for place in 0..8 {
            for byte in 0..=u8::MAX {
                let mut digits = *b"09afbe17";
                digits[place] = byte;
                let mut bytes = [0; 4];
                let is_right = read(&digits, &mut bytes);
                let is_digit = matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                assert_eq!(is_right, is_digit, "{byte} in place {place}");
                if is_digit {
                    let text = std::str::from_utf8(&digits).expect("ASCII");
                    let number = u32::from_str_radix(text, 16).expect("digits");
                    assert_eq!(u32::from_be_bytes(bytes), number);
                }
            }
        }
    }
}
