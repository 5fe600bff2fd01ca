//! Log records as drafts.

use super::{Draft, most_attributes};
use crate::model::attribute::Value;
use crate::model::id::SpanId;
use crate::model::limits::Limits;
use crate::model::otlp::fields as f;

impl Draft {
    /// Begins a log record.
    pub(crate) fn begin_log(&mut self, limits: &Limits) {
        self.begin(
            f::log::ATTRIBUTES,
            most_attributes(limits.log_attribute_count),
            limits.log_text(),
            limits,
        );
    }

    pub(crate) fn event_name(&mut self, name: &str, limits: &Limits) {
        self.out
            .bytes(f::log::EVENT_NAME, limits.name_text().cut(name).as_bytes());
    }

    /// Sets the body. An array or a map that is larger than any one value may be is left out.
    pub(crate) fn body(&mut self, body: Value<'_>, limits: &Limits) {
        let before = self.out.len();
        let text = self.text.without_length();
        self.out.any_value(f::log::BODY, body, text);
        let is_structure = matches!(body, Value::Array(_) | Value::Map(_));
        if is_structure && self.out.len() - before > limits.value_hard_limit {
            self.take_back(before);
        }
    }

    pub(crate) fn severity(&mut self, number: u8, text: &str) {
        self.out.uint(f::log::SEVERITY_NUMBER, number.into());
        self.out.bytes(f::log::SEVERITY_TEXT, text.as_bytes());
    }

    /// Ends the log record.
    pub(crate) fn end_log(&mut self, time_ns: u64, observed_ns: u64, span: Option<SpanId>) {
        self.out.fixed64(f::log::TIME_UNIX_NANO, time_ns);
        self.out
            .fixed64(f::log::OBSERVED_TIME_UNIX_NANO, observed_ns);
        if let Some(span) = span {
            self.out.bytes(f::log::SPAN_ID, &span.to_bytes());
        }
        if self.dropped.attributes > 0 {
            self.out.uint(
                f::log::DROPPED_ATTRIBUTES_COUNT,
                self.dropped.attributes.into(),
            );
        }
    }
}
