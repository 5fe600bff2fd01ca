//! JSON, text by text: lines, or documents over many lines.
//!
//! Holds: one line; or all documents of a file, within the bound for a line. Loses: lines above the
//! bound, and what comes behind a mistake in documents.

use std::io::{self, BufRead, Read};

use serde_json::value::RawValue;

use super::lines::{Line, Lines};
use super::recording::not_an_object;

/// What an input yields: where it stands, and its bytes or what is wrong with it.
pub(crate) type Place = (u64, Result<Vec<u8>, String>);

/// A file of JSON, text by text.
#[derive(Debug)]
pub(crate) struct Texts<R> {
    lines: Option<Lines<R>>,
    /// A line that was read to see what the one before it is.
    ahead: Option<(u64, Line)>,
    documents: Option<Documents>,
    /// Something was read that was not blank.
    has_begun: bool,
    count: u64,
    most: usize,
}

impl<R: BufRead> Texts<R> {
    pub(crate) fn new(input: R, most: usize) -> Self {
        Self {
            lines: Some(Lines::new(input, most)),
            ahead: None,
            documents: None,
            has_begun: false,
            count: 0,
            most,
        }
    }

    /// How many lines have been read.
    pub(crate) fn lines(&self) -> u64 {
        self.count
    }

    pub(crate) fn next(&mut self) -> io::Result<Option<Place>> {
        loop {
            if let Some(documents) = &mut self.documents {
                return Ok(documents.next());
            }
            let Some((number, line)) = self.next_line()? else {
                return Ok(None);
            };
            let Line::Whole(bytes) = line else {
                let reason = format!("longer than {} bytes", self.most);
                return Ok(Some((number, Err(reason))));
            };
            if bytes.trim_ascii().is_empty() {
                continue;
            }
            if !std::mem::replace(&mut self.has_begun, true) && is_open(&bytes) {
                self.ahead = self.next_line()?;
                let is_list = bytes.trim_ascii_start().first() == Some(&b'[');
                if is_list || !begins_object(self.ahead.as_ref()) {
                    self.documents = Some(self.read_documents(number, bytes)?);
                    continue;
                }
            }
            return Ok(Some((number, Ok(bytes))));
        }
    }

    fn next_line(&mut self) -> io::Result<Option<(u64, Line)>> {
        if let Some(ahead) = self.ahead.take() {
            return Ok(Some(ahead));
        }
        let Some(lines) = &mut self.lines else {
            return Ok(None);
        };
        let line = lines.next()?;
        self.count = lines.number();
        Ok(line.map(|line| (self.count, line)))
    }

    /// Reads the rest of the file behind its first line, which is no text of its own.
    fn read_documents(&mut self, number: u64, first: Vec<u8>) -> io::Result<Documents> {
        let mut text = first;
        text.push(b'\n');
        let mut is_cut = false;
        if let Some((_, line)) = self.ahead.take() {
            is_cut = matches!(line, Line::Cut(_));
            text.append(&mut line.into_bytes());
            text.push(b'\n');
        }
        if let Some(lines) = self.lines.take() {
            let room = (self.most + 1).saturating_sub(text.len());
            lines.into_rest().take(room as u64).read_to_end(&mut text)?;
        }
        let line_ends = text.iter().filter(|byte| **byte == b'\n').count() as u64;
        let is_ended = text.last() == Some(&b'\n');
        self.count = number - 1 + line_ends + u64::from(!is_ended);
        is_cut |= text.len() > self.most;
        Ok(Documents {
            refusal: is_cut.then(|| format!("longer than {} bytes", self.most)),
            text,
            at: 0,
            line: number,
        })
    }
}

/// Whether a line is the beginning of something that goes on in the next.
fn is_open(line: &[u8]) -> bool {
    let goes_on = matches!(
        line.trim_ascii_end().last(),
        Some(b'{' | b'[' | b',' | b':')
    );
    goes_on && serde_json::from_slice::<&RawValue>(line).is_err_and(|error| error.is_eof())
}

/// Whether a line begins an object without being indented.
fn begins_object(line: Option<&(u64, Line)>) -> bool {
    matches!(line, Some((_, Line::Whole(bytes) | Line::Cut(bytes))) if bytes.first() == Some(&b'{'))
}

/// JSON documents, one behind the other.
#[derive(Debug)]
struct Documents {
    text: Vec<u8>,
    at: usize,
    /// The line that `at` is in.
    line: u64,
    /// They are too large.
    refusal: Option<String>,
}

impl Documents {
    fn next(&mut self) -> Option<Place> {
        let rest = &self.text[self.at..];
        let blank = rest.len() - rest.trim_ascii_start().len();
        self.pass(blank);
        let rest = &self.text[self.at..];
        if rest.is_empty() {
            return None;
        }
        let line = self.line;
        if let Some(refusal) = self.refusal.take() {
            self.at = self.text.len();
            return Some((line, Err(refusal)));
        }
        let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<&RawValue>();
        let value = values.next()?;
        let length = values.byte_offset();
        match value.map(|value| value.get().as_bytes().to_vec()) {
            Ok(value) => {
                self.pass(length);
                Some((line, Ok(value)))
            }
            Err(error) => {
                let line = line + (error.line() as u64).saturating_sub(1);
                let reason = not_an_object(rest, &error);
                self.at = self.text.len();
                Some((line, Err(reason)))
            }
        }
    }

    fn pass(&mut self, bytes: usize) {
        let passed = &self.text[self.at..self.at + bytes];
        self.line += passed.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.at += bytes;
    }
}
