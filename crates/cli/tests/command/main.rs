//! The `spanreel` command, driven as people drive it.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

mod collector;
mod convert;
mod directories;
mod export;
mod formats;
mod inputs;
mod load;

/// All fixtures.
const FIXTURES: [&str; 5] = [
    "event-store.jsonl",
    "narrowed.jsonl",
    "multi-agent.json",
    "failures.jsonl",
    "hostile.jsonl",
];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/recordings")
        .join(name)
}

/// The command, with nothing of this process's environment.
fn spanreel() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spanreel"));
    command.env_clear();
    command
}

/// What a run of the command came to.
#[derive(Debug)]
struct Run {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

impl Run {
    /// The JSON object on standard output.
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// Asserts that it went well.
    #[track_caller]
    fn fine(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }
}

fn run(args: impl IntoIterator<Item: AsRef<OsStr>>) -> Run {
    let output = spanreel().args(args).output();
    output.expect("the command runs").into()
}

/// Runs the command with something on standard input.
fn run_with(input: &[u8], args: &[&str]) -> Run {
    let mut command = spanreel();
    command.args(args).stdin(Stdio::piped());
    let mut process = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command runs");
    let mut stdin = process.stdin.take().expect("a pipe");
    stdin.write_all(input).expect("the command reads");
    drop(stdin);
    process.wait_with_output().expect("the command ends").into()
}
