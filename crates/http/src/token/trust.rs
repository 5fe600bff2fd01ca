//! What a received token amounts to, and the session that is opened from it.

use spanreel::{Delegated, SessionBuilder};

use super::claims::Claims;
use super::refused::TokenRefused;
use crate::semconv::DELEGATION_REFUSED;

/// What a received token amounts to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// An issuer in the trust list vouches for it: its context is the parent.
    Adopt(Claims),
    /// Nobody in the trust list vouches for it: its context is linked to, as unverified.
    Link(Claims),
    /// It counts for nothing.
    Refused(TokenRefused),
}

impl Trust {
    /// Has a session that is about to be opened continue the delegation's trace, or link to it; where
    /// the token was refused, the root says why (`spanreel.delegation.refused`) and nothing of what the
    /// token said.
    pub fn apply<'a>(&self, session: SessionBuilder<'a>) -> SessionBuilder<'a> {
        match (self.delegated(), self) {
            (Some(from), _) => session.from_delegation(from),
            (None, Self::Refused(reason)) => session.attribute(DELEGATION_REFUSED, reason.name()),
            (None, _) => session,
        }
    }

    /// The delegation that it is about, and how far that is believed; none where it was refused.
    #[must_use]
    pub fn delegated(&self) -> Option<Delegated> {
        let (from, claims) = match self {
            Self::Adopt(claims) => {
                let context = claims.context().clone();
                (Delegated::verified(context, claims.issuer()), claims)
            }
            Self::Link(claims) => (Delegated::unverified(claims.context().clone()), claims),
            Self::Refused(_) => return None,
        };
        Some(from.session(claims.session_id()))
    }

    /// Whether the delegation's trace is continued.
    #[must_use]
    pub const fn is_adopted(&self) -> bool {
        matches!(self, Self::Adopt(_))
    }
}
