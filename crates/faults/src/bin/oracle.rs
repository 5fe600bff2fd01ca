//! The program that the harness kills, stops and starves.
//!
//! `spanreel-oracle producer SPOOL URL FIRST SPANS MIB`: waits for a line, then accepts spans for its
//! pipeline one to a request, and says `durable N` of each that is on disk. With SPANS it shuts down after
//! so many and says what the report says; with 0 it goes on until it is killed.
//!
//! `spanreel-oracle recorder SPOOL URL`: waits for a line, then records a span every 5 ms in a session, as a
//! program does that embeds spanreel with its defaults, and says `ended N` of each.
//!
//! `spanreel-oracle sink`: says where it listens, and how many spans it has accepted for each line it reads.

#![expect(clippy::print_stdout, reason = "it speaks with who started it")]
#![expect(
    clippy::disallowed_methods,
    reason = "it is the host of a pipeline, and waits between spans"
)]

use std::error::Error;
use std::io::{Write, stdin, stdout};
use std::process::ExitCode;
use std::time::Duration;

use futures::executor::block_on;
use futures::future::join_all;
use spanreel::{ByteSize, Fate, Intake, Otlp, Pipeline, Signal, Spool, SpoolMode};
use spanreel_faults::{Manner, Sink, producer};

/// How many requests are accepted before the first is waited for.
const AT_ONCE: u64 = 20;
const GRACE: Duration = Duration::from_secs(3);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["producer", spool, url, first, spans, mib] => produce(spool, url, [first, spans, mib]),
        ["recorder", spool, url] => record(spool, url),
        ["sink"] => receive(),
        _ => Err("unknown arguments; see src/bin/oracle.rs".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("refused {error}");
            ExitCode::from(3)
        }
    }
}

fn produce(spool: &str, url: &str, numbers: [&str; 3]) -> Result<(), Box<dyn Error>> {
    let [first, spans, mib] = numbers.map(str::parse::<u64>);
    let (first, spans) = (first?, spans?);
    stdin().read_line(&mut String::new())?;
    let exporter = Otlp::http(url)
        .name("oracle")
        .timeout(Duration::from_secs(2));
    let spool = Spool::at(spool, ByteSize::mib(mib?))
        .mode(SpoolMode::Always)
        .segment_size(ByteSize::kib(8));
    let pipeline = producer::prompt()
        .spool_with(spool)
        .export(exporter)
        .start()?;
    let intake = pipeline.intake();
    let end = match spans {
        0 => u64::MAX,
        spans => first + spans,
    };
    let mut next = first;
    while next < end {
        let until = end.min(next + AT_ONCE);
        block_on(accept(&intake, next..until));
        next = until;
    }
    let report = pipeline.shutdown_blocking(GRACE);
    let lane = &report.lanes[0].traces;
    println!(
        "report lost={} spooled={} exported={} recovered={} took_ms={}",
        report.lost(),
        lane.of(Fate::Spooled),
        lane.of(Fate::Exported),
        lane.recovered(),
        report.took.as_millis(),
    );
    Ok(())
}

/// Has spans accepted, and tells of each that is durable. What there is no room for is not acknowledged.
async fn accept(intake: &Intake, numbers: std::ops::Range<u64>) {
    let accepted = numbers.map(|number| async move {
        let request = producer::request_bytes([number]);
        let receipt = intake.accept(Signal::Traces, request).await.ok()?;
        receipt.durable().await.is_lossless().then_some(number)
    });
    for number in join_all(accepted).await.into_iter().flatten() {
        let mut out = stdout().lock();
        let told = writeln!(out, "durable {number}").and_then(|()| out.flush());
        if told.is_err() {
            // Nobody listens any more.
            std::process::exit(0);
        }
    }
}

fn record(spool: &str, url: &str) -> Result<(), Box<dyn Error>> {
    stdin().read_line(&mut String::new())?;
    let spool = Spool::at(spool, ByteSize::mib(64)).mode(SpoolMode::Always);
    let pipeline = Pipeline::builder()
        .spool_with(spool)
        .export(Otlp::http(url).name("oracle"))
        .start()?;
    let session = pipeline.session("conv-1")?;
    for number in 1.. {
        producer::record(&session, number);
        println!("ended {number}");
        stdout().flush()?;
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn receive() -> Result<(), Box<dyn Error>> {
    let sink = Sink::start(Manner::Accepts);
    println!("listens {}", sink.addr());
    for _line in stdin().lines() {
        println!("{}", sink.spans());
        stdout().flush()?;
    }
    Ok(())
}
