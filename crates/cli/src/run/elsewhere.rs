//! Signals where there are none to pass: the terminal tells the command of Ctrl-C by itself.
//!
//! Waits: for Ctrl-C. Loses: nothing.

use std::io;

/// Ctrl-C: the one signal that there is everywhere.
#[derive(Debug)]
pub(crate) struct Signals;

impl Signals {
    /// Catches it, so that this process outlives its command.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self)
    }

    /// The next one.
    pub(crate) async fn next(&mut self) {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::warn!(target: "spanreel", %error, "cannot wait for Ctrl-C");
            std::future::pending::<()>().await;
        }
    }

    /// The command has heard of it.
    pub(crate) fn pass(&self, (): (), _command: u32) {}
}
