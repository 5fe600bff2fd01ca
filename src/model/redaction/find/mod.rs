//! Finds secrets and personal data in a text by their form, in one pass.
//!
//! Tables say of each byte and the two beside it whether something can be recognised there: the first digit
//! of a number, an `@` between words. All other bytes, which are nearly all of a prompt, cost three looks
//! into tables and no branch. At such an anchor the neighbourhood is read, forwards and back to the last
//! finding at most.
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

/// What may be recognised at a byte, each by that byte and the two beside it.
const DIGIT: u16 = 1;
/// Behind two letters: a bank account.
const ACCOUNT: u16 = 1 << 1;
const AT: u16 = 1 << 2;
const COLON: u16 = 1 << 3;
const COLONS: u16 = 1 << 4;
/// The end of the beginning of a key: `sk-`, `ghp_`, `hvs.`.
const PREFIX: u16 = 1 << 5;
/// `AKIA`, `AIza`.
const CLOUD: u16 = 1 << 6;
/// `eyJ`.
const TOKEN: u16 = 1 << 7;
/// `Bearer`, `Basic`.
const SCHEME: u16 = 1 << 9;
/// `-----BEGIN`, or a scheme after all.
const BLOCK: u16 = 1 << 8;

/// What each byte can be, what it can stand behind, and what it can stand before.
struct Tables {
    here: [u16; 256],
    behind: [u16; 256],
    before: [u16; 256],
}

static TABLES: Tables = {
    let (mut here, mut behind, mut before) = ([0; 256], [0; 256], [0; 256]);
    let mut index = 0;
    while index < 256 {
        let byte = index as u8;
        here[index] = match byte {
            b'0'..=b'9' => DIGIT | ACCOUNT,
            b'@' => AT,
            b':' => COLON | COLONS,
            b'-' | b'_' | b'.' => PREFIX,
            b'I' => CLOUD,
            b'J' => TOKEN,
            b'B' => SCHEME | BLOCK,
            b'b' => SCHEME,
            _ => 0,
        };
        let is_word = byte.is_ascii_alphanumeric();
        let is_text = byte > b' ' && !matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>');
        behind[index] = when(!is_word, DIGIT | SCHEME)
            | when(byte.is_ascii_uppercase(), ACCOUNT)
            | when(is_text, AT)
            | when(byte.is_ascii_hexdigit(), COLON)
            | when(!is_word || byte.is_ascii_hexdigit(), COLONS)
            | when(secret::ends_lead(byte), PREFIX)
            | when(matches!(byte, b'K' | b'S' | b'A'), CLOUD)
            | when(byte == b'y', TOKEN)
            | when(byte == b'-', BLOCK);
        before[index] = when(byte.is_ascii_digit() || is_separator(byte), DIGIT)
            | when(byte.is_ascii_digit(), ACCOUNT)
            | when(is_word || byte >= 0x80 || byte == b'[', AT)
            | when(byte.is_ascii_hexdigit() || byte == b':', COLON)
            | when(byte == b':', COLONS)
            | when(is_word, PREFIX)
            | when(matches!(byte, b'A' | b'z'), CLOUD)
            | when(is_word, TOKEN)
            | when(matches!(byte, b'e' | b'E' | b'a' | b'A'), SCHEME)
            | when(byte == b'E', BLOCK);
        index += 1;
    }
    Tables {
        here,
        behind,
        before,
    }
};

const fn when(holds: bool, what: u16) -> u16 {
    if holds { what } else { 0 }
}

/// What may stand between the groups of a number.
const fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'/' | b')')
}

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
    if wanted.is_empty() || text.is_empty() {
        return;
    }
    let mut search = Search {
        text,
        wanted,
        floor: 0,
    };
    let mut at = 0;
    while let Some((anchor, may_be)) = anchor(text, at) {
        at = anchor;
        let step = match may_be & may_be.wrapping_neg() {
            DIGIT => search.at_digit(at),
            ACCOUNT => search.at_account(at),
            AT => search.at_at(at),
            COLON | COLONS => search.at_colon(at),
            PREFIX => search.at_prefix(at),
            CLOUD => search.at_cloud(at),
            TOKEN => search.at_token(at),
            SCHEME => search.at_scheme(at),
            _ => search.at_block(at),
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

/// So many bytes are looked at without a branch in between, with the one before and the one behind them.
const BLOCK_LEN: usize = 8;
type Block = [u8; BLOCK_LEN + 2];

/// The first anchor from `at` on, and what it may be.
#[inline]
fn anchor(text: &[u8], mut at: usize) -> Option<(usize, u16)> {
    while at < text.len() {
        let whole = at
            .checked_sub(1)
            .and_then(|before| text[before..].first_chunk());
        let found = match whole {
            Some(block) => anchor_in(block),
            None => anchor_in(&padded(text, at)),
        };
        if let Some((index, may_be)) = found {
            return Some((at + index, may_be));
        }
        at += BLOCK_LEN;
    }
    None
}

#[inline]
fn anchor_in(block: &Block) -> Option<(usize, u16)> {
    let may_be = |index: usize| {
        TABLES.behind[usize::from(block[index])]
            & TABLES.here[usize::from(block[index + 1])]
            & TABLES.before[usize::from(block[index + 2])]
    };
    if (0..BLOCK_LEN).fold(0, |any, index| any | may_be(index)) == 0 {
        return None;
    }
    (0..BLOCK_LEN)
        .map(|index| (index, may_be(index)))
        .find(|(_, may_be)| *may_be != 0)
}

/// The block at the beginning or the end of a text, and all of a short one: zeros, at which nothing can be
/// recognised, stand for the bytes that there are not.
#[inline]
fn padded(text: &[u8], at: usize) -> Block {
    let mut block = [0; BLOCK_LEN + 2];
    let (from, first) = (at.saturating_sub(1), usize::from(at == 0));
    for (byte, known) in block[first..].iter_mut().zip(&text[from..]) {
        *byte = *known;
    }
    block
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
