//! Server-sent events (WHATWG HTML, 9.2.6 "Interpreting an event stream"), with one difference: an event
//! that the end of the stream cuts off is given on, because half of it may tell something.

use memchr::{memchr, memchr2};

use super::Piece;
use crate::llm::provider::Event;

/// Cuts a stream into server-sent events. Comments, `id` and `retry` are none.
#[derive(Debug)]
pub(crate) struct Sse {
    /// The line that has begun.
    line: Piece,
    /// The data of the event that has begun.
    data: Piece,
    /// Its name.
    name: Vec<u8>,
    /// A line feed that follows belongs to the line before it.
    is_after_return: bool,
    /// Nothing has come so far: a byte order mark may.
    is_at_start: bool,
    too_long: u64,
}

/// The longest name of an event that is kept.
const LONGEST_NAME: usize = 128;
const MARK: &[u8] = "\u{feff}".as_bytes();

impl Sse {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            line: Piece::new(limit),
            data: Piece::new(limit),
            name: Vec::new(),
            is_after_return: false,
            is_at_start: true,
            too_long: 0,
        }
    }

    pub(crate) fn feed(&mut self, mut bytes: &[u8], each: &mut impl FnMut(&Event<'_>)) {
        if self.is_after_return && !bytes.is_empty() {
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
            self.is_after_return = false;
        }
        while let Some(end) = memchr2(b'\n', b'\r', bytes) {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            if self.line.bytes.is_empty() && !self.line.is_over {
                self.line(line, each);
            } else {
                self.line.push(line);
                self.begun_line(each);
            }
            let is_return = bytes[end] == b'\r';
            self.is_after_return = is_return && rest.is_empty();
            bytes = match rest.strip_prefix(b"\n") {
                Some(rest) if is_return => rest,
                _ => rest,
            };
        }
        self.line.push(bytes);
    }

    pub(crate) fn finish(&mut self, each: &mut impl FnMut(&Event<'_>)) {
        self.begun_line(each);
        self.dispatch(each);
    }

    pub(crate) fn too_long(&self) -> u64 {
        self.too_long
    }

    /// Takes the line that had begun.
    fn begun_line(&mut self, each: &mut impl FnMut(&Event<'_>)) {
        if self.line.is_over {
            self.data.is_over = true;
        } else if !self.line.bytes.is_empty() {
            let line = std::mem::take(&mut self.line.bytes);
            self.line(&line, each);
            self.line.bytes = line;
        }
        self.line.clear();
    }

    fn line(&mut self, line: &[u8], each: &mut impl FnMut(&Event<'_>)) {
        let line = match std::mem::take(&mut self.is_at_start) {
            true => line.strip_prefix(MARK).unwrap_or(line),
            false => line,
        };
        if line.is_empty() {
            return self.dispatch(each);
        }
        let (field, value) = match memchr(b':', line) {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => {
                if !self.data.bytes.is_empty() {
                    self.data.push(b"\n");
                }
                self.data.push(value);
            }
            b"event" => {
                self.name.clear();
                let kept = value.len().min(LONGEST_NAME);
                self.name.extend_from_slice(&value[..kept]);
            }
            _ => {}
        }
    }

    fn dispatch(&mut self, each: &mut impl FnMut(&Event<'_>)) {
        self.too_long += u64::from(self.data.is_over);
        if !self.data.bytes.is_empty() {
            let name = std::str::from_utf8(&self.name).ok();
            each(&Event {
                name: name.filter(|name| !name.is_empty()),
                data: &self.data.bytes,
            });
        }
        self.data.clear();
        self.name.clear();
    }
}
