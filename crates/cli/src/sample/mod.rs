//! `spanreel sample`: lets policies of sampling judge recorded sessions.
//!
//! Each session is played through a pipeline of its own policies, so that what judges here is what judges
//! everywhere. Holds: the sessions of one recording. Waits: for input. Loses: nothing; nothing is sent.

pub mod args;
mod explain;
mod facts;
mod table;
mod trial;
mod words;

use std::io::{self, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use spanreel::Sampling;

use self::args::{ExplainArgs, SampleArgs, SampleCommand, TryArgs};
use self::table::Table;
use self::trial::Trial;
use crate::config::{ConfigError, ConfigFile};
use crate::convert::{self, Recorded, SessionTrace};
use crate::outcome::Outcome;
use crate::replay::input::Source;
use crate::term::Terminal;

/// Does what `spanreel sample` was asked for.
///
/// # Errors
/// The configuration is wrong, a recording cannot be read, or standard output cannot be written to.
pub async fn run(args: SampleArgs, stdout: &Terminal) -> anyhow::Result<Outcome> {
    let text = match args.command {
        SampleCommand::Try(args) => try_out(&args, stdout).await?,
        SampleCommand::Explain(args) => explain(&args, stdout).await?,
    };
    match io::stdout().lock().write_all(text.as_bytes()) {
        // Who asked has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Outcome::Fine),
        written => Ok(written.map(|()| Outcome::Fine)?),
    }
}

async fn try_out(args: &TryArgs, stdout: &Terminal) -> anyhow::Result<String> {
    let sampling = sampling(&args.config)?;
    let trial = Trial::start(&sampling)?;
    let mut table = Table::new(trial.policies());
    for path in &args.recordings {
        let source = Source::of(path);
        for session in read(&source, args.content)? {
            let judged = trial.judge(&session).await?;
            table.add(&source.name(), &session, &judged);
        }
    }
    trial.close().await;
    if args.json {
        return Ok(table.json() + "\n");
    }
    let mut text = table.text(stdout.palette);
    if words::has_rates(&sampling) {
        text.push_str("rates count as if all sessions came at once\n");
    }
    Ok(text)
}

async fn explain(args: &ExplainArgs, stdout: &Terminal) -> anyhow::Result<String> {
    let sampling = sampling(&args.config)?;
    let mut text = String::new();
    for session in read(&Source::of(&args.recording), args.content)? {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&explain::explain(&session, &sampling, stdout.palette).await?);
    }
    Ok(text)
}

/// The policies of a configuration. What else stands there does not matter: it may be of another machine.
fn sampling(path: &Path) -> Result<Sampling, ConfigError> {
    let file = ConfigFile::read(path)?;
    Ok(file.sampling()?.sampling)
}

fn read(source: &Source, content: bool) -> anyhow::Result<Vec<SessionTrace>> {
    source.check()?;
    let input = source.open(None, |input| input)?;
    let options = convert::Options {
        content,
        ..convert::Options::default()
    };
    let recorded = convert::open(input, &source.name(), &options);
    let conversion = match recorded.with_context(|| source.name())? {
        Recorded::Sessions(conversion) => conversion,
        Recorded::Requests(_) => bail!(
            "{source} holds OTLP, whose sessions cannot be told apart one by one: give recordings of \
             sessions"
        ),
    };
    source.recognize(&conversion.report, !conversion.sessions.is_empty())?;
    Ok(conversion.sessions)
}
