//! The headers that are asked for of every request: found in one pass, where there are not many.

use http::header::{HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};
use spanreel::{Carrier, Held};

/// As many headers as are looked through: to look up those that are asked for takes as long.
const FEW: usize = 16;

static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
static BAGGAGE: HeaderName = HeaderName::from_static("baggage");

/// The headers of a request.
pub(super) struct Headers<'a> {
    all: &'a HeaderMap,
    found: Option<Found<'a>>,
}

/// What a pass found.
#[derive(Default)]
struct Found<'a> {
    host: Option<&'a HeaderValue>,
    user_agent: Option<&'a HeaderValue>,
    traceparent: Held<'a>,
    tracestate: Held<'a>,
    baggage: Held<'a>,
}

impl<'a> Headers<'a> {
    #[inline]
    pub(super) fn new(all: &'a HeaderMap) -> Self {
        let found = (all.len() <= FEW).then(|| Found::of(all));
        Self { all, found }
    }

    /// The first value of `host`.
    #[inline]
    pub(super) fn host(&self) -> Option<&'a HeaderValue> {
        match &self.found {
            Some(found) => found.host,
            None => self.all.get(HOST),
        }
    }

    /// The first value of `user-agent`, where it is text.
    #[inline]
    pub(super) fn user_agent(&self) -> Option<&'a str> {
        let value = match &self.found {
            Some(found) => found.user_agent,
            None => self.all.get(USER_AGENT),
        };
        value?.to_str().ok()
    }

    /// What is held of a header, where it was asked for.
    #[inline(always)]
    fn held(&self, key: &str) -> Option<Held<'a>> {
        let found = self.found.as_ref()?;
        match key {
            "traceparent" => Some(found.traceparent),
            "tracestate" => Some(found.tracestate),
            "baggage" => Some(found.baggage),
            _ => None,
        }
    }
}

impl<'a> Found<'a> {
    #[inline]
    fn of(all: &'a HeaderMap) -> Self {
        let mut found = Self::default();
        for (name, value) in all {
            if *name == HOST {
                found.host.get_or_insert(value);
            } else if *name == USER_AGENT {
                found.user_agent.get_or_insert(value);
            } else if *name == TRACEPARENT {
                found.traceparent = found.traceparent.and(value.as_bytes());
            } else if *name == TRACESTATE {
                found.tracestate = found.tracestate.and(value.as_bytes());
            } else if *name == BAGGAGE {
                found.baggage = found.baggage.and(value.as_bytes());
            }
        }
        found
    }
}

/// As the map itself.
impl Carrier for Headers<'_> {
    // The key is literal where it is asked for.
    #[inline(always)]
    fn get_all<'k>(&'k self, key: &'k str) -> impl Iterator<Item = &'k str> {
        let text = match self.held(key) {
            Some(Held::Nothing) => return Texts::AtMostOne(None),
            Some(Held::One(value)) => std::str::from_utf8(value).ok(),
            Some(Held::Several) | None => None,
        };
        match text {
            Some(_) => Texts::AtMostOne(text),
            // The map knows what to make of one that is no text.
            None => Texts::Several(Carrier::get_all(self.all, key)),
        }
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        Carrier::keys(self.all)
    }

    #[inline(always)]
    fn get_each<'k, const N: usize>(&'k self, keys: [&'k str; N]) -> [Held<'k>; N] {
        keys.map(|key| {
            let found = self.held(key);
            found.unwrap_or_else(|| self.all.get_each([key])[0])
        })
    }
}

/// The values of a header as texts.
enum Texts<'a, I> {
    AtMostOne(Option<&'a str>),
    Several(I),
}

impl<'a, I: Iterator<Item = &'a str>> Iterator for Texts<'a, I> {
    type Item = &'a str;

    #[inline(always)]
    fn next(&mut self) -> Option<&'a str> {
        match self {
            Self::AtMostOne(text) => text.take(),
            Self::Several(texts) => texts.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Few headers and many are found as the map has them: none, one, several, and what is no text.
    #[test]
    fn what_is_found_is_what_the_map_has() {
        let values: [&[&[u8]]; 4] = [&[], &[b"a"], &[b"a", b"b", b"c"], &[b"\xff"]];
        let names = [
            "traceparent",
            "tracestate",
            "baggage",
            "b3",
            "host",
            "user-agent",
        ];
        for others in [0, FEW - 1, 4 * FEW] {
            for name in names {
                for values in values {
                    let mut headers = HeaderMap::new();
                    for number in 0..others {
                        let other = HeaderName::try_from(format!("traceparen{number}"));
                        headers.append(other.expect("a name"), HeaderValue::from_static("x"));
                    }
                    for value in values {
                        let value = HeaderValue::from_bytes(value).expect("a value");
                        headers.append(name, value);
                    }
                    let found = Headers::new(&headers);
                    for name in names {
                        let all: Vec<_> = found.get_all(name).collect();
                        let expected: Vec<_> = Carrier::get_all(&headers, name).collect();
                        assert_eq!(all, expected, "{name} and {others}");
                    }
                    // One that is no text is given as its bytes, by all.
                    let keys = ["traceparent", "tracestate", "b3"];
                    assert_eq!(found.get_each(keys), headers.get_each(keys));
                    assert_eq!(found.host(), headers.get(HOST));
                    let agent = headers.get(USER_AGENT).and_then(|it| it.to_str().ok());
                    assert_eq!(found.user_agent(), agent);
                }
            }
        }
    }
}
