//! Reads where an OTLP exporter sends to, by the rules of the OTLP exporter specification
//! ("Endpoint URLs for OTLP/HTTP", "Configuration Options") and this project's additions `grpc://`
//! and `grpcs://`.
//!
//! Pure. An address that is refused is never repeated in the advice: it may hold a secret.

use http::Uri;
use http::uri::{Authority, PathAndQuery};

use super::tls::server_name;
#[cfg(feature = "http")]
use crate::model::request::Signal;

/// A server: whether it is spoken to over TLS, and at which authority (host and perhaps port).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) tls: bool,
    pub(super) authority: Authority,
    path: PathAndQuery,
}

impl Endpoint {
    /// Reads an address, or says what would be right. `without_scheme` is the scheme of an address
    /// that has none; without it, such an address is refused.
    pub(super) fn parse(address: &str, without_scheme: Option<&str>) -> Result<Self, String> {
        let address = address.trim();
        if address.is_empty() {
            return Err("is empty; write one like http://localhost:4318".to_owned());
        }
        let (scheme, rest) = match (address.split_once("://"), without_scheme) {
            (Some(parts), _) => parts,
            (None, Some(scheme)) => (scheme, address),
            (None, None) => {
                return Err("has no scheme; begin it with http:// or https://".to_owned());
            }
        };
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "http" | "grpc" => false,
            "https" | "grpcs" => true,
            _ => {
                return Err(
                    "has an unknown scheme; use http://, https://, grpc:// or grpcs://".to_owned(),
                );
            }
        };
        let not_an_url = || "is not a URL; write one like http://localhost:4318".to_owned();
        let uri: Uri = format!("http://{rest}").parse().map_err(|_| not_an_url())?;
        let authority = uri.authority().ok_or_else(not_an_url)?.clone();
        if authority.as_str().contains('@') {
            return Err(
                "holds credentials, which are not sent; leave them out, and set an authorization \
                 header where the server wants one"
                    .to_owned(),
            );
        }
        let host = authority.host();
        if host.is_empty() {
            return Err(not_an_url());
        }
        if tls && server_name(host).is_none() {
            return Err(
                "has a host that no certificate can name; use a DNS name or an address".to_owned(),
            );
        }
        match authority.as_str()[host.len()..].strip_prefix(':') {
            None if authority.as_str().len() == host.len() => {}
            Some(port) if port.parse::<u16>().is_ok_and(|port| port != 0) => {}
            _ => return Err("has an invalid port; use one from 1 to 65535".to_owned()),
        }
        let path = uri.path_and_query().cloned();
        Ok(Self {
            tls,
            authority,
            path: path.unwrap_or_else(|| PathAndQuery::from_static("/")),
        })
    }

    /// The address as it is, which is where a signal's own endpoint sends over HTTP.
    #[cfg(feature = "http")]
    pub(super) fn uri(&self) -> Uri {
        self.uri_of(self.path.clone())
    }

    /// The address of a path on this server; what path it had itself does not count (gRPC).
    #[cfg(feature = "grpc")]
    pub(super) fn uri_at(&self, path: &'static str) -> Uri {
        self.uri_of(PathAndQuery::from_static(path))
    }

    /// The address of a signal below this base address (OTLP/HTTP): its path is kept, and so is
    /// its query.
    #[cfg(feature = "http")]
    pub(super) fn uri_below(&self, signal: Signal) -> Uri {
        let base = self.path.path().trim_end_matches('/');
        let signal = signal.name();
        let path = match self.path.query() {
            Some(query) => format!("{base}/v1/{signal}?{query}"),
            None => format!("{base}/v1/{signal}"),
        };
        self.uri_of(path.parse().expect("a valid path with a valid ending"))
    }

    /// Whether the address says more than gRPC has a use for.
    #[cfg(feature = "grpc")]
    pub(super) fn has_path(&self) -> bool {
        self.path != "/"
    }

    fn uri_of(&self, path: PathAndQuery) -> Uri {
        Uri::builder()
            .scheme(if self.tls { "https" } else { "http" })
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
            .expect("made of the parts of a valid address")
    }
}

#[cfg(all(test, feature = "grpc", feature = "http"))]
mod tests {
    use super::*;

    fn parse(address: &str) -> Endpoint {
        Endpoint::parse(address, None).expect("a valid address")
    }

    /// A base address gets the signal's path appended and keeps its own path and query.
    #[test]
    fn a_base_address_keeps_its_path() {
        for (base, traces) in [
            ("http://a", "http://a/v1/traces"),
            ("http://a/", "http://a/v1/traces"),
            ("HTTP://a:4318", "http://a:4318/v1/traces"),
            ("https://a/otlp", "https://a/otlp/v1/traces"),
            ("https://a/otlp/", "https://a/otlp/v1/traces"),
            ("https://a/x/y?k=1", "https://a/x/y/v1/traces?k=1"),
            ("http://[::1]:4318/b", "http://[::1]:4318/b/v1/traces"),
            (" http://a ", "http://a/v1/traces"),
        ] {
            assert_eq!(parse(base).uri_below(Signal::Traces), traces, "{base}");
        }
        let logs = parse("http://a/b").uri_below(Signal::Logs);
        assert_eq!(logs, "http://a/b/v1/logs");
    }

    /// A signal's own address is used as it is; an empty path becomes `/`.
    #[test]
    fn a_signals_own_address_is_used_as_it_is() {
        for (address, used) in [
            ("http://a", "http://a/"),
            ("http://a/", "http://a/"),
            ("http://a:1/in?k=1", "http://a:1/in?k=1"),
            ("https://a/v1/traces/", "https://a/v1/traces/"),
        ] {
            assert_eq!(parse(address).uri(), used);
        }
    }

    /// The scheme says whether TLS is used; where it may be left out, its default does.
    #[test]
    fn the_scheme_decides_on_tls() {
        for (address, tls) in [
            ("http://a", false),
            ("grpc://a", false),
            ("https://a", true),
            ("GRPCS://a", true),
        ] {
            assert_eq!(parse(address).tls, tls, "{address}");
        }
        for (scheme, tls) in [("http", false), ("https", true)] {
            let endpoint = Endpoint::parse("a:4317", Some(scheme)).unwrap();
            assert_eq!(endpoint.tls, tls);
            assert_eq!(endpoint.uri_at("/x").path(), "/x");
        }
        assert!(!Endpoint::parse("http://a", Some("https")).unwrap().tls);
    }

    /// What is no address is refused with advice, and never repeated.
    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        for (address, advice) in [
            ("", "is empty"),
            ("  ", "is empty"),
            ("secret:4318", "no scheme"),
            ("ftp://secret", "unknown scheme"),
            ("http://", "not a URL"),
            ("http:///secret", "not a URL"),
            ("http://:4318", "not a URL"),
            ("http://se cret", "not a URL"),
            ("http://secret:port", "invalid port"),
            ("http://secret:99999", "invalid port"),
            ("http://secret:0", "invalid port"),
            ("http://secret:", "invalid port"),
            ("https://user:secret@host", "holds credentials"),
        ] {
            let refused = Endpoint::parse(address, None).unwrap_err();
            assert!(
                refused.contains(advice) || refused.contains("not a URL"),
                "{address}: {refused}"
            );
            assert!(!refused.contains("secret"), "{refused}");
        }
    }
}
