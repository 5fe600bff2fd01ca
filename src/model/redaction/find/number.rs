//! Numbers: cards, telephones, bank accounts, IPv4.

use super::{Search, Step, is_separator};
use crate::model::redaction::detector::Detector;

/// Groups of digits that are read as one number, and their digits.
const GROUPS: usize = 8;
const DIGITS: usize = 20;

/// Digits in groups, with one mark between two of them.
struct Grouped {
    /// Where each group begins and ends.
    groups: [(usize, usize); GROUPS],
    count: usize,
}

impl Grouped {
    /// How many digits each group has; 0 for those that are not there.
    fn lengths(&self) -> [usize; GROUPS] {
        let mut lengths = [0; GROUPS];
        for (length, (start, end)) in lengths.iter_mut().zip(self.groups()) {
            *length = end - start;
        }
        lengths
    }

    fn groups(&self) -> &[(usize, usize)] {
        &self.groups[..self.count]
    }

    fn end(&self) -> usize {
        self.groups[self.count - 1].1
    }

    fn digits(&self) -> usize {
        self.lengths().iter().sum()
    }

    /// The first groups.
    fn first(&self, count: usize) -> Self {
        Self {
            groups: self.groups,
            count,
        }
    }
}

impl Search<'_> {
    /// At a digit.
    #[inline]
    pub(super) fn at_digit(&self, at: usize) -> Step {
        let is_digit = |it: u8| it.is_ascii_digit();
        let precedes = self.before(at);
        let end = self.run(at, is_digit);
        let follows = self.text.get(end).copied().unwrap_or_default();
        if follows.is_ascii_alphabetic() || follows == b'_' {
            // A word or a hash; or the beginning of an IPv6 address, which its first colon tells.
            return Step::On(self.run(end, |it| it.is_ascii_alphanumeric()));
        }
        let is_fraction =
            precedes == Some(b'.') && at >= self.floor + 2 && self.text[at - 2].is_ascii_digit();
        if is_fraction || !(is_separator(follows) || end - at >= 8) {
            return Step::On(end);
        }
        if follows == b'.'
            && end - at <= 3
            && let Some(end) = self.ipv4(at)
        {
            return self.found(at, end, Detector::IpAddress);
        }
        if !self.may_be_grouped(at, end) {
            return Step::On(end);
        }
        let grouped = self.grouped(at, end);
        if let Some(end) = self.card(&grouped) {
            return self.found(at, end, Detector::Card);
        }
        if let Some((start, end)) = self.phone(at, &grouped) {
            return self.found(start, end, Detector::Phone);
        }
        Step::On(end)
    }

    /// Whether digits can begin the number of a card or of a telephone, by how many they are: of years, days
    /// and amounts, that says no.
    #[inline]
    fn may_be_grouped(&self, at: usize, end: usize) -> bool {
        let opens = self.before(at) == Some(b'(');
        if self.before(at - usize::from(opens)) == Some(b'+') {
            return true;
        }
        if self.starts_with(at, b"00") {
            return true;
        }
        match (self.text[at], end - at) {
            (_, 13..) => true,
            (_, 1 | 3) => self.digits_follow(end, 3),
            (b'0', 2..=5) => self.digits_follow(end, 3) || end - at == 2 && self.pair_follows(end),
            (b'0', _) => true,
            (b'2'..=b'6', 4) => self.digits_follow(end, 4),
            _ => false,
        }
    }

    /// Whether two digits follow with a mark behind them.
    fn pair_follows(&self, end: usize) -> bool {
        let marks = self.text[end..].iter().take(4);
        let start = end + marks.take_while(|it| !it.is_ascii_digit()).count();
        let pair = self.text.get(start..start + 3);
        pair.is_some_and(|it| it[..2].iter().all(u8::is_ascii_digit) && is_separator(it[2]))
    }

    /// Whether a group of so many digits or more follows, behind the marks that may stand before it.
    fn digits_follow(&self, end: usize, count: usize) -> bool {
        let marks = self.text[end..].iter().take(4);
        let start = end + marks.take_while(|it| !it.is_ascii_digit()).count();
        let group = self.text.get(start..start + count);
        group.is_some_and(|it| it.iter().all(u8::is_ascii_digit))
    }

    /// At a digit behind a letter: bank accounts begin with two.
    pub(super) fn at_account(&self, at: usize) -> Step {
        let word = self.run(at, |it| it.is_ascii_alphanumeric());
        let is_start = at >= self.floor + 2
            && self.text[at - 2..at].iter().all(u8::is_ascii_uppercase)
            && !self.is_within_word(at - 2)
            && self.text.get(at + 1).is_some_and(u8::is_ascii_digit);
        if is_start && let Some(end) = self.iban(at - 2) {
            return self.found(at - 2, end, Detector::Iban);
        }
        Step::On(word)
    }

    fn grouped(&self, start: usize, end: usize) -> Grouped {
        let mut grouped = Grouped {
            groups: [(start, end); GROUPS],
            count: 1,
        };
        let mut digits = end - start;
        while grouped.count < GROUPS && digits < DIGITS {
            let mut next = grouped.end();
            if !self.text.get(next).is_some_and(|it| is_separator(*it)) {
                break;
            }
            next += 1;
            // `(030) 123` and `030 - 123` have two marks or three.
            let more = self.run(next, |it| matches!(it, b' ' | b'-' | b'('));
            if more - next <= 2 {
                next = more;
            }
            let end = self.run(next, |it| it.is_ascii_digit());
            let is_word = |it: &u8| it.is_ascii_alphabetic() || *it == b'_';
            if end == next || self.text.get(end).is_some_and(is_word) {
                break;
            }
            grouped.groups[grouped.count] = (next, end);
            grouped.count += 1;
            digits += end - next;
        }
        grouped
    }

    /// The end of a card's number: in one piece, or in the groups that cards print.
    fn card(&self, grouped: &Grouped) -> Option<usize> {
        let first = self.text[grouped.groups[0].0];
        if !(b'2'..=b'6').contains(&first) {
            return None;
        }
        let longest = (1..=grouped.count).rev().map(|count| grouped.first(count));
        let mut cards = longest.filter(|it| (13..=19).contains(&it.digits()) && is_card_form(it));
        cards.find(|it| self.luhn(it)).map(|it| it.end())
    }

    /// Whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B).
    fn luhn(&self, grouped: &Grouped) -> bool {
        let digits = grouped.groups().iter().rev();
        let digits = digits.flat_map(|(start, end)| self.text[*start..*end].iter().rev());
        let sum: u32 = digits
            .zip([false, true].into_iter().cycle())
            .map(|(digit, doubled)| {
                let digit = u32::from(digit - b'0') << u32::from(doubled);
                digit / 10 + digit % 10
            })
            .sum();
        sum.is_multiple_of(10)
    }

    /// Where a telephone number begins and ends.
    fn phone(&self, at: usize, grouped: &Grouped) -> Option<(usize, usize)> {
        let open = self.before(at) == Some(b'(');
        let start = at - usize::from(open);
        let digits = &self.text[at..];
        let is_international = self.before(start) == Some(b'+');
        if is_international {
            let most = (1..=grouped.count).rev().map(|count| grouped.first(count));
            let mut numbers = most.filter(|it| (8..=15).contains(&it.digits()));
            return numbers.next().map(|it| (start - 1, it.end()));
        }
        if !matches!(grouped.count, 1..=6) {
            return None;
        }
        let total = grouped.digits();
        let is_one = match digits {
            [b'0', b'0', b'1'..=b'9', ..] => (11..=17).contains(&total),
            [b'0', b'1'..=b'9', ..] => (9..=12).contains(&total) && is_national(grouped),
            _ => is_north_american(grouped),
        };
        let has_dots = grouped
            .groups()
            .windows(2)
            .any(|it| self.text[it[0].1] == b'.');
        let is_date = has_dots && digits[0] == b'0';
        (is_one && !is_date).then(|| (start, grouped.end()))
    }

    /// The end of an IPv4 address, but for those of the machine itself and of nobody.
    fn ipv4(&self, at: usize) -> Option<usize> {
        let mut end = at;
        let mut octets = [0u32; 4];
        for (index, octet) in octets.iter_mut().enumerate() {
            if index > 0 {
                if self.text.get(end) != Some(&b'.') {
                    return None;
                }
                end += 1;
            }
            let stop = self.run(end, |it| it.is_ascii_digit());
            if !(1..=3).contains(&(stop - end)) {
                return None;
            }
            let digits = self.text[end..stop].iter();
            *octet = digits.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
            end = stop;
        }
        let follows = |at: usize| self.text.get(at).copied().unwrap_or_default();
        let goes_on = follows(end).is_ascii_alphanumeric()
            || follows(end) == b'.' && follows(end + 1).is_ascii_digit();
        let is_own = octets[0] == 127 || octets == [0; 4];
        (octets.iter().all(|it| *it < 256) && !goes_on && !is_own).then_some(end)
    }

    /// The end of an international bank account number, in one piece or in groups of four.
    fn iban(&self, start: usize) -> Option<usize> {
        let mut rest = 0;
        let mut read = 0;
        let mut at = start;
        let mut head = 0;
        let mut best = None;
        while read < 34 {
            let Some(byte) = self.text.get(at).copied() else {
                break;
            };
            if byte == b' ' && read % 4 == 0 {
                at += 1;
                continue;
            }
            if !(byte.is_ascii_uppercase() || byte.is_ascii_digit()) {
                break;
            }
            // The country and its check digits count last (ISO 13616-1, 6.2).
            match read {
                0..4 => head = append(head, byte),
                _ => rest = append(rest, byte),
            }
            read += 1;
            at += 1;
            let ends = !self.text.get(at).is_some_and(u8::is_ascii_alphanumeric);
            if read >= 15 && ends && joined(rest, head) == 1 {
                best = Some(at);
            }
        }
        best
    }
}

/// The remainder by 97 of a number that goes on with this digit or letter (A is 10, Z is 35).
fn append(remainder: u32, byte: u8) -> u32 {
    match byte {
        b'0'..=b'9' => (remainder * 10 + u32::from(byte - b'0')) % 97,
        _ => (remainder * 100 + u32::from(byte - b'A') + 10) % 97,
    }
}

/// The remainder of the account with the country and check digits behind it: two letters and two digits
/// are six digits.
fn joined(rest: u32, head: u32) -> u32 {
    (rest * (1_000_000 % 97) + head) % 97
}

/// 4-4-4-4 and its like, 4-6-5, 4-6-4, or all in one.
fn is_card_form(grouped: &Grouped) -> bool {
    match &grouped.lengths()[..grouped.count] {
        [_] | [4, 6, 4 | 5] => true,
        [fours @ .., last] => fours.len() >= 3 && fours.iter().all(|it| *it == 4) && *last <= 4,
        [] => false,
    }
}

/// Area and number in up to three groups, or five pairs.
fn is_national(grouped: &Grouped) -> bool {
    match &grouped.lengths()[..grouped.count] {
        [_] => true,
        [area, numbers @ ..] if numbers.len() <= 2 => {
            (2..=5).contains(area) && numbers.iter().all(|it| *it >= 3)
        }
        pairs => pairs.len() == 5 && pairs.iter().all(|it| *it == 2),
    }
}

fn is_north_american(grouped: &Grouped) -> bool {
    let lengths = &grouped.lengths()[..grouped.count];
    matches!(lengths, [3, 3, 4] | [1, 3, 3, 4])
}
