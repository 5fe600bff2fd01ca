//! What people see while recordings are converted: trees on standard output, progress on standard
//! error.

use std::io::{self, Read, Write};

use indicatif::ProgressBar;

use crate::live;
use crate::term::Terminal;

/// Both streams of a terminal, written in turn.
#[derive(Debug)]
pub(crate) struct Screen {
    bar: ProgressBar,
    /// Standard output is what people look at.
    is_watched: bool,
    /// Something was printed, from which the next is to be set apart.
    has_printed: bool,
    /// Who read standard output has gone: nobody misses what is not written.
    is_closed: bool,
}

impl Screen {
    /// With a progress bar where there are several recordings and somebody watches. `bytes` is the
    /// size of them all; without it the bar tells no end. `streams` are standard output and error.
    #[must_use]
    pub(crate) fn new(recordings: usize, bytes: Option<u64>, streams: [&Terminal; 2]) -> Self {
        let [stdout, stderr] = streams;
        let bar = if recordings < 2 {
            ProgressBar::hidden()
        } else {
            live::bar(
                bytes,
                "{bar:30} {percent:>3}% of {total_bytes}  {eta} left  {wide_msg}",
                "{spinner} {bytes}  {wide_msg}",
                stderr,
            )
        };
        Self {
            bar,
            is_watched: stdout.is_terminal,
            has_printed: false,
            is_closed: false,
        }
    }

    /// Says what is being read.
    pub(crate) fn reading(&self, name: &str) {
        let shown: String = name
            .chars()
            .map(|it| if it.is_control() { ' ' } else { it })
            .collect();
        self.bar.set_message(shown);
    }

    /// Lets the bar see how much is read.
    pub(crate) fn watch(&self, input: Box<dyn Read>) -> impl Read + use<> {
        self.bar.wrap_read(input)
    }

    /// Writes to standard output, an empty line apart from what was written before.
    ///
    /// # Errors
    /// It cannot be written to, other than because nobody reads any more.
    pub(crate) fn print(&mut self, text: &str) -> io::Result<()> {
        if self.is_closed {
            return Ok(());
        }
        let apart = std::mem::replace(&mut self.has_printed, true);
        let written = live::aside(|| {
            let mut stdout = io::stdout().lock();
            if apart {
                stdout.write_all(b"\n")?;
            }
            stdout.write_all(text.as_bytes())?;
            stdout.flush()
        });
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_closed = true;
                Ok(())
            }
            other => other,
        }
    }

    /// Writes to standard error; an empty line apart from what was printed, where people see both.
    ///
    /// # Errors
    /// It cannot be written to.
    pub(crate) fn tell(&mut self, text: &str) -> io::Result<()> {
        let apart = self.is_watched && std::mem::take(&mut self.has_printed);
        live::aside(|| {
            let mut stderr = io::stderr().lock();
            if apart {
                stderr.write_all(b"\n")?;
            }
            stderr.write_all(text.as_bytes())
        })
    }

    /// Takes the progress bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
