//! The same work through every library that could do it, side by side.
//!
//! ```text
//! cargo bench --bench compare                                  paced and flat out, five rounds
//! cargo bench --bench compare -- --mode latency --seconds 60
//! cargo bench --bench compare -- --only direct,otel-1m --rounds 9 --json
//! cargo bench --bench compare -- --smoke                       every mode, small, and checked
//! ```
//!
//! Each contestant runs in a process of its own, against a receiver in another that counts the spans
//! of every request and forgets them. Rounds are interleaved, so that a machine that gets slower
//! gets slower for all; figures are medians over the rounds, and a ratio is the median of the ratios
//! within each round. What is recorded is in [`workload`], what is asked in [`mode::Mode`], who takes
//! part in [`contestant::ALL`].
//!
//! The figures:
//!
//! - *delivered*: spans that the receiver counted, of those that were ended;
//! - *caller CPU*: processor time of the tasks that record spans, per span. The contestant `nothing`
//!   shows what of it is the bench;
//! - *process CPU*: processor time of all threads, export included, per million spans delivered;
//! - *spans/s*: spans delivered, over the time from the first span to the last delivery;
//! - *peak RSS*: the most memory that the process has had;
//! - *allocations*: of all threads, per span, counted in a run of its own (`--allocations`);
//! - *bytes*: what the receiver got, per span.
//!
//! Needs a Unix; peak memory is read from Linux's `/proc`.

mod contestant;
mod direct;
mod fast_trace;
mod measure;
mod mode;
mod nothing;
mod opentelemetry_sdk;
mod receiver;
mod report;
mod round;
mod run;
mod smoke;
mod spanreel;
mod task;
mod tracing_opentelemetry;
mod workload;

use std::io::{Write, stdout};
use std::net::SocketAddr;
use std::time::Duration;

use clap::{Parser, Subcommand};

use contestant::{Entry, Failure, find};
use mode::Mode;
use run::Job;

/// Compares libraries that record and export spans, on the same work.
#[derive(Parser)]
#[command(name = "compare", args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    #[command(flatten)]
    comparison: Comparison,
}

/// What to compare.
#[derive(clap::Args)]
struct Comparison {
    /// What to ask
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Mode::Paced, Mode::Flat])]
    mode: Vec<Mode>,
    /// How often to ask each contestant
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Spans of a run (of each kind, unsampled); rounded up to whole sessions
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    spans: u64,
    /// How long a run of `latency` lasts
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// What a library with a memory budget may hold, in MiB [default: 64, `interleaved` 256]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..), value_name = "MIB")]
    budget: Option<u64>,
    /// Who takes part; all, if not given
    #[arg(long, value_delimiter = ',', value_parser = entry, value_name = "NAMES")]
    only: Vec<&'static Entry>,
    /// Whose figures are 1.0x
    #[arg(long, value_parser = entry, default_value = "direct", value_name = "NAME")]
    against: &'static Entry,
    /// Count allocations too, in one more run of each
    #[arg(long)]
    allocations: bool,
    /// Print JSON, every run included, instead of tables
    #[arg(long)]
    json: bool,
    /// Run every mode with small numbers, and check that all contestants deliver the same spans
    #[arg(long)]
    smoke: bool,
    /// What `cargo bench` says to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

/// The parts that the comparison starts as processes.
#[derive(Subcommand)]
enum Part {
    /// Runs one contestant
    #[command(hide = true)]
    Contestant {
        #[arg(value_parser = entry)]
        entry: &'static Entry,
        #[arg(long, value_enum)]
        mode: Mode,
        #[arg(long)]
        spans: u64,
        #[arg(long)]
        seconds: u64,
        #[arg(long)]
        budget: u64,
        #[arg(long)]
        receiver: SocketAddr,
        #[arg(long)]
        count_allocations: bool,
    },
    /// Counts what is sent to it
    #[command(hide = true)]
    Receiver {
        #[arg(long)]
        answer_after_ms: u64,
        #[arg(long)]
        inspect: bool,
    },
}

fn entry(name: &str) -> Result<&'static Entry, String> {
    find(name).ok_or_else(|| {
        let all = contestant::ALL.iter();
        let all = all.map(|entry| format!("\n  {:<16}{}", entry.name, entry.about));
        format!("choose among{}", all.collect::<String>())
    })
}

fn main() -> Result<(), Failure> {
    let Arguments { part, comparison } = Arguments::parse();
    match part {
        Some(Part::Receiver {
            answer_after_ms,
            inspect,
        }) => receiver::serve(Duration::from_millis(answer_after_ms), inspect),
        Some(Part::Contestant {
            entry,
            mode,
            spans,
            seconds,
            budget,
            receiver,
            count_allocations,
        }) => {
            let sample = (entry.run)(&Job {
                mode,
                spans,
                seconds,
                budget_mib: budget,
                receiver,
                count_allocations,
            })?;
            writeln!(stdout(), "{}", serde_json::to_string(&sample)?)?;
            Ok(())
        }
        None => compare(comparison),
    }
}

fn compare(mut comparison: Comparison) -> Result<(), Failure> {
    // `cargo test --benches` gives no argument at all.
    if comparison.smoke || std::env::args_os().len() == 1 {
        smoke::shrink(&mut comparison);
        smoke::check_contents(&comparison)?;
    }
    let mut reports = Vec::new();
    for &mode in &comparison.mode {
        let results = round::run_all(&comparison, mode)?;
        let report = report::Report::new(mode, results, comparison.against);
        if !comparison.json {
            write!(stdout(), "{report}")?;
        }
        reports.push(report);
    }
    if comparison.json {
        let all = report::json(&comparison, &reports);
        writeln!(stdout(), "{}", serde_json::to_string_pretty(&all)?)?;
    }
    Ok(())
}
