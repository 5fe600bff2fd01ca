//! Where recordings come from: files and standard input, checked before they are read.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::convert::{Format, Report};

/// How much is read at once.
const BUFFER_BYTES: usize = 128 * 1024;

/// A place to read a recording from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

/// Why an input is of no use.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum InputError {
    #[error("there is no file {0}")]
    Missing(Source),
    #[error("{0} is a directory in which there is no recording; {FORMATS}")]
    NoRecording(Source),
    #[error("cannot open {0}")]
    Unreadable(Source, #[source] io::Error),
    #[error("{0} is empty")]
    Empty(Source),
    #[error("{0} is compressed with {1}: unpack it into a pipe, such as {2} | spanreel convert -")]
    Compressed(Source, &'static str, String),
    #[error("{0} is in UTF-16: recordings are in UTF-8")]
    Utf16(Source),
    #[error("{0} is binary data: {FORMATS}")]
    Binary(Source),
    #[error("{source_name} is not a recording: {reason}; {FORMATS}")]
    NotRecording { source_name: Source, reason: String },
}

/// What could have been read.
const FORMATS: &str = "known are PromptKit's event stores (JSON lines with an \"event\" each) and \
    session recordings (JSON lines or one JSON document, with \"metadata\" and events), events of \
    AgentOps (\"event_type\"), and OTLP as JSON (\"resourceSpans\") or protobuf";

impl InputError {
    /// Whether a file is something else than a recording, rather than one that cannot be read.
    #[must_use]
    pub fn is_no_recording(&self) -> bool {
        !matches!(self, Self::Missing(_) | Self::Unreadable(..))
    }
}

impl Source {
    /// The source that an argument names.
    #[must_use]
    pub fn of(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        match path.to_str() {
            Some("-") => Self::Stdin,
            _ => Self::File(path.to_owned()),
        }
    }

    /// What events that belong to no session are named after.
    #[must_use]
    pub fn name(&self) -> String {
        self.to_string()
    }

    /// Whether it is this file, by whatever name.
    #[must_use]
    pub fn is_file(&self, path: &Path) -> bool {
        let Self::File(own) = self else { return false };
        match (own.canonicalize(), path.canonicalize()) {
            (Ok(own), Ok(other)) => own == other,
            // What does not exist is no recording.
            _ => false,
        }
    }

    /// Checks that it is there, and tells its size where it has one.
    ///
    /// # Errors
    /// There is no such file, or it cannot be read.
    pub fn check(&self) -> Result<Option<u64>, InputError> {
        let Self::File(path) = self else {
            return Ok(None);
        };
        let metadata = path.metadata().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => InputError::Missing(self.clone()),
            _ => InputError::Unreadable(self.clone(), error),
        })?;
        Ok(metadata.is_file().then_some(metadata.len()))
    }

    /// Opens it, through `watch`, which sees how much is read. What is certainly no recording is
    /// refused by its first bytes; what is `from` protobuf may begin with any but none.
    ///
    /// # Errors
    /// It cannot be opened or read, or is something else.
    pub fn open<R: Read>(
        &self,
        from: Option<Format>,
        watch: impl FnOnce(Box<dyn Read>) -> R,
    ) -> Result<BufReader<R>, InputError> {
        let input: Box<dyn Read> = match self {
            Self::Stdin => Box::new(io::stdin()),
            Self::File(path) => {
                let opened = File::open(path);
                Box::new(opened.map_err(|error| InputError::Unreadable(self.clone(), error))?)
            }
        };
        let mut input = BufReader::with_capacity(BUFFER_BYTES, watch(input));
        let begin = input
            .fill_buf()
            .map_err(|error| InputError::Unreadable(self.clone(), error))?;
        if !begin.is_empty() && from.unwrap_or_else(|| Format::of(begin)) == Format::OtlpProto {
            return Ok(input);
        }
        match self.refusal(begin) {
            Some(refusal) => Err(refusal),
            None => Ok(input),
        }
    }

    /// Checks that what was read was a recording.
    ///
    /// # Errors
    /// Nothing in it is known from one.
    pub fn recognize(&self, report: &Report, has_sessions: bool) -> Result<(), InputError> {
        let (place, event) = (report.format.place(), report.format.event());
        let unknown: u64 = report.unknown_types.values().sum();
        let reason = match report.skipped.first() {
            // Metadata alone makes a session, too.
            _ if report.events > unknown || report.events == 0 && has_sessions => {
                return Ok(());
            }
            _ if report.events > 0 => "all its events are of unknown types".to_owned(),
            Some(skipped) => format!(
                "it has no {event} ({place} {}: {})",
                skipped.line, skipped.reason
            ),
            None => format!("it has no {event}"),
        };
        Err(InputError::NotRecording {
            source_name: self.clone(),
            reason,
        })
    }

    /// What the first bytes say against it.
    fn refusal(&self, begin: &[u8]) -> Option<InputError> {
        if begin.is_empty() {
            return Some(InputError::Empty(self.clone()));
        }
        let packed = |name, program: &str| {
            let unpack = match self {
                Self::Stdin => program.to_owned(),
                Self::File(_) => format!("{program} -c {self}"),
            };
            Some(InputError::Compressed(self.clone(), name, unpack))
        };
        match begin {
            [0x1f, 0x8b, ..] => return packed("gzip", "gunzip"),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => return packed("zstd", "unzstd"),
            [0xfd, b'7', b'z', b'X', b'Z', ..] => return packed("xz", "unxz"),
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Some(InputError::Utf16(self.clone())),
            _ => {}
        }
        // A damaged recording may hold any byte, but it does not begin with a zero byte before
        // anything like JSON.
        let text = begin.split(|byte| *byte == b'{').next().unwrap_or(begin);
        text.contains(&0).then(|| InputError::Binary(self.clone()))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("standard input"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is certainly no recording is told apart by its first bytes, and damaged recordings are
    /// not taken for something else.
    #[test]
    fn first_bytes_tell_what_is_no_recording() {
        let file = Source::of("a/run.gz");
        for (begin, expected) in [
            (&b""[..], "a/run.gz is empty"),
            (b"\x1f\x8b\x08", "gunzip -c a/run.gz | spanreel convert -"),
            (b"\x28\xb5\x2f\xfd", "unzstd -c"),
            (b"\xff\xfe{\0", "UTF-16"),
            (b"\x7fELF\x02\x01\x01\0\0", "binary data: known are"),
        ] {
            let refused = file.refusal(begin).expect("refused").to_string();
            assert!(refused.contains(expected), "{refused}");
        }
        for begin in [
            &b"{\"seq\":1}"[..],
            b"{\0\0",
            b"\xef\xbb\xbf\n{",
            b"\xff{",
            b"text",
        ] {
            assert!(file.refusal(begin).is_none(), "{begin:?}");
        }
    }

    /// The argument - is standard input, and a file is the same by whatever name.
    #[test]
    fn sources_are_told_apart() {
        assert_eq!(Source::of("-"), Source::Stdin);
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        std::fs::write(&path, "x").expect("a file");
        let other = folder.path().join(".").join("a");
        assert!(Source::of(&path).is_file(&other));
        assert!(!Source::of(&path).is_file(&folder.path().join("b")));
        assert!(!Source::Stdin.is_file(Path::new("-")));
    }
}
