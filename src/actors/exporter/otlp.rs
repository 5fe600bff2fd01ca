//! The builder of OTLP exporters, and the exporter that it builds.
//!
//! Every mistake in the settings is found when the exporter is built, all at once, and none of the
//! reports holds a secret.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::setup::{Settings, Transport};
use super::tls::TlsFiles;
use super::{DynExport, Export, ExportError, Exporter, LaneSettings};
use crate::model::compression::Compression;
use crate::model::problem::Problem;
use crate::model::request::{Request, Signal};

/// How requests are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    #[cfg(feature = "grpc")]
    Grpc,
    #[cfg(feature = "http")]
    HttpProtobuf,
    #[cfg(all(feature = "http", feature = "proto"))]
    HttpJson,
}

/// An exporter to an OTLP server: a collector or a backend.
///
/// Addresses begin with `http://` or `https://` (`grpc://` and `grpcs://` mean the same); without a
/// port, it is 80 or 443. An address, a file or a header that cannot be right is reported when the
/// pipeline starts.
///
/// The environment (`OTEL_EXPORTER_OTLP_*`) is not read here.
///
/// ```
/// use spanreel::{Exporter, Otlp};
///
/// let exporter: Exporter = Otlp::grpc("http://localhost:4317")
///     .header("x-tenant", "blue")
///     .gzip()
///     .into();
/// ```
#[must_use = "it does nothing until it is given to a pipeline or built"]
#[derive(Clone)]
pub struct Otlp {
    settings: Settings,
    lane: LaneSettings,
}

impl Otlp {
    /// OTLP over gRPC. An address without a scheme means TLS, or plain text after
    /// [`insecure`](Self::insecure). A path in the address has no meaning.
    #[cfg(feature = "grpc")]
    pub fn grpc(endpoint: impl Into<String>) -> Self {
        Self::new(Protocol::Grpc, "otlp-grpc", endpoint.into())
    }

    /// OTLP over HTTP, in protobuf. `/v1/traces`, `/v1/logs` or `/v1/metrics` is appended to the address.
    #[cfg(feature = "http")]
    pub fn http(endpoint: impl Into<String>) -> Self {
        Self::new(Protocol::HttpProtobuf, "otlp-http", endpoint.into())
    }

    /// OTLP over HTTP, in JSON; traces and logs alone. `/v1/traces` or `/v1/logs` is appended to the
    /// address. It costs many times the computing of [`http`](Self::http).
    #[cfg(all(feature = "http", feature = "proto"))]
    pub fn http_json(endpoint: impl Into<String>) -> Self {
        let mut otlp = Self::new(Protocol::HttpJson, "otlp-http-json", endpoint.into());
        otlp.lane = otlp.lane.without_metrics();
        otlp
    }

    fn new(protocol: Protocol, name: &str, endpoint: String) -> Self {
        Self {
            settings: Settings {
                protocol,
                endpoint,
                signal_endpoints: Vec::new(),
                headers: Vec::new(),
                signal_headers: Vec::new(),
                compression: Compression::None,
                tls: TlsFiles::default(),
                insecure: false,
                names: Vec::new(),
            },
            lane: LaneSettings::of(name),
        }
    }

    /// What it is called in reports and diagnostics. Default: `otlp-grpc`, `otlp-http` or
    /// `otlp-http-json`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.lane.name = name.into();
        self
    }

    /// Sends the requests of one signal to an address of their own, which is used as it is: nothing
    /// is appended to it, and an empty path becomes `/` (OTLP exporter specification, "Endpoint
    /// URLs for OTLP/HTTP").
    pub fn signal_endpoint(mut self, signal: Signal, endpoint: impl Into<String>) -> Self {
        self.settings
            .signal_endpoints
            .push((signal, endpoint.into()));
        self
    }

    /// Sends a header with every request; of several with the same name, the last counts. Values
    /// are secrets: they appear in no report.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.headers.push((name.into(), value.into()));
        self
    }

    /// Sends a header with the requests of one signal, instead of one with the same name that
    /// [`header`](Self::header) set.
    pub fn signal_header(
        mut self,
        signal: Signal,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Self {
        let header = (signal, name.into(), value.into());
        self.settings.signal_headers.push(header);
        self
    }

    /// Compresses requests. Default: [`Compression::None`].
    pub fn compression(mut self, compression: Compression) -> Self {
        self.settings.compression = compression;
        self
    }

    /// Compresses requests with gzip, which every OTLP server takes.
    pub fn gzip(self) -> Self {
        self.compression(Compression::Gzip)
    }

    /// Compresses requests with Zstandard: many times faster than gzip, where the server takes it.
    pub fn zstd(self) -> Self {
        self.compression(Compression::Zstd)
    }

    /// Trusts the certificates in a PEM file instead of the operating system's. Without an address
    /// that means TLS, the file is not read.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings.tls.ca = Some(path.into());
        self
    }

    /// Shows a certificate to the server: a PEM file with the chain, one's own first, and one with
    /// its private key, without a passphrase. Without an address that means TLS, the files are not
    /// read.
    pub fn client_certificate(
        mut self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.settings.tls.client = Some((certificate.into(), key.into()));
        self
    }

    /// Takes a gRPC address without a scheme as plain text instead of TLS
    /// (`OTEL_EXPORTER_OTLP_INSECURE`). An address with a scheme means what it says.
    pub fn insecure(mut self) -> Self {
        self.settings.insecure = true;
        self
    }

    /// How long one attempt may take before it is given up and tried again. Default: 10 s.
    pub fn timeout(mut self, attempt: Duration) -> Self {
        self.lane.timeout = attempt;
        self
    }

    /// How many requests may be under way at once. Default: 4. With 1, requests arrive in order.
    pub fn concurrency(mut self, requests: NonZeroUsize) -> Self {
        self.lane.concurrency = requests;
        self
    }

    /// How long a request is tried again, counted from its first attempt, before its items are
    /// booked as expired. Default: 300 s.
    pub fn retry_for(mut self, total: Duration) -> Self {
        self.lane.retry_for = total;
        self
    }

    /// Which signals it is given. Default: all.
    pub fn signals(mut self, signals: &[Signal]) -> Self {
        self.lane.signals = signals.to_vec();
        self
    }

    /// Makes problems with a setting name the place that it came from, an environment variable say,
    /// instead of the method of this builder. `setting` is what the problem would name: `endpoint`,
    /// `header`, `ca_file`, `client_certificate`, `client_key` or `timeout`, and for settings of one
    /// signal `signal_endpoint(traces)`, `signal_header(logs)` and so on.
    pub(crate) fn setting_from(mut self, setting: &str, place: impl Into<String>) -> Self {
        self.settings.names.push((setting.to_owned(), place.into()));
        self
    }

    /// Makes the exporter alone: for an exporter of one's own that chooses among several, and for
    /// tests. It makes one attempt per call, and nothing but the server limits the time of it;
    /// settings about attempts, concurrency and signals are for the pipeline.
    ///
    /// It connects when it is first used, and must be used within a tokio runtime with I/O and time.
    ///
    /// # Errors
    /// Everything that is wrong with the settings.
    pub fn build(self) -> Result<OtlpExporter, Vec<Problem>> {
        self.settings.build(&self.lane)
    }
}

impl From<Otlp> for Exporter {
    fn from(otlp: Otlp) -> Self {
        let Otlp { settings, lane } = otlp;
        let mut exporter = Self::deferred(lane.name.clone(), move |lane| {
            let exporter = settings.build(lane)?;
            Ok(Arc::new(exporter) as Arc<dyn DynExport>)
        });
        exporter.settings = lane;
        exporter
    }
}

impl fmt::Debug for Otlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Otlp")
            .field("protocol", &self.settings.protocol)
            .field("compression", &self.settings.compression)
            .field("lane", &self.lane)
            .finish_non_exhaustive()
    }
}

/// An OTLP exporter that is ready, made by [`Otlp::build`].
pub struct OtlpExporter {
    pub(super) name: String,
    pub(super) transport: Transport,
}

impl fmt::Debug for OtlpExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpExporter")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Export for OtlpExporter {
    fn name(&self) -> &str {
        &self.name
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        match &self.transport {
            #[cfg(feature = "grpc")]
            Transport::Grpc(grpc) => grpc.export(request).await,
            #[cfg(feature = "http")]
            Transport::Http(http) => http.export(request).await,
        }
    }
}

#[cfg(all(test, feature = "grpc", feature = "http"))]
#[path = "otlp/tests.rs"]
mod tests;
