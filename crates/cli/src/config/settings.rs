//! All settings of `spanreel serve`, in the order in which they are shown. The file, the variables, the
//! options, the help, the example and the explanation are made from this table.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use spanreel::ByteSize;

use super::export::ExportConfig;
use super::redaction::RedactionConfig;
use super::sampling::SamplingConfig;
use super::secret::Secret;
use super::setting::Setting;
use super::value::{Ack, DataDir, Keep, Listen, LogLevel, Measure, Value, WhenSpoolFull};
use crate::gateway::Upstream;

/// The configuration of `spanreel serve`: plain data with the documented defaults.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the table below says what each is")]
pub struct Config {
    pub otlp_grpc: Listen,
    pub otlp_http: Listen,
    pub ack: Ack,
    pub token_file: Option<PathBuf>,
    /// What `token-file` holds, or the variable `SPANREEL_TOKEN`, which wins.
    pub token: Option<Secret>,
    pub tls_certificate: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    pub tls_client_ca: Option<PathBuf>,
    pub cors_origin: Vec<String>,
    pub max_wire_bytes: ByteSize,
    pub max_request_bytes: ByteSize,
    pub receive_budget: ByteSize,
    pub max_connections: NonZeroUsize,
    pub max_streams: NonZeroU32,
    pub handshake_timeout: Duration,
    pub header_timeout: Duration,
    pub body_timeout: Duration,
    pub idle_timeout: Duration,
    pub patience: Duration,
    pub exports: Vec<ExportConfig>,
    pub sampling: SamplingConfig,
    pub redaction: RedactionConfig,
    pub memory: ByteSize,
    pub batch_delay: Duration,
    pub batch_size: NonZeroUsize,
    pub gateway: Listen,
    pub upstream: Vec<Upstream>,
    pub data_dir: DataDir,
    pub spool_size: ByteSize,
    pub spool_full: WhenSpoolFull,
    pub store: Keep,
    pub store_max_age: Duration,
    pub store_max_size: ByteSize,
    pub http: Listen,
    pub genai_metrics: Measure,
    pub genai_metrics_export: bool,
    pub allowed_host: Vec<String>,
    pub lane_down_after: Duration,
    pub sessions: NonZeroUsize,
    pub status_every: Duration,
    pub grace: Duration,
    pub log_level: LogLevel,
    pub json_logs: bool,
}

const fn count(number: usize) -> NonZeroUsize {
    match NonZeroUsize::new(number) {
        Some(number) => number,
        None => NonZeroUsize::MIN,
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            otlp_grpc: Listen::loopback(4317),
            otlp_http: Listen::loopback(4318),
            ack: Ack::Durable,
            token_file: None,
            token: None,
            tls_certificate: None,
            tls_key: None,
            tls_client_ca: None,
            cors_origin: Vec::new(),
            max_wire_bytes: ByteSize::mib(64),
            max_request_bytes: ByteSize::mib(64),
            receive_budget: ByteSize::mib(128),
            max_connections: count(1024),
            max_streams: const { NonZeroU32::new(128).expect("128 is not 0") },
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(300),
            patience: Duration::from_secs(1),
            exports: Vec::new(),
            sampling: SamplingConfig::default(),
            redaction: RedactionConfig::default(),
            memory: ByteSize::mib(256),
            batch_delay: Duration::from_secs(1),
            batch_size: count(8192),
            gateway: Listen::Off,
            upstream: Vec::new(),
            data_dir: DataDir::At("spanreel-data".into()),
            spool_size: ByteSize::gib(4),
            spool_full: WhenSpoolFull::Block,
            store: Keep::Sqlite,
            store_max_age: Duration::from_secs(30 * 24 * 60 * 60),
            store_max_size: ByteSize::gib(10),
            http: Listen::loopback(4320),
            genai_metrics: Measure::Gateway,
            genai_metrics_export: false,
            allowed_host: Vec::new(),
            lane_down_after: Duration::from_secs(60),
            sessions: count(10_000),
            status_every: Duration::from_secs(10),
            grace: Duration::from_secs(10),
            log_level: LogLevel::Info,
            json_logs: false,
        }
    }
}

/// An entry of a table: its name, its field, what stands for the value, and the rest by name.
macro_rules! table {
    ($type:ty { $(
        $heading:literal {
            $($name:literal $field:ident $form:literal $about:literal
                $(more $more:literal)? $(sample $sample:literal)? $(reloads $reloads:literal)?;)*
        }
    )* }) => {
        &[$($(Setting::<$type> {
            name: $name,
            form: $form,
            about: $about,
            more: concat!($($more)?),
            heading: $heading,
            sample: concat!($($sample)?),
            reloads: false $(|| $reloads)?,
            set: |config, given| {
                config.$field = Value::read(given)?;
                Ok(())
            },
            show: |config| Value::write(&config.$field),
        },)*)*]
    };
}

/// What can be set, but for exports, sampling and redaction.
pub static SETTINGS: &[Setting<Config>] = table! { Config {
    "Receiving" {
        "otlp-grpc" otlp_grpc "ADDR" "Where to take OTLP over gRPC, or off"
            more "With port 0 a free port is taken and printed. An address that other machines can reach \
needs a token, or clients with certificates.";
        "otlp-http" otlp_http "ADDR" "Where to take OTLP over HTTP, protobuf and JSON, or off";
        "ack" ack "WHEN" "When a sender is told that its telemetry was taken: accepted, durable or delivered"
            more "durable: when it is on disk, some milliseconds later; what was told to be taken survives the \
process and the machine. It needs --data-dir; without an export nothing is kept, and success is told at once. \
accepted: when it is in memory; what is in memory is lost when the process is killed. It is the default where \
--data-dir is off, and with policies of sampling. delivered: when every export has it; until then the sender waits, and sends again what \
could not be delivered.";
        "cors-origin" cors_origin "ORIGIN" "Let web pages of this origin send over HTTP, such as https://app.example.com"
            sample "[\"https://app.example.com\"]";
    }
    "Security" {
        "token-file" token_file "FILE" "Take telemetry only with the bearer token that this file holds"
            more "Senders give it as the header 'authorization: Bearer TOKEN'. The variable SPANREEL_TOKEN \
can hold the token itself, and wins. SIGHUP reads the file again: from then on the new token counts, and the old one no more."
            sample "\"/etc/spanreel/token\"";
        "tls-certificate" tls_certificate "FILE" "Speak TLS with this certificate chain, in PEM"
            sample "\"/etc/spanreel/server.pem\"";
        "tls-key" tls_key "FILE" "The private key of the certificate, in PEM, without a passphrase"
            sample "\"/etc/spanreel/server.key\"";
        "tls-client-ca" tls_client_ca "FILE" "Take only clients with a certificate that this authority signed, in PEM"
            sample "\"/etc/spanreel/clients.pem\"";
    }
    "Limits" {
        "max-wire-bytes" max_wire_bytes "SIZE" "The largest body of a request, as it is sent";
        "max-request-bytes" max_request_bytes "SIZE" "The largest request, unpacked and as protobuf";
        "receive-budget" receive_budget "SIZE" "What all requests that are being received may hold in memory"
            more "A request that could never fit is refused as too large; JSON needs three times its size for a while.";
        "max-connections" max_connections "COUNT" "How many connections may be open at once; more are closed";
        "max-streams" max_streams "COUNT" "How many requests one HTTP/2 connection may have under way";
        "handshake-timeout" handshake_timeout "TIME" "How long a TLS handshake may take";
        "header-timeout" header_timeout "TIME" "How long the head of a request may take";
        "body-timeout" body_timeout "TIME" "How long the body of a request may take";
        "idle-timeout" idle_timeout "TIME" "How long a connection may stay without a request";
        "patience" patience "TIME" "How long a request waits for room before its sender is told to come back";
        "memory" memory "SIZE" "What may wait in memory for the exports";
        "sessions" sessions "COUNT" "How many sessions are watched at once for the line of what arrives";
    }
    "Forwarding" {
        "batch-delay" batch_delay "TIME" "How long telemetry waits for more before it is forwarded";
        "batch-size" batch_size "COUNT" "After how many spans or log records it is forwarded at once";
    }
    "Gateway" {
        "gateway" gateway "ADDR" "Where to pass calls of models on to their providers, tracing them, or off"
            more "Set the base URL of a client to http://ADDR/openai/v1, http://ADDR/anthropic or \
http://ADDR/gemini. Keys pass through and are recorded nowhere. A request belongs to the session \
that its header 'x-session-id' names, else to the trace of its 'traceparent', else to a session of its connection.";
        "upstream" upstream "NAME=URL" "Where calls under /NAME/ go, such as openai=http://127.0.0.1:8000"
            more "Built in are openai, anthropic and gemini; another URL replaces theirs, another name is a \
provider that speaks one of their languages."
            sample "[\"vllm=http://127.0.0.1:8000\"]";
    }
    "Data" {
        "data-dir" data_dir "DIR" "Keep what is to be forwarded in this directory until it is delivered, or off"
            more "It is created where it is missing. What is received waits below it in spool/ while an export \
is away, through restarts, crashes and power cuts; 'spanreel spool' shows it. Nothing is spooled where there is \
no export. Sessions are kept in store/.";
        "spool-size" spool_size "SIZE" "The most that the spool may take on disk";
        "spool-full" spool_full "WHAT" "What happens when the spool or its disk is full: block or drop_oldest"
            more "block: senders are told to come back, and nothing is given up. drop_oldest: the oldest is given \
up for the newest, and counted as evicted.";
        "store" store "WHERE" "Where sessions are kept for the page of --http: sqlite, memory or off"
            more "sqlite: in store/ below the data directory; where that is off, in memory. Everything that is received \
is kept, whatever sampling decides. What cannot be kept in time is left out there and forwarded all the same.";
        "store-max-age" store_max_age "TIME" "Sessions of which nothing came for so long are forgotten";
        "store-max-size" store_max_size "SIZE" "What the store may hold; the sessions that were quiet longest go first"
            more "Where the store is in memory, it holds a 32nd part of that, and at most 1 GiB.";
    }
    "Operations" {
        "http" http "ADDR" "Where to answer /healthz, /readyz and /metrics, and where the page is, or off";
        "genai-metrics" genai_metrics "CALLS" "Which calls of models are measured for /metrics: gateway, all or off"
            more "gateway: those that pass the gateway, whatever sampling decides of them. all: those whose spans are \
received, too, which costs time for each span. The metrics are those of the GenAI conventions (gen_ai.client.*).";
        "genai-metrics-export" genai_metrics_export "" "Send these metrics to the exports too, once a minute"
            more "Not for exports that take no metrics: what they refuse is counted as lost.";
        "allowed-host" allowed_host "NAME" "A host name by which --http may be asked, besides localhost and IP addresses"
            more "Requests under other names are refused, because web pages could make a browser send them."
            sample "[\"spanreel.internal\"]";
        "lane-down-after" lane_down_after "TIME" "How long an export may take nothing before /readyz says so";
        "status-every" status_every "TIME" "How often the line of what arrives is written, where no terminal shows it"
            reloads true;
        "grace" grace "TIME" "How long SIGTERM and Ctrl-C leave for forwarding what is in memory";
        "log-level" log_level "LEVEL" "From which level on diagnostics are written: error, warn, info, debug or trace"
            reloads true;
        "json-logs" json_logs "" "Write everything for machines: one JSON object per line";
    }
} };

/// What can be set of an export.
pub static EXPORT_SETTINGS: &[Setting<ExportConfig>] = table! { ExportConfig {
    "Export" {
        "name" name "NAME" "What it is called in reports and metrics"
            sample "\"backend\"";
        "compression" compression "KIND" "How requests are compressed: none, gzip or zstd";
        "content" content "WHAT" "What it gets of what users and models wrote: all, spans, events or off";
        "dialect" dialect "WORDS" "Its words for what spans did: gen-ai, gen-ai-before-1.37, gen-ai-dev, openinference or langfuse";
        "timeout" timeout "TIME" "How long one attempt may take";
        "retry-for" retry_for "TIME" "How long a request is tried again before its contents are given up"
            more "With a data directory nothing is given up: it waits there.";
        "concurrency" concurrency "COUNT" "How many requests may be under way at once";
        "ca-file" ca_file "FILE" "Trust the certificates in this file instead of the system's, in PEM"
            sample "\"/etc/spanreel/backend-ca.pem\"";
        "client-certificate" client_certificate "FILE" "Show this certificate to the receiver, in PEM"
            sample "\"/etc/spanreel/client.pem\"";
        "client-key" client_key "FILE" "The private key of that certificate, in PEM"
            sample "\"/etc/spanreel/client.key\"";
    }
} };

impl Config {
    /// Where what is to be forwarded waits on disk; none where nothing is written or forwarded.
    #[must_use]
    pub fn spool_dir(&self) -> Option<PathBuf> {
        let forwards = !self.exports.is_empty();
        let dir = self.data_dir.path().filter(|_| forwards)?;
        Some(dir.join("spool"))
    }

    /// Where sessions are kept on disk; none where they are kept in memory or not at all.
    #[must_use]
    pub fn store_dir(&self) -> Option<PathBuf> {
        let keeps = self.store == Keep::Sqlite && self.http.addr().is_some();
        let dir = self.data_dir.path().filter(|_| keeps)?;
        Some(dir.join("store"))
    }
}

/// The setting of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Setting<Config>> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::value::Given;

    /// Each setting has a name of its own, and something to show: a default or a sample.
    #[test]
    fn each_setting_has_a_name_and_something_to_show() {
        let names: BTreeSet<_> = SETTINGS.iter().map(|setting| setting.name).collect();
        assert_eq!(names.len(), SETTINGS.len());
        for setting in SETTINGS {
            let default = (setting.show)(&Config::default());
            assert!(
                default.is_some() == setting.sample.is_empty(),
                "{}",
                setting.name
            );
            assert!(!setting.about.ends_with('.'), "{}", setting.name);
        }
    }

    /// A default that is shown is read as the default.
    #[test]
    fn defaults_are_read_as_they_are_shown() {
        let mut config = Config::default();
        for setting in SETTINGS {
            let Some(shown) = (setting.show)(&config) else {
                continue;
            };
            let given = Given::One(shown.trim_matches('"').to_owned());
            (setting.set)(&mut config, &given).expect(setting.name);
        }
        assert_eq!(config, Config::default());
    }
}
