//! `spanreel run` and `spanreel doctor`, as people and scripts start them.

#![cfg(unix)]

mod agents;
#[path = "../command/collector.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod collector;
mod doctor;
mod doctor_tls;
mod endings;
mod forwarding;
#[path = "../serve/server.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod server;
mod signals;

use std::ffi::OsStr;
use std::process::{Command, Output};

use server::spanreel;

/// `spanreel run` that looks for no receiver by itself; programs are found as usual.
pub(crate) fn run(options: &[&str], command: &[&str]) -> Command {
    let mut run = spanreel();
    #[expect(clippy::disallowed_methods, reason = "where programs are")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    run.env("PATH", path).arg("run").args(options);
    // A port that nobody may have, instead of those that everybody has.
    run.args(["--serve", "http://127.0.0.1:9"]);
    run.arg("--").args(command);
    run
}

/// What a command said and how it ended.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn said(mut command: Command) -> Said {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("it runs");
    Said {
        code: status.code(),
        out: String::from_utf8(stdout).expect("text"),
        err: String::from_utf8(stderr).expect("text"),
    }
}

/// The totals on the last line of standard error.
pub(crate) fn totals(said: &Said) -> serde_json::Value {
    let line = said.err.lines().last().expect("a line");
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {}", said.err))
}

/// Whether there is Python here. Where there is none, a test says loudly that it did nothing.
#[expect(clippy::print_stderr, reason = "what a test did not do must be seen")]
pub(crate) fn has_python(test: &str) -> bool {
    let found = Command::new("python3")
        .arg(OsStr::new("--version"))
        .output();
    let has = found.is_ok_and(|output| output.status.success());
    if !has {
        eprintln!("SKIPPED: {test} needs python3, which is not here");
    }
    has
}
