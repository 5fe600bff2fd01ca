//! A log record.

use serde::Serialize;
use serde_json::Value;

use super::Attribute;

/// A log record.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Log {
    /// When.
    pub time_us: i64,
    /// In the words of its source, else by its number.
    pub severity: String,
    /// By OpenTelemetry's numbers; 0 where it is not stated.
    pub severity_number: i32,
    /// What it says.
    pub body: Value,
    /// The event that it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_name: Option<String>,
    /// The span that it is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span_id: Option<String>,
    /// Its attributes.
    pub attributes: Vec<Attribute>,
}
