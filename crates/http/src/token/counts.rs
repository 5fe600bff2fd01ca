//! The books of a verifier.

use std::sync::atomic::{AtomicU64, Ordering};

use super::refused::TokenRefused;

/// What became of the tokens that a verifier received: each is counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenCounts {
    /// Verified, for the first time.
    pub adopted: u64,
    /// Verified, and the same request again.
    pub repeated: u64,
    /// Of issuers that are not in the trust list.
    pub linked: u64,
    refused: [u64; TokenRefused::ALL.len()],
}

impl TokenCounts {
    /// How many were refused for this reason.
    #[must_use]
    pub const fn refused(&self, reason: TokenRefused) -> u64 {
        self.refused[reason as usize]
    }

    /// How many were refused for which reason; those of which there were none are left out.
    pub fn refusals(&self) -> impl Iterator<Item = (TokenRefused, u64)> {
        let counted = TokenRefused::ALL.map(|reason| (reason, self.refused(reason)));
        counted.into_iter().filter(|(_, count)| *count > 0)
    }

    /// How many were received.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.adopted + self.repeated + self.linked + self.refused.iter().sum::<u64>()
    }
}

#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) adopted: AtomicU64,
    pub(super) repeated: AtomicU64,
    pub(super) linked: AtomicU64,
    refused: [AtomicU64; TokenRefused::ALL.len()],
}

impl Books {
    pub(super) fn refuse(&self, reason: TokenRefused) {
        self.refused[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> TokenCounts {
        let mut refused = [0; TokenRefused::ALL.len()];
        for (count, book) in refused.iter_mut().zip(&self.refused) {
            *count = book.load(Ordering::Relaxed);
        }
        TokenCounts {
            adopted: self.adopted.load(Ordering::Relaxed),
            repeated: self.repeated.load(Ordering::Relaxed),
            linked: self.linked.load(Ordering::Relaxed),
            refused,
        }
    }
}
