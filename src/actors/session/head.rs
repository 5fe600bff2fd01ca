//! The head: the one sender into an actor that sessions and handles share. Taking it out is the
//! beginning of that actor's end.

use std::sync::{Arc, Mutex, PoisonError};

use crate::actors::mailbox::{Gauge, Mailbox, Refused};

/// Holds the only sender, so that nothing a user keeps can hold the pipeline open.
#[derive(Debug)]
pub(crate) struct Head<M> {
    sender: Mutex<Option<Mailbox<M>>>,
    gauge: Arc<Gauge>,
}

/// Why the head did not take a message; it is handed back.
#[derive(Debug)]
pub(crate) enum Declined<M> {
    Full(M),
    Closed(M),
}

impl<M> Head<M> {
    pub(crate) fn new(sender: Mailbox<M>) -> Self {
        let gauge = Arc::clone(sender.gauge());
        Self {
            sender: Mutex::new(Some(sender)),
            gauge,
        }
    }

    /// Hands a message over if there is room for it now.
    pub(crate) fn offer(&self, msg: M) -> Result<(), Declined<M>> {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mailbox) = sender.as_ref() else {
            return Err(Declined::Closed(msg));
        };
        mailbox.try_send(msg).map_err(|refused| match refused {
            Refused::Full(msg) => Declined::Full(msg),
            Refused::Stopped(msg) => Declined::Closed(msg),
        })
    }

    /// Hands a message over, waiting for room. Hands it back when the head is closed. Dropping this
    /// future drops the message, which then books itself.
    pub(crate) async fn send(&self, mut msg: M) -> Result<(), M> {
        let mut waited = false;
        loop {
            let room = self.gauge.room();
            tokio::pin!(room);
            room.as_mut().enable();
            msg = match self.offer(msg) {
                Ok(()) => return Ok(()),
                Err(Declined::Closed(msg)) => return Err(msg),
                Err(Declined::Full(msg)) => msg,
            };
            if !std::mem::replace(&mut waited, true) {
                self.gauge.count_wait();
            }
            room.await;
        }
    }

    /// Takes the sender out: what is queued is still delivered, nothing follows. Those who wait for
    /// room are told.
    pub(crate) fn close(&self) {
        let sender = self
            .sender
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(sender);
        self.gauge.tell_room();
    }

    pub(crate) fn gauge(&self) -> &Arc<Gauge> {
        &self.gauge
    }
}
