//! The configuration file.

use std::collections::BTreeMap;
use std::io::Write;

use spanreel_cli::config::value::Given;
use spanreel_cli::config::{ConfigError, Flags, Sources, explain};
use spanreel_cli::term::Palette;

/// All of it is the file.
///
/// Either there is a configuration, which can be shown, or there are problems to show.
pub fn run(bytes: &[u8]) {
    let mut file = tempfile::NamedTempFile::new().expect("a folder to write in");
    file.write_all(bytes).expect("room");
    let path = file.path().to_str().expect("text").to_owned();
    let sources = Sources {
        flags: Flags(BTreeMap::from([("config", Given::One(path))])),
        variables: Box::new(|_| None),
    };
    match sources.resolve() {
        Ok(effective) => assert!(!explain(&effective, Palette::PLAIN).is_empty()),
        Err(ConfigError::Problems(problems)) => assert!(!problems.to_string().is_empty()),
        Err(ConfigError::File(unreadable)) => {
            assert!(std::str::from_utf8(bytes).is_err(), "{unreadable}");
        }
    }
}
