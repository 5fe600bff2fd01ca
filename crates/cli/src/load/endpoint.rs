//! The address that a load test sends to.

use std::fmt;
use std::str::FromStr;

/// An address of an OTLP receiver.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    url: String,
    pub(super) scheme: Scheme,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Grpc,
    Http,
    Https,
}

impl Endpoint {
    /// The address as the user wrote it. Its query may hold a key: not for reports.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
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
        if authority.host().is_empty() {
            return Err(InvalidEndpoint::Url);
        }
        let url = url.to_owned();
        Ok(Self { url, scheme })
    }
}

/// The address of an endpoint cannot be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum InvalidEndpoint {
    #[error("begin it with grpc://, http:// or https://")]
    Scheme,
    #[error("not a URL; write one like grpc://127.0.0.1:4317")]
    Url,
    #[error("it holds credentials, which would not be sent")]
    Credentials,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key in the query of an address is neither shown nor printed for debugging.
    #[test]
    fn the_query_of_an_address_is_kept_and_not_shown() {
        let endpoint: Endpoint = "https://a:1/base?key=secret".parse().unwrap();
        assert!(endpoint.url().ends_with("secret"));
        assert_eq!(
            format!("{endpoint} {endpoint:?}"),
            "https://a:1/base Endpoint(https://a:1/base)"
        );
    }
}
