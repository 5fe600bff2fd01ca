//! What the gateway adds to streams, beside direct connections in the same run: `spanreel serve --gateway` as a
//! process of its own, in front of a provider that writes into each chunk when it was sent.
//!
//! `cargo bench -p spanreel-cli --bench gateway`; `-- --rounds 40` for more. Rounds take turns: 16 streams
//! directly, 16 through the gateway, so that a machine that gets slower gets slower for both. A stream has one
//! first chunk: `-- --rounds 400 --chunks 10` has many of them in a minute.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "the bench is the host of the provider and of the clients, and says what it measures"
)]

use std::convert::Infallible;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

/// Streams at once.
const STREAMS: usize = 16;
/// Chunks of each, unless it is said otherwise.
const CHUNKS: usize = 100;
/// Between the chunks of a stream: 100 tokens a second.
const PAUSE: Duration = Duration::from_millis(10);
/// Streams begin one after the other: their chunks do not come at once.
const APART: Duration = Duration::from_micros(625);
/// The aim, at the 99th percentile.
const AIM: Duration = Duration::from_millis(1);

type Plain = Client<HttpConnector, Full<Bytes>>;

/// One clock for both ends.
fn nanos() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = *START.get_or_init(Instant::now);
    u64::try_from(start.elapsed().as_nanos()).expect("a bench ends before that")
}

/// A stream whose chunks say when they were sent.
fn stream(chunks: usize) -> impl Body<Data = Bytes, Error = Infallible> {
    let chunks = futures::stream::unfold(0, move |sent| async move {
        if sent == chunks {
            return None;
        }
        if sent > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        let text = format!(
            "data: {{\"id\":\"c-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-5-2025-08-07\",\
             \"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"@{:020}\"}},\"finish_reason\":null}}]}}\n\n",
            nanos()
        );
        Some((Ok(Frame::data(Bytes::from(text))), sent + 1))
    });
    StreamBody::new(chunks)
}

async fn provider(chunks: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            connection.set_nodelay(true).expect("a socket");
            tokio::spawn(async move {
                let answer = service_fn(move |request: Request<Incoming>| async move {
                    request.into_body().collect().await?;
                    let response = Response::builder().header("content-type", "text/event-stream");
                    let response = response.body(stream(chunks)).expect("the parts are right");
                    Ok::<_, hyper::Error>(response)
                });
                let server = hyper::server::conn::http1::Builder::new();
                // How a client leaves is its own affair.
                let _left = server
                    .serve_connection(TokioIo::new(connection), answer)
                    .await;
            });
        }
    });
    addr
}

/// `spanreel serve --gateway`. Dropped, it is killed.
struct Gateway {
    process: Child,
    url: String,
}

impl Gateway {
    fn start(upstream: SocketAddr) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_spanreel"))
            .env_clear()
            .args(["serve", "--data-dir", "off", "--gateway", "127.0.0.1:0"])
            .args(["--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0"])
            .args(["--http", "127.0.0.1:0"])
            .arg(format!("--upstream=openai=http://{upstream}"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the command runs");
        let said = BufReader::new(process.stdout.take().expect("a pipe"));
        let line = said
            .lines()
            .map_while(Result::ok)
            .find(|line| line.contains("gateway"))
            .expect("it says where its gateway is");
        let start = line.find("http://").expect("an address");
        let end = line.find("/openai").expect("a path");
        let url = format!("{}/openai", &line[start..end]);
        Self { process, url }
    }

    /// CPU so far, user and system.
    fn cpu(&self) -> Option<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).ok()?;
        let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
        let ticks: u64 =
            fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
        Some(Duration::from_millis(ticks * 10))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _killed_or_gone = self.process.kill();
        let _status = self.process.wait();
    }
}

/// What was measured of some streams.
#[derive(Default)]
struct Delays {
    /// From the request to the first chunk.
    first: Vec<Duration>,
    /// Of each chunk, from when it was sent to when it was there.
    chunks: Vec<Duration>,
}

impl Delays {
    fn add(&mut self, other: Self) {
        self.first.extend(other.first);
        self.chunks.extend(other.chunks);
    }
}

/// When each chunk was sent, in what came at once.
fn stamps(data: &[u8]) -> impl Iterator<Item = u64> {
    data.split(|byte| *byte == b'@').skip(1).map(|rest| {
        let digits = std::str::from_utf8(&rest[..20]).expect("digits");
        digits.parse().expect("a number")
    })
}

async fn one(client: Plain, url: String, wait: Duration) -> Delays {
    tokio::time::sleep(wait).await;
    let body = r#"{"model":"gpt-5","stream":true,"messages":[{"role":"user","content":"Tide?"}]}"#;
    let request = Request::post(format!("{url}/v1/chat/completions")).body(Full::from(body));
    let begun = nanos();
    let response = client.request(request.expect("the parts are right")).await;
    let mut body = response.expect("it answers").into_body();
    let mut delays = Delays::default();
    while let Some(frame) = body.frame().await {
        let frame = frame.expect("whole");
        let now = nanos();
        if delays.chunks.is_empty() {
            delays.first.push(Duration::from_nanos(now - begun));
        }
        let sent = stamps(frame.data_ref().expect("data"));
        delays
            .chunks
            .extend(sent.map(|sent| Duration::from_nanos(now - sent)));
    }
    delays
}

async fn round(client: &Plain, url: &str, chunks: usize) -> Delays {
    let streams = (0..STREAMS).map(|number| {
        let wait = APART * u32::try_from(number).expect("few");
        tokio::spawn(one(client.clone(), url.to_owned(), wait))
    });
    let mut all = Delays::default();
    for stream in futures::future::join_all(streams).await {
        all.add(stream.expect("it ends"));
    }
    assert_eq!(all.chunks.len(), STREAMS * chunks, "every chunk came");
    all
}

fn quantile(delays: &mut [Duration], share: f64) -> Duration {
    delays.sort_unstable();
    delays[((delays.len() - 1) as f64 * share) as usize]
}

fn table(name: &str, direct: &mut [Duration], through: &mut [Duration]) -> Duration {
    println!("{name} ({} each)", direct.len());
    println!("  {:6}{:>12}{:>12}{:>12}", "", "direct", "through", "added");
    let mut added = Duration::ZERO;
    for (name, share) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)] {
        let (direct, through) = (quantile(direct, share), quantile(through, share));
        let more = through.as_secs_f64() - direct.as_secs_f64();
        println!(
            "  {name:6}{:>9.0} us{:>9.0} us{:>9.0} us",
            direct.as_secs_f64() * 1e6,
            through.as_secs_f64() * 1e6,
            more * 1e6
        );
        if name == "p99" {
            added = Duration::from_secs_f64(more.max(0.0));
        }
    }
    added
}

/// A number behind a word of the command line.
fn number(word: &str, default: usize) -> usize {
    let mut words = std::env::args().skip_while(|it| it != word).skip(1);
    let given = words.next().map(|it| it.parse().expect("a number"));
    given.unwrap_or(default)
}

fn main() {
    let (rounds, chunks) = (number("--rounds", 20), number("--chunks", CHUNKS));
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    runtime.block_on(async {
        let upstream = provider(chunks).await;
        let gateway = Gateway::start(upstream);
        let direct_url = format!("http://{upstream}");
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client: Plain = Client::builder(TokioExecutor::new()).build(connector);
        // Both ways once, for what is done but once.
        round(&client, &direct_url, chunks).await;
        round(&client, &gateway.url, chunks).await;
        let before = gateway.cpu();
        let (mut direct, mut through) = (Delays::default(), Delays::default());
        let mut of_rounds = Vec::new();
        for _ in 0..rounds {
            let (mut one, mut other) = (
                round(&client, &direct_url, chunks).await,
                round(&client, &gateway.url, chunks).await,
            );
            let p99 = quantile(&mut other.chunks, 0.99).as_secs_f64()
                - quantile(&mut one.chunks, 0.99).as_secs_f64();
            of_rounds.push(Duration::from_secs_f64(p99.max(0.0)));
            direct.add(one);
            through.add(other);
        }
        println!("{STREAMS} streams at once, {chunks} chunks each, {PAUSE:?} apart, {rounds} rounds");
        let first = table("request to first chunk", &mut direct.first, &mut through.first);
        let added = table("chunk", &mut direct.chunks, &mut through.chunks);
        let middle = quantile(&mut of_rounds, 0.5);
        println!(
            "added at p99: to the first chunk {first:?}; to each {added:?} over all, {middle:?} in the median of \
             rounds; the aim is {AIM:?}"
        );
        if let (Some(before), Some(after)) = (before, gateway.cpu()) {
            let chunks = u32::try_from(rounds * STREAMS * chunks).expect("few");
            println!("CPU of the gateway: {:?} a chunk", (after - before) / chunks);
        }
    });
}
