//! What a request says of itself, as attributes: semantic conventions 1.41, "HTTP spans".

use http::header::{HOST, USER_AGENT};
use http::uri::Authority;
use http::{HeaderMap, Method, Uri, Version};
use spanreel::Value;

use crate::semconv;

/// As many attributes as a span of a request can begin with.
const MOST: usize = 12;

/// A short list of attributes, without an allocation.
pub(crate) struct Attributes<'a> {
    items: [(&'a str, Value<'a>); MOST],
    len: usize,
}

impl<'a> Attributes<'a> {
    pub(crate) fn new() -> Self {
        Self {
            items: [("", Value::Empty); MOST],
            len: 0,
        }
    }

    pub(crate) fn push(&mut self, key: &'a str, value: impl Into<Value<'a>>) {
        self.items[self.len] = (key, value.into());
        self.len += 1;
    }

    pub(crate) fn as_slice(&self) -> &[(&'a str, Value<'a>)] {
        &self.items[..self.len]
    }

    /// The method: `_OTHER` for one that the conventions do not know, so that a caller cannot make up
    /// names of spans.
    pub(crate) fn method(&mut self, method: &'a Method) {
        if is_known(method) {
            self.push(semconv::REQUEST_METHOD, method.as_str());
        } else {
            self.push(semconv::REQUEST_METHOD, "_OTHER");
            self.push(semconv::REQUEST_METHOD_ORIGINAL, method.as_str());
        }
    }

    /// Whom it is sent to, which is returned, too.
    pub(crate) fn server(
        &mut self,
        uri: &'a Uri,
        headers: &'a HeaderMap,
    ) -> Option<(&'a str, Option<u16>)> {
        let (host, port) = match uri.authority() {
            Some(authority) => (authority.host(), authority.port_u16()),
            None => split(headers.get(HOST)?.to_str().ok()?),
        };
        self.push(semconv::SERVER_ADDRESS, host);
        if let Some(port) = port {
            self.push(semconv::SERVER_PORT, port);
        }
        Some((host, port))
    }

    pub(crate) fn version(&mut self, version: Version) {
        if let Some(text) = protocol_version(version) {
            self.push(semconv::PROTOCOL_VERSION, text);
        }
    }

    pub(crate) fn user_agent(&mut self, headers: &'a HeaderMap) {
        let agent = headers.get(USER_AGENT);
        if let Some(agent) = agent.and_then(|agent| agent.to_str().ok()) {
            self.push(semconv::USER_AGENT, agent);
        }
    }
}

/// `network.protocol.version` of HTTP.
pub(crate) fn protocol_version(version: Version) -> Option<&'static str> {
    Some(match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_11 => "1.1",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => return None,
    })
}

/// The methods of RFC 9110 and PATCH.
fn is_known(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET
            | Method::POST
            | Method::PUT
            | Method::DELETE
            | Method::HEAD
            | Method::OPTIONS
            | Method::PATCH
            | Method::CONNECT
            | Method::TRACE
    )
}

/// What a span is named after a method.
pub(crate) fn name(method: &Method) -> &str {
    if is_known(method) {
        method.as_str()
    } else {
        "HTTP"
    }
}

/// `host:port` in its parts.
pub(crate) fn split(host: &str) -> (&str, Option<u16>) {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => (name, port),
        _ => (host, ""),
    };
    (name, port.parse().ok())
}

/// The URL without what may be secret: user, password, query and fragment.
pub(crate) fn url(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or("http");
    let authority = uri.authority().map_or("", Authority::as_str);
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    [scheme, "://", host, uri.path()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host is told apart from its port, also where it is an address.
    #[test]
    fn hosts_are_told_apart_from_ports() {
        for (text, host, port) in [
            ("example.com", "example.com", None),
            ("example.com:8080", "example.com", Some(8080)),
            ("[::1]:80", "[::1]", Some(80)),
            ("::1", "::1", None),
            ("example.com:", "example.com", None),
            ("example.com:99999", "example.com", None),
            ("", "", None),
        ] {
            assert_eq!(split(text), (host, port), "{text}");
        }
    }

    /// A URL is told without user, password and query.
    #[test]
    fn a_url_tells_no_secret() {
        let uri = Uri::from_static("https://user:password@api.test:8443/v1/models?key=secret");
        assert_eq!(url(&uri), "https://api.test:8443/v1/models");
        assert_eq!(
            url(&Uri::from_static("/only/a/path?key=secret")),
            "http:///only/a/path"
        );
    }

    /// A method that nobody knows names no span.
    #[test]
    fn made_up_methods_name_no_span() {
        let made_up = Method::from_bytes(b"SPAN-7f3a").expect("a token");
        assert_eq!(name(&made_up), "HTTP");
        assert_eq!(name(&Method::PATCH), "PATCH");
        let mut attributes = Attributes::new();
        attributes.method(&made_up);
        let expected = [
            ("http.request.method", Value::from("_OTHER")),
            ("http.request.method_original", Value::from("SPAN-7f3a")),
        ];
        assert_eq!(attributes.as_slice(), expected);
    }
}
