//! Counts the spans of an `ExportTraceServiceRequest` while it streams in, in any pieces, without
//! decoding them: only the tags and lengths of three levels are read, all else is skipped.

/// Bytes of the frame before a gRPC message: a flag and the length.
const FRAME: u64 = 5;
/// The field that leads one level down: `resource_spans`, `scope_spans`, `spans`.
const DOWN: [u64; 3] = [1, 2, 2];

/// Reads one gRPC message.
#[derive(Default)]
pub(super) struct SpanCounter {
    taken: u64,
    spans: u64,
    /// Where the enclosing messages end, counted in bytes of the body.
    ends: Vec<u64>,
    /// Everything before this byte needs no look.
    skip_to: u64,
    /// The number being read, which may go on in the next piece.
    number: u64,
    shift: u32,
    expected: Expected,
    /// A tag or wire type that cannot be.
    broken: bool,
}

#[derive(Clone, Copy, Default)]
enum Expected {
    /// The frame is still to be skipped.
    #[default]
    Frame,
    Tag,
    /// A number that does not matter.
    Varint,
    /// The length of this field.
    Length(u64),
}

impl SpanCounter {
    /// Bytes so far, frame included.
    pub(super) fn bytes(&self) -> u64 {
        self.taken
    }

    /// The spans, if what came is a whole message.
    pub(super) fn spans(&self) -> Option<u64> {
        let at_end = matches!(self.expected, Expected::Tag) && self.shift == 0;
        let whole = at_end && self.skip_to <= self.taken && !self.broken;
        let inside = self.ends.iter().any(|&end| end > self.taken);
        (whole && !inside).then_some(self.spans)
    }

    /// Takes in the next piece.
    pub(super) fn take(&mut self, piece: &[u8]) {
        let base = self.taken;
        self.taken += piece.len() as u64;
        if let Expected::Frame = self.expected {
            self.skip_to = FRAME;
            self.expected = Expected::Tag;
        }
        let mut at = base;
        while at.max(self.skip_to) < self.taken && !self.broken {
            at = at.max(self.skip_to);
            let byte = piece[(at - base) as usize];
            at += 1;
            self.number |= u64::from(byte & 0x7f) << self.shift;
            if byte & 0x80 != 0 {
                self.shift += 7;
                self.broken = self.shift > 63;
                continue;
            }
            let number = std::mem::take(&mut self.number);
            self.shift = 0;
            self.read(number, at);
        }
    }

    /// Understands a number that ended before `at`.
    fn read(&mut self, number: u64, at: u64) {
        self.expected = match self.expected {
            Expected::Varint | Expected::Frame => Expected::Tag,
            Expected::Length(field) => {
                self.enter(field, number, at);
                Expected::Tag
            }
            Expected::Tag => {
                while self.ends.last().is_some_and(|&end| end < at) {
                    self.ends.pop();
                }
                match number & 7 {
                    0 => Expected::Varint,
                    2 => Expected::Length(number >> 3),
                    1 => self.fixed(at + 8),
                    5 => self.fixed(at + 4),
                    _ => {
                        self.broken = true;
                        Expected::Tag
                    }
                }
            }
        };
    }

    fn fixed(&mut self, end: u64) -> Expected {
        self.skip_to = end;
        Expected::Tag
    }

    /// Goes into a field that leads down, and past any other.
    fn enter(&mut self, field: u64, len: u64, at: u64) {
        let level = self.ends.len();
        if DOWN.get(level) != Some(&field) {
            self.skip_to = at + len;
            return;
        }
        if level + 1 < DOWN.len() {
            self.ends.push(at + len);
            return;
        }
        self.spans += 1;
        self.skip_to = at + len;
    }
}
