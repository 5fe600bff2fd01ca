//! OTLP backends behind real sockets that misbehave for the whole run: no panic, no memory beyond the
//! budget, and an exact report.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use spanreel::{ByteSize, Otlp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Runtime;

use crate::support::ledger::assert_settled;
use crate::{prompt, work};

/// How a backend misbehaves.
#[derive(Clone, Copy, Debug)]
enum Manner {
    /// Nobody listens.
    Absent,
    /// It closes each connection at once.
    Refuses,
    /// It takes everything and never says a word.
    Hangs,
    /// It says what no protocol knows.
    Garbage,
    /// It reads a little, closes its side and goes on reading.
    HalfCloses,
}

async fn misbehave(manner: Manner, mut socket: TcpStream) -> std::io::Result<()> {
    let mut some = vec![0; 4096];
    match manner {
        Manner::Absent | Manner::Refuses => return Ok(()),
        Manner::Hangs => {}
        Manner::Garbage => {
            socket.read_exact(&mut some[..16]).await?;
            let noise: Vec<u8> = (0..20_000_u32).map(|n| ((n * 7919) >> 3) as u8).collect();
            socket.write_all(&noise).await?;
        }
        Manner::HalfCloses => {
            socket.read_exact(&mut some[..16]).await?;
            socket.shutdown().await?;
        }
    }
    while socket.read(&mut some).await? > 0 {}
    Ok(())
}

/// A backend with an address of its own.
struct Backend {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    /// Keeps the address from others where nobody listens.
    _reserved: Option<TcpSocket>,
}

impl Backend {
    async fn start(manner: Manner) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        let any = "127.0.0.1:0".parse().expect("an address");
        socket.bind(any).expect("a port");
        let address = socket.local_addr().expect("an address");
        let connections = Arc::new(AtomicUsize::new(0));
        if matches!(manner, Manner::Absent) {
            return Self {
                address,
                connections,
                _reserved: Some(socket),
            };
        }
        let listener = socket.listen(64).expect("it listens");
        let counter = Arc::clone(&connections);
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.expect("a connection");
                counter.fetch_add(1, Ordering::Relaxed);
                // A client that goes away ends the conversation.
                tokio::spawn(misbehave(manner, socket));
            }
        });
        Self {
            address,
            connections,
            _reserved: None,
        }
    }

    /// Waits until somebody has connected, which a busy machine may be late to tell.
    fn wait_for_connection(&self) {
        let begun = Instant::now();
        while self.connections.load(Ordering::Relaxed) == 0 {
            assert!(begun.elapsed() < Duration::from_secs(10), "nobody came");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Backends that refuse, hang, answer garbage, close half or are absent for the whole run cost no
/// panic, no time and no more than the budget; all is booked.
#[test]
fn a_backend_that_misbehaves_costs_what_it_was_to_take() {
    let runtime = Runtime::new().expect("a runtime");
    let manners = [
        Manner::Absent,
        Manner::Refuses,
        Manner::Hangs,
        Manner::Garbage,
        Manner::HalfCloses,
    ];
    let protocols: [fn(String) -> Otlp; 3] = [
        |url| Otlp::grpc(url),
        |url| Otlp::http(url),
        |url| Otlp::http_json(url),
    ];
    std::thread::scope(|scope| {
        for manner in manners {
            for protocol in protocols {
                let backend = runtime.block_on(Backend::start(manner));
                let exporter = protocol(format!("http://{}", backend.address));
                scope.spawn(move || {
                    run_against(exporter.timeout(Duration::from_millis(200)), manner);
                    if !matches!(manner, Manner::Absent) {
                        backend.wait_for_connection();
                    }
                });
            }
        }
    });
}

fn run_against(exporter: Otlp, manner: Manner) {
    let budget = ByteSize::mib(8);
    let pipeline = prompt().budget(budget).export(exporter).start();
    let pipeline = pipeline.expect("a pipeline");
    let begun = Instant::now();
    let (mut ended, mut most) = (0, ByteSize::bytes(0));
    while begun.elapsed() < Duration::from_millis(700) {
        let session = pipeline.session(&format!("{}", ended / 500)).expect("open");
        work(&session, 50);
        ended += 50;
        most = most.max(pipeline.stats().memory);
        std::thread::sleep(Duration::from_millis(1));
    }
    let begun = Instant::now();
    let report = pipeline.shutdown_blocking(Duration::from_millis(300));
    assert!(begun.elapsed() < Duration::from_secs(2), "{manner:?}");
    assert!(most <= budget, "{manner:?}: {most}");
    assert_settled(&report);
    assert_eq!(report.lost(), report.traces.ended, "{manner:?} {report}");
    assert!(report.traces.ended > ended, "{manner:?} {report}");
    assert!(report.lanes[0].requests > 0, "{manner:?} {report}");
}
