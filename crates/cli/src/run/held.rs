//! Diagnostics that wait until the command has ended: standard error is the command's until then.
//!
//! Holds: at most 16 KiB of text. Never waits. Loses: what is beyond, and says how much.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

use crate::term::Terminal;

const BYTES: usize = 16 * 1024;

/// Text that is held back. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held(Arc<Mutex<Text>>);

#[derive(Debug, Default)]
struct Text {
    bytes: Vec<u8>,
    left_out: usize,
}

impl Held {
    /// Begins to hold back diagnostics of this process; errors alone where it should be quiet.
    pub(crate) fn start(quiet: bool, stderr: &Terminal) -> Self {
        let held = Self::default();
        let level = if quiet {
            LevelFilter::ERROR
        } else {
            LevelFilter::WARN
        };
        let writer = held.clone();
        let layer = fmt::layer()
            .with_writer(move || writer.clone())
            .with_target(false)
            .without_time()
            .with_ansi(stderr.palette.is_coloured());
        let filter = Targets::new().with_target("spanreel", level);
        tracing_subscriber::registry()
            .with(layer.with_filter(filter))
            .init();
        held
    }

    /// Gives the text, and goes on with none.
    pub(crate) fn take(&self) -> String {
        let Text { bytes, left_out } = std::mem::take(&mut *self.text());
        let mut text = String::from_utf8_lossy(&bytes).into_owned();
        if left_out > 0 {
            text += &format!("({left_out} bytes more were said)\n");
        }
        text
    }

    fn text(&self) -> MutexGuard<'_, Text> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Held {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut text = self.text();
        if text.bytes.len() + bytes.len() <= BYTES {
            text.bytes.extend_from_slice(bytes);
        } else {
            text.left_out += bytes.len();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever is said, what is held is bounded, and what is left out is counted.
    #[test]
    fn what_is_held_is_bounded() {
        let mut held = Held::default();
        for _ in 0..100 {
            held.write_all(&[b'x'; 1_000]).expect("it takes everything");
        }
        let text = held.take();
        assert!(text.len() < BYTES + 100, "{}", text.len());
        assert!(text.ends_with("(84000 bytes more were said)\n"), "{text}");
        assert_eq!(held.take(), "");
    }
}
