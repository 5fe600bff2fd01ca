//! Log records: whatever happens in a session without being a span.
//!
//! Messages, media, state and everything unknown can come without end, and the events of a span are
//! limited in number; so these are log records. Their attributes are the numbers and flags of the
//! payload, and those texts that name something. Texts that may be what somebody said are taken only
//! where content was asked for; inlined media is never taken.

use spanreel::Severity;

use super::draft::{Attribute, Key, set};
use super::message::said;
use super::outcome::Failure;
use super::payload::{self, Payload};

/// Fields whose text names something and says nothing.
const NAMES: [&str; 39] = [
    "role",
    "direction",
    "actor",
    "mimetype",
    "storageref",
    "checksum",
    "encoding",
    "turnid",
    "generatedfrom",
    "language",
    "provider",
    "model",
    "operation",
    "backend",
    "reference",
    "runid",
    "conversationid",
    "name",
    "id",
    "type",
    "status",
    "kind",
    "source",
    "stepid",
    "taken",
    "tasktype",
    "limit",
    "event",
    "eventname",
    "middlewarename",
    "audioeventid",
    "composition",
    "state",
    "tool",
    "toolname",
    "callid",
    "agent",
    "format",
    "reason",
];

/// Fields with bytes of media, of no use in a log record.
const MEDIA: [&str; 2] = ["inlinedata", "data"];

/// The attributes that one log record may have, as the OpenTelemetry specification limits them.
const MAX_ATTRIBUTES: usize = 128;

/// Counts that Go writes as zero where nothing was reported.
const USAGE: [&str; 5] = [
    "inputtokens",
    "outputtokens",
    "cachedtokens",
    "totalcost",
    "latencyms",
];

/// The attributes of the log record for an event.
pub(crate) fn attributes(type_name: &str, payload: &Payload<'_>, content: bool) -> Vec<Attribute> {
    let subject = type_name
        .split_once('.')
        .map_or(type_name, |(subject, _)| subject);
    let mut attributes = Vec::new();
    collect(
        &mut attributes,
        &format!("promptkit.{subject}"),
        payload,
        content,
        true,
    );
    attributes
}

fn collect(
    attributes: &mut Vec<Attribute>,
    prefix: &str,
    payload: &Payload<'_>,
    content: bool,
    nested: bool,
) {
    for (field, raw) in payload.fields() {
        if attributes.len() >= MAX_ATTRIBUTES {
            return;
        }
        let name = snake_case(field);
        let plain = name.replace('_', "");
        let json = raw.get();
        let key = || Key::from(format!("{prefix}.{name}"));
        if json.starts_with('{') && nested {
            collect(
                attributes,
                &format!("{prefix}.{name}"),
                &Payload::of(Some(raw)),
                content,
                false,
            );
        } else if json.starts_with('"') {
            let wanted =
                NAMES.contains(&plain.as_str()) || content && !MEDIA.contains(&plain.as_str());
            let text = payload::text(raw).filter(|text| wanted && !text.is_empty());
            if let Some(text) = text {
                set(attributes, key(), text);
            }
        } else if json == "true" || json == "false" {
            set(attributes, key(), json == "true");
        } else if json.starts_with(['{', '[']) {
            let wanted =
                content && !MEDIA.contains(&plain.as_str()) && !matches!(json, "{}" | "[]");
            if wanted {
                set(attributes, key(), json);
            }
        } else if let Some(integer) = payload::integer(raw).filter(|_| !json.contains('.')) {
            let reported = integer != 0 || !USAGE.contains(&plain.as_str());
            if reported {
                set(attributes, key(), integer);
            }
        } else if let Some(number) = payload::number(raw) {
            set(attributes, key(), number);
        }
    }
}

/// What an event says, for the body of its log record. Only where content was asked for.
pub(crate) fn body(payload: &Payload<'_>) -> Option<String> {
    payload
        .text_of(&["text", "systemprompt", "message", "description"])
        .or_else(|| said(payload))
}

/// How much attention an event asks for.
pub(crate) fn severity(type_name: &str) -> Severity {
    match type_name {
        "context.token_budget_exceeded" | "stream.interrupted" => Severity::Warn,
        "media.store_error" => Severity::Error,
        _ => Severity::Info,
    }
}

/// `MIMEType` as `mime_type`.
fn snake_case(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::with_capacity(name.len() + 4);
    for (at, &letter) in letters.iter().enumerate() {
        if letter.is_ascii_uppercase() && at > 0 {
            let after_lower =
                letters[at - 1].is_ascii_lowercase() || letters[at - 1].is_ascii_digit();
            let before_lower = letters.get(at + 1).is_some_and(char::is_ascii_lowercase);
            if after_lower || letters[at - 1].is_ascii_uppercase() && before_lower {
                snake.push('_');
            }
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// Marks a log record with the class of a failure that its event reports.
pub(crate) fn mark_failure(attributes: &mut Vec<Attribute>, payload: &Payload<'_>) {
    if let Some(failure) = Failure::reported(payload, "_OTHER") {
        set(attributes, "error.type", failure.class);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str, content: bool) -> Vec<(String, String)> {
        let payload: Payload<'_> = serde_json::from_str(json).expect("an object");
        attributes("audio.output", &payload, content)
            .into_iter()
            .map(|(key, value)| (key.into_owned(), format!("{value:?}")))
            .collect()
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    /// Numbers, flags and names are shown, what was said is not, and media bytes never are.
    #[test]
    fn names_and_numbers_are_shown_and_content_is_not() {
        let json = r#"{"chunk_index":0,"is_final":true,"note":"SECRET","payload":{"inline_data":"BAUF","mime_type":"audio/pcm","size":3},"metadata":{"confidence":0.5,"deep":{"x":1}}}"#;
        let expected = [
            pair("promptkit.audio.chunk_index", "Int(0)"),
            pair("promptkit.audio.is_final", "Bool(true)"),
            pair("promptkit.audio.payload.mime_type", "Str(\"audio/pcm\")"),
            pair("promptkit.audio.payload.size", "Int(3)"),
            pair("promptkit.audio.metadata.confidence", "Double(0.5)"),
        ];
        assert_eq!(of(json, false), expected);
        let with_content = of(json, true);
        assert!(with_content.contains(&pair("promptkit.audio.note", "Str(\"SECRET\")")));
        assert!(with_content.contains(&pair(
            "promptkit.audio.metadata.deep",
            "Str(\"{\\\"x\\\":1}\")"
        )));
        assert!(!format!("{with_content:?}").contains("BAUF"));
    }

    /// Go names take the form of attribute names.
    #[test]
    fn go_names_become_snake_case() {
        for (name, snake) in [
            ("MIMEType", "mime_type"),
            ("CallID", "call_id"),
            ("SizeBytes", "size_bytes"),
            ("chunk_index", "chunk_index"),
            ("RunID", "run_id"),
        ] {
            assert_eq!(snake_case(name), snake);
        }
    }
}
