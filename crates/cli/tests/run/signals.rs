//! Signals, from others and from a terminal.

use std::io::{BufRead, BufReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::server::{LONG, spanreel};
use crate::{has_python, run};

/// `spanreel run` of a script that says `ready` when it is.
fn start(script: &str) -> (Child, BufReader<ChildStdout>) {
    let mut command = run(&["--quiet", "--no-forward"], &["sh", "-c", script]);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    // Not in the foreground of the terminal that the test may have: nothing is typed.
    command.process_group(0);
    let mut process = command.spawn().expect("it runs");
    let mut stdout = BufReader::new(process.stdout.take().expect("a pipe"));
    assert_eq!(line(&mut stdout), "ready\n");
    (process, stdout)
}

fn line(stdout: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    stdout.read_line(&mut line).expect("text");
    line
}

fn send(process: &Child, signal: Signal) {
    let pid = i32::try_from(process.id()).expect("a process");
    kill_process(Pid::from_raw(pid).expect("not 0"), signal).expect("it is there");
}

/// Whether this process, and so those that it starts, ignore a signal; known on Linux alone.
fn is_ignored(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines();
    let mask = lines.find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal.as_raw() - 1) & 1 == 1)
}

/// What others send is passed on, and how the command ends is how it ends.
#[test]
fn signals_are_passed_on() {
    for (signal, name) in [
        (Signal::TERM, "TERM"),
        (Signal::HUP, "HUP"),
        (Signal::USR1, "USR1"),
        (Signal::USR2, "USR2"),
        (Signal::INT, "INT"),
        (Signal::QUIT, "QUIT"),
    ] {
        if is_ignored(signal) {
            // What is ignored from the start can be caught neither by the command nor by a shell.
            eprintln!("SKIPPED: {name}, which whoever started the tests ignores (nohup, say)");
            continue;
        }
        let script =
            format!("trap 'echo got; exit 7' {name}; echo ready; while :; do sleep 0.02; done");
        let (mut process, mut stdout) = start(&script);
        send(&process, signal);
        assert_eq!(line(&mut stdout), "got\n", "{name}");
        assert_eq!(process.wait().expect("it ends").code(), Some(7), "{name}");
    }
}

/// A command without a word on a signal is ended by it.
#[test]
fn a_command_is_ended_by_a_signal() {
    let (mut process, _stdout) = start("echo ready; exec sleep 60");
    send(&process, Signal::TERM);
    assert_eq!(process.wait().expect("it ends").code(), Some(143));
}

/// A command that ignores a signal goes on, and ends as it likes.
#[test]
fn a_command_may_ignore_a_signal() {
    let script = "trap '' TERM; echo ready; sleep 0.5; echo still; exit 9";
    let (mut process, mut stdout) = start(script);
    send(&process, Signal::TERM);
    send(&process, Signal::TERM);
    assert_eq!(line(&mut stdout), "still\n");
    assert_eq!(process.wait().expect("it ends").code(), Some(9));
}

/// A signal after the end of the command ends the waiting for receivers that take nothing, which would be
/// long; the exit code stays that of the command.
#[test]
fn a_signal_ends_the_waiting() {
    let options = ["--export", "http://127.0.0.1:9", "--patience", "10m"];
    let mut command = run(&options, &["sh", "-c", "trap '' TERM; echo ready; exit 6"]);
    command
        .process_group(0)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut process = command.spawn().expect("it runs");
    let mut stdout = BufReader::new(process.stdout.take().expect("a pipe"));
    assert_eq!(line(&mut stdout), "ready\n");
    let (_never, pause) = sync_channel::<()>(1);
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = process.try_wait().expect("it is there") {
            break status;
        }
        assert!(begun.elapsed() < LONG, "it goes on waiting");
        let waited = pause.recv_timeout(Duration::from_millis(500));
        assert_eq!(waited, Err(RecvTimeoutError::Timeout));
        if process.try_wait().expect("it is there").is_none() {
            send(&process, Signal::TERM);
        }
    };
    assert_eq!(status.code(), Some(6));
    let mut said = String::new();
    let mut stderr = process.stderr.take().expect("a pipe");
    stderr.read_to_string(&mut said).expect("text");
    assert!(said.contains("not everything was waited for"), "{said}");
}

/// What is ignored when it starts (`nohup`) is ignored by the command too.
#[cfg(target_os = "linux")]
#[test]
fn what_is_ignored_stays_ignored() {
    let spanreel = spanreel();
    let inner = "echo ready; sleep 0.5; echo still";
    let script = format!(
        "trap '' HUP; exec {:?} run --quiet --no-forward -- sh -c '{inner}'",
        spanreel.get_program()
    );
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &script]).stdout(Stdio::piped());
    let mut process = command.spawn().expect("it runs");
    let mut stdout = BufReader::new(process.stdout.take().expect("a pipe"));
    assert_eq!(line(&mut stdout), "ready\n");
    send(&process, Signal::HUP);
    assert_eq!(line(&mut stdout), "still\n");
    assert_eq!(process.wait().expect("it ends").code(), Some(0));
}

/// Opens a terminal, runs a command in it, presses Ctrl-C once it says `ready`, prints what it says.
const TERMINAL: &str = r#"
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
seen, pressed = b"", False
while True:
    try:
        part = os.read(terminal, 4096)
    except OSError:
        break
    if not part:
        break
    seen += part
    if not pressed and b"ready" in seen:
        pressed = True
        os.write(terminal, b"\x03")
_, status = os.waitpid(pid, 0)
sys.stdout.write(seen.decode().replace("\r", ""))
sys.exit(os.waitstatus_to_exitcode(status))
"#;

/// Takes signals one by one, and tells from whom they are: 0 is the terminal.
const TAKER: &str = r#"
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
print("ready", flush=True)
first = signal.sigtimedwait({signal.SIGINT}, 60)
second = signal.sigtimedwait({signal.SIGINT}, 0.7)
print("first from", first.si_pid, "second", second, flush=True)
"#;

/// Ctrl-C reaches the command once, from the terminal: it is not passed on as well.
#[cfg(target_os = "linux")]
#[test]
fn what_is_typed_is_not_doubled() {
    if !has_python("what_is_typed_is_not_doubled") {
        return;
    }
    let spanreel = spanreel();
    let mut command = std::process::Command::new("python3");
    command.arg("-c").arg(TERMINAL).arg(spanreel.get_program());
    command.args([
        "run",
        "--quiet",
        "--no-forward",
        "--",
        "python3",
        "-c",
        TAKER,
    ]);
    let output = command.output().expect("it runs");
    let seen = String::from_utf8_lossy(&output.stdout);
    assert!(seen.contains("first from 0 second None"), "{seen}");
    assert_eq!(output.status.code(), Some(0), "{seen}");
}
