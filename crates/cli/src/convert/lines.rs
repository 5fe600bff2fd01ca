//! Reads lines of bounded length from a stream.
//!
//! Holds: one line. Loses: the rest of a line above the bound, which is read without being kept.

use std::io::{self, BufRead};

/// A stream, line by line.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    input: R,
    max_bytes: usize,
    number: u64,
    /// Whether the rest of the last line has still to be passed over.
    is_cut: bool,
}

/// One line of a stream, without its end (LF or CRLF) and without a byte order mark, which stands in
/// the middle of a file that was put together from several.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// All of the line.
    Whole(Vec<u8>),
    /// The beginning of a line that is longer than the bound.
    Cut(Vec<u8>),
}

impl Line {
    /// The bytes that were read of it.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Whole(bytes) | Self::Cut(bytes) => bytes,
        }
    }
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(input: R, max_bytes: usize) -> Self {
        Self {
            input,
            max_bytes,
            number: 0,
            is_cut: false,
        }
    }

    /// How many lines have been read: the number of the last one.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// What follows the last line, or the last line's beginning where it was cut.
    pub(crate) fn into_rest(self) -> R {
        self.input
    }

    /// The next line, or `None` at the end of the stream.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line>> {
        if self.is_cut {
            self.is_cut = false;
            while !self.piece(usize::MAX, |_| ())?.is_last {}
        }
        let mut line = Vec::new();
        let mut is_empty = true;
        loop {
            let room = self.max_bytes - line.len();
            let piece = self.piece(room, |bytes| line.extend_from_slice(bytes))?;
            is_empty &= piece.is_end;
            self.is_cut = !piece.is_last && line.len() >= self.max_bytes;
            if piece.is_last || self.is_cut {
                break;
            }
        }
        if is_empty {
            return Ok(None);
        }
        self.number += 1;
        if line.starts_with(b"\xef\xbb\xbf") {
            line.drain(..3);
        }
        if self.is_cut {
            return Ok(Some(Line::Cut(line)));
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(Some(Line::Whole(line)))
    }

    /// Reads a piece of the current line, of at most `room` bytes.
    fn piece(&mut self, room: usize, mut take: impl FnMut(&[u8])) -> io::Result<Piece> {
        let available = loop {
            match self.input.fill_buf() {
                Ok(bytes) => break bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        };
        if available.is_empty() {
            return Ok(Piece {
                is_last: true,
                is_end: true,
            });
        }
        let within = &available[..available.len().min(room.saturating_add(1))];
        let line_end = within.iter().position(|&byte| byte == b'\n');
        let part = &within[..line_end.unwrap_or(within.len().min(room))];
        take(part);
        let used = part.len() + usize::from(line_end.is_some());
        self.input.consume(used);
        Ok(Piece {
            is_last: line_end.is_some(),
            is_end: false,
        })
    }
}

/// What was read of a line at once.
struct Piece {
    /// Nothing of the line comes after it.
    is_last: bool,
    /// It is nothing, because the stream has ended.
    is_end: bool,
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn all(input: &[u8], max_bytes: usize) -> Vec<Line> {
        let mut lines = Lines::new(BufReader::with_capacity(3, input), max_bytes);
        let mut all = Vec::new();
        while let Some(line) = lines.next().expect("memory cannot fail") {
            all.push(line);
        }
        assert_eq!(lines.number(), all.len() as u64);
        all
    }

    fn whole(text: &str) -> Line {
        Line::Whole(text.as_bytes().to_vec())
    }

    /// A byte order mark and carriage returns are no part of a line, and the last line needs no end.
    #[test]
    fn marks_and_line_ends_are_removed() {
        let lines = all(b"\xef\xbb\xbfone\r\n\ntwo\r\nthree", 100);
        assert_eq!(
            lines,
            [whole("one"), whole(""), whole("two"), whole("three")]
        );
    }

    /// A line above the bound is cut, and the lines around it are read.
    #[test]
    fn a_long_line_costs_only_itself() {
        let lines = all(b"1234\n12345\n1234567890\nab\n", 4);
        let cut = || Line::Cut(b"1234".to_vec());
        assert_eq!(lines, [whole("1234"), cut(), cut(), whole("ab")]);
    }
}
