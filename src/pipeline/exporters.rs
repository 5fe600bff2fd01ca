//! The exporters that the environment asks for, where the code names none.

#[cfg(any(feature = "grpc", feature = "http"))]
mod otlp;

use crate::actors::exporter::Exporter;
use crate::actors::exporter::console::Console;
#[cfg(feature = "proto")]
use crate::actors::exporter::file::OtlpFile;
#[cfg(all(feature = "http", feature = "proto"))]
use crate::actors::exporter::zipkin::Zipkin;
#[cfg(feature = "proto")]
use crate::model::otlp::translate::Dialect;
use crate::model::problem::Problem;
use crate::model::request::Signal;
use crate::pipeline::env::otlp::OtlpEnvironment;
use crate::pipeline::env::{Environment, ExporterName, ZipkinEnvironment};
#[cfg(any(feature = "grpc", feature = "http"))]
use otlp::of_settings as otlp_exporter;

/// One exporter for each that `OTEL_TRACES_EXPORTER`, `OTEL_LOGS_EXPORTER` and `OTEL_METRICS_EXPORTER`
/// name; `otlp` for all where they are not set. Signals whose OTLP settings are the same share an
/// exporter. What a build without the feature for it cannot do is a problem.
pub(crate) fn of_environment(environment: &Environment) -> Result<Vec<Exporter>, Vec<Problem>> {
    let default = vec![ExporterName::Otlp];
    let traces = environment.traces_exporters.as_ref().unwrap_or(&default);
    let logs = environment.logs_exporters.as_ref().unwrap_or(&default);
    let metrics = environment.metrics_exporters.as_ref().unwrap_or(&default);
    let mut found = Vec::new();
    let mut problems = Vec::new();
    let mut add = |made: Result<Exporter, Problem>| match made {
        Ok(exporter) => found.push(exporter),
        Err(problem) => problems.push(problem),
    };
    let signals = [
        (Signal::Traces, traces, &environment.traces_otlp),
        (Signal::Logs, logs, &environment.logs_otlp),
        (Signal::Metrics, metrics, &environment.metrics_otlp),
    ];
    let mut shared: Vec<(&OtlpEnvironment, Vec<Signal>)> = Vec::new();
    for (signal, names, settings) in signals {
        // JSON carries no metrics here. That is a problem where it is asked for, not by default.
        let by_default = environment.metrics_exporters.is_none();
        if signal == Signal::Metrics && by_default && settings.is_json() {
            continue;
        }
        for name in names {
            if *name != ExporterName::Otlp {
                add(named(*name, signal, environment));
                continue;
            }
            match shared.iter_mut().find(|(known, _)| *known == settings) {
                Some((_, signals)) => signals.push(signal),
                None => shared.push((settings, vec![signal])),
            }
        }
    }
    for (settings, signals) in shared {
        add(otlp_exporter(settings, &signals));
    }
    if problems.is_empty() {
        Ok(found)
    } else {
        Err(problems)
    }
}

/// The exporters, each in the words that the environment asks for where the code has chosen none.
#[cfg(feature = "proto")]
pub(crate) fn in_words(mut exporters: Vec<Exporter>, environment: &Environment) -> Vec<Exporter> {
    if environment.latest_genai {
        for exporter in &mut exporters {
            let chosen = &mut exporter.rewrite.dialect;
            chosen.get_or_insert(Dialect::GenAiDevelopment);
        }
    }
    exporters
}

#[cfg(not(feature = "proto"))]
pub(crate) fn in_words(exporters: Vec<Exporter>, _: &Environment) -> Vec<Exporter> {
    exporters
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
        Signal::Metrics => (&environment.metrics_otlp, "OTEL_METRICS_EXPORTER"),
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

#[cfg(all(test, feature = "proto"))]
mod tests {
    use super::*;
    use crate::actors::exporter::null::Null;

    /// The environment asks for the words of exporters that the code gives none, and of no others.
    #[test]
    fn code_wins_over_the_words_of_the_environment() {
        let words = |latest_genai| {
            let environment = Environment {
                latest_genai,
                ..Environment::default()
            };
            let chosen = Exporter::new(Null).dialect(Dialect::GenAi);
            let exporters = in_words(vec![Exporter::new(Null), chosen], &environment);
            exporters
                .into_iter()
                .map(|it| it.rewrite.dialect)
                .collect::<Vec<_>>()
        };
        let (latest, released) = (Some(Dialect::GenAiDevelopment), Some(Dialect::GenAi));
        assert_eq!(words(true), [latest, released]);
        assert_eq!(words(false), [None, released]);
    }
}
