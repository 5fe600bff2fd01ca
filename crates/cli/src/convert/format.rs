//! Which format a recording has, told by its first bytes.
//!
//! Holds: nothing. Waits: never. Loses: nothing; what is like no format is left to the reader of
//! PromptKit's recordings, which says line by line what is wrong.

mod keys;

use std::fmt;

use serde::{Serialize, Serializer};

use super::otlp::framing;
use keys::Keys;

/// A format of recordings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Event stores and session recordings of PromptKit, as JSON lines or one JSON document.
    #[default]
    PromptKit,
    /// Events of AgentOps before it used OpenTelemetry: JSON lines, a list, or a document with a list.
    AgentOps,
    /// OTLP in JSON: a request per line, or documents over many lines.
    OtlpJson,
    /// OTLP in protobuf: one request, or many with their lengths before them.
    OtlpProto,
}

impl Format {
    /// How many of the first bytes are looked at.
    pub const BEGIN_BYTES: usize = 16 * 1024;

    /// The format that something with these first bytes has, of which more may follow.
    #[must_use]
    pub fn of(begin: &[u8]) -> Self {
        if framing::Framing::of(begin).is_some() {
            return Self::OtlpProto;
        }
        Keys::new(begin)
            .find_map(|(depth, key)| Self::by_key(depth, key))
            .unwrap_or_default()
    }

    /// The format that a key of a JSON object tells, at a depth counted in objects from 1.
    fn by_key(depth: usize, key: &[u8]) -> Option<Self> {
        match (depth, key) {
            (1, b"resourceSpans" | b"resourceLogs" | b"resourceMetrics") => Some(Self::OtlpJson),
            (1 | 2, b"event_type" | b"init_timestamp" | b"end_state" | b"trigger_event_id") => {
                Some(Self::AgentOps)
            }
            (1, b"seq" | b"event" | b"metadata" | b"type" | b"parent_id") => Some(Self::PromptKit),
            _ => None,
        }
    }

    /// The name on the command line and in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PromptKit => "promptkit",
            Self::AgentOps => "agentops",
            Self::OtlpJson => "otlp-json",
            Self::OtlpProto => "otlp-proto",
        }
    }

    /// The service that recorded, where the recording does not name one itself.
    #[must_use]
    pub const fn service(self) -> &'static str {
        match self {
            Self::AgentOps => "agentops",
            Self::PromptKit | Self::OtlpJson | Self::OtlpProto => "promptkit",
        }
    }

    /// What its parts are counted in, where something is wrong with one: lines or messages.
    #[must_use]
    pub const fn place(self) -> &'static str {
        match self {
            Self::OtlpProto => "message",
            Self::PromptKit | Self::AgentOps | Self::OtlpJson => "line",
        }
    }

    /// What it consists of: events or requests.
    #[must_use]
    pub const fn event(self) -> &'static str {
        match self {
            Self::PromptKit | Self::AgentOps => "event",
            Self::OtlpJson | Self::OtlpProto => "request",
        }
    }
}

impl Serialize for Format {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each format is told by its first bytes, also where the first line is torn.
    #[test]
    fn formats_are_told_by_their_first_bytes() {
        for (begin, format) in [
            (&br#"{"resourceSpans":[{"resource":{"#[..], Format::OtlpJson),
            (b"{\n  \"resourceLogs\": [\n", Format::OtlpJson),
            (b"\xef\xbb\xbf\n {\"resourceMetrics\":[]}", Format::OtlpJson),
            (b"eSpans\":[]}]}\n{\"resourceSpans\":[]}", Format::OtlpJson),
            (
                br#"{"params":{"type":"x"},"event_type":"llms"}"#,
                Format::AgentOps,
            ),
            (
                br#"{"events": [{"id": 1, "event_type": "tools"}]}"#,
                Format::AgentOps,
            ),
            (br#"[{"id":"a","init_timestamp":"2024"}]"#, Format::AgentOps),
            (
                br#"{"session":{"session_id":"s","end_state":"Success"}}"#,
                Format::AgentOps,
            ),
            (
                br#"{"seq":1,"event":{"event_type":"llms"}}"#,
                Format::PromptKit,
            ),
            (
                br#"{"metadata":{"end_state":1},"events":[]}"#,
                Format::PromptKit,
            ),
            (b"\x0a\x04\x12\x02\x12\x00", Format::OtlpProto),
            (b"\x06\x0a\x04\x12\x02\x12\x00", Format::OtlpProto),
            (b"\0\0\0\x06\x0a\x04\x12\x02\x12\x00", Format::OtlpProto),
            (b"\nDear diary,\nnothing.", Format::PromptKit),
            (b"\n\n\n\n\n\n\n\n\n\n\n\n", Format::PromptKit),
            (b"", Format::PromptKit),
        ] {
            let shown = String::from_utf8_lossy(begin);
            assert_eq!(Format::of(begin), format, "{shown}");
        }
    }
}
