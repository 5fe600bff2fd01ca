//! `tracing` events as log records.

use spanreel::{LogBuilder, OwnedValue, Severity, Value};
use tracing::{Event, Level};

use super::fields::{self, Meaning, meaning_of};
use super::visit::{Fields, Told};
use crate::current::Current;

/// What an event says, read before anything is locked or written.
pub(crate) struct Said {
    message: Option<String>,
    error_type: Option<String>,
    error: Option<String>,
    target: Option<String>,
    attributes: Vec<(&'static str, OwnedValue)>,
}

impl Said {
    pub(crate) fn by(event: &Event<'_>, content: bool) -> Self {
        let mut said = Self {
            message: None,
            error_type: None,
            error: None,
            target: None,
            attributes: Vec::new(),
        };
        event.record(&mut Fields(|field, told: Told<'_>| {
            said.take(field, told, content);
        }));
        said
    }

    fn take(&mut self, field: &'static str, told: Told<'_>, content: bool) {
        let text = || told.text().map(str::to_owned);
        let key = match meaning_of(field) {
            Meaning::Known => {
                if field == fields::LOG_TARGET {
                    self.target = text();
                }
                return;
            }
            _ if field == fields::MESSAGE && self.message.is_none() => {
                self.message = text();
                return;
            }
            Meaning::Error => {
                self.error = text();
                fields::EXCEPTION_MESSAGE
            }
            Meaning::ErrorType => {
                self.error_type = text();
                fields::EXCEPTION_TYPE
            }
            Meaning::Content(_) if !content => return,
            Meaning::Content(key) | Meaning::List(key) | Meaning::Attribute(key) => key,
            Meaning::Object(object) => object.key(),
            Meaning::Tokens(tokens) => tokens.key(),
            Meaning::Cost => fields::COST,
            Meaning::Operation => fields::OPERATION_NAME,
            Meaning::Name | Meaning::Kind | Meaning::StatusCode | Meaning::StatusMessage => field,
        };
        self.attributes.push((key, told.value().into()));
    }

    /// What went wrong, where it says so, for the span in which it was said.
    pub(crate) fn error(&self) -> (Option<&str>, &str) {
        let message = self.message.as_deref().or(self.error.as_deref());
        (self.error_type.as_deref(), message.unwrap_or_default())
    }

    /// Writes it as a log record.
    pub(crate) fn emit(&self, place: &Current, event: &Event<'_>) {
        let metadata = event.metadata();
        let body = self.message.as_deref().map_or(Value::Empty, Value::from);
        let target = self.target.as_deref().unwrap_or(metadata.target());
        let mut log = place
            .log(body)
            .severity(severity_of(*metadata.level()))
            .attribute(fields::TARGET, target);
        // Else it is "event src/main.rs:12".
        if !metadata.name().starts_with("event ") && self.target.is_none() {
            log = log.event_name(metadata.name());
        }
        let log = self.attributes.iter().fold(log, attribute);
        log.emit();
    }
}

fn attribute<'a>(log: LogBuilder<'a>, (key, value): &(&'static str, OwnedValue)) -> LogBuilder<'a> {
    value.with_value(|value| log.attribute(key, value))
}

fn severity_of(level: Level) -> Severity {
    match level {
        Level::TRACE => Severity::Trace,
        Level::DEBUG => Severity::Debug,
        Level::INFO => Severity::Info,
        Level::WARN => Severity::Warn,
        Level::ERROR => Severity::Error,
    }
}
