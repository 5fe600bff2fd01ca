//! What a received token amounts to, and the session that is opened from it.

use spanreel::{Delegated, SessionBuilder};

use super::claims::Claims;
use super::refused::TokenRefused;

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
        match self {
            Self::Adopt(claims) => {
                let from = Delegated::verified(claims.context().clone(), claims.issuer());
                session.from_delegation(from.session(claims.session_id()))
            }
            Self::Link(claims) => {
                let from = Delegated::unverified(claims.context().clone());
                session.from_delegation(from.session(claims.session_id()))
            }
            Self::Refused(reason) => {
                session.attribute("spanreel.delegation.refused", reason.name())
            }
        }
    }

    /// Whether the delegation's trace is continued.
    #[must_use]
    pub const fn is_adopted(&self) -> bool {
        matches!(self, Self::Adopt(_))
    }
}
