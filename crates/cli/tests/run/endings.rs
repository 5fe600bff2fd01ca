//! How commands end, and what stays untouched.

use std::io::Write as _;
use std::process::Stdio;

use crate::{run, said, totals};

const QUIET: [&str; 2] = ["--quiet", "--no-forward"];
const JSON: [&str; 2] = ["--json", "--no-forward"];

/// The exit code is that of the command, whatever it is.
#[test]
fn the_exit_code_is_that_of_the_command() {
    for code in [0, 1, 7, 255] {
        let said = said(run(&QUIET, &["sh", "-c", &format!("exit {code}")]));
        assert_eq!((said.code, said.err.as_str()), (Some(code), ""));
    }
}

/// A command that was killed gives 128 and the number of the signal, and the signal is told.
#[test]
fn a_killed_command_is_told() {
    let killed = said(run(&JSON, &["sh", "-c", "kill -9 $$"]));
    assert_eq!(killed.code, Some(137), "{}", killed.err);
    let totals = totals(&killed);
    assert_eq!(totals["signal"], "SIGKILL");
    assert_eq!(totals["exit_code"], 137);
    let tree = said(run(&["--no-forward"], &["sh", "-c", "kill -TERM $$"]));
    assert_eq!(tree.code, Some(143));
    assert!(tree.err.contains("killed by SIGTERM"), "{}", tree.err);
}

/// A command that is not there, or is none, is told as shells do.
#[test]
fn a_command_that_is_not_there_is_told() {
    let missing = said(run(&["--no-forward"], &["no-such-command-here"]));
    assert_eq!(missing.code, Some(127), "{}", missing.err);
    let message = "there is no command \"no-such-command-here\"; check its name";
    assert!(missing.err.contains(message), "{}", missing.err);
    let file = tempfile::NamedTempFile::new().expect("a file");
    let path = file.path().to_str().expect("text");
    let no_program = said(run(&["--no-forward"], &[path]));
    assert_eq!(no_program.code, Some(126), "{}", no_program.err);
    let none = said(run(&["--no-forward"], &[]));
    assert_eq!(none.code, Some(2), "{}", none.err);
}

/// Input and output are the command's; without telemetry the report says so.
#[test]
fn input_and_output_are_untouched() {
    let mut command = run(&["--no-forward"], &["cat"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut process = command.spawn().expect("it runs");
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let mut input = process.stdin.take().expect("a pipe");
    let given = bytes.clone();
    let writing = std::thread::spawn(move || input.write_all(&given).expect("taken"));
    let output = process.wait_with_output().expect("it ends");
    writing.join().expect("written");
    assert!(output.stdout == bytes, "{} bytes", output.stdout.len());
    let err = String::from_utf8(output.stderr).expect("text");
    assert!(err.contains("the command sent nothing"), "{err}");
}

/// Where no call of a model was seen, the report says in one line how calls would be; programs see it by the
/// numbers.
#[test]
fn a_command_without_calls_is_told_of_the_gateway() {
    let without = said(run(&["--no-forward"], &["true"]));
    let line = "no calls of models were seen: --gateway traces those";
    assert_eq!(without.err.matches(line).count(), 1, "{}", without.err);
    let with = said(run(&["--no-forward", "--gateway"], &["true"]));
    let line =
        "no calls of models were seen: the command made none, or does not read OPENAI_BASE_URL";
    assert_eq!(with.err.matches(line).count(), 1, "{}", with.err);
    for silent in ["--json", "--quiet"] {
        let said = said(run(&["--no-forward", silent], &["true"]));
        assert!(!said.err.contains("no calls"), "{}", said.err);
    }
}

/// Arguments are recorded only when that is asked for.
#[test]
fn arguments_are_recorded_when_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    for (more, is_told) in [(&[][..], false), (&["--show-arguments"], true)] {
        let path = folder.path().join(format!("{is_told}.jsonl"));
        let url = format!("file:{}", path.display());
        let options = [&["--quiet", "--export", &url], more].concat();
        let said = said(run(&options, &["sh", "-c", "true", "s3cret"]));
        assert_eq!(said.code, Some(0), "{}", said.err);
        let written = std::fs::read_to_string(&path).expect("written");
        assert!(written.contains("process.executable.name"), "{written}");
        assert_eq!(written.contains("s3cret"), is_told, "{written}");
    }
}
