//! Decides what an answer means and how long to wait: the tables of OTLP 1.11 ("Failures",
//! "OTLP/gRPC Throttling", "OTLP/HTTP Throttling") and the back-off.
//!
//! Pure: no clock, no sleep, no source of randomness of its own.

#[cfg(any(feature = "grpc", feature = "http"))]
use std::error::Error;
use std::time::Duration;

use super::ExportError;

/// The longest wait that a destination can ask for. A longer one (a broken clock, a mistaken unit)
/// counts as this much, so that a lane never sleeps for years.
#[cfg(any(feature = "grpc", feature = "http"))]
pub(crate) const LONGEST_ASKED_WAIT: Duration = Duration::from_secs(300);

/// What the pipeline may do with a request that was answered with an error.
#[cfg(any(feature = "grpc", feature = "http"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Try it again, after this long when the destination said so.
    Retryable(Option<Duration>),
    /// Never try it again.
    Permanent,
    /// The credentials are wrong.
    Denied,
    /// Cut it in two.
    TooLarge,
}

#[cfg(any(feature = "grpc", feature = "http"))]
impl Class {
    /// The error of this class.
    pub(crate) fn error(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> ExportError {
        match self {
            Self::Retryable(after) => ExportError::Retryable {
                after,
                source: source.into(),
            },
            Self::Permanent => ExportError::permanent(source),
            Self::Denied => ExportError::denied(source),
            Self::TooLarge => ExportError::too_large(source),
        }
    }
}

/// The class of a gRPC status. `asked` is the delay of its `RetryInfo`, if it has one.
#[cfg(feature = "grpc")]
pub(crate) fn grpc_class(code: tonic::Code, message: &str, asked: Option<Duration>) -> Class {
    use tonic::Code;
    let asked = asked.map(|wait| wait.min(LONGEST_ASKED_WAIT));
    match code {
        Code::ResourceExhausted if asked.is_some() => Class::Retryable(asked),
        Code::ResourceExhausted | Code::OutOfRange if speaks_of_size(message) => Class::TooLarge,
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => Class::Retryable(asked),
        Code::PermissionDenied | Code::Unauthenticated => Class::Denied,
        Code::Ok
        | Code::Unknown
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::Unimplemented
        | Code::Internal => Class::Permanent,
    }
}

/// The gRPC code of an answer that a proxy gave in HTTP's words, without a `grpc-status` (gRPC
/// "HTTP to gRPC Status Code Mapping").
#[cfg(feature = "grpc")]
pub(crate) fn grpc_code_of_http(status: http::StatusCode) -> tonic::Code {
    use tonic::Code;
    match status.as_u16() {
        400 => Code::Internal,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 | 502 | 503 | 504 => Code::Unavailable,
        _ => Code::Unknown,
    }
}

/// The class of an HTTP status. `asked` is what [`retry_after`] read. Redirects are not followed,
/// so they are permanent too.
#[cfg(feature = "http")]
pub(crate) fn http_class(status: http::StatusCode, asked: Option<Duration>) -> Class {
    match status.as_u16() {
        429 | 502 | 503 | 504 => Class::Retryable(asked),
        413 => Class::TooLarge,
        401 | 403 => Class::Denied,
        _ => Class::Permanent,
    }
}

/// Reads `Retry-After` (RFC 9110, section 10.2.3): seconds or an HTTP date. A date in the past
/// means now; what is neither means nothing; a longer wait than [`LONGEST_ASKED_WAIT`] is cut.
#[cfg(feature = "http")]
pub(crate) fn retry_after(
    value: &http::HeaderValue,
    now: std::time::SystemTime,
) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number holds are still a number of seconds: far too many.
        text.parse().map_or(Duration::MAX, Duration::from_secs)
    } else {
        let date = httpdate::parse_http_date(text).ok()?;
        date.duration_since(now).unwrap_or(Duration::ZERO)
    };
    Some(wait.min(LONGEST_ASKED_WAIT))
}

/// Whether a server's words are about the size of the message. Servers have no code of their own
/// for it: grpc-go says "received message larger than max", grpc-java "exceeds maximum size",
/// tonic "message length too large". Words about a rate or a quota are about something else, which
/// smaller requests would make worse.
#[cfg(feature = "grpc")]
fn speaks_of_size(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    let has_word = |words: &[&str]| {
        message
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| words.contains(&word))
    };
    if has_word(&["rate", "quota", "second", "sec", "minute", "hour", "day"]) {
        return false;
    }
    ["larger than", "too large", "too big"]
        .iter()
        .any(|words| message.contains(words))
        || (has_word(&["exceeds", "exceeded", "exceeding", "exceed"])
            && has_word(&["size", "length", "message", "byte", "bytes", "body"]))
}

/// The growing delay between attempts: 100 ms, doubled each time up to 30 s, of which a random
/// part between a half and the whole is waited, so that many clients do not return as one.
#[derive(Debug)]
pub(crate) struct Backoff<R> {
    /// Gives a number from 0 (included) to 1.
    random: R,
    attempt: u32,
}

impl<R: FnMut() -> f64> Backoff<R> {
    /// The delay after the first failure, before the random part.
    pub(crate) const FIRST: Duration = Duration::from_millis(100);
    /// The longest delay.
    pub(crate) const LONGEST: Duration = Duration::from_secs(30);

    /// Starts anew. `random` gives numbers from 0 (included) to 1 (excluded).
    pub(crate) fn new(random: R) -> Self {
        Self { random, attempt: 0 }
    }

    /// The delay before the next attempt.
    pub(crate) fn next(&mut self) -> Duration {
        let factor = 2_u32.saturating_pow(self.attempt);
        self.attempt = self.attempt.saturating_add(1);
        let full = Self::FIRST.saturating_mul(factor).min(Self::LONGEST);
        full.mul_f64(0.5 + 0.5 * (self.random)().clamp(0.0, 1.0))
    }
}

/// How long to wait before `error` is answered with another attempt; `None` when it is not, because
/// the error will not pass or the attempt would begin more than `retry_for` after the first one,
/// which was `elapsed` ago.
///
/// A wait that the destination asked for is kept to; one of no length does not count as one, or a
/// destination that always says "now" would be asked without a pause.
pub(crate) fn next_attempt<R: FnMut() -> f64>(
    error: &ExportError,
    backoff: &mut Backoff<R>,
    elapsed: Duration,
    retry_for: Duration,
) -> Option<Duration> {
    let ExportError::Retryable { after, .. } = error else {
        return None;
    };
    let wait = match *after {
        Some(asked) if !asked.is_zero() => asked,
        _ => backoff.next(),
    };
    (elapsed.saturating_add(wait) <= retry_for).then_some(wait)
}

#[cfg(test)]
#[path = "retry/tests.rs"]
mod tests;
