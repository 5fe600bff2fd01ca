//! Gives up what was refused, or what waits for an exporter.

use spanreel::spool::Editor;

use super::args::DropArgs;
use super::{advise, say, spool_in};
use crate::outcome::Outcome;
use crate::units::{bytes, grouped};

/// Gives it up, and says what it was.
pub(super) fn run(args: &DropArgs) -> anyhow::Result<Outcome> {
    let path = spool_in(&args.directory);
    let mut editor = Editor::open(path).map_err(|error| advise(error, ""))?;
    for id in &args.ids {
        let gone = editor.drop_refused(id)?;
        say(&format!(
            "{id}: {} {} dropped\n",
            grouped(gone.items),
            gone.signal.name()
        ))?;
    }
    if let Some(exporter) = &args.exporter {
        let gone = editor.forget(exporter)?;
        say(&format!(
            "{exporter}: {} spans, {} log records, {} data points given up ({})\n",
            grouped(gone.spans),
            grouped(gone.log_records),
            grouped(gone.data_points),
            bytes(gone.bytes as f64),
        ))?;
    }
    Ok(Outcome::Fine)
}
