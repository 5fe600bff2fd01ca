//! Bounded queues between actors; the only file that names flume.
//!
//! A [`Mailbox`] is the sending end and has one owner; an [`Inbox`] is the receiving end. Holds: at
//! most its capacity. Waits: `send` for room, `recv` for a message. Loses: what is still queued
//! when the inbox is dropped, which it drains, so that tallies book themselves (flume would keep
//! it as long as a sender exists).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

/// The next stage is gone: its inbox was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stopped;

/// Why a message was not taken at once; it is handed back.
#[derive(Debug)]
pub(crate) enum Refused<M> {
    Full(M),
    Stopped(M),
}

/// What is known of a queue from outside: numbers, never an end of it.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    capacity: usize,
    /// Messages that were sent and taken, wrapping around. A receiver can take a message before its
    /// sender has counted it, so that for a moment more are taken than sent.
    sent: AtomicUsize,
    taken: AtomicUsize,
    /// How often a sender waited for room.
    waits: AtomicU64,
    /// Signals that messages were taken out, for senders that wait outside of the queue.
    room: Notify,
    /// A napping inbox wants to be woken when the queue is half full.
    napping: AtomicBool,
    wake: Notify,
}

impl Gauge {
    pub(crate) fn depth(&self) -> usize {
        depth(
            self.sent.load(Ordering::Relaxed),
            self.taken.load(Ordering::Relaxed),
        )
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(crate) fn waits(&self) -> u64 {
        self.waits.load(Ordering::Relaxed)
    }

    /// Completes when the receiver has made room since the future was created or first polled.
    pub(crate) fn room(&self) -> tokio::sync::futures::Notified<'_> {
        self.room.notified()
    }

    /// Wakes those who wait for room, to look again.
    pub(crate) fn tell_room(&self) {
        self.room.notify_waiters();
    }

    /// Counts a wait that happens outside of [`Mailbox::send`].
    pub(crate) fn count_wait(&self) {
        self.waits.fetch_add(1, Ordering::Relaxed);
    }

    fn sent(&self) {
        let sent = self.sent.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let depth = depth(sent, self.taken.load(Ordering::Relaxed));
        if depth >= self.capacity / 2 && self.napping.load(Ordering::Relaxed) {
            self.wake.notify_one();
        }
    }

    fn received(&self) {
        self.taken.fetch_add(1, Ordering::Relaxed);
    }
}

/// How many of the messages that were sent are not taken; none while more are taken than sent.
fn depth(sent: usize, taken: usize) -> usize {
    let difference = sent.wrapping_sub(taken);
    if difference > usize::MAX / 2 {
        0
    } else {
        difference
    }
}

/// The sending end.
#[derive(Debug)]
pub(crate) struct Mailbox<M> {
    sender: flume::Sender<M>,
    gauge: Arc<Gauge>,
}

/// The receiving end.
#[derive(Debug)]
pub(crate) struct Inbox<M> {
    receiver: flume::Receiver<M>,
    gauge: Arc<Gauge>,
    /// How long to let messages gather instead of being woken for each.
    nap: Option<Duration>,
    /// Something came since the last nap.
    busy: bool,
    /// Messages taken since senders were last told of room.
    untold: usize,
}

/// A queue for `capacity` messages.
pub(crate) fn bounded<M>(capacity: usize) -> (Mailbox<M>, Inbox<M>) {
    let (sender, receiver) = flume::bounded(capacity);
    let gauge = Arc::new(Gauge {
        capacity,
        ..Gauge::default()
    });
    let inbox = Inbox {
        receiver,
        gauge: Arc::clone(&gauge),
        nap: None,
        busy: false,
        untold: 0,
    };
    (Mailbox { sender, gauge }, inbox)
}

impl<M> Mailbox<M> {
    /// Waits for room.
    pub(crate) async fn send(&self, message: M) -> Result<(), Stopped> {
        let message = match self.try_send(message) {
            Ok(()) => return Ok(()),
            Err(Refused::Stopped(_)) => return Err(Stopped),
            Err(Refused::Full(message)) => message,
        };
        self.gauge.count_wait();
        self.sender.send_async(message).await.map_err(|_| Stopped)?;
        self.gauge.sent();
        Ok(())
    }

    /// Hands the message back when there is no room.
    pub(crate) fn try_send(&self, message: M) -> Result<(), Refused<M>> {
        match self.sender.try_send(message) {
            Ok(()) => {
                self.gauge.sent();
                Ok(())
            }
            Err(flume::TrySendError::Full(message)) => Err(Refused::Full(message)),
            Err(flume::TrySendError::Disconnected(message)) => Err(Refused::Stopped(message)),
        }
    }

    pub(crate) fn gauge(&self) -> &Arc<Gauge> {
        &self.gauge
    }
}

impl<M> Inbox<M> {
    /// Naps for `nap` whenever the queue was drained, and parks only when a nap brought nothing:
    /// being woken for each message costs its sender more than the message.
    pub(crate) fn napping(mut self, nap: Duration) -> Self {
        self.nap = Some(nap);
        self
    }

    /// The next message, or `None` when every sender is gone and the queue is empty. Loses nothing
    /// when dropped while waiting.
    pub(crate) async fn recv(&mut self) -> Option<M> {
        loop {
            match self.receiver.try_recv() {
                Ok(message) => return Some(self.taken(message)),
                Err(flume::TryRecvError::Disconnected) => return None,
                Err(flume::TryRecvError::Empty) => self.tell_room(),
            }
            match self.nap {
                Some(nap) if self.busy => {
                    self.busy = false;
                    self.gauge.napping.store(true, Ordering::Relaxed);
                    tokio::select! {
                        () = tokio::time::sleep(nap) => {}
                        () = self.gauge.wake.notified() => {}
                    }
                    self.gauge.napping.store(false, Ordering::Relaxed);
                }
                _ => {
                    let message = self.receiver.recv_async().await.ok()?;
                    return Some(self.taken(message));
                }
            }
        }
    }

    fn taken(&mut self, message: M) -> M {
        self.gauge.received();
        self.busy = true;
        self.untold += 1;
        if self.untold * 4 >= self.gauge.capacity {
            self.tell_room();
        }
        message
    }

    fn tell_room(&mut self) {
        if std::mem::take(&mut self.untold) > 0 {
            self.gauge.tell_room();
        }
    }
}

impl<M> Drop for Inbox<M> {
    fn drop(&mut self) {
        for _message in self.receiver.drain() {
            self.gauge.received();
        }
        self.gauge.tell_room();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A queue takes exactly its capacity, and its sender waits for room beyond it.
    #[tokio::test]
    async fn a_queue_takes_exactly_its_capacity() {
        let (mailbox, mut inbox) = bounded(2);
        mailbox.try_send(1).expect("room");
        mailbox.try_send(2).expect("room");
        assert!(matches!(mailbox.try_send(3), Err(Refused::Full(3))));
        assert_eq!(mailbox.gauge().depth(), 2);
        let (sent, first) = tokio::join!(mailbox.send(3), inbox.recv());
        assert_eq!((sent, first), (Ok(()), Some(1)));
        assert_eq!(mailbox.gauge().waits(), 1);
        drop(mailbox);
        assert_eq!(inbox.recv().await, Some(2));
        assert_eq!(inbox.recv().await, Some(3));
        assert_eq!(inbox.recv().await, None);
    }

    /// A message that is taken before its sender has counted it upsets no count.
    #[test]
    fn a_message_may_be_taken_before_it_is_counted() {
        let gauge = Gauge {
            capacity: 4,
            ..Gauge::default()
        };
        gauge.received();
        assert_eq!(gauge.depth(), 0);
        gauge.sent();
        assert_eq!(gauge.depth(), 0);
        gauge.sent();
        assert_eq!(gauge.depth(), 1);
    }

    /// The depth is right when the counts wrap around.
    #[test]
    fn the_depth_outlives_a_wrap_around() {
        assert_eq!(depth(1, usize::MAX), 2);
        assert_eq!(depth(usize::MAX, 1), 0);
    }

    /// A dropped inbox drops what is queued, though the sender lives on.
    #[test]
    fn a_dropped_inbox_drops_what_is_queued() {
        let message = Arc::new(());
        let (mailbox, inbox) = bounded(2);
        mailbox.try_send(Arc::clone(&message)).expect("room");
        drop(inbox);
        assert_eq!(Arc::strong_count(&message), 1);
        assert!(matches!(
            mailbox.try_send(message),
            Err(Refused::Stopped(_))
        ));
    }

    /// A napping inbox gathers, is woken when half full, and parks after a nap without news.
    #[tokio::test(start_paused = true)]
    async fn a_napping_inbox_is_woken_when_half_full() {
        let (mailbox, inbox) = bounded(4);
        let mut inbox = inbox.napping(Duration::from_secs(3600));
        mailbox.try_send(1).expect("room");
        assert_eq!(inbox.recv().await, Some(1));
        let before = tokio::time::Instant::now();
        let sender = async {
            tokio::task::yield_now().await;
            mailbox.try_send(2).expect("room");
            tokio::task::yield_now().await;
            mailbox.try_send(3).expect("room");
        };
        let (received, ()) = tokio::join!(inbox.recv(), sender);
        assert_eq!(received, Some(2));
        assert_eq!(before.elapsed(), Duration::ZERO);
    }
}
