//! `spanreel load --against`: requests that were encoded beforehand, flat out, for measuring any
//! collector.
//!
//! Holds: all requests in memory, and the processes that it started. Waits: for the answers. Loses:
//! what is not taken; it sends nothing twice.

pub mod args;
mod connection;
mod drive;
mod encode;
mod host;
pub mod report;
mod spans;
mod target;

use std::io::{self, Write as _};
use std::sync::Arc;

use self::args::AgainstPlan;
use self::encode::Requests;
use self::report::{Measured, Report};
use self::target::Target;
use crate::outcome::Outcome;
use crate::term::Terminal;

/// Measures the collector that `plan` names.
///
/// # Errors
/// The collector or the receiver behind it cannot be started or reached.
pub async fn run(plan: AgainstPlan, stdout: &Terminal) -> anyhow::Result<Outcome> {
    let requests = Arc::new(Requests::encode(&plan));
    let target = Target::reach(&plan).await?;
    let connections = target.connect(&plan).await?;

    let before = target.cpu_time();
    let driven = drive::drive(&plan, &requests, connections).await;
    target.settle(plan.patience).await;
    let cpu = target.cpu_time().zip(before).map(|(now, then)| now - then);

    let peak_rss_bytes = target.peak_rss();
    let endpoint = target.name();
    let sink = target.stop()?;
    let report = Report::new(Measured {
        endpoint,
        plan: &plan,
        requests: &requests,
        driven,
        cpu,
        peak_rss_bytes,
        sink,
    });
    let text = if plan.json {
        report.json() + "\n"
    } else {
        report.table(stdout.palette)
    };
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(if report.is_whole() {
        Outcome::Fine
    } else {
        Outcome::Lost
    })
}
