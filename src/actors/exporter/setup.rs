//! Turns the settings of an OTLP exporter into the exporter, or into everything that is wrong with
//! them.

use std::sync::Arc;

use http::header::{HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use rustls::ClientConfig;

use super::LaneSettings;
use super::connect::Connector;
use super::endpoint::Endpoint;
use super::otlp::{OtlpExporter, Protocol};
use super::tls::{TlsFiles, TlsSettings};
use crate::model::compression::Compression;
use crate::model::problem::Problem;
use crate::model::request::Signal;

/// Names this project to servers (OTLP exporter specification, "User Agent").
pub(super) const AGENT: &str = concat!("spanreel/", env!("CARGO_PKG_VERSION"));

/// Headers that belong to the protocol; those that begin with `grpc-` do too.
const RESERVED: [&str; 8] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// How an exporter speaks. No `Debug`: addresses hold secrets.
pub(super) enum Transport {
    #[cfg(feature = "grpc")]
    Grpc(Box<super::grpc::Grpc>),
    #[cfg(feature = "http")]
    Http(Box<super::http::Http>),
}

/// What the user has set, unchecked. No `Debug`: headers and addresses hold secrets.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) protocol: Protocol,
    pub(super) endpoint: String,
    pub(super) signal_endpoints: Vec<(Signal, String)>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) signal_headers: Vec<(Signal, String, String)>,
    pub(super) compression: Compression,
    pub(super) tls: TlsFiles,
    pub(super) insecure: bool,
    /// Where settings came from, if not from the builder's method.
    pub(super) names: Vec<(String, String)>,
}

/// Where the requests of a signal go: its own address, or one below the common address.
struct Place {
    endpoint: Endpoint,
    #[cfg(feature = "http")]
    own: bool,
}

impl Settings {
    pub(super) fn build(self, lane: &LaneSettings) -> Result<OtlpExporter, Vec<Problem>> {
        let mut problems = Vec::new();
        if lane.timeout.is_zero() {
            let advice = "is zero, in which nothing arrives; the usual is 10 s";
            problems.push(self.problem("timeout", advice));
        }
        #[cfg(all(feature = "http", feature = "proto"))]
        if matches!(self.protocol, Protocol::HttpJson) {
            problems.extend(lane.asks_for_metrics());
        }
        let places = Signal::ALL.map(|signal| self.place(signal, &mut problems));
        let headers = Signal::ALL.map(|signal| self.headers(signal, &mut problems));
        let needs_tls = places.iter().flatten().any(|place| place.endpoint.tls);
        let tls = needs_tls.then(|| self.client_config());
        let tls = tls.transpose().unwrap_or_else(|more| {
            problems.extend(more);
            None
        });
        let ([Some(traces), Some(logs), Some(metrics)], true) = (places, problems.is_empty())
        else {
            // What is wrong with the common settings was found once for each signal.
            let mut once: Vec<Problem> = Vec::new();
            for problem in problems {
                if !once.contains(&problem) {
                    once.push(problem);
                }
            }
            return Err(once);
        };
        let transport = self.transport(lane, [traces, logs, metrics], headers, Connector::new(tls));
        Ok(OtlpExporter {
            name: lane.name.clone(),
            transport,
        })
    }

    fn transport(
        &self,
        lane: &LaneSettings,
        places: [Place; Signal::ALL.len()],
        headers: [HeaderMap; Signal::ALL.len()],
        connector: Connector,
    ) -> Transport {
        #[cfg(feature = "http")]
        let over_http = |encoding| {
            let targets = targets(&places, headers.clone());
            let http = super::http::Http::new(
                lane,
                targets,
                connector.clone(),
                encoding,
                self.compression,
            );
            Transport::Http(Box::new(http))
        };
        match self.protocol {
            #[cfg(feature = "grpc")]
            Protocol::Grpc => {
                for place in &places {
                    place.warn_of_path(&lane.name);
                }
                let calls = calls(&places, headers.clone(), &connector);
                let grpc = super::grpc::Grpc::new(lane, calls, self.compression, lane.timeout);
                Transport::Grpc(Box::new(grpc))
            }
            #[cfg(feature = "http")]
            Protocol::HttpProtobuf => over_http(super::http::Encoding::Protobuf),
            #[cfg(all(feature = "http", feature = "proto"))]
            Protocol::HttpJson => over_http(super::http::Encoding::Json),
        }
    }

    fn is_grpc(&self) -> bool {
        match self.protocol {
            #[cfg(feature = "grpc")]
            Protocol::Grpc => true,
            #[cfg(feature = "http")]
            _ => false,
        }
    }

    fn place(&self, signal: Signal, problems: &mut Vec<Problem>) -> Option<Place> {
        let own = self.signal_endpoints.iter().rfind(|(of, _)| *of == signal);
        let (setting, address) = match own {
            Some((_, address)) => (format!("signal_endpoint({})", signal.name()), address),
            None => ("endpoint".to_owned(), &self.endpoint),
        };
        let without_scheme = match (self.is_grpc(), self.insecure) {
            (false, _) => None,
            (true, false) => Some("https"),
            (true, true) => Some("http"),
        };
        let endpoint = match Endpoint::parse(address, without_scheme) {
            Ok(endpoint) => endpoint,
            Err(advice) => {
                problems.push(self.problem(&setting, advice));
                return None;
            }
        };
        Some(Place {
            endpoint,
            #[cfg(feature = "http")]
            own: own.is_some(),
        })
    }

    fn headers(&self, signal: Signal, problems: &mut Vec<Problem>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let common = self.headers.iter().map(|(name, value)| (name, value));
        self.add_headers("header", common, &mut headers, problems);
        let own = self.signal_headers.iter().filter(|(of, ..)| *of == signal);
        let own = own.map(|(_, name, value)| (name, value));
        let setting = format!("signal_header({})", signal.name());
        self.add_headers(&setting, own, &mut headers, problems);
        headers
    }

    /// A name that is wrong is not repeated either: it may be a secret that slipped out of place.
    fn add_headers<'a>(
        &self,
        setting: &str,
        from: impl Iterator<Item = (&'a String, &'a String)>,
        headers: &mut HeaderMap,
        problems: &mut Vec<Problem>,
    ) {
        for (index, (name, value)) in from.enumerate() {
            let place = index + 1;
            let Ok(name) = HeaderName::try_from(name.as_str()) else {
                let advice = format!(
                    "header number {place} has an invalid name; use letters, digits and hyphens"
                );
                problems.push(self.problem(setting, advice));
                continue;
            };
            if RESERVED.contains(&name.as_str()) || name.as_str().starts_with("grpc-") {
                let advice =
                    format!("the header {name} belongs to the protocol; leave it to the exporter");
                problems.push(self.problem(setting, advice));
                continue;
            }
            let Ok(mut value) = HeaderValue::from_str(value) else {
                let advice = format!("the header {name} has an invalid value; use printable ASCII");
                problems.push(self.problem(setting, advice));
                continue;
            };
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }

    fn client_config(&self) -> Result<Arc<ClientConfig>, Vec<Problem>> {
        let protocols: &[&str] = match self.protocol {
            #[cfg(feature = "grpc")]
            Protocol::Grpc => &["h2"],
            #[cfg(feature = "http")]
            _ => &super::post::PROTOCOLS,
        };
        let settings = TlsSettings {
            ca: self.setting("ca_file"),
            certificate: self.setting("client_certificate"),
            key: self.setting("client_key"),
        };
        self.tls.configure(protocols, settings)
    }

    fn problem(&self, setting: &str, advice: impl Into<String>) -> Problem {
        Problem::new(self.setting(setting), advice)
    }

    fn setting<'a>(&'a self, setting: &'a str) -> &'a str {
        self.names
            .iter()
            .rfind(|(named, _)| named == setting)
            .map_or(setting, |(_, place)| place)
    }
}

#[cfg(feature = "grpc")]
impl Place {
    fn warn_of_path(&self, exporter: &str) {
        if self.endpoint.has_path() {
            let server = self.endpoint.authority.as_str();
            tracing::warn!(target: "spanreel", exporter, server,
                "the path in the address of a gRPC server has no meaning");
        }
    }
}

/// Signals that go to the same server share a connection.
#[cfg(feature = "grpc")]
fn calls(
    places: &[Place; Signal::ALL.len()],
    headers: [HeaderMap; Signal::ALL.len()],
    connector: &Connector,
) -> [super::grpc::Call; Signal::ALL.len()] {
    use super::channel::Channel;

    let open = |place: &Place| {
        let server = place.endpoint.uri_at("/");
        Arc::new(Channel::new(server, connector.clone()))
    };
    let server = |place: &Place| (place.endpoint.tls, place.endpoint.authority.clone());
    let mut opened: Vec<(&Place, Arc<Channel>)> = Vec::new();
    let mut headers = headers.into_iter();
    Signal::ALL.map(|signal| {
        let place = &places[signal as usize];
        let known = opened
            .iter()
            .find(|(other, _)| server(other) == server(place));
        let channel = known.map_or_else(|| open(place), |(_, channel)| Arc::clone(channel));
        opened.push((place, Arc::clone(&channel)));
        super::grpc::Call {
            channel,
            uri: place.endpoint.uri_at(super::grpc::path(signal)),
            headers: headers.next().unwrap_or_default(),
        }
    })
}

#[cfg(feature = "http")]
fn targets(
    places: &[Place; Signal::ALL.len()],
    headers: [HeaderMap; Signal::ALL.len()],
) -> [super::post::Target; Signal::ALL.len()] {
    let mut headers = headers.into_iter();
    Signal::ALL.map(|signal| {
        let place = &places[signal as usize];
        super::post::Target {
            uri: match place.own {
                true => place.endpoint.uri(),
                false => place.endpoint.uri_below(signal),
            },
            headers: headers.next().unwrap_or_default(),
        }
    })
}
