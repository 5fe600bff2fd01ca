//! Random log records against a model in plain Rust.

use opentelemetry_proto::tonic::logs::v1::LogRecord;
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;
use spanreel::{BatchConfig, Limits, LogBuilder, OwnedValue, Severity};

use super::cut::{Attributes, Cut, pair, text};
use super::random::{self, Pairs, at};
use super::{start, stop, tight};

#[derive(Clone, Debug)]
struct Script {
    of_span: bool,
    body: OwnedValue,
    severity: Option<usize>,
    event_names: Vec<String>,
    attributes: Pairs,
    time: Option<u64>,
}

const SEVERITIES: [(Severity, i32, &str); 6] = [
    (Severity::Trace, 1, "TRACE"),
    (Severity::Debug, 5, "DEBUG"),
    (Severity::Info, 9, "INFO"),
    (Severity::Warn, 13, "WARN"),
    (Severity::Error, 17, "ERROR"),
    (Severity::Fatal, 21, "FATAL"),
];

fn script() -> impl Strategy<Value = Script> {
    (
        any::<bool>(),
        random::value(),
        proptest::option::of(0..6_usize),
        vec(random::text(), 0..3),
        random::pairs(),
        proptest::option::of(random::time()),
    )
        .prop_map(
            |(of_span, body, severity, event_names, attributes, time)| Script {
                of_span,
                body,
                severity,
                event_names,
                attributes,
                time,
            },
        )
}

impl Script {
    fn emit(&self, mut log: LogBuilder<'_>) {
        if let Some(severity) = self.severity {
            log = log.severity(SEVERITIES[severity].0);
        }
        for name in &self.event_names {
            log = log.event_name(name);
        }
        for (key, value) in &self.attributes {
            log = value.with_value(|value| log.attribute(key, value));
        }
        if let Some(time) = self.time {
            log = log.at(at(time));
        }
        log.emit();
    }

    /// What must come of it. What the clock decides is taken from `exported`.
    fn expected(&self, limits: &Limits, exported: &LogRecord) -> LogRecord {
        let hard = Cut {
            characters: None,
            bytes: limits.value_hard_limit,
        };
        let values = Cut {
            characters: limits.log_attribute_value_length,
            ..hard
        };
        let count = limits.log_attribute_count;
        let mut attributes = Attributes::new(count, limits.name_length, values);
        for (key, value) in &self.attributes {
            attributes.set(key, value);
        }
        let body = LogRecord {
            body: Some(hard.value(&self.body)),
            ..LogRecord::default()
        };
        let is_structure = matches!(self.body, OwnedValue::Array(_) | OwnedValue::Map(_));
        let is_too_large = is_structure && body.encoded_len() > limits.value_hard_limit;
        let names = Cut {
            characters: None,
            bytes: limits.name_length,
        };
        let (_, severity_number, severity_text) = SEVERITIES[self.severity.unwrap_or(2)];
        attributes.kept.push(pair("session.id", text("conv-1")));
        LogRecord {
            time_unix_nano: self.time.unwrap_or(exported.observed_time_unix_nano),
            observed_time_unix_nano: exported.observed_time_unix_nano,
            severity_number,
            severity_text: severity_text.to_owned(),
            body: body.body.filter(|_| !is_too_large),
            attributes: attributes.kept,
            dropped_attributes_count: attributes.dropped + u32::from(is_too_large),
            flags: 1,
            trace_id: exported.trace_id.clone(),
            span_id: exported.span_id.clone(),
            event_name: self
                .event_names
                .last()
                .map_or(String::new(), |it| names.text(it)),
        }
    }
}

fn check(limits: &Limits, scripts: &[Script]) {
    let (pipeline, requests) = start(limits, &BatchConfig::default());
    let session = pipeline.session("conv-1").expect("open");
    let span = session.child("work").start();
    for script in scripts {
        if script.of_span {
            script.emit(script.body.with_value(|body| span.log(body)));
        } else {
            script.emit(script.body.with_value(|body| session.log(body)));
        }
    }
    let (root, work) = (session.context(), span.id());
    span.end();
    session.end();
    stop(&pipeline);
    let records = requests.records();
    assert_eq!(records.len(), scripts.len());
    for (script, exported) in scripts.iter().zip(&records) {
        let of = if script.of_span { work } else { root.span_id() };
        assert_eq!(exported.trace_id, root.trace_id().to_bytes());
        assert_eq!(exported.span_id, of.to_bytes());
        let expected = script.expected(limits, exported);
        // As text, for NaN is not equal to itself.
        assert_eq!(format!("{exported:#?}"), format!("{expected:#?}"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Random log records are exported as they were recorded, field by field.
    #[test]
    fn log_records_are_exported_as_recorded(scripts in vec(script(), 1..8)) {
        check(&Limits::default(), &scripts);
    }

    /// Where limits are tight, what is kept is cut as the limits say, and the rest is counted.
    #[test]
    fn log_records_are_cut_as_the_limits_say(scripts in vec(script(), 1..8)) {
        check(&tight(), &scripts);
    }
}
