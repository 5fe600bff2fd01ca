//! Everything of the process that asks for the token: the receiver, the metrics, the page with its API.
//!
//! Holds: digests, never the token. Waits: never. Loses: nothing.

use spanreel_store::Web;

use crate::config::secret::Secret;
use crate::receive::{InvalidToken, Token};

/// What the token opens.
#[derive(Debug)]
pub(crate) struct Doors {
    /// Shared by the receiver and the metrics.
    token: Option<Token>,
    web: Option<Web>,
}

impl Doors {
    pub(crate) fn new(token: Option<Token>, web: Option<Web>) -> Self {
        Self { token, web }
    }

    /// Puts another token in the place of the one that runs, for all of them. Does nothing where none is
    /// asked for.
    ///
    /// # Errors
    /// No header can carry it: the one before stays.
    pub(crate) fn renew(&self, next: &Secret) -> Result<(), InvalidToken> {
        let Some(token) = &self.token else {
            return Ok(());
        };
        token.renew(&Token::new(next.reveal())?);
        if let Some(web) = &self.web {
            web.renew_token(next.reveal());
        }
        Ok(())
    }
}
