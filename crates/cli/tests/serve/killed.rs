//! `spanreel serve` ended in every way under load, between real clients and a real backend that misbehaves.
//! `SPANREEL_SERVE_KILLS` is how often (10), `SPANREEL_FAULT_SEED` what random choices follow from.

#![expect(
    clippy::disallowed_methods,
    reason = "the process that is killed is another one; the test waits between"
)]

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use rustix::process::Signal;
use spanreel_faults::producer::{self, HEAVY};
use spanreel_faults::{Manner, Sink, seeds};
use tokio::sync::watch;
use tonic::transport::Channel;

use super::server::{LONG, Server};

const CLIENTS: u64 = 4;

type Client = TraceServiceClient<Channel>;
/// Where the server is now, if there is one.
type Address = watch::Receiver<Option<SocketAddr>>;

/// Numbers that were sent, and those that were acknowledged.
#[derive(Default)]
struct Oracle {
    next: AtomicU64,
    acknowledged: Mutex<BTreeSet<u64>>,
}

/// Sends one request after the other, each until it is acknowledged, to whatever server there is.
async fn send_for_ever(oracle: Arc<Oracle>, mut address: Address) {
    let mut client = None;
    loop {
        let first = 1 + oracle.next.fetch_add(20, Ordering::Relaxed);
        let weight = if first % 7000 < 20 { HEAVY } else { 0 };
        let last = first + first / 20 % 20;
        let numbers: Vec<u64> = (first..=last).map(|number| number | weight).collect();
        while !send(&mut client, &mut address, &numbers).await {
            client = None;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut acknowledged = oracle.acknowledged.lock().expect("no panic under it");
        acknowledged.extend(numbers);
    }
}

/// Whether a request was acknowledged.
async fn send(client: &mut Option<Client>, address: &mut Address, numbers: &[u64]) -> bool {
    if client.is_none() {
        let there = address.wait_for(Option::is_some).await;
        let there = there.expect("the test goes on").expect("it is there");
        *client = Client::connect(format!("http://{there}")).await.ok();
    }
    let Some(client) = client else { return false };
    let request = producer::request(numbers.iter().copied());
    let answer = tokio::time::timeout(Duration::from_secs(5), client.export(request)).await;
    matches!(answer, Ok(Ok(_)))
}

/// Whatever ends the process under load (no warning at all, a signal, two signals) and whatever the backend
/// does meanwhile: every span that was acknowledged is in the backend in the end, unchanged.
#[test]
fn whatever_ends_the_process_what_was_acknowledged_arrives() {
    let rounds = seeds::count("SPANREEL_SERVE_KILLS", 10);
    let seed = seeds::seeds(1).start;
    let _told = seeds::tell_when_failed("killing serve", seed);
    let mut random = fastrand::Rng::with_seed(seed);
    let folder = tempfile::tempdir().expect("a folder");
    let sink = Sink::start(Manner::Accepts);
    let backend = format!("grpc://{}", sink.addr());
    let start = || {
        let directory = folder.path().to_str().expect("text");
        let options = ["--data-dir", directory, "--export", &backend];
        Server::start(&[&options[..], &["--log-level", "error", "--grace", "2s"]].concat())
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let oracle = Arc::new(Oracle::default());
    let (tell, address) = watch::channel(None);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| runtime.spawn(send_for_ever(Arc::clone(&oracle), address.clone())))
        .collect();
    let mut killed = 0;
    for _ in 0..rounds {
        let manners = Manner::passing();
        let others = manners.len();
        sink.now(match random.usize(..2 * others) {
            chosen if chosen < others => manners[chosen].clone(),
            _ => Manner::Accepts,
        });
        let server = start();
        tell.send_replace(Some(server.grpc()));
        std::thread::sleep(Duration::from_millis(random.u64(50..400)));
        match random.u8(..8) {
            0 => {
                let ended = server.stop();
                assert_eq!(ended.code, Some(0), "{ended:?}");
            }
            1 => {
                server.signal(Signal::INT);
                std::thread::sleep(Duration::from_millis(random.u64(..20)));
                // It may be done with the first.
                server.signal(Signal::INT);
                server.wait();
            }
            _ => {
                server.signal(Signal::KILL);
                server.wait();
                killed += 1;
            }
        }
        tell.send_replace(None);
    }
    // What is acknowledged from here on comes with the last server.
    sink.now(Manner::Accepts);
    let server = start();
    tell.send_replace(Some(server.grpc()));
    std::thread::sleep(Duration::from_millis(300));
    for client in clients {
        client.abort();
    }
    drop(runtime);
    let acknowledged = oracle.acknowledged.lock().expect("no panic under it");
    let deadline = Instant::now() + LONG;
    while !sink.judge(&acknowledged).missing.is_empty() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    let verdict = sink.judge(&acknowledged);
    verdict.assert_whole();
    let ended = server.stop();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let spans = acknowledged.len();
    println!("{rounds} ends, {killed} of them kill -9: {spans} acknowledged, {verdict}");
    assert!(spans as u64 > 100 * rounds, "{spans}");
}
