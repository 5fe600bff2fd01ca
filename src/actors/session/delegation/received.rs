//! The other end of a delegation: what a session is opened from, and how far that is believed.

use crate::model::attribute::Value;
use crate::model::context::SpanContext;
use crate::model::genai::key;
use crate::model::limits::Limits;
use crate::model::otlp::draft::Draft;

/// The delegation that a session is opened from
/// ([`SessionBuilder::from_delegation`](crate::SessionBuilder::from_delegation)), and how far the
/// claimed context is believed.
///
/// A [`SpanContext`] alone becomes one that is believed without a proof: for agents that all belong
/// to one owner. Proofs are signed delegation tokens, in the crate `spanreel-http`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegated {
    context: SpanContext,
    trust: Trust,
    issuer: Option<String>,
    session_id: Option<String>,
}

/// How far a claimed context is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    /// Nobody asked for a proof.
    Assumed,
    Verified,
    Unverified,
}

impl From<SpanContext> for Delegated {
    fn from(context: SpanContext) -> Self {
        Self::new(context, Trust::Assumed)
    }
}

impl Delegated {
    const fn new(context: SpanContext, trust: Trust) -> Self {
        Self {
            context,
            trust,
            issuer: None,
            session_id: None,
        }
    }

    /// One whose context `issuer` vouches for: the session continues that trace, and its root says
    /// `spanreel.trust = "verified"` and `spanreel.delegation.issuer`.
    #[must_use]
    pub fn verified(context: SpanContext, issuer: &str) -> Self {
        Self {
            issuer: Some(issuer.to_owned()),
            ..Self::new(context, Trust::Verified)
        }
    }

    /// One whose context nobody vouches for: the session is a trace of its own, and its root is
    /// linked to the claimed context; the link says `spanreel.trust = "unverified"`.
    #[must_use]
    pub const fn unverified(context: SpanContext) -> Self {
        Self::new(context, Trust::Unverified)
    }

    /// The session that delegates, for `spanreel.delegation.session_id`: on the root where it is
    /// believed, on the link where it is not.
    #[must_use]
    pub fn session(mut self, id: &str) -> Self {
        self.session_id = Some(id.to_owned());
        self
    }

    /// The claimed context.
    #[must_use]
    pub const fn context(&self) -> &SpanContext {
        &self.context
    }

    /// Whether the session continues the claimed trace; otherwise it is only linked to it.
    #[must_use]
    pub const fn is_adopted(&self) -> bool {
        !matches!(self.trust, Trust::Unverified)
    }

    /// What the delegation adds to the root of a session that was opened from it.
    pub(crate) fn write_root(&self, draft: &mut Draft, limits: &Limits) {
        if !self.is_adopted() {
            return self.write_link(draft, limits);
        }
        for (name, value) in self.said() {
            draft.set(name, value);
        }
    }

    /// The delegation as a link: for a session that continues another trace, or none.
    pub(crate) fn write_link(&self, draft: &mut Draft, limits: &Limits) {
        let said: Vec<_> = self.said().collect();
        draft.link(&self.context, &said, limits);
    }

    fn said(&self) -> impl Iterator<Item = (&'static str, Value<'_>)> {
        let trust = match self.trust {
            Trust::Assumed => None,
            Trust::Verified => Some("verified"),
            Trust::Unverified => Some("unverified"),
        };
        [
            (key::TRUST, trust),
            (key::DELEGATION_ISSUER, self.issuer.as_deref()),
            (key::DELEGATION_SESSION_ID, self.session_id.as_deref()),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, Value::from(value?))))
    }
}
