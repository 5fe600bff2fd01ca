//! What kind of span, how it went, how severe a log record is: OpenTelemetry's closed sets, with
//! their numbers on the wire.

/// The relation of a span to its callers and callees (OpenTelemetry trace API, "SpanKind"), with
/// the numbers of OTLP `Span.SpanKind`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum SpanKind {
    /// Not stated, or a kind that is not known here; to be taken as internal. For what is read:
    /// there is no reason to set it.
    Unspecified = 0,
    /// Work inside the process.
    #[default]
    Internal = 1,
    /// Answers a request from elsewhere.
    Server = 2,
    /// Asks something of another process: an LLM call, say.
    Client = 3,
    /// Hands work to another process without waiting for it.
    Producer = 4,
    /// Takes up work that another process handed over.
    Consumer = 5,
}

impl SpanKind {
    /// The kind of a number on the wire.
    pub(crate) fn from_number(number: i32) -> Self {
        match number {
            1 => Self::Internal,
            2 => Self::Server,
            3 => Self::Client,
            4 => Self::Producer,
            5 => Self::Consumer,
            _ => Self::Unspecified,
        }
    }
}

/// How a span went, for setting it (OpenTelemetry trace API, "Set Status"). What was set is read
/// as a [`StatusCode`] and its description.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status<'a> {
    /// Nothing was said.
    #[default]
    Unset,
    /// Explicitly fine.
    Ok,
    /// It failed, with a description for people.
    Error(&'a str),
}

impl<'a> Status<'a> {
    /// Its number on the wire, and the description that belongs to it.
    pub(crate) fn parts(self) -> (StatusCode, &'a str) {
        match self {
            Self::Unset => (StatusCode::Unset, ""),
            Self::Ok => (StatusCode::Ok, ""),
            Self::Error(description) => (StatusCode::Error, description),
        }
    }
}

/// How a span went, as it is read, with the numbers of OTLP `Status.StatusCode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum StatusCode {
    /// Not stated, or a code that is not known here.
    #[default]
    Unset = 0,
    /// Declared a success.
    Ok = 1,
    /// Failed.
    Error = 2,
}

impl StatusCode {
    /// The code of a number on the wire.
    pub(crate) fn from_number(number: i32) -> Self {
        match number {
            1 => Self::Ok,
            2 => Self::Error,
            _ => Self::Unset,
        }
    }
}

/// How severe a log record is, with OpenTelemetry's numbers (logs data model, "SeverityNumber").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Severity {
    /// Fine-grained, off by default in most systems.
    Trace = 1,
    /// For debugging.
    Debug = 5,
    /// Something happened.
    #[default]
    Info = 9,
    /// Something may be wrong.
    Warn = 13,
    /// Something went wrong.
    Error = 17,
    /// The program cannot go on.
    Fatal = 21,
}

impl Severity {
    /// The name in OpenTelemetry's words, in upper case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
        }
    }
}
