//! What must not be shown: tokens and the values of headers, and where they are read from.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// A text that appears in no report, log or `Debug` output.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text from being shown.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for those who need it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Reads a file that holds nothing but the secret; white space around it does not count.
    ///
    /// # Errors
    /// The file cannot be read, holds no text, more than one line, or nothing.
    pub fn read(path: &Path) -> Result<Self, UnreadableSecret> {
        let refuse = |reason: String| UnreadableSecret {
            path: path.to_owned(),
            reason,
        };
        let text = fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
        let text = text.trim();
        if text.is_empty() {
            return Err(refuse("it is empty; write the secret into it".to_owned()));
        }
        if text.chars().any(char::is_control) {
            return Err(refuse("it must hold one line of text".to_owned()));
        }
        Ok(Self::new(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A secret cannot be had from its file.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {}: {reason}", path.display())]
pub struct UnreadableSecret {
    path: PathBuf,
    reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A secret never shows where its owner is printed for debugging.
    #[test]
    fn a_secret_does_not_show() {
        let debug = format!("{:?}", Some(Secret::new("hunter2")));
        assert!(!debug.contains("hunter2"), "{debug}");
    }

    /// A file holds one line that is not empty; its end of line is no part of the secret.
    #[test]
    fn a_file_holds_one_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        for (content, secret) in [
            ("abc\n", Some("abc")),
            ("abc", Some("abc")),
            (" \n", None),
            ("a\nb\n", None),
        ] {
            fs::write(&path, content).expect("written");
            let read = Secret::read(&path).ok();
            assert_eq!(read.as_ref().map(Secret::reveal), secret, "{content:?}");
        }
        let missing = Secret::read(&folder.path().join("none")).expect_err("no such file");
        assert!(missing.to_string().contains("none"), "{missing}");
    }
}
