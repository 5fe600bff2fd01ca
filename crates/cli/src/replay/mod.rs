//! `spanreel convert`: reads recordings, shows their sessions, sends them through the pipeline.
//!
//! Holds: the sessions of one recording, and the budgets of the pipelines that it sends them through.
//! Waits: for input and for room in those pipelines. Loses: nothing that it does not report.

pub mod args;
mod canvas;
pub(crate) mod destination;
mod form;
pub mod input;
pub(crate) mod play;
mod read;
mod screen;
pub mod summary;
mod table;
mod targets;
mod walk;

use std::time::Duration;

use spanreel::tree::Style;
use spanreel::{Redaction, Redactor};

use crate::config;
use crate::outcome::Outcome;
use crate::term::{Palette, Terminal};
use args::{Conflict, ConvertPlan, Out, Print, To};
use input::InputError;
use play::Stuck;
use read::Unusable;
use screen::Screen;
use summary::{FileSummary, SessionSummary, Summary};
use table::Table;
use targets::{Delivered, Targets};
use walk::Found;

/// How long to wait for a first connection to the receiver.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Converts what `plan` names.
///
/// # Errors
/// An input is not there, the receiver cannot be reached, an output cannot be written. Of several
/// recordings, those that cannot be converted are told one by one, and the others are converted.
pub async fn run(
    plan: ConvertPlan,
    stdout: &Terminal,
    stderr: &Terminal,
) -> anyhow::Result<Outcome> {
    let redaction = match &plan.config {
        Some(path) => Some(config::redaction::of(path)?),
        None => None,
    };
    let (found, bytes) = walk::find(&plan.sources)?;
    if let Some(Out::File(path)) = &plan.out
        && path.exists()
        && found.iter().any(|found| found.source.is_file(path))
    {
        return Err(Conflict::OutIsInput(path.clone()).into());
    }
    if let Some(endpoint) = &plan.export {
        endpoint.reach(CONNECT_TIMEOUT).await?;
    }
    let to_screen = plan.print == Print::Trees;
    let mut work = Work {
        screen: Screen::new(found.len(), bytes, [stdout, stderr]),
        targets: Targets::default(),
        style: Style {
            width: if to_screen {
                stdout.width
            } else {
                Style::default().width
            },
            color: to_screen && stdout.palette.is_coloured(),
            ..Style::default()
        },
        palette: stderr.palette,
        summary: Summary::default(),
        table: (plan.to == To::Csv).then(Table::default),
        redactor: redaction.as_ref().map(Redaction::redactor),
        plan,
    };
    let done = match work.targets.start(&work.plan, redaction.as_ref()) {
        Ok(()) => work.convert_all(&found).await,
        Err(error) => Err(error.into()),
    };
    let delivered = work.deliver().await;
    let stuck = done?;
    work.report(delivered?, stuck)
}

/// A conversion under way.
struct Work {
    plan: ConvertPlan,
    targets: Targets,
    screen: Screen,
    style: Style,
    palette: Palette,
    summary: Summary,
    /// The rows of all sessions, where a table is to be written.
    table: Option<Table>,
    /// For what is told beside what is sent.
    redactor: Option<Redactor>,
}

impl Work {
    /// Converts all recordings, unless one of the destinations gets stuck.
    async fn convert_all(&mut self, found: &[Found]) -> anyhow::Result<Option<Stuck>> {
        let is_alone = matches!(found, [only] if !only.is_in_directory);
        let mut converted = 0;
        for found in found {
            let name = found.source.name();
            self.screen.reading(&name);
            let file = match self.convert(&found.source, &name).await? {
                Ok(Ok(file)) => file,
                Ok(Err(stuck)) => return Ok(Some(stuck)),
                Err(error) if is_alone => return Err(error.into()),
                Err(error)
                    if found.is_in_directory && error.is_no_recording() && !self.plan.strict =>
                {
                    let file = FileSummary::passed_over(&name, error.to_string());
                    self.summary.files.push(file);
                    continue;
                }
                Err(error) => {
                    converted += 1;
                    self.note_failure(&name, error)?;
                    if self.plan.strict {
                        break;
                    }
                    continue;
                }
            };
            let file = match &self.redactor {
                Some(redactor) => file.redacted(redactor),
                None => file,
            };
            converted += 1;
            if !self.plan.quiet && (is_alone || file.has_notes()) {
                self.screen.tell(&file.text(self.palette))?;
            }
            self.summary.files.push(file);
        }
        match &self.plan.sources[..] {
            _ if converted > 0 => Ok(None),
            [source, ..] => Err(InputError::NoRecording(source.clone()).into()),
            [] => Ok(None),
        }
    }

    /// Tells of a recording that cannot be converted, where others can.
    fn note_failure(&mut self, name: &str, error: Unusable) -> std::io::Result<()> {
        let error = anyhow::Error::from(error);
        let text = format!("{error:#}");
        let line = format!("{} {text}\n", self.palette.bad("error:"));
        self.summary.files.push(FileSummary::failed(name, text));
        self.screen.tell(&line)
    }

    /// Shows the tree of a session.
    fn show(&mut self, tree: &str) -> std::io::Result<()> {
        if self.targets.write_tree(tree)? {
            return Ok(());
        }
        self.screen.print(tree)
    }

    /// Takes down what a session was.
    fn note(&mut self, mut session: SessionSummary) {
        if let Some(redactor) = &self.redactor {
            session.redact(redactor);
        }
        if let Some(table) = &mut self.table {
            table.add(session.clone());
        }
        if self.plan.print == Print::Json {
            self.summary.sessions.push(session);
        }
    }

    /// Delivers what is left.
    async fn deliver(&mut self) -> anyhow::Result<Delivered> {
        let targets = std::mem::take(&mut self.targets);
        self.screen.reading("delivering");
        let delivered = targets.close(&self.plan).await;
        self.screen.finish();
        delivered
    }

    /// Says how it went.
    fn report(mut self, delivered: Delivered, stuck: Option<Stuck>) -> anyhow::Result<Outcome> {
        let Delivered { out, export, text } = delivered;
        if let (Some(table), Some(mut text)) = (self.table.take(), text) {
            table.write(&mut text)?;
        }
        if !self.plan.quiet {
            let mut text = self.summary.totals(self.palette);
            text.extend(out.iter().map(|out| out.written(self.palette)));
            text.extend(export.iter().map(|export| export.sent(self.palette)));
            self.screen.tell(&text)?;
        }
        (self.summary.out, self.summary.export) = (out, export);
        if self.plan.print == Print::Json {
            self.screen.print(&(self.summary.json() + "\n"))?;
        }
        if let Some(stuck) = stuck {
            let line = format!("{} {stuck}; gave up\n", self.palette.bad("error:"));
            self.screen.tell(&line)?;
        }
        if self.summary.files.iter().any(|file| file.error.is_some()) {
            return Ok(Outcome::Failed);
        }
        if stuck.is_some() || !self.summary.is_lossless() {
            return Ok(Outcome::Lost);
        }
        Ok(Outcome::Fine)
    }
}
