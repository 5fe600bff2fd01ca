//! Walks the fields of one protobuf message, without copying and without trusting it.
//!
//! It answers with values and says where the first mistake is; [`scan`](super::scan) answers with positions
//! in bytes that are known to be right.
//!
//! Holds: a borrowed slice and a position. Never waits, never allocates, never panics on any input.

/// Why bytes are not the OTLP message that they should be. Positions count bytes from the start of
/// what the reader was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The bytes end within the field or number that starts at `at`.
    #[error("the message is cut off within what starts at byte {at}")]
    Truncated {
        /// Where the incomplete part starts.
        at: usize,
    },
    /// No field of this message can start so: number 0 or above 2^29 - 1, a group (long
    /// deprecated, never used by OTLP), or a wire type that the field does not have.
    #[error("the tag at byte {at} does not belong to this message")]
    BadTag {
        /// Where the tag starts.
        at: usize,
    },
    /// A variable-length number has more than 64 bits.
    #[error("the number at byte {at} has more than 64 bits")]
    BadVarint {
        /// Where the number starts.
        at: usize,
    },
    /// A text is not UTF-8, as protobuf's `string` must be.
    #[error("the text at byte {at} is not UTF-8")]
    NotUtf8 {
        /// Where the text starts.
        at: usize,
    },
    /// The id of a trace or a span is not 16 or 8 bytes long. Many backends refuse a whole request for
    /// one such id, and with it all that was joined to it.
    #[error("the id at byte {at} is not 16 bytes long for a trace, or 8 for a span")]
    BadId {
        /// Where the id starts.
        at: usize,
    },
    /// Arrays and maps of attribute values lie deeper in each other than `limit`.
    #[error("the value at byte {at} is nested deeper than {limit} levels")]
    TooDeep {
        /// Where the value starts.
        at: usize,
        /// How many levels are read.
        limit: usize,
    },
    /// The message is larger than protobuf allows.
    #[error("the message is larger than {limit} bytes, the most that protobuf allows")]
    TooLarge {
        /// The largest size that is read.
        limit: usize,
    },
}

/// The largest message that protobuf allows ("Proto Limits": any message must be under 2 GiB).
const MAX_MESSAGE: usize = i32::MAX as usize;

/// The highest field number ("Assigning Field Numbers").
const MAX_FIELD_NUMBER: u64 = (1 << 29) - 1;

/// The encoded fields of one message, in wire order; fields of any number, known or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
    /// Where `rest` starts within what the outermost reader was given.
    at: usize,
}

/// One field: its number, where its tag starts, and what it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'a> {
    pub(crate) number: u32,
    at: usize,
    content: Content<'a>,
}

/// What a field holds, by wire type.
#[derive(Clone, Copy, Debug)]
enum Content<'a> {
    Varint(u64),
    Fixed64(u64),
    /// A message, a text or bytes.
    Delimited(Fields<'a>),
    Fixed32(u32),
}

impl<'a> Fields<'a> {
    /// The fields of a whole message.
    pub(crate) fn of(message: &'a [u8]) -> Result<Self, WireError> {
        check_len(message.len())?;
        Ok(Self {
            rest: message,
            at: 0,
        })
    }

    /// No fields.
    pub(crate) const EMPTY: Self = Self { rest: &[], at: 0 };

    /// What has not been read yet.
    pub(crate) fn as_bytes(&self) -> &'a [u8] {
        self.rest
    }

    /// Where the unread part starts within what the outermost reader was given.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// The next field, or `None` after the last one.
    pub(crate) fn read(&mut self) -> Result<Option<Field<'a>>, WireError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let at = self.at;
        let tag = self.varint()?;
        let number = tag >> 3;
        if number == 0 || number > MAX_FIELD_NUMBER {
            return Err(WireError::BadTag { at });
        }
        let content = match tag & 7 {
            0 => Content::Varint(self.varint()?),
            1 => Content::Fixed64(u64::from_le_bytes(self.array(at)?)),
            2 => {
                let len = self.varint()?;
                let len = usize::try_from(len).map_err(|_| WireError::Truncated { at })?;
                let start = self.at;
                Content::Delimited(Fields {
                    rest: self.take(len, at)?,
                    at: start,
                })
            }
            5 => Content::Fixed32(u32::from_le_bytes(self.array(at)?)),
            _ => return Err(WireError::BadTag { at }),
        };
        Ok(Some(Field {
            number: number as u32,
            at,
            content,
        }))
    }

    fn take(&mut self, len: usize, field: usize) -> Result<&'a [u8], WireError> {
        let Some((taken, rest)) = self.rest.split_at_checked(len) else {
            return Err(WireError::Truncated { at: field });
        };
        self.rest = rest;
        self.at += len;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, field: usize) -> Result<[u8; N], WireError> {
        let taken = self.take(N, field)?;
        taken
            .try_into()
            .map_err(|_| WireError::Truncated { at: field })
    }

    fn varint(&mut self) -> Result<u64, WireError> {
        let at = self.at;
        let mut value = 0;
        for (index, &byte) in self.rest.iter().enumerate() {
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if index > 9 || (index == 9 && bits > 1) {
                return Err(WireError::BadVarint { at });
            }
            value |= bits << (7 * index);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[index + 1..];
                self.at += index + 1;
                return Ok(value);
            }
        }
        Err(WireError::Truncated { at })
    }
}

fn check_len(len: usize) -> Result<(), WireError> {
    if len > MAX_MESSAGE {
        return Err(WireError::TooLarge { limit: MAX_MESSAGE });
    }
    Ok(())
}

impl<'a> Field<'a> {
    fn bad_tag(&self) -> WireError {
        WireError::BadTag { at: self.at }
    }

    pub(crate) fn varint(&self) -> Result<u64, WireError> {
        match self.content {
            Content::Varint(value) => Ok(value),
            _ => Err(self.bad_tag()),
        }
    }

    /// A `uint32`; protobuf keeps the low 32 bits of a longer number.
    pub(crate) fn uint32(&self) -> Result<u32, WireError> {
        Ok(self.varint()? as u32)
    }

    /// An enum or `int32`; protobuf keeps the low 32 bits of a longer number.
    pub(crate) fn int32(&self) -> Result<i32, WireError> {
        Ok(self.varint()? as i32)
    }

    pub(crate) fn fixed64(&self) -> Result<u64, WireError> {
        match self.content {
            Content::Fixed64(value) => Ok(value),
            _ => Err(self.bad_tag()),
        }
    }

    pub(crate) fn fixed32(&self) -> Result<u32, WireError> {
        match self.content {
            Content::Fixed32(value) => Ok(value),
            _ => Err(self.bad_tag()),
        }
    }

    pub(crate) fn message(&self) -> Result<Fields<'a>, WireError> {
        match self.content {
            Content::Delimited(fields) => Ok(fields),
            _ => Err(self.bad_tag()),
        }
    }

    pub(crate) fn bytes(&self) -> Result<&'a [u8], WireError> {
        Ok(self.message()?.rest)
    }

    pub(crate) fn text(&self) -> Result<&'a str, WireError> {
        let content = self.message()?;
        str::from_utf8(content.rest).map_err(|_| WireError::NotUtf8 { at: content.at })
    }
}

/// The entries of one repeated message field, in wire order.
///
/// They may lie directly in a message, or in every occurrence of a message field of it: protobuf
/// says that occurrences of one embedded message merge ("Last One Wins").
#[derive(Clone, Debug)]
pub(crate) struct Entries<'a> {
    /// The message being read.
    current: Fields<'a>,
    /// The number of the entries' field.
    number: u32,
    /// Where further occurrences of the message are, and its number there.
    holders: Fields<'a>,
    holder: u32,
}

impl<'a> Entries<'a> {
    /// Entries of field `number` of `message`, which was checked.
    pub(crate) fn new(message: Fields<'a>, number: u32) -> Self {
        Self {
            current: message,
            number,
            holders: Fields::EMPTY,
            holder: 0,
        }
    }

    /// Entries of field `number` of all occurrences of the message `holder` in `parent`, which was
    /// checked.
    pub(crate) fn within(parent: Fields<'a>, holder: u32, number: u32) -> Self {
        Self {
            current: Fields::EMPTY,
            number,
            holders: parent,
            holder,
        }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Fields<'a>;

    /// Readers check a message as a whole before they hand out its entries, so an error cannot
    /// come up here; if one did, the entries would end.
    fn next(&mut self) -> Option<Fields<'a>> {
        loop {
            if let Some(entry) = next_message(&mut self.current, self.number) {
                return Some(entry);
            }
            self.current = next_message(&mut self.holders, self.holder)?;
        }
    }
}

fn next_message<'a>(fields: &mut Fields<'a>, number: u32) -> Option<Fields<'a>> {
    loop {
        let field = fields.read().ok()??;
        if field.number == number {
            return field.message().ok();
        }
    }
}

/// All texts of a field of a checked message.
pub(crate) fn texts<'a>(
    mut fields: Fields<'a>,
    number: u32,
) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
    std::iter::from_fn(move || {
        loop {
            let field = fields.read().ok()??;
            if field.number == number {
                return field.text().ok();
            }
        }
    })
}

/// The text of a field of a checked message; empty when it has none.
pub(crate) fn last_text(fields: Fields<'_>, number: u32) -> &str {
    texts(fields, number).last().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_error(bytes: &[u8]) -> Option<WireError> {
        let mut fields = Fields::of(bytes).expect("small");
        loop {
            match fields.read() {
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(error) => return Some(error),
            }
        }
    }

    /// Each kind of malformed field is refused by name and place.
    #[test]
    fn malformed_fields_are_refused_with_their_place() {
        let ok = [0x08, 0x01];
        let after = |bytes: &[u8]| first_error(&[&ok, bytes].concat());
        assert_eq!(after(&[]), None);
        // Unknown numbers of every wire type are read and skipped.
        assert_eq!(
            after(&[0xa0, 0x06, 0x01, 0xa5, 0x06, 1, 2, 3, 4, 0xa2, 0x06, 1, 9]),
            None
        );
        let truncated = Some(WireError::Truncated { at: 2 });
        assert_eq!(after(&[0x80]), truncated, "within a tag");
        assert_eq!(after(&[0x12, 0x05, 0x00]), truncated, "within a message");
        assert_eq!(after(&[0x09, 0, 0, 0]), truncated, "within a fixed64");
        assert_eq!(after(&[0x0d, 0]), truncated, "within a fixed32");
        assert_eq!(after(&[0x08, 0x80]), Some(WireError::Truncated { at: 3 }));
        let huge = [
            0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
        ];
        assert_eq!(after(&huge), truncated, "a length of 2^64 - 1");
        let bad_tag = Some(WireError::BadTag { at: 2 });
        assert_eq!(after(&[0x00]), bad_tag, "number 0");
        assert_eq!(
            after(&[0x80, 0x80, 0x80, 0x80, 0x10]),
            bad_tag,
            "number 2^29"
        );
        for wire_type in [3, 4, 6, 7] {
            assert_eq!(after(&[0x08 | wire_type]), bad_tag, "type {wire_type}");
        }
        let endless = [&[0x08][..], &[0xff; 9], &[0x02]].concat();
        assert_eq!(after(&endless), Some(WireError::BadVarint { at: 3 }));
        assert_eq!(
            after(&[[0x08].as_slice(), &[0xff; 12]].concat()),
            Some(WireError::BadVarint { at: 3 })
        );
    }

    /// A field of another wire type than its schema has is refused, not misread.
    #[test]
    fn a_field_of_the_wrong_type_is_refused() {
        let mut fields = Fields::of(&[0x08, 0x01]).expect("small");
        let field = fields.read().expect("a field").expect("there");
        assert_eq!(field.varint(), Ok(1));
        let bad_tag = WireError::BadTag { at: 0 };
        assert_eq!(field.text(), Err(bad_tag));
        assert_eq!(field.fixed32(), Err(bad_tag));
        assert_eq!(field.fixed64(), Err(bad_tag));
    }

    /// Messages of 2 GiB and more are refused, as protobuf demands.
    #[test]
    fn messages_over_the_limit_of_protobuf_are_refused() {
        assert_eq!(check_len(MAX_MESSAGE), Ok(()));
        let limit = MAX_MESSAGE;
        assert_eq!(
            check_len(MAX_MESSAGE + 1),
            Err(WireError::TooLarge { limit })
        );
    }
}
