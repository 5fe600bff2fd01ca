//! What travels with a flush: when every copy is gone, all that went before it is settled.

use std::sync::Arc;

use tokio::sync::oneshot;

/// Rides the same road as the data, so that it can neither overtake nor be overtaken. Each lane
/// holds a copy until the deliveries before it have ended. An actor that dies drops its copy:
/// then the ledger, not the baton, says what is still pending.
#[derive(Clone, Debug)]
pub(crate) struct Baton {
    round: Arc<Round>,
    /// What is on disk counts as settled.
    until_durable: bool,
}

/// Answers when it is dropped with the last copy.
#[derive(Debug)]
struct Round(Option<oneshot::Sender<()>>);

impl Drop for Round {
    fn drop(&mut self) {
        if let Some(done) = self.0.take() {
            // Nobody listens when the flush was given up in the meantime.
            let _listening = done.send(());
        }
    }
}

impl Baton {
    /// A baton, and what completes at the end of its round.
    pub(crate) fn new() -> (Self, oneshot::Receiver<()>) {
        let (done, round_over) = oneshot::channel();
        (
            Self {
                round: Arc::new(Round(Some(done))),
                until_durable: false,
            },
            round_over,
        )
    }

    /// The same for one who asks no more than that nothing is in memory alone.
    pub(crate) fn until_durable(mut self) -> Self {
        self.until_durable = true;
        self
    }

    pub(crate) fn is_until_durable(&self) -> bool {
        self.until_durable
    }

    /// Whether nobody waits for the end of its round any more.
    pub(crate) fn is_given_up(&self) -> bool {
        self.round.0.as_ref().is_none_or(oneshot::Sender::is_closed)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    /// The round is over when the last copy is gone, and not before.
    #[test]
    fn a_round_is_over_when_the_last_copy_is_gone() {
        let (baton, mut over) = Baton::new();
        let copy = baton.clone();
        drop(baton);
        assert!((&mut over).now_or_never().is_none());
        drop(copy);
        assert_eq!(over.now_or_never(), Some(Ok(())));
    }

    /// A baton knows that nobody waits for it, and its end then does no harm.
    #[test]
    fn a_baton_knows_that_it_was_given_up() {
        let (baton, over) = Baton::new();
        assert!(!baton.is_given_up());
        drop(over);
        assert!(baton.is_given_up());
    }
}
