//! The `tracestate` that travels beside a `traceparent` (W3C Trace Context level 2, section 3.3):
//! checked once, kept as the text that is passed on.

mod ot;

use std::fmt;
use std::sync::Arc;

/// What vendors say of a trace: an ordered list of `key=value`, the newest on the left. Cannot be
/// changed, is cheap to clone and takes no memory when it is empty.
///
/// At most 32 members and 512 characters. A longer list is cut: members of more than 128 characters
/// go first, then those on the right; a member is never cut inside.
///
/// ```
/// use spanreel::TraceState;
///
/// # fn main() -> Result<(), spanreel::InvalidTraceState> {
/// let state = TraceState::parse("congo=t61rcWkgMzE, rojo=00f067aa0ba902b7")?;
/// let state = state.with("rojo", "ours")?;
/// assert_eq!(state.as_str(), "rojo=ours,congo=t61rcWkgMzE");
/// assert_eq!(state.get("congo"), Some("t61rcWkgMzE"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct TraceState(Option<Arc<str>>);

/// The text is not a `tracestate` that W3C Trace Context allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a tracestate: expected at most 32 members key=value, with keys of lower-case letters, \
     digits and _-*/@ and values of printable ASCII without commas and equals signs"
)]
pub struct InvalidTraceState;

/// A member, between commas.
type Member<'a> = (&'a str, &'a str);

impl TraceState {
    /// No member.
    pub const EMPTY: Self = Self(None);
    /// The members that a list may have.
    pub const MAX_MEMBERS: usize = 32;
    /// The characters that are kept and passed on.
    pub const MAX_LEN: usize = 512;
    /// Members above this length go first when a list is cut.
    const LONG_MEMBER: usize = 128;
    /// The characters of a key, and of a value.
    const MAX_PART: usize = 256;

    /// Reads what stands in a span; what the standard does not allow says nothing.
    pub(crate) fn of_wire(text: &[u8]) -> Self {
        Self::of_bytes(text).unwrap_or_default()
    }

    /// As [`parse`](Self::parse), of what need not be text.
    pub(crate) fn of_bytes(list: &[u8]) -> Result<Self, InvalidTraceState> {
        let text = std::str::from_utf8(list);
        text.map_or(Err(InvalidTraceState), Self::parse)
    }

    /// Reads one list. Empty members are skipped; of members with the same key the first counts,
    /// which is the newest.
    ///
    /// # Errors
    /// Anything that the standard forbids, a 33rd member too: then nothing of it is passed on.
    pub fn parse(text: &str) -> Result<Self, InvalidTraceState> {
        Self::combine(std::iter::once(text))
    }

    /// Reads a list that comes in several values, as headers may.
    pub(crate) fn combine<'a>(
        mut values: impl Iterator<Item = &'a str>,
    ) -> Result<Self, InvalidTraceState> {
        let Some(first) = values.next() else {
            return Ok(Self::EMPTY);
        };
        let second = values.next();
        if second.is_none() && is_plain(first) {
            return Ok(Self(Some(first.into())));
        }
        let values = std::iter::once(first).chain(second).chain(values);
        let mut members = Members::default();
        let (mut count, mut whole) = (0, None);
        for (number, value) in values.enumerate() {
            whole = (number == 0).then_some(value);
            for text in split(value) {
                let text = trimmed(text);
                if text.is_empty() {
                    continue;
                }
                count += 1;
                let member = member(text).ok_or(InvalidTraceState)?;
                if count > Self::MAX_MEMBERS {
                    return Err(InvalidTraceState);
                }
                members.push(member);
            }
        }
        Ok(members.into_state(whole))
    }

    /// The text, as it is passed on.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// Whether it has no member.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The members, the newest first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let members = self.as_str().split(',');
        members.filter_map(|member| member.split_once('='))
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        if self.is_empty() {
            return None;
        }
        let found = self.iter().find(|(held, _)| *held == key);
        found.map(|(_, value)| value)
    }

    /// The same list with a member set or replaced, which goes to the left. A full list loses the
    /// member on the right.
    ///
    /// # Errors
    /// The key or the value is none that the standard allows.
    pub fn with(&self, key: &str, value: &str) -> Result<Self, InvalidTraceState> {
        if member(&format!("{key}={value}")) != Some((key, value)) {
            return Err(InvalidTraceState);
        }
        let mut members = Members::default();
        members.push((key, value));
        let others = self.iter().filter(|(held, _)| *held != key);
        others
            .take(Self::MAX_MEMBERS - 1)
            .for_each(|member| members.push(member));
        Ok(members.into_state(None))
    }

    /// The same list without a key.
    #[must_use]
    pub fn without(&self, key: &str) -> Self {
        if self.get(key).is_none() {
            return self.clone();
        }
        let mut members = Members::default();
        let others = self.iter().filter(|(held, _)| *held != key);
        others.for_each(|member| members.push(member));
        members.into_state(None)
    }
}

impl fmt::Debug for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TraceState").field(&self.as_str()).finish()
    }
}

impl fmt::Display for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A list being read or made, on the stack.
#[derive(Default)]
struct Members<'a> {
    list: [Member<'a>; TraceState::MAX_MEMBERS],
    len: usize,
}

impl<'a> Members<'a> {
    /// Adds a member on the right, unless its key is there already. There must be room.
    fn push(&mut self, member: Member<'a>) {
        if self.list[..self.len]
            .iter()
            .all(|(key, _)| *key != member.0)
        {
            self.list[self.len] = member;
            self.len += 1;
        }
    }

    /// The characters of the list.
    fn text_len(&self) -> usize {
        let members = self.list[..self.len].iter();
        members.map(len_of).sum::<usize>() + self.len.saturating_sub(1)
    }

    /// Removes members until the list is short enough.
    fn cut(&mut self) {
        let mut len = self.text_len();
        while len > TraceState::MAX_LEN {
            let is_long = |member: &Member<'_>| len_of(member) > TraceState::LONG_MEMBER;
            let long = self.list[..self.len].iter().rposition(is_long);
            let gone = long.unwrap_or(self.len - 1);
            len -= len_of(&self.list[gone]) + usize::from(self.len > 1);
            self.list.copy_within(gone + 1..self.len, gone);
            self.len -= 1;
        }
    }

    /// The state; `whole` is the text that was read, which is kept as it is where it says the same.
    fn into_state(mut self, whole: Option<&str>) -> TraceState {
        self.cut();
        if self.len == 0 {
            return TraceState::EMPTY;
        }
        let len = self.text_len();
        if let Some(whole) = whole
            && whole.len() == len
        {
            return TraceState(Some(whole.into()));
        }
        let mut text = String::with_capacity(len);
        for (key, value) in &self.list[..self.len] {
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(key);
            text.push('=');
            text.push_str(value);
        }
        TraceState(Some(text.into()))
    }
}

/// What stands between commas. Most lists are short: a plain loop finds the commas sooner than a
/// search for characters.
fn split(list: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(list);
    std::iter::from_fn(move || {
        let list = rest?;
        let Some(comma) = list.bytes().position(|byte| byte == b',') else {
            rest = None;
            return Some(list);
        };
        rest = Some(&list[comma + 1..]);
        Some(&list[..comma])
    })
}

/// Without white space around it, of which there mostly is none.
#[inline]
fn trimmed(text: &str) -> &str {
    match text.as_bytes() {
        [b' ' | b'\t', ..] | [.., b' ' | b'\t'] => text.trim_matches([' ', '\t']),
        _ => text,
    }
}

fn len_of((key, value): &Member<'_>) -> usize {
    key.len() + 1 + value.len()
}

fn member(text: &str) -> Option<Member<'_>> {
    let (key, value) = first_member(text.as_bytes())?;
    (key + 1 + value == text.len()).then(|| (&text[..key], &text[key + 1..]))
}

/// Whether a list is right and passed on as it is: short enough, no key twice, no white space around members.
/// Nearly all lists are, so they are looked at once without being taken apart, which takes half the time.
fn is_plain(list: &str) -> bool {
    let list = list.as_bytes();
    if list.len() > TraceState::MAX_LEN {
        return false;
    }
    let mut rest = list;
    for _ in 0..TraceState::MAX_MEMBERS {
        let Some((key, value)) = first_member(rest) else {
            return false;
        };
        let before = &list[..list.len() - rest.len()];
        let begun = &rest[..=key];
        let mut others = before.split(|byte| *byte == b',');
        if !before.is_empty() && others.any(|other| other.starts_with(begun)) {
            return false;
        }
        match rest[begun.len() + value..].split_first() {
            None => return true,
            Some((b',', behind)) => rest = behind,
            Some(_) => return false,
        }
    }
    false
}

/// How long key and value are of the member that a list begins with.
///
/// A key (section 3.3.1.3.1) is a letter or digit, then up to 255 of letters, digits and `_-*/@`. A value
/// (section 3.3.1.3.2) is up to 256 of printable ASCII without comma and equals sign, with no space at the end,
/// and not empty.
fn first_member(list: &[u8]) -> Option<(usize, usize)> {
    let key = run(list, KEY);
    let Some((b'=', behind)) = list[key..].split_first() else {
        return None;
    };
    let value = run(behind, VALUE);
    let is_key =
        (1..=TraceState::MAX_PART).contains(&key) && KINDS[usize::from(list[0])] & KEY_BEGIN != 0;
    let is_value =
        value <= TraceState::MAX_PART && behind[..value].last().is_some_and(|last| *last != b' ');
    (is_key && is_value).then_some((key, value))
}

/// How many bytes of a kind a text begins with.
#[inline]
fn run(text: &[u8], kind: u8) -> usize {
    let end = text
        .iter()
        .position(|byte| KINDS[usize::from(*byte)] & kind == 0);
    end.unwrap_or(text.len())
}

/// May begin a key.
const KEY_BEGIN: u8 = 1;
/// May stand in a key.
const KEY: u8 = 2;
/// May stand in a value.
const VALUE: u8 = 4;

/// What each byte may be.
const KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        kinds[byte] = match byte as u8 {
            b',' | b'=' => 0,
            b'a'..=b'z' | b'0'..=b'9' => KEY_BEGIN | KEY | VALUE,
            b'_' | b'-' | b'*' | b'/' | b'@' => KEY | VALUE,
            0x20..=0x7e => VALUE,
            _ => 0,
        };
        byte += 1;
    }
    kinds
};

#[cfg(test)]
mod tests;
