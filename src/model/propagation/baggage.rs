//! Baggage: what a caller tells everybody downstream (W3C Baggage), kept as the text that is passed
//! on.

mod percent;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::model::redaction::Redactor;

/// Members `key=value`, each with properties, that travel with a request. Cannot be changed, is cheap
/// to clone and takes no memory when it is empty.
///
/// At most 64 members and 8192 bytes as they travel. What does not fit is left out; a member is
/// never cut inside. Keys are ASCII tokens (letters, digits and `` !#$%&'*+-.^_`|~ ``); values are
/// any text, percent-encoded on their way.
///
/// Values may name people: they do not show in `Debug`.
///
/// ```
/// use spanreel::Baggage;
///
/// # fn main() -> Result<(), spanreel::InvalidBaggage> {
/// let baggage = Baggage::parse("tenant=acme;ttl=30, plan=pro%20plus");
/// assert_eq!(baggage.get("plan").as_deref(), Some("pro plus"));
/// let baggage = baggage.with("city", "Z\u{fc}rich")?;
/// assert_eq!(baggage.as_str(), "tenant=acme;ttl=30,plan=pro%20plus,city=Z%C3%BCrich");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Baggage(Option<Arc<str>>);

/// A member that baggage cannot take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidBaggage {
    /// The key is empty or holds what may not stand in one.
    #[error("not a key of baggage: expected ASCII letters, digits and !#$%&'*+-.^_`|~")]
    Key,
    /// It would be more than 64 members or 8192 bytes.
    #[error("no room in the baggage: it has 64 members or would exceed 8192 bytes")]
    Full,
}

impl Baggage {
    /// No member.
    pub const EMPTY: Self = Self(None);
    /// The members that travel.
    pub const MAX_MEMBERS: usize = 64;
    /// The bytes that travel.
    pub const MAX_LEN: usize = 8192;

    /// Reads a list. Members that are not what the standard allows are left out, and so are those
    /// beyond the limits.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self::combine(std::iter::once(text)).0
    }

    /// Reads a list that comes in several values, as headers may; whether all members were right.
    pub(crate) fn combine<'a>(values: impl Iterator<Item = &'a str>) -> (Self, bool) {
        let mut draft = Draft::default();
        let mut all_right = true;
        for value in values {
            for member in value.split(',').map(trimmed) {
                if draft.members == Self::MAX_MEMBERS {
                    return (draft.into_baggage(), all_right);
                }
                all_right &= member.is_empty() || draft.copy(member);
            }
        }
        (draft.into_baggage(), all_right)
    }

    /// The text, as it travels.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// Whether it has no member.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// How many members it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// The members in their order. Several may have the same key.
    pub fn iter(&self) -> impl Iterator<Item = BaggageMember<'_>> {
        let members = self.as_str().split(',');
        members.filter_map(BaggageMember::of)
    }

    /// The value of a key, decoded; of several the last.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Cow<'_, str>> {
        let of_key = self.iter().filter(|member| member.key == key);
        of_key.last().map(|member| member.value())
    }

    /// The same baggage with a member set. It takes the place of one with that key.
    ///
    /// # Errors
    /// The key is none, or there is no room.
    pub fn with(&self, key: &str, value: &str) -> Result<Self, InvalidBaggage> {
        if !is_token(key) {
            return Err(InvalidBaggage::Key);
        }
        let mut draft = Draft::default();
        let mut is_set = false;
        for member in self.iter() {
            if member.key != key {
                draft.copy(member.text);
            } else if !std::mem::replace(&mut is_set, true) && !draft.write(key, value, "") {
                return Err(InvalidBaggage::Full);
            }
        }
        if !is_set && !draft.write(key, value, "") {
            return Err(InvalidBaggage::Full);
        }
        let room_for_all = draft.members > self.iter().filter(|it| it.key != key).count();
        if room_for_all {
            Ok(draft.into_baggage())
        } else {
            Err(InvalidBaggage::Full)
        }
    }

    /// The same baggage without a key.
    #[must_use]
    pub fn without(&self, key: &str) -> Self {
        self.filter_map(|member| (member.key != key).then(|| member.value()))
    }

    /// This baggage and behind it the members of `other`, as far as there is room. A key of `other`
    /// replaces this one's.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Self {
        if self.is_empty() {
            return other.clone();
        }
        let mut draft = Draft::default();
        let own = self.iter();
        own.filter(|own| other.iter().all(|it| it.key != own.key))
            .chain(other.iter())
            .for_each(|member| {
                draft.copy(member.text);
            });
        draft.into_baggage()
    }

    /// The same without what must not leave the process. A member whose key or properties hold any of
    /// that is left out.
    pub(crate) fn redacted(&self, redactor: &Redactor) -> Self {
        self.filter_map(|member| {
            let is_clean = |text: &str| redactor.shown(member.key(), text) == text;
            let mut properties = member.properties();
            let all_clean = properties
                .all(|(key, value)| is_clean(key) && value.is_none_or(|value| is_clean(&value)));
            let value = (is_clean(member.key()) && all_clean).then(|| member.value())?;
            let redacted = redactor.redact(member.key(), &value).into_owned();
            (value.is_empty() || !redacted.is_empty()).then_some(Cow::Owned(redacted))
        })
    }

    /// The members for which `keep` gives a value, with that value; properties stay with theirs.
    pub(crate) fn filter_map<'a>(
        &'a self,
        mut keep: impl FnMut(&BaggageMember<'a>) -> Option<Cow<'a, str>>,
    ) -> Self {
        let mut draft = Draft::default();
        for member in self.iter() {
            match keep(&member) {
                Some(value) if value == member.value() => draft.copy(member.text),
                Some(value) => draft.write(member.key, &value, member.properties_text()),
                None => continue,
            };
        }
        draft.into_baggage()
    }
}

impl fmt::Debug for Baggage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Baggage ")?;
        f.debug_list()
            .entries(self.iter().map(|member| member.key))
            .finish()
    }
}

/// One member of baggage.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BaggageMember<'a> {
    /// All of it, without white space that means nothing.
    text: &'a str,
    key: &'a str,
    value: &'a str,
}

impl<'a> BaggageMember<'a> {
    /// Splits the text of a member that was checked before.
    fn of(text: &'a str) -> Option<Self> {
        let (key, rest) = text.split_once('=')?;
        let value = rest.split(';').next().unwrap_or(rest);
        Some(Self { text, key, value })
    }

    /// Its key.
    #[must_use]
    pub const fn key(&self) -> &'a str {
        self.key
    }

    /// Its value, decoded; bytes that are no UTF-8 are U+FFFD.
    #[must_use]
    pub fn value(&self) -> Cow<'a, str> {
        percent::decoded(self.value)
    }

    /// Its properties in their order: a key, and a value where there is one.
    pub fn properties(&self) -> impl Iterator<Item = (&'a str, Option<Cow<'a, str>>)> {
        let properties = self.text.split(';').skip(1);
        properties.map(|property| match property.split_once('=') {
            Some((key, value)) => (key, Some(percent::decoded(value))),
            None => (property, None),
        })
    }

    /// The properties as they travel, each behind a semicolon.
    fn properties_text(&self) -> &'a str {
        &self.text[self.key.len() + 1 + self.value.len()..]
    }
}

/// The key alone: values may name people.
impl fmt::Debug for BaggageMember<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BaggageMember({})", self.key)
    }
}

/// Baggage being made.
#[derive(Default)]
struct Draft {
    text: String,
    members: usize,
}

impl Draft {
    /// Adds a member as it came, without white space; `false` where it is none or has no room.
    fn copy(&mut self, member: &str) -> bool {
        self.add(|text| {
            for (number, part) in member.split(';').map(trimmed).enumerate() {
                if number > 0 {
                    text.push(';');
                }
                let (key, value) = match part.split_once('=') {
                    Some((key, value)) => (trimmed(key), Some(trimmed(value))),
                    None => (part, None),
                };
                let len = key.len() + value.map_or(0, |value| 1 + value.len());
                let is_right = is_token(key)
                    && (number > 0 || value.is_some())
                    && value.is_none_or(|value| value.bytes().all(percent::is_octet));
                if !is_right || text.len() + len > Baggage::MAX_LEN {
                    return false;
                }
                text.push_str(key);
                if let Some(value) = value {
                    text.push('=');
                    text.push_str(value);
                }
            }
            true
        })
    }

    /// Adds a member of a key that was checked; `false` where there is no room.
    fn write(&mut self, key: &str, value: &str, properties: &str) -> bool {
        self.add(|text| {
            text.push_str(key);
            text.push('=');
            let room = Baggage::MAX_LEN.saturating_sub(text.len());
            if value.len() > room || !percent::encode(value, Baggage::MAX_LEN, text) {
                return false;
            }
            text.push_str(properties);
            true
        })
    }

    /// Adds what `write` writes, or nothing where that is not wanted or too much.
    fn add(&mut self, write: impl FnOnce(&mut String) -> bool) -> bool {
        let before = self.text.len();
        if before > 0 {
            self.text.push(',');
        }
        let is_added = self.members < Baggage::MAX_MEMBERS
            && write(&mut self.text)
            && self.text.len() <= Baggage::MAX_LEN;
        if is_added {
            self.members += 1;
        } else {
            self.text.truncate(before);
        }
        is_added
    }

    fn into_baggage(self) -> Baggage {
        Baggage((self.members > 0).then(|| self.text.into()))
    }
}

fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// A token (RFC 7230, section 3.2.6).
pub(crate) fn is_token(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_part)
}

#[cfg(test)]
mod tests;
