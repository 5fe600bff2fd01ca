//! What `OTEL_EXPORTER_OTLP_*` says (OTLP exporter specification, "Configuration Options").

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::lists::{members, percent_decoded};
use super::reader::Reader;
use crate::model::compression::Compression;

/// The settings of one signal; each one that the signal does not set itself is the general one.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct OtlpEnvironment {
    pub(crate) endpoint: Option<OtlpEndpoint>,
    pub(crate) protocol: Option<OtlpProtocol>,
    /// Secret. Empty where none are set. The headers of a signal replace all general ones.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) compression: Option<Compression>,
    /// Of one attempt.
    pub(crate) timeout: Option<Duration>,
    /// A PEM file with the certificates to trust.
    pub(crate) certificate: Option<PathBuf>,
    /// A PEM file with the key of the client, for mutual TLS.
    pub(crate) client_key: Option<PathBuf>,
    /// A PEM file with the certificates of the client, for mutual TLS.
    pub(crate) client_certificate: Option<PathBuf>,
    /// Whether gRPC goes without TLS to an endpoint that names no scheme.
    pub(crate) insecure: Option<bool>,
}

/// Where OTLP goes, as written.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct OtlpEndpoint {
    pub(crate) url: String,
    /// Whether OTLP over HTTP appends `v1/traces` and the like; false for the endpoint of one
    /// signal, which is used as it is.
    pub(crate) is_base: bool,
}

/// How OTLP is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OtlpProtocol {
    Grpc,
    HttpProtobuf,
    HttpJson,
}

const PROTOCOLS: &[(&str, OtlpProtocol)] = &[
    ("grpc", OtlpProtocol::Grpc),
    ("http/protobuf", OtlpProtocol::HttpProtobuf),
    ("http/json", OtlpProtocol::HttpJson),
];

/// `zstd` goes beyond the specification; the Collector and spanreel itself take it.
const COMPRESSIONS: &[(&str, Compression)] = &[
    ("none", Compression::None),
    ("gzip", Compression::Gzip),
    ("zstd", Compression::Zstd),
];

/// The settings of traces, of logs and of metrics.
pub(super) fn read(reader: &mut Reader<'_>) -> [OtlpEnvironment; 3] {
    let general = read_prefixed(reader, "OTEL_EXPORTER_OTLP_", true);
    [
        "OTEL_EXPORTER_OTLP_TRACES_",
        "OTEL_EXPORTER_OTLP_LOGS_",
        "OTEL_EXPORTER_OTLP_METRICS_",
    ]
    .map(|prefix| read_prefixed(reader, prefix, false).or(&general))
}

fn read_prefixed(reader: &mut Reader<'_>, prefix: &str, is_base: bool) -> OtlpEnvironment {
    let name = |setting: &str| format!("{prefix}{setting}");
    let endpoint = reader.text(&name("ENDPOINT"));
    OtlpEnvironment {
        endpoint: endpoint.map(|url| OtlpEndpoint { url, is_base }),
        protocol: reader.one_of(&name("PROTOCOL"), PROTOCOLS),
        headers: headers(reader, &name("HEADERS")),
        compression: reader.one_of(&name("COMPRESSION"), COMPRESSIONS),
        timeout: reader.timeout(&name("TIMEOUT")),
        certificate: reader.text(&name("CERTIFICATE")).map(PathBuf::from),
        client_key: reader.text(&name("CLIENT_KEY")).map(PathBuf::from),
        client_certificate: reader.text(&name("CLIENT_CERTIFICATE")).map(PathBuf::from),
        insecure: reader.boolean(&name("INSECURE")),
    }
}

impl OtlpEnvironment {
    /// Whether it is to be spoken in JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.protocol == Some(OtlpProtocol::HttpJson)
    }

    fn or(self, general: &Self) -> Self {
        let general = general.clone();
        Self {
            endpoint: self.endpoint.or(general.endpoint),
            protocol: self.protocol.or(general.protocol),
            headers: if self.headers.is_empty() {
                general.headers
            } else {
                self.headers
            },
            compression: self.compression.or(general.compression),
            timeout: self.timeout.or(general.timeout),
            certificate: self.certificate.or(general.certificate),
            client_key: self.client_key.or(general.client_key),
            client_certificate: self.client_certificate.or(general.client_certificate),
            insecure: self.insecure.or(general.insecure),
        }
    }
}

/// The headers of a comma list; bad ones are left out. No warning repeats any of their text.
fn headers(reader: &mut Reader<'_>, name: &str) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    for (position, member) in members(&reader.text(name).unwrap_or_default()) {
        match header(member) {
            Some(header) => headers.push(header),
            None => reader.warn(format!(
                "{name}: header {position} is ignored; expected name=value, with commas, percent \
                 signs and control characters of the value percent-encoded"
            )),
        }
    }
    headers
}

/// Name and decoded value. The name must be a token (RFC 9110, section 5.6.2), the value must not
/// hold control characters, with which one header could smuggle in another.
fn header(member: &str) -> Option<(String, String)> {
    let (name, value) = member.split_once('=')?;
    let name = name.trim();
    let value = percent_decoded(value.trim())?;
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let fine = !name.is_empty()
        && name.bytes().all(is_token)
        && !value.chars().any(|char| char.is_control() && char != '\t');
    fine.then(|| (name.to_owned(), value))
}

/// Shows the names of headers, not their values.
impl fmt::Debug for OtlpEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header_names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("OtlpEnvironment")
            .field("endpoint", &self.endpoint)
            .field("protocol", &self.protocol)
            .field("header_names", &header_names)
            .field("compression", &self.compression)
            .field("timeout", &self.timeout)
            .field("certificate", &self.certificate)
            .field("client_key", &self.client_key)
            .field("client_certificate", &self.client_certificate)
            .field("insecure", &self.insecure)
            .finish()
    }
}

/// Shows scheme, host and path; not a user, a password or a query, which may be secret.
impl fmt::Debug for OtlpEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url.split(['?', '#']).next().unwrap_or_default();
        let (scheme, rest) = match url.split_once("://") {
            Some((scheme, rest)) => (format!("{scheme}://"), rest),
            None => (String::new(), url),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = authority.rsplit('@').next().unwrap_or_default();
        let kind = if self.is_base { "base" } else { "as it is" };
        write!(f, "{scheme}{host}{path} ({kind})")
    }
}
