//! The configuration as a whole: its sources together, its problems, its example.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::settings::SETTINGS;
use super::value::{self, Ack, Listen};
use super::*;
use crate::term::Palette;

/// Sources as a test gives them.
#[derive(Default)]
struct Given {
    file: Option<PathBuf>,
    variables: BTreeMap<String, String>,
    flags: Flags,
}

impl Given {
    fn file(mut self, folder: &Path, text: &str) -> Self {
        let path = folder.join("spanreel.toml");
        std::fs::write(&path, text).expect("written");
        self.file = Some(path);
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    fn flag(mut self, name: &'static str, value: &str) -> Self {
        self.flags
            .0
            .insert(name, value::Given::One(value.to_owned()));
        self
    }

    fn resolve(mut self) -> Result<Effective, ConfigError> {
        if let Some(file) = self.file {
            let path = value::Given::One(file.to_string_lossy().into_owned());
            self.flags.0.insert("config", path);
        }
        let variables = self.variables;
        let sources = Sources {
            flags: self.flags,
            variables: Box::new(move |name| variables.get(name).cloned()),
        };
        sources.resolve()
    }

    fn problems(self) -> Vec<String> {
        match self.resolve() {
            Err(ConfigError::Problems(problems)) => {
                problems.0.iter().map(ToString::to_string).collect()
            }
            other => panic!("there should be problems: {other:?}"),
        }
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Without any source the defaults count.
#[test]
fn nothing_given_means_the_defaults() {
    let effective = Given::default().resolve().expect("fine");
    assert_eq!(effective.config, Config::default());
    assert!(effective.origins.is_empty());
}

/// The example sets nothing as it is, and the defaults once its lines are taken at their word.
#[test]
fn the_example_shows_the_defaults() {
    let folder = folder();
    let as_it_is = Given::default().file(folder.path(), &example());
    assert_eq!(as_it_is.resolve().expect("fine").config, Config::default());

    let no_default = |name: &str| {
        let setting = SETTINGS.iter().find(|setting| setting.name == name);
        setting.is_some_and(|setting| (setting.show)(&Config::default()).is_none())
    };
    let mut set = 0;
    let mut text = String::new();
    for line in example().lines().take_while(|line| *line != "## Exports") {
        let named = line
            .strip_prefix('#')
            .and_then(|line| line.split_once(" = "));
        match named {
            Some((name, value)) if !name.starts_with(' ') && !no_default(name) => {
                text.push_str(&format!("{name} = {value}\n"));
                set += 1;
            }
            _ => text.push_str(&format!("{line}\n")),
        }
    }
    let effective = Given::default().file(folder.path(), &text).resolve();
    let effective = effective.expect("fine");
    assert_eq!(effective.config, Config::default());
    assert_eq!(effective.origins.len(), set);
    let shown = SETTINGS.iter().filter(|setting| !no_default(setting.name));
    assert_eq!(shown.count(), set, "every default is shown");
}

/// All lines of the example can be taken at their word but for the files that they name.
#[test]
fn the_samples_of_the_example_are_well_formed() {
    let folder = folder();
    let mut text = String::new();
    for line in example().lines() {
        let setting = line
            .strip_prefix('#')
            .filter(|line| !line.starts_with([' ', '#']));
        text.push_str(&format!("{}\n", setting.unwrap_or(line)));
    }
    let given = Given::default()
        .file(folder.path(), &text)
        .variable("TENANT", "blue");
    for problem in given.problems() {
        // Its key is in a file that is not there, which is told by itself.
        let of_key = problem.contains("redaction.hash");
        assert!(problem.contains("/etc/spanreel/") || of_key, "{problem}");
    }
    assert_eq!(text.lines().filter(|line| *line == "[[export]]").count(), 1);
}

/// Options win over variables, variables over the file, the file over the defaults.
#[test]
fn options_win_over_variables_over_the_file() {
    let folder = folder();
    let text = "otlp-grpc = \"127.0.0.1:1\"\notlp-http = \"127.0.0.1:2\"\nhttp = \"127.0.0.1:3\"\n";
    let effective = Given::default()
        .file(folder.path(), text)
        .variable("SPANREEL_OTLP_HTTP", "127.0.0.1:12")
        .variable("SPANREEL_HTTP", "127.0.0.1:13")
        .variable("SPANREEL_GRACE", " ")
        .flag("http", "127.0.0.1:23")
        .resolve()
        .expect("fine");
    let config = &effective.config;
    assert_eq!(config.otlp_grpc, Listen::loopback(1));
    assert_eq!(config.otlp_http, Listen::loopback(12));
    assert_eq!(config.http, Listen::loopback(23));
    assert_eq!(config.grace, Config::default().grace);
    let explained = explain(&effective, Palette::PLAIN);
    let origin = |name: &str| {
        let line = explained
            .lines()
            .find(|line| line.starts_with(&format!("{name} ")));
        line.expect(name)
            .rsplit("  ")
            .next()
            .expect("an origin")
            .to_owned()
    };
    assert!(
        origin("otlp-grpc").ends_with("spanreel.toml:1:13"),
        "{explained}"
    );
    assert_eq!(origin("otlp-http"), "SPANREEL_OTLP_HTTP");
    assert_eq!(origin("http"), "--http");
    assert_eq!(origin("grace"), "default");
}

/// Every problem is told at once, whichever source it is in, with its place.
#[test]
fn every_problem_is_told_with_its_place() {
    let folder = folder();
    let text = "\
otlp_grpc = \"127.0.0.1:1\"
grace = 10
batch-size = \"none\"
memory = [1, 2]

[[export]]
url = \"ftp://a\"

[[export]]
name = \"x\"

[[export]]
url = \"grpc://a:1\"
compresion = \"gzip\"
timeout = 1.5
headers = { a = { env = \"NOT_THERE\" }, b = 1 }
";
    let problems = Given::default()
        .file(folder.path(), text)
        .variable("SPANREEL_ACK", "maybe")
        .flag("http", "here")
        .problems();
    let path = folder.path().join("spanreel.toml");
    let expected = [
        ":1:1: otlp_grpc: there is no such setting; did you mean otlp-grpc?",
        ":7:7: url: begin it with",
        ":9:1: export: has no url",
        ":14:1: compresion: there is no such setting; did you mean compression?",
        ":15:11: timeout: takes no float",
        ":16:17: headers.a: the variable NOT_THERE is not set",
        ":16:44: headers.b: write a text",
        ":2:9: grace: write a time",
        ":3:14: batch-size: write a whole number",
        ":4:10: memory: takes one value",
    ];
    for expected in expected {
        let expected = format!("{}{expected}", path.display());
        assert!(
            problems.iter().any(|it| it.starts_with(&expected)),
            "{expected} in {problems:#?}"
        );
    }
    assert!(
        problems
            .iter()
            .any(|it| it.starts_with("SPANREEL_ACK: write one of"))
    );
    assert!(
        problems
            .iter()
            .any(|it| it.starts_with("--http: write an address"))
    );
    assert_eq!(problems.len(), expected.len() + 2, "{problems:#?}");
}

/// Which sessions are forwarded is read from the file, shown with its place, and told in which place it is
/// wrong; senders cannot wait for what policies hold.
#[test]
fn sampling_is_read_and_explained() {
    let folder = folder();
    let text = "\
grace = \"3s\"

[sampling]
ratio = 0.5

[[sampling.policy]]
name = \"failed\"
when = \"errors\"
then = \"keep\"
";
    let effective = Given::default().file(folder.path(), text).resolve();
    let effective = effective.expect("fine");
    let expected = spanreel::Sampling::ratio(0.5)
        .policy(spanreel::Policy::keep(spanreel::Rule::Errors).named("failed"));
    assert_eq!(effective.config.sampling.sampling, expected);
    let explained = explain(&effective, Palette::PLAIN);
    for line in [
        "  ratio            0.5",
        "  policy failed    when = \"errors\", then = \"keep\"",
    ] {
        assert!(
            explained.lines().any(|it| it == line),
            "{line} in {explained}"
        );
    }
    let origin = explained.lines().find(|line| line.starts_with("sampling "));
    let origin = origin.expect("a line");
    assert!(origin.ends_with("spanreel.toml:3:1"), "{explained}");

    let waiting = format!("ack = \"delivered\"\n{text}\n[[export]]\nurl = \"grpc://a:1\"\n");
    let problems = Given::default().file(folder.path(), &waiting).problems();
    assert!(
        problems[0].contains(":1:7: ack: delivered does not go with"),
        "{problems:?}"
    );

    let wrong = text
        .replace("\"errors\"", "\"eror\"")
        .replace("0.5", "\"half\"");
    let problems = Given::default().file(folder.path(), &wrong).problems();
    let path = folder.path().join("spanreel.toml");
    for expected in [
        ":4:9: sampling.ratio: is no number; write it as in 0.01",
        ":8:8: sampling.policy[0].when: is no table",
    ] {
        let expected = format!("{}{expected}", path.display());
        assert!(
            problems.iter().any(|it| it.starts_with(&expected)),
            "{expected} in {problems:#?}"
        );
    }
    assert_eq!(problems.len(), 2, "{problems:#?}");
}

/// Several errors of syntax are told at once too.
#[test]
fn errors_of_syntax_have_places() {
    let folder = folder();
    let problems = Given::default()
        .file(folder.path(), "grace = \nack = \"x\n")
        .problems();
    assert!(problems.len() >= 2, "{problems:?}");
    assert!(problems[0].contains("spanreel.toml:1:"), "{problems:?}");
}

/// What settings must have in common is told at the setting to change.
#[test]
fn contradictions_between_settings_are_told() {
    let cases: [(&[(&'static str, &str)], &str); 16] = [
        (
            &[("otlp-grpc", "off"), ("otlp-http", "off")],
            "--otlp-http: is off, and so is otlp-grpc",
        ),
        (
            &[("http", "127.0.0.1:4318")],
            "--http: is the address of otlp-http too",
        ),
        (
            &[("otlp-grpc", "0.0.0.0:4317")],
            "--otlp-grpc: lets other machines in",
        ),
        (
            &[("http", "0.0.0.0:4320")],
            "--http: lets other machines in",
        ),
        (
            &[("gateway", "0.0.0.0:4319")],
            "--gateway: lets other machines in, and anybody there",
        ),
        (
            &[("gateway", "127.0.0.1:4318")],
            "--gateway: is the address of otlp-http too",
        ),
        (
            &[("tls-key", "/dev/null")],
            "--tls-key: tls-certificate and tls-key are needed together",
        ),
        (
            &[("tls-client-ca", "/dev/null")],
            "--tls-client-ca: needs tls-certificate",
        ),
        (&[("memory", "1MiB")], "--memory: must be 8 MiB or more"),
        (&[("max-wire-bytes", "65MiB")], "--max-wire-bytes: must be"),
        (
            &[("status-every", "0s")],
            "--status-every: must be more than zero",
        ),
        (&[("ack", "delivered")], "--ack: delivered needs an export"),
        (
            &[("ack", "durable"), ("data-dir", "off")],
            "--ack: durable needs a place to keep telemetry",
        ),
        (
            &[("export", "grpc://a:1"), ("spool-size", "1MiB")],
            "--spool-size: must be 16 MiB or more",
        ),
        (
            &[("cors-origin", "example.com/x")],
            "--cors-origin: write origins like",
        ),
        (
            &[("export", "http://localhost:4318")],
            "--export: is the address of otlp-http",
        ),
    ];
    for (flags, expected) in cases {
        let given = flags.iter().fold(Given::default(), |given, (name, value)| {
            given.flag(name, value)
        });
        let problems = given.problems();
        assert_eq!(problems.len(), 1, "{flags:?}: {problems:?}");
        assert!(
            problems[0].starts_with(expected),
            "{expected}: {problems:?}"
        );
    }
}

/// Where nobody says when senders are answered, that is as safe as there is a place for: durable with a data
/// directory, also where policies hold sessions, and accepted without one.
#[test]
fn senders_are_answered_as_safely_as_there_is_a_place_for() {
    let forwarding = || Given::default().flag("export", "grpc://a:1");
    let config = forwarding().resolve().expect("fine").config;
    assert_eq!(config.ack, Ack::Durable);
    let spool = Path::new("spanreel-data/spool");
    assert_eq!(config.spool_dir().as_deref(), Some(spool));
    let off = forwarding().variable("SPANREEL_DATA_DIR", "off");
    let config = off.resolve().expect("fine").config;
    assert_eq!((config.ack, config.spool_dir()), (Ack::Accepted, None));
    let folder = folder();
    let policies = "[[sampling.policy]]\nwhen = \"errors\"\nthen = \"keep\"\n";
    let config = forwarding().file(folder.path(), policies).resolve();
    assert_eq!(config.expect("fine").config.ack, Ack::Durable);
    let config = Given::default().resolve().expect("fine").config;
    assert_eq!(config.spool_dir(), None, "nothing is forwarded");
}

/// What can be no name of a host would never be asked for: it is refused, not kept and ignored.
#[test]
fn allowed_hosts_are_names() {
    let given = |name: &str| Given::default().flag("allowed-host", name);
    for name in ["spanreel.internal", "box", "192.0.2.1"] {
        assert!(given(name).resolve().is_ok(), "{name}");
    }
    for name in ["a b", "http://box", "box:4320", "me@box"] {
        let problems = given(name).problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(
            problems[0].starts_with("--allowed-host: write"),
            "{problems:?}"
        );
    }
}

/// An address that others reach is fine with a token, and is refused without.
#[test]
fn an_exposed_address_needs_a_token() {
    let exposed = || Given::default().flag("otlp-grpc", "0.0.0.0:4317");
    let with_token = exposed()
        .variable("SPANREEL_TOKEN", "abc")
        .resolve()
        .expect("fine");
    assert_eq!(
        with_token.config.token.as_ref().map(secret::Secret::reveal),
        Some("abc")
    );
    assert_eq!(exposed().problems().len(), 1);
    let no_token = exposed().variable("SPANREEL_TOKEN", "two words").problems();
    assert_eq!(no_token.len(), 1, "{no_token:?}");
    assert!(no_token[0].starts_with("SPANREEL_TOKEN: ") && !no_token[0].contains("two"));
}

/// Exports of options replace those of variables and of the file, and take headers and compression along.
#[test]
fn exports_of_options_replace_the_others() {
    let folder = folder();
    let text = "ack = \"delivered\"\n[[export]]\nurl = \"grpc://a:1\"\nname = \"a\"\nheaders = { k = \"s3cret\" }\n";
    let of_file = Given::default()
        .file(folder.path(), text)
        .resolve()
        .expect("fine");
    assert_eq!(of_file.config.exports.len(), 1);
    assert_eq!(of_file.config.ack, Ack::Delivered);
    let explained = explain(&of_file, Palette::PLAIN);
    assert!(
        explained.contains("header k") && !explained.contains("s3cret"),
        "{explained}"
    );
    assert!(!format!("{of_file:?}").contains("s3cret"));

    let effective = Given::default()
        .file(folder.path(), text)
        .variable("SPANREEL_EXPORT", "grpc://b:1")
        .variable("SPANREEL_EXPORT_HEADER", "x-key=a%20b,y=z")
        .flag("export", "http://c:1,file:/tmp/x")
        .flag("export-compression", "zstd")
        .resolve()
        .expect("fine");
    let shown: Vec<_> = effective
        .config
        .exports
        .iter()
        .map(|it| it.target.to_string())
        .collect();
    assert_eq!(shown, ["http://c:1", "file:/tmp/x"]);
    let first = &effective.config.exports[0];
    assert_eq!(first.compression, value::Packing::Zstd);
    assert_eq!(first.headers[0].1.reveal(), "a b");

    let idle = Given::default()
        .flag("export-compression", "gzip")
        .problems();
    assert!(idle[0].contains("there is none"), "{idle:?}");
}

/// The page about the command tells of every setting.
#[test]
fn the_documentation_tells_of_every_setting() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/serve.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let exports = settings::EXPORT_SETTINGS.iter().map(|setting| setting.name);
    for name in SETTINGS.iter().map(|setting| setting.name).chain(exports) {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
    for setting in SETTINGS {
        if let Some(default) = (setting.show)(&Config::default()) {
            let row = page
                .lines()
                .find(|line| line.starts_with(&format!("| `{}`", setting.name)));
            let row = row.unwrap_or_else(|| panic!("{} has no row", setting.name));
            assert!(
                row.contains(default.trim_matches('"')),
                "{row} says {default}"
            );
        }
    }
}
