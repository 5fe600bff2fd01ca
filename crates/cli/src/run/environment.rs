//! The variables that make a command send its telemetry here.
//!
//! Pure: reads the environment through what it is given, and says what to set and what to take away. The
//! context of the trace is written by the session itself.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::args::Protocol;

/// What stays as it is in the value of a resource attribute (W3C Baggage, "value"): more than this
/// would be allowed, and this is enough for ids.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/')
    .remove(b':');

const PREFIX: &str = "OTEL_EXPORTER_OTLP_";

/// What of `OTEL_EXPORTER_OTLP_*` says where to send to, how and as whom. Compression and time-outs are the
/// command's own.
const WHERE: [&str; 7] = [
    "ENDPOINT",
    "PROTOCOL",
    "HEADERS",
    "CERTIFICATE",
    "CLIENT_KEY",
    "CLIENT_CERTIFICATE",
    "INSECURE",
];

/// A key for AgentOps where there is none: its SDK starts with any UUID, and nobody checks it here.
const AGENTOPS_KEY: &str = "00000000-0000-4000-8000-000000000000";

/// What is to be known for the variables of a command.
#[derive(Clone, Debug)]
pub(crate) struct Wanted<'a> {
    /// Where the receiver is: `http://127.0.0.1:40123`.
    pub(crate) url: &'a str,
    pub(crate) protocol: Protocol,
    pub(crate) session: &'a str,
    /// Turns on coding agents.
    pub(crate) coding_agent: bool,
}

/// The difference between this environment and that of the command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Variables {
    pub(crate) set: Vec<(&'static str, String)>,
    pub(crate) remove: Vec<String>,
}

impl Variables {
    /// Works them out from the names of all variables, and a way to read one.
    pub(crate) fn new(
        wanted: &Wanted<'_>,
        names: impl IntoIterator<Item = String>,
        read: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let Wanted { url, session, .. } = *wanted;
        let remove = names.into_iter().filter(|name| leads_away(name)).collect();
        let resource = read("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
        let mut set = vec![
            ("OTEL_EXPORTER_OTLP_ENDPOINT", url.to_owned()),
            (
                "OTEL_EXPORTER_OTLP_PROTOCOL",
                wanted.protocol.name().to_owned(),
            ),
            ("OTEL_TRACES_EXPORTER", "otlp".to_owned()),
            ("OTEL_LOGS_EXPORTER", "otlp".to_owned()),
            ("OTEL_METRICS_EXPORTER", "otlp".to_owned()),
            ("OTEL_RESOURCE_ATTRIBUTES", with_session(&resource, session)),
            ("TRACELOOP_BASE_URL", url.to_owned()),
            ("AGENTOPS_EXPORTER_ENDPOINT", format!("{url}/v1/traces")),
            ("AGENTOPS_API_ENDPOINT", url.to_owned()),
        ];
        if read("AGENTOPS_API_KEY").is_none_or(|key| key.is_empty()) {
            set.push(("AGENTOPS_API_KEY", AGENTOPS_KEY.to_owned()));
        }
        if wanted.coding_agent {
            let protocol = match wanted.protocol {
                Protocol::Grpc => "grpc",
                Protocol::HttpProtobuf | Protocol::HttpJson => "http",
            };
            set.extend([
                // Claude Code: events and metrics, and spans.
                ("CLAUDE_CODE_ENABLE_TELEMETRY", "1".to_owned()),
                ("CLAUDE_CODE_ENHANCED_TELEMETRY_BETA", "1".to_owned()),
                // Gemini CLI.
                ("GEMINI_TELEMETRY_ENABLED", "true".to_owned()),
                ("GEMINI_TELEMETRY_TRACES_ENABLED", "true".to_owned()),
                ("GEMINI_TELEMETRY_TARGET", "local".to_owned()),
                ("GEMINI_TELEMETRY_OTLP_ENDPOINT", url.to_owned()),
                ("GEMINI_TELEMETRY_OTLP_PROTOCOL", protocol.to_owned()),
            ]);
        }
        Self { set, remove }
    }
}

/// Whether a variable would send the telemetry of the command elsewhere, carry keys for elsewhere, or
/// switch it off.
fn leads_away(name: &str) -> bool {
    if name == "OTEL_SDK_DISABLED" || name == "SPANREEL_EXPORT_HEADER" {
        return true;
    }
    let Some(rest) = name.strip_prefix(PREFIX) else {
        return false;
    };
    let signals = ["TRACES_", "LOGS_", "METRICS_", "PROFILES_"];
    let of_signal = signals.iter().find_map(|signal| rest.strip_prefix(signal));
    WHERE.contains(&of_signal.unwrap_or(rest))
}

/// The session that `OTEL_RESOURCE_ATTRIBUTES` names, if it does.
pub(crate) fn session_of(resource: &str) -> Option<String> {
    let value = resource.split(',').rev().find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key.trim() == "session.id").then_some(value.trim())
    })?;
    let id = percent_decode_str(value).decode_utf8().ok()?;
    (!id.is_empty()).then(|| id.into_owned())
}

/// The same attributes with this session, and no other.
fn with_session(resource: &str, session: &str) -> String {
    let is_other = |pair: &&str| {
        let key = pair.split('=').next().unwrap_or_default().trim();
        !key.is_empty() && key != "session.id"
    };
    let mut pairs: Vec<&str> = resource.split(',').filter(is_other).collect();
    let session = format!("session.id={}", utf8_percent_encode(session, PLAIN));
    pairs.push(&session);
    pairs.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(coding_agent: bool) -> Wanted<'static> {
        Wanted {
            url: "http://127.0.0.1:1",
            protocol: Protocol::HttpProtobuf,
            session: "a b",
            coding_agent,
        }
    }

    fn variables(coding_agent: bool, environment: &[(&str, &str)]) -> Variables {
        let names = environment.iter().map(|(name, _)| (*name).to_owned());
        Variables::new(&wanted(coding_agent), names, |name| {
            let found = environment.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    /// What leads elsewhere is taken away with its keys; what is the command's own stays.
    #[test]
    fn what_leads_elsewhere_is_taken_away() {
        let variables = variables(
            false,
            &[
                ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://b"),
                ("OTEL_EXPORTER_OTLP_HEADERS", "k=s3cret"),
                ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "k=s3cret"),
                ("OTEL_SDK_DISABLED", "true"),
                ("SPANREEL_EXPORT_HEADER", "k=s3cret"),
                ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
                ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "1"),
                ("OTEL_SERVICE_NAME", "mine"),
                ("PATH", "/bin"),
            ],
        );
        assert_eq!(
            variables.remove,
            [
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                "OTEL_EXPORTER_OTLP_HEADERS",
                "OTEL_EXPORTER_OTLP_LOGS_HEADERS",
                "OTEL_SDK_DISABLED",
                "SPANREEL_EXPORT_HEADER",
            ]
        );
        assert!(
            variables
                .set
                .iter()
                .all(|(name, _)| *name != "OTEL_SERVICE_NAME")
        );
    }

    /// The session joins the attributes that are there, in place of another one.
    #[test]
    fn the_session_joins_the_attributes() {
        assert_eq!(with_session("", "a"), "session.id=a");
        assert_eq!(
            with_session("x=1, session.id=old,,y=2", "a,b"),
            "x=1,y=2,session.id=a%2Cb"
        );
        assert_eq!(session_of("x=1, session.id=a%2Cb"), Some("a,b".to_owned()));
        assert_eq!(session_of("session.id="), None);
        assert_eq!(session_of("service.name=x"), None);
    }

    /// A key that is there stays; coding agents are turned on only when that is wanted.
    #[test]
    fn switches_are_set_where_they_are_wanted() {
        let has = |variables: &Variables, wanted: &str| {
            variables.set.iter().any(|(name, _)| *name == wanted)
        };
        let plain = variables(false, &[("AGENTOPS_API_KEY", "mine")]);
        assert!(!has(&plain, "AGENTOPS_API_KEY") && !has(&plain, "CLAUDE_CODE_ENABLE_TELEMETRY"));
        let agent = variables(true, &[]);
        assert!(has(&agent, "AGENTOPS_API_KEY") && has(&agent, "CLAUDE_CODE_ENABLE_TELEMETRY"));
    }
}
