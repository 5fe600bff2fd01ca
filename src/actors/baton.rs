//! What travels with a flush: when every copy is gone, all that went before it is settled.

use std::sync::Arc;

use tokio::sync::oneshot;

/// Rides the same road as the data, so that it can neither overtake nor be overtaken. Each lane
/// holds a copy until the deliveries before it have ended. An actor that dies drops its copy:
/// then the ledger, not the baton, says what is still pending.
#[derive(Clone, Debug)]
pub(crate) struct Baton {
    _round: Arc<Round>,
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
                _round: Arc::new(Round(Some(done))),
            },
            round_over,
        )
    }
}
