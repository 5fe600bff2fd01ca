//! Lower-case hexadecimal digits, eight at a time: what every call with a `traceparent` has to read.
//!
//! Eight bytes are looked at in one register, each in a lane of its own; there is no branch and no
//! table. Whether all were digits is asked once, at the end.

/// The lowest bit of each lane.
const ONES: u64 = 0x0101_0101_0101_0101;
/// The highest bit of each lane.
const HIGH: u64 = 0x80 * ONES;

/// The eight lower-case digits of four bytes.
#[inline]
pub(crate) fn digits(bytes: [u8; 4]) -> [u8; 8] {
    let fours = u64::from(u32::from_be_bytes(bytes));
    let pairs = (fours | fours << 16) & 0x0000_ffff_0000_ffff;
    let lanes = (pairs | pairs << 8) & 0x00ff_00ff_00ff_00ff;
    let halves = (lanes | lanes << 4) & (0x0f * ONES);
    // One where a half is 10 or more, and 6 more reach the next bit.
    let letters = (halves + 6 * ONES) >> 4 & ONES;
    let to_letter = u64::from(b'a' - b'0' - 10);
    (halves + u64::from(b'0') * ONES + letters * to_letter).to_be_bytes()
}

/// Reads digits and notes whether anything else was among them.
#[derive(Default)]
pub(crate) struct HexReader {
    bad: u64,
}

impl HexReader {
    /// The four bytes that eight digits say; anything where they are none.
    #[inline]
    pub(crate) fn read(&mut self, digits: [u8; 8]) -> [u8; 4] {
        let bytes = u64::from_be_bytes(digits);
        let low = bytes & !HIGH;
        // The high bit of a lane says that its byte is no less than `from`: no lane overflows, for
        // both are below 128.
        let no_less_than = |from: u8| low + u64::from(0x80 - from) * ONES;
        let decimal = no_less_than(b'0') & !no_less_than(b'9' + 1);
        let letter = no_less_than(b'a') & !no_less_than(b'f' + 1) & HIGH;
        self.bad |= !(decimal | letter) & HIGH | bytes & HIGH;
        // A letter is 9 more than its last four bits: `a` is 0x61.
        let halves = (bytes & (0x0f * ONES)) + (letter >> 7) * 9;
        let pairs = (halves | halves >> 4) & 0x00ff_00ff_00ff_00ff;
        let fours = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
        ((fours | fours >> 16) as u32).to_be_bytes()
    }

    /// Whether all that was read were lower-case digits.
    #[inline]
    pub(crate) const fn is_right(&self) -> bool {
        self.bad == 0
    }
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
                let written = digits(bytes);
                let expected = format!("{:08x}", u32::from_be_bytes(bytes));
                assert_eq!(std::str::from_utf8(&written), Ok(&*expected));
                let mut reader = HexReader::default();
                assert_eq!(reader.read(written), bytes);
                assert!(reader.is_right());
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
                let mut reader = HexReader::default();
                let read = reader.read(digits);
                let is_digit = matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                assert_eq!(reader.is_right(), is_digit, "{byte} in place {place}");
                if is_digit {
                    let text = std::str::from_utf8(&digits).expect("ASCII");
                    let number = u32::from_str_radix(text, 16).expect("digits");
                    assert_eq!(u32::from_be_bytes(read), number);
                }
            }
        }
    }
}
