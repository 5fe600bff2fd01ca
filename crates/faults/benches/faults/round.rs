//! One round: a program, a backend and a fault; then the program once more, in good weather.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use spanreel_faults::{Manner, Sink};

use crate::Failure;
use crate::contestant::{self, Contestant};
use crate::fault::Fault;

/// What became of the spans of a round.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) ended: u64,
    pub(crate) delivered: u64,
    pub(crate) twice: u64,
    /// Lost, and the report of the shutdown says so.
    pub(crate) named: u64,
    pub(crate) said: String,
}

impl Outcome {
    /// Lost, and nobody says so.
    pub(crate) fn silently(&self) -> u64 {
        self.ended.saturating_sub(self.delivered + self.named)
    }
}

pub(crate) fn run(contestant: Contestant, fault: &Fault) -> Result<Outcome, Failure> {
    let directory = tempfile::tempdir()?;
    let sink = Sink::start(Manner::Refuses);
    let mut outcome = Outcome {
        said: "-".to_owned(),
        ..Outcome::default()
    };
    let mut program = start(contestant, &sink, directory.path(), contestant::SPANS)?;
    let lines = BufReader::new(program.stdout.take().ok_or("it has a pipe")?).lines();
    std::thread::scope(|scope| -> Result<(), Failure> {
        let listening = scope.spawn(|| {
            let mut said = Outcome::default();
            lines
                .map_while(Result::ok)
                .for_each(|line| hear(&line, &mut said));
            said
        });
        let begun = Instant::now();
        for (when, manner) in fault.backend {
            std::thread::sleep(when.saturating_sub(begun.elapsed()));
            sink.now(manner.clone());
        }
        if let Some(when) = fault.killed {
            std::thread::sleep(when.saturating_sub(begun.elapsed()));
            program.kill()?;
            outcome.said = "(killed)".to_owned();
        }
        program.wait()?;
        let heard = listening.join().map_err(|_| "nobody listened")?;
        outcome.ended = heard.ended;
        outcome.named = heard.named;
        if fault.killed.is_none() {
            outcome.said = heard.said;
        }
        Ok(())
    })?;
    // The next start, in good weather.
    sink.now(Manner::Accepts);
    let mut again = start(contestant, &sink, directory.path(), 0)?;
    again.wait()?;
    // What was sent to a backend that does not exist any more may still be on its way.
    std::thread::sleep(Duration::from_millis(200));
    let verdict = sink.judge(&BTreeSet::new());
    if !verdict.changed.is_empty() {
        return Err(format!("changed on the way: {verdict}").into());
    }
    outcome.delivered = sink.spans();
    outcome.twice = verdict.twice;
    // The root of spanreel's session has no number, and may be among what it lost.
    let not_there = outcome.ended.saturating_sub(outcome.delivered);
    outcome.named = outcome.named.min(not_there);
    Ok(outcome)
}

fn start(
    contestant: Contestant,
    sink: &Sink,
    directory: &Path,
    spans: u64,
) -> Result<Child, Failure> {
    let program = Command::new(std::env::current_exe()?)
        .arg(contestant::COMMAND)
        .args([contestant.name(), &sink.url()])
        .arg(directory)
        .arg(spans.to_string())
        .stdout(Stdio::piped())
        .spawn();
    Ok(program?)
}

/// Understands a line of a program.
fn hear(line: &str, outcome: &mut Outcome) {
    match line.split_once(' ') {
        Some(("ended", number)) => outcome.ended = number.parse().unwrap_or(outcome.ended),
        Some(("named", number)) => outcome.named = number.parse().unwrap_or(outcome.named),
        Some(("said", words)) => words.clone_into(&mut outcome.said),
        _ => {}
    }
}
