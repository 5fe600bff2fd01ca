//! The elements of an array of JSON, each of them an event, as they come.

use memchr::memchr2;

use super::Piece;

/// Cuts a stream of one array into its elements. A document that is no array is one element.
#[derive(Debug)]
pub(crate) struct Elements {
    element: Piece,
    /// How many brackets of the element are open.
    depth: u64,
    is_in_string: bool,
    is_escaped: bool,
    too_long: u64,
}

impl Elements {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            element: Piece::new(limit),
            depth: 0,
            is_in_string: false,
            is_escaped: false,
            too_long: 0,
        }
    }

    pub(crate) fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8])) {
        let (mut start, mut at) = (0, 0);
        while at < bytes.len() {
            if self.is_in_string {
                at = self.string(bytes, at);
                continue;
            }
            match bytes[at] {
                b'"' if self.depth > 0 => self.is_in_string = true,
                b'{' => {
                    if self.depth == 0 {
                        start = at;
                    }
                    self.depth += 1;
                }
                b'[' if self.depth > 0 => self.depth += 1,
                b'}' | b']' if self.depth > 0 => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        self.element.push(&bytes[start..=at]);
                        self.finish(&mut each);
                    }
                }
                _ => {}
            }
            at += 1;
        }
        if self.depth > 0 {
            self.element.push(&bytes[start..]);
        }
    }

    /// Goes on in a string; returns where to go on behind it.
    fn string(&mut self, bytes: &[u8], at: usize) -> usize {
        if std::mem::take(&mut self.is_escaped) {
            return at + 1;
        }
        let Some(end) = memchr2(b'"', b'\\', &bytes[at..]) else {
            return bytes.len();
        };
        match bytes[at + end] {
            b'"' => self.is_in_string = false,
            _ => self.is_escaped = true,
        }
        at + end + 1
    }

    pub(crate) fn finish(&mut self, mut each: impl FnMut(&[u8])) {
        self.too_long += u64::from(self.element.is_over);
        if !self.element.bytes.is_empty() {
            each(&self.element.bytes);
        }
        self.element.clear();
    }

    pub(crate) fn too_long(&self) -> u64 {
        self.too_long
    }
}
