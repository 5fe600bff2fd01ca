//! A complete file with comments, whose values are the defaults.

use std::fmt::Write as _;

use super::export::{ExportConfig, Target};
use super::place::Origin;
use super::setting::Setting;
use super::settings::{Config, EXPORT_SETTINGS, SETTINGS};

const HEAD: &str = "\
# The configuration of spanreel serve.
#
# Lines like '#grace = \"10s\"' show the default: take the # away to change it. Each setting is also an
# option (--grace) and a variable (SPANREEL_GRACE). Options win over variables, variables over this
# file. 'spanreel config check FILE' finds what is wrong, 'spanreel config explain' shows what counts
# and where it came from.
";

const EXPORTS: &str = "\
# Where telemetry is forwarded to: a table [[export]] for each receiver, each with a queue, retries and
# a book of its own. Without any, telemetry is received, counted and shown, and forwarded nowhere.
# Exports given as --export or SPANREEL_EXPORT replace these.
#
#[[export]]
# grpc://, http://, with TLS grpcs:// and https://; or file:PATH for lines of OTLP JSON.
#url = \"grpcs://collector.example.com:4317\"
# Headers of each request. Secrets are better kept elsewhere than here.
#headers = { authorization = { file = \"/etc/spanreel/backend-key\" }, x-tenant = { env = \"TENANT\" } }
";

const SAMPLING: &str = "\
# Which sessions are forwarded. Without this table all are. The first policy that is for a session
# decides; the ratio is for those that none is for. A session is forwarded whole or not at all: it is
# held until that is certain. 'spanreel sample try --config FILE RECORDING...' shows what is kept.
#
#[sampling]
#ratio = 0.01
# No more than this in all.
#at_most = { count = 50, every = \"1s\" }
# How much is held of sessions that are not decided yet; what exceeds it is decided early.
#holding = { max_wait = \"10m\", max_sessions = 1000000, max_bytes = \"64MiB\" }
#
#[[sampling.policy]]
#name = \"failed\"
#when = \"errors\"
#then = \"keep\"
#
#[[sampling.policy]]
#name = \"dear or slow\"
#when = { any = [{ cost_above = 1.0 }, { slower_than = \"60s\" }] }
#then = \"keep\"
#
#[[sampling.policy]]
#name = \"each agent\"
#then = { at_least = { count = 10, every = \"1m\", per = \"agent\" } }
";

const REDACTION: &str = "\
# What is taken out of everything that is received, before it is held, shown or forwarded. Without this
# table nothing is; an empty one looks for all that is known. What is found is replaced by its name, such
# as [email]; JSON stays JSON.
#
#[redaction]
# All but these: api-key, bearer-token, jwt, private-key, url-password, email, phone, card, iban, ip-address.
#ignore = [\"ip-address\"]
# Or these alone.
#detect = [\"api-key\", \"email\"]
# Whether what stands behind password, api_key, authorization, cookie and their like is masked.
#secret_names = true
# Whether prompts, answers, and arguments and results of tools stay.
#content = false
# By key; a * at the end stands for any rest.
#remove = [\"http.request.header.*\"]
#mask = [\"customer.name\"]
#hash = [\"user.id\"]
#hash_key_file = \"/etc/spanreel/hash-key\"
#pass = [\"server.address\"]
#only = [\"gen_ai.*\", \"http.*\"]
# Changes nothing, counts what it would change: see the metrics. 'spanreel redact try --config FILE
# RECORDING...' shows what and where.
#dry_run = true
";

/// The file.
///
/// # Panics
/// Never: a string takes everything.
#[must_use]
pub fn example() -> String {
    let mut text = HEAD.to_owned();
    let config = Config::default();
    let mut heading = "";
    for setting in SETTINGS {
        if setting.heading != heading {
            heading = setting.heading;
            write!(text, "\n\n## {heading}\n").expect("a string takes everything");
        }
        text.push('\n');
        entry(&mut text, setting, &config);
    }
    text.push_str("\n\n## Exports\n\n");
    text.push_str(EXPORTS);
    let target = Target::parse("grpc://localhost").expect("an address");
    let export = ExportConfig::new(Origin::Default, target);
    for setting in EXPORT_SETTINGS {
        entry(&mut text, setting, &export);
    }
    text.push_str("\n\n## Sampling\n\n");
    text.push_str(SAMPLING);
    text.push_str("\n\n## Redaction\n\n");
    text.push_str(REDACTION);
    text
}

/// Comments and the line of a setting.
fn entry<C>(text: &mut String, setting: &Setting<C>, config: &C) {
    let value = (setting.show)(config);
    let absent = if value.is_none() {
        " Default: none."
    } else {
        ""
    };
    let space = if setting.more.is_empty() { "" } else { " " };
    let about = format!("{}.{space}{}{absent}", setting.about, setting.more);
    for line in wrapped(&about, 100) {
        text.push_str("# ");
        text.push_str(&line);
        text.push('\n');
    }
    let shown = value.unwrap_or_else(|| setting.sample.to_owned());
    writeln!(text, "#{} = {shown}", setting.name).expect("a string takes everything");
}

/// Lines of at most `width` characters, cut between words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always a line");
        if !line.is_empty() && line.len() + 1 + word.len() > width {
            lines.push(word.to_owned());
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines
}
