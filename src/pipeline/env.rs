//! The environment: the only place that reads it, once, when a pipeline is built.
//!
//! Reading is a pure function of a lookup, so that tests pass a map. What cannot be used becomes a
//! warning and is otherwise as if it were not set; endpoints and file names are passed on as they
//! are, for the exporter to check. Rules after the OpenTelemetry specification, "Environment
//! Variable Specification" and "Common Configuration Specification"; `docs/configuration.md` is the
//! table for users.

mod conventions;
mod detect;
mod lists;
pub(crate) mod otlp;
mod propagation;
mod reader;

use std::time::Duration;

use crate::actors::batcher::config::BatchConfig;
use crate::model::content::Content;
use crate::model::limits::Limits;
use crate::model::propagation::propagators::Propagator;
use crate::model::resource::Surroundings;
use crate::model::sampling::Sampling;

use otlp::OtlpEnvironment;
use reader::Reader;

/// What the environment sets, as plain data; `None` and empty where it sets nothing.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Environment {
    /// `OTEL_SDK_DISABLED`.
    pub(crate) disabled: Option<bool>,
    /// `OTEL_SERVICE_NAME`.
    pub(crate) service_name: Option<String>,
    /// `OTEL_RESOURCE_ATTRIBUTES`, decoded.
    pub(crate) resource_attributes: Vec<(String, String)>,
    /// `OTEL_TRACES_SAMPLER` with `OTEL_TRACES_SAMPLER_ARG`.
    pub(crate) sampling: Option<Sampling>,
    /// `OTEL_PROPAGATORS`; an empty list where it says `none`.
    pub(crate) propagators: Option<Vec<Propagator>>,
    /// `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`.
    pub(crate) content: Option<Content>,
    /// Whether `OTEL_SEMCONV_STABILITY_OPT_IN` asks for the newest GenAI conventions.
    pub(crate) latest_genai: bool,
    /// `OTEL_BSP_*`.
    pub(crate) batch: BatchEnvironment,
    /// `OTEL_BLRP_*`.
    pub(crate) log_batch: BatchEnvironment,
    /// `OTEL_*_LIMIT`.
    pub(crate) limits: LimitsEnvironment,
    /// `OTEL_TRACES_EXPORTER`; an empty list where it says `none`.
    pub(crate) traces_exporters: Option<Vec<ExporterName>>,
    /// `OTEL_LOGS_EXPORTER`; an empty list where it says `none`.
    pub(crate) logs_exporters: Option<Vec<ExporterName>>,
    /// `OTEL_METRICS_EXPORTER`; an empty list where it says `none`.
    pub(crate) metrics_exporters: Option<Vec<ExporterName>>,
    /// `OTEL_EXPORTER_OTLP_TRACES_*`, else `OTEL_EXPORTER_OTLP_*`.
    pub(crate) traces_otlp: OtlpEnvironment,
    /// `OTEL_EXPORTER_OTLP_LOGS_*`, else `OTEL_EXPORTER_OTLP_*`.
    pub(crate) logs_otlp: OtlpEnvironment,
    /// `OTEL_EXPORTER_OTLP_METRICS_*`, else `OTEL_EXPORTER_OTLP_*`.
    pub(crate) metrics_otlp: OtlpEnvironment,
    /// `OTEL_EXPORTER_ZIPKIN_*`.
    pub(crate) zipkin: ZipkinEnvironment,
    /// What could not be used, one sentence each, to be logged at start. Without secrets.
    pub(crate) warnings: Vec<String>,
}

/// `OTEL_BSP_*` or `OTEL_BLRP_*`.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct BatchEnvironment {
    pub(crate) schedule_delay: Option<Duration>,
    pub(crate) export_timeout: Option<Duration>,
    /// In spans or log records.
    pub(crate) max_queue_size: Option<usize>,
    pub(crate) max_export_batch_size: Option<usize>,
}

/// `OTEL_*_LIMIT`, each already with its fallback to `OTEL_ATTRIBUTE_*_LIMIT`.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct LimitsEnvironment {
    pub(crate) attribute_value_length: Option<usize>,
    pub(crate) attribute_count: Option<usize>,
    pub(crate) event_count: Option<usize>,
    pub(crate) link_count: Option<usize>,
    pub(crate) event_attribute_count: Option<usize>,
    pub(crate) link_attribute_count: Option<usize>,
    pub(crate) log_attribute_value_length: Option<usize>,
    pub(crate) log_attribute_count: Option<usize>,
}

/// An exporter that a variable can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExporterName {
    /// OTLP as `OTEL_EXPORTER_OTLP_*` says.
    Otlp,
    /// Readable text on standard output.
    Console,
    /// Zipkin JSON over HTTP; spans only.
    Zipkin,
    /// OTLP JSON lines on standard output.
    OtlpStdout,
}

/// `OTEL_EXPORTER_ZIPKIN_*`.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct ZipkinEnvironment {
    pub(crate) endpoint: Option<String>,
    pub(crate) timeout: Option<Duration>,
}

/// What this process's environment sets.
pub(crate) fn read_process() -> Environment {
    read(&process_variable)
}

/// What the variables that `lookup` knows set.
pub(crate) fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Environment {
    let mut reader = Reader::new(lookup);
    let mut unsupported = Vec::new();
    let environment = Environment {
        disabled: reader.boolean("OTEL_SDK_DISABLED"),
        service_name: reader.text("OTEL_SERVICE_NAME"),
        resource_attributes: resource_attributes(&mut reader),
        sampling: sampling(&mut reader, &mut unsupported),
        propagators: propagation::read(&mut reader, &mut unsupported),
        content: reader.one_of(
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
            &Content::NAMES,
        ),
        latest_genai: conventions::latest_genai(&mut reader),
        batch: batch(&mut reader, "OTEL_BSP"),
        log_batch: batch(&mut reader, "OTEL_BLRP"),
        limits: limits(&mut reader),
        traces_exporters: exporters(&mut reader, "OTEL_TRACES_EXPORTER", TRACES_EXPORTERS),
        logs_exporters: exporters(&mut reader, "OTEL_LOGS_EXPORTER", LOGS_EXPORTERS),
        metrics_exporters: exporters(&mut reader, "OTEL_METRICS_EXPORTER", METRICS_EXPORTERS),
        zipkin: ZipkinEnvironment {
            endpoint: reader.text("OTEL_EXPORTER_ZIPKIN_ENDPOINT"),
            timeout: reader.timeout("OTEL_EXPORTER_ZIPKIN_TIMEOUT"),
        },
        ..Environment::default()
    };
    let [traces_otlp, logs_otlp, metrics_otlp] = otlp::read(&mut reader);
    for (name, instead) in UNSUPPORTED {
        if reader.text(name).is_some() {
            unsupported.push(format!("{name} ({instead})"));
        }
    }
    if environment.latest_genai && !cfg!(feature = "proto") {
        unsupported.push(conventions::NEEDS_PROTO.to_owned());
    }
    let mut warnings = reader.into_warnings();
    if !unsupported.is_empty() {
        warnings.push(format!(
            "not supported and ignored: {}",
            unsupported.join(", ")
        ));
    }
    Environment {
        traces_otlp,
        logs_otlp,
        metrics_otlp,
        warnings,
        ..environment
    }
}

/// Standard variables that have no effect here, and what to do instead.
const UNSUPPORTED: [(&str, &str); 3] = [
    (
        "OTEL_CONFIG_FILE",
        "the other variables apply; use them or code",
    ),
    ("OTEL_ENTITIES", "use OTEL_RESOURCE_ATTRIBUTES"),
    (
        "OTEL_LOG_LEVEL",
        "a library has no logger of its own; filter the target spanreel in the subscriber of tracing",
    ),
];

impl Environment {
    /// What a resource takes from the environment and from this machine. Reads both.
    pub(crate) fn surroundings(&self) -> Surroundings {
        Surroundings {
            service_name: self.service_name.clone(),
            attributes: self.resource_attributes.clone(),
            detected: detect::detect(&process_variable),
        }
    }
}

impl BatchEnvironment {
    /// The configuration with what is set here. The size of the queue is part of the budget, not
    /// of a batch.
    pub(crate) fn apply(&self, to: BatchConfig) -> BatchConfig {
        BatchConfig {
            schedule_delay: self.schedule_delay.unwrap_or(to.schedule_delay),
            export_timeout: self.export_timeout.unwrap_or(to.export_timeout),
            max_export_batch_size: self
                .max_export_batch_size
                .unwrap_or(to.max_export_batch_size),
            ..to
        }
    }
}

impl LimitsEnvironment {
    /// The limits with what is set here.
    pub(crate) fn apply(&self, to: Limits) -> Limits {
        Limits {
            attribute_value_length: self.attribute_value_length.or(to.attribute_value_length),
            attribute_count: self.attribute_count.unwrap_or(to.attribute_count),
            event_count: self.event_count.unwrap_or(to.event_count),
            link_count: self.link_count.unwrap_or(to.link_count),
            event_attribute_count: self
                .event_attribute_count
                .unwrap_or(to.event_attribute_count),
            link_attribute_count: self.link_attribute_count.unwrap_or(to.link_attribute_count),
            log_attribute_value_length: self
                .log_attribute_value_length
                .or(to.log_attribute_value_length),
            log_attribute_count: self.log_attribute_count.unwrap_or(to.log_attribute_count),
            ..to
        }
    }
}

/// One variable of this process; bytes that are no UTF-8 are replaced, so that a bad value shows
/// up in a warning instead of looking unset.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the place that reads the environment"
)]
fn process_variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// Discards the whole variable where a part of it is bad (OpenTelemetry "Resource SDK", section
/// "Specifying resource information via an environment variable"). The warning does not repeat the
/// value, which may name people or tenants.
fn resource_attributes(reader: &mut Reader<'_>) -> Vec<(String, String)> {
    const NAME: &str = "OTEL_RESOURCE_ATTRIBUTES";
    let mut attributes = Vec::new();
    for (position, member) in lists::members(&reader.text(NAME).unwrap_or_default()) {
        let Some(attribute) = lists::decoded_pair(member) else {
            reader.warn(format!(
                "{NAME}: ignored, member {position} is not key=value with bad characters \
                 percent-encoded"
            ));
            return Vec::new();
        };
        attributes.push(attribute);
    }
    attributes
}

/// The share of sessions is `OTEL_TRACES_SAMPLER_ARG`, 1.0 where that is unset or bad.
fn sampling(reader: &mut Reader<'_>, unsupported: &mut Vec<String>) -> Option<Sampling> {
    const NAME: &str = "OTEL_TRACES_SAMPLER";
    let value = reader.text(NAME)?;
    let parent_based = Sampling::parent_based;
    match value.to_ascii_lowercase().as_str() {
        "always_on" => Some(Sampling::always_on()),
        "always_off" => Some(Sampling::always_off()),
        "traceidratio" => Some(Sampling::ratio(ratio(reader)).ignoring_parent()),
        "parentbased_always_on" => Some(parent_based(Sampling::always_on())),
        "parentbased_always_off" => Some(parent_based(Sampling::always_off())),
        "parentbased_traceidratio" => Some(Sampling::ratio(ratio(reader))),
        known @ ("jaeger_remote" | "parentbased_jaeger_remote" | "xray") => {
            unsupported.push(format!("{NAME}={known} (parentbased_always_on is used)"));
            None
        }
        _ => {
            reader.warn_bad(
                NAME,
                &value,
                "always_on, always_off, traceidratio, parentbased_always_on, \
                 parentbased_always_off or parentbased_traceidratio",
            );
            None
        }
    }
}

fn ratio(reader: &mut Reader<'_>) -> f64 {
    const NAME: &str = "OTEL_TRACES_SAMPLER_ARG";
    let Some(value) = reader.text(NAME) else {
        return 1.0;
    };
    match value.parse() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => ratio,
        _ => {
            reader.warn_bad(NAME, &value, "a number from 0.0 to 1.0");
            1.0
        }
    }
}

fn batch(reader: &mut Reader<'_>, prefix: &str) -> BatchEnvironment {
    BatchEnvironment {
        schedule_delay: reader.duration(&format!("{prefix}_SCHEDULE_DELAY")),
        export_timeout: reader.timeout(&format!("{prefix}_EXPORT_TIMEOUT")),
        max_queue_size: reader.count(&format!("{prefix}_MAX_QUEUE_SIZE"), 1),
        max_export_batch_size: reader.count(&format!("{prefix}_MAX_EXPORT_BATCH_SIZE"), 1),
    }
}

fn limits(reader: &mut Reader<'_>) -> LimitsEnvironment {
    let length = reader.count("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", 0);
    let count = reader.count("OTEL_ATTRIBUTE_COUNT_LIMIT", 0);
    let mut limit = |name| reader.count(name, 0);
    LimitsEnvironment {
        attribute_value_length: limit("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT").or(length),
        attribute_count: limit("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT").or(count),
        event_count: limit("OTEL_SPAN_EVENT_COUNT_LIMIT"),
        link_count: limit("OTEL_SPAN_LINK_COUNT_LIMIT"),
        event_attribute_count: limit("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT").or(count),
        link_attribute_count: limit("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT").or(count),
        log_attribute_value_length: limit("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT").or(length),
        log_attribute_count: limit("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT").or(count),
    }
}

const LOGS_EXPORTERS: &[(&str, ExporterName)] = &[
    ("otlp", ExporterName::Otlp),
    ("console", ExporterName::Console),
    ("otlp/stdout", ExporterName::OtlpStdout),
];

/// Metrics pass through as they were received: OTLP alone carries them.
const METRICS_EXPORTERS: &[(&str, ExporterName)] = &[("otlp", ExporterName::Otlp)];

const TRACES_EXPORTERS: &[(&str, ExporterName)] = &[
    ("otlp", ExporterName::Otlp),
    ("console", ExporterName::Console),
    ("otlp/stdout", ExporterName::OtlpStdout),
    ("zipkin", ExporterName::Zipkin),
];

/// The exporters of a comma list, each once. Unknown ones are ignored; a list of nothing else is as
/// if it were not set. `none` counts only where it stands alone.
fn exporters(
    reader: &mut Reader<'_>,
    name: &str,
    known: &[(&str, ExporterName)],
) -> Option<Vec<ExporterName>> {
    let list = reader.text(name)?;
    if list.eq_ignore_ascii_case("none") {
        return Some(Vec::new());
    }
    let mut exporters = Vec::new();
    for (_, member) in lists::members(&list) {
        match known
            .iter()
            .find(|(word, _)| member.eq_ignore_ascii_case(word))
        {
            Some((_, exporter)) if exporters.contains(exporter) => {}
            Some((_, exporter)) => exporters.push(*exporter),
            None => {
                let words: Vec<_> = known.iter().map(|(word, _)| *word).collect();
                let expected = format!("one of {}, or none alone", words.join(", "));
                reader.warn_bad(name, member, &expected);
            }
        }
    }
    (!exporters.is_empty()).then_some(exporters)
}

#[cfg(test)]
mod tests;
