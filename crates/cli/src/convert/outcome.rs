//! Whether something failed, and why, from what a recording says about it.

use super::payload::{self, Payload};

/// A recorded failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The class of the error, of few different values (`error.type`).
    pub(crate) class: String,
    /// What the recording says; empty where the text was lost when it was written.
    pub(crate) message: String,
}

impl Failure {
    /// A failure of a class, with the text that the payload has for it.
    pub(crate) fn new(payload: &Payload<'_>, class: &str) -> Self {
        let message = message(payload).unwrap_or_default();
        let told = class_in(payload).or_else(|| class_of(&message).map(str::to_owned));
        Self {
            class: told.unwrap_or_else(|| class.to_owned()),
            message,
        }
    }

    /// The failure that an event reports though its type does not: by a text, an object or true in
    /// `Error`, or by a status that means failure.
    pub(crate) fn reported(payload: &Payload<'_>, class: &str) -> Option<Self> {
        let by_status = payload.text("status").filter(|status| is_failure(status));
        if let Some(status) = by_status {
            let mut failure = Self::new(payload, class);
            if failure.message.is_empty() {
                failure.message = format!("status {status}");
            }
            return Some(failure);
        }
        let error = payload.raw("error")?.get();
        let silent = matches!(error, "\"\"" | "false" | "[]" | "0");
        (!silent).then(|| Self::new(payload, class))
    }
}

/// Whether a status means that the thing did not work.
fn is_failure(status: &str) -> bool {
    const FAILURES: [&str; 10] = [
        "failed",
        "failure",
        "error",
        "errored",
        "timeout",
        "timed_out",
        "rejected",
        "denied",
        "cancelled",
        "canceled",
    ];
    FAILURES
        .iter()
        .any(|failure| failure.eq_ignore_ascii_case(status))
}

/// The text of a failure. A Go error value serializes as `{}`, which has none.
fn message(payload: &Payload<'_>) -> Option<String> {
    let error = payload.raw("error");
    let plain = error
        .and_then(payload::text)
        .filter(|text| !text.is_empty());
    let nested = || Payload::of(error).text_of(&["message", "error", "err", "msg", "text"]);
    let other = || payload.text_of(&["errormessage", "rejectionreason"]);
    plain.or_else(nested).or_else(other)
}

/// The class that an error object names, when it is short enough to be one.
fn class_in(payload: &Payload<'_>) -> Option<String> {
    let error = Payload::of(payload.raw("error"));
    let named = error.text_of(&["type", "code", "status", "statuscode"]);
    let named = named.or_else(|| payload.text("errortype"));
    named.filter(|class| class.len() <= 64 && !class.contains(char::is_whitespace))
}

/// The class of a failure whose text is well known.
fn class_of(message: &str) -> Option<&'static str> {
    let message = message.to_ascii_lowercase();
    let has = |phrases: &[&str]| phrases.iter().any(|phrase| message.contains(phrase));
    if has(&["deadline exceeded", "timeout", "timed out"]) {
        return Some("timeout");
    }
    if has(&["context canceled", "context cancelled"]) {
        return Some("canceled");
    }
    if has(&["rate limit", "too many requests"]) {
        return Some("rate_limited");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(json: &str) -> Option<(String, String)> {
        let payload: Payload<'_> = serde_json::from_str(json).expect("an object");
        let failure = Failure::reported(&payload, "tool_error")?;
        Some((failure.class, failure.message))
    }

    fn failure(class: &str, message: &str) -> Option<(String, String)> {
        Some((class.to_owned(), message.to_owned()))
    }

    /// A completion is a failure when its error or its status says so, and only then.
    #[test]
    fn failures_hide_in_completions() {
        assert_eq!(reported(r#"{"Error":null,"Status":"success"}"#), None);
        assert_eq!(reported(r#"{"Error":"","Status":"pending"}"#), None);
        assert_eq!(reported(r#"{"Error":{}}"#), failure("tool_error", ""));
        assert_eq!(
            reported(r#"{"Status":"ERROR"}"#),
            failure("tool_error", "status ERROR")
        );
        assert_eq!(
            reported(r#"{"status":"rejected","rejection_reason":"not allowed"}"#),
            failure("tool_error", "not allowed")
        );
        assert_eq!(
            reported(r#"{"Error":"no route"}"#),
            failure("tool_error", "no route")
        );
    }

    /// Well-known texts and error objects that name their class have a class of their own.
    #[test]
    fn classes_are_told_apart() {
        assert_eq!(
            reported(r#"{"Error":"context deadline exceeded"}"#),
            failure("timeout", "context deadline exceeded")
        );
        assert_eq!(
            reported(r#"{"Error":{"type":"overloaded","message":"busy"}}"#),
            failure("overloaded", "busy")
        );
    }
}
