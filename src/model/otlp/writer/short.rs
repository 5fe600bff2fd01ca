//! Short attributes, which nearly all are: one check, no limits asked, no growth.

use super::{FIXED64, LEN, VARINT, Writer, copy, tag, varint_len};
use crate::model::attribute::Value;
use crate::model::otlp::fields as f;

/// What is not longer than this behind its own tag and length is short: every length in it takes one byte.
const SHORT: usize = 0x7f;

/// Room for any short attribute: its tag, its length and the rest.
const WINDOW: usize = 2 + SHORT;

/// What an attribute takes beside its key and its value: tags and lengths.
const AROUND: usize = 4;

impl Writer {
    /// Writes a `KeyValue` of which every length takes one byte, if there is room for any such already;
    /// whether it did. This is what nearly all attributes are: one check, no limits asked, no growth.
    #[inline(always)]
    pub(crate) fn short_attribute(
        &mut self,
        attribute_tag: u8,
        key: &str,
        value: Value<'_>,
    ) -> bool {
        let Some(most) = (SHORT - AROUND).checked_sub(key.len()) else {
            return false;
        };
        let Some(room) = self.window::<WINDOW>() else {
            return false;
        };
        let place = 6 + key.len();
        let len = match value {
            Value::Str(text) => {
                let len = text.len();
                if len + 2 > most {
                    return false;
                }
                room[place] = tag(f::value::STRING, LEN) as u8;
                room[place + 1] = len as u8;
                copy(&mut room[place + 2..place + 2 + len], text.as_bytes());
                2 + len
            }
            Value::Int(number) => {
                let number = number as u64;
                if number >= 1 << 28 || most < 1 + 4 {
                    return false;
                }
                let len = varint_len(number);
                room[place] = tag(f::value::INT, VARINT) as u8;
                room[place + 1..place + 5].copy_from_slice(&varint_below_2_28(number as u32, len));
                1 + len
            }
            Value::Double(number) => {
                if most < 9 {
                    return false;
                }
                room[place] = tag(f::value::DOUBLE, FIXED64) as u8;
                room[place + 1..place + 9].copy_from_slice(&number.to_le_bytes());
                9
            }
            Value::Bool(truth) => {
                if most < 2 {
                    return false;
                }
                room[place] = tag(f::value::BOOL, VARINT) as u8;
                room[place + 1] = u8::from(truth);
                2
            }
            _ => return false,
        };
        room[0] = attribute_tag;
        room[1] = (AROUND + key.len() + len) as u8;
        room[2] = tag(f::key_value::KEY, LEN) as u8;
        room[3] = key.len() as u8;
        copy(&mut room[4..4 + key.len()], key.as_bytes());
        room[place - 2] = tag(f::key_value::VALUE, LEN) as u8;
        room[place - 1] = len as u8;
        self.at += place + len;
        true
    }
}

/// A number below 2^28 as a varint of `len` bytes; the bytes after them mean nothing.
#[inline(always)]
const fn varint_below_2_28(value: u32, len: usize) -> [u8; 4] {
    let groups =
        value & 0x7f | (value & 0x3f80) << 1 | (value & 0x1f_c000) << 2 | (value & 0xfe0_0000) << 3;
    let more = 0x0080_8080_u32 >> (8 * (4 - len));
    (groups | more).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number below 2^28 is written as the general way writes it.
    #[test]
    fn small_numbers_are_written_as_others_are() {
        for shift in 0..28 {
            for value in [(1_u64 << shift) - 1, 1 << shift, (1 << shift) + 1] {
                let mut general = Writer::default();
                general.varint(value);
                let len = varint_len(value);
                assert_eq!(
                    varint_below_2_28(value as u32, len)[..len],
                    *general.written()
                );
            }
        }
    }
}
