//! Short attributes, which nearly all are: one check, no limits asked, no growth.

use super::{FIXED64, LEN, VARINT, Writer, copy, tag, varint_len};
use crate::model::attribute::Value;
use crate::model::otlp::fields as f;

impl Writer {
    /// Writes a `KeyValue` of which every length takes one byte, if there is room for it already;
    /// whether it did. This is what nearly all attributes are: one check, no limits asked, no growth.
    #[inline(always)]
    pub(crate) fn short_attribute(&mut self, field: u32, key: &str, value: Value<'_>) -> bool {
        match value {
            Value::Str(text) => {
                let len = text.len();
                let Some(room) = self.short_open(field, key, 2 + len, 2 + len) else {
                    return false;
                };
                room[0] = tag(f::value::STRING, LEN) as u8;
                room[1] = len as u8;
                copy(&mut room[2..2 + len], text.as_bytes());
            }
            Value::Int(number) => {
                let number = number as u64;
                if number >= 1 << 28 {
                    return false;
                }
                let len = varint_len(number);
                let Some(room) = self.short_open(field, key, 1 + len, 1 + 4) else {
                    return false;
                };
                room[0] = tag(f::value::INT, VARINT) as u8;
                room[1..5].copy_from_slice(&varint_below_2_28(number as u32, len));
            }
            Value::Double(number) => {
                let Some(room) = self.short_open(field, key, 9, 9) else {
                    return false;
                };
                room[0] = tag(f::value::DOUBLE, FIXED64) as u8;
                room[1..9].copy_from_slice(&number.to_le_bytes());
            }
            Value::Bool(truth) => {
                let Some(room) = self.short_open(field, key, 2, 2) else {
                    return false;
                };
                room[0] = tag(f::value::BOOL, VARINT) as u8;
                room[1] = u8::from(truth);
            }
            _ => return false,
        }
        true
    }

    /// Opens an attribute whose value takes `value_len` bytes and returns `needed` bytes for it, of
    /// which the rest is written over by what comes next. `None` when a length takes more than one
    /// byte or there is no such room yet.
    #[inline(always)]
    fn short_open(
        &mut self,
        field: u32,
        key: &str,
        value_len: usize,
        needed: usize,
    ) -> Option<&mut [u8]> {
        let key_len = key.len();
        let inner = 4 + key_len + value_len;
        if inner >= 0x80 {
            return None;
        }
        let room = self.buffer.get_mut(self.at..)?;
        let room = room.get_mut(..6 + key_len + needed)?;
        self.at += 2 + inner;
        room[0] = tag(field, LEN) as u8;
        room[1] = inner as u8;
        room[2] = tag(f::key_value::KEY, LEN) as u8;
        room[3] = key_len as u8;
        copy(&mut room[4..4 + key_len], key.as_bytes());
        room[4 + key_len] = tag(f::key_value::VALUE, LEN) as u8;
        room[5 + key_len] = value_len as u8;
        Some(&mut room[6 + key_len..])
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
