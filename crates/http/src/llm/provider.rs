//! What a provider of models is to the instrumentation: how its calls are recognised and read.
//!
//! Holds: nothing. Waits: never. Loses nothing: whatever a provider makes of a body, the body itself is
//! passed on untouched.

use std::borrow::Cow;
use std::fmt;

use http::Method;
use spanreel::Operation;

use super::asked::Asked;
use super::envelope;
use super::told::Told;

/// One form of API that providers of models speak: which requests are calls of it, and what their
/// bodies say.
///
/// Reading is best effort: bodies may be of strangers, cut off, or wrong. What cannot be read is left as
/// it is; a panic in here would be one in the caller's request. The same provider reads many calls at
/// once and keeps nothing of them: what is learned is written to what is passed in.
///
/// An API of one's own takes a few lines: `examples/own_provider.rs`.
pub trait Provider: fmt::Debug + Send + Sync {
    /// What a request is, by where it goes to; `None` where it is no call of a model that is read here.
    fn recognise(&self, target: &Target<'_>) -> Option<Recognised>;

    /// Reads the body of a request.
    fn read_request(&self, body: &[u8], asked: &mut Asked);

    /// Reads the whole body of an answer that was not streamed.
    fn read_response(&self, body: &[u8], told: &mut Told);

    /// Reads one event of an answer that is streamed.
    fn read_event(&self, event: &Event<'_>, told: &mut Told);

    /// Reads the body of an answer from 400 on. Default: the envelopes of OpenAI, Anthropic and Google,
    /// which most others use too.
    fn read_error(&self, body: &[u8], told: &mut Told) {
        envelope::read(body, told);
    }
}

/// What the provider of a request is called (`gen_ai.provider.name`), in the extensions of the request: wins
/// over what its host says, for those who know better.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderName(pub Cow<'static, str>);

/// Where a request goes to.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Target<'a> {
    /// The method.
    pub method: &'a Method,
    /// The host without its port, lower case as a rule; empty where the request does not say it.
    pub host: &'a str,
    /// The port, where the request says it.
    pub port: Option<u16>,
    /// The path, without the query.
    pub path: &'a str,
}

impl<'a> Target<'a> {
    /// A request to a path of a host.
    #[must_use]
    pub fn new(method: &'a Method, host: &'a str, path: &'a str) -> Self {
        Self {
            method,
            host,
            port: None,
            path,
        }
    }

    /// Whether the host is this one, or one below it.
    #[must_use]
    pub fn is_host(&self, name: &str) -> bool {
        let rest = self.host.len().checked_sub(name.len());
        rest.is_some_and(|rest| {
            let (head, tail) = self.host.as_bytes().split_at(rest);
            tail.eq_ignore_ascii_case(name.as_bytes()) && (head.is_empty() || head.ends_with(b"."))
        })
    }
}

/// What a request was recognised as.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Recognised {
    /// `gen_ai.provider.name`: `openai`, `anthropic`, ...
    pub provider: Cow<'static, str>,
    /// What is asked for.
    pub operation: Operation,
    /// The model, where the path names it.
    pub model: Option<String>,
    /// Whether the path says that the answer is streamed.
    pub is_stream: bool,
    /// Whether an answer in JSON is an array whose elements are the events of a stream.
    pub is_array: bool,
}

impl Recognised {
    /// A call of a provider.
    #[must_use]
    pub fn new(provider: impl Into<Cow<'static, str>>, operation: Operation) -> Self {
        Self {
            provider: provider.into(),
            operation,
            model: None,
            is_stream: false,
            is_array: false,
        }
    }
}

/// One event of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event<'a> {
    /// Its name, as server-sent events have one.
    pub name: Option<&'a str>,
    /// What it says.
    pub data: &'a [u8],
}

impl<'a> Event<'a> {
    /// An event without a name.
    #[must_use]
    pub fn new(data: &'a [u8]) -> Self {
        Self { name: None, data }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host is recognised by its name and by that of its domain, and not by the end of another.
    #[test]
    fn hosts_are_recognised_by_their_names() {
        for (host, is) in [
            ("openai.com", true),
            ("api.openai.com", true),
            ("API.OpenAI.com", true),
            ("notopenai.com", false),
            ("openai.com.evil.test", false),
            ("", false),
            ("\u{e9}penai.com", false),
        ] {
            let target = Target::new(&Method::POST, host, "/");
            assert_eq!(target.is_host("openai.com"), is, "{host}");
        }
    }
}
