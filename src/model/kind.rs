//! What kind of span, how it went, how severe a log record is: OpenTelemetry's closed sets.

/// The relation of a span to its callers and callees (OpenTelemetry trace API, "SpanKind").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SpanKind {
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

/// How a span went (OpenTelemetry trace API, "Set Status").
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
