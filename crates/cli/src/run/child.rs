//! The command: how it is started, and how it ended.
//!
//! Waits: for its end. Loses: nothing.

use std::io;
use std::process::{Command, ExitStatus};

use super::signals::Signals;

/// How the command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// Its exit code, or 128 and the number of the signal that killed it.
    pub(crate) code: u8,
    /// The name of that signal.
    pub(crate) signal: Option<String>,
    /// A signal that was typed (Ctrl-C) has ended it, and its twin has not reached this process yet.
    pub(crate) owes_signal: bool,
}

impl End {
    fn of(status: ExitStatus) -> Self {
        #[cfg(unix)]
        if let Some(number) = std::os::unix::process::ExitStatusExt::signal(&status) {
            return Self {
                code: u8::try_from(128 + number).unwrap_or(u8::MAX),
                signal: Some(super::signals::name(number)),
                owes_signal: super::signals::is_typed(number),
            };
        }
        // Elsewhere codes have 32 bits; what does not fit is a failure still.
        let code = status.code().unwrap_or(1);
        Self {
            code: u8::try_from(code).unwrap_or(u8::MAX),
            signal: None,
            owes_signal: false,
        }
    }

    /// What went wrong, where something did.
    pub(crate) fn failure(&self) -> Option<String> {
        match (&self.signal, self.code) {
            (Some(signal), _) => Some(format!("killed by {signal}")),
            (None, 0) => None,
            (None, code) => Some(format!("exit code {code}")),
        }
    }
}

/// Starts a command, tells its process id, passes signals to it and waits for its end.
///
/// # Errors
/// It cannot be started.
pub(crate) async fn run(
    command: Command,
    signals: &mut Signals,
    started: impl FnOnce(u32),
) -> io::Result<End> {
    let mut command = tokio::process::Command::from(command);
    #[cfg(unix)]
    if !signals.has_terminal() {
        command.process_group(0);
    }
    let mut child = command.spawn()?;
    let id = child.id().unwrap_or_default();
    started(id);
    let mut has_heard = false;
    loop {
        tokio::select! {
            // What is typed reaches the command and this process. Where both are ready, the signal came first:
            // taken for one that came behind the command's end, it would cut off the command's telemetry.
            biased;
            signal = signals.next() => {
                has_heard = true;
                signals.pass(signal, id);
            }
            status = child.wait() => {
                let mut end = End::of(status?);
                end.owes_signal &= !has_heard && signals.has_terminal();
                return Ok(end);
            }
        }
    }
}
