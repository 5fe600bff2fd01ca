//! The floor: the least that can be done to get the same spans to the same receiver.
//!
//! Attributes are encoded at the call into a buffer that the task owns; full buffers go whole
//! through a channel to one task, which joins them and sends them ([`send`]). No sessions, no locks,
//! no limits, no books: it is not a product, it says what the machine allows.
//!
//! Holds: one buffer per task, the channel, two requests. Waits: in `ready`, for the channel.

mod encode;
mod send;

use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use quanta::Clock;

use crate::contestant::{Contestant, Failure, Producer, Setup};
use crate::workload::{self, Chat, SessionId, Tool};
use encode::{Buffer, Head, Kind};

/// Full buffers that may wait for the sender. 64 of them halve the throughput.
const WAITING: usize = 256;

pub(crate) struct Direct {
    clock: WallClock,
    full: flume::Sender<Buffer>,
    empty: flume::Receiver<Buffer>,
    sender: JoinHandle<Result<(), Failure>>,
}

impl Direct {
    pub(crate) fn start(setup: &Setup) -> Result<Self, Failure> {
        let (full, to_send) = flume::bounded(WAITING);
        let (sent, empty) = flume::bounded(WAITING);
        let receiver = setup.receiver;
        let sender = thread::Builder::new()
            .name("direct-send".into())
            .spawn(move || send::run(receiver, to_send, sent))?;
        Ok(Self {
            clock: WallClock::new(),
            full,
            empty,
            sender,
        })
    }
}

impl Contestant for Direct {
    type Producer = DirectProducer;

    fn producer(&self) -> DirectProducer {
        DirectProducer {
            clock: self.clock.clone(),
            ids: SessionId::random().trace_id() as u64,
            open: Buffer::new(),
            sealed: None,
            full: self.full.clone(),
            empty: self.empty.clone(),
        }
    }

    fn finish(self, _grace: Duration) -> Result<(), Failure> {
        drop(self.full);
        let sent = self.sender.join();
        sent.map_err(|_| "the sender of `direct` panicked")?
    }
}

/// A clock that reads the processor's counter and tells nanoseconds since 1970.
#[derive(Clone)]
struct WallClock {
    clock: Clock,
    counter: u64,
    unix_nanos: u64,
}

impl WallClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the anchor of a clock of its own"
    )]
    fn new() -> Self {
        let clock = Clock::new();
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self {
            counter: clock.raw(),
            clock,
            unix_nanos: since_1970.map_or(0, |time| time.as_nanos() as u64),
        }
    }

    #[inline]
    fn now(&self) -> u64 {
        self.unix_nanos + self.clock.delta_as_nanos(self.counter, self.clock.raw())
    }
}

pub(crate) struct DirectProducer {
    clock: WallClock,
    /// The last span id; the next is made from it.
    ids: u64,
    open: Buffer,
    /// A full buffer that `ready` hands on. A turn fits into a buffer, so one place is enough.
    sealed: Option<Buffer>,
    full: flume::Sender<Buffer>,
    empty: flume::Receiver<Buffer>,
}

/// All that a session is to the floor.
pub(crate) struct DirectSession {
    id: SessionId,
    trace_id: [u8; 16],
    root: u64,
    started: u64,
}

impl DirectProducer {
    /// A span id, by SplitMix64.
    #[inline]
    fn span_id(&mut self) -> u64 {
        self.ids = self.ids.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.ids;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Begins a span below the root.
    #[inline]
    fn start(&mut self, session: &DirectSession, name: &'static str, kind: Kind) {
        self.make_room();
        let head = Head {
            trace_id: session.trace_id,
            span_id: self.span_id(),
            parent: Some(session.root),
            name,
            kind,
            start: self.clock.now(),
        };
        self.open.start_span(&head);
    }

    #[inline]
    fn end(&mut self) {
        let now = self.clock.now();
        self.open.end_span(now);
    }

    #[inline]
    fn make_room(&mut self) {
        if !self.open.has_room() {
            self.seal();
        }
    }

    #[cold]
    fn seal(&mut self) {
        let fresh = self.empty.try_recv().unwrap_or_else(|_| Buffer::new());
        let full = std::mem::replace(&mut self.open, fresh);
        let unsent = self.sealed.replace(full);
        assert!(unsent.is_none(), "`ready` is called before every turn");
    }

    async fn hand_on(&mut self) {
        if let Some(full) = self.sealed.take() {
            let handed_on = self.full.send_async(full).await;
            handed_on.expect("the sender runs until all producers are gone");
        }
    }
}

impl Producer for DirectProducer {
    type Session = DirectSession;

    fn open(&mut self, id: &SessionId) -> DirectSession {
        DirectSession {
            id: id.clone(),
            trace_id: id.trace_id().to_be_bytes(),
            root: self.span_id(),
            started: self.clock.now(),
        }
    }

    fn bare(&mut self, session: &mut DirectSession) {
        self.start(session, workload::BARE, Kind::Internal);
        self.end();
    }

    fn chat(&mut self, session: &mut DirectSession, chat: &Chat) {
        self.start(session, workload::CHAT, Kind::Client);
        session.id.attributes(&mut self.open.span_attributes());
        chat.attributes(&mut self.open.span_attributes());
        self.end();
    }

    fn tool(&mut self, session: &mut DirectSession, tool: &Tool) {
        self.start(session, workload::TOOL, Kind::Internal);
        session.id.attributes(&mut self.open.span_attributes());
        tool.attributes(&mut self.open.span_attributes());
        let now = self.clock.now();
        self.open.start_event(workload::TOOL_EVENT, now);
        tool.event_attributes(&mut self.open.event_attributes());
        self.open.end_event();
        self.end();
    }

    fn close(&mut self, session: DirectSession) {
        self.make_room();
        self.open.start_span(&Head {
            trace_id: session.trace_id,
            span_id: session.root,
            parent: None,
            name: workload::ROOT,
            kind: Kind::Internal,
            start: session.started,
        });
        workload::root_attributes(&mut self.open.span_attributes());
        session.id.attributes(&mut self.open.span_attributes());
        self.end();
    }

    #[inline]
    fn ready(&mut self, _session: &mut DirectSession) -> impl Future<Output = ()> + Send {
        self.hand_on()
    }

    async fn done(&mut self) {
        self.hand_on().await;
        self.seal();
        self.hand_on().await;
    }
}
