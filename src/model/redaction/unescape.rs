//! Escapes of JSON and its relatives: a text as its reader will see it, with the way back to where each
//! byte stood.

/// A text without one level of its escapes.
#[derive(Debug, Default)]
pub(super) struct Unescaped {
    pub(super) text: Vec<u8>,
    /// In order.
    escapes: Vec<Escape>,
    /// How long the escaped text is.
    escaped_len: usize,
    /// A backslash is left: there may be another level.
    pub(super) has_backslash: bool,
}

/// One escape and the character that stands for it: where they begin, and how long they are.
#[derive(Clone, Copy, Debug)]
struct Escape {
    here: usize,
    here_len: u8,
    there: usize,
    there_len: u8,
}

impl Escape {
    fn here_end(self) -> usize {
        self.here + usize::from(self.here_len)
    }

    fn there_end(self) -> usize {
        self.there + usize::from(self.there_len)
    }
}

impl Unescaped {
    /// Reads one level of escapes: those of JSON (RFC 8259, 7) and `\x41`. What is none stays as it is.
    /// Returns `false` where the text has no escape at all.
    pub(super) fn read(&mut self, escaped: &[u8]) -> bool {
        self.read_to::<false>(escaped);
        !self.escapes.is_empty()
    }

    /// Reads the text before the first quote that is not escaped, and tells how long it is; `None` where
    /// there is no such quote.
    pub(super) fn read_string(&mut self, escaped: &[u8]) -> Option<usize> {
        let end = self.read_to::<true>(escaped);
        (end < escaped.len()).then_some(end)
    }

    fn read_to<const QUOTE: bool>(&mut self, escaped: &[u8]) -> usize {
        self.text.clear();
        self.escapes.clear();
        self.has_backslash = false;
        let mut at = 0;
        loop {
            at += self.copy_plain::<QUOTE>(&escaped[at..]);
            if escaped.get(at) != Some(&b'\\') {
                self.escaped_len = at;
                return at;
            }
            if let Some(byte) = escaped.get(at + 1).and_then(|it| simple(*it)) {
                self.has_backslash |= byte == b'\\';
                self.escapes.push(Escape {
                    here: self.text.len(),
                    here_len: 1,
                    there: at,
                    there_len: 2,
                });
                self.text.push(byte);
                at += 2;
                continue;
            }
            let Some((character, len)) = by_digits(&escaped[at..]) else {
                self.has_backslash = true;
                self.text.push(b'\\');
                at += 1;
                continue;
            };
            // An escaped backslash may be one of digits.
            self.has_backslash |= character == '\\';
            let mut utf8 = [0; 4];
            let utf8 = character.encode_utf8(&mut utf8).as_bytes();
            self.escapes.push(Escape {
                here: self.text.len(),
                here_len: utf8.len() as u8,
                there: at,
                there_len: len,
            });
            self.text.extend_from_slice(utf8);
            at += usize::from(len);
        }
    }

    /// Copies what stands before the first backslash, or before the first quote where one ends the text, and
    /// tells how much that was. Eight bytes at once.
    #[inline]
    fn copy_plain<const QUOTE: bool>(&mut self, from: &[u8]) -> usize {
        let mut at = 0;
        while let Some(block) = from.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
            let word = u64::from_le_bytes(*block);
            let mut marks = zeros(word ^ (ONES * u64::from(b'\\')));
            if QUOTE {
                marks |= zeros(word ^ (ONES * u64::from(b'"')));
            }
            self.text.extend_from_slice(block);
            if marks != 0 {
                let plain = (marks.trailing_zeros() / 8) as usize;
                self.text.truncate(self.text.len() - block.len() + plain);
                return at + plain;
            }
            at += block.len();
        }
        let rest = from[at..].iter();
        let plain = rest.take_while(|it| **it != b'\\' && !(QUOTE && **it == b'"'));
        let end = at + plain.count();
        self.text.extend_from_slice(&from[at..end]);
        end
    }

    /// Where what begins here begins in the escaped text.
    pub(super) fn start(&self, here: usize) -> usize {
        match self.escape_before(here) {
            Some(it) if here < it.here_end() => it.there,
            Some(it) => it.there_end() + (here - it.here_end()),
            None => here,
        }
    }

    /// Where what ends here ends in the escaped text.
    pub(super) fn end(&self, here: usize) -> usize {
        if here >= self.text.len() {
            return self.escaped_len;
        }
        match self.escape_before(here) {
            Some(it) if here == it.here => it.there,
            Some(it) if here < it.here_end() => it.there_end(),
            Some(it) => it.there_end() + (here - it.here_end()),
            None => here,
        }
    }

    /// Where what stands at a position of the escaped text stands here; within an escape, where its character
    /// begins.
    pub(super) fn here(&self, there: usize) -> usize {
        let after = self.escapes.partition_point(|it| it.there <= there);
        let before = after.checked_sub(1).and_then(|at| self.escapes.get(at));
        match before {
            Some(it) if there < it.there_end() => it.here,
            Some(it) => it.here_end() + (there - it.there_end()),
            None => there,
        }
    }

    /// The last escape that does not begin behind a position.
    fn escape_before(&self, here: usize) -> Option<Escape> {
        let after = self.escapes.partition_point(|it| it.here <= here);
        self.escapes.get(after.checked_sub(1)?).copied()
    }
}

/// What one letter behind a backslash stands for.
#[inline]
fn simple(letter: u8) -> Option<u8> {
    let byte = match letter {
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'b' => 0x8,
        b'f' => 0xc,
        b'"' | b'\\' | b'/' | b'\'' => letter,
        _ => return None,
    };
    Some(byte)
}

/// The character that an escape by digits stands for, and how long the escape is.
fn by_digits(text: &[u8]) -> Option<(char, u8)> {
    match text.get(1)? {
        b'u' => unicode(text),
        b'x' => Some((char::from(hex(text.get(2..4)?)? as u8), 4)),
        _ => None,
    }
}

/// `\u0041`, or two for a character outside of the first plane. A half of two alone becomes U+FFFD.
fn unicode(text: &[u8]) -> Option<(char, u8)> {
    let unit = hex(text.get(2..6)?)?;
    if let Some(character) = char::from_u32(unit) {
        return Some((character, 6));
    }
    let second = match text.get(6..12) {
        Some([b'\\', b'u', digits @ ..]) => hex(digits),
        _ => None,
    };
    let both = second.filter(|_| unit < 0xdc00).and_then(|second| {
        let low = second.checked_sub(0xdc00).filter(|it| *it < 0x400)?;
        char::from_u32(0x10000 + ((unit - 0xd800) << 10 | low))
    });
    Some(both.map_or((char::REPLACEMENT_CHARACTER, 6), |it| (it, 12)))
}

fn hex(digits: &[u8]) -> Option<u32> {
    let mut value = 0;
    for digit in digits {
        value = value << 4 | char::from(*digit).to_digit(16)?;
    }
    Some(value)
}

const ONES: u64 = u64::from_le_bytes([1; 8]);

/// Marks the first byte that is zero by its highest bit; none is marked before it.
#[inline]
fn zeros(block: u64) -> u64 {
    const TOPS: u64 = u64::from_le_bytes([0x80; 8]);
    // A byte of zero borrows from the one above it ("Bit Twiddling Hacks", haszero); what the borrow
    // marks wrongly stands above one that is marked rightly.
    block.wrapping_sub(ONES) & !block & TOPS
}

/// How far away the first such byte is; the length where there is none.
pub(super) fn find_byte(text: &[u8], byte: u8) -> usize {
    find_either(text, byte, byte)
}

/// How far away the first of two bytes is; the length where there is none. Looks at eight bytes at once.
#[inline]
pub(super) fn find_either(text: &[u8], one: u8, other: u8) -> usize {
    let (ones, others) = (ONES * u64::from(one), ONES * u64::from(other));
    let mut at = 0;
    while let Some(block) = text.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let block = u64::from_le_bytes(*block);
        let marks = zeros(block ^ ones) | zeros(block ^ others);
        if marks != 0 {
            return at + (marks.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = text[at..].iter();
    let found = rest.take_while(|byte| **byte != one && **byte != other);
    at + found.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unescaped(text: &str) -> Unescaped {
        let mut it = Unescaped::default();
        it.read(text.as_bytes());
        it
    }

    /// Escapes are read as JSON has them; what is none stays.
    #[test]
    fn escapes_are_read_as_json_has_them() {
        for (escaped, plain, more) in [
            (r"plain", "plain", false),
            (r"a\nb\tc\/", "a\nb\tc/", false),
            (r"\u0041\u00e4\ud83e\udd80.", "A\u{e4}\u{1f980}.", false),
            (r"\ud83e \udd80", "\u{fffd} \u{fffd}", false),
            (r"\ud83e\u0041", "\u{fffd}A", false),
            (r"\\n", r"\n", true),
            (r"\x41\x", r"A\x", true),
            (r"\u00g0 \", r"\u00g0 \", true),
        ] {
            let it = unescaped(escaped);
            assert_eq!(String::from_utf8_lossy(&it.text), plain, "{escaped}");
            assert_eq!(it.has_backslash, more, "{escaped}");
        }
    }

    /// A stretch is found where it stood, with all of the escapes that it is made of.
    #[test]
    fn a_stretch_is_found_where_it_stood() {
        let escaped = r"to \u0061da\u0040x.d\u0065 \ud83e\udd80!";
        let it = unescaped(escaped);
        let plain = String::from_utf8(it.text.clone()).expect("text");
        for (part, there) in [
            ("ada@x.de", r"\u0061da\u0040x.d\u0065"),
            ("to ", "to "),
            ("\u{1f980}", r"\ud83e\udd80"),
            ("!", "!"),
        ] {
            let start = plain.find(part).expect("it is there");
            let range = it.start(start)..it.end(start + part.len());
            assert_eq!(&escaped[range], there);
        }
        let crab = plain.find('\u{1f980}').expect("it is there");
        let inside = it.start(crab + 1)..it.end(crab + 2);
        assert_eq!(&escaped[inside], r"\ud83e\udd80", "no escape is cut");
    }

    proptest::proptest! {
        /// The first of two bytes is found wherever it stands.
        #[test]
        fn the_first_of_two_is_found(bytes: Vec<u8>, one: u8, other: u8) {
            let expected = bytes.iter().position(|it| *it == one || *it == other);
            assert_eq!(find_either(&bytes, one, other), expected.unwrap_or(bytes.len()));
        }

        /// A string is read up to its end as it is read alone.
        #[test]
        fn a_string_is_read_up_to_its_end(text in r#"[\\u0-9a-fx"n ]{0,40}"#, rest in r#"[\\u0-9a"]{0,9}"#) {
            let string = serde_json::to_string(&text).expect("a text");
            let inner = &string[1..string.len() - 1];
            let mut it = Unescaped::default();
            let read = it.read_string(format!("{inner}\"{rest}").as_bytes());
            assert_eq!(read, Some(inner.len()));
            assert_eq!(String::from_utf8_lossy(&it.text), &*text);
            assert_eq!(it.text, unescaped(inner).text);
            assert_eq!(it.read_string(inner.as_bytes()), None);
        }

        /// Whatever is read, ranges stay inside and in order.
        #[test]
        fn ranges_stay_inside(text in r#"[\\u0-9a-fx"n ]{0,40}"#) {
            let it = unescaped(&text);
            let mut last = 0;
            for here in 0..=it.text.len() {
                assert!(it.start(here) <= text.len() && it.end(here) <= text.len());
                assert!(it.end(here) >= last);
                last = it.end(here);
            }
        }
    }
}
