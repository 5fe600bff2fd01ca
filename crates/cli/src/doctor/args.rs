//! The options of `spanreel doctor`, and what they mean together.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::config::export::header;
use crate::config::secret::Secret;
use crate::endpoint::Endpoint;
use crate::units;

/// Find out why an OTLP receiver takes no telemetry
///
/// Goes the way of an exporter step by step (name, connection, TLS, protocol, each signal, JSON,
/// compression) and says for each step whether it is well, and what to do where it is not. Then it
/// measures the round trip and compares the clocks.
///
/// All requests are empty: they hold no span, no log record and no data point, so that a receiver has
/// nothing to store.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DoctorArgs {
    /// The receiver: grpc://HOST:PORT, http://HOST:PORT; with TLS grpcs:// or https://
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:4318")]
    pub endpoint: Endpoint,

    /// Send this header with each request, the value percent-encoded, such as
    /// authorization=Bearer%20KEY; may be given several times
    ///
    /// Keys are better kept in the variable: others can see what stands on a command line. Headers are
    /// sent after the certificate of the receiver has been checked, and never shown.
    #[arg(
        long = "header",
        value_name = "NAME=VALUE",
        env = "OTEL_EXPORTER_OTLP_HEADERS",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub headers: Vec<String>,

    /// Trust the certificates in this PEM file instead of the operating system's
    #[arg(long, value_name = "FILE", env = "OTEL_EXPORTER_OTLP_CERTIFICATE")]
    pub ca_file: Option<PathBuf>,

    /// Present the certificate in this PEM file
    #[arg(long, value_name = "FILE", requires = "client_key")]
    pub client_certificate: Option<PathBuf>,

    /// The key of that certificate
    #[arg(long, value_name = "FILE", requires = "client_certificate")]
    pub client_key: Option<PathBuf>,

    /// How long one step may take
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = units::time)]
    pub timeout: Duration,

    /// Find the largest request that is accepted, up to 16 MiB
    ///
    /// Sends up to 11 requests of up to 16 MiB. They hold a single field that OTLP does not define, made of
    /// zeros, which receivers skip: nothing is stored, but the bytes are sent.
    #[arg(long)]
    pub size_limits: bool,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const EXAMPLES: &str = "\
Examples:
  spanreel doctor
      Looks at the receiver on this machine.
  OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20KEY \\
  spanreel doctor --endpoint https://otlp.example.com --size-limits
      Looks at a backend, with a key.

Exit codes:
  0  it takes spans, perhaps with warnings
  1  something failed
  2  the command line was wrong";

/// What `spanreel doctor` is to do.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "named like the options")]
pub struct DoctorPlan {
    pub endpoint: Endpoint,
    pub headers: Vec<(String, Secret)>,
    pub ca_file: Option<PathBuf>,
    /// Certificate and key.
    pub client: Option<(PathBuf, PathBuf)>,
    pub timeout: Duration,
    pub size_limits: bool,
    pub json: bool,
}

/// An option that cannot be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message says it")]
pub enum Conflict {
    #[error("--header (or OTEL_EXPORTER_OTLP_HEADERS): {0}")]
    Header(String),
}

impl DoctorArgs {
    /// Works out what the options mean.
    ///
    /// # Errors
    /// A header is not written as one.
    pub fn plan(self) -> Result<DoctorPlan, Conflict> {
        let given = self.headers.iter().filter(|text| !text.trim().is_empty());
        let headers = given.map(|text| header(text).map_err(Conflict::Header));
        Ok(DoctorPlan {
            headers: headers.collect::<Result<_, _>>()?,
            endpoint: self.endpoint,
            ca_file: self.ca_file,
            client: self.client_certificate.zip(self.client_key),
            timeout: self.timeout,
            size_limits: self.size_limits,
            json: self.json,
        })
    }
}
