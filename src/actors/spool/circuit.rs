//! Whether a lane's destination is there, as its deliveries found. While it is away, one of them asks at
//! a time.
//!
//! Holds: one word. Waits: for the turn of a delivery. Loses: nothing.

use tokio::sync::{Mutex, MutexGuard, watch};

#[derive(Debug)]
pub(crate) struct Circuit {
    away: watch::Sender<bool>,
    turn: Mutex<()>,
}

impl Default for Circuit {
    fn default() -> Self {
        Self {
            away: watch::Sender::new(false),
            turn: Mutex::default(),
        }
    }
}

impl Circuit {
    pub(crate) fn is_away(&self) -> bool {
        *self.away.borrow()
    }

    /// The destination could not take a request.
    pub(crate) fn opened(&self) {
        self.away.send_replace(true);
    }

    /// The destination answered: those who wait may go on.
    pub(crate) fn closed(&self) {
        self.away.send_if_modified(std::mem::take);
    }

    /// Completes when the destination is away, or is there.
    pub(crate) async fn until(&self, away: bool) {
        let mut changes = self.away.subscribe();
        if changes.wait_for(|now| *now == away).await.is_err() {
            // The sender is `self`.
            std::future::pending().await
        }
    }

    /// Waits for the right to ask: at once while the destination is there, in turn while it is away.
    pub(crate) async fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        if !self.is_away() {
            return None;
        }
        let turn = self.turn.lock().await;
        self.is_away().then_some(turn)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    /// While the destination is away one asks at a time; when it is there again, all go on.
    #[test]
    fn one_asks_at_a_time() {
        let circuit = Circuit::default();
        assert!(circuit.turn().now_or_never().expect("at once").is_none());
        circuit.opened();
        let first = circuit.turn().now_or_never().expect("the first");
        assert!(first.is_some());
        assert!(circuit.turn().now_or_never().is_none());
        circuit.closed();
        drop(first);
        assert!(circuit.turn().now_or_never().expect("at once").is_none());
    }
}
