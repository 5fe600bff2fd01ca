//! The OTLP exporter that `OTEL_EXPORTER_OTLP_*` describes.

use crate::actors::exporter::Exporter;
use crate::actors::exporter::otlp::Otlp;
use crate::model::problem::Problem;
use crate::model::request::Signal;
use crate::pipeline::env::otlp::{OtlpEnvironment, OtlpProtocol};

/// The default endpoints of OTLP (exporter specification, "Configuration Options").
#[cfg(feature = "http")]
const HTTP_ENDPOINT: &str = "http://localhost:4318";
#[cfg(feature = "grpc")]
const GRPC_ENDPOINT: &str = "http://localhost:4317";

/// The protocol where none is named: OpenTelemetry's default, as far as the build has it.
const DEFAULT_PROTOCOL: OtlpProtocol = if cfg!(feature = "http") {
    OtlpProtocol::HttpProtobuf
} else {
    OtlpProtocol::Grpc
};

/// The exporter of some signals. What the build leaves out and half a client certificate are
/// problems.
pub(super) fn of_settings(
    settings: &OtlpEnvironment,
    signals: &[Signal],
) -> Result<Exporter, Problem> {
    let mut otlp = match settings.protocol.unwrap_or(DEFAULT_PROTOCOL) {
        #[cfg(feature = "grpc")]
        OtlpProtocol::Grpc => {
            let endpoint = settings.endpoint.as_ref();
            Otlp::grpc(endpoint.map_or(GRPC_ENDPOINT, |endpoint| &endpoint.url))
        }
        #[cfg(feature = "http")]
        OtlpProtocol::HttpProtobuf => over_http(Otlp::http, settings, signals),
        #[cfg(all(feature = "http", feature = "proto"))]
        OtlpProtocol::HttpJson => over_http(Otlp::http_json, settings, signals),
        #[cfg(not(all(feature = "grpc", feature = "http", feature = "proto")))]
        _ => return Err(super::without_feature("OTEL_EXPORTER_OTLP_PROTOCOL")),
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
    for (name, value) in &settings.headers {
        otlp = otlp.header(name, value);
    }
    if let Some(compression) = settings.compression {
        otlp = otlp.compression(compression);
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

fn half_of_a_pair(missing: &str) -> Problem {
    Problem::new(
        missing,
        "is missing; a client certificate needs its key, and a key its certificate",
    )
}

/// A common endpoint gets the path of each signal appended; a signal's own is used as it is.
#[cfg(feature = "http")]
fn over_http(
    speak: impl Fn(String) -> Otlp,
    settings: &OtlpEnvironment,
    signals: &[Signal],
) -> Otlp {
    match &settings.endpoint {
        None => speak(HTTP_ENDPOINT.to_owned()),
        Some(endpoint) if endpoint.is_base => speak(endpoint.url.clone()),
        Some(endpoint) => {
            let otlp = speak(HTTP_ENDPOINT.to_owned());
            signals.iter().fold(otlp, |otlp, signal| {
                let setting = format!("signal_endpoint({})", signal.name());
                let variable = match signal {
                    Signal::Traces => "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                    Signal::Logs => "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
                    Signal::Metrics => "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
                };
                otlp.signal_endpoint(*signal, &endpoint.url)
                    .setting_from(&setting, variable)
            })
        }
    }
}
