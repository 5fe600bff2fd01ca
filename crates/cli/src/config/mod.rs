//! The configuration of `spanreel serve`, and the command `spanreel config` about it.
//!
//! One table of settings ([`settings`]) makes the file, the variables, the options, their help, the
//! example and the explanation, so that none of them can differ from the others.
//!
//! Holds: the effective configuration. Waits: for files. Loses: nothing.

pub mod args;
mod check;
mod example;
mod explain;
pub mod export;
mod file;
pub mod place;
pub mod redaction;
mod resolve;
pub mod sampling;
pub mod secret;
pub mod setting;
pub mod settings;
#[cfg(test)]
mod tests;
pub mod value;

use std::io::{self, Write};

pub use example::example;
pub use explain::explain;
pub use file::{ConfigFile, UnreadableFile};
pub use resolve::{ConfigError, Effective, Flags, Sources, Variables};
pub use settings::Config;

use crate::outcome::Outcome;
use crate::term::Terminal;
use args::{ConfigArgs, ConfigCommand};
use value::Given;

/// Does what `spanreel config` was asked for.
///
/// # Errors
/// The configuration is wrong, its file cannot be read, or standard output cannot be written to.
pub fn run(args: ConfigArgs, stdout: &Terminal) -> anyhow::Result<Outcome> {
    let text = match args.command {
        ConfigCommand::Example => example(),
        ConfigCommand::Check { file, mut settings } => {
            settings.name_file(file);
            let effective = settings.sources().resolve()?;
            let checked = match &effective.file {
                Some(file) => file.display().to_string(),
                None => "no file was named; what was given besides".to_owned(),
            };
            format!("{checked}: fine\n")
        }
        ConfigCommand::Explain { file, mut settings } => {
            settings.name_file(file);
            explain(&settings.sources().resolve()?, stdout.palette)
        }
    };
    match io::stdout().lock().write_all(text.as_bytes()) {
        // Who asked has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Outcome::Fine),
        written => Ok(written.map(|()| Outcome::Fine)?),
    }
}

impl args::SettingArgs {
    /// Takes a file that was named without its option.
    fn name_file(&mut self, file: Option<std::path::PathBuf>) {
        if let Some(file) = file {
            let given = Given::One(file.to_string_lossy().into_owned());
            self.flags.0.insert(resolve::CONFIG, given);
        }
    }
}
