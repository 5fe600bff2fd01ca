//! Brings the sources of the configuration together: defaults, file, variables, options, in the order of
//! growing precedence. Finds every problem of all of them at once.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::export::{self, ExportConfig, Target};
use super::file::{ConfigFile, UnreadableFile};
use super::place::{Origin, Problems};
use super::secret::Secret;
use super::setting::{self, Setting};
use super::settings::{Config, SETTINGS};
use super::value::{Ack, Given, Packing, Value};

/// The variable and option that name the file.
pub(super) const CONFIG: &str = "config";
/// The variable and option that name receivers to forward to.
pub(super) const EXPORT: &str = "export";
/// Headers for those.
pub(super) const EXPORT_HEADER: &str = "export-header";
/// Their compression.
pub(super) const EXPORT_COMPRESSION: &str = "export-compression";
/// The variable that holds the token itself.
pub(super) const TOKEN_VARIABLE: &str = "SPANREEL_TOKEN";

/// What options were given, by the names of their settings.
#[derive(Clone, Debug, Default)]
pub struct Flags(pub BTreeMap<&'static str, Given>);

/// Gives the value of a variable by its name.
pub type Variables = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Where the configuration comes from. It can be read again.
pub struct Sources {
    /// The options.
    pub flags: Flags,
    /// The environment.
    pub variables: Variables,
}

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources").finish_non_exhaustive()
    }
}

/// A configuration without problems, and where its values came from.
#[derive(Clone, Debug)]
pub struct Effective {
    /// The values.
    pub config: Config,
    /// Where those came from that are not defaults.
    pub origins: BTreeMap<&'static str, Origin>,
    /// The file that was read.
    pub file: Option<PathBuf>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ConfigError {
    #[error(transparent)]
    File(#[from] UnreadableFile),
    #[error(transparent)]
    Problems(#[from] Problems),
}

impl Sources {
    /// The file that an option or a variable names.
    fn path(&self) -> Option<PathBuf> {
        let named = match self.flags.0.get(CONFIG) {
            Some(Given::One(path)) => Some(path.clone()),
            _ => self.variable(CONFIG),
        };
        named.map(PathBuf::from)
    }

    /// A variable by the name of its setting; an empty one is as if it were not set.
    fn variable(&self, name: &str) -> Option<String> {
        let value = (self.variables)(&setting::variable(name));
        value.filter(|value| !value.trim().is_empty())
    }

    /// What is given for a setting outside the file: variables first, options behind them.
    fn given(&self, name: &str) -> Vec<(Given, Origin)> {
        let variable = self.variable(name).map(|value| {
            let origin = Origin::Variable(setting::variable(name));
            (Given::One(value), origin)
        });
        let flag = self.flags.0.get(name).map(|given| {
            let origin = Origin::Flag(name.to_owned());
            (given.clone(), origin)
        });
        variable.into_iter().chain(flag).collect()
    }

    /// Reads and checks everything.
    ///
    /// # Errors
    /// The file cannot be read; or everything that is wrong in all the sources.
    pub fn resolve(&self) -> Result<Effective, ConfigError> {
        let file = self
            .path()
            .map(|path| ConfigFile::read(&path))
            .transpose()?;
        let mut problems = Problems::default();
        let mut resolved = Effective {
            config: Config::default(),
            origins: BTreeMap::new(),
            file: file.as_ref().map(|file| file.path.clone()),
        };
        if let Some(file) = &file {
            let content = file.content(&self.variables, &mut problems);
            for (name, given, origin) in content.settings {
                let setting = SETTINGS.iter().find(|setting| setting.name == name);
                let setting = setting.expect("the file names settings of the table");
                resolved.set(setting, &given, origin, &mut problems);
            }
            resolved.config.exports = content.exports;
            resolved.config.sampling = content.sampling;
            resolved.config.redaction = content.redaction;
        }
        for setting in SETTINGS {
            for (given, origin) in self.given(setting.name) {
                resolved.set(setting, &given, origin, &mut problems);
            }
        }
        self.exports(&mut resolved.config, &mut problems);
        self.token(&mut resolved, &mut problems);
        resolved.choose_ack();
        super::check::check(&resolved, &mut problems);
        if problems.0.is_empty() {
            return Ok(resolved);
        }
        problems.sort();
        Err(problems.into())
    }

    /// The exports of options or variables replace those of the file.
    fn exports(&self, config: &mut Config, problems: &mut Problems) {
        let mut exports = None;
        // What has the higher precedence comes last, and replaces.
        for (given, origin) in self.given(EXPORT) {
            let urls = <Vec<String> as Value>::read(&given).unwrap_or_default();
            let mut found = Vec::new();
            for url in urls {
                match Target::parse(&url) {
                    Ok(target) => found.push(ExportConfig::new(origin.clone(), target)),
                    Err(advice) => problems.add(&origin, EXPORT, advice),
                }
            }
            exports = Some(found);
        }
        let mut headers = None;
        for (given, origin) in self.given(EXPORT_HEADER) {
            let texts = <Vec<String> as Value>::read(&given).unwrap_or_default();
            let mut found = Vec::new();
            for (text, number) in texts.iter().zip(1..) {
                match export::header(text) {
                    Ok(header) => found.push(header),
                    Err(advice) => problems.add(
                        &origin,
                        EXPORT_HEADER,
                        format!("header number {number}: {advice}"),
                    ),
                }
            }
            headers = Some((found, origin));
        }
        let mut packing = None;
        for (given, origin) in self.given(EXPORT_COMPRESSION) {
            match Packing::read(&given) {
                Ok(kind) => packing = Some((kind, origin)),
                Err(advice) => problems.add(&origin, EXPORT_COMPRESSION, advice),
            }
        }
        let Some(mut exports) = exports else {
            let idle = headers.map(|(_, origin)| (EXPORT_HEADER, origin));
            let idle = idle
                .into_iter()
                .chain(packing.map(|(_, origin)| (EXPORT_COMPRESSION, origin)));
            for (name, origin) in idle {
                problems.add(&origin, name, "is for exports given as --export or SPANREEL_EXPORT, and there is none; in a file it stands below [[export]]");
            }
            return;
        };
        for export in &mut exports {
            if matches!(export.target, Target::File(_)) {
                continue;
            }
            if let Some((headers, _)) = &headers {
                export.headers.clone_from(headers);
            }
            if let Some((kind, _)) = packing {
                export.compression = kind;
            }
        }
        config.exports = exports;
    }

    /// The token itself: of its variable, else of its file.
    fn token(&self, resolved: &mut Effective, problems: &mut Problems) {
        let variable = (self.variables)(TOKEN_VARIABLE);
        if let Some(token) = variable.filter(|token| !token.trim().is_empty()) {
            resolved.config.token = Some(Secret::new(token.trim()));
            let origin = Origin::Variable(TOKEN_VARIABLE.to_owned());
            resolved.origins.insert("token", origin);
            return;
        }
        let Some(path) = &resolved.config.token_file else {
            return;
        };
        match Secret::read(path) {
            Ok(token) => resolved.config.token = Some(token),
            Err(error) => problems.add(
                &resolved.origin("token-file"),
                "token-file",
                error.to_string(),
            ),
        }
    }
}

impl Effective {
    /// Where the value of a setting came from.
    #[must_use]
    pub fn origin(&self, name: &str) -> Origin {
        self.origins.get(name).cloned().unwrap_or_default()
    }

    /// Where nobody said when senders are answered, it is as late as nothing is lost and nobody waits for
    /// long.
    fn choose_ack(&mut self) {
        if self.origin("ack") != Origin::Default {
            return;
        }
        if self.config.data_dir.path().is_none() {
            self.config.ack = Ack::Accepted;
        }
    }

    fn set(
        &mut self,
        setting: &'static Setting<Config>,
        given: &Given,
        origin: Origin,
        problems: &mut Problems,
    ) {
        match (setting.set)(&mut self.config, given) {
            Ok(()) => {
                self.origins.insert(setting.name, origin);
            }
            Err(advice) => problems.add(&origin, setting.name, advice),
        }
    }
}
