//! What a request says of itself, as attributes: semantic conventions 1.41, "HTTP spans".

use http::header::HeaderValue;
use http::uri::Authority;
use http::{Method, Uri, Version};
use spanreel::Value;

use crate::begin::Begin;
use crate::semconv;

/// As many attributes as a span of MCP or A2A can begin with.
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
}

/// The method: `_OTHER` for one that the conventions do not know, so that a caller cannot make up
/// names of spans.
#[inline]
pub(crate) fn tell_method<B: Begin>(begin: B, method: &Method) -> B {
    if is_known(method) {
        return begin.attribute(semconv::REQUEST_METHOD, method.as_str());
    }
    begin
        .attribute(semconv::REQUEST_METHOD, "_OTHER")
        .attribute(semconv::REQUEST_METHOD_ORIGINAL, method.as_str())
}

/// Whom a request is sent to: a name or an address, and a port where one is said.
pub(crate) type Server<'a> = (&'a str, Option<u16>);

/// Whom a request is sent to, by its URI or else by the value of `host`, which is asked for then.
#[inline]
pub(crate) fn server<'a>(
    uri: &'a Uri,
    host: impl FnOnce() -> Option<&'a HeaderValue>,
) -> Option<Server<'a>> {
    match uri.authority() {
        Some(authority) => Some((authority.host(), authority.port_u16())),
        None => Some(split(host()?.to_str().ok()?)),
    }
}

/// Whom a request is sent to, where that is known.
#[inline]
pub(crate) fn tell_server<B: Begin>(mut begin: B, server: Option<Server<'_>>) -> B {
    if let Some((host, port)) = server {
        begin = begin.attribute(semconv::SERVER_ADDRESS, host);
        if let Some(port) = port {
            begin = begin.attribute(semconv::SERVER_PORT, port);
        }
    }
    begin
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

/// `host:port` in its parts. Such texts are short: the library's search would take twice as long.
pub(crate) fn split(host: &str) -> (&str, Option<u16>) {
    let is_colon = |byte| byte == b':';
    let (name, port) = match host.bytes().rposition(is_colon) {
        Some(last) => (&host[..last], &host[last + 1..]),
        None => return (host, None),
    };
    // Of an address without brackets all is the address.
    if name.bytes().any(is_colon) && !name.ends_with(']') {
        return (host, None);
    }
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
            ("[::1]", "[::1]", None),
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
        let expected = [
            ("http.request.method", "_OTHER"),
            ("http.request.method_original", "SPAN-7f3a"),
        ];
        let Told(told) = tell_method(Told::default(), &made_up);
        assert_eq!(
            told,
            expected.map(|(key, value)| (key.into(), value.into()))
        );
    }

    /// The texts that it was told.
    #[derive(Default)]
    struct Told(Vec<(String, String)>);

    impl Begin for Told {
        fn attribute<'v>(mut self, key: &str, value: impl Into<Value<'v>>) -> Self {
            if let Value::Str(value) = value.into() {
                self.0.push((key.to_owned(), value.to_owned()));
            }
            self
        }
    }
}
