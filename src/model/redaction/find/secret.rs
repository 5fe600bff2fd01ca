//! Keys, tokens and private keys.

use super::{Search, Step};
use crate::model::redaction::detector::Detector;

/// Beginnings of keys, each with the fewest letters, digits, `-` and `_` that follow in a real one. The
/// first `-`, `_` or `.` of each is where it is recognised.
const PREFIXES: &[(&[u8], usize)] = &[
    // Models.
    (b"sk-", 16),
    (b"csk-", 20),
    (b"fw_", 20),
    (b"gsk_", 20),
    (b"hf_", 20),
    (b"jina_", 20),
    (b"lsv2_", 20),
    (b"nvapi-", 20),
    (b"pplx-", 20),
    (b"r8_", 20),
    (b"tvly-", 16),
    (b"xai-", 20),
    // Code and packages.
    (b"dckr_pat_", 16),
    (b"ghp_", 20),
    (b"gho_", 20),
    (b"ghu_", 20),
    (b"ghs_", 20),
    (b"ghr_", 20),
    (b"github_pat_", 20),
    (b"glpat-", 16),
    (b"gldt-", 16),
    (b"glrt-", 16),
    (b"glptt-", 16),
    (b"glsoat-", 16),
    (b"glcbt-", 16),
    (b"npm_", 20),
    (b"pypi-", 20),
    (b"rubygems_", 20),
    (b"sgp_", 20),
    // Clouds and their services.
    (b"AGE-SECRET-KEY-1", 20),
    (b"dop_v1_", 20),
    (b"doo_v1_", 20),
    (b"dor_v1_", 20),
    (b"GOCSPX-", 20),
    (b"hvs.", 20),
    (b"hvb.", 20),
    (b"hvr.", 20),
    (b"pscale_tkn_", 20),
    (b"pscale_pw_", 20),
    (b"sbp_", 20),
    (b"tskey-", 16),
    (b"ya29.", 20),
    // Talk, mail, work.
    (b"figd_", 20),
    (b"glc_", 20),
    (b"glsa_", 20),
    (b"key-", 32),
    (b"lin_api_", 20),
    (b"ntn_", 20),
    (b"ops_", 20),
    (b"PMAK-", 20),
    (b"SG.", 20),
    (b"secret_", 32),
    (b"sntrys_", 20),
    (b"xapp-", 10),
    (b"xoxa-", 10),
    (b"xoxb-", 10),
    (b"xoxe-", 10),
    (b"xoxp-", 10),
    (b"xoxr-", 10),
    (b"xoxs-", 10),
    // Money.
    (b"rk_live_", 16),
    (b"rk_test_", 16),
    (b"shpat_", 20),
    (b"shpca_", 20),
    (b"shppa_", 20),
    (b"shpss_", 20),
    (b"sk_live_", 16),
    (b"sk_test_", 16),
    (b"sq0atp-", 16),
    (b"sq0csp-", 16),
    (b"whsec_", 20),
];

/// The letters and digits that a beginning has before its first mark.
const LEAD: std::ops::RangeInclusive<usize> = 2..=8;

/// The last two bytes before that mark: of nearly all words with a hyphen, one look says that they begin
/// no key.
struct LeadEnds([u64; 1024]);

impl LeadEnds {
    const fn place(first: u8, second: u8) -> (usize, u64) {
        let pair = (first as usize) << 8 | second as usize;
        (pair / 64, 1 << (pair % 64))
    }

    #[inline]
    fn has(&self, first: u8, second: u8) -> bool {
        let (word, bit) = Self::place(first, second);
        self.0[word] & bit != 0
    }
}

/// Where the first mark of a beginning stands.
const fn first_mark(prefix: &[u8]) -> usize {
    let mut at = 0;
    while prefix[at] != b'-' && prefix[at] != b'_' && prefix[at] != b'.' {
        at += 1;
    }
    at
}

static LEAD_ENDS: LeadEnds = {
    let mut ends = [0; 1024];
    let mut entry = 0;
    while entry < PREFIXES.len() {
        let prefix = PREFIXES[entry].0;
        let at = first_mark(prefix);
        assert!(at >= *LEAD.start() && at <= *LEAD.end());
        let (word, bit) = LeadEnds::place(prefix[at - 2], prefix[at - 1]);
        ends[word] |= bit;
        entry += 1;
    }
    LeadEnds(ends)
};

/// By the first byte, how many there are before that mark: a bit for each length.
static LEADS: [u16; 256] = {
    let mut leads = [0; 256];
    let mut entry = 0;
    while entry < PREFIXES.len() {
        let prefix = PREFIXES[entry].0;
        let at = first_mark(prefix);
        leads[prefix[0] as usize] |= 1 << at;
        entry += 1;
    }
    leads
};

/// Whether a beginning of a key has this byte before its first mark.
pub(super) const fn ends_lead(byte: u8) -> bool {
    let mut entry = 0;
    while entry < PREFIXES.len() {
        let prefix = PREFIXES[entry].0;
        let at = first_mark(prefix);
        if prefix[at - 1] == byte {
            return true;
        }
        entry += 1;
    }
    false
}

const BEGIN: &[u8] = b"-----BEGIN ";
const DASHES: usize = 5;
const END: &[u8] = b"-----END ";
const MARK: &[u8] = b"PRIVATE KEY";
/// What stands between `BEGIN` and the end of the first line: `ENCRYPTED PRIVATE KEY-----`.
const HEADER: usize = 64;

impl Search<'_> {
    /// At a hyphen, an underline or a full stop between words.
    #[inline]
    pub(super) fn at_prefix(&self, at: usize) -> Step {
        if at < self.floor + LEAD.start() || !LEAD_ENDS.has(self.text[at - 2], self.text[at - 1]) {
            return Step::On(at + 1);
        }
        let start = self.run_back(at, LEAD.end() + 1, |it| it.is_ascii_alphanumeric());
        let len = at - start;
        if !LEAD.contains(&len) || LEADS[usize::from(self.text[start])] & 1 << len == 0 {
            return Step::On(at + 1);
        }
        let known = PREFIXES
            .iter()
            .find(|(prefix, _)| self.starts_with(start, prefix));
        let Some((prefix, least)) = known else {
            return Step::On(at + 1);
        };
        let body = start + prefix.len();
        let end = match self.text[at] {
            b'.' => self.dotted(body),
            _ => self.run(body, is_of_key),
        };
        match end - body >= *least {
            true => self.found(start, end, Detector::ApiKey),
            false => Step::On(at + 1),
        }
    }

    /// The end of parts of a key with full stops between them.
    fn dotted(&self, from: usize) -> usize {
        let mut end = self.run(from, is_of_key);
        while self.text.get(end) == Some(&b'.') {
            let next = self.run(end + 1, is_of_key);
            if next == end + 1 {
                break;
            }
            end = next;
        }
        end
    }

    /// At the `B` of `-----BEGIN`, or of a scheme behind a hyphen.
    pub(super) fn at_block(&self, scheme: usize) -> Step {
        let start = scheme.checked_sub(DASHES).filter(|it| *it >= self.floor);
        let Some(at) = start.filter(|it| self.starts_with(*it, BEGIN)) else {
            return self.at_scheme(scheme);
        };
        let header = at + BEGIN.len();
        let line = &self.text[header..self.text.len().min(header + HEADER)];
        if position(line, MARK).is_none() {
            return Step::On(header);
        }
        let end = match position(&self.text[header..], END) {
            Some(found) => {
                let name = self.run(header + found + END.len(), |it| it != b'-' && it != b'\n');
                self.run(name, |it| it == b'-')
            }
            None => self.text.len(),
        };
        self.found(at, end, Detector::PrivateKey)
    }

    /// At an `I`: `AKIA` and `ASIA` of AWS, `AIza` of Google.
    #[inline]
    pub(super) fn at_cloud(&self, at: usize) -> Step {
        let next = Step::On(at + 1);
        let start = match self.before(at) {
            Some(b'K' | b'S') if self.starts_with(at, b"IA") => {
                match self.before(at - 1) == Some(b'A') {
                    true => at - 2,
                    false => return next,
                }
            }
            Some(b'A') if self.starts_with(at, b"Iza") => at - 1,
            _ => return next,
        };
        if self.is_within_word(start) {
            return next;
        }
        let end = match self.text[at + 1] {
            b'A' => self.run(start + 4, |it| {
                it.is_ascii_uppercase() || it.is_ascii_digit()
            }),
            _ => self.run(start + 4, is_of_key),
        };
        let least = if self.text[at + 1] == b'A' { 16 } else { 30 };
        match end - (start + 4) >= least {
            true => self.found(start, end, Detector::ApiKey),
            false => next,
        }
    }

    /// At a `J`: the `eyJ` that every JSON Web Token begins with, `{"` in Base64.
    #[inline]
    pub(super) fn at_token(&self, at: usize) -> Step {
        let next = Step::On(at + 1);
        if at < self.floor + 2 || &self.text[at - 2..at] != b"ey" {
            return next;
        }
        let start = at - 2;
        if self.before(start).is_some_and(is_of_key) {
            return next;
        }
        let header = self.run(at, is_of_key);
        let payload = self.run(header + 1, is_of_key);
        let is_dotted = |at: usize| self.text.get(at) == Some(&b'.');
        if !is_dotted(header) || !is_dotted(payload) || header - start < 10 {
            return Step::On(header);
        }
        // What follows is the signature, which may be empty, or the rest of an encrypted token.
        let mut end = self.run(payload + 1, is_of_key);
        for _ in 0..2 {
            let further = self.run(end + 1, is_of_key);
            if !is_dotted(end) || further == end + 1 {
                break;
            }
            end = further;
        }
        self.found(start, end, Detector::Jwt)
    }

    /// At a `b` or `B`: the schemes of `Authorization`.
    #[inline]
    pub(super) fn at_scheme(&self, at: usize) -> Step {
        let next = Step::On(at + 1);
        let word = |word: &[u8]| {
            let there = self.text.get(at..at + word.len());
            there.is_some_and(|it| it.eq_ignore_ascii_case(word))
        };
        let (scheme, is_basic) = match self.text.get(at + 1) {
            Some(b'e' | b'E') if word(b"bearer") => (at + 6, false),
            Some(b'a' | b'A') if word(b"basic") => (at + 5, true),
            _ => return next,
        };
        let start = self.run(scheme, |it| matches!(it, b' ' | b'\t' | b':' | b'='));
        if self.is_within_word(at) || start == scheme {
            return next;
        }
        let end = self.run(start, is_of_credentials);
        let credentials = &self.text[start..end];
        let has = |of: fn(&u8) -> bool| credentials.iter().any(of);
        // A word may begin with a capital.
        let has_capitals = credentials.iter().skip(1).any(u8::is_ascii_uppercase);
        let is_random = has(u8::is_ascii_digit)
            || has(|it| *it == b'=')
            || (has_capitals && has(u8::is_ascii_lowercase));
        let is_one = match is_basic {
            true => credentials.len() >= 8 && is_random,
            false => credentials.len() >= 32 || credentials.len() >= 8 && is_random,
        };
        match is_one {
            true => self.found(start, end, Detector::BearerToken),
            false => Step::On(start),
        }
    }
}

/// Letters, digits and marks of keys, and of Base64 in URLs.
#[inline]
pub(super) fn is_of_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// `token68` of RFC 9110.
fn is_of_credentials(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'+' | b'/' | b'=')
}

fn position(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|it| it == what)
}
