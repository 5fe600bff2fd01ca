//! By which names the operations may be asked.
//!
//! A web page can make a browser send requests to this machine under a name of its own, by having that
//! name point here (DNS rebinding). Such requests carry the page's name, and are refused. Addresses in
//! numbers cannot be made to point elsewhere.

use std::net::IpAddr;

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, Uri};

/// Whether a request asks by a name that this server goes by: a number, `localhost`, or one of `names`. It
/// says so in `Host`, or in HTTP/2, which needs none, in `:authority` (RFC 9113, 8.3.1).
pub(crate) fn is_allowed(headers: &HeaderMap, uri: &Uri, names: &[String]) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => Authority::try_from(host.as_bytes()).ok(),
        (None, _) => uri.authority().cloned(),
        (Some(_), Some(_)) => None,
    };
    let Some(authority) = host else {
        return false;
    };
    if authority.as_str().contains('@') {
        return false;
    }
    let host = authority.host();
    let number = host.trim_start_matches('[').trim_end_matches(']');
    let host = host.trim_end_matches('.');
    number.parse::<IpAddr>().is_ok()
        || host.eq_ignore_ascii_case("localhost")
        || names.iter().any(|name| name.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// Numbers, `localhost` and the names that were allowed are let in; nothing else is.
    #[test]
    fn only_known_names_are_let_in() {
        let names = ["spanreel.internal".to_owned()];
        let allows = |host: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static(host));
            is_allowed(&headers, &Uri::from_static("/"), &names)
        };
        for host in [
            "127.0.0.1:4320",
            "[::1]:4320",
            "localhost",
            "LOCALHOST:1",
            "Spanreel.Internal:4320",
            "10.0.0.7",
        ] {
            assert!(allows(host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example:4320",
            "a@127.0.0.1",
            "",
            "127.0.0.1.nip.io",
            "spanreel",
        ] {
            assert!(!allows(host), "{host}");
        }
        assert!(!is_allowed(
            &HeaderMap::new(),
            &Uri::from_static("/"),
            &names
        ));
        let mut twice = HeaderMap::new();
        twice.append(HOST, HeaderValue::from_static("localhost"));
        twice.append(HOST, HeaderValue::from_static("localhost"));
        assert!(!is_allowed(&twice, &Uri::from_static("/"), &names));
    }

    /// HTTP/2 names the server in the target of the request.
    #[test]
    fn a_target_may_name_the_server() {
        let none = HeaderMap::new();
        assert!(is_allowed(
            &none,
            &Uri::from_static("http://localhost:1/a"),
            &[]
        ));
        assert!(!is_allowed(
            &none,
            &Uri::from_static("http://evil.example/a"),
            &[]
        ));
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("evil.example"));
        assert!(!is_allowed(
            &headers,
            &Uri::from_static("http://localhost:1/a"),
            &[]
        ));
    }
}
