//! Where calls go to: the first part of a path names a provider, the rest goes there.

use std::fmt;
use std::str::FromStr;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};
use spanreel_http::llm::ProviderName;

/// Those that are there unless they are told otherwise.
const KNOWN: [(&str, &str); 3] = [
    ("openai", "https://api.openai.com"),
    ("anthropic", "https://api.anthropic.com"),
    ("gemini", "https://generativelanguage.googleapis.com"),
];

/// A provider: `openai=https://api.openai.com`.
#[derive(Clone, PartialEq, Eq)]
pub struct Upstream {
    name: String,
    scheme: Scheme,
    authority: Authority,
    /// What stands before the paths of requests; without a slash at its end.
    base: String,
}

/// A text that names no upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUpstream {
    #[error("write NAME=URL, such as openai=http://127.0.0.1:8000")]
    Form,
    #[error("a name is made of letters, digits, '-' and '_'")]
    Name,
    #[error("the URL begins with http:// or https://, and holds no user, password or query")]
    Url,
}

impl FromStr for Upstream {
    type Err = InvalidUpstream;

    fn from_str(text: &str) -> Result<Self, InvalidUpstream> {
        let (name, url) = text.split_once('=').ok_or(InvalidUpstream::Form)?;
        let is_plain = |it: char| it.is_ascii_alphanumeric() || it == '-' || it == '_';
        if name.is_empty() || !name.chars().all(is_plain) {
            return Err(InvalidUpstream::Name);
        }
        let uri: Uri = url.parse().map_err(|_| InvalidUpstream::Url)?;
        let parts = uri.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(InvalidUpstream::Url);
        };
        let path = parts.path_and_query;
        let has_query = path.as_ref().is_some_and(|path| path.query().is_some());
        let is_http = scheme == Scheme::HTTP || scheme == Scheme::HTTPS;
        if !is_http || has_query || authority.as_str().contains('@') {
            return Err(InvalidUpstream::Url);
        }
        let base = path.as_ref().map_or("", PathAndQuery::path);
        Ok(Self {
            name: name.to_ascii_lowercase(),
            scheme,
            authority,
            base: base.trim_end_matches('/').to_owned(),
        })
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            scheme,
            authority,
            base,
        } = self;
        write!(f, "{name}={scheme}://{authority}{base}")
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// All providers that calls can go to.
#[derive(Clone, Debug)]
pub(crate) struct Upstreams(Vec<Upstream>);

impl Upstreams {
    /// The known ones, and those that were given, which win.
    pub(crate) fn new(given: &[Upstream]) -> Self {
        let known = KNOWN.iter().map(|(name, url)| {
            let known = format!("{name}={url}").parse::<Upstream>();
            known.expect("the table is right")
        });
        let mut all: Vec<Upstream> = given.to_vec();
        for known in known {
            if !all.iter().any(|it| it.name == known.name) {
                all.push(known);
            }
        }
        Self(all)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|it| it.name.as_str())
    }

    /// Where a request goes to whose path begins with the name of a provider: `/openai/v1/models` to
    /// `https://api.openai.com/v1/models`.
    ///
    /// With it what the provider is called, where it is not one of the known ones, whose hosts and paths
    /// say it.
    pub(crate) fn route(&self, uri: &Uri) -> Option<(Uri, Option<ProviderName>)> {
        let path = uri.path().strip_prefix('/')?;
        let (name, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
        let upstream = self.0.iter().find(|it| it.name == name)?;
        let query = uri
            .query()
            .map(|query| format!("?{query}"))
            .unwrap_or_default();
        let path = format!("{}{rest}{query}", upstream.base);
        let path = if path.starts_with('/') {
            path
        } else {
            format!("/{path}")
        };
        let uri = Uri::builder()
            .scheme(upstream.scheme.clone())
            .authority(upstream.authority.clone())
            .path_and_query(path)
            .build()
            .ok()?;
        let is_known = KNOWN.iter().any(|(known, _)| *known == name);
        let own = (!is_known).then(|| ProviderName(upstream.name.clone().into()));
        Some((uri, own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routed(given: &[&str], path: &str) -> Option<String> {
        let given: Vec<Upstream> = given.iter().map(|it| it.parse().expect(it)).collect();
        let (uri, own) = Upstreams::new(&given).route(&path.parse().expect(path))?;
        assert_eq!(own.is_some(), path.starts_with("/vllm"));
        Some(uri.to_string())
    }

    /// A path goes to the provider that it names, with its query and below the base of its URL.
    #[test]
    fn a_path_goes_to_the_provider_that_it_names() {
        let own = ["openai=http://127.0.0.1:8000/base/", "vllm=http://gpu:8000"];
        for (given, path, url) in [
            (
                &own[..0],
                "/openai/v1/models?a=b",
                Some("https://api.openai.com/v1/models?a=b"),
            ),
            (
                &own[..0],
                "/anthropic/v1/messages",
                Some("https://api.anthropic.com/v1/messages"),
            ),
            (
                &own[..],
                "/openai/v1/models",
                Some("http://127.0.0.1:8000/base/v1/models"),
            ),
            (&own[..], "/vllm/v1/x", Some("http://gpu:8000/v1/x")),
            (&own[..], "/vllm", Some("http://gpu:8000/")),
            (&own[..0], "/vllm/v1/x", None),
            (&own[..], "/v1/models", None),
            (&own[..], "/", None),
        ] {
            assert_eq!(routed(given, path).as_deref(), url, "{path}");
        }
    }

    /// What cannot be an upstream says what would be right.
    #[test]
    fn wrong_upstreams_are_refused() {
        for (text, error) in [
            ("openai", InvalidUpstream::Form),
            ("=http://a", InvalidUpstream::Name),
            ("a/b=http://a", InvalidUpstream::Name),
            ("a=ftp://a", InvalidUpstream::Url),
            ("a=a:80", InvalidUpstream::Url),
            ("a=http://user:secret@a", InvalidUpstream::Url),
            ("a=http://a?key=secret", InvalidUpstream::Url),
        ] {
            assert_eq!(text.parse::<Upstream>(), Err(error), "{text}");
        }
    }
}
