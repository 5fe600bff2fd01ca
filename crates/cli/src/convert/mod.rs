//! Converts recorded agent sessions into traces: session events in, spans and log records out.
//!
//! Reads what PromptKit writes (event stores and session recordings, see [`read`]), in all three
//! shapes and however damaged, and the events of AgentOps, and yields plain data ([`SessionTrace`]) named
//! by the GenAI semantic conventions 1.41.1. OTLP in its forms is read request by request ([`otlp`]). The same input gives the same ids, so that converting twice is harmless where
//! spans are stored by id.
//!
//! Holds: the trace, and one line of input. Waits: for the input. Loses: lines that cannot be read,
//! which the [`Report`] counts and explains; and, unless content is asked for, what people, models
//! and tools said.

mod agentops;
mod assemble;
mod building;
mod content;
mod describe;
mod document;
mod draft;
mod event;
mod format;
mod ids;
mod lines;
mod logs;
mod message;
mod nesting;
pub mod otlp;
mod outcome;
mod pairing;
mod payload;
mod provider;
mod recording;
mod report;
mod sessions;
mod synthesize;
mod texts;
mod totals;

use std::io::{self, BufRead, Read};

use spanreel::{SpanId, TraceId};

pub use draft::{AttrValue, Attribute, Key, LinkDraft, LogDraft, SessionTrace, SpanDraft, Status};
pub use format::Format;
pub use report::{Report, Skipped};

/// How to convert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether to take in what people, models and tools said: messages, arguments, results, prompts
    /// and explanations. Off by default.
    pub content: bool,
    /// Whether to stop at the first line that cannot be used, rather than to skip it. Off by default.
    pub strict: bool,
    /// The trace to continue: its id, and the span that the session's root hangs under. None by
    /// default; the session's id then makes the trace id ([`TraceId::of_session`]).
    pub parent: Option<(TraceId, SpanId)>,
    /// The name of the agent, above what the recording says. None by default.
    pub agent: Option<String>,
    /// The format of the recording. None by default: it is told by the first bytes.
    pub from: Option<Format>,
    /// Whether older and other names of attributes in OTLP become those of the GenAI conventions 1.41.1.
    /// Off by default: OTLP passes as it is.
    pub rewrite: bool,
    /// The longest line that is read, and the longest event of a JSON document, in bytes. 64 MiB by
    /// default.
    pub max_line_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            content: false,
            strict: false,
            parent: None,
            agent: None,
            from: None,
            rewrite: false,
            max_line_bytes: 64 << 20,
        }
    }
}

/// What a recording became.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversion {
    /// The traces of its sessions, by start time, then by session id.
    pub sessions: Vec<SessionTrace>,
    /// What was read and what was left out.
    pub report: Report,
}

/// Why a recording could not be converted.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The input could not be read to its end.
    #[error("cannot read the recording")]
    Read(#[from] io::Error),
    /// A line cannot be used, and [`Options::strict`] is set.
    #[error("line {line} cannot be used: {reason}")]
    Malformed {
        /// Its number, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
}

/// Converts a recording of sessions: of PromptKit or AgentOps. [`open`] reads all formats.
///
/// The shape is recognized by content: an event store (`{"seq":..,"event":{..}}` per line), a session
/// recording (a line of metadata, then a line per event), or the same as one JSON document. `name`
/// is the name of the file, after which events that belong to no session are named.
///
/// # Errors
///
/// [`ConvertError::Read`] when the input fails, and [`ConvertError::Malformed`] at the first line
/// that cannot be used when [`Options::strict`] is set. Nothing else in the input is an error.
pub fn read(
    input: impl BufRead,
    name: &str,
    options: &Options,
) -> Result<Conversion, ConvertError> {
    let (begin, input) = begin(input)?;
    if options.from.unwrap_or_else(|| Format::of(&begin)) == Format::AgentOps {
        return agentops::read(input, name, options);
    }
    promptkit(input, name, options)
}

/// What an input holds, by its format.
#[derive(Debug)]
pub enum Recorded<R> {
    /// Sessions, from recordings of their events.
    Sessions(Conversion),
    /// OTLP, which is read request by request.
    Requests(Box<otlp::Requests<R>>),
}

/// An input whose first bytes have been looked at.
pub type Begun<R> = io::Chain<io::Cursor<Vec<u8>>, R>;

/// Converts a recording of sessions, or begins to read OTLP; `name` is as with [`read`].
///
/// # Errors
///
/// As with [`read`].
pub fn open<R: BufRead>(
    input: R,
    name: &str,
    options: &Options,
) -> Result<Recorded<Begun<R>>, ConvertError> {
    let (begin, input) = begin(input)?;
    let conversion = match options.from.unwrap_or_else(|| Format::of(&begin)) {
        Format::PromptKit => promptkit(input, name, options)?,
        Format::AgentOps => agentops::read(input, name, options)?,
        format @ (Format::OtlpJson | Format::OtlpProto) => {
            let requests = otlp::Requests::new(input, format, &begin, options);
            return Ok(Recorded::Requests(Box::new(requests)));
        }
    };
    Ok(Recorded::Sessions(conversion))
}

/// Looks at the first bytes of an input, which are then still to be read.
fn begin<R: BufRead>(mut input: R) -> io::Result<(Vec<u8>, Begun<R>)> {
    let mut begin = Vec::new();
    input
        .by_ref()
        .take(Format::BEGIN_BYTES as u64)
        .read_to_end(&mut begin)?;
    let input = io::Cursor::new(begin.clone()).chain(input);
    Ok((begin, input))
}

fn promptkit(
    input: impl BufRead,
    name: &str,
    options: &Options,
) -> Result<Conversion, ConvertError> {
    let mut sessions = sessions::Sessions::default();
    recording::read(input, options, &mut sessions)?;
    let (sessions, mut report) = sessions.finish(name);
    let mut sessions: Vec<SessionTrace> = sessions
        .into_iter()
        .map(|session| assemble::assemble(session, options, &mut report))
        .collect();
    sessions.sort_by(|one, other| {
        (one.root.start_ns, &one.session_id).cmp(&(other.root.start_ns, &other.session_id))
    });
    Ok(Conversion { sessions, report })
}
