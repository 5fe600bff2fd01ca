//! Where telemetry is forwarded to: one export, as it is configured.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use spanreel::{Compression, Content, Dialect, Exporter, Otlp, OtlpFile};

use super::place::Origin;
use super::secret::Secret;
use super::settings::EXPORT_SETTINGS;
use super::value::{ExportContent, Packing, Words};
use crate::endpoint::Endpoint;

/// One export.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "named like the settings")]
pub struct ExportConfig {
    /// Where it was asked for.
    pub origin: Origin,
    pub target: Target,
    pub name: Option<String>,
    pub compression: Packing,
    pub content: ExportContent,
    pub dialect: Words,
    /// Sent with each request.
    pub headers: Vec<(String, Secret)>,
    pub timeout: Duration,
    pub retry_for: Duration,
    pub concurrency: NonZeroUsize,
    pub ca_file: Option<PathBuf>,
    pub client_certificate: Option<PathBuf>,
    pub client_key: Option<PathBuf>,
}

/// Equal exports do the same, wherever they were asked for.
impl PartialEq for ExportConfig {
    fn eq(&self, other: &Self) -> bool {
        let values = |it: &Self| {
            EXPORT_SETTINGS
                .iter()
                .map(|setting| (setting.show)(it))
                .collect::<Vec<_>>()
        };
        self.target == other.target
            && self.headers == other.headers
            && values(self) == values(other)
    }
}

/// Where an export goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An OTLP receiver.
    Otlp(Endpoint),
    /// A file of OTLP JSON, to which lines are added.
    File(PathBuf),
}

impl Target {
    /// Reads an address.
    ///
    /// # Errors
    /// Advice about what would be one.
    pub fn parse(url: &str) -> Result<Self, String> {
        let url = url.trim();
        if let Some(path) = url.strip_prefix("file:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() {
                return Err("write the path of a file behind file:".to_owned());
            }
            return Ok(Self::File(path.into()));
        }
        match url.parse() {
            Ok(endpoint) => Ok(Self::Otlp(endpoint)),
            Err(crate::endpoint::InvalidEndpoint::Scheme) => {
                Err("begin it with grpc://, grpcs://, http://, https:// or file:".to_owned())
            }
            Err(error) => Err(error.to_string()),
        }
    }
}

/// The address without its query, which may hold a key.
impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Otlp(endpoint) => endpoint.fmt(f),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl ExportConfig {
    /// An export to `target` with the defaults.
    #[must_use]
    pub fn new(origin: Origin, target: Target) -> Self {
        Self {
            origin,
            target,
            name: None,
            compression: Packing::None,
            content: ExportContent::All,
            dialect: Words::GenAi,
            headers: Vec::new(),
            timeout: Duration::from_secs(10),
            retry_for: Duration::from_secs(300),
            concurrency: const { NonZeroUsize::new(4).expect("4 is not 0") },
            ca_file: None,
            client_certificate: None,
            client_key: None,
        }
    }

    /// Everything that is wrong with it: what the exporter itself finds, which reads the files of
    /// certificates too.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.client_certificate.is_some() != self.client_key.is_some() {
            problems.push("give client-certificate and client-key together".to_owned());
        }
        match &self.target {
            Target::File(_) => {
                if self.compression != Packing::None || !self.headers.is_empty() {
                    problems.push("a file takes neither headers nor compression".to_owned());
                }
            }
            Target::Otlp(endpoint) => {
                let found = self.otlp(endpoint).build().err().unwrap_or_default();
                problems.extend(found.into_iter().map(|problem| problem.advice));
            }
        }
        problems
    }

    /// The exporter.
    #[must_use]
    pub fn exporter(&self) -> Exporter {
        let exporter = match &self.target {
            Target::Otlp(endpoint) => Exporter::from(self.otlp(endpoint)),
            Target::File(path) => {
                let exporter = Exporter::from(OtlpFile::append(path));
                exporter.timeout(self.timeout).retry_for(self.retry_for)
            }
        };
        let content = match self.content {
            ExportContent::All => Content::Both,
            ExportContent::Spans => Content::Spans,
            ExportContent::Events => Content::Events,
            ExportContent::Off => Content::Off,
        };
        let dialect = match self.dialect {
            Words::GenAi => Dialect::GenAi,
            Words::Before137 => Dialect::GenAiBefore137,
            Words::Development => Dialect::GenAiDevelopment,
            Words::OpenInference => Dialect::OpenInference,
            Words::Langfuse => Dialect::Langfuse,
        };
        exporter.content(content).dialect(dialect)
    }

    /// The exporter to an OTLP receiver.
    pub(crate) fn otlp(&self, endpoint: &Endpoint) -> Otlp {
        let mut otlp = if endpoint.scheme().is_grpc() {
            Otlp::grpc(endpoint.url())
        } else {
            Otlp::http(endpoint.url())
        };
        if let Some(name) = &self.name {
            otlp = otlp.name(name);
        }
        for (name, value) in &self.headers {
            otlp = otlp.header(name, value.reveal());
        }
        if let Some(path) = &self.ca_file {
            otlp = otlp.ca_file(path);
        }
        if let (Some(certificate), Some(key)) = (&self.client_certificate, &self.client_key) {
            otlp = otlp.client_certificate(certificate, key);
        }
        let compression = match self.compression {
            Packing::None => Compression::None,
            Packing::Gzip => Compression::Gzip,
            Packing::Zstd => Compression::Zstd,
        };
        otlp.compression(compression)
            .timeout(self.timeout)
            .retry_for(self.retry_for)
            .concurrency(self.concurrency)
    }
}

/// Reads a header as `OTEL_EXPORTER_OTLP_HEADERS` has them: `NAME=VALUE`, the value percent-encoded.
///
/// # Errors
/// Advice, without what was given.
pub(crate) fn header(text: &str) -> Result<(String, Secret), String> {
    let advice = || "write headers as NAME=VALUE, the value percent-encoded".to_owned();
    let (name, value) = text.split_once('=').ok_or_else(advice)?;
    let value = percent_decode_str(value.trim()).decode_utf8();
    let value = value.map_err(|_| advice())?;
    match name.trim() {
        "" => Err(advice()),
        name => Ok((name.to_owned(), Secret::new(value))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An address says where to; what is none is refused with what would be one.
    #[test]
    fn addresses_name_receivers_and_files() {
        let parse = |url| Target::parse(url).map(|target| target.to_string());
        assert_eq!(parse("grpc://a:1"), Ok("grpc://a:1".to_owned()));
        assert_eq!(parse("https://a/x?key=1"), Ok("https://a/x".to_owned()));
        assert_eq!(parse("file:/tmp/a"), Ok("file:/tmp/a".to_owned()));
        assert_eq!(parse("file:///tmp/a"), Ok("file:/tmp/a".to_owned()));
        assert!(parse("a:4317").expect_err("no scheme").contains("file:"));
        assert!(parse("file:").is_err());
    }

    /// What is wrong with an export is found before anything is started.
    #[test]
    fn problems_are_found_before_the_start() {
        let export = |url| ExportConfig::new(Origin::Default, Target::parse(url).expect(url));
        assert!(export("grpc://a:1").problems().is_empty());
        let mut packed = export("file:/tmp/a");
        packed.compression = Packing::Gzip;
        assert_eq!(packed.problems().len(), 1);
        let mut half = export("https://a");
        half.client_key = Some("k".into());
        half.ca_file = Some("/nowhere/at/all".into());
        half.headers.push(("no name".to_owned(), Secret::new("x")));
        assert_eq!(half.problems().len(), 3, "{:?}", half.problems());
    }

    /// A header is decoded, and its value does not show in advice about it.
    #[test]
    fn headers_are_decoded_and_not_shown() {
        let (name, value) = header(" authorization = Bearer%20k ").expect("a header");
        assert_eq!(
            (name.as_str(), value.reveal()),
            ("authorization", "Bearer k")
        );
        let advice = header("s3cret").expect_err("no value");
        assert!(!advice.contains("s3cret"));
    }
}
