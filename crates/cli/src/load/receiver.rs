//! The built-in receiver of a load test, in a process of its own: what it costs is not counted as the
//! cost of the load.
//!
//! The executable runs itself with a hidden subcommand. They talk over pipes: the receiver writes one
//! line of JSON when it listens, ends when its standard input is closed (also by the death of the load
//! test), and writes what it counted as its last line.
//!
//! Holds: the process. Waits: for its two lines. Loses: nothing.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::freed;
use crate::sink::{Sink, SinkConfig, SinkCounts};

/// The name of the hidden subcommand.
pub const COMMAND: &str = "load-sink";

/// A receiver that is running.
#[derive(Debug)]
pub struct Receiver {
    addr: SocketAddr,
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// Why there is no receiver.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ReceiverError {
    #[error("cannot start the sink at {0}: {1}; give --sink another address")]
    Address(SocketAddr, String),
    #[error("cannot start the sink in a process of its own")]
    Process(#[source] io::Error),
    #[error("the sink has died; what it counted is lost")]
    Died,
}

/// What the receiver says first.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Hello {
    Listening(SocketAddr),
    Error(String),
}

/// A [`SinkConfig`] as the options of the hidden subcommand.
#[derive(Clone, Debug, Args)]
pub struct ReceiverArgs {
    #[arg(long)]
    addr: SocketAddr,
    #[arg(long)]
    latency_ns: u64,
    #[arg(long)]
    fail_rate: f64,
    #[arg(long)]
    seed: u64,
}

impl Receiver {
    /// Starts a receiver. When it returns, connections are taken.
    ///
    /// # Errors
    /// The address cannot be listened on, or a process cannot be had.
    pub fn start(config: &SinkConfig) -> Result<Self, ReceiverError> {
        let program = std::env::current_exe().map_err(ReceiverError::Process)?;
        let mut command = Command::new(program);
        let latency_ns = u64::try_from(config.latency.as_nanos()).unwrap_or(u64::MAX);
        command
            .arg(COMMAND)
            .args(["--addr", &config.addr.to_string()])
            .args(["--latency-ns", &latency_ns.to_string()])
            .args(["--fail-rate", &config.fail_rate.to_string()])
            .args(["--seed", &config.seed.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        // Ctrl-C is for the load test: the receiver still takes what comes until it is told to end.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut process = command.spawn().map_err(ReceiverError::Process)?;
        let (Some(input), Some(output)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(ReceiverError::Died);
        };
        let mut output = BufReader::new(output);
        let mut hello = String::new();
        output
            .read_line(&mut hello)
            .map_err(ReceiverError::Process)?;
        match serde_json::from_str(&hello) {
            Ok(Hello::Listening(addr)) => Ok(Self {
                addr,
                process,
                input,
                output,
            }),
            Ok(Hello::Error(error)) => Err(ReceiverError::Address(config.addr, error)),
            Err(_) => Err(ReceiverError::Died),
        }
    }

    /// Where it listens, with the port that it was given.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops it and tells what it counted.
    ///
    /// # Errors
    /// It has died before.
    pub fn stop(self) -> Result<SinkCounts, ReceiverError> {
        let Self {
            mut process,
            input,
            mut output,
            ..
        } = self;
        drop(input);
        let mut counts = String::new();
        let read = output.read_to_string(&mut counts);
        let ended = process.wait().map_err(ReceiverError::Process)?;
        if read.is_err() || !ended.success() {
            return Err(ReceiverError::Died);
        }
        serde_json::from_str(&counts).map_err(|_| ReceiverError::Died)
    }
}

impl ReceiverArgs {
    /// Is the receiver, until standard input ends.
    ///
    /// # Errors
    /// Standard output cannot be written to, or standard input not be read.
    pub fn run(self) -> io::Result<()> {
        let config = SinkConfig {
            addr: self.addr,
            latency: Duration::from_nanos(self.latency_ns),
            fail_rate: self.fail_rate,
            seed: self.seed,
        };
        freed::keep();
        let sink = match Sink::start(config) {
            Ok(sink) => sink,
            Err(error) => return say(&Hello::Error(error.to_string())),
        };
        say(&Hello::Listening(sink.addr()))?;
        io::copy(&mut io::stdin(), &mut io::sink())?;
        say(&sink.stop())
    }
}

/// Writes one line of JSON.
fn say(message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(&line)?;
    stdout.flush()
}
