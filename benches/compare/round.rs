//! Starts the processes, round after round, and gathers what they show.

use std::io::{BufRead, BufReader, Write, stderr};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::Comparison;
use crate::contestant::{ALL, Entry, Failure};
use crate::mode::Mode;
use crate::receiver::Arrived;
use crate::run::Sample;

/// What one contestant showed in one mode.
pub(crate) struct Results {
    pub(crate) entry: &'static Entry,
    /// One per round.
    pub(crate) runs: Vec<Run>,
    /// The run in which allocations were counted.
    pub(crate) counted: Option<Sample>,
}

/// What a contestant said of a run, and what the receiver said of it.
pub(crate) struct Run {
    pub(crate) sample: Sample,
    pub(crate) arrived: Arrived,
}

/// The contestants of a mode.
pub(crate) fn contestants(comparison: &Comparison, mode: Mode) -> Vec<&'static Entry> {
    let chosen = if comparison.only.is_empty() {
        ALL.iter().collect()
    } else {
        comparison.only.clone()
    };
    let able = |entry: &&Entry| mode != Mode::Unsampled || entry.samples;
    chosen.into_iter().filter(able).collect()
}

/// Runs all rounds of a mode. Each round begins with another contestant.
pub(crate) fn run_all(comparison: &Comparison, mode: Mode) -> Result<Vec<Results>, Failure> {
    let mut results: Vec<Results> = contestants(comparison, mode)
        .into_iter()
        .map(|entry| Results {
            entry,
            runs: Vec::new(),
            counted: None,
        })
        .collect();
    let contestants = results.len();
    for round in 0..comparison.rounds as usize {
        for turn in 0..contestants {
            let result = &mut results[(round + turn) % contestants];
            let name = result.entry.name;
            writeln!(stderr(), "{mode}, round {}: {name}", round + 1)?;
            let run = run_once(comparison, mode, result.entry, Extra::Nothing)?;
            result.runs.push(run);
        }
    }
    if comparison.allocations && mode != Mode::Unsampled {
        for result in &mut results {
            let name = result.entry.name;
            writeln!(stderr(), "{mode}, allocations: {name}")?;
            let run = run_once(comparison, mode, result.entry, Extra::Allocations)?;
            result.counted = Some(run.sample);
        }
    }
    Ok(results)
}

/// What a run does besides.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extra {
    Nothing,
    /// Counts allocations.
    Allocations,
    /// Has the receiver look at what it gets.
    Inspection,
}

/// One contestant against a receiver of its own.
pub(crate) fn run_once(
    comparison: &Comparison,
    mode: Mode,
    entry: &Entry,
    extra: Extra,
) -> Result<Run, Failure> {
    let mut receiver = Receiver::start(mode, extra)?;
    let mut contestant = this_program()?;
    contestant
        .args(["contestant", entry.name])
        .args(["--mode", &mode.to_string()])
        .args(["--spans", &comparison.spans.to_string()])
        .args(["--seconds", &comparison.seconds.to_string()])
        .args([
            "--budget",
            &comparison.budget.unwrap_or(mode.budget_mib()).to_string(),
        ])
        .args(["--receiver", &format!("127.0.0.1:{}", receiver.port()?)])
        .args((extra == Extra::Allocations).then_some("--count-allocations"))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    let output = contestant.output()?;
    if !output.status.success() {
        return Err(format!("{} failed: {}", entry.name, output.status).into());
    }
    Ok(Run {
        sample: serde_json::from_slice(&output.stdout)?,
        arrived: receiver.stop()?,
    })
}

/// This program, for another part. OpenTelemetry's variables would change what its SDK does.
fn this_program() -> Result<Command, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("OTEL_") {
            command.env_remove(name);
        }
    }
    Ok(command)
}

/// A receiver's process. Dropped, it ends, for its standard input is closed.
struct Receiver {
    process: Child,
    says: BufReader<ChildStdout>,
}

impl Receiver {
    fn start(mode: Mode, extra: Extra) -> Result<Self, Failure> {
        let mut process = this_program()?
            .arg("receiver")
            .args([
                "--answer-after-ms",
                &mode.answer_after().as_millis().to_string(),
            ])
            .args((extra == Extra::Inspection).then_some("--inspect"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let says = process.stdout.take().ok_or("the receiver has no output")?;
        Ok(Self {
            process,
            says: BufReader::new(says),
        })
    }

    fn port(&mut self) -> Result<u16, Failure> {
        Ok(self.line()?.trim().parse()?)
    }

    /// Closes its input, and reads what it has counted.
    fn stop(mut self) -> Result<Arrived, Failure> {
        drop(self.process.stdin.take());
        let arrived = serde_json::from_str(&self.line()?)?;
        self.process.wait()?;
        Ok(arrived)
    }

    fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        self.says.read_line(&mut line)?;
        Ok(line)
    }
}
