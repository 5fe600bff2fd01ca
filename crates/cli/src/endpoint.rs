//! The address of an OTLP receiver on a command line.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::str::FromStr;
use std::time::Duration;

use tokio::net::TcpStream;

/// An address of an OTLP receiver.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    url: String,
    scheme: Scheme,
    host: String,
    port: u16,
}

/// How an address begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `grpc://`: OTLP/gRPC, in the clear.
    Grpc,
    /// `grpcs://`: OTLP/gRPC over TLS.
    Grpcs,
    /// `http://`: OTLP/HTTP, in the clear.
    Http,
    /// `https://`: OTLP/HTTP over TLS.
    Https,
}

impl Scheme {
    /// Whether it means TLS.
    #[must_use]
    pub fn is_secure(self) -> bool {
        matches!(self, Self::Grpcs | Self::Https)
    }

    /// Whether it means OTLP/gRPC.
    #[must_use]
    pub fn is_grpc(self) -> bool {
        matches!(self, Self::Grpc | Self::Grpcs)
    }

    const fn default_port(self) -> u16 {
        match self {
            Self::Grpc | Self::Http => 80,
            Self::Grpcs | Self::Https => 443,
        }
    }
}

impl Endpoint {
    /// The address as the user wrote it. Its query may hold a key: not for reports.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How it begins.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host: a name or a number, an IPv6 address without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, from 1 on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The host and the port as a URL has them, `[::1]:4318`.
    #[must_use]
    pub fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        match host.contains(':') {
            true => format!("[{host}]:{port}"),
            false => format!("{host}:{port}"),
        }
    }

    /// Its path without slashes at the end, and its query with the question mark: both may be empty. The
    /// query may hold a key.
    #[must_use]
    pub fn path_and_query(&self) -> (&str, &str) {
        let behind = self.url.split_once("://").map_or("", |(_, rest)| rest);
        let behind = behind.split('#').next().unwrap_or_default();
        let start = behind.find(['/', '?']).unwrap_or(behind.len());
        let (path, query) =
            behind[start..].split_at(behind[start..].find('?').unwrap_or(behind.len() - start));
        (path.trim_end_matches('/'), query)
    }

    /// Whether it names this address of this machine, by its number or as `localhost`. An address that listens
    /// everywhere goes by each number of this machine.
    #[must_use]
    pub fn is_at(&self, addr: SocketAddr) -> bool {
        let ip = match self.host.as_str() {
            "localhost" => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            host => host.parse().ok(),
        };
        let same_place = ip.is_some_and(|ip: IpAddr| {
            ip == addr.ip() || (addr.ip().is_unspecified() && (ip.is_loopback() || is_own(ip)))
        });
        same_place && self.port == addr.port()
    }

    /// Connects, to find out before anything is sent whether somebody listens there.
    ///
    /// # Errors
    /// The name has no address, nobody listens, or nobody answers within `timeout`.
    pub async fn reach(&self, timeout: Duration) -> Result<(), Unreachable> {
        let connecting = TcpStream::connect((self.host.as_str(), self.port));
        let outcome = match tokio::time::timeout(timeout, connecting).await {
            Ok(Ok(_connection)) => return Ok(()),
            Ok(Err(error)) => error,
            Err(elapsed) => io::Error::new(io::ErrorKind::TimedOut, elapsed),
        };
        Err(Unreachable {
            endpoint: self.to_string(),
            source: outcome,
        })
    }
}

/// Nobody takes connections at an address.
#[derive(Debug, thiserror::Error)]
#[error("cannot reach {endpoint}; is a receiver listening there?")]
pub struct Unreachable {
    endpoint: String,
    source: io::Error,
}

/// The address without its query.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.url.split(['?', '#']).next();
        f.write_str(shown.unwrap_or_default())
    }
}

/// The address without its query.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

impl FromStr for Endpoint {
    type Err = InvalidEndpoint;

    fn from_str(url: &str) -> Result<Self, InvalidEndpoint> {
        let (scheme, rest) = url.split_once("://").ok_or(InvalidEndpoint::Scheme)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "grpc" => Scheme::Grpc,
            "grpcs" => Scheme::Grpcs,
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(InvalidEndpoint::Scheme),
        };
        let uri: http::Uri = format!("http://{rest}")
            .parse()
            .map_err(|_| InvalidEndpoint::Url)?;
        let authority = uri.authority().ok_or(InvalidEndpoint::Url)?;
        if authority.as_str().contains('@') {
            return Err(InvalidEndpoint::Credentials);
        }
        let host = authority.host();
        if host.is_empty() {
            return Err(InvalidEndpoint::Url);
        }
        let port = match authority.as_str()[host.len()..].strip_prefix(':') {
            None => scheme.default_port(),
            Some(port) => match port.parse() {
                Ok(0) | Err(_) => return Err(InvalidEndpoint::Port),
                Ok(port) => port,
            },
        };
        Ok(Self {
            url: url.to_owned(),
            scheme,
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
        })
    }
}

/// The address of an endpoint cannot be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum InvalidEndpoint {
    #[error("begin it with grpc://, grpcs://, http:// or https://")]
    Scheme,
    #[error("not a URL; write one like grpc://127.0.0.1:4317")]
    Url,
    #[error("its port must be a number from 1 to 65535")]
    Port,
    #[error("it holds credentials, which would not be sent")]
    Credentials,
}

/// Whether a number is one of this machine: only such can be bound to.
fn is_own(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(url: &str) -> Endpoint {
        url.parse().expect("a valid address")
    }

    /// A key in the query of an address is neither shown nor printed for debugging.
    #[test]
    fn the_query_of_an_address_is_kept_and_not_shown() {
        let endpoint = endpoint("https://a:1/base?key=secret");
        assert!(endpoint.url().ends_with("secret"));
        assert_eq!(
            format!("{endpoint} {endpoint:?}"),
            "https://a:1/base Endpoint(https://a:1/base)"
        );
    }

    /// Host and port are what the address says, or what its scheme implies.
    #[test]
    fn an_address_names_a_host_and_a_port() {
        for (url, host, port) in [
            ("grpc://localhost:4317", "localhost", 4317),
            (
                "GRPCS://collector.example.com",
                "collector.example.com",
                443,
            ),
            ("http://127.0.0.1", "127.0.0.1", 80),
            ("https://[::1]:4318/base", "::1", 4318),
        ] {
            let endpoint = endpoint(url);
            assert_eq!((endpoint.host.as_str(), endpoint.port), (host, port));
        }
    }

    /// The parts of an address can be put together again, with numbers of IPv6 in brackets.
    #[test]
    fn an_address_has_parts() {
        for (url, authority, path, query) in [
            (
                "https://[::1]:4318/base/?k=/v",
                "[::1]:4318",
                "/base",
                "?k=/v",
            ),
            ("http://a?k", "a:80", "", "?k"),
            ("grpc://a:1", "a:1", "", ""),
            ("http://a/x#y?z", "a:80", "/x", ""),
        ] {
            let endpoint = endpoint(url);
            assert_eq!(endpoint.authority(), authority);
            assert_eq!(endpoint.path_and_query(), (path, query), "{url}");
        }
    }

    /// What cannot be an address is refused for its reason.
    #[test]
    fn what_is_no_address_is_refused() {
        for (url, reason) in [
            ("127.0.0.1:4317", InvalidEndpoint::Scheme),
            ("ftp://a", InvalidEndpoint::Scheme),
            ("http://", InvalidEndpoint::Url),
            ("http://:4318", InvalidEndpoint::Url),
            ("http://a:0", InvalidEndpoint::Port),
            ("http://a:", InvalidEndpoint::Port),
            ("http://me:secret@a:1", InvalidEndpoint::Credentials),
        ] {
            assert_eq!(url.parse::<Endpoint>(), Err(reason), "{url}");
        }
    }
}
