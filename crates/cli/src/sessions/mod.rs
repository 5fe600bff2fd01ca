//! `spanreel sessions`: what is in the store, on the command line.
//!
//! Holds: a page of sessions, or one session. Waits: for the store's file; `tail` for what changes in it.
//! Loses: nothing; it never writes.

pub mod args;
mod list;
mod place;
mod tail;

use std::io::{self, Write as _};
use std::time::Duration;

use spanreel::Signal;
use spanreel::record::RecordedSpan;
use spanreel::tree::{SessionTree, Style};
use spanreel_store::{Patience, Store as _, document_json, otlp_json};

use self::args::{ExportArgs, ExportFormat, SessionsArgs, SessionsCommand, ShowArgs};
use self::place::open;
use crate::outcome::Outcome;
use crate::term::Terminal;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Does what `spanreel sessions` was asked for.
///
/// # Errors
/// There is no store, it cannot be read, or there is no such session.
pub fn run(args: SessionsArgs, stdout: &Terminal) -> anyhow::Result<Outcome> {
    match args.command {
        SessionsCommand::Ls(args) => list::run(&args, stdout),
        SessionsCommand::Show(args) => show(&args, stdout),
        SessionsCommand::Tail(args) => tail::run(&args, stdout),
        SessionsCommand::Export(args) => export(&args),
    }
}

fn patience() -> Patience {
    Patience::of(PATIENCE)
}

fn no_session(id: &str) -> anyhow::Error {
    anyhow::anyhow!("there is no session {id}; 'spanreel sessions ls' shows those that there are")
}

fn show(args: &ShowArgs, stdout: &Terminal) -> anyhow::Result<Outcome> {
    let store = open(&args.directory)?;
    let requests = store.export(&args.id, &patience())?;
    let requests = requests.ok_or_else(|| no_session(&args.id))?;
    let mut spans = Vec::new();
    for request in requests.iter().filter(|it| it.signal() == Signal::Traces) {
        spans.extend(RecordedSpan::read_all(&request.to_bytes())?);
    }
    let mut style = Style {
        color: stdout.palette.is_coloured(),
        ..Style::default()
    };
    if let Some(width) = args.width {
        style.width = width;
    }
    say(&SessionTree::new(spans).render(&style))?;
    Ok(Outcome::Fine)
}

fn export(args: &ExportArgs) -> anyhow::Result<Outcome> {
    let store = open(&args.directory)?;
    let text = match args.format {
        ExportFormat::OtlpJson => {
            let requests = store.export(&args.id, &patience())?;
            otlp_json(&requests.ok_or_else(|| no_session(&args.id))?)?
        }
        ExportFormat::Json => {
            let document = store.document(&args.id, &patience())?;
            let document = document_json(&document.ok_or_else(|| no_session(&args.id))?);
            format!("{document:#}\n")
        }
    };
    say(&text)?;
    Ok(Outcome::Fine)
}

/// Writes to standard output, and says whether somebody reads it still; that whoever did has read enough is
/// no failure.
fn say(text: &str) -> io::Result<bool> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        written => written.map(|()| true),
    }
}
