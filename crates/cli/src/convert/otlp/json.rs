//! What a request of OTLP in JSON carries.

use serde::Deserialize;
use serde::de::IgnoredAny;
use spanreel::Signal;

use super::super::recording::not_an_object;

/// What a request in JSON carries.
///
/// # Errors
/// It is no request.
pub(super) fn signals(text: &[u8]) -> Result<Vec<Signal>, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Keys {
        resource_spans: Option<IgnoredAny>,
        resource_logs: Option<IgnoredAny>,
        resource_metrics: Option<IgnoredAny>,
    }
    let keys: Keys = serde_json::from_slice(text).map_err(|error| not_an_object(text, &error))?;
    let found = [
        (keys.resource_spans, Signal::Traces),
        (keys.resource_logs, Signal::Logs),
        (keys.resource_metrics, Signal::Metrics),
    ];
    let signals: Vec<Signal> = found
        .into_iter()
        .filter_map(|(key, signal)| key.map(|_| signal))
        .collect();
    if signals.is_empty() {
        return Err("no OTLP request: neither resourceSpans nor resourceLogs".to_owned());
    }
    Ok(signals)
}
