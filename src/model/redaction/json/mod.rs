//! JSON, redacted in one walk: it stays JSON, and rules hold for the members of objects.
//!
//! Nothing is built of it: strings and numbers are looked at where they stand, and what must not stay is
//! replaced there. Texts within texts (a tool's arguments, say, which are JSON in a string of JSON) are
//! read as what they are.

mod members;

use std::ops::Range;

use self::members::Harmless;
use super::redactor::{Redactor, Scratch};
use super::rules::MASK;
use super::unescape::{Unescaped, find_either};
use crate::model::json_text::{is_space, is_word};

/// How deep objects and arrays may lie in each other, and JSON in strings of JSON. What is deeper is
/// masked as a whole.
const NESTING: usize = 256;
const TEXTS: usize = 8;

/// What came of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is no JSON.
    NotJson,
    /// Nothing is to be hidden in it.
    Clean,
    /// This is to stand in its place.
    Changed(Vec<u8>),
}

/// Whether a text begins as objects and arrays do.
pub(super) fn may_be_json(text: &[u8]) -> bool {
    let first = text.iter().find(|it| !is_space(**it));
    matches!(first, Some(b'{' | b'['))
}

/// Looks through a text that may be JSON.
pub(super) fn redact(
    redactor: &Redactor,
    text: &[u8],
    depth: usize,
    scratch: &mut Scratch,
) -> Outcome {
    if depth > TEXTS {
        return Outcome::Changed(format!("\"{MASK}\"").into_bytes());
    }
    let mut walk = Walk {
        redactor,
        text,
        at: 0,
        out: Vec::new(),
        copied: 0,
        changed: false,
        harmless: Harmless::default(),
        depth,
        scratch,
    };
    match walk.document() {
        None => Outcome::NotJson,
        Some(()) if !walk.changed => Outcome::Clean,
        Some(()) => {
            walk.out.extend_from_slice(&text[walk.copied..]);
            Outcome::Changed(walk.out)
        }
    }
}

struct Walk<'a, 's> {
    redactor: &'a Redactor,
    text: &'a [u8],
    at: usize,
    /// What is to stand in the place of the text up to `copied`.
    out: Vec<u8>,
    copied: usize,
    changed: bool,
    harmless: Harmless,
    depth: usize,
    scratch: &'s mut Scratch,
}

/// `None`: it is no JSON.
type Walked = Option<()>;

impl Walk<'_, '_> {
    fn document(&mut self) -> Walked {
        // Open objects (true) and arrays.
        let mut open: Vec<bool> = Vec::new();
        loop {
            // A value stands here, or the end of an empty array.
            self.space();
            let is_object = match self.peek()? {
                b'{' => true,
                b'[' => false,
                b']' if open.last() == Some(&false) && self.is_after(b'[') => {
                    self.close(&mut open)?;
                    if self.between(&mut open)? {
                        continue;
                    }
                    return Some(());
                }
                _ => {
                    self.scalar()?;
                    if self.between(&mut open)? {
                        continue;
                    }
                    return Some(());
                }
            };
            if open.len() == NESTING {
                self.mask_all();
                return Some(());
            }
            self.at += 1;
            open.push(is_object);
            if !is_object {
                continue;
            }
            self.space();
            if self.peek()? == b'}' {
                self.close(&mut open)?;
                if self.between(&mut open)? {
                    continue;
                }
                return Some(());
            }
            if !self.member(&mut open)? {
                return Some(());
            }
        }
    }

    /// Whether the last that is no space is this byte.
    fn is_after(&self, byte: u8) -> bool {
        self.text[..self.at].iter().rev().find(|it| !is_space(**it)) == Some(&byte)
    }

    fn close(&mut self, open: &mut Vec<bool>) -> Walked {
        self.at += 1;
        open.pop().map(|_| ())
    }

    /// Goes on behind a value, to the next; `false` where that was the end of all.
    fn between(&mut self, open: &mut Vec<bool>) -> Option<bool> {
        loop {
            self.space();
            let Some(is_object) = open.last().copied() else {
                return (self.at == self.text.len()).then_some(false);
            };
            match (self.peek()?, is_object) {
                (b',', false) => {
                    self.at += 1;
                    self.space();
                    return (self.peek()? != b']').then_some(true);
                }
                (b',', true) => {
                    self.at += 1;
                    return self.member(open);
                }
                (b']', false) | (b'}', true) => self.close(open)?,
                _ => return None,
            }
        }
    }

    /// Passes over a value without looking at it.
    fn skip_value(&mut self) -> Walked {
        let mut open: Vec<bool> = Vec::new();
        loop {
            self.space();
            match self.peek()? {
                byte @ (b'{' | b'[') => {
                    open.push(byte == b'{');
                    if open.len() > NESTING {
                        return None;
                    }
                    self.at += 1;
                    continue;
                }
                b'}' | b']' => {
                    if open.pop()? != (self.peek()? == b'}') {
                        return None;
                    }
                    self.at += 1;
                }
                b',' | b':' if !open.is_empty() => {
                    self.at += 1;
                    continue;
                }
                b'"' => {
                    self.string()?;
                }
                _ => {
                    self.word()?;
                }
            }
            if open.is_empty() {
                return Some(());
            }
        }
    }

    fn scalar(&mut self) -> Walked {
        if self.peek()? == b'"' {
            return self.text();
        }
        let word = self.word()?;
        // Numbers of cards are long enough to be told from others, and whole.
        let text = self.text;
        let digits = text[word.clone()].iter().skip_while(|it| **it == b'-');
        if word.len() >= 13
            && digits.take_while(|it| it.is_ascii_digit()).count() >= 13
            && self
                .redactor
                .is_card(self.scratch.key(), &text[word.clone()])
        {
            let label = format!("\"{}\"", super::Detector::Card.label());
            self.replace(word, label.as_bytes());
        }
        Some(())
    }

    /// Hides what is to be hidden in the string that begins here.
    fn text(&mut self) -> Walked {
        let start = self.at + 1;
        let len = find_either(self.text.get(start..)?, b'"', b'\\');
        if self.text.get(start + len)? == &b'"' {
            self.at = start + len + 1;
            self.look_at(start..start + len);
            return Some(());
        }
        let mut plain = self.scratch.take_unescaped();
        let len = plain.read_string(&self.text[start..]);
        let read = len.map(|len| {
            self.at = start + len + 1;
            self.look_at_plain(start..start + len, &plain);
        });
        self.scratch.give_back(plain);
        read
    }

    /// Hides what is to be hidden in a string without escapes.
    fn look_at(&mut self, inner: Range<usize>) {
        let raw = &self.text[inner.clone()];
        let ranges = self.redactor.search(raw, self.scratch);
        self.replace_all(inner.start, &ranges);
    }

    /// Hides what is to be hidden in a string with escapes, which `plain` is without them.
    fn look_at_plain(&mut self, inner: Range<usize>, plain: &Unescaped) {
        let redactor = self.redactor;
        if may_be_json(&plain.text) {
            match redact(redactor, &plain.text, self.depth + 1, self.scratch) {
                Outcome::NotJson => {}
                Outcome::Clean => return,
                Outcome::Changed(changed) => return self.replace(inner, &escaped(&changed)),
            }
        }
        let raw = &self.text[inner.clone()];
        let ranges = redactor.search_levels(raw, plain, self.scratch);
        self.replace_all(inner.start, &ranges);
    }

    fn replace_all(&mut self, offset: usize, ranges: &[(Range<usize>, &'static str)]) {
        for (range, label) in ranges {
            self.replace(offset + range.start..offset + range.end, label.as_bytes());
        }
    }

    fn replace(&mut self, range: Range<usize>, with: &[u8]) {
        self.changed = true;
        self.out
            .extend_from_slice(&self.text[self.copied..range.start]);
        self.out.extend_from_slice(with);
        self.copied = range.end;
    }

    fn mask_all(&mut self) {
        self.redactor.masked(None, self.scratch.spot(self.text));
        self.copied = 0;
        self.out.clear();
        self.replace(0..self.text.len(), format!("\"{MASK}\"").as_bytes());
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while self.peek().is_some_and(is_space) {
            self.at += 1;
        }
    }

    /// What is between the quotes of the string that begins here, and whether there are escapes in it.
    #[inline]
    fn string(&mut self) -> Option<(Range<usize>, bool)> {
        if self.peek()? != b'"' {
            return None;
        }
        let start = self.at + 1;
        let mut at = start;
        let mut is_escaped = false;
        loop {
            at += find_either(&self.text[at..], b'"', b'\\');
            match self.text.get(at)? {
                b'"' => break,
                // Whatever is escaped, it is no end of the string.
                _ => {
                    is_escaped = true;
                    at += 2;
                }
            }
            if at > self.text.len() {
                return None;
            }
        }
        self.at = at + 1;
        Some((start..at, is_escaped))
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        let is_of_word = |it: &u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'+' | b'.');
        let rest = self.text[start..].iter();
        self.at += rest.take_while(|it| is_of_word(it)).count();
        is_word(&self.text[start..self.at]).then_some(start..self.at)
    }
}

/// A text as it stands within a string (RFC 8259, 7).
fn escaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + text.len() / 8);
    for byte in text {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(*byte),
        }
    }
    out
}
