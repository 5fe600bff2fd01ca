//! What a sink does with what comes.

use std::time::Duration;

/// What a sink does with a request or a connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Manner {
    /// It takes everything.
    #[default]
    Accepts,
    /// Nobody listens.
    Refuses,
    /// It takes everything, and says so after this long.
    Slow(Duration),
    /// It takes nothing and never answers.
    Hangs,
    /// It takes everything and never answers.
    TakesAndHangs,
    /// It answers with a status of HTTP, and what `Retry-After` is to say.
    Status(u16, Option<&'static str>),
    /// It answers with a code of gRPC, and the delay of a `RetryInfo`.
    Code(i32, Option<Duration>),
    /// It takes everything and says that it refused so many.
    Partial(i64, &'static str),
    /// It refuses for good what holds the span of this number, and takes the rest.
    RefusesSpan(u64),
    /// It takes requests up to so many bytes.
    Limits(usize),
    /// It says what no protocol knows.
    Garbage,
    /// It closes each connection at once.
    Closes,
    /// It resets the connection when a request has come, and takes nothing.
    ResetsBefore,
    /// It takes the request and resets the connection instead of answering.
    ResetsAfter,
    /// It takes everything and answers yes with a page of HTML.
    Html,
    /// It takes everything and answers yes with a body that never ends.
    Endless,
}

impl Manner {
    /// Whether what was refused in this manner may have been taken all the same: then it comes again.
    #[must_use]
    pub fn may_double(&self) -> bool {
        matches!(
            self,
            Self::Slow(_) | Self::TakesAndHangs | Self::ResetsAfter | Self::Endless
        )
    }

    /// Faults that pass: whatever comes in these manners must arrive in the end.
    #[must_use]
    pub fn passing() -> Vec<Self> {
        vec![
            Self::Refuses,
            Self::Slow(Duration::from_millis(150)),
            Self::Hangs,
            Self::TakesAndHangs,
            Self::Status(429, None),
            Self::Status(502, Some("soon")),
            Self::Status(503, Some("Thu, 01 Jan 1970 00:00:00 GMT")),
            Self::Status(504, None),
            Self::Garbage,
            Self::Closes,
            Self::ResetsBefore,
            Self::ResetsAfter,
        ]
    }
}
