//! The head: the one sender into the pipeline. Taking it out is the beginning of the shutdown.

use std::sync::{Arc, Mutex, PoisonError};

use crate::actors::baton::Baton;
use crate::actors::mailbox::{Gauge, Mailbox, Refused};
use crate::actors::road::Msg;

/// Holds the only sender, so that nothing a user keeps can hold the pipeline open.
#[derive(Debug)]
pub(crate) struct Head {
    sender: Mutex<Option<Mailbox<Msg>>>,
    gauge: Arc<Gauge>,
}

/// Why the head did not take a message; it is handed back.
#[derive(Debug)]
pub(crate) enum Declined {
    Full(Msg),
    Closed(Msg),
}

impl Head {
    pub(crate) fn new(sender: Mailbox<Msg>) -> Self {
        let gauge = Arc::clone(sender.gauge());
        Self {
            sender: Mutex::new(Some(sender)),
            gauge,
        }
    }

    /// Hands a message over if there is room for it now.
    pub(crate) fn offer(&self, msg: Msg) -> Result<(), Declined> {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mailbox) = sender.as_ref() else {
            return Err(Declined::Closed(msg));
        };
        mailbox.try_send(msg).map_err(|refused| match refused {
            Refused::Full(msg) => Declined::Full(msg),
            Refused::Stopped(msg) => Declined::Closed(msg),
        })
    }

    /// Hands a message over, waiting for room. Hands it back when the pipeline is closed. Only the
    /// deadline may drop this future: the message inside it books itself.
    pub(crate) async fn send(&self, mut msg: Msg) -> Result<(), Msg> {
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

    /// Sends a baton round. Returns it when the pipeline is closed.
    pub(crate) async fn flush(&self, baton: Baton) -> Result<(), Msg> {
        self.send(Msg::Flush(baton)).await
    }

    /// Takes the sender out: what is queued is still delivered, nothing follows.
    pub(crate) fn close(&self) {
        let sender = self
            .sender
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(sender);
    }

    pub(crate) fn gauge(&self) -> &Arc<Gauge> {
        &self.gauge
    }
}
