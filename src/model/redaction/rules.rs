//! What is decided by a key alone, before the text behind it is looked at.

use std::collections::HashMap;

/// What a rule does to the value of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Leaves the attribute out.
    Remove,
    /// Puts [`MASK`] in its place.
    Mask,
    /// Puts a keyed hash in its place.
    Hash,
    /// Lets it pass unread.
    Pass,
}

impl Action {
    /// The word of configurations and metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Remove => "remove",
            Self::Mask => "mask",
            Self::Hash => "hash",
            Self::Pass => "pass",
        }
    }
}

/// A rule as it was given: what its key is, what it does, and by which name it is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) key: String,
    pub(super) action: Action,
    /// None: by its key.
    pub(super) group: Option<&'static str>,
}

/// What the rule of a key says, and whose count that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ruling {
    pub(crate) action: Action,
    /// The place of its count in [`Rules::counted`].
    pub(super) count: usize,
}

/// What stands in the place of a value that is masked.
pub(crate) const MASK: &str = "[redacted]";

/// The names behind which secrets stand, without hyphens, underlines and capitals.
const SECRET_NAMES: &[&str] = &[
    "accesskey",
    "accesstoken",
    "apikey",
    "apitoken",
    "authorization",
    "authtoken",
    "clientsecret",
    "connectionstring",
    "cookie",
    "credentials",
    "cvc",
    "cvv",
    "idtoken",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "proxyauthorization",
    "pwd",
    "refreshtoken",
    "secret",
    "secretaccesskey",
    "secretkey",
    "sessiontoken",
    "setcookie",
    "signingkey",
    "ssn",
    "xapikey",
];

/// Keys up to this length, which nearly all have, are looked up without memory of their own.
const SHORT: usize = 128;

/// Rules by key, without regard to capitals. An exact one wins over a longer beginning, that over a
/// shorter one, and any of them over the names of secrets.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    exact: HashMap<Box<[u8]>, Ruling>,
    /// Beginnings, the longest first.
    beginnings: Vec<(Box<[u8]>, Ruling)>,
    /// Where it is set, other attributes than these are left out.
    only: Option<(Box<Rules>, Ruling)>,
    secret_names: Option<Ruling>,
    /// What becomes of messages that are events.
    message_events: Option<Ruling>,
    /// What is counted, by name and action.
    counted: Vec<(Box<str>, Action)>,
}

impl Rules {
    pub(super) fn new(rules: &[Rule], only: Option<&[String]>, secret_names: bool) -> Self {
        let mut it = Self::default();
        for Rule { key, action, group } in rules {
            let ruling = it.ruling(group.unwrap_or(key), *action);
            let pattern = key.to_ascii_lowercase();
            match pattern.strip_suffix('*') {
                Some(beginning) => it.beginnings.push((beginning.as_bytes().into(), ruling)),
                None => {
                    it.exact.insert(pattern.into_bytes().into(), ruling);
                }
            }
        }
        it.beginnings
            .sort_by_key(|(beginning, _)| std::cmp::Reverse(beginning.len()));
        it.secret_names = secret_names.then(|| it.ruling("secret_names", Action::Mask));
        it.only = only.map(|keys| {
            let keys = keys.iter().map(|key| Rule {
                key: key.clone(),
                action: Action::Pass,
                group: None,
            });
            let keys: Vec<_> = keys.collect();
            let rest = it.ruling("only", Action::Remove);
            (Box::new(Self::new(&keys, None, false)), rest)
        });
        it
    }

    /// The same, and messages that are events are left out, counted by this name.
    pub(super) fn without_message_events(mut self, name: &str) -> Self {
        self.message_events = Some(self.ruling(name, Action::Remove));
        self
    }

    /// A ruling that is counted by this name, with others of the same name that do the same.
    fn ruling(&mut self, name: &str, action: Action) -> Ruling {
        let known = self
            .counted
            .iter()
            .position(|(it, does)| **it == *name && *does == action);
        let count = known.unwrap_or_else(|| {
            self.counted.push((name.into(), action));
            self.counted.len() - 1
        });
        Ruling { action, count }
    }

    /// The names by which rulings are counted, with what they do.
    pub(super) fn counted(&self) -> &[(Box<str>, Action)] {
        &self.counted
    }

    /// What becomes of messages that are events, if anything does.
    pub(crate) fn of_message_events(&self) -> Option<Ruling> {
        self.message_events
    }

    /// Whether no key has a rule.
    pub(crate) fn are_none(&self) -> bool {
        self.exact.is_empty() && self.beginnings.is_empty() && self.secret_names.is_none()
    }

    /// The rule of an attribute.
    pub(crate) fn of_attribute(&self, key: &[u8]) -> Option<Ruling> {
        let rule = self.of_member(key);
        if rule.is_none()
            && let Some((only, rest)) = &self.only
            && !is_own(key)
            && only.of_member(key).is_none()
        {
            return Some(*rest);
        }
        rule
    }

    /// The rule of a member of an object or a map within an attribute.
    pub(crate) fn of_member(&self, key: &[u8]) -> Option<Ruling> {
        if self.exact.is_empty() && self.beginnings.is_empty() {
            return self.secret_names.filter(|_| is_secret_name(key));
        }
        let (mut short, mut long) = ([0; SHORT], Vec::new());
        let lower = match short.get_mut(..key.len()) {
            Some(lower) => {
                lower.copy_from_slice(key);
                lower
            }
            None => {
                long.extend_from_slice(key);
                &mut long[..]
            }
        };
        lower.make_ascii_lowercase();
        if let Some(ruling) = self.exact.get(&*lower) {
            return Some(*ruling);
        }
        let mut beginnings = self.beginnings.iter();
        if let Some((_, ruling)) = beginnings.find(|(beginning, _)| lower.starts_with(beginning)) {
            return Some(*ruling);
        }
        self.secret_names.filter(|_| is_secret_name(lower))
    }
}

/// What a session cannot do without: its id and what the pipeline says of it.
fn is_own(key: &[u8]) -> bool {
    key.starts_with(b"spanreel.") || matches!(key, b"session.id" | b"service.name")
}

/// Whether the last part of a key, behind its full stops, is the name of a secret.
fn is_secret_name(key: &[u8]) -> bool {
    let part = key.rsplit(|it| *it == b'.').next().unwrap_or(key);
    let ([first, second, ..], Some(last)) = (part, part.last()) else {
        return false;
    };
    if !may_be_secret(*first, *second, *last) {
        return false;
    }
    let mut name = [0; 24];
    let mut len = 0;
    for byte in part.iter().filter(|it| !matches!(it, b'-' | b'_')) {
        let Some(place) = name.get_mut(len) else {
            return false;
        };
        *place = byte.to_ascii_lowercase();
        len += 1;
    }
    let name = &name[..len];
    SECRET_NAMES
        .binary_search_by(|it| it.as_bytes().cmp(name))
        .is_ok()
}

/// Whether a name of a secret begins with these two letters and ends with this one: of nearly all keys,
/// that says no.
fn may_be_secret(first: u8, second: u8, last: u8) -> bool {
    const LETTERS: usize = 26;
    /// By the first two letters, the last ones.
    const ENDS: [u32; LETTERS * LETTERS] = {
        let mut ends = [0; LETTERS * LETTERS];
        let mut entry = 0;
        while entry < SECRET_NAMES.len() {
            let name = SECRET_NAMES[entry].as_bytes();
            let (first, second) = (name[0] - b'a', name[1] - b'a');
            let last = name[name.len() - 1] - b'a';
            ends[first as usize * LETTERS + second as usize] |= 1 << last;
            entry += 1;
        }
        ends
    };
    let letter = |byte: u8| match byte.to_ascii_lowercase() {
        letter @ b'a'..=b'z' => Some(usize::from(letter - b'a')),
        _ => None,
    };
    match (letter(first), letter(second), letter(last)) {
        (Some(first), Some(second), Some(last)) => ENDS[first * LETTERS + second] & 1 << last != 0,
        // Marks may stand between letters, as in x-api-key, and around them.
        _ => [first, second, last]
            .iter()
            .any(|it| matches!(it, b'-' | b'_')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(rules: &[(&'static str, Action)], only: Option<&[&str]>, names: bool) -> Rules {
        let only: Option<Vec<_>> = only.map(|it| it.iter().map(|key| key.to_string()).collect());
        let rules = rules.iter().map(|(key, action)| Rule {
            key: key.to_string(),
            action: *action,
            group: None,
        });
        Rules::new(&rules.collect::<Vec<_>>(), only.as_deref(), names)
    }

    fn of_attribute(rules: &Rules, key: &str) -> Option<Action> {
        rules.of_attribute(key.as_bytes()).map(|it| it.action)
    }

    fn of_member(rules: &Rules, key: &str) -> Option<Action> {
        rules.of_member(key.as_bytes()).map(|it| it.action)
    }

    /// The more exact rule wins, whatever the capitals.
    #[test]
    fn the_more_exact_rule_wins() {
        let it = rules(
            &[
                ("http.*", Action::Remove),
                ("http.request.*", Action::Mask),
                ("http.request.Method", Action::Pass),
            ],
            None,
            false,
        );
        for (key, action) in [
            ("http.route", Some(Action::Remove)),
            ("HTTP.Request.header.x", Some(Action::Mask)),
            ("http.request.method", Some(Action::Pass)),
            ("https", None),
        ] {
            assert_eq!(of_attribute(&it, key), action, "{key}");
            assert_eq!(of_member(&it, key), action, "{key}");
        }
        assert_eq!(of_attribute(&it, &"h".repeat(5000)), None);
    }

    /// A key may be as long as it likes: rules and names of secrets hold for it.
    #[test]
    fn rules_hold_for_keys_of_any_length() {
        for length in [0, 1, 100, 127, 128, 129, 5000] {
            let long = "K".repeat(length);
            let exact: &'static str = format!("exact.{long}").leak();
            let it = rules(
                &[("http.*", Action::Remove), (exact, Action::Hash)],
                Some(&["gen_ai.*"]),
                true,
            );
            for (key, action) in [
                (format!("HTTP.request.header.{long}"), Action::Remove),
                (format!("exact.{long}"), Action::Hash),
                (format!("gen_ai.{long}.Password"), Action::Mask),
                (format!("customer.{long}"), Action::Remove),
            ] {
                assert_eq!(of_attribute(&it, &key), Some(action), "{key}");
            }
            assert_eq!(of_attribute(&it, &format!("gen_ai.{long}")), None);
            let names_alone = rules(&[], None, true);
            let key = format!("{long}.api_key");
            assert_eq!(of_member(&names_alone, &key), Some(Action::Mask), "{key}");
        }
    }

    /// With a list of what alone may pass, attributes that are not on it are left out, but for those that
    /// sessions need; what is within an attribute is not asked.
    #[test]
    fn what_is_not_on_the_list_is_left_out() {
        let it = rules(
            &[("gen_ai.input.messages", Action::Mask)],
            Some(&["gen_ai.*"]),
            false,
        );
        for (key, action) in [
            ("gen_ai.request.model", None),
            ("gen_ai.input.messages", Some(Action::Mask)),
            ("customer", Some(Action::Remove)),
            ("session.id", None),
            ("spanreel.incomplete", None),
        ] {
            assert_eq!(of_attribute(&it, key), action, "{key}");
        }
        assert_eq!(of_member(&it, "customer"), None);
    }

    /// Names of secrets are known in all the ways of writing them, as a whole and at the end of a key.
    #[test]
    fn names_of_secrets_are_known() {
        assert!(SECRET_NAMES.is_sorted(), "they are searched for");
        let it = rules(&[], None, true);
        for key in [
            "password",
            "apiKey",
            "x-api-key",
            "client_secret",
            "http.request.header.authorization",
            "http.response.header.set-cookie",
            "X-Api-Key",
            "_password_",
            "p_a_s_s_w_d",
        ] {
            assert_eq!(of_member(&it, key), Some(Action::Mask), "{key}");
        }
        for key in [
            "gen_ai.usage.input_tokens",
            "gen_ai.token.type",
            "passwords_checked",
            "secretary",
            "",
        ] {
            assert_eq!(of_member(&it, key), None, "{key}");
        }
        assert_eq!(of_member(&rules(&[], None, false), "password"), None);
    }
}
