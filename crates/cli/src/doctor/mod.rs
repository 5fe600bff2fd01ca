//! `spanreel doctor`: looks at an OTLP receiver as an exporter meets it.
//!
//! Holds: what it found. Waits: for the receiver, each step with a time limit. Loses: nothing; it sends
//! nothing that could be stored.

pub mod args;
mod certificate;
mod examination;
mod finding;
mod way;

use std::io::{self, Write as _};

use crate::outcome::Outcome;
use crate::term::Terminal;
use args::DoctorPlan;
use examination::Examination;
use finding::{Report, State};

/// Examines the receiver, and prints what it found on standard output.
///
/// # Errors
/// Standard output cannot be written.
pub async fn run(plan: DoctorPlan, stdout: &Terminal) -> anyhow::Result<Outcome> {
    let mut notes = Vec::new();
    if let Some(way) = way::find(&plan, &mut notes).await {
        Examination::new(&plan, way, &mut notes).examine().await;
    }
    let worst = notes.iter().map(|note| note.state).max();
    let state = match worst {
        None | Some(State::Skipped) => State::Ok,
        Some(state) => state,
    };
    let report = Report {
        endpoint: plan.endpoint.to_string(),
        state,
        checks: &notes,
    };
    let text = if plan.json {
        serde_json::to_string(&report)? + "\n"
    } else {
        let palette = stdout.palette;
        let heading = palette.heading(&report.endpoint);
        let lines: String = notes.iter().map(|note| note.text(palette)).collect();
        format!("{heading}\n{lines}")
    };
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(match state {
        State::Failed => Outcome::Failed,
        _ => Outcome::Fine,
    })
}
