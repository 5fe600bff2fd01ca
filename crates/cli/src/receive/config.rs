//! How a receiver behaves, as plain data.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use spanreel::ByteSize;

use super::access::Token;

/// Where a receiver listens, whom it lets in, and how much it takes.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where OTLP/gRPC is listened for. Default: `127.0.0.1:4317`. `None`: nowhere.
    ///
    /// Both protocols are understood on both addresses; there are two because exporters expect it.
    pub grpc: Option<SocketAddr>,
    /// Where OTLP/HTTP is listened for. Default: `127.0.0.1:4318`. `None`: nowhere.
    pub http: Option<SocketAddr>,
    /// What clients must present as `authorization: Bearer ...`. Default: nothing. Without a token
    /// or [`Tls::client_ca`], addresses that other machines can reach are refused.
    pub token: Option<Token>,
    /// The certificate of the receiver. Default: none, connections are not encrypted.
    pub tls: Option<Tls>,
    /// The origins (`https://example.org`, or `*` for any) whose web pages may send telemetry.
    /// Default: none; requests with an `origin` header are refused.
    pub origins: Vec<String>,
    /// How much is taken at once, and how long is waited.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            grpc: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 4317))),
            http: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 4318))),
            token: None,
            tls: None,
            origins: Vec::new(),
            limits: Limits::default(),
        }
    }
}

/// PEM files for TLS 1.2 and 1.3. They are read once, when the receiver is bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The chain of the receiver's certificate, its own first.
    pub certificate: PathBuf,
    /// The key of that certificate.
    pub key: PathBuf,
    /// Whose certificates clients must have. `None`: clients need no certificate.
    pub client_ca: Option<PathBuf>,
}

/// The bounds of a receiver. None may be zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest body as it comes over the wire. Default: 64 MiB, which OTLP 1.11 recommends.
    pub wire_bytes: ByteSize,
    /// The largest request once unpacked, and once turned from JSON into protobuf. Default: 64 MiB,
    /// as OTLP 1.11 recommends; at most 4 GiB - 1.
    pub request_bytes: ByteSize,
    /// What all requests under way may hold together: bodies, windows of decompressors, and a base
    /// of 8 KiB each. Default: 128 MiB. The process can hold up to twice as much, as allocators keep
    /// what was given back. A request that could never fit is refused as too large: a
    /// JSON body needs three times its size for a while, so 42 MiB of JSON fit into the default.
    pub budget: ByteSize,
    /// How many connections may be open. More are closed at once. Default: 1,024.
    pub connections: usize,
    /// How many requests one HTTP/2 connection may have under way. Default: 128.
    pub streams: u32,
    /// How long the TLS handshake may take. Default: 10 s.
    pub handshake_timeout: Duration,
    /// How long the first byte of a connection and the head of an HTTP/1 request may take, counted
    /// from the last answer: longer than exporters pause between two batches. Default: 75 s.
    pub header_timeout: Duration,
    /// How long a body may take. Default: 30 s.
    pub body_timeout: Duration,
    /// A connection without a request for this long, or up to twice as long, is closed.
    /// Default: 5 min.
    pub idle_timeout: Duration,
    /// How long a request waits for room in the budget before the client is sent away with the
    /// advice to come back. Default: 1 s.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wire_bytes: ByteSize::mib(64),
            request_bytes: ByteSize::mib(64),
            budget: ByteSize::mib(128),
            connections: 1_024,
            streams: 128,
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(300),
            patience: Duration::from_secs(1),
        }
    }
}
