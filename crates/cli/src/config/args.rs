//! The options of `spanreel serve` and of `spanreel config`, made from the table of settings.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, Subcommand};

use super::resolve::{
    CONFIG, EXPORT, EXPORT_COMPRESSION, EXPORT_HEADER, Flags, Sources, TOKEN_VARIABLE,
};
use super::setting::{Setting, variable};
use super::settings::{Config, SETTINGS};
use super::value::Given;

/// Options that are no settings of the table: name, form, heading, help.
const OTHERS: [(&str, &str, &str, &str); 4] = [
    (
        CONFIG,
        "FILE",
        "Configuration",
        "Read settings from this TOML file; 'spanreel config example' prints one",
    ),
    (
        EXPORT,
        "URL",
        "Forwarding",
        "Forward to this OTLP receiver: grpc://HOST:PORT, http://HOST:PORT, with TLS grpcs:// or https://; \
         or file:PATH. May be given several times",
    ),
    (
        EXPORT_HEADER,
        "NAME=VALUE",
        "Forwarding",
        "Send this header with each request to them, percent-encoded; may be given several times. Keys are \
         better kept in the variable: others can see what stands on a command line",
    ),
    (
        EXPORT_COMPRESSION,
        "KIND",
        "Forwarding",
        "Compress requests to them: none, gzip or zstd",
    ),
];

/// The settings that were given as options.
#[derive(Clone, Debug, Default)]
pub struct SettingArgs {
    /// What was given, by setting.
    pub flags: Flags,
}

impl SettingArgs {
    /// The sources of the configuration, with the environment of this process.
    #[must_use]
    pub fn sources(self) -> Sources {
        Sources {
            flags: self.flags,
            variables: Box::new(environment),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the configuration of the command, which no pipeline reads"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The variables of this process that look like settings and are none.
#[must_use]
pub fn unknown_variables() -> Vec<String> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let known = |name: &str| {
        name == TOKEN_VARIABLE
            || SETTINGS.iter().any(|setting| setting.variable() == name)
            || OTHERS.iter().any(|(other, ..)| variable(other) == name)
    };
    names
        .filter(|name| name.starts_with("SPANREEL_") && !known(name))
        .collect()
}

fn argument(setting: &'static Setting<Config>) -> Arg {
    let mut notes = String::new();
    if let Some(default) = (setting.show)(&Config::default()) {
        notes = format!(" [default: {}]", default.trim_matches('"'));
    }
    notes += &format!(" [env: {}]", setting.variable());
    let help = format!("{}{notes}", setting.about);
    let arg = Arg::new(setting.name)
        .long(setting.name)
        .help_heading(setting.heading)
        .help(help.clone());
    let arg = match setting.more {
        "" => arg,
        more => arg.long_help(format!("{help}\n\n{more}")),
    };
    if setting.is_switch() {
        return arg
            .value_name("BOOL")
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .hide_possible_values(true);
    }
    let arg = arg.value_name(setting.form);
    if setting.is_list() {
        return arg.action(ArgAction::Append);
    }
    arg
}

impl Args for SettingArgs {
    fn augment_args(command: Command) -> Command {
        let mut command = command;
        for (name, form, heading, help) in OTHERS {
            let is_list = name == EXPORT || name == EXPORT_HEADER;
            let action = if is_list {
                ArgAction::Append
            } else {
                ArgAction::Set
            };
            let arg = Arg::new(name)
                .long(name)
                .value_name(form)
                .help_heading(heading)
                .help(format!("{help} [env: {}]", variable(name)));
            command = command.arg(arg.action(action));
        }
        command.args(SETTINGS.iter().map(argument))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SettingArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut given = BTreeMap::new();
        let names = SETTINGS
            .iter()
            .map(|setting| (setting.name, setting.is_list()));
        let others = OTHERS.map(|(name, ..)| (name, name == EXPORT || name == EXPORT_HEADER));
        for (name, is_list) in names.chain(others) {
            let Some(values) = matches.get_many::<String>(name) else {
                continue;
            };
            let mut values: Vec<String> = values.cloned().collect();
            let value = match values.pop() {
                Some(value) if values.is_empty() && !is_list => Given::One(value),
                Some(value) => {
                    values.push(value);
                    Given::Many(values)
                }
                None => continue,
            };
            given.insert(name, value);
        }
        Ok(Self {
            flags: Flags(given),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Receive OTLP, show what arrives, forward it
///
/// Listens for OTLP over gRPC and HTTP, shows sessions, spans, tokens, cost and errors as they arrive,
/// and forwards everything to the receivers given as --export, with a queue, retries and a book for each.
/// Without any it still receives, counts and shows. SIGTERM and Ctrl-C forward what is in memory and
/// print what became of everything; a second one stops at once. SIGHUP reads the configuration again.
#[derive(Clone, Debug, Args)]
#[command(after_help = SERVE_EXAMPLES)]
pub struct ServeArgs {
    /// The settings.
    #[command(flatten)]
    pub settings: SettingArgs,
}

const SERVE_EXAMPLES: &str = "\
Each option can also be set in a file (--config) and as a variable; options win, then variables.

Exit codes:
  0  stopped, and nothing was lost
  1  failed, such as when a port is taken
  2  the configuration is wrong
  4  stopped, and telemetry was lost

Examples:
  spanreel serve
      Listens on this machine alone and shows what arrives.
  spanreel serve --export grpc://collector.example.com:4317 --ack delivered
      Forwards to a collector; senders are told when the collector has it.
  spanreel serve --export file:/var/tmp/traces.jsonl --otlp-grpc off
      Takes OTLP over HTTP alone and writes it into a file.";

/// Check, explain or begin a configuration of 'spanreel serve'
#[derive(Clone, Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct ConfigArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// What to do with a configuration.
#[derive(Clone, Debug, Subcommand)]
pub enum ConfigCommand {
    /// Find everything that is wrong, with its place; the exit code is 2 if there is something
    Check {
        /// The file; without it that of --config or SPANREEL_CONFIG
        #[arg(value_name = "FILE", conflicts_with = CONFIG)]
        file: Option<PathBuf>,
        /// The settings.
        #[command(flatten)]
        settings: SettingArgs,
    },
    /// Show every effective value and where it came from; secrets are hidden
    Explain {
        /// The file; without it that of --config or SPANREEL_CONFIG
        #[arg(value_name = "FILE", conflicts_with = CONFIG)]
        file: Option<PathBuf>,
        /// The settings.
        #[command(flatten)]
        settings: SettingArgs,
    },
    /// Print a complete file with comments, whose values are the defaults
    Example,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Alone {
        #[command(flatten)]
        serve: ServeArgs,
    }

    fn flags(line: &str) -> Flags {
        let words = ["serve"].into_iter().chain(line.split_whitespace());
        let alone = Alone::try_parse_from(words).expect("a command line");
        alone.serve.settings.flags
    }

    /// Options that are given arrive as they are; switches need no value, lists take several.
    #[test]
    fn options_arrive_as_given() {
        let flags = flags(
            "--grace 3s --json-logs --export grpc://a:1 --export http://b:2 --status-every 1s",
        )
        .0;
        let one = |text: &str| Some(Given::One(text.to_owned()));
        assert_eq!(flags.get("grace").cloned(), one("3s"));
        assert_eq!(flags.get("json-logs").cloned(), one("true"));
        assert_eq!(flags.get("status-every").cloned(), one("1s"));
        let urls = ["grpc://a:1", "http://b:2"].map(str::to_owned);
        assert_eq!(flags.get("export"), Some(&Given::Many(urls.to_vec())));
        assert_eq!(flags.get("http"), None);
    }

    /// The token has no option: others could see it.
    #[test]
    fn the_token_is_no_option() {
        assert!(Alone::try_parse_from(["serve", "--token", "x"]).is_err());
    }
}
