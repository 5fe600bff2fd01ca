//! The exporters that the environment asks for, where the code names none.

#[cfg(any(feature = "grpc", feature = "http"))]
mod otlp;

use crate::actors::exporter::Exporter;
use crate::actors::exporter::console::Console;
#[cfg(feature = "proto")]
use crate::actors::exporter::file::OtlpFile;
#[cfg(all(feature = "http", feature = "proto"))]
use crate::actors::exporter::zipkin::Zipkin;
use crate::model::problem::Problem;
use crate::model::request::Signal;
#[cfg(not(any(feature = "grpc", feature = "http")))]
use crate::pipeline::env::otlp::OtlpEnvironment;
use crate::pipeline::env::{Environment, ExporterName, ZipkinEnvironment};
#[cfg(any(feature = "grpc", feature = "http"))]
use otlp::of_settings as otlp_exporter;

/// One exporter for each that `OTEL_TRACES_EXPORTER` and `OTEL_LOGS_EXPORTER` name; `otlp` for both
/// where they are not set. What a build without the feature for it cannot do is a problem.
pub(crate) fn of_environment(environment: &Environment) -> Result<Vec<Exporter>, Vec<Problem>> {
    let default = vec![ExporterName::Otlp];
    let traces = environment.traces_exporters.as_ref().unwrap_or(&default);
    let logs = environment.logs_exporters.as_ref().unwrap_or(&default);
    let mut found = Vec::new();
    let mut problems = Vec::new();
    let mut add = |made: Result<Exporter, Problem>| match made {
        Ok(exporter) => found.push(exporter),
        Err(problem) => problems.push(problem),
    };
    let otlp_for_both = environment.traces_otlp == environment.logs_otlp
        && traces.contains(&ExporterName::Otlp)
        && logs.contains(&ExporterName::Otlp);
    if otlp_for_both {
        add(otlp_exporter(&environment.traces_otlp, &Signal::ALL));
    }
    for (signal, names) in [(Signal::Traces, traces), (Signal::Logs, logs)] {
        for name in names {
            if *name != ExporterName::Otlp || !otlp_for_both {
                add(named(*name, signal, environment));
            }
        }
    }
    if problems.is_empty() {
        Ok(found)
    } else {
        Err(problems)
    }
}

#[cfg(not(any(feature = "grpc", feature = "http")))]
fn otlp_exporter(_: &OtlpEnvironment, _: &[Signal]) -> Result<Exporter, Problem> {
    Err(without_feature("OTEL_TRACES_EXPORTER"))
}

fn without_feature(setting: &str) -> Problem {
    Problem::new(
        setting,
        "asks for an exporter that this build leaves out; enable the feature `grpc`, `http` or \
         `proto` of spanreel, or give an exporter in code",
    )
}

/// The exporter of a name, for one signal.
fn named(
    name: ExporterName,
    signal: Signal,
    environment: &Environment,
) -> Result<Exporter, Problem> {
    let (settings, variable) = match signal {
        Signal::Traces => (&environment.traces_otlp, "OTEL_TRACES_EXPORTER"),
        Signal::Logs => (&environment.logs_otlp, "OTEL_LOGS_EXPORTER"),
    };
    let exporter = match name {
        ExporterName::Otlp => return otlp_exporter(settings, &[signal]),
        ExporterName::Console => Some(Console::new().into()),
        ExporterName::OtlpStdout => otlp_stdout(),
        ExporterName::Zipkin => zipkin(&environment.zipkin),
    };
    let exporter = exporter.ok_or_else(|| without_feature(variable))?;
    if !exporter.settings.signals.contains(&signal) {
        let advice = format!(
            "names an exporter that does not take {}; use `otlp`, `otlp/stdout` or `none`",
            signal.name()
        );
        return Err(Problem::new(variable, advice));
    }
    Ok(exporter.signals(&[signal]))
}

#[cfg(feature = "proto")]
fn otlp_stdout() -> Option<Exporter> {
    Some(OtlpFile::stdout().into())
}

#[cfg(not(feature = "proto"))]
fn otlp_stdout() -> Option<Exporter> {
    None
}

#[cfg(all(feature = "http", feature = "proto"))]
fn zipkin(settings: &ZipkinEnvironment) -> Option<Exporter> {
    let endpoint = settings.endpoint.as_ref();
    let exporter: Exporter = endpoint.map_or_else(Zipkin::default, Zipkin::new).into();
    Some(match settings.timeout {
        Some(timeout) => exporter.timeout(timeout),
        None => exporter,
    })
}

#[cfg(not(all(feature = "http", feature = "proto")))]
fn zipkin(_: &ZipkinEnvironment) -> Option<Exporter> {
    None
}
