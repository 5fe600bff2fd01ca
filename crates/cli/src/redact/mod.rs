//! `spanreel redact`: shows what a redaction would take out of recordings.
//!
//! Recordings become OTLP as they would be exported, and the redaction itself looks through it: what is
//! found here is what is found everywhere. Holds: the sessions of one recording, and a row for each key in
//! which something is found, up to a bound. Waits: for input. Loses: nothing; nothing is sent.

pub mod args;
mod table;

use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use spanreel::{Export, ExportError, Exporter, Pipeline, Redaction, Redactor, Request, Sampling};

use self::args::{RedactArgs, RedactCommand, TryArgs};
use self::table::Table;
use crate::config;
use crate::convert::{self, Recorded, SessionTrace};
use crate::drain::drain;
use crate::outcome::Outcome;
use crate::replay::destination::Destination;
use crate::replay::input::Source;
use crate::replay::play::{Stuck, play};
use crate::term::Terminal;

/// Who sees that nothing was found must know where nobody looked.
const WITHOUT_CONTENT: &str =
    "what people, models and tools said was not looked through: --content does that";
/// Longer than a session takes that goes nowhere.
const PATIENCE: Duration = Duration::from_secs(60);

/// Does what `spanreel redact` was asked for.
///
/// # Errors
/// The configuration is wrong, a recording cannot be read, or standard output cannot be written to.
pub async fn run(args: RedactArgs, stdout: &Terminal) -> anyhow::Result<Outcome> {
    let RedactCommand::Try(args) = args.command;
    let text = try_out(&args, stdout).await?;
    match io::stdout().lock().write_all(text.as_bytes()) {
        // Who asked has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Outcome::Fine),
        written => Ok(written.map(|()| Outcome::Fine)?),
    }
}

async fn try_out(args: &TryArgs, stdout: &Terminal) -> anyhow::Result<String> {
    let redaction = match &args.config {
        Some(path) => config::redaction::of(path)?,
        None => Redaction::standard(),
    };
    let table = Arc::new(Mutex::new(Table::new()));
    let told = Arc::clone(&table);
    let redaction = redaction.dry_run(true).tell(move |found| {
        told.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .add(found);
    });
    let redactor = Arc::new(redaction.redactor());
    let mut has_sessions = false;
    for path in &args.recordings {
        has_sessions |= look_through(&Source::of(path), args.content, &redactor).await?;
    }
    let table = table.lock().unwrap_or_else(PoisonError::into_inner);
    let stats = redactor.stats();
    Ok(match args.json {
        true => table.json(&stats) + "\n",
        false if has_sessions && !args.content => {
            let advice = stdout.palette.faint(WITHOUT_CONTENT);
            format!("{}{advice}\n", table.text(&stats, stdout.palette))
        }
        false => table.text(&stats, stdout.palette),
    })
}

/// Looks through one recording; whether it is one of sessions, whose content is taken in where that is asked for.
async fn look_through(
    source: &Source,
    content: bool,
    redactor: &Arc<Redactor>,
) -> anyhow::Result<bool> {
    source.check()?;
    let input = source.open(None, |input| input)?;
    let options = convert::Options {
        content,
        ..convert::Options::default()
    };
    let recorded = convert::open(input, &source.name(), &options);
    match recorded.with_context(|| source.name())? {
        Recorded::Sessions(conversion) => {
            source.recognize(&conversion.report, !conversion.sessions.is_empty())?;
            let service = conversion.report.format.service();
            let pipeline = pipeline(service, redactor)?;
            for session in &conversion.sessions {
                send(session, &pipeline).await?;
            }
            drain(&pipeline, PATIENCE).await;
            Ok(true)
        }
        Recorded::Requests(mut requests) => {
            while let Some(request) = requests.next_request().with_context(|| source.name())? {
                look_at(redactor, request.signal, &request.bytes);
            }
            source.recognize(&requests.into_report(), false)?;
            Ok(false)
        }
    }
}

/// A dry run changes nothing; what it finds, it tells.
fn look_at(redactor: &Redactor, signal: spanreel::Signal, request: &[u8]) {
    let changed = redactor.redact_request(signal, request);
    debug_assert!(changed.is_none(), "a dry run changes nothing");
}

fn pipeline(service: &str, redactor: &Arc<Redactor>) -> anyhow::Result<Pipeline> {
    let exporter = Exporter::new(Looking(Arc::clone(redactor)));
    let batch = Destination::whole_batches();
    let sampling = Sampling::always_on();
    Ok(Destination::start(
        exporter, service, batch, sampling, None,
    )?)
}

/// Plays a session, and waits until all of it was looked at.
async fn send(session: &SessionTrace, pipeline: &Pipeline) -> Result<(), Stuck> {
    play(session, None, pipeline, PATIENCE).await?;
    match pipeline.flush(PATIENCE).await {
        Ok(flush) if flush.complete => Ok(()),
        Ok(_) | Err(_) => Err(Stuck(PATIENCE)),
    }
}

/// An exporter that looks through what it is given.
#[derive(Debug)]
struct Looking(Arc<Redactor>);

impl Export for Looking {
    fn name(&self) -> &str {
        "redaction"
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        look_at(&self.0, request.signal(), &request.to_bytes());
        Ok(())
    }
}
