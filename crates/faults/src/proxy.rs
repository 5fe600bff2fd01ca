//! A line between two ends that fails in its own ways: it falls silent without a word, it is cut.
//!
//! Holds: connections, and at most a buffer of each direction. Waits: for ever, where it is silent.
//! Loses: what it has read when it falls silent.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::own_runtime::OwnRuntime;

/// What becomes of connections with a number below these.
#[derive(Clone, Copy, Debug, Default)]
struct Fate {
    /// They pass on nothing more, and nobody is told.
    silent_below: u64,
    /// They are reset.
    cut_below: u64,
}

/// A line to an address.
#[derive(Debug)]
pub struct Proxy {
    addr: SocketAddr,
    fate: watch::Sender<Fate>,
    connections: Arc<AtomicU64>,
    _runtime: OwnRuntime,
}

impl Proxy {
    /// A line to this address that passes everything on.
    ///
    /// # Panics
    /// There is no free port, or no thread.
    #[must_use]
    pub fn to(target: SocketAddr) -> Self {
        let (fate, fates) = watch::channel(Fate::default());
        let connections = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&connections);
        let (told, addr) = oneshot::channel();
        let runtime = OwnRuntime::start(move || listen(target, fates, counter, told));
        Self {
            addr: addr.blocking_recv().expect("it listens"),
            fate,
            connections,
            _runtime: runtime,
        }
    }

    /// Its address for exporters.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// How many connections were opened.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::SeqCst)
    }

    /// The connections of now pass on nothing more, as if the machine behind them had vanished; later ones
    /// work.
    pub fn silence(&self) {
        let below = self.connections();
        self.fate.send_modify(|fate| fate.silent_below = below);
    }

    /// The connections of now are reset; later ones work.
    pub fn cut(&self) {
        let below = self.connections();
        self.fate.send_modify(|fate| fate.cut_below = below);
    }
}

async fn listen(
    target: SocketAddr,
    fates: watch::Receiver<Fate>,
    counter: Arc<AtomicU64>,
    told: oneshot::Sender<SocketAddr>,
) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.expect("a free port");
    // Who asked may have gone.
    let _waits = told.send(listener.local_addr().expect("it is bound"));
    let mut connections = JoinSet::new();
    loop {
        let (near, _) = listener.accept().await.expect("a connection");
        let number = counter.fetch_add(1, Ordering::SeqCst);
        let fates = fates.clone();
        #[expect(clippy::disallowed_methods, reason = "a server has its connections")]
        connections.spawn(pass(near, target, number, fates));
    }
}

/// Passes everything on in both directions, until the connection meets its fate.
async fn pass(near: TcpStream, target: SocketAddr, number: u64, mut fates: watch::Receiver<Fate>) {
    let mut silenced = fates.clone();
    let Ok(far) = TcpStream::connect(target).await else {
        return;
    };
    near.set_nodelay(true).expect("an option of sockets");
    far.set_nodelay(true).expect("an option of sockets");
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    let passing = async {
        // Either end may leave first.
        tokio::select! {
            () = copy(near_in, far_out) => {}
            () = copy(far_in, near_out) => {}
        }
    };
    let silent = async {
        if silenced
            .wait_for(|fate| number < fate.silent_below)
            .await
            .is_err()
        {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        biased;
        // Dropped with bytes unread, a connection is reset.
        _cut = fates.wait_for(|fate| number < fate.cut_below) => {}
        () = until_silent(passing, silent) => {}
    }
}

/// Passes on until silence falls, and then nothing for ever: the sockets stay open.
async fn until_silent(passing: impl Future<Output = ()>, silent: impl Future<Output = ()>) {
    let mut passing = std::pin::pin!(passing);
    tokio::select! {
        biased;
        () = silent => {}
        () = &mut passing => return,
    }
    std::future::pending::<()>().await;
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let mut buffer = vec![0; 16 << 10];
    loop {
        match from.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => {
                if to.write_all(&buffer[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}
