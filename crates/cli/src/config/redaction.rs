//! The table `[redaction]` of a configuration file: read as [`Redaction::from_value`] has it, its problems
//! told with their places in the file.

use std::fmt;
use std::path::Path;

use spanreel::{OwnedValue, Redaction};
use toml::Spanned;
use toml::de::DeValue;

use super::file::ConfigFile;
use super::place::Origin;
use super::resolve::ConfigError;
use super::sampling::{Wrong, find, inline, owned};

/// The setting that names a file for the secret of hashes.
const KEY_FILE: &str = "hash_key_file";
const KEY: &str = "hash_key";

/// What is taken out of received telemetry.
#[derive(Clone, Default)]
pub struct RedactionConfig {
    /// Where it was asked for.
    pub origin: Origin,
    /// What was asked for; none where nothing is taken out.
    pub redaction: Option<Redaction>,
    /// The table, to be shown and compared; with the secret that a file has.
    table: Option<OwnedValue>,
}

/// Without secrets, as it is shown.
impl fmt::Debug for RedactionConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedactionConfig")
            .field(&self.shown())
            .finish()
    }
}

/// Equal tables ask for the same, wherever they are.
impl PartialEq for RedactionConfig {
    fn eq(&self, other: &Self) -> bool {
        self.table == other.table
    }
}

impl RedactionConfig {
    /// Reads the table.
    pub(super) fn read(value: &Spanned<DeValue<'_>>, origin: Origin) -> Result<Self, Vec<Wrong>> {
        let mut table = owned(value.get_ref());
        let at = |setting: &str| find(value, setting);
        let mut wrong = Vec::new();
        if let OwnedValue::Map(entries) = &mut table
            && let Some(place) = entries.iter().position(|(key, _)| key == KEY_FILE)
        {
            let (_, path) = entries.remove(place);
            let setting = format!("redaction.{KEY_FILE}");
            match secret(&path) {
                Ok(secret) => entries.push((KEY.to_owned(), OwnedValue::Str(secret))),
                Err(advice) => {
                    // One problem, not two.
                    entries.retain(|(key, _)| key != "hash");
                    wrong.push((at(&setting), setting, advice));
                }
            }
        }
        let redaction = match Redaction::from_value(&table) {
            Ok(redaction) => Some(redaction),
            Err(problems) => {
                let told = problems.into_iter();
                wrong.extend(told.map(|it| (at(&it.setting), it.setting, it.advice)));
                None
            }
        };
        match wrong.is_empty() {
            true => Ok(Self {
                origin,
                redaction,
                table: Some(table),
            }),
            false => Err(wrong),
        }
    }

    /// Its entries as they are shown: name and value, without secrets.
    #[must_use]
    pub fn shown(&self) -> Vec<(String, String)> {
        let Some(OwnedValue::Map(entries)) = &self.table else {
            return Vec::new();
        };
        let shown = entries.iter().map(|(key, value)| {
            let value = if key == KEY {
                "(hidden)".to_owned()
            } else {
                inline(value)
            };
            (key.clone(), value)
        });
        shown.collect()
    }
}

/// The redaction of a configuration file, whatever else it says: for commands that apply it to something else
/// than what `serve` receives.
///
/// # Errors
/// The file cannot be read, or its table `[redaction]` is wrong or not there.
pub fn of(path: &Path) -> Result<Redaction, ConfigError> {
    Ok(ConfigFile::read(path)?.redaction()?)
}

/// What a file holds, without white space around it.
fn secret(path: &OwnedValue) -> Result<String, String> {
    let OwnedValue::Str(path) = path else {
        return Err("is no path".to_owned());
    };
    match std::fs::read_to_string(path) {
        Ok(secret) => Ok(secret.trim().to_owned()),
        Err(error) => Err(format!("{path} cannot be read: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use toml::de::DeTable;

    use super::*;

    fn read(text: &str) -> Result<RedactionConfig, Vec<Wrong>> {
        let table = DeTable::parse(text).expect("TOML");
        let value = table.get_ref().get("redaction").expect("a table");
        RedactionConfig::read(value, Origin::Default)
    }

    /// The table means what the library reads from it; the secret of a file is used and not shown.
    #[test]
    fn the_table_is_read_and_its_secret_is_not_shown() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "0123456789abcdef\n").expect("written");
        let path = file.path().display();
        let text = format!(
            "[redaction]\nignore = [\"phone\"]\nhash = [\"user.id\"]\nhash_key_file = \"{path}\"\n"
        );
        let config = read(&text).expect("right");
        assert!(config.redaction.is_some());
        let shown = format!("{:?}", config.shown());
        assert!(
            shown.contains("phone") && shown.contains("(hidden)"),
            "{shown}"
        );
        assert!(!shown.contains("0123456789abcdef"), "{shown}");
        assert_ne!(config, RedactionConfig::default());
    }

    /// Each problem stands at the value that is wrong.
    #[test]
    fn problems_stand_where_they_are() {
        for (text, at) in [
            ("[redaction]\ndetect = [\"emial\"]\n", "[\"emial\"]"),
            ("[redaction]\nhash_key_file = \"/is/not/there\"\n", "\"/is"),
            ("[redaction]\ncontent = \"no\"\n", "\"no\""),
        ] {
            let wrong = read(text).expect_err(text);
            let (span, name, _) = &wrong[0];
            assert!(name.starts_with("redaction."), "{name}");
            assert!(
                text[span.start..].starts_with(at),
                "{name}: {}",
                &text[span.start..]
            );
        }
    }
}
