//! Reads a configuration file: TOML, of which every value knows its place.
//!
//! Finds all problems of the file at once: those of the syntax, keys that are none, and values of the
//! wrong kind.

use std::ops::Range;
use std::path::{Path, PathBuf};

use spanreel::Redaction;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::export::{ExportConfig, Target};
use super::place::{Origin, Place, Problem, Problems};
use super::redaction::RedactionConfig;
use super::sampling::SamplingConfig;
use super::secret::Secret;
use super::setting;
use super::settings::{EXPORT_SETTINGS, SETTINGS};
use super::value::Given;

/// The largest file that is read: a thousand times what one with everything in it takes.
const MAX_BYTES: u64 = 4 << 20;

/// A configuration file.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    /// Where it is, as the user named it.
    pub path: PathBuf,
    /// What it holds.
    pub text: String,
}

/// What a file sets.
#[derive(Debug, Default)]
pub(crate) struct Content {
    /// The settings, each with what was given and where.
    pub(crate) settings: Vec<(&'static str, Given, Origin)>,
    /// The exports, in their order.
    pub(crate) exports: Vec<ExportConfig>,
    /// Which sessions are forwarded.
    pub(crate) sampling: SamplingConfig,
    /// What is taken out of them.
    pub(crate) redaction: RedactionConfig,
}

/// A configuration file cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the configuration {}: {reason}; 'spanreel config example' prints one to begin with", path.display())]
pub struct UnreadableFile {
    path: PathBuf,
    reason: String,
}

impl ConfigFile {
    /// Reads it.
    ///
    /// # Errors
    /// It is not there, is no text, or larger than 4 MiB.
    pub fn read(path: &Path) -> Result<Self, UnreadableFile> {
        let refuse = |reason: String| UnreadableFile {
            path: path.to_owned(),
            reason,
        };
        let size = std::fs::metadata(path).map(|it| it.len());
        if size.is_ok_and(|size| size > MAX_BYTES) {
            return Err(refuse("it is larger than 4 MiB".to_owned()));
        }
        let text = std::fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
        Ok(Self {
            path: path.to_owned(),
            text,
        })
    }

    fn origin(&self, span: &Range<usize>) -> Origin {
        Origin::File(Place::of(&self.path, &self.text, span))
    }

    /// What it sets. `variables` gives secrets that the file asks of the environment.
    pub(crate) fn content(
        &self,
        variables: &dyn Fn(&str) -> Option<String>,
        problems: &mut Problems,
    ) -> Content {
        let mut content = Content::default();
        let (table, errors) = DeTable::parse_recoverable(&self.text);
        for error in errors {
            problems.0.push(Problem {
                origin: self.origin(&error.span().unwrap_or_default()),
                setting: None,
                advice: error.message().to_owned(),
            });
        }
        for (key, value) in sorted(table.get_ref()) {
            let name = key.get_ref().as_ref();
            if name == "export" {
                self.exports(value, variables, &mut content, problems);
                continue;
            }
            let origin = self.origin(&value.span());
            let read = match name {
                "sampling" => SamplingConfig::read(value, origin).map(|it| content.sampling = it),
                "redaction" => {
                    RedactionConfig::read(value, origin).map(|it| content.redaction = it)
                }
                _ => Err(Vec::new()),
            };
            if matches!(name, "sampling" | "redaction") {
                for (span, name, advice) in read.err().into_iter().flatten() {
                    problems.add(&self.origin(&span), &name, advice);
                }
                continue;
            }
            let Some(setting) = SETTINGS.iter().find(|it| it.name == name) else {
                let known = SETTINGS.iter().map(|it| it.name);
                let known = known.chain(["export", "sampling", "redaction"]);
                let advice = setting::unknown(name, known);
                problems.add(&self.origin(&key.span()), name, advice);
                continue;
            };
            let origin = self.origin(&value.span());
            match given(value.get_ref()) {
                Ok(given) => content.settings.push((setting.name, given, origin)),
                Err(advice) => problems.add(&origin, name, advice),
            }
        }
        content
    }

    /// Which sessions are forwarded, whatever else the file says.
    ///
    /// # Errors
    /// It is no TOML, or that is wrong.
    pub fn sampling(&self) -> Result<SamplingConfig, Problems> {
        let (content, problems) = self.content_of("sampling");
        match problems.0.is_empty() {
            true => Ok(content.sampling),
            false => Err(problems),
        }
    }

    /// What is taken out of telemetry, whatever else the file says.
    ///
    /// # Errors
    /// It is no TOML, or that is wrong, or not there: who asks for it would not want nothing to be taken out.
    pub fn redaction(&self) -> Result<Redaction, Problems> {
        let (content, mut problems) = self.content_of("redact");
        match content.redaction.redaction {
            Some(redaction) if problems.0.is_empty() => return Ok(redaction),
            None if problems.0.is_empty() => {
                let advice =
                    "there is no table [redaction]; an empty one looks for all that is known";
                let end = self.text.len();
                problems.add(&self.origin(&(end..end)), "redaction", advice);
            }
            _ => {}
        }
        Err(problems)
    }

    /// What it sets, and what is wrong with one of its tables or with all of it.
    fn content_of(&self, table: &str) -> (Content, Problems) {
        let mut problems = Problems::default();
        let content = self.content(&|_| None, &mut problems);
        problems.0.retain(|problem| {
            let of = problem.setting.as_deref();
            of.is_none_or(|setting| setting.starts_with(table))
        });
        problems.sort();
        (content, problems)
    }

    fn exports(
        &self,
        value: &Spanned<DeValue<'_>>,
        variables: &dyn Fn(&str) -> Option<String>,
        content: &mut Content,
        problems: &mut Problems,
    ) {
        const ADVICE: &str = "write each export below a line [[export]], with its url";
        let Some(tables) = value.get_ref().as_array() else {
            problems.add(&self.origin(&value.span()), "export", ADVICE);
            return;
        };
        for table in tables.iter() {
            let origin = self.origin(&table.span());
            let Some(settings) = table.get_ref().as_table() else {
                problems.add(&origin, "export", ADVICE);
                continue;
            };
            content
                .exports
                .extend(self.export(origin, settings, variables, problems));
        }
    }

    /// One export; none where it has no address.
    fn export(
        &self,
        origin: Origin,
        table: &DeTable<'_>,
        variables: &dyn Fn(&str) -> Option<String>,
        problems: &mut Problems,
    ) -> Option<ExportConfig> {
        let Some(url) = table.get("url") else {
            problems.add(
                &origin,
                "export",
                "has no url; write one like url = \"grpc://127.0.0.1:4317\"",
            );
            return None;
        };
        let place = self.origin(&url.span());
        let target = match url.get_ref().as_str().map(Target::parse) {
            Some(Ok(target)) => target,
            Some(Err(advice)) => {
                problems.add(&place, "url", advice);
                return None;
            }
            None => {
                problems.add(&place, "url", "write it in quotes");
                return None;
            }
        };
        let mut export = ExportConfig::new(place, target);
        for (key, value) in sorted(table) {
            let name = key.get_ref().as_ref();
            match name {
                "url" => continue,
                "headers" => {
                    export.headers = self.headers(value, variables, problems);
                    continue;
                }
                _ => {}
            }
            let Some(setting) = EXPORT_SETTINGS.iter().find(|it| it.name == name) else {
                let known = EXPORT_SETTINGS.iter().map(|it| it.name);
                let advice = setting::unknown(name, known.chain(["url", "headers"]));
                problems.add(&self.origin(&key.span()), name, advice);
                continue;
            };
            let set = given(value.get_ref()).and_then(|given| (setting.set)(&mut export, &given));
            if let Err(advice) = set {
                problems.add(&self.origin(&value.span()), name, advice);
            }
        }
        Some(export)
    }

    /// Headers: each a text, `{ env = "NAME" }` or `{ file = "PATH" }`.
    fn headers(
        &self,
        value: &Spanned<DeValue<'_>>,
        variables: &dyn Fn(&str) -> Option<String>,
        problems: &mut Problems,
    ) -> Vec<(String, Secret)> {
        let Some(table) = value.get_ref().as_table() else {
            let advice =
                "write headers as a table: headers = { authorization = { file = \"/etc/key\" } }";
            problems.add(&self.origin(&value.span()), "headers", advice);
            return Vec::new();
        };
        let mut headers = Vec::new();
        for (key, value) in sorted(table) {
            let name = key.get_ref().as_ref();
            match secret(value.get_ref(), variables) {
                Ok(secret) => headers.push((name.to_owned(), secret)),
                Err(advice) => {
                    let setting = format!("headers.{name}");
                    problems.add(&self.origin(&value.span()), &setting, advice);
                }
            }
        }
        headers
    }
}

type Entry<'a, 'i> = (
    &'a Spanned<std::borrow::Cow<'i, str>>,
    &'a Spanned<DeValue<'i>>,
);

/// The entries of a table in the order in which they stand in the file.
pub(super) fn sorted<'a, 'i>(table: &'a DeTable<'i>) -> Vec<Entry<'a, 'i>> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// A value as it would be given elsewhere.
fn given(value: &DeValue<'_>) -> Result<Given, String> {
    if let Some(items) = value.as_array() {
        let texts = items.iter().map(|item| text(item.get_ref()));
        return texts.collect::<Result<_, _>>().map(Given::Many);
    }
    text(value).map(Given::One)
}

fn text(value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().replace('_', "")),
        DeValue::Boolean(value) => Ok(value.to_string()),
        other => Err(format!(
            "takes no {}; write a text in quotes",
            other.type_str()
        )),
    }
}

/// A secret: written out, or asked of the environment or a file.
fn secret(
    value: &DeValue<'_>,
    variables: &dyn Fn(&str) -> Option<String>,
) -> Result<Secret, String> {
    const ADVICE: &str = "write a text, { env = \"NAME\" } or { file = \"PATH\" }";
    if let Some(text) = value.as_str() {
        return Ok(Secret::new(text));
    }
    let table = value.as_table().filter(|table| table.len() == 1);
    let named = |key: &str| {
        let value = table.and_then(|table| table.get(key));
        value.and_then(|value| value.get_ref().as_str())
    };
    if let Some(name) = named("env") {
        let found = variables(name).filter(|value| !value.is_empty());
        return match found {
            Some(value) => Ok(Secret::new(value)),
            None => Err(format!("the variable {name} is not set")),
        };
    }
    match named("file") {
        Some(path) => Secret::read(Path::new(path)).map_err(|error| error.to_string()),
        None => Err(ADVICE.to_owned()),
    }
}
