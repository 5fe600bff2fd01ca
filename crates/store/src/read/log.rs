//! A log record as it is answered.

use spanreel::view::LogView;

use crate::answer::Log;
use crate::facts::micros;
use crate::json;

pub(super) fn log(view: &LogView<'_>) -> Log {
    let number = view.severity_number();
    let nanos = match view.time_unix_nanos() {
        0 => view.observed_unix_nanos(),
        nanos => nanos,
    };
    let by_number = match number {
        1..=4 => "TRACE",
        5..=8 => "DEBUG",
        9..=12 => "INFO",
        13..=16 => "WARN",
        17..=20 => "ERROR",
        21..=24 => "FATAL",
        _ => "",
    };
    let severity = Some(view.severity_text()).filter(|text| !text.is_empty());
    Log {
        time_us: micros(nanos),
        severity: severity.unwrap_or(by_number).to_owned(),
        severity_number: number,
        body: view
            .body()
            .map_or(serde_json::Value::Null, |body| json::value(&body)),
        event_name: Some(view.event_name().to_owned()).filter(|name| !name.is_empty()),
        span_id: view.span_id().map(|id| id.to_string()),
        attributes: json::attributes(view.attributes()),
    }
}
