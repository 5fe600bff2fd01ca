//! Every effective value and where it came from. Secrets do not show.

use std::fmt::Write as _;

use super::resolve::Effective;
use super::settings::SETTINGS;
use crate::term::Palette;

/// Where an explained value starts.
const VALUE_COLUMN: usize = 18;
/// Where its origin starts.
const ORIGIN_COLUMN: usize = 46;

/// The explanation: a line for each setting, export and policy. What is not a default stands out.
///
/// # Panics
/// Never: a string takes everything.
#[must_use]
pub fn explain(effective: &Effective, palette: Palette) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str, origin: String| {
        let left = format!("{name:VALUE_COLUMN$} {value}");
        let line = format!("{left:ORIGIN_COLUMN$}  {origin}");
        let is_default = origin == "default";
        let shown = if is_default {
            palette.faint(&line)
        } else {
            line
        };
        writeln!(text, "{shown}").expect("a string takes everything");
    };
    for setting in SETTINGS {
        let value = (setting.show)(&effective.config);
        let origin = effective.origin(setting.name);
        line(
            setting.name,
            value.as_deref().unwrap_or("-"),
            origin.to_string(),
        );
    }
    if effective.config.token.is_some() {
        let origin = match effective.origins.get("token") {
            Some(origin) => origin.to_string(),
            None => "token-file".to_owned(),
        };
        line("token", "(hidden)", origin);
    }
    if effective.config.exports.is_empty() {
        line("export", "-", "default".to_owned());
    }
    for export in &effective.config.exports {
        line(
            "export",
            &export.target.to_string(),
            export.origin.to_string(),
        );
        for setting in super::settings::EXPORT_SETTINGS {
            if let Some(value) = (setting.show)(export) {
                let name = format!("  {}", setting.name);
                line(&name, &value, String::new());
            }
        }
        for (name, _) in &export.headers {
            line(&format!("  header {name}"), "(hidden)", String::new());
        }
    }
    let sampling = &effective.config.sampling;
    let shown = sampling.shown();
    let count = if shown.is_empty() { "-" } else { "" };
    line("sampling", count, sampling.origin.to_string());
    for (name, value) in shown {
        line(&format!("  {name}"), &value, String::new());
    }
    let redaction = &effective.config.redaction;
    let shown = redaction.shown();
    let what = match redaction.redaction {
        Some(_) if shown.is_empty() => "standard",
        Some(_) => "",
        None => "-",
    };
    line("redaction", what, redaction.origin.to_string());
    for (name, value) in shown {
        line(&format!("  {name}"), &value, String::new());
    }
    text.lines()
        .fold(String::new(), |all, line| all + line.trim_end() + "\n")
}
