//! `spanreel convert`: reads recordings, shows their sessions, sends them through the pipeline.
//!
//! Holds: the sessions of one recording, and the budgets of the pipelines that it sends them through.
//! Waits: for input and for room in those pipelines. Loses: nothing that it does not report.

pub mod args;
mod canvas;
pub(crate) mod destination;
pub mod input;
mod play;
mod screen;
pub mod summary;

use std::time::Duration;

use spanreel::tree::Style;

use crate::convert::{self, Conversion, ConvertError, SessionTrace};
use crate::outcome::Outcome;
use crate::term::{Palette, Terminal};
use args::{ConvertPlan, Out, Print};
use canvas::Canvas;
use destination::{Destination, SetupError};
use input::{InputError, Source};
use play::Stuck;
use screen::Screen;
use summary::{Delivery, FileSummary, SessionSummary, Summary};

/// How long to wait for a first connection to the receiver.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The largest session of which all spans are drawn, where the tree does not abridge them: a tree
/// takes about a kilobyte of memory per span.
const MAX_DRAWN: usize = 100_000;

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
    let mut bytes = Some(0);
    for source in &plan.sources {
        let size = source.check()?;
        bytes = bytes.zip(size).map(|(sum, size)| sum + size);
    }
    if let Some(endpoint) = &plan.export {
        endpoint.reach(CONNECT_TIMEOUT).await?;
    }
    let mut work = Work {
        screen: Screen::new(plan.sources.len(), bytes, [stdout, stderr]),
        targets: Targets::default(),
        style: Style {
            width: stdout.width,
            color: stdout.palette.is_coloured(),
            ..Style::default()
        },
        palette: stderr.palette,
        summary: Summary::default(),
        plan,
    };
    let done = match work.targets.start(&work.plan) {
        Ok(()) => work.convert_all().await,
        Err(error) => Err(error.into()),
    };
    let delivered = work.deliver().await;
    let stuck = done?;
    work.report(delivered, stuck)
}

/// A conversion under way.
struct Work {
    plan: ConvertPlan,
    targets: Targets,
    screen: Screen,
    style: Style,
    palette: Palette,
    summary: Summary,
}

/// Where the sessions go.
#[derive(Default)]
struct Targets {
    tree: Option<(Destination, Canvas)>,
    out: Option<Destination>,
    export: Option<Destination>,
}

/// What became of what was sent.
#[derive(Default)]
struct Delivered {
    out: Option<Delivery>,
    export: Option<Delivery>,
}

/// A recording of which nothing can be had.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error(transparent)]
    Input(#[from] InputError),
    #[error("{0}")]
    Convert(Source, #[source] ConvertError),
    #[error("{0}: line {1} cannot be used: {2}; without --strict it would be skipped")]
    Strict(Source, u64, String),
}

impl Targets {
    fn start(&mut self, plan: &ConvertPlan) -> Result<(), SetupError> {
        let (service, patience) = (plan.service.as_str(), plan.patience);
        if let Some(out) = &plan.out {
            self.out = Some(Destination::file(out, service, patience)?);
        }
        if let Some(endpoint) = &plan.export {
            let headers = &plan.headers;
            self.export = Some(Destination::receiver(endpoint, headers, service, patience)?);
        }
        if plan.print == Print::Trees {
            let canvas = Canvas::of(MAX_DRAWN);
            let tree = Destination::local(canvas.exporter(), service, patience)?;
            self.tree = Some((tree, canvas));
        }
        Ok(())
    }
}

impl Work {
    /// Converts all recordings, unless one of the destinations gets stuck.
    async fn convert_all(&mut self) -> anyhow::Result<Option<Stuck>> {
        for source in self.plan.sources.clone() {
            let name = source.name();
            self.screen.reading(&name);
            let conversion = match self.read(&source) {
                Ok(conversion) => conversion,
                Err(error) if self.plan.sources.len() == 1 => return Err(error.into()),
                Err(error) => {
                    self.note_failure(&name, error)?;
                    if self.plan.strict {
                        break;
                    }
                    continue;
                }
            };
            let Conversion { sessions, report } = conversion;
            let file = FileSummary::new(&name, report, &sessions);
            for session in &sessions {
                if let Err(stuck) = self.send(session).await? {
                    return Ok(Some(stuck));
                }
                if self.plan.print == Print::Json {
                    let summary = SessionSummary::new(&name, session);
                    self.summary.sessions.push(summary);
                }
            }
            if !self.plan.quiet && (self.plan.sources.len() == 1 || file.has_notes()) {
                self.screen.tell(&file.text(self.palette))?;
            }
            self.summary.files.push(file);
        }
        Ok(None)
    }

    fn read(&self, source: &Source) -> Result<Conversion, Unusable> {
        let options = convert::Options {
            content: self.plan.content,
            strict: self.plan.strict,
            parent: self
                .plan
                .parent
                .as_ref()
                .map(|parent| (parent.trace_id(), parent.span_id())),
            agent: self.plan.agent.clone(),
            ..convert::Options::default()
        };
        let input = source.open(|input| self.screen.watch(input))?;
        let conversion =
            convert::read(input, &source.name(), &options).map_err(|error| match error {
                ConvertError::Malformed { line, reason } => {
                    Unusable::Strict(source.clone(), line, reason)
                }
                error => Unusable::Convert(source.clone(), error),
            })?;
        source.recognize(&conversion)?;
        Ok(conversion)
    }

    /// Tells of a recording that cannot be converted, where others can.
    fn note_failure(&mut self, name: &str, error: Unusable) -> std::io::Result<()> {
        let error = anyhow::Error::from(error);
        let text = format!("{error:#}");
        let line = format!("{} {text}\n", self.palette.bad("error:"));
        self.summary.files.push(FileSummary::failed(name, text));
        self.screen.tell(&line)
    }

    /// Sends a session everywhere, and draws it.
    async fn send(&mut self, session: &SessionTrace) -> anyhow::Result<Result<(), Stuck>> {
        let parent = self.plan.parent.as_ref();
        let targets = &self.targets;
        // Those that are nearby wait for each session: it stands behind the one before it.
        let nearby = [
            targets.tree.as_ref().map(|(tree, _)| tree),
            targets.out.as_ref(),
        ];
        for destination in nearby.into_iter().flatten() {
            let sent = destination.send(session, parent).await;
            if let Err(stuck) = sent.and(destination.settle().await) {
                return Ok(Err(stuck));
            }
        }
        if let Some(export) = &targets.export
            && let Err(stuck) = export.send(session, parent).await
        {
            return Ok(Err(stuck));
        }
        if let Some((_, canvas)) = &targets.tree {
            let tree = canvas.draw(session, &self.style);
            self.screen.print(&tree)?;
        }
        Ok(Ok(()))
    }

    /// Delivers what is left.
    async fn deliver(&mut self) -> Delivered {
        let Targets { tree, out, export } = std::mem::take(&mut self.targets);
        if let Some((tree, _)) = tree {
            tree.close().await;
        }
        let mut delivered = Delivered::default();
        if let Some(out) = out {
            let to = match &self.plan.out {
                Some(Out::File(path)) => path.display().to_string(),
                Some(Out::Stdout) | None => "standard output".to_owned(),
            };
            delivered.out = Some(Delivery::new(to, &out.close().await));
        }
        if let (Some(export), Some(endpoint)) = (export, &self.plan.export) {
            self.screen.reading("delivering");
            let report = export.close().await;
            delivered.export = Some(Delivery::new(endpoint.to_string(), &report));
        }
        self.screen.finish();
        delivered
    }

    /// Says how it went.
    fn report(mut self, delivered: Delivered, stuck: Option<Stuck>) -> anyhow::Result<Outcome> {
        let Delivered { out, export } = delivered;
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
