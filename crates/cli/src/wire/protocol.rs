//! Which protocol a request is in, and which signal it brings.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use spanreel::Signal;

/// How a client speaks OTLP: by the content type of its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wire {
    /// OTLP/gRPC: `application/grpc` or `application/grpc+proto`.
    Grpc,
    /// OTLP/HTTP with protobuf: `application/x-protobuf`.
    HttpProtobuf,
    /// OTLP/HTTP with JSON: `application/json`.
    HttpJson,
}

impl Wire {
    /// All protocols, in the order of their discriminants.
    pub const ALL: [Self; 3] = [Self::Grpc, Self::HttpProtobuf, Self::HttpJson];

    /// The name as in `OTEL_EXPORTER_OTLP_PROTOCOL`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::HttpProtobuf => "http/protobuf",
            Self::HttpJson => "http/json",
        }
    }

    /// Reads the content type of a request; parameters such as a charset do not matter.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
        let essence = value.split(';').next()?.trim();
        let is = |name: &str| essence.eq_ignore_ascii_case(name);
        if is("application/grpc") || is("application/grpc+proto") {
            return Some(Self::Grpc);
        }
        if is("application/x-protobuf") {
            return Some(Self::HttpProtobuf);
        }
        is("application/json").then_some(Self::HttpJson)
    }

    pub(crate) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Grpc => "application/grpc",
            Self::HttpProtobuf => "application/x-protobuf",
            Self::HttpJson => "application/json",
        })
    }

    /// Where a signal is sent to: behind the path of the address with HTTP.
    pub(crate) fn path(self, signal: Signal) -> &'static str {
        let paths = match self {
            Self::Grpc => &GRPC_PATHS,
            Self::HttpProtobuf | Self::HttpJson => &HTTP_PATHS,
        };
        let mut found = paths.iter().filter(|(_, known)| *known == signal);
        found.next().expect("every signal has a path").0
    }

    /// Which signal is received at a path (OTLP 1.11; the services of `collector/*/v1/*.proto`).
    pub(crate) fn signal_at(self, path: &str) -> Option<Signal> {
        let (_, signal) = match self {
            Self::Grpc => GRPC_PATHS.iter().find(|(known, _)| *known == path)?,
            Self::HttpProtobuf | Self::HttpJson => {
                HTTP_PATHS.iter().find(|(known, _)| *known == path)?
            }
        };
        Some(*signal)
    }
}

const GRPC_PATHS: [(&str, Signal); 3] = [
    (
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Traces,
    ),
    (
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        Signal::Logs,
    ),
    (
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        Signal::Metrics,
    ),
];

const HTTP_PATHS: [(&str, Signal); 3] = [
    ("/v1/traces", Signal::Traces),
    ("/v1/logs", Signal::Logs),
    ("/v1/metrics", Signal::Metrics),
];
