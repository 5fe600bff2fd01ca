//! The keys of JSON objects in a piece of text that may be torn, cut or no JSON at all.
//!
//! Holds: where it is in the text. Loses: keys with escapes, which no format has, and keys after a tear
//! up to the next line that begins an object.

/// Keys in the order of the text, each with its depth: how many objects it is in.
pub(super) struct Keys<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Keys<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
        }
    }

    /// The end of the string that begins at `start`, behind its opening quote.
    fn string_end(&self, start: usize) -> Option<usize> {
        let mut at = start;
        loop {
            match self.text.get(at)? {
                b'"' => return Some(at),
                b'\\' => at += 2,
                // No string goes on in the next line: this one is torn.
                b'\n' => return Some(at),
                _ => at += 1,
            }
        }
    }
}

impl<'a> Iterator for Keys<'a> {
    type Item = (usize, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let byte = *self.text.get(self.at)?;
            self.at += 1;
            match byte {
                // Whatever was before it: an object at the beginning of a line is one of its own.
                b'{' if self.at == 1 || self.text[self.at - 2] == b'\n' => self.depth = 1,
                b'{' => self.depth += 1,
                b'}' => self.depth = self.depth.saturating_sub(1),
                b'"' => {
                    let start = self.at;
                    let end = self.string_end(start)?;
                    self.at = end + 1;
                    if self.text[end] == b'\n' {
                        self.at = end;
                        continue;
                    }
                    let rest = self.text[self.at..].trim_ascii_start();
                    if rest.first() == Some(&b':') {
                        return Some((self.depth, &self.text[start..end]));
                    }
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys are found with their depth; strings that are values are none, whatever they hold.
    #[test]
    fn keys_are_found_with_their_depth() {
        let text = br#"[{"a":"b:{\":","c" : [{"d":1}]}]"#;
        let keys: Vec<_> = Keys::new(text).collect();
        assert_eq!(keys, [(1, &b"a"[..]), (1, b"c"), (2, b"d")]);
        let torn = b"{\"a\":{\"b\n{\"c\":1";
        let keys: Vec<_> = Keys::new(torn).collect();
        assert_eq!(keys, [(1, &b"a"[..]), (1, b"c")]);
    }

    /// No text makes it fail.
    #[test]
    fn any_text_has_keys_or_none() {
        for text in [
            &b"\""[..],
            b"\"\\",
            b"}}}",
            b"{\"a\"",
            b"\"\n\"\n",
            b"\xff\0\"",
        ] {
            assert!(Keys::new(text).count() < 2);
        }
    }
}
