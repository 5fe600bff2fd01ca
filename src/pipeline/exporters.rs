//! The exporters that the environment asks for, where the code names none.

use crate::actors::exporter::Exporter;
#[cfg(any(feature = "grpc", feature = "http"))]
use crate::actors::exporter::compress::Compression;
use crate::actors::exporter::console::Console;
#[cfg(feature = "proto")]
use crate::actors::exporter::file::OtlpFile;
#[cfg(any(feature = "grpc", feature = "http"))]
use crate::actors::exporter::otlp::Otlp;
#[cfg(all(feature = "http", feature = "proto"))]
use crate::actors::exporter::zipkin::Zipkin;
use crate::model::problem::Problem;
use crate::model::request::Signal;
use crate::pipeline::env::otlp::{OtlpCompression, OtlpEnvironment, OtlpProtocol};
use crate::pipeline::env::{Environment, ExporterName};

/// The default endpoints of OTLP (exporter specification, "Configuration Options").
const HTTP_ENDPOINT: &str = "http://localhost:4318";
const GRPC_ENDPOINT: &str = "http://localhost:4317";

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
        add(otlp(&environment.traces_otlp, &Signal::ALL));
    }
    for (signal, names) in [(Signal::Traces, traces), (Signal::Logs, logs)] {
        for name in names {
            match name {
                ExporterName::Otlp if otlp_for_both => {}
                ExporterName::Otlp => {
                    let settings = match signal {
                        Signal::Traces => &environment.traces_otlp,
                        Signal::Logs => &environment.logs_otlp,
                    };
                    add(otlp(settings, &[signal]));
                }
                other => add(local(*other, signal, environment)),
            }
        }
    }
    if problems.is_empty() {
        Ok(found)
    } else {
        Err(problems)
    }
}

#[cfg(any(feature = "grpc", feature = "http"))]
fn otlp(settings: &OtlpEnvironment, signals: &[Signal]) -> Result<Exporter, Problem> {
    let protocol = settings.protocol.unwrap_or(OtlpProtocol::HttpProtobuf);
    let default = match protocol {
        OtlpProtocol::Grpc => GRPC_ENDPOINT,
        OtlpProtocol::HttpProtobuf | OtlpProtocol::HttpJson => HTTP_ENDPOINT,
    };
    let base = settings
        .endpoint
        .as_ref()
        .filter(|endpoint| endpoint.is_base);
    let base = base.map_or(default, |endpoint| &endpoint.url);
    let mut otlp = match protocol {
        #[cfg(feature = "grpc")]
        OtlpProtocol::Grpc => {
            let whole = settings
                .endpoint
                .as_ref()
                .map_or(default, |endpoint| &endpoint.url);
            Otlp::grpc(whole)
        }
        #[cfg(feature = "http")]
        OtlpProtocol::HttpProtobuf => Otlp::http(base),
        #[cfg(all(feature = "http", feature = "proto"))]
        OtlpProtocol::HttpJson => Otlp::http_json(base),
        #[allow(unreachable_patterns, reason = "reachable where a feature is off")]
        _ => return Err(without_feature("OTEL_EXPORTER_OTLP_PROTOCOL")),
    };
    otlp = otlp
        .setting_from("endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT")
        .setting_from("header", "OTEL_EXPORTER_OTLP_HEADERS")
        .setting_from("ca_file", "OTEL_EXPORTER_OTLP_CERTIFICATE")
        .setting_from(
            "client_certificate",
            "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
        )
        .setting_from("client_key", "OTEL_EXPORTER_OTLP_CLIENT_KEY")
        .setting_from("timeout", "OTEL_EXPORTER_OTLP_TIMEOUT")
        .signals(signals);
    if let Some(endpoint) = settings
        .endpoint
        .as_ref()
        .filter(|endpoint| !endpoint.is_base)
        && protocol != OtlpProtocol::Grpc
    {
        for signal in signals {
            otlp = otlp.signal_endpoint(*signal, &endpoint.url);
        }
    }
    for (name, value) in &settings.headers {
        otlp = otlp.header(name, value);
    }
    if let Some(compression) = settings.compression {
        otlp = otlp.compression(match compression {
            OtlpCompression::None => Compression::None,
            OtlpCompression::Gzip => Compression::Gzip,
            OtlpCompression::Zstd => Compression::Zstd,
        });
    }
    if let Some(timeout) = settings.timeout {
        otlp = otlp.timeout(timeout);
    }
    if let Some(ca_file) = &settings.certificate {
        otlp = otlp.ca_file(ca_file);
    }
    match (&settings.client_certificate, &settings.client_key) {
        (Some(certificate), Some(key)) => otlp = otlp.client_certificate(certificate, key),
        (None, None) => {}
        (Some(_), None) => return Err(half_of_a_pair("OTEL_EXPORTER_OTLP_CLIENT_KEY")),
        (None, Some(_)) => return Err(half_of_a_pair("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE")),
    }
    if settings.insecure == Some(true) {
        otlp = otlp.insecure();
    }
    Ok(otlp.into())
}

#[cfg(any(feature = "grpc", feature = "http"))]
fn half_of_a_pair(missing: &str) -> Problem {
    Problem::new(
        missing,
        "is missing; a client certificate needs its key, and a key its certificate",
    )
}

#[cfg(not(any(feature = "grpc", feature = "http")))]
fn otlp(_: &OtlpEnvironment, _: &[Signal]) -> Result<Exporter, Problem> {
    Err(without_feature("OTEL_TRACES_EXPORTER"))
}

fn without_feature(setting: &str) -> Problem {
    Problem::new(
        setting,
        "asks for an exporter that this build leaves out; enable the feature `grpc`, `http` or \
         `proto` of spanreel, or give an exporter in code",
    )
}

/// The exporters other than OTLP's own.
fn local(
    name: ExporterName,
    signal: Signal,
    environment: &Environment,
) -> Result<Exporter, Problem> {
    let exporter: Exporter = match name {
        ExporterName::Console => Console::new().into(),
        #[cfg(feature = "proto")]
        ExporterName::OtlpStdout => OtlpFile::stdout().into(),
        #[cfg(all(feature = "http", feature = "proto"))]
        ExporterName::Zipkin => {
            let settings = &environment.zipkin;
            let zipkin = settings
                .endpoint
                .as_ref()
                .map_or_else(Zipkin::default, Zipkin::new);
            let exporter: Exporter = zipkin.into();
            match settings.timeout {
                Some(timeout) => exporter.timeout(timeout),
                None => exporter,
            }
        }
        #[allow(unreachable_patterns, reason = "reachable where a feature is off")]
        _ => {
            let variable = match signal {
                Signal::Traces => "OTEL_TRACES_EXPORTER",
                Signal::Logs => "OTEL_LOGS_EXPORTER",
            };
            return Err(without_feature(variable));
        }
    };
    let takes = exporter.settings.signals.contains(&signal);
    if !takes {
        return Err(Problem::new(
            "OTEL_LOGS_EXPORTER",
            format!(
                "names an exporter that does not take {}; use `otlp`, `otlp/stdout` or `none`",
                signal.name()
            ),
        ));
    }
    Ok(exporter.signals(&[signal]))
}
