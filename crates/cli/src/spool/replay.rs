//! Sends again what was refused: through its exporter at the next start, or to a receiver now.

use std::path::Path;
use std::time::Duration;

use spanreel::spool::{Editor, Inspection, Quarantined, inspect};
use spanreel::{Export, ExportError, OtlpExporter};

use super::args::ReplayArgs;
use super::{advise, one_line, say, spool_in};
use crate::config::export::{ExportConfig, Target, header};
use crate::config::place::Origin;
use crate::outcome::Outcome;
use crate::units::grouped;

/// How long one attempt may take.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(30);
/// How much of an answer is shown.
const ANSWER_WIDTH: usize = 200;

/// Sends it again, and says what became of each.
pub(super) fn run(args: &ReplayArgs) -> anyhow::Result<Outcome> {
    let path = spool_in(&args.directory);
    let found = inspect(&path)?;
    let chosen = choose(args, &found)?;
    match &args.to {
        None => to_exporters(&path, &chosen),
        Some(url) => {
            let exporter = receiver(args, url)?;
            // Not claimed before all is known to be right: a program that starts meanwhile must find it.
            let editor = match args.keep {
                true => None,
                false => Some(open(
                    &path,
                    ", or add --keep to send it and leave it where it is",
                )?),
            };
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(to_receiver(&exporter, &found, &chosen, editor))
        }
    }
}

fn open(path: &Path, else_do: &str) -> anyhow::Result<Editor> {
    Editor::open(path).map_err(|error| advise(error, else_do))
}

fn choose(args: &ReplayArgs, found: &Inspection) -> anyhow::Result<Vec<Quarantined>> {
    if args.all {
        return Ok(found.quarantine.clone());
    }
    let mut chosen = Vec::new();
    for id in &args.ids {
        let known = found.quarantine.iter().find(|it| it.id == *id);
        let unknown =
            || anyhow::anyhow!("nothing was refused that goes by {id}; see 'spanreel spool ls'");
        chosen.push(known.ok_or_else(unknown)?.clone());
    }
    Ok(chosen)
}

fn to_exporters(path: &Path, chosen: &[Quarantined]) -> anyhow::Result<Outcome> {
    let else_do = ", or send it again on the Pipeline page of spanreel serve, or give --to and --keep to send \
                   it to a receiver now";
    let mut editor = open(path, else_do)?;
    for it in chosen {
        editor.deliver_again(&it.id, &it.exporter)?;
        say(&format!(
            "{}: {} {} wait for {} again\n",
            it.id,
            grouped(it.items),
            it.signal.name(),
            it.exporter
        ))?;
    }
    Ok(Outcome::Fine)
}

fn receiver(args: &ReplayArgs, url: &str) -> anyhow::Result<OtlpExporter> {
    let target = Target::parse(url).map_err(|advice| anyhow::anyhow!("--to: {advice}"))?;
    let Target::Otlp(endpoint) = &target else {
        anyhow::bail!("--to: give a receiver, such as grpc://127.0.0.1:4317");
    };
    let endpoint = endpoint.clone();
    let mut export = ExportConfig::new(Origin::Flag("to".to_owned()), target);
    for text in args.headers.iter().filter(|text| !text.trim().is_empty()) {
        let read = header(text).map_err(|advice| anyhow::anyhow!("--header: {advice}"))?;
        export.headers.push(read);
    }
    let built = export.otlp(&endpoint).build();
    built.map_err(|problems| {
        let advice: Vec<_> = problems.into_iter().map(|it| it.advice).collect();
        anyhow::anyhow!("--to: {}", advice.join("; "))
    })
}

/// Sends each to the receiver. One that cannot be reached is not asked for the others.
async fn to_receiver(
    exporter: &OtlpExporter,
    found: &Inspection,
    chosen: &[Quarantined],
    mut editor: Option<Editor>,
) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::Fine;
    for it in chosen {
        let request = found.refused(&it.id)?;
        let attempt = tokio::time::timeout(LONGEST_ATTEMPT, exporter.export(request)).await;
        let answer = attempt.unwrap_or_else(|elapsed| Err(ExportError::retryable(elapsed)));
        let (items, signal) = (grouped(it.items), it.signal.name());
        match answer {
            Ok(()) | Err(ExportError::Partial { rejected: 0, .. }) => {
                if let Some(editor) = &mut editor {
                    editor.drop_refused(&it.id)?;
                }
                say(&format!("{}: {items} {signal} delivered\n", it.id))?;
            }
            Err(error) => {
                outcome = Outcome::Failed;
                let words = one_line(&chain(&error), ANSWER_WIDTH);
                say(&format!("{}: stays where it is: {words}\n", it.id))?;
                if matches!(
                    error,
                    ExportError::Retryable { .. } | ExportError::Denied { .. }
                ) {
                    anyhow::bail!("the receiver takes nothing now; try again later");
                }
            }
        }
    }
    Ok(outcome)
}

/// An error with its sources.
fn chain(error: &ExportError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
