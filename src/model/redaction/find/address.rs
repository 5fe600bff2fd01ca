//! Addresses: e-mail, the passwords of URLs, IPv6. (IPv4 begins with a digit and is found there.)

use core::net::Ipv6Addr;

use super::{Search, Step};
use crate::model::redaction::detector::Detector;

/// The longest local part of an address (RFC 5321, 4.5.3.1.1), and what may stand before it in a URL.
const LOCAL: usize = 64;
const DOMAIN: usize = 255;
const URL: usize = 256;
/// The longest IPv6 address in text, with one of IPv4 in it.
const IPV6: usize = 45;

impl Search<'_> {
    /// At an `@`.
    pub(super) fn at_at(&self, at: usize) -> Step {
        if let Some(start) = self.user_and_password(at) {
            return self.found(start, at, Detector::UrlPassword);
        }
        let next = Step::On(at + 1);
        let mut start = self.run_back(at, LOCAL, is_of_local);
        // Neither begins in the middle of a character nor with a full stop.
        while start < at && (self.text[start] & 0xc0 == 0x80 || self.text[start] == b'.') {
            start += 1;
        }
        if start == at || &self.text[start..at] == b"git" {
            return next;
        }
        let Some(end) = self.domain(at + 1) else {
            return next;
        };
        self.found(start, end, Detector::Email)
    }

    /// The end of a domain of two labels or more whose last is no number.
    fn domain(&self, from: usize) -> Option<usize> {
        let most = self.text.len().min(from + DOMAIN);
        let is_of_label = |it: u8| it.is_ascii_alphanumeric() || it == b'-' || it >= 0x80;
        let mut end = None;
        let mut label = from;
        loop {
            let stop = self.run(label, is_of_label);
            if stop == label || stop > most {
                return end;
            }
            let is_top = self.text[label..stop]
                .iter()
                .all(|it| it.is_ascii_alphabetic() || *it >= 0x80)
                || self.starts_with(label, b"xn--");
            if label > from && is_top && stop - label >= 2 {
                end = Some(stop);
            }
            if self.text.get(stop) != Some(&b'.') {
                return end;
            }
            label = stop + 1;
        }
    }

    /// Where user and password begin in a URL that has both before this `@`.
    fn user_and_password(&self, at: usize) -> Option<usize> {
        let start = self.run_back(at, URL, |it| {
            it.is_ascii_graphic() && !b"@/\"'<>`".contains(&it)
        });
        let is_url = start >= self.floor + 3 && &self.text[start - 3..start] == b"://";
        let has_password = self.text[start..at].contains(&b':');
        (is_url && has_password).then_some(start)
    }

    /// At a colon.
    #[inline]
    pub(super) fn at_colon(&self, at: usize) -> Step {
        let next = Step::On(at + 1);
        let follows = self.text.get(at + 1).copied().unwrap_or_default();
        let precedes = self.before(at).unwrap_or_default();
        if follows != b':' && !(follows.is_ascii_hexdigit() && precedes.is_ascii_hexdigit()) {
            return next;
        }
        let start = self.run_back(at, 4, |it| it.is_ascii_hexdigit());
        let mut end = self.run(at, |it| it.is_ascii_hexdigit() || matches!(it, b':' | b'.'));
        let whole = end;
        let is_word = |it: u8| it.is_ascii_alphanumeric() || it == b'_';
        if self.before(start).is_some_and(is_word)
            || self.text.get(end).is_some_and(|it| is_word(*it))
            || end - start > IPV6 + 2
        {
            return Step::On(whole);
        }
        // What ends a sentence is not part of it.
        while matches!(self.text[end - 1], b'.') || self.ends_in_one_colon(start, end) {
            end -= 1;
        }
        let address = &self.text[start..end];
        // Of the groups of eight, only `::` leaves some out; times have two colons.
        let colons = address.iter().filter(|it| **it == b':').count();
        if colons < 6 && !address.windows(2).any(|it| it == b"::") {
            return Step::On(whole);
        }
        let known = std::str::from_utf8(address).ok();
        let Some(address) = known.and_then(|it| it.parse::<Ipv6Addr>().ok()) else {
            return Step::On(whole);
        };
        // Paths of Rust and C++ look like addresses without digits.
        let has_digit = self.text[start..end].iter().any(u8::is_ascii_digit);
        if address.is_loopback() || address.is_unspecified() || !has_digit {
            return Step::On(whole);
        }
        self.found(start, end, Detector::IpAddress)
    }

    fn ends_in_one_colon(&self, start: usize, end: usize) -> bool {
        self.text[start..end].ends_with(b":") && !self.text[start..end].ends_with(b"::")
    }
}

/// What stands before the `@` (RFC 5321 and 6531), but for what is hardly ever used and mostly belongs to
/// something else: slashes, quotes, equals signs.
fn is_of_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-' | b'\'' | b'~' | b'&')
        || byte >= 0x80
}
