//! Finds secrets and personal data in a text by their form, in one pass.
//!
//! A table says of each byte whether something can be recognised there: a digit, an `@`, a hyphen. All
//! other bytes, which are nearly all of a prompt, cost one look into the table. At such an anchor the
//! neighbourhood is read, forwards and back to the last finding at most.
//!
//! Works on bytes, so that what is no UTF-8 is searched as well; every finding begins and ends between
//! characters. Holds: nothing. Never allocates but for findings, never panics on any input, and takes
//! time that grows with the length of the text alone.

mod address;
mod number;
mod secret;

use super::detector::{Detector, Detectors};

/// Where something stands in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) detector: Detector,
}

/// What an anchor may be part of.
const DIGIT: u8 = 1;
const AT: u8 = 2;
const COLON: u8 = 3;
/// The end of the beginning of a key: `sk-`, `ghp_`, `hvs.`.
const PREFIX: u8 = 4;
/// `AKIA`, `AIza`.
const CLOUD: u8 = 5;
/// `eyJ`.
const TOKEN: u8 = 6;
/// `Bearer`, `Basic`.
const SCHEME: u8 = 7;

const ANCHORS: [u8; 256] = {
    let mut anchors = [0; 256];
    let mut digit = b'0';
    while digit <= b'9' {
        anchors[digit as usize] = DIGIT;
        digit += 1;
    }
    anchors[b'@' as usize] = AT;
    anchors[b':' as usize] = COLON;
    anchors[b'-' as usize] = PREFIX;
    anchors[b'_' as usize] = PREFIX;
    anchors[b'.' as usize] = PREFIX;
    anchors[b'I' as usize] = CLOUD;
    anchors[b'J' as usize] = TOKEN;
    anchors[b'b' as usize] = SCHEME;
    anchors[b'B' as usize] = SCHEME;
    anchors
};

/// A text, with how far it has been settled.
struct Search<'a> {
    text: &'a [u8],
    wanted: Detectors,
    /// The end of the last finding: nothing before it is looked at again.
    floor: usize,
}

/// What an anchor came to.
enum Step {
    /// Something stands there.
    Found(Finding),
    /// Nothing does, up to here.
    On(usize),
}

/// Adds what stands in `text` to `found`, in order; no two findings overlap.
pub(crate) fn find(text: &[u8], wanted: Detectors, found: &mut Vec<Finding>) {
    let mut search = Search {
        text,
        wanted,
        floor: 0,
    };
    let mut at = 0;
    while let Some(skipped) = anchor(&text[at..]) {
        at += skipped;
        let step = match ANCHORS[usize::from(text[at])] {
            DIGIT => search.at_digit(at),
            AT => search.at_at(at),
            COLON => search.at_colon(at),
            PREFIX => search.at_prefix(at),
            CLOUD => search.at_cloud(at),
            TOKEN => search.at_token(at),
            _ => search.at_scheme(at),
        };
        at = match step {
            Step::On(next) => next.max(at + 1),
            Step::Found(finding) => {
                search.floor = finding.end;
                found.push(finding);
                finding.end.max(at + 1)
            }
        };
    }
}

/// How far away the next anchor is.
#[inline]
fn anchor(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    // Eight looks without a branch in between: most stretches have no anchor.
    while let Some(block) = text.get(at..at + 8) {
        let any = block
            .iter()
            .fold(0, |any, byte| any | ANCHORS[usize::from(*byte)]);
        if any != 0 {
            break;
        }
        at += 8;
    }
    let rest = text[at..].iter();
    let found = rest.map(|byte| ANCHORS[usize::from(*byte)]);
    found.into_iter().position(|it| it != 0).map(|it| at + it)
}

impl<'a> Search<'a> {
    /// The byte before a position that may still be looked at.
    #[inline]
    fn before(&self, at: usize) -> Option<u8> {
        (at > self.floor).then(|| self.text[at - 1])
    }

    /// Whether a letter or digit stands before a position: what begins there is no word of its own.
    #[inline]
    fn is_within_word(&self, at: usize) -> bool {
        self.before(at).is_some_and(|it| it.is_ascii_alphanumeric())
    }

    /// The end of the run of bytes that `belongs` says yes to.
    #[inline]
    fn run(&self, from: usize, belongs: impl Fn(u8) -> bool) -> usize {
        let rest = self.text.get(from..).unwrap_or_default();
        let len = rest.iter().position(|byte| !belongs(*byte));
        from + len.unwrap_or(rest.len())
    }

    /// The start of the run before `from`, of `most` bytes at most.
    #[inline]
    fn run_back(&self, from: usize, most: usize, belongs: impl Fn(u8) -> bool) -> usize {
        let lowest = self.floor.max(from.saturating_sub(most));
        let before = &self.text[lowest.min(from)..from];
        let len = before.iter().rev().position(|byte| !belongs(*byte));
        from - len.unwrap_or(before.len())
    }

    #[inline]
    fn starts_with(&self, from: usize, what: &[u8]) -> bool {
        self.text.get(from..).is_some_and(|it| it.starts_with(what))
    }

    fn found(&self, start: usize, end: usize, detector: Detector) -> Step {
        match self.wanted.has(detector) {
            true => Step::Found(Finding {
                start,
                end,
                detector,
            }),
            false => Step::On(end),
        }
    }
}

#[cfg(test)]
mod tests;
