//! What a setting is: one name for the file, the variable and the option, and how its value is read and
//! shown.

use super::value::Given;

/// A setting of `C`.
#[derive(Clone, Copy, Debug)]
pub struct Setting<C: 'static> {
    /// The key in the file and, behind two dashes, the option: `otlp-grpc`.
    pub name: &'static str,
    /// What stands for its value in help: `ADDR`.
    pub form: &'static str,
    /// What it does, in one sentence without its full stop.
    pub about: &'static str,
    /// What else must be known; may be empty.
    pub more: &'static str,
    /// The heading that it stands under.
    pub heading: &'static str,
    /// A value to show where the default is none, as TOML.
    pub sample: &'static str,
    /// SIGHUP applies a new value.
    pub reloads: bool,
    /// Reads a value into its place.
    pub set: fn(&mut C, &Given) -> Result<(), String>,
    /// Its value, as TOML; `None` where it has none.
    pub show: fn(&C) -> Option<String>,
}

impl<C> Setting<C> {
    /// The name of its variable: `SPANREEL_OTLP_GRPC`.
    #[must_use]
    pub fn variable(&self) -> String {
        variable(self.name)
    }

    /// Takes no value but true and false, and as an option may stand alone.
    #[must_use]
    pub fn is_switch(&self) -> bool {
        self.form.is_empty()
    }

    /// Takes a list.
    #[must_use]
    pub fn is_list(&self) -> bool {
        self.sample.starts_with('[')
    }
}

/// The variable of the setting with this name.
#[must_use]
pub fn variable(name: &str) -> String {
    format!("SPANREEL_{}", name.replace('-', "_").to_uppercase())
}

/// The name out of `known` that was probably meant.
pub(crate) fn similar<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_ascii_lowercase().replace('_', "-");
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&name, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
}

/// Advice about a name that is none.
pub(crate) fn unknown<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    match similar(name, known) {
        Some(candidate) => format!("there is no such setting; did you mean {candidate}?"),
        None => "there is no such setting; 'spanreel config example' shows them all".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A slip leads to what was meant, also with underscores; nonsense leads nowhere.
    #[test]
    fn a_slip_leads_to_what_was_meant() {
        let known = ["otlp-grpc", "otlp-http", "grace"];
        assert_eq!(similar("otlp_grpc", known), Some("otlp-grpc"));
        assert_eq!(similar("oltp-http", known), Some("otlp-http"));
        assert_eq!(similar("zebra", known), None);
    }
}
