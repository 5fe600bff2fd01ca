//! One request of a spool, as OTLP JSON.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use serde::Serialize;
use spanreel::spool::inspect;
use spanreel::{Request, Signal};

use super::args::ShowArgs;
use super::{say, spool_in};
use crate::outcome::Outcome;
use crate::term::Terminal;

/// Shows it.
pub(super) fn run(args: &ShowArgs, stdout: &Terminal) -> anyhow::Result<Outcome> {
    let found = inspect(spool_in(&args.directory))?;
    let (request, about) = match args.id.strip_prefix('@') {
        Some(position) => {
            let position: u64 = position.parse().map_err(|_| {
                anyhow::anyhow!("write a position as 'spanreel spool ls' shows it, such as @0")
            })?;
            let Some(stored) = found.waiting(position, 1)?.pop() else {
                anyhow::bail!("nothing waits at @{position} or behind it");
            };
            let about = format!(
                "@{}, waits for {}",
                stored.position,
                stored.exporters.join(", ")
            );
            (stored.request, about)
        }
        None => {
            let request = found.refused(&args.id)?;
            let known = found.quarantine.iter().find(|it| it.id == args.id);
            let about =
                known.map(|it| format!("{}, refused by {}: {}", it.id, it.exporter, it.answer));
            (request, about.unwrap_or_default())
        }
    };
    // Not for a program that reads the JSON.
    if stdout.is_terminal {
        let line = super::one_line(&about, stdout.width);
        say(&format!("{}\n", stdout.palette.heading(&line)))?;
    }
    say(&(json(&request)? + "\n"))?;
    Ok(Outcome::Fine)
}

/// The request as OTLP has it in JSON.
fn json(request: &Request) -> anyhow::Result<String> {
    fn of<T: Message + Default + Serialize>(request: &Request) -> anyhow::Result<String> {
        let decoded = T::decode(request.body())?;
        Ok(serde_json::to_string_pretty(&decoded)?)
    }
    match request.signal() {
        Signal::Traces => of::<ExportTraceServiceRequest>(request),
        Signal::Logs => of::<ExportLogsServiceRequest>(request),
        Signal::Metrics => of::<ExportMetricsServiceRequest>(request),
        other => anyhow::bail!("this version knows no {}", other.name()),
    }
}
