//! The oracle that receives: OTLP over gRPC and HTTP on one port, answering as it is told, writing down
//! what it accepted.
//!
//! Holds: what it has seen; its port, also while it refuses connections. Waits: where it is told to hang.
//! Loses: nothing that it has said yes to.

mod answer;
pub mod manner;
pub mod seen;
mod serve;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpSocket;
use tokio::sync::{mpsc, oneshot};

use crate::own_runtime::OwnRuntime;
use manner::Manner;
use seen::{Seen, Verdict};

/// A receiver of OTLP that does as it is told.
#[derive(Debug)]
pub struct Sink {
    addr: SocketAddr,
    shared: Arc<Shared>,
    orders: mpsc::Sender<Order>,
    /// Bound and not listening: while the sink refuses, nobody else gets the port.
    _reserved: TcpSocket,
    _runtime: OwnRuntime,
}

/// What those who serve connections share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    manner: Manner,
    seen: Seen,
}

/// A new manner, and who waits until it is kept to.
#[derive(Debug)]
pub(crate) struct Order {
    manner: Manner,
    kept: oneshot::Sender<()>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn manner(&self) -> Manner {
        self.lock().manner.clone()
    }
}

impl Sink {
    /// A sink on a free port of this machine.
    ///
    /// # Panics
    /// There is no free port, or no thread.
    #[must_use]
    pub fn start(manner: Manner) -> Self {
        let reserved = socket((Ipv4Addr::LOCALHOST, 0).into());
        let addr = reserved.local_addr().expect("it is bound");
        let shared = Arc::new(Shared::default());
        shared.lock().manner = manner;
        let (orders, inbox) = mpsc::channel(1);
        let served = Arc::clone(&shared);
        let runtime = OwnRuntime::start(move || serve::serve(addr, served, inbox));
        let sink = Self {
            addr,
            shared,
            orders,
            _reserved: reserved,
            _runtime: runtime,
        };
        // It is served when this is back.
        sink.now(sink.shared.manner());
        sink
    }

    /// Does otherwise from now on. Where it refuses, connections that stand are cut.
    ///
    /// # Panics
    /// It is called from asynchronous code.
    pub fn now(&self, manner: Manner) {
        let (kept, told) = oneshot::channel();
        let order = Order { manner, kept };
        self.orders.blocking_send(order).expect("the sink runs");
        told.blocking_recv().expect("the sink runs");
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its address for exporters: the same port speaks gRPC and HTTP.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// How many different numbered spans it has accepted.
    #[must_use]
    pub fn spans(&self) -> u64 {
        self.shared.lock().seen.spans()
    }

    /// How many requests have come, accepted or not.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        self.shared.lock().seen.attempts()
    }

    /// How many requests with different bytes have come.
    #[must_use]
    pub fn different_requests(&self) -> u64 {
        self.shared.lock().seen.different_requests()
    }

    /// How many requests were under way at once, at most.
    #[must_use]
    pub fn most_at_once(&self) -> u64 {
        self.shared.lock().seen.most_at_once()
    }

    /// Compares what was acknowledged with what was accepted.
    #[must_use]
    pub fn judge(&self, acknowledged: &BTreeSet<u64>) -> Verdict {
        self.shared.lock().seen.judge(acknowledged)
    }
}

/// A socket that is bound, so that another one can listen on its port.
fn socket(addr: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    #[cfg(unix)]
    socket.set_reuseport(true).expect("an option of sockets");
    socket.set_reuseaddr(true).expect("an option of sockets");
    socket.bind(addr).expect("a free port");
    socket
}
