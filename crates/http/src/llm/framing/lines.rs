//! Lines, each of them an event (newline-delimited JSON).

use memchr::memchr;

use super::Piece;

/// Cuts a stream into lines; empty ones are none.
#[derive(Debug)]
pub(crate) struct Lines {
    line: Piece,
    too_long: u64,
}

impl Lines {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            line: Piece::new(limit),
            too_long: 0,
        }
    }

    pub(crate) fn feed(&mut self, mut bytes: &[u8], mut each: impl FnMut(&[u8])) {
        while let Some(end) = memchr(b'\n', bytes) {
            self.line.push(&bytes[..end]);
            self.finish(&mut each);
            bytes = &bytes[end + 1..];
        }
        self.line.push(bytes);
    }

    pub(crate) fn finish(&mut self, mut each: impl FnMut(&[u8])) {
        self.too_long += u64::from(self.line.is_over);
        let line = self.line.bytes.trim_ascii();
        if !line.is_empty() {
            each(line);
        }
        self.line.clear();
    }

    pub(crate) fn too_long(&self) -> u64 {
        self.too_long
    }
}
