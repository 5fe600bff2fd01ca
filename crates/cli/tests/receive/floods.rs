//! HTTP/2 frames by hand, in floods.

use std::time::Duration;

use spanreel_cli::receive::Outcome;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::*;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;

const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The head of a gRPC call, without Huffman's code and without indexing.
fn head() -> Vec<u8> {
    let mut block = vec![0x83, 0x86];
    let literal = |block: &mut Vec<u8>, index: u8, value: &str| {
        block.push(index);
        block.push(u8::try_from(value.len()).expect("short"));
        block.extend(value.as_bytes());
    };
    literal(&mut block, 4, TRACE_SERVICE);
    literal(&mut block, 1, "x");
    // content-type has the index 31, which takes two bytes.
    block.extend([0x0f, 16]);
    block.push(16);
    block.extend(b"application/grpc");
    block
}

/// Sends until the other end has had enough, or everything is sent. Gives what came back.
async fn flood(served: &Served, bytes: Vec<u8>) -> Vec<u8> {
    let stream = TcpStream::connect(served.grpc).await.expect("it listens");
    let (mut read, mut write) = stream.into_split();
    let sender = tokio::spawn(async move {
        for part in bytes.chunks(10_000) {
            if write.write_all(part).await.is_err() {
                return;
            }
        }
        // Those that let it go on shall not see it end.
        tokio::time::sleep(Duration::from_secs(1)).await;
    });
    let mut answer = Vec::new();
    drop(tokio::time::timeout(Duration::from_secs(10), read.read_to_end(&mut answer)).await);
    sender.abort();
    answer
}

/// Whether there is a GOAWAY frame, and which error it names.
fn goaway(mut bytes: &[u8]) -> Option<u32> {
    while let [a, b, c, kind, _, _, _, _, _, rest @ ..] = bytes {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let payload = rest.get(..length)?;
        if *kind == 7 {
            let error = payload[4..8].try_into().expect("four bytes");
            return Some(u32::from_be_bytes(error));
        }
        bytes = &rest[length..];
    }
    None
}

/// Streams that are reset as soon as they are opened (CVE-2023-44487) end the connection, cost no
/// request, and leave others unharmed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rapid_reset_flood_ends_its_connection() {
    const ENHANCE_YOUR_CALM: u32 = 11;
    let served = serve(config());
    served.is_well().await;
    let mut bytes = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    for stream in (1..60_000).step_by(2) {
        bytes.extend(frame(HEADERS, END_HEADERS, stream, &head()));
        bytes.extend(frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]));
    }
    let (answer, ()) = tokio::join!(flood(&served, bytes), served.is_well());
    assert_eq!(
        goaway(&answer),
        Some(ENHANCE_YOUR_CALM),
        "{} bytes",
        answer.len()
    );
    served
        .until("it is over", |stats| stats.connections.broken == 1)
        .await;
    served.is_well().await;
    let stats = served.end().await;
    assert_eq!(stats.total(Outcome::Accepted), 6);
    assert!(stats.held_peak < 4 * 1024 * 1024, "{}", stats.held_peak);
}

/// Heads that never end, settings and pings without end cost neither memory nor others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_other_frames_harm_nobody() {
    let served = serve(config());
    let start = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    let mut endless = start.clone();
    endless.extend(frame(HEADERS, 0, 1, &head()));
    for _ in 0..2_000 {
        let mut block = vec![0x00, 1, b'x', 0x7f, 0x81, 7];
        block.extend([b'y'; 1024]);
        endless.extend(frame(CONTINUATION, 0, 1, &block));
    }
    let settings = [
        start.clone(),
        frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 1, 0]).repeat(50_000),
    ];
    let pings = [start, frame(PING, 0, 0, &[7; 8]).repeat(50_000)];
    let (answer, _, _, ()) = tokio::join!(
        flood(&served, endless),
        flood(&served, settings.concat()),
        flood(&served, pings.concat()),
        served.is_well()
    );
    assert!(goaway(&answer).is_some(), "a head has a bound");
    served.is_well().await;
    let stats = served.end().await;
    assert_eq!(stats.total(Outcome::Accepted), 4);
}

/// One connection has no more requests under way than it may.
#[tokio::test]
async fn a_connection_has_its_bound_of_streams() {
    use spanreel_cli::receive::{Config, Limits};
    let limits = Limits {
        streams: 10,
        ..Limits::default()
    };
    let served = serve(Config { limits, ..config() });
    let mut bytes = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    for stream in (1..200).step_by(2) {
        bytes.extend(frame(HEADERS, END_HEADERS, stream, &head()));
    }
    let mut stream = TcpStream::connect(served.grpc).await.expect("it listens");
    stream.write_all(&bytes).await.expect("sent");
    served
        .until("some are held", |stats| stats.held_bytes > 0)
        .await;
    served.is_well().await;
    let held = served.stats().held_peak;
    assert!(
        held < 13 * 9_000,
        "{held} bytes for ten requests and two more"
    );
    drop(stream);
    served
        .until("nothing is held", |stats| stats.held_bytes == 0)
        .await;
    served.end().await;
}
