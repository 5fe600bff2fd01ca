//! The unpacked body of a request: protobuf is scanned as it comes, JSON is read at the end.
//!
//! Holds: nothing of a protobuf body; all of a JSON body, at most [`MAX_BODY_BYTES`]. Waits:
//! nowhere. Loses: nothing.

use std::io;

use serde::Deserialize;
use serde::de::IgnoredAny;
use spanreel::Signal;

use super::MAX_BODY_BYTES;
use super::refusal::Refusal;
use super::scan::Scanner;

/// How the items of a body are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Protobuf,
    Json(Signal),
}

/// Counts the items of an unpacked body.
#[derive(Debug)]
pub(crate) struct Content {
    form: Form,
    /// How many bytes came so far.
    size: usize,
    /// Why the last bytes were refused; [`io::Write`] has no room for it.
    refusal: Option<Refusal>,
}

#[derive(Debug)]
enum Form {
    Protobuf(Scanner),
    Json { signal: Signal, text: Vec<u8> },
}

impl Content {
    pub(crate) fn new(format: Format) -> Self {
        let form = match format {
            Format::Protobuf => Form::Protobuf(Scanner::new()),
            Format::Json(signal) => Form::Json {
                signal,
                text: Vec::new(),
            },
        };
        Self {
            form,
            size: 0,
            refusal: None,
        }
    }

    /// Takes in the next bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.size += bytes.len();
        if self.size > MAX_BODY_BYTES {
            return Err(Refusal::TooLarge);
        }
        match &mut self.form {
            Form::Protobuf(scanner) => scanner.push(bytes).map_err(|_| Refusal::Malformed)?,
            Form::Json { text, .. } => text.extend_from_slice(bytes),
        }
        Ok(())
    }

    /// Ends the body and gives the number of its items.
    pub(crate) fn finish(self) -> Result<u64, Refusal> {
        match self.form {
            Form::Protobuf(scanner) => scanner.finish().map_err(|_| Refusal::Malformed),
            Form::Json { signal, text } => {
                count_json(signal, &text).map_err(|_| Refusal::Malformed)
            }
        }
    }

    /// Why a write failed. A failure that is not from here was the decompressor's.
    pub(crate) fn refusal(&self) -> Refusal {
        self.refusal.unwrap_or(Refusal::Malformed)
    }
}

/// So that a decompressor can write into it.
impl io::Write for Content {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes).map_err(|refusal| {
            self.refusal = Some(refusal);
            io::Error::other(refusal)
        })?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Counts the items of an OTLP/JSON request. A missing list and `null` are empty lists, as
/// protobuf's JSON mapping has it.
fn count_json(signal: Signal, text: &[u8]) -> serde_json::Result<u64> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Request {
        resource_spans: Option<Vec<Resource>>,
        resource_logs: Option<Vec<Resource>>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Resource {
        scope_spans: Option<Vec<Scope>>,
        scope_logs: Option<Vec<Scope>>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Scope {
        spans: Option<Vec<IgnoredAny>>,
        log_records: Option<Vec<IgnoredAny>>,
    }

    let request: Request = serde_json::from_slice(text)?;
    let logs = signal == Signal::Logs;
    let resources = if logs {
        request.resource_logs
    } else {
        request.resource_spans
    };
    let mut items = 0;
    for resource in resources.unwrap_or_default() {
        let scopes = if logs {
            resource.scope_logs
        } else {
            resource.scope_spans
        };
        for scope in scopes.unwrap_or_default() {
            let list = if logs { scope.log_records } else { scope.spans };
            items += list.map_or(0, |list| list.len() as u64);
        }
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only the items of the signal of the path count; a missing list and `null` hold none.
    #[test]
    fn json_is_counted_by_signal_and_null_is_an_empty_list() {
        let text = br#"{"resourceSpans": [
            {"scopeSpans": [{"spans": [{"name": "a", "x": [1]}, {}]}, {"spans": null}, {}]},
            {"scopeSpans": null, "resource": {}}
        ], "resourceLogs": [{"scopeLogs": [{"logRecords": [{}]}]}], "unknown": 1}"#;
        assert_eq!(count_json(Signal::Traces, text).unwrap(), 2);
        assert_eq!(count_json(Signal::Logs, text).unwrap(), 1);
        assert_eq!(count_json(Signal::Logs, b"{}").unwrap(), 0);
        for wrong in [&b""[..], b"[]x", b"{", br#"{"resourceSpans": 1}"#] {
            assert!(count_json(Signal::Traces, wrong).is_err());
        }
    }
}
