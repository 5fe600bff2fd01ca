//! Escapes of JSON and its relatives: a text as its reader will see it, with the way back to where each
//! byte stood.

/// A text without one level of its escapes.
#[derive(Debug, Default)]
pub(super) struct Unescaped {
    pub(super) text: Vec<u8>,
    /// Where stretches begin, in order: here, there, and whether it is one escape.
    stretches: Vec<Stretch>,
    /// How long the escaped text is.
    escaped_len: usize,
    /// A backslash is left: there may be another level.
    pub(super) has_backslash: bool,
}

#[derive(Clone, Copy, Debug)]
struct Stretch {
    here: usize,
    there: usize,
    is_escape: bool,
}

impl Unescaped {
    /// Reads one level of escapes: those of JSON (RFC 8259, 7) and `\x41`. What is none stays as it is.
    /// Returns `false` where the text has no escape at all.
    pub(super) fn read(&mut self, escaped: &[u8]) -> bool {
        self.text.clear();
        self.stretches.clear();
        self.has_backslash = false;
        self.escaped_len = escaped.len();
        let mut at = 0;
        let mut any = false;
        while at < escaped.len() {
            let plain = find_byte(&escaped[at..], b'\\');
            if plain > 0 {
                self.begin(at, false);
                self.text.extend_from_slice(&escaped[at..at + plain]);
                at += plain;
                continue;
            }
            match escape(&escaped[at..]) {
                Some((character, len)) => {
                    any = true;
                    self.has_backslash |= character == '\\';
                    self.begin(at, true);
                    let mut utf8 = [0; 4];
                    let utf8 = character.encode_utf8(&mut utf8);
                    self.text.extend_from_slice(utf8.as_bytes());
                    at += len;
                }
                None => {
                    self.has_backslash = true;
                    self.begin(at, false);
                    self.text.push(b'\\');
                    at += 1;
                }
            }
        }
        any
    }

    fn begin(&mut self, there: usize, is_escape: bool) {
        self.stretches.push(Stretch {
            here: self.text.len(),
            there,
            is_escape,
        });
    }

    /// Where what begins here begins in the escaped text.
    pub(super) fn start(&self, here: usize) -> usize {
        match self.stretch(here) {
            Some((it, _)) if it.is_escape => it.there,
            Some((it, _)) => it.there + (here - it.here),
            None => here,
        }
    }

    /// Where what ends here ends in the escaped text.
    pub(super) fn end(&self, here: usize) -> usize {
        if here >= self.text.len() {
            return self.escaped_len;
        }
        match self.stretch(here) {
            Some((it, next)) if it.is_escape && here > it.here => next,
            Some((it, _)) => it.there + (here - it.here),
            None => here,
        }
    }

    /// The stretch that a position is in, and where the next one begins in the escaped text.
    fn stretch(&self, here: usize) -> Option<(Stretch, usize)> {
        let after = self.stretches.partition_point(|it| it.here <= here);
        let stretch = self.stretches.get(after.checked_sub(1)?)?;
        let next = self.stretches.get(after);
        Some((*stretch, next.map_or(self.escaped_len, |it| it.there)))
    }
}

/// The character that an escape stands for, and how long the escape is.
fn escape(text: &[u8]) -> Option<(char, usize)> {
    let character = match text.get(1)? {
        b'n' => '\n',
        b't' => '\t',
        b'r' => '\r',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        byte @ (b'"' | b'\\' | b'/' | b'\'') => char::from(*byte),
        b'u' => return unicode(text),
        b'x' => return Some((char::from(hex(text.get(2..4)?)? as u8), 4)),
        _ => return None,
    };
    Some((character, 2))
}

/// `\u0041`, or two for a character outside of the first plane. A half of two alone becomes U+FFFD.
fn unicode(text: &[u8]) -> Option<(char, usize)> {
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

/// How far away the first such byte is; the length where there is none.
pub(super) fn find_byte(text: &[u8], byte: u8) -> usize {
    find_either(text, byte, byte)
}

/// How far away the first of two bytes is; the length where there is none. Looks at eight bytes at once.
#[inline]
pub(super) fn find_either(text: &[u8], one: u8, other: u8) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const TOPS: u64 = u64::from_le_bytes([0x80; 8]);
    // A byte of zero borrows from the one above it ("Bit Twiddling Hacks", haszero); what the borrow
    // marks wrongly stands above one that is marked rightly.
    let zeros = |it: u64| it.wrapping_sub(ONES) & !it & TOPS;
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
