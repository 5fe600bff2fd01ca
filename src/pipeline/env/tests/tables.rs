//! Every variable with a value that can be used, how that shows, and a value that cannot be used.

use std::path::Path;
use std::time::Duration;

use crate::model::byte_size::ByteSize;
use crate::model::compression::Compression;
use crate::model::content::Content;
use crate::model::propagation::propagators::{Propagator, Propagators};
use crate::model::sampling::Sampling;
use crate::pipeline::config::Config;
use crate::pipeline::env::otlp::{OtlpEndpoint, OtlpProtocol};
use crate::pipeline::env::reader::NO_LIMIT;
use crate::pipeline::env::{Environment, ExporterName, OtlpEnvironment};

/// The default configuration with one change.
fn default_but(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default();
    change(&mut config);
    config
}

pub(super) type Seen = fn(&Environment) -> bool;

/// A variable; a value that can be used; how that shows; a value that cannot be used, if there is
/// one.
pub(super) type Row = (&'static str, &'static str, Seen, Option<&'static str>);

fn ms(milliseconds: u64) -> Option<Duration> {
    Some(Duration::from_millis(milliseconds))
}

pub(super) fn config(environment: &Environment) -> Config {
    Config::from_environment(environment)
}

pub(super) fn is_endpoint(otlp: &OtlpEnvironment, url: &str, is_base: bool) -> bool {
    otlp.endpoint
        == Some(OtlpEndpoint {
            url: url.to_owned(),
            is_base,
        })
}

pub(super) const GENERAL: &[Row] = &[
    (
        "OTEL_SDK_DISABLED",
        "TRUE",
        |e| config(e).disabled,
        Some("1"),
    ),
    (
        "OTEL_SERVICE_NAME",
        "mine",
        |e| e.service_name.as_deref() == Some("mine"),
        None,
    ),
    (
        "OTEL_RESOURCE_ATTRIBUTES",
        "team=blue%2Cgreen, deployment.environment.name = dev",
        |e| {
            let team = ("team".to_owned(), "blue,green".to_owned());
            let stage = ("deployment.environment.name".to_owned(), "dev".to_owned());
            e.resource_attributes == [team, stage]
        },
        Some("a=b,c"),
    ),
    (
        "OTEL_TRACES_SAMPLER",
        "Always_Off",
        |e| config(e).sampling == Sampling::always_off(),
        Some("sometimes"),
    ),
    (
        "OTEL_PROPAGATORS",
        "B3multi, xray,b3multi",
        |e| {
            let chosen = [Propagator::B3Multi, Propagator::XRay];
            config(e) == default_but(|c| c.propagators = Propagators::new(chosen))
        },
        Some("w3c"),
    ),
    (
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
        "span_and_event",
        |e| e.content == Some(Content::Both),
        Some("yes"),
    ),
    (
        "OTEL_SEMCONV_STABILITY_OPT_IN",
        "http/dup, GEN_AI_latest_experimental",
        |e| e.latest_genai,
        Some("gen_ai/dup"),
    ),
    (
        "OTEL_TRACES_EXPORTER",
        "zipkin, CONSOLE ,otlp/stdout,otlp,console",
        |e| {
            use ExporterName::{Console, Otlp, OtlpStdout, Zipkin};
            e.traces_exporters.as_deref() == Some(&[Zipkin, Console, OtlpStdout, Otlp])
        },
        Some("prometheus"),
    ),
    (
        "OTEL_LOGS_EXPORTER",
        "none",
        |e| e.logs_exporters.as_deref() == Some(&[]),
        Some("zipkin"),
    ),
    (
        "OTEL_METRICS_EXPORTER",
        "none",
        |e| e.metrics_exporters.as_deref() == Some(&[]),
        Some("console"),
    ),
    (
        "OTEL_EXPORTER_ZIPKIN_ENDPOINT",
        "http://zipkin:9411/api/v2/spans",
        |e| e.zipkin.endpoint.as_deref() == Some("http://zipkin:9411/api/v2/spans"),
        None,
    ),
    (
        "OTEL_EXPORTER_ZIPKIN_TIMEOUT",
        "7",
        |e| e.zipkin.timeout == ms(7),
        Some("7s"),
    ),
];

pub(super) const BATCHES: &[Row] = &[
    (
        "OTEL_BSP_SCHEDULE_DELAY",
        "7",
        |e| config(e) == default_but(|c| c.batch.schedule_delay = Duration::from_millis(7)),
        Some("-1"),
    ),
    (
        "OTEL_BSP_EXPORT_TIMEOUT",
        "7",
        |e| config(e) == default_but(|c| c.batch.export_timeout = Duration::from_millis(7)),
        Some("soon"),
    ),
    (
        "OTEL_BSP_MAX_QUEUE_SIZE",
        "1048576",
        |e| config(e) == default_but(|c| c.budget = ByteSize::mib(512)),
        Some("0"),
    ),
    (
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
        "7",
        |e| config(e) == default_but(|c| c.batch.max_export_batch_size = 7),
        Some("0"),
    ),
    (
        "OTEL_BLRP_SCHEDULE_DELAY",
        "0",
        |e| config(e) == default_but(|c| c.log_batch.schedule_delay = Duration::ZERO),
        Some("1.5"),
    ),
    (
        "OTEL_BLRP_EXPORT_TIMEOUT",
        "0",
        |e| config(e) == default_but(|c| c.log_batch.export_timeout = NO_LIMIT),
        Some("-1"),
    ),
    (
        "OTEL_BLRP_MAX_QUEUE_SIZE",
        "65536",
        |e| config(e) == default_but(|c| c.budget = ByteSize::mib(32)),
        Some("18446744073709551616"),
    ),
    (
        "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE",
        "7",
        |e| config(e) == default_but(|c| c.log_batch.max_export_batch_size = 7),
        Some("many"),
    ),
];

pub(super) const LIMITS: &[Row] = &[
    (
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        "7",
        |e| {
            config(e)
                == default_but(|c| {
                    c.limits.attribute_value_length = Some(7);
                    c.limits.log_attribute_value_length = Some(7);
                })
        },
        Some("-1"),
    ),
    (
        "OTEL_ATTRIBUTE_COUNT_LIMIT",
        "7",
        |e| {
            config(e)
                == default_but(|c| {
                    c.limits.attribute_count = 7;
                    c.limits.event_attribute_count = 7;
                    c.limits.link_attribute_count = 7;
                    c.limits.log_attribute_count = 7;
                })
        },
        Some("all"),
    ),
    (
        "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        "7",
        |e| config(e) == default_but(|c| c.limits.attribute_value_length = Some(7)),
        Some("none"),
    ),
    (
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
        "0",
        |e| config(e) == default_but(|c| c.limits.attribute_count = 0),
        Some("-1"),
    ),
    (
        "OTEL_SPAN_EVENT_COUNT_LIMIT",
        "7",
        |e| config(e) == default_but(|c| c.limits.event_count = 7),
        Some("-1"),
    ),
    (
        "OTEL_SPAN_LINK_COUNT_LIMIT",
        "7",
        |e| config(e) == default_but(|c| c.limits.link_count = 7),
        Some("-1"),
    ),
    (
        "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
        "7",
        |e| config(e) == default_but(|c| c.limits.event_attribute_count = 7),
        Some("-1"),
    ),
    (
        "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
        "7",
        |e| config(e) == default_but(|c| c.limits.link_attribute_count = 7),
        Some("-1"),
    ),
    (
        "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        "7",
        |e| config(e) == default_but(|c| c.limits.log_attribute_value_length = Some(7)),
        Some("-1"),
    ),
    (
        "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT",
        "7",
        |e| config(e) == default_but(|c| c.limits.log_attribute_count = 7),
        Some("-1"),
    ),
];

/// A setting of OTLP; a value that can be used; how that shows in the settings of a signal, given
/// whether it was set for all; a value that cannot be used, if there is one.
pub(super) type OtlpRow = (
    &'static str,
    &'static str,
    fn(&OtlpEnvironment, bool) -> bool,
    Option<&'static str>,
);

pub(super) const OTLP: &[OtlpRow] = &[
    (
        "ENDPOINT",
        "http://c:4318",
        |o, base| is_endpoint(o, "http://c:4318", base),
        None,
    ),
    (
        "PROTOCOL",
        "HTTP/json",
        |o, _| o.protocol == Some(OtlpProtocol::HttpJson),
        Some("http"),
    ),
    (
        "HEADERS",
        "x-tenant=blue, authorization = Basic%20YTpi=",
        |o, _| {
            let tenant = ("x-tenant".to_owned(), "blue".to_owned());
            let authorization = ("authorization".to_owned(), "Basic YTpi=".to_owned());
            o.headers == [tenant, authorization]
        },
        Some("x-tenant"),
    ),
    (
        "COMPRESSION",
        "gzip",
        |o, _| o.compression == Some(Compression::Gzip),
        Some("brotli"),
    ),
    ("TIMEOUT", "7", |o, _| o.timeout == ms(7), Some("7s")),
    (
        "CERTIFICATE",
        "/ca.pem",
        |o, _| o.certificate.as_deref() == Some(Path::new("/ca.pem")),
        None,
    ),
    (
        "CLIENT_KEY",
        "/key.pem",
        |o, _| o.client_key.as_deref() == Some(Path::new("/key.pem")),
        None,
    ),
    (
        "CLIENT_CERTIFICATE",
        "/cert.pem",
        |o, _| o.client_certificate.as_deref() == Some(Path::new("/cert.pem")),
        None,
    ),
    (
        "INSECURE",
        "True",
        |o, _| o.insecure == Some(true),
        Some("yes"),
    ),
];
