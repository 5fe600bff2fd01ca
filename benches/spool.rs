//! What the spool costs: throughput and CPU time beside the path through memory, how long a sender waits for
//! the disk, what ending a span costs while the backend is away, how much is on disk, how fast it is read.
//!
//! All of it runs in one process in turns, and ratios are what counts: other work on the machine slows all of
//! them. `TMPDIR` says on which disk; one in memory knows no sync.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program of its own: its numbers go to standard output, and it keeps its pace by sleeping"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::executor::block_on;
use rustix::time::{ClockId, clock_gettime};
use spanreel::{
    BatchConfig, Builder, ByteSize, Export, ExportError, Null, Pipeline, Policy, Request, Rule,
    Sampling, Session, Signal, Spool, SpoolMode, WhenFull,
};

/// Spans of one round.
const SPANS: usize = 200_000;
/// Rounds of each kind, in turns.
const ROUNDS: usize = 7;
/// Spans of a request that is received, and how many requests make 100,000 spans in a second.
const REQUEST_SPANS: u64 = 500;
const REQUESTS: u32 = 1_000;
const REQUESTS_EVERY: Duration = Duration::from_millis(5);
/// Spans of a session where sessions are judged at their end.
const SESSION_SPANS: usize = 50;
const GRACE: Duration = Duration::from_secs(60);

/// A backend that is not there.
#[derive(Clone, Debug)]
struct Away(&'static str);

impl Export for Away {
    fn name(&self) -> &str {
        self.0
    }

    async fn export(&self, _request: Request) -> Result<(), ExportError> {
        Err(ExportError::retryable("away"))
    }
}

fn builder(spool: Option<(&Path, SpoolMode)>) -> Builder {
    let builder = Pipeline::builder().when_full(WhenFull::Block);
    match spool {
        Some((path, mode)) => builder.spool_with(Spool::at(path, ByteSize::gib(4)).mode(mode)),
        None => builder,
    }
}

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Ends so many spans as an agent's calls have them, and awaits room between them.
fn play(pipeline: &Pipeline, spans: usize) {
    let session = pipeline.session("bench").expect("open");
    for number in 0..spans {
        call(&session, number);
        if number % 64 == 0 {
            block_on(session.ready()).expect("open");
        }
    }
    session.end();
}

/// Ends a span as an agent's call has it.
fn call(session: &Session, number: usize) {
    let mut chat = session.chat("anthropic", "claude-sonnet-4-5").start();
    chat.set("gen_ai.response.id", "msg_01XFDUDYJgAACzvnptvVoYEL");
    chat.set("server.address", "api.anthropic.com");
    chat.set("server.port", 443_i64);
    chat.set("gen_ai.request.temperature", 0.7);
    chat.set("app.step", number as i64);
    chat.tokens(812, 96);
    chat.end();
}

/// The same in sessions of [`SESSION_SPANS`], one after the other.
fn play_sessions(pipeline: &Pipeline, spans: usize) {
    for number in 0..spans / SESSION_SPANS {
        let session = pipeline.session(&format!("bench-{number}")).expect("open");
        for step in 1..SESSION_SPANS {
            call(&session, step);
        }
        block_on(session.ready()).expect("open");
        session.succeed();
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Spans per second and nanoseconds of CPU per span, of a round until all is settled.
fn round(mode: Option<SpoolMode>) -> (f64, f64) {
    round_of(mode, |builder| builder, play)
}

/// The same with other settings, and spans that come otherwise.
fn round_of(
    mode: Option<SpoolMode>,
    settings: impl FnOnce(Builder) -> Builder,
    play: fn(&Pipeline, usize),
) -> (f64, f64) {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = mode.map(|mode| (folder.path(), mode));
    let pipeline = settings(builder(spool)).export(Null);
    let pipeline = pipeline.start().expect("a pipeline");
    play(&pipeline, SPANS / 10);
    block_on(pipeline.flush(GRACE)).expect("open");
    let (begun, worked) = (Instant::now(), cpu());
    play(&pipeline, SPANS);
    let flushed = block_on(pipeline.flush(GRACE)).expect("open");
    let (took, worked) = (begun.elapsed(), cpu() - worked);
    assert!(flushed.complete, "{flushed:?}");
    let report = pipeline.shutdown_blocking(GRACE);
    assert!(report.is_lossless(), "{report}");
    let spans = SPANS as f64;
    (
        spans / took.as_secs_f64(),
        worked.as_secs_f64() * 1e9 / spans,
    )
}

fn throughput() {
    let kinds = [
        ("memory", None),
        ("overflow", Some(SpoolMode::Overflow)),
        ("always", Some(SpoolMode::Always)),
    ];
    let mut found = [const { (Vec::new(), Vec::new()) }; 3];
    for _ in 0..ROUNDS {
        for ((_, mode), (rates, costs)) in kinds.iter().zip(&mut found) {
            let (rate, cost) = round(*mode);
            rates.push(rate);
            costs.push(cost);
        }
    }
    let [memory, ..] = &found;
    let (rate, cost) = (median(memory.0.clone()), median(memory.1.clone()));
    for ((name, _), (rates, costs)) in kinds.iter().zip(&found) {
        let (its_rate, its_cost) = (median(rates.clone()), median(costs.clone()));
        println!(
            "{name:9} {its_rate:>10.0} spans/s ({:.2} of memory)  {its_cost:>6.0} ns CPU per span ({:+.0} ns)",
            its_rate / rate,
            its_cost - cost
        );
    }
}

/// What it costs to have on disk what the sampler has not decided: sessions of 50 spans without rules, and with
/// rules that keep all of them or a tenth, in turns.
fn undecided() {
    let rules = |ratio| {
        let sampling = Sampling::ratio(ratio).policy(Policy::keep(Rule::Errors));
        Some(sampling)
    };
    let kinds = [
        ("memory", None, None),
        ("memory, all kept", None, rules(1.0)),
        ("always", Some(SpoolMode::Always), None),
        ("always, all kept", Some(SpoolMode::Always), rules(1.0)),
        ("always, a tenth", Some(SpoolMode::Always), rules(0.1)),
    ];
    let mut found = [const { (Vec::new(), Vec::new()) }; 5];
    for _ in 0..ROUNDS {
        for ((_, mode, sampling), (rates, costs)) in kinds.iter().zip(&mut found) {
            let settings = |builder: Builder| match sampling {
                Some(sampling) => builder.sampling(sampling.clone()),
                None => builder,
            };
            let (rate, cost) = round_of(*mode, settings, play_sessions);
            rates.push(rate);
            costs.push(cost);
        }
    }
    for ((name, ..), (rates, costs)) in kinds.iter().zip(found) {
        let (rate, cost) = (median(rates), median(costs));
        println!("sessions, {name:16} {rate:>10.0} spans/s  {cost:>6.0} ns CPU per span");
    }
}

/// How much the disk alone takes in a second where it is asked to sync every four megabytes, and how many spans of
/// 400 bytes that would be.
fn disk_alone() {
    const BYTES: usize = 4 << 20;
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        let file = tempfile::tempfile().expect("a file");
        let bytes = vec![7; BYTES];
        let begun = Instant::now();
        for _ in 0..20 {
            std::io::Write::write_all(&mut &file, &bytes).expect("written");
            file.sync_data().expect("synced");
        }
        rates.push((20 * BYTES) as f64 / begun.elapsed().as_secs_f64());
    }
    let rate = median(rates);
    println!(
        "the disk alone, in large writes: {:.0} MB/s, {:.0} spans/s",
        rate / 1e6,
        rate / 400.0
    );
}

/// A request of so many spans, of about 400 bytes each.
fn request(first: u64) -> Bytes {
    let mut spans = Vec::new();
    for id in first..first + REQUEST_SPANS {
        let mut span = vec![0x0a, 16];
        span.extend([7; 16]);
        span.extend([0x12, 8]);
        span.extend((id + 1).to_be_bytes());
        span.extend([0x2a, 0xe0, 0x02]);
        span.extend([b'n'; 352]);
        field(&mut spans, 0x12, &span);
    }
    let (mut scope, mut all) = (Vec::new(), Vec::new());
    field(&mut scope, 0x12, &spans);
    field(&mut all, 0x0a, &scope);
    all.into()
}

/// A field of protobuf with its length.
fn field(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    let mut len = bytes.len();
    while len >= 0x80 {
        out.push(len as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    out.extend(bytes);
}

/// What stands in the middle, at nine tenths and so on of times.
fn quantiles(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
    format!(
        "p50 {:.1?}, p90 {:.1?}, p99 {:.1?}, most {:.1?}",
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0)
    )
}

/// How long the disk alone takes to write and sync as many bytes as often.
fn bare_disk() {
    let file = tempfile::tempfile().expect("a file");
    let bytes = request(0);
    let begun = Instant::now();
    let mut times = Vec::new();
    for number in 0..REQUESTS {
        let due = begun + REQUESTS_EVERY * number;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let begun = Instant::now();
        std::io::Write::write_all(&mut &file, &bytes).expect("written");
        file.sync_data().expect("synced");
        times.push(begun.elapsed());
    }
    println!("a write and a sync of the disk alone: {}", quantiles(times));
}

/// How long senders wait for the disk at 100,000 spans/s.
fn latency() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipeline = builder(Some((folder.path(), SpoolMode::Always)));
    let pipeline = pipeline.export(Null).start().expect("a pipeline");
    let intake = pipeline.intake();
    let begun = Instant::now();
    let mut waits = Vec::new();
    for number in 0..REQUESTS {
        let due = begun + REQUESTS_EVERY * number;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let request = request(u64::from(number) * REQUEST_SPANS);
        let intake = intake.clone();
        waits.push(std::thread::spawn(move || {
            let begun = Instant::now();
            let receipt = block_on(intake.accept(Signal::Traces, request)).expect("accepted");
            assert!(block_on(receipt.durable()).is_lossless());
            begun.elapsed()
        }));
    }
    let took = begun.elapsed();
    let waited = waits.into_iter().map(|wait| wait.join().expect("no panic"));
    let rate = f64::from(REQUESTS) * REQUEST_SPANS as f64 / took.as_secs_f64();
    println!(
        "acknowledged durably at {rate:.0} spans/s: {}",
        quantiles(waited.collect())
    );
    assert!(pipeline.shutdown_blocking(GRACE).is_lossless());
}

/// How many bytes are on disk for one that would be sent, to two backends that are away, and how fast they are
/// read by the next start.
fn disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let away = || {
        builder(Some((folder.path(), SpoolMode::Always)))
            .export(Away("one"))
            .export(Away("two"))
    };
    let pipeline = away().start().expect("a pipeline");
    let intake = pipeline.intake();
    let mut sent = 0_u64;
    for number in 0..2_000 {
        let request = request(number * REQUEST_SPANS);
        sent += request.len() as u64;
        let receipt = block_on(intake.accept(Signal::Traces, request)).expect("accepted");
        drop(receipt);
    }
    block_on(pipeline.flush_durable(GRACE)).expect("open");
    let on_disk = pipeline.stats().spool.as_u64();
    println!(
        "on disk for two backends: {:.3} bytes for each byte of a request",
        on_disk as f64 / sent as f64
    );
    pipeline.shutdown_blocking(GRACE);
    let begun = Instant::now();
    let pipeline = away().start().expect("a pipeline");
    let took = begun.elapsed();
    println!(
        "started with {:.0} MB on disk, in the system's cache: {:.0} MB/s",
        on_disk as f64 / 1e6,
        on_disk as f64 / 1e6 / took.as_secs_f64()
    );
    pipeline.shutdown_blocking(GRACE);
}

/// Nanoseconds to start and end a span.
fn end_costs(pipeline: &Pipeline) -> f64 {
    let session = pipeline.session("bench").expect("open");
    let mut rounds = Vec::new();
    for _ in 0..200 {
        let begun = Instant::now();
        for _ in 0..500 {
            session.child("work").start().end();
        }
        rounds.push(begun.elapsed().as_secs_f64() * 1e9 / 500.0);
        block_on(session.ready()).expect("open");
        std::thread::sleep(Duration::from_millis(1));
    }
    session.end();
    median(rounds)
}

fn ending() {
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    let at = |folder: usize| Some((folders[folder].path(), SpoolMode::Always));
    let quick = BatchConfig::default();
    let pipelines = [
        ("in memory, backend there", builder(None).export(Null)),
        ("on disk, backend there", builder(at(0)).export(Null)),
        ("on disk, backend away", builder(at(1)).export(Away("away"))),
    ]
    .map(|(name, builder)| {
        (
            name,
            builder.batch(quick.clone()).start().expect("a pipeline"),
        )
    });
    let mut costs = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for ((_, pipeline), costs) in pipelines.iter().zip(&mut costs) {
            costs.push(end_costs(pipeline));
        }
    }
    for ((name, pipeline), costs) in pipelines.iter().zip(costs) {
        println!("start and end of a span, {name}: {:.0} ns", median(costs));
        pipeline.shutdown_blocking(GRACE);
    }
}

fn main() {
    // Cargo names the kind of run; there is but one.
    throughput();
    disk_alone();
    undecided();
    bare_disk();
    latency();
    bare_disk();
    disk();
    ending();
}
