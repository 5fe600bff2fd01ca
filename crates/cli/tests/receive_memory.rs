//! The memory of the whole process while far too much is sent at once. Alone in its process, so that
//! nothing else is measured.

#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    reason = "clients run side by side with the test"
)]

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use spanreel::Signal;
use spanreel_cli::receive::{self, Config, Outcome, Take, Taken};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

const MIB: usize = 1024 * 1024;

/// The size of each request once it is unpacked.
const REQUEST: usize = 60 * MIB;

/// Looks at a request for a while and lets it go.
struct Slow;

impl Take for Slow {
    async fn take(&self, _: Signal, request: Bytes) -> Taken {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Taken::Accepted {
            items: request.len() as u64,
        }
    }
}

/// A line of `/proc/self/status`, in bytes.
fn memory(line: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let found = status.lines().find_map(|text| text.strip_prefix(line));
    let number = found.and_then(|text| text.split_whitespace().nth(1));
    number.expect("a number").parse::<usize>().expect("kB") * 1024
}

/// A field that nobody knows, with zeros, so that its message has [`REQUEST`] bytes.
fn head() -> Vec<u8> {
    let mut head = vec![0x7a];
    prost::encoding::encode_varint((REQUEST - 5) as u64, &mut head);
    assert_eq!(head.len(), 5);
    head
}

fn zstd() -> Bytes {
    use std::io::Read;
    let zeros = Read::take(std::io::repeat(0), (REQUEST - 5) as u64);
    let body = Read::chain(std::io::Cursor::new(head()), zeros);
    zstd::encode_all(body, 1).expect("memory").into()
}

/// Sends a request without ever holding its body, and gives the first line of the answer.
async fn send(addr: SocketAddr, headers: &str, packed: Option<Bytes>) -> String {
    let mut stream = TcpStream::connect(addr).await.expect("it listens");
    let length = packed.as_ref().map_or(REQUEST, Bytes::len);
    let lines = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
         content-length: {length}\r\n{headers}\r\n\r\n"
    );
    stream.write_all(lines.as_bytes()).await.expect("sent");
    if let Some(packed) = packed {
        stream.write_all(&packed).await.expect("sent");
    } else {
        static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];
        let head = head();
        stream.write_all(&head).await.expect("sent");
        let mut left = REQUEST - head.len();
        while left > 0 {
            let step = left.min(ZEROS.len());
            if stream.write_all(&ZEROS[..step]).await.is_err() {
                break;
            }
            left -= step;
        }
    }
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    let answer = String::from_utf8_lossy(&answer);
    answer.lines().next().unwrap_or_default().to_owned()
}

/// A hundred clients with 60 MiB each, sent as they are or packed into a few KiB, never make the
/// process hold more than twice the budget: once for the bodies, and once for what the allocator
/// keeps of those that were given back. Some are served, and the others are told to come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_process_stays_within_the_budget() {
    let any = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    let config = Config {
        grpc: None,
        http: any,
        ..Config::default()
    };
    let budget = config.limits.budget.as_usize();
    let receiver = receive::bind(config, Slow).expect("a free port");
    let addr = receiver.http_addr().expect("configured");
    let stop = CancellationToken::new();
    let task = tokio::spawn(receiver.run(stop.clone(), Duration::from_secs(5)));

    let packed = zstd();
    assert!(packed.len() < MIB / 10, "{}", packed.len());
    let before = memory("VmRSS");
    let clients: Vec<_> = (0..100)
        .map(|client| {
            let packed = packed.clone();
            tokio::spawn(async move {
                let protobuf = "content-type: application/x-protobuf";
                if client % 2 == 0 {
                    return send(addr, protobuf, None).await;
                }
                let zstd = format!("{protobuf}\r\ncontent-encoding: zstd");
                send(addr, &zstd, Some(packed)).await
            })
        })
        .collect();
    let mut served = 0;
    for client in clients {
        let answer = client.await.expect("no panic");
        if answer == "HTTP/1.1 200 OK" {
            served += 1;
        } else {
            assert_eq!(answer, "HTTP/1.1 503 Service Unavailable");
        }
    }
    stop.cancel();
    let stats = task.await.expect("no panic");
    let grown = memory("VmHWM") - before;
    assert!(served > 0 && served < 100, "{served} served");
    assert_eq!(stats.total(Outcome::Accepted), served);
    assert!(stats.held_peak <= budget);
    assert!(
        grown < 2 * budget,
        "grew by {} MiB with a budget of {} MiB",
        grown / MIB,
        budget / MIB
    );
}
