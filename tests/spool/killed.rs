//! Processes that are killed: what was told to be on disk is delivered by the next start.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use spanreel::{Delivered, Signal, SpoolMode};

use crate::backend::{Backend, Manner};
use crate::ledger::assert_settled;
use crate::{prompt, spool, wait_until};

/// Where the child is told its directory.
const DIRECTORY: &str = "SPANREEL_TEST_SPOOL";
/// Where the child is told its first id.
const FIRST: &str = "SPANREEL_TEST_FIRST";
const GRACE: Duration = Duration::from_secs(10);

/// A request of one span that has nothing but its id.
pub(crate) fn request(id: u64) -> Bytes {
    let mut span = vec![0x0a, 16];
    span.extend([7; 16]);
    span.extend([0x12, 8]);
    span.extend(id.to_be_bytes());
    for _ in 0..2 {
        span.insert(0, span.len() as u8);
        span.insert(0, 0x12);
    }
    span.insert(0, span.len() as u8);
    span.insert(0, 0x0a);
    Bytes::from(span)
}

/// Accepts requests for ever, writes a line for each that is on disk, and is killed at it. It is run by the
/// test below alone.
#[test]
fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let path = Path::new(&directory);
    let spool = spool(path).mode(SpoolMode::Always);
    let pipeline = prompt()
        .spool_with(spool)
        .export(Backend::new(Manner::Away))
        .start();
    let pipeline = pipeline.expect("a pipeline");
    let intake = pipeline.intake();
    let first = std::env::var(FIRST).expect("a number");
    let mut first: u64 = first.parse().expect("a number");
    loop {
        let accepted: Vec<_> = (first..first + 20)
            .map(|id| {
                let receipt = intake.accept(Signal::Traces, request(id));
                (id, futures::executor::block_on(receipt).expect("accepted"))
            })
            .collect();
        first += 20;
        for (id, receipt) in accepted {
            let durable: Delivered = futures::executor::block_on(receipt.durable());
            assert!(durable.is_lossless(), "{durable:?}");
            let mut out = std::io::stdout().lock();
            writeln!(out, "durable {id}").expect("a parent");
            out.flush().expect("a parent");
        }
    }
}

/// However often and whenever the process is killed, what it was told to be durable is delivered.
#[test]
fn what_is_durable_survives_being_killed() {
    let directory = tempfile::tempdir().expect("a directory");
    let program = std::env::current_exe().expect("this program");
    let mut durable = Vec::new();
    for round in 0..20_u64 {
        let mut child = Command::new(&program)
            .args(["--exact", "killed::child", "--nocapture"])
            .env(DIRECTORY, directory.path())
            .env(FIRST, ((round + 1) << 32).to_string())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        // It has begun; some at once, some in the middle of its work.
        let mut id_of = |line: String| {
            let id = line.strip_prefix("durable ").map(str::to_owned);
            durable.extend(id.map(|id| id.parse::<u64>().expect("a number")));
        };
        for line in lines.by_ref().take(5 + (round * 37 % 200) as usize) {
            id_of(line.expect("text"));
        }
        std::thread::sleep(Duration::from_micros(round * 977 % 6000));
        child.kill().expect("it runs");
        child.wait().expect("it ended");
        for line in lines.map_while(Result::ok) {
            id_of(line);
        }
    }
    assert!(durable.len() > 500, "{}", durable.len());

    let backend = Backend::new(Manner::Accepts);
    let pipeline = prompt()
        .spool_with(spool(directory.path()))
        .export(backend.clone())
        .start();
    let pipeline = pipeline.expect("a pipeline");
    let recovered = pipeline.stats().lanes[0].recovered;
    wait_until("all is delivered", || backend.spans() == recovered);
    let report = pipeline.shutdown_blocking(GRACE);
    assert_settled(&report);
    assert!(report.is_lossless(), "{report}");
    let missing: Vec<_> = durable.iter().filter(|id| !backend.has(**id)).collect();
    assert!(missing.is_empty(), "{missing:?} of {}", durable.len());
    assert_eq!(backend.duplicates(), 0);
}
