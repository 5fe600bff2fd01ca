//! Reads OTLP from files, request by request: in JSON, a request per line or in documents over many
//! lines, and in protobuf, one request alone or many with their lengths before them.
//!
//! Requests come out as protobuf, as they came in: ids, times and unknown attributes as recorded. Only
//! [`Rewrite`] changes them.
//!
//! Holds: one line, message or document, and what it became. Waits: for the input. Loses: what cannot
//! be read, and metrics, which belong to no session; each is reported with its place.

mod adopt;
mod agentops;
mod current;
pub(super) mod framing;
mod gathered;
mod json;
mod messages;
mod rewrite;
mod signal;
mod values;

use std::collections::VecDeque;
use std::io::BufRead;

use bytes::Bytes;
use spanreel::Signal;

pub use gathered::{Gathered, OtlpSession};
pub use rewrite::Rewrite;

use super::format::Format;
use super::report::{Report, Skipped};
use super::texts::Texts;
use super::{ConvertError, Options};
use framing::Framing;

/// Requests are cut between resources so that they have at most so many bytes, as far as that goes.
const PIECE_BYTES: usize = 8 << 20;

/// An OTLP request from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpRequest {
    /// What it carries: spans or log records.
    pub signal: Signal,
    /// `ExportTraceServiceRequest` or `ExportLogsServiceRequest`, as protobuf.
    pub bytes: Bytes,
}

/// The requests in a file.
#[derive(Debug)]
pub struct Requests<R> {
    input: Input<R>,
    options: Options,
    report: Report,
    /// What was read and not yet taken.
    ready: VecDeque<OtlpRequest>,
}

#[derive(Debug)]
enum Input<R> {
    Json(Texts<R>),
    Proto(messages::Messages<R>),
}

impl<R: BufRead> Requests<R> {
    /// Reads `input`, whose first bytes are `begin`, in this format.
    pub(super) fn new(input: R, format: Format, begin: &[u8], options: &Options) -> Self {
        let most = options.max_line_bytes;
        let input = match format {
            Format::OtlpProto => {
                let framing = Framing::of(begin).unwrap_or(Framing::Bare);
                Input::Proto(messages::Messages::new(input, framing, most))
            }
            _ => Input::Json(Texts::new(input, most)),
        };
        Self {
            input,
            options: options.clone(),
            report: Report {
                format,
                ..Report::default()
            },
            ready: VecDeque::new(),
        }
    }

    /// The next request that can be used; `None` at the end of the input.
    ///
    /// # Errors
    /// The input fails; or something cannot be used and [`Options::strict`] is set.
    pub fn next_request(&mut self) -> Result<Option<OtlpRequest>, ConvertError> {
        loop {
            if let Some(request) = self.ready.pop_front() {
                return Ok(Some(request));
            }
            let read = match &mut self.input {
                Input::Json(texts) => texts.next()?,
                Input::Proto(messages) => messages.next()?,
            };
            self.report.lines = match &self.input {
                Input::Json(texts) => texts.lines(),
                Input::Proto(messages) => messages.count(),
            };
            let Some((place, read)) = read else {
                return Ok(None);
            };
            match read {
                Ok(bytes) => self.take(place, bytes)?,
                Err(reason) => self.refuse(place, reason)?,
            }
        }
    }

    /// What has been read so far, and what was left out.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Reports the request that was read last as of no use: who it was for says why.
    ///
    /// # Errors
    /// [`Options::strict`] is set.
    pub fn reject(&mut self, reason: String) -> Result<(), ConvertError> {
        self.refuse(self.report.lines, reason)
    }

    /// The report of the whole input.
    #[must_use]
    pub fn into_report(self) -> Report {
        self.report
    }

    /// Takes in one text or message.
    fn take(&mut self, place: u64, bytes: Vec<u8>) -> Result<(), ConvertError> {
        if matches!(self.input, Input::Proto(_)) {
            return match signal::of(&bytes) {
                Ok(signal) => self.keep(place, signal, bytes.into()),
                Err(reason) => self.refuse(place, reason),
            };
        }
        let signals = match json::signals(&bytes) {
            Ok(signals) => signals,
            Err(reason) => return self.refuse(place, reason),
        };
        for signal in signals {
            match crate::receive::json::transcode_alone(signal, &bytes) {
                Ok(request) => self.keep(place, signal, request)?,
                // The line is known: it is the place that is told.
                Err(refusal) => {
                    let reason = refusal.to_string();
                    self.refuse(place, reason.replace(" at line 1 column ", " at column "))?;
                }
            }
        }
        Ok(())
    }

    fn keep(&mut self, place: u64, signal: Signal, bytes: Bytes) -> Result<(), ConvertError> {
        if signal == Signal::Metrics {
            let reason = "metrics belong to no session and are not converted";
            return self.refuse(place, reason.to_owned());
        }
        self.report.events += 1;
        let rewrite = Rewrite::of(&self.options);
        for bytes in messages::pieces(bytes, PIECE_BYTES) {
            match rewrite.apply(OtlpRequest { signal, bytes }) {
                Ok(request) => self.ready.push_back(request),
                Err(error) => self.refuse(place, error.to_string())?,
            }
        }
        Ok(())
    }

    fn refuse(&mut self, line: u64, reason: String) -> Result<(), ConvertError> {
        if self.options.strict {
            return Err(ConvertError::Malformed { line, reason });
        }
        self.report.skip(Skipped { line, reason });
        Ok(())
    }
}
