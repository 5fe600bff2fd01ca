//! Signals that this process gets and its command must hear of.
//!
//! With a terminal, the command stays in the process group of this process, as interactive programs need
//! it: what is typed there (Ctrl-C) then reaches both, and is not passed on a second time. Without one,
//! the command has a process group of its own, and signals go to all of it.
//!
//! Holds: the terminal. Waits: for signals. Loses: what cannot be caught (SIGKILL).

use std::fs::File;
use std::future::poll_fn;
use std::io;
use std::task::Poll;

use rustix::process::{Pid, Signal, getpgrp, kill_process, kill_process_group};
use rustix::termios::tcgetpgrp;
use tokio::signal::unix::{self, SignalKind};

/// What is passed on.
const PASSED: [(Signal, &str); 6] = [
    (Signal::INT, "SIGINT"),
    (Signal::QUIT, "SIGQUIT"),
    (Signal::TERM, "SIGTERM"),
    (Signal::HUP, "SIGHUP"),
    (Signal::USR1, "SIGUSR1"),
    (Signal::USR2, "SIGUSR2"),
];

/// The signals of this process, from the moment that this is made.
#[derive(Debug)]
pub(crate) struct Signals {
    caught: Vec<(Signal, unix::Signal)>,
    terminal: Option<File>,
}

impl Signals {
    /// Catches them, within a runtime. What this process was told to ignore (`nohup`) stays ignored, by the
    /// command too.
    ///
    /// # Errors
    /// The operating system refuses.
    pub(crate) fn new() -> io::Result<Self> {
        let ignored = ignored();
        let mut caught = Vec::new();
        for (signal, _) in PASSED {
            let number = signal.as_raw();
            if ignored & (1 << (number - 1)) == 0 {
                caught.push((signal, unix::signal(SignalKind::from_raw(number))?));
            }
        }
        // Without a controlling terminal there is no such file.
        let terminal = File::open("/dev/tty").ok();
        Ok(Self { caught, terminal })
    }

    /// Whether somebody may type signals.
    pub(crate) fn has_terminal(&self) -> bool {
        self.terminal.is_some()
    }

    /// The next signal. Nothing is lost when the future is dropped.
    pub(crate) async fn next(&mut self) -> Signal {
        poll_fn(|context| {
            for (signal, caught) in &mut self.caught {
                if caught.poll_recv(context).is_ready() {
                    return Poll::Ready(*signal);
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Passes a signal to the command, which has this process id and was not waited for yet.
    pub(crate) fn pass(&self, signal: Signal, command: u32) {
        if is_typed(signal.as_raw()) && self.is_foreground() {
            return;
        }
        let Some(command) = i32::try_from(command).ok().and_then(Pid::from_raw) else {
            return;
        };
        let passed = match self.terminal {
            Some(_) => kill_process(command, signal),
            None => kill_process_group(command, signal),
        };
        if let Err(error) = passed {
            tracing::warn!(target: "spanreel", %error, ?signal, "a signal could not be passed to the command");
        }
    }

    /// Whether what is typed goes to this process, and so to its command.
    fn is_foreground(&self) -> bool {
        let group = self.terminal.as_ref().map(tcgetpgrp);
        group.is_some_and(|group| group == Ok(getpgrp()))
    }
}

/// Whether the terminal sends the signal of this number to all that run in it, when it is typed.
pub(crate) fn is_typed(number: i32) -> bool {
    [Signal::INT, Signal::QUIT]
        .map(Signal::as_raw)
        .contains(&number)
}

/// The signals that are ignored, a bit each; where that cannot be known, none.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

/// The name of a signal by its number.
pub(crate) fn name(number: i32) -> String {
    let others = [
        (Signal::KILL, "SIGKILL"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::ABORT, "SIGABRT"),
        (Signal::PIPE, "SIGPIPE"),
        (Signal::BUS, "SIGBUS"),
        (Signal::FPE, "SIGFPE"),
        (Signal::ILL, "SIGILL"),
        (Signal::ALARM, "SIGALRM"),
        (Signal::TRAP, "SIGTRAP"),
        (Signal::XCPU, "SIGXCPU"),
        (Signal::SYS, "SIGSYS"),
    ];
    let mut known = PASSED.into_iter().chain(others);
    let found = known.find(|(signal, _)| signal.as_raw() == number);
    found.map_or_else(|| format!("signal {number}"), |(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A signal is told by its name, one without a name by its number.
    #[test]
    fn signals_have_names() {
        assert_eq!(name(9), "SIGKILL");
        assert_eq!(name(15), "SIGTERM");
        assert_eq!(name(63), "signal 63");
    }

    /// Ctrl-C and Ctrl-\ are typed; a signal to end is sent.
    #[test]
    fn typed_signals_are_known() {
        assert!(is_typed(2) && is_typed(3));
        assert!(!is_typed(15) && !is_typed(9));
    }
}
