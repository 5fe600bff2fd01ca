//! Where a value came from, and what is wrong with it: the places that problems are told by.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Where an effective value came from, in the order of growing precedence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    #[default]
    Default,
    /// The configuration file.
    File(Place),
    /// A variable of the environment, by its name.
    Variable(String),
    /// An option of the command line, by its name without dashes.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(place) => place.fmt(f),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => write!(f, "--{name}"),
        }
    }
}

/// A place in a text file. Lines and columns count from 1, columns in characters, as editors do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as the user named it.
    pub file: PathBuf,
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

impl Place {
    /// The beginning of `span`, in bytes of `text`. What lies behind the text is its end.
    #[must_use]
    pub fn of(file: &Path, text: &str, span: &Range<usize>) -> Self {
        let mut end = span.start.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &text[..end];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

/// Something wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it is.
    pub origin: Origin,
    /// The setting; none where the file itself is broken.
    pub setting: Option<String>,
    /// What is wrong and what would be right. Never a secret.
    pub advice: String,
}

/// `spanreel.toml:3:13: otlp-grpc: write an address like 127.0.0.1:4317`
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.origin, &self.setting) {
            // The name of a flag or a variable says which setting it is.
            (Origin::Flag(_) | Origin::Variable(_), _) | (_, None) => {
                write!(f, "{}: {}", self.origin, self.advice)
            }
            (Origin::Default, Some(setting)) => write!(f, "{setting}: {}", self.advice),
            (_, Some(setting)) => write!(f, "{}: {setting}: {}", self.origin, self.advice),
        }
    }
}

/// Everything that is wrong with a configuration, each on a line of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Notes one more.
    pub(crate) fn add(&mut self, origin: &Origin, setting: &str, advice: impl Into<String>) {
        self.0.push(Problem {
            origin: origin.clone(),
            setting: Some(setting.to_owned()),
            advice: advice.into(),
        });
    }

    /// Brings those of the file into the order of the file, before the others.
    pub(crate) fn sort(&mut self) {
        self.0.sort_by_key(|problem| match &problem.origin {
            Origin::File(place) => (false, place.line, place.column),
            _ => (true, 0, 0),
        });
    }
}

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [one] => write!(f, "the configuration is wrong: {one}"),
            many => {
                write!(f, "the configuration is wrong in {} places", many.len())?;
                many.iter()
                    .try_for_each(|problem| write!(f, "\n  {problem}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A place counts lines and characters from 1, whatever number of bytes a character has.
    #[test]
    fn a_place_counts_from_one_in_characters() {
        let text = "a = 1\n\u{e4}\u{e4} = 2\n";
        let at = |start: usize| {
            let place = Place::of(Path::new("f"), text, &(start..start));
            (place.line, place.column)
        };
        assert_eq!(at(0), (1, 1));
        assert_eq!(at(6), (2, 1));
        assert_eq!(at(10), (2, 3));
        assert_eq!(at(99), (3, 1));
    }

    /// A problem names its place, and its setting where the place does not.
    #[test]
    fn a_problem_names_its_place_and_its_setting() {
        let place = Place {
            file: "x.toml".into(),
            line: 3,
            column: 9,
        };
        let shown = |origin, setting: Option<&str>| {
            let problem = Problem {
                origin,
                setting: setting.map(str::to_owned),
                advice: "write it".to_owned(),
            };
            problem.to_string()
        };
        assert_eq!(
            shown(Origin::File(place.clone()), Some("grace")),
            "x.toml:3:9: grace: write it"
        );
        assert_eq!(shown(Origin::File(place), None), "x.toml:3:9: write it");
        assert_eq!(
            shown(Origin::Flag("grace".into()), Some("grace")),
            "--grace: write it"
        );
        assert_eq!(
            shown(Origin::Variable("SPANREEL_GRACE".into()), Some("grace")),
            "SPANREEL_GRACE: write it"
        );
        assert_eq!(shown(Origin::Default, Some("grace")), "grace: write it");
    }
}
