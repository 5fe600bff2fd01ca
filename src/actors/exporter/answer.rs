//! Reads what a server answers and says what it means for the request.
//!
//! Holds: one answer, at most [`MAX_ANSWER`]. Loses: nothing; what a server refuses is in the
//! error.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tracing::warn;

use super::{ExportError, LaneSettings};
use crate::model::otlp::response::PartialSuccess;
use crate::model::redaction::Redactor;

/// The largest answer that is read (OTLP 1.11 recommends 4 MiB). A larger one is an error that is
/// not tried again.
pub(super) const MAX_ANSWER: usize = 4 << 20;

/// The largest request that is sent, before compression (OTLP 1.11 recommends 64 MiB).
pub(super) const MAX_REQUEST: usize = 64 << 20;

/// How many bytes of a server's words are kept.
const MAX_WORDS: usize = 512;

/// The request is larger than OTLP allows; it is not sent.
#[derive(Debug, thiserror::Error)]
#[error(
    "a request of {size} bytes is over the {} that otlp allows",
    MAX_REQUEST
)]
pub(super) struct Oversized {
    pub(super) size: usize,
}

/// The answer could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// It is larger than allowed.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge { limit: usize },
    /// The connection broke.
    #[error("the connection was lost before the end of the answer")]
    Lost(#[source] hyper::Error),
}

/// Reads a body, and its trailers if it has any.
pub(super) async fn read(
    mut body: Incoming,
    limit: usize,
) -> Result<(Bytes, HeaderMap), ReadError> {
    let too_large = ReadError::TooLarge { limit };
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large);
    }
    let mut whole = BytesMut::new();
    let mut trailers = HeaderMap::new();
    while let Some(frame) = body.frame().await {
        match frame.map_err(ReadError::Lost)?.into_data() {
            Ok(data) if whole.len() + data.len() > limit => return Err(too_large),
            Ok(data) => whole.extend_from_slice(&data),
            Err(frame) => trailers.extend(frame.into_trailers().unwrap_or_default()),
        }
    }
    Ok((whole.freeze(), trailers))
}

/// A server's words, short enough and plain enough for a report.
pub(super) fn words(text: &str) -> String {
    let mut text = text.trim();
    if text.len() > MAX_WORDS {
        let end = (0..=MAX_WORDS).rfind(|&end| text.is_char_boundary(end));
        text = &text[..end.unwrap_or(0)];
    }
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(printable).collect()
}

/// Judges answers that say yes. Warns of what is odd about them, once a minute at most.
#[derive(Debug)]
pub(super) struct Judge {
    exporter: String,
    redactor: Option<Arc<Redactor>>,
    unreadable: Rarely,
    remark: Rarely,
}

impl Judge {
    pub(super) fn new(settings: &LaneSettings) -> Self {
        Self {
            exporter: settings.name.clone(),
            redactor: settings.redactor.clone(),
            unreadable: Rarely::default(),
            remark: Rarely::default(),
        }
    }

    /// What an answer that says yes means for a request of `sent` items: delivered, or delivered
    /// but for some. One that cannot be read was still a yes.
    pub(super) fn delivered(
        &self,
        answer: Result<PartialSuccess, Box<dyn Error + Send + Sync>>,
        sent: u64,
    ) -> Result<(), ExportError> {
        let exporter = self.exporter.as_str();
        let partial = match answer {
            Ok(partial) => partial,
            Err(error) => {
                if let Some(unsaid) = self.unreadable.say() {
                    let error: &dyn Error = &*error;
                    warn!(target: "spanreel", exporter, error, unsaid,
                        "the destination took a request but its answer cannot be read; check that \
                         the address is an OTLP server's");
                }
                return Ok(());
            }
        };
        let message = words(&partial.message);
        let rejected = u64::try_from(partial.rejected).unwrap_or(0).min(sent);
        if rejected > 0 {
            return Err(ExportError::Partial { rejected, message });
        }
        if !message.is_empty()
            && let Some(unsaid) = self.remark.say()
        {
            let message = match &self.redactor {
                Some(redactor) => redactor.shown("server.answer", &message).into_owned(),
                None => message,
            };
            warn!(target: "spanreel", exporter, message, unsaid, "the destination has a warning");
        }
        Ok(())
    }
}

/// Lets something be said at once, then at most once a minute.
#[derive(Debug, Default)]
struct Rarely(Mutex<Said>);

#[derive(Debug, Default)]
struct Said {
    last: Option<Instant>,
    unsaid: u64,
}

impl Rarely {
    const PAUSE: Duration = Duration::from_secs(60);

    /// How often it was not said since the last time, if it may be said now.
    fn say(&self) -> Option<u64> {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if said.last.is_some_and(|last| last.elapsed() < Self::PAUSE) {
            said.unsaid += 1;
            return None;
        }
        said.last = Some(Instant::now());
        Some(std::mem::take(&mut said.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::otlp::cursor::WireError;

    fn judge(rejected: i64, message: &str, sent: u64) -> Result<(), ExportError> {
        let partial = PartialSuccess {
            rejected,
            message: message.to_owned(),
        };
        Judge::new(&LaneSettings::of("test")).delivered(Ok(partial), sent)
    }

    /// A count of refused items is kept within what was sent; none and less than none are none.
    #[test]
    fn refused_items_are_between_none_and_all() {
        for (claimed, counted) in [(1, 1), (5, 5), (6, 5), (i64::MAX, 5)] {
            let error = judge(claimed, "why", 5).unwrap_err();
            assert!(
                matches!(&error, ExportError::Partial { rejected, message }
                    if *rejected == counted && message == "why"),
                "{error}"
            );
        }
        for claimed in [0, -1, i64::MIN] {
            judge(claimed, "", 5).unwrap();
            judge(claimed, "a warning", 5).unwrap();
        }
    }

    /// A yes that cannot be read is a yes.
    #[test]
    fn an_unreadable_yes_is_a_yes() {
        Judge::new(&LaneSettings::of("test"))
            .delivered(Err(WireError::BadTag { at: 0 }.into()), 5)
            .unwrap();
    }

    /// What repeats is said once a minute, and how often it was not said is counted.
    #[test]
    fn what_repeats_is_said_rarely() {
        let rarely = Rarely::default();
        assert_eq!(rarely.say(), Some(0));
        assert_eq!(rarely.say(), None);
        assert_eq!(rarely.say(), None);
        let minute_ago = Instant::now().checked_sub(Rarely::PAUSE);
        rarely.0.lock().unwrap().last = minute_ago;
        assert_eq!(rarely.say(), Some(2));
        assert_eq!(rarely.say(), None);
    }

    /// A server's words are cut at a character and hold no control characters.
    #[test]
    fn words_are_short_and_plain() {
        assert_eq!(words(" a\nb\x1b[31m "), "a b [31m");
        let long = "\u{fc}".repeat(MAX_WORDS) + "x";
        assert_eq!(words(&long), "\u{fc}".repeat(MAX_WORDS / 2));
        let odd = format!("x{long}");
        assert_eq!(words(&odd).len(), MAX_WORDS - 1);
    }
}
