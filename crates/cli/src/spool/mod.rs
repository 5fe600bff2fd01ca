//! `spanreel spool`: what is on disk for whom, what was refused and why, and what to do about it.
//!
//! Holds: what it found. Waits: for the disk; `replay --to` for a receiver. Loses: what `drop` is told to.

pub mod args;
mod change;
mod list;
mod replay;
mod show;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use spanreel::SpoolError;

use self::args::{SpoolArgs, SpoolCommand};
use crate::outcome::Outcome;
use crate::term::Terminal;

/// Does what `spanreel spool` was asked for.
///
/// # Errors
/// There is no spool, it cannot be read or is in use and was to be changed, or standard output cannot be
/// written to.
pub fn run(args: SpoolArgs, stdout: &Terminal) -> anyhow::Result<Outcome> {
    match args.command {
        SpoolCommand::Ls(args) => list::run(&args, stdout),
        SpoolCommand::Verify(args) => list::verify(&args, stdout),
        SpoolCommand::Show(args) => show::run(&args, stdout),
        SpoolCommand::Replay(args) => replay::run(&args),
        SpoolCommand::Drop(args) => change::run(&args),
    }
}

/// The spool that is meant by a directory: the one below it, where that is a data directory.
fn spool_in(directory: &Path) -> PathBuf {
    let below = directory.join("spool");
    match below.is_dir() && !directory.join("FORMAT").exists() {
        true => below,
        false => directory.to_owned(),
    }
}

/// The same error; for a spool in use with what else can be done.
fn advise(error: SpoolError, else_do: &str) -> anyhow::Error {
    match error {
        error @ SpoolError::InUse { .. } => anyhow::anyhow!("{error}{else_do}"),
        error => error.into(),
    }
}

/// Writes to standard output; that whoever reads it has read enough is no failure.
fn say(text: &str) -> io::Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// A text of somebody else's on one line without anything that a terminal would obey.
fn one_line(text: &str, width: usize) -> String {
    let shown = text.chars().map(|character| match character {
        character if character.is_control() => ' ',
        character => character,
    });
    let mut line: String = shown.clone().take(width).collect();
    if shown.count() > width && width > 3 {
        let cut = line
            .char_indices()
            .nth(width - 3)
            .map_or(line.len(), |(at, _)| at);
        line.truncate(cut);
        line.push_str("...");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a backend said is shown on one line, cut where there is no room, and commands nothing.
    #[test]
    fn words_of_others_command_nothing() {
        assert_eq!(one_line("no\n\u{1b}[31mway", 80), "no  [31mway");
        assert_eq!(one_line("0123456789", 10), "0123456789");
        assert_eq!(one_line("0123456789a", 10), "0123456...");
        assert_eq!(one_line("\u{e4}\u{f6}\u{fc}\u{e4}\u{f6}", 4), "\u{e4}...");
    }

    /// A data directory stands for the spool in it, a spool for itself.
    #[test]
    fn a_data_directory_stands_for_its_spool() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path();
        assert_eq!(spool_in(path), path);
        std::fs::create_dir(path.join("spool")).expect("made");
        assert_eq!(spool_in(path), path.join("spool"));
        std::fs::write(path.join("FORMAT"), "").expect("written");
        assert_eq!(spool_in(path), path);
    }
}
