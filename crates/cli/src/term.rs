//! The terminal: whether there is one, how wide it is, whether it shows colours.

use std::io::IsTerminal;

pub use clap::ColorChoice;
use clap::builder::styling::{AnsiColor, Style};

/// The width to write for where there is no terminal to ask.
pub const DEFAULT_WIDTH: usize = 100;

/// What is known about one of the standard streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// Somebody watches, rather than a file or another program.
    pub is_terminal: bool,
    /// Columns; [`DEFAULT_WIDTH`] where nobody watches.
    pub width: usize,
    /// How to emphasise.
    pub palette: Palette,
}

impl Terminal {
    /// Asks about standard output.
    #[must_use]
    pub fn stdout(choice: ColorChoice) -> Self {
        let stdout = std::io::stdout();
        let size = terminal_size::terminal_size_of(&stdout);
        Self::new(choice, stdout.is_terminal(), size)
    }

    /// Asks about standard error.
    #[must_use]
    pub fn stderr(choice: ColorChoice) -> Self {
        let stderr = std::io::stderr();
        let size = terminal_size::terminal_size_of(&stderr);
        Self::new(choice, stderr.is_terminal(), size)
    }

    fn new(
        choice: ColorChoice,
        is_terminal: bool,
        size: Option<(terminal_size::Width, terminal_size::Height)>,
    ) -> Self {
        let coloured = wants_colour(choice, is_terminal, environment);
        Self {
            is_terminal,
            width: size.map_or(DEFAULT_WIDTH, |(width, _)| usize::from(width.0).max(20)),
            palette: Palette { coloured },
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "about the terminal, which no pipeline reads"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Decides about colours: what the user chose for this call, then `NO_COLOR` (no-color.org: set
/// and not empty), then whether a terminal that knows colours is there.
fn wants_colour(
    choice: ColorChoice,
    is_terminal: bool,
    environment: impl Fn(&str) -> Option<String>,
) -> bool {
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => {
            let forbidden = environment("NO_COLOR").is_some_and(|value| !value.is_empty());
            let dumb = environment("TERM").is_some_and(|value| value == "dumb");
            is_terminal && !forbidden && !dumb
        }
    }
}

/// Emphasis that vanishes where it would be noise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Palette {
    coloured: bool,
}

impl Palette {
    /// No emphasis: for files and other programs.
    pub const PLAIN: Self = Self { coloured: false };

    /// Emphasis whoever reads it.
    pub const COLOURED: Self = Self { coloured: true };

    /// Whether it emphasises at all.
    #[must_use]
    pub fn is_coloured(self) -> bool {
        self.coloured
    }

    /// A heading.
    #[must_use]
    pub fn heading(self, text: &str) -> String {
        self.paint(Style::new().bold(), text)
    }

    /// What went well.
    #[must_use]
    pub fn good(self, text: &str) -> String {
        self.paint(AnsiColor::Green.on_default(), text)
    }

    /// What went wrong.
    #[must_use]
    pub fn bad(self, text: &str) -> String {
        self.paint(AnsiColor::Red.on_default().bold(), text)
    }

    /// What matters less.
    #[must_use]
    pub fn faint(self, text: &str) -> String {
        self.paint(Style::new().dimmed(), text)
    }

    fn paint(self, style: Style, text: &str) -> String {
        if !self.coloured {
            return text.to_owned();
        }
        format!("{style}{text}{style:#}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order of precedence: the option, `NO_COLOR`, the terminal.
    #[test]
    fn colours_follow_the_option_then_the_environment_then_the_terminal() {
        let none = |_: &str| None;
        let no_color = |name: &str| (name == "NO_COLOR").then(|| "1".to_owned());
        let empty = |name: &str| (name == "NO_COLOR").then(String::new);
        let dumb = |name: &str| (name == "TERM").then(|| "dumb".to_owned());
        assert!(wants_colour(ColorChoice::Auto, true, none));
        assert!(wants_colour(ColorChoice::Auto, true, empty));
        assert!(!wants_colour(ColorChoice::Auto, false, none));
        assert!(!wants_colour(ColorChoice::Auto, true, no_color));
        assert!(!wants_colour(ColorChoice::Auto, true, dumb));
        assert!(wants_colour(ColorChoice::Always, false, no_color));
        assert!(!wants_colour(ColorChoice::Never, true, none));
    }

    /// Without colours a text is written as it is.
    #[test]
    fn emphasis_is_only_written_where_it_is_seen() {
        assert_eq!(Palette::PLAIN.bad("lost"), "lost");
        assert_eq!(Palette::COLOURED.heading("x"), "\u{1b}[1mx\u{1b}[0m");
    }
}
