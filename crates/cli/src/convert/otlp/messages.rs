//! OTLP in protobuf, message by message.
//!
//! Holds: one message. Loses: messages above the bound, and what comes behind a broken length.

use std::io::{self, BufRead, Read};

use bytes::Bytes;

use super::super::texts::Place;
use super::framing::Framing;

/// A file of messages.
#[derive(Debug)]
pub(super) struct Messages<R> {
    input: R,
    framing: Framing,
    most: usize,
    count: u64,
    /// A length was broken: nobody knows where the next message begins.
    is_over: bool,
}

impl<R: BufRead> Messages<R> {
    pub(super) fn new(input: R, framing: Framing, most: usize) -> Self {
        Self {
            input,
            framing,
            most,
            count: 0,
            is_over: false,
        }
    }

    /// How many messages have been read; of a bare request, groups of resources.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Place>> {
        if self.is_over {
            return Ok(None);
        }
        let mut head = Vec::new();
        let length = loop {
            // Blank lines at the beginning of a field are never read: lengths are at most 11 bytes.
            match self.framing.length(&head) {
                Some((length, _)) => break length,
                None if head.len() > 11 => {
                    return Ok(Some(self.broken("no OTLP request in protobuf")));
                }
                None => {}
            }
            let mut byte = [0];
            if self.input.read(&mut byte)? == 0 {
                if head.is_empty() {
                    return Ok(None);
                }
                return Ok(Some(self.broken("the message ends too early")));
            }
            head.extend(byte);
        };
        self.count += 1;
        if length > self.most as u64 {
            let passed = io::copy(&mut self.input.by_ref().take(length), &mut io::sink())?;
            if passed < length {
                self.is_over = true;
                return Ok(Some((
                    self.count,
                    Err("the message ends too early".to_owned()),
                )));
            }
            let reason = format!("longer than {} bytes", self.most);
            return Ok(Some((self.count, Err(reason))));
        }
        let mut message = match self.framing {
            Framing::Bare => head,
            Framing::Varint | Framing::FourBytes => Vec::new(),
        };
        let read = self.input.by_ref().take(length).read_to_end(&mut message)?;
        if (read as u64) < length {
            self.is_over = true;
            return Ok(Some((
                self.count,
                Err("the message ends too early".to_owned()),
            )));
        }
        Ok(Some((self.count, Ok(message))))
    }

    fn broken(&mut self, reason: &str) -> Place {
        self.is_over = true;
        self.count += 1;
        (self.count, Err(reason.to_owned()))
    }
}

/// Cuts a valid request between its groups of resources, so that pieces have at most `most` bytes unless
/// one group has more.
pub(super) fn pieces(request: Bytes, most: usize) -> Vec<Bytes> {
    if request.len() <= most {
        return vec![request];
    }
    let mut pieces = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some((length, body)) = Framing::Bare.length(&request[at..]) {
        let body_at = request.len() - body.len();
        let end = usize::try_from(length).map_or(request.len(), |length| {
            body_at.saturating_add(length).min(request.len())
        });
        if end - start > most && at > start {
            pieces.push(request.slice(start..at));
            start = at;
        }
        at = end;
    }
    pieces.push(request.slice(start..));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(length: usize) -> Vec<u8> {
        [&[0x0a, length as u8][..], &vec![b'x'; length]].concat()
    }

    /// Pieces are whole groups, and together the request.
    #[test]
    fn requests_are_cut_between_groups() {
        let request: Bytes = [group(10), group(20), group(5), group(100)].concat().into();
        let pieces = pieces(request.clone(), 40);
        let sizes: Vec<usize> = pieces.iter().map(Bytes::len).collect();
        assert_eq!(sizes, [34, 7, 102]);
        assert_eq!(pieces.concat(), request);
    }

    /// What is too long is passed over, and what is torn ends the file.
    #[test]
    fn long_messages_cost_themselves_alone() {
        let file = [&[50][..], &[1; 50], &[2], b"ab", &[9], b"torn"].concat();
        let mut messages = Messages::new(&file[..], Framing::Varint, 20);
        let mut next = || messages.next().expect("memory cannot fail");
        assert_eq!(next(), Some((1, Err("longer than 20 bytes".to_owned()))));
        assert_eq!(next(), Some((2, Ok(b"ab".to_vec()))));
        assert_eq!(
            next(),
            Some((3, Err("the message ends too early".to_owned())))
        );
        assert_eq!(next(), None);
    }
}
