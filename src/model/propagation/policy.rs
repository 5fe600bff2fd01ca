//! What of a session travels as baggage, to whom, and what of a caller's baggage is taken over.

use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::baggage::{Baggage, BaggageMember, is_token};
use super::hosts::HostPattern;
use crate::model::genai::key;
use crate::model::problem::Problem;

/// What travels as baggage, to which hosts, and which members of inbound baggage become attributes
/// of a session. Three lists of what is allowed; all are empty by default, so that nothing travels.
///
/// Baggage reaches whoever is called, in clear text, and whoever they call. Name the hosts that are
/// your own: the providers of models are none of them.
///
/// ```
/// use spanreel::BaggagePolicy;
///
/// let policy = BaggagePolicy::new()
///     .send_session_id()
///     .send_member("tenant")
///     .to_host("*.orders.internal")
///     .accept("tenant")
///     .redact(|key, value| (key != "user.id").then(|| value.replace("acme", "***")));
/// assert!(policy.allows_host("api.orders.internal:8443"));
/// assert!(!policy.allows_host("api.anthropic.com"));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BaggagePolicy {
    session_id: bool,
    user: bool,
    tags: bool,
    all_members: bool,
    members: Vec<String>,
    hosts: Vec<HostPattern>,
    accepted: Vec<String>,
    redactor: Redactor,
}

/// What is known of a session that may travel.
pub(crate) struct Sender<'a> {
    pub(crate) session_id: &'a str,
    pub(crate) user: Option<&'a str>,
    pub(crate) tags: &'a [Box<str>],
    pub(crate) baggage: &'a Baggage,
}

impl BaggagePolicy {
    /// Nothing travels, nothing is taken over.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The session's id travels, as it is exported: `session.id`.
    #[must_use]
    pub fn send_session_id(mut self) -> Self {
        self.session_id = true;
        self
    }

    /// The session's user travels: `user.id`.
    #[must_use]
    pub fn send_user(mut self) -> Self {
        self.user = true;
        self
    }

    /// The session's tags travel: `spanreel.session.tags`, one text with commas between them. A comma
    /// or a percent sign inside a tag is percent-encoded once more.
    #[must_use]
    pub fn send_tags(mut self) -> Self {
        self.tags = true;
        self
    }

    /// The members of the session's baggage that have this key travel, whether the host gave them
    /// ([`SessionBuilder::baggage`](crate::SessionBuilder::baggage)) or a caller.
    #[must_use]
    pub fn send_member(mut self, key: impl Into<String>) -> Self {
        self.members.push(key.into());
        self
    }

    /// All members of the session's baggage travel, a caller's among them.
    #[must_use]
    pub fn send_all_members(mut self) -> Self {
        self.all_members = true;
        self
    }

    /// Baggage may go to these hosts: a host, all hosts below a domain (`*.example.com`) or all hosts
    /// (`*`). Ports do not count. A child process is the host `localhost`. Without any, none travels.
    #[must_use]
    pub fn to_host(mut self, pattern: impl AsRef<str>) -> Self {
        self.hosts.push(HostPattern::new(pattern.as_ref()));
        self
    }

    /// The member of this key becomes an attribute of the session's root span, of the same name, when
    /// a caller's baggage has it. What the host says of the session itself wins.
    #[must_use]
    pub fn accept(mut self, key: impl Into<String>) -> Self {
        self.accepted.push(key.into());
        self
    }

    /// Shows every member that is to travel to `redact`, which gives the value that does, or `None`
    /// to leave the member out. A panic leaves it out, too. Called once per session and member, on
    /// the thread that first injects; spans are redacted by a [`Process`](crate::Process), which may
    /// call the same function.
    #[must_use]
    pub fn redact(
        mut self,
        redact: impl Fn(&str, &str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.redactor = Redactor(Some(Arc::new(redact)));
        self
    }

    /// Whether baggage may go to this host, given with a port or without.
    #[must_use]
    pub fn allows_host(&self, host: &str) -> bool {
        self.hosts.iter().any(|pattern| pattern.matches(host))
    }

    /// Whether this member of a caller's baggage is taken over.
    #[must_use]
    pub fn accepts(&self, key: &str) -> bool {
        self.accepted.iter().any(|accepted| accepted == key)
    }

    /// The members of a caller's baggage that become attributes.
    pub(crate) fn accepted<'a>(
        &'a self,
        baggage: &'a Baggage,
    ) -> impl Iterator<Item = BaggageMember<'a>> {
        baggage.iter().filter(|member| self.accepts(member.key()))
    }

    /// What travels of a session, redacted.
    pub(crate) fn outbound(&self, sender: &Sender<'_>) -> Baggage {
        let own = self.own(sender);
        let is_own = |key: &str| own.iter().any(|(held, _)| *held == key);
        let is_sent = |key: &str| self.all_members || self.members.iter().any(|it| it == key);
        let members = sender.baggage.filter_map(|member| {
            let travels = is_sent(member.key()) && !is_own(member.key());
            let value = travels.then(|| member.value())?;
            self.redactor.apply(member.key(), value)
        });
        let mut outbound = Baggage::EMPTY;
        for (key, value) in own {
            // The session's own come first: of much baggage they are not what has no room.
            if let Some(value) = self.redactor.apply(key, value)
                && let Ok(with) = outbound.with(key, &value)
            {
                outbound = with;
            }
        }
        outbound.merged(&members)
    }

    /// What the session says of itself.
    fn own<'a>(&self, sender: &Sender<'a>) -> Vec<(&'static str, Cow<'a, str>)> {
        let mut own = Vec::new();
        if self.session_id {
            own.push((key::SESSION_ID, Cow::Borrowed(sender.session_id)));
        }
        if let Some(user) = sender.user.filter(|_| self.user) {
            own.push((key::USER_ID, Cow::Borrowed(user)));
        }
        if self.tags && !sender.tags.is_empty() {
            let tags = sender.tags.iter();
            let tags: Vec<_> = tags
                .map(|tag| tag.replace('%', "%25").replace(',', "%2C"))
                .collect();
            own.push((key::TAGS, Cow::Owned(tags.join(","))));
        }
        own
    }

    /// Everything wrong with it.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for pattern in self.hosts.iter().filter(|pattern| !pattern.is_right()) {
            let advice = format!(
                "{pattern} is no host; give one without scheme, port and path, or *.domain, or *"
            );
            problems.push(Problem::new("baggage.to_host", advice));
        }
        for (setting, keys) in [
            ("baggage.send_member", &self.members),
            ("baggage.accept", &self.accepted),
        ] {
            for key in keys.iter().filter(|key| !is_token(key)) {
                let advice =
                    format!("{key:?} is no key of baggage; give ASCII letters, digits or -._");
                problems.push(Problem::new(setting, advice));
            }
        }
        problems
    }
}

/// Changes or hides what is to travel.
#[derive(Clone, Default)]
struct Redactor(Option<Arc<Redact>>);

type Redact = dyn Fn(&str, &str) -> Option<String> + Send + Sync;

impl Redactor {
    fn apply<'a>(&self, key: &str, value: Cow<'a, str>) -> Option<Cow<'a, str>> {
        let Some(redact) = &self.0 else {
            return Some(value);
        };
        // What failed to hide something must not let it through.
        let redacted = catch_unwind(AssertUnwindSafe(|| redact(key, &value)));
        redacted.ok().flatten().map(Cow::Owned)
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "Redactor(..)"
        } else {
            "none"
        })
    }
}

/// The same function, not one that does the same.
impl PartialEq for Redactor {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
