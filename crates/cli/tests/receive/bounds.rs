//! Bodies that are too large, or become so, cost no more memory than they may.

use std::io::{Read, Write};
use std::time::Duration;

use http::{Method, StatusCode, Version};
use prost::Message;
use spanreel::ByteSize;
use spanreel_cli::receive::{Config, Limits, Outcome};
use tonic_types::pb;

use crate::support::*;

const MIB: usize = 1024 * 1024;

/// One field of OTLP's that nobody knows, `size` bytes long: well-formed, and nothing but zeros.
fn zeros(size: usize) -> impl Read {
    let mut head = vec![0x7a];
    prost::encoding::encode_varint(size as u64, &mut head);
    std::io::Cursor::new(head).chain(std::io::repeat(0).take(size as u64))
}

/// Zeros, packed without a header and ended at a byte, so that it can be repeated.
fn packed_zeros(size: usize) -> Vec<u8> {
    let mut encoder = flate2::Compress::new(flate2::Compression::best(), false);
    let mut packed = Vec::with_capacity(size / 100);
    encoder
        .compress_vec(&vec![0; size], &mut packed, flate2::FlushCompress::Full)
        .expect("memory");
    assert_eq!(encoder.total_in(), size as u64);
    packed
}

/// The head of the field whose bytes are the zeros, in a stored block.
fn stored_head(size: usize) -> Vec<u8> {
    let mut head = vec![0x7a];
    prost::encoding::encode_varint(size as u64, &mut head);
    let length = u16::try_from(head.len()).expect("short");
    let mut block = vec![0];
    block.extend(length.to_le_bytes());
    block.extend((!length).to_le_bytes());
    block.extend(head);
    block
}

/// Both end in the middle: nobody may come so far.
fn gzip_bomb(size: usize) -> Vec<u8> {
    let header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    [&header[..], &deflated(size)].concat()
}

fn deflate_bomb(size: usize) -> Vec<u8> {
    [&[0x78, 0x9c][..], &deflated(size)].concat()
}

fn deflated(size: usize) -> Vec<u8> {
    let piece = packed_zeros(4 * MIB);
    [stored_head(size), piece.repeat(size / (4 * MIB))].concat()
}

fn zstd_bomb(size: usize) -> Vec<u8> {
    zstd::encode_all(zeros(size), 1).expect("memory")
}

/// A small body that unpacks to 1 GiB is refused as too large, whatever it is packed with, and
/// memory never holds more than the bound; others are served meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bomb_is_refused_at_the_bound_and_harms_nobody() {
    let served = serve(config());
    served.is_well().await;
    let bombs = [
        ("gzip", gzip_bomb(1024 * MIB)),
        ("deflate", deflate_bomb(1024 * MIB)),
        ("zstd", zstd_bomb(1024 * MIB)),
    ];
    for (name, bomb) in bombs {
        assert!(bomb.len() < 8 * MIB, "{name}: {}", bomb.len());
        let headers = [PROTOBUF, ("content-encoding", name)];
        let (response, ()) = tokio::join!(
            post(served.http, "/v1/traces", &headers, bomb.clone()),
            served.is_well()
        );
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE, "{name}");
        let said = pb::Status::decode(response.body().clone()).expect("google.rpc.Status");
        assert_eq!(said.message, "the request is larger than 67108864 bytes");

        let headers = [("grpc-encoding", name)];
        let response = call(served.grpc, &headers, framed(1, &bomb)).await;
        assert_eq!(response.headers()["grpc-status"], "8", "{name}");
        assert!(!response.headers().contains_key("grpc-status-details-bin"));
    }
    served.is_well().await;
    let stats = served.end().await;
    assert_eq!(stats.total(Outcome::TooLarge), 6);
    assert!(
        stats.held_peak <= 65 * MIB + 16 * MIB,
        "{}",
        stats.held_peak
    );
}

/// A window that is larger than 8 MiB is refused before anybody allocates it.
#[tokio::test]
async fn a_zstd_window_above_the_bound_is_refused() {
    let served = serve(config());
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).expect("memory");
    let window = zstd::zstd_safe::CParameter::WindowLog(27);
    encoder.set_parameter(window).expect("known");
    encoder
        .write_all(&spans(10).encode_to_vec())
        .expect("memory");
    let body = encoder.finish().expect("memory");
    let headers = [PROTOBUF, ("content-encoding", "zstd")];
    let response = post(served.http, "/v1/traces", &headers, body).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    served.is_well().await;
    assert!(served.end().await.held_peak < MIB);
}

/// A body of 100 MiB is refused over HTTP/1.1, HTTP/2 and gRPC, and the client hears why although
/// it is still sending; with `expect: 100-continue` it need not send any of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_above_the_bound_is_refused_and_the_client_hears_it() {
    let served = serve(config());
    let mut body = Vec::new();
    zeros(100 * MIB).read_to_end(&mut body).expect("memory");
    let (method, path) = (Method::POST, "/v1/traces");
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let headers = [PROTOBUF];
        let body = body.clone();
        let response = send(served.http, version, method.clone(), path, &headers, body).await;
        assert_eq!(
            response.status(),
            StatusCode::PAYLOAD_TOO_LARGE,
            "{version:?}"
        );
    }
    let response = call(served.grpc, &[], framed(0, &body)).await;
    assert_eq!(response.headers()["grpc-status"], "8");

    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         expect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        100 * MIB
    );
    let answer = raw(served.http, head.as_bytes()).await;
    assert!(answer.starts_with(b"HTTP/1.1 413 "), "and no 100 before");
    served.is_well().await;
    let stats = served.end().await;
    assert_eq!(stats.total(Outcome::TooLarge), 4);
    assert!(stats.held_peak < 2 * MIB, "nobody keeps what is refused");
}

/// Bounds can be set, and a request of just that size is taken.
#[tokio::test]
async fn a_request_at_the_bound_is_taken_and_one_byte_more_is_not() {
    let body = spans(100).encode_to_vec();
    for (spare, status) in [(0, StatusCode::OK), (1, StatusCode::PAYLOAD_TOO_LARGE)] {
        let size = ByteSize::bytes((body.len() - spare) as u64);
        for packed in [false, true] {
            let mut limits = Limits::default();
            // Unpacked, it is what is sent that is too large.
            *(if packed {
                &mut limits.request_bytes
            } else {
                &mut limits.wire_bytes
            }) = size;
            let served = serve(Config { limits, ..config() });
            let (encoding, body) = match packed {
                true => ("gzip", gzip(&body)),
                false => ("identity", body.clone()),
            };
            let headers = [PROTOBUF, ("content-encoding", encoding)];
            let response = post(served.http, "/v1/traces", &headers, body).await;
            assert_eq!(response.status(), status, "{packed} {spare}");
            served.end().await;
        }
    }
}

/// Many clients with large bodies at once hold no more than the budget; who finds no room is told
/// to come back, and does, until all of it has arrived.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_large_bodies_at_once_stay_within_the_budget_and_all_arrive() {
    const CLIENTS: usize = 60;
    let budget = 6 * MIB;
    let served = serve(Config {
        limits: Limits {
            budget: ByteSize::bytes(budget as u64),
            request_bytes: ByteSize::mib(3),
            patience: Duration::from_millis(30),
            ..Limits::default()
        },
        ..config()
    });
    let body = spans(2 * MIB / 50).encode_to_vec();
    assert!(body.len() > MIB && body.len() < 3 * MIB, "{}", body.len());
    let packed = gzip(&body);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (grpc, http) = (served.grpc, served.http);
            let (plain, packed) = (body.clone(), packed.clone());
            tokio::spawn(async move {
                let mut refusals = 0;
                loop {
                    let is_done = match client % 3 {
                        0 => {
                            let response = call(grpc, &[], framed(0, &plain)).await;
                            match response.headers().get("grpc-status") {
                                None => true,
                                Some(status) => {
                                    assert_eq!(status, "14", "UNAVAILABLE");
                                    let headers = response.headers();
                                    assert!(headers.contains_key("grpc-status-details-bin"));
                                    false
                                }
                            }
                        }
                        number => {
                            let gzip = [PROTOBUF, ("content-encoding", "gzip")];
                            let response = match number {
                                1 => post(http, "/v1/traces", &gzip, packed.clone()).await,
                                _ => post(http, "/v1/traces", &[PROTOBUF], plain.clone()).await,
                            };
                            if response.status() != StatusCode::OK {
                                let busy = StatusCode::SERVICE_UNAVAILABLE;
                                assert_eq!(response.status(), busy);
                                assert!(response.headers().contains_key("retry-after"));
                            }
                            response.status() == StatusCode::OK
                        }
                    };
                    if is_done {
                        return refusals;
                    }
                    refusals += 1;
                    let pause = Duration::from_millis(fastrand::u64(10..300));
                    tokio::time::sleep(pause).await;
                }
            })
        })
        .collect();
    let mut refusals = 0;
    for client in clients {
        refusals += client.await.expect("no panic");
    }
    assert_eq!(served.collector.taken(), CLIENTS);
    let stats = served.end().await;
    assert!(stats.held_peak <= budget, "{} of {budget}", stats.held_peak);
    assert!(stats.held_peak > budget / 2, "it was put to use");
    assert_eq!(stats.total(Outcome::Busy), refusals);
    assert_eq!(stats.total(Outcome::Accepted), CLIENTS as u64);
}
