//! HTTP headers as a carrier.

use http::header::{HeaderMap, HeaderName, HeaderValue, Iter, ValueIter};

use super::carrier::{Carrier, CarrierMut, Held, set_one_by_one};
use super::{propagators, w3c};
use crate::model::context::TRACEPARENT_LEN;

/// As many headers as are looked through one by one: to see that a name is another takes a nanosecond, to look
/// one up some ten, for the hash of all its bytes.
const FEW: usize = 8;

/// The same where two names, or more, are looked for at once.
const FEW_FOR_TWO: usize = 12;

static TRACEPARENT: HeaderName = HeaderName::from_static(w3c::TRACEPARENT);
static TRACESTATE: HeaderName = HeaderName::from_static(w3c::TRACESTATE);
static BAGGAGE: HeaderName = HeaderName::from_static(propagators::BAGGAGE);

/// Stands for a value that is no text.
const NO_TEXT: &str = "\u{fffd}";

impl Carrier for HeaderMap {
    #[inline]
    fn get_all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        let values = match known(key) {
            Some(name) if self.len() <= FEW => Values::Few(self.iter(), name),
            Some(name) => Values::Many(Self::get_all(self, name).into_iter()),
            None => Values::Many(Self::get_all(self, key).into_iter()),
        };
        values.map(|value| std::str::from_utf8(value.as_bytes()).unwrap_or(NO_TEXT))
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        Self::keys(self).map(HeaderName::as_str)
    }

    #[inline]
    fn get_each<'a, const N: usize>(&'a self, keys: [&'a str; N]) -> [Held<'a>; N] {
        let names = keys.map(known);
        if self.len() > FEW_FOR_TWO || names.contains(&None) {
            return keys.map(|key| {
                let values = Self::get_all(self, key).into_iter();
                values.fold(Held::Nothing, |held, value| held.and(value.as_bytes()))
            });
        }
        let mut each = [Held::Nothing; N];
        for (held, value) in self {
            for (name, each) in names.iter().zip(&mut each) {
                if Some(held) == *name {
                    *each = each.and(value.as_bytes());
                }
            }
        }
        each
    }
}

/// All values of a name.
enum Values<'a> {
    Few(Iter<'a, HeaderValue>, &'static HeaderName),
    Many(ValueIter<'a, HeaderValue>),
}

impl<'a> Iterator for Values<'a> {
    type Item = &'a HeaderValue;

    #[inline]
    fn next(&mut self) -> Option<&'a HeaderValue> {
        match self {
            Self::Few(all, name) => all.find(|(held, _)| held == name).map(|(_, value)| value),
            Self::Many(values) => values.next(),
        }
    }
}

/// The names of headers are lower case, and so is what is written here. What is no value of a header is not written:
/// it is none of the formats' texts either.
impl CarrierMut for HeaderMap {
    #[inline]
    fn set(&mut self, key: &'static str, value: &str) {
        let Ok(value) = HeaderValue::from_str(value) else {
            return;
        };
        match known(key) {
            Some(name) if self.len() <= FEW => Slot::of(self, name).fill(value).apply(self, name),
            Some(name) => drop(self.insert(name.clone(), value)),
            None => {
                if let Ok(name) = key.parse::<HeaderName>() {
                    self.insert(name, value);
                }
            }
        }
    }

    fn remove(&mut self, key: &'static str) {
        match known(key) {
            Some(name) if self.len() <= FEW => Slot::of(self, name).clear().apply(self, name),
            Some(name) => drop(Self::remove(self, name)),
            None => drop(Self::remove(self, key)),
        }
    }

    #[inline]
    fn set_trace_context(&mut self, traceparent: &[u8; TRACEPARENT_LEN], tracestate: Option<&str>) {
        if self.len() > FEW_FOR_TWO {
            return set_one_by_one(self, traceparent, tracestate);
        }
        let (mut parent, mut state) = (Slot::Absent, Slot::Absent);
        for (name, value) in self.iter_mut() {
            if *name == TRACEPARENT {
                parent = parent.and(value);
            } else if *name == TRACESTATE {
                state = state.and(value);
            }
        }
        let Ok(value) = HeaderValue::from_bytes(traceparent) else {
            return;
        };
        let parent = parent.fill(value);
        let state = match tracestate.map(|list| HeaderValue::from_bytes(list.as_bytes())) {
            Some(Ok(value)) => state.fill(value),
            Some(Err(_)) | None => state.clear(),
        };
        parent.apply(self, &TRACEPARENT);
        state.apply(self, &TRACESTATE);
    }
}

/// Where the value of a name is held.
enum Slot<'a> {
    Absent,
    One(&'a mut HeaderValue),
    Several,
}

impl<'a> Slot<'a> {
    #[inline(always)]
    fn of(headers: &'a mut HeaderMap, name: &HeaderName) -> Self {
        let of_name = headers.iter_mut().filter(|(held, _)| *held == name);
        of_name.fold(Self::Absent, |slot, (_, value)| slot.and(value))
    }

    #[inline(always)]
    fn and(self, value: &'a mut HeaderValue) -> Self {
        match self {
            Self::Absent => Self::One(value),
            Self::One(_) | Self::Several => Self::Several,
        }
    }

    /// Makes `value` the only one. A request that is passed on, or sent again, has one already.
    #[inline(always)]
    fn fill(self, value: HeaderValue) -> Rest {
        match self {
            Self::One(held) => {
                *held = value;
                Rest::Nothing
            }
            Self::Absent | Self::Several => Rest::Insert(value),
        }
    }

    #[inline(always)]
    const fn clear(&self) -> Rest {
        match self {
            Self::Absent => Rest::Nothing,
            Self::One(_) | Self::Several => Rest::Remove,
        }
    }
}

/// What is left to do with a name.
enum Rest {
    Nothing,
    Insert(HeaderValue),
    Remove,
}

impl Rest {
    #[inline(always)]
    fn apply(self, headers: &mut HeaderMap, name: &'static HeaderName) {
        match self {
            Self::Nothing => {}
            Self::Insert(value) => drop(headers.insert(name.clone(), value)),
            Self::Remove => drop(headers.remove(name)),
        }
    }
}

/// The names of the usual formats, which need not be checked and folded each time.
#[inline]
fn known(key: &str) -> Option<&'static HeaderName> {
    match key {
        w3c::TRACEPARENT => Some(&TRACEPARENT),
        w3c::TRACESTATE => Some(&TRACESTATE),
        propagators::BAGGAGE => Some(&BAGGAGE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Few headers are looked through and many looked up: what is found is the same, and what is removed is
    /// gone.
    #[test]
    fn few_and_many_headers_are_found_alike() {
        for others in [
            0,
            FEW - 3,
            FEW - 2,
            FEW_FOR_TWO - 3,
            FEW_FOR_TWO - 2,
            4 * FEW,
        ] {
            let mut headers = HeaderMap::new();
            for number in 0..others {
                let name = HeaderName::try_from(format!("traceparen{number}")).expect("a name");
                headers.append(name, HeaderValue::from_static("other"));
            }
            for value in ["a", "b", "c"] {
                headers.append("tracestate", HeaderValue::from_static(value));
            }
            let found = |headers: &HeaderMap, key| {
                let all = Carrier::get_all(headers, key);
                all.map(str::to_owned).collect::<Vec<_>>()
            };
            assert_eq!(found(&headers, "tracestate"), ["a", "b", "c"], "{others}");
            assert_eq!(found(&headers, "traceparent"), [""; 0], "{others}");
            let keys = ["traceparent", "tracestate"];
            assert_eq!(headers.get_each(keys), [Held::Nothing, Held::Several]);
            assert_eq!(headers.get_each(["b3"]), [Held::Nothing]);
            CarrierMut::set(&mut headers, "traceparent", "d");
            CarrierMut::remove(&mut headers, "tracestate");
            assert_eq!(headers.get_each(keys), [Held::One(b"d"), Held::Nothing]);
            assert_eq!(found(&headers, "traceparent"), ["d"], "{others}");
            assert_eq!(found(&headers, "tracestate"), [""; 0], "{others}");
            assert_eq!(headers.len(), others + 1);
        }
    }

    /// Both keys of a trace context are written into few headers and many alike, whatever was there before.
    #[test]
    fn both_keys_replace_what_was_there() {
        const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let before: [&[&str]; 3] = [&[], &["old"], &["old", "older"]];
        for (others, (parents, states)) in [0, FEW_FOR_TWO - 1, 4 * FEW]
            .into_iter()
            .flat_map(|others| {
                before.map(|parents| before.map(|states| (others, (parents, states))))
            })
            .flatten()
        {
            for state in [Some("a=1"), None] {
                let mut headers = HeaderMap::new();
                for number in 0..others {
                    let name = HeaderName::try_from(format!("tracestat{number}"));
                    headers.append(name.expect("a name"), HeaderValue::from_static("other"));
                }
                for parent in parents {
                    headers.append("traceparent", HeaderValue::from_static(parent));
                }
                for state in states {
                    headers.append("tracestate", HeaderValue::from_static(state));
                }
                let bytes = PARENT.as_bytes().try_into().expect("55 bytes");
                headers.set_trace_context(bytes, state);
                let held = |key| Carrier::get_all(&headers, key).collect::<Vec<_>>();
                assert_eq!(held("traceparent"), [PARENT]);
                assert_eq!(held("tracestate"), Vec::from_iter(state));
                assert_eq!(headers.len(), others + 1 + usize::from(state.is_some()));
            }
        }
    }

    /// Headers keep all values, and one that is no text is seen as one that is invalid.
    #[test]
    fn headers_keep_all_values() {
        let mut headers = HeaderMap::new();
        headers.append("baggage", HeaderValue::from_static("a=1"));
        headers.append(
            "baggage",
            HeaderValue::from_bytes(b"b=\xff").expect("bytes"),
        );
        let all: Vec<_> = Carrier::get_all(&headers, "Baggage").collect();
        assert_eq!(all, ["a=1", "\u{fffd}"]);
        // As the bytes that they are, whether its name is a usual one or not.
        for name in ["tracestate", "x-other"] {
            let value = HeaderValue::from_bytes(b"b=\xff").expect("bytes");
            headers.insert(name, value);
            assert_eq!(headers.get_each([name]), [Held::One(b"b=\xff")]);
            headers.remove(name);
        }
        CarrierMut::set(&mut headers, "baggage", "c=3");
        CarrierMut::set(&mut headers, "X-B3-Sampled", "1");
        let all: Vec<_> = Carrier::get_all(&headers, "baggage").collect();
        assert_eq!(all, ["c=3"]);
        assert_eq!(headers["x-b3-sampled"], "1");
        assert_eq!(Carrier::keys(&headers).count(), 2);
        CarrierMut::remove(&mut headers, "X-B3-Sampled");
        assert_eq!(headers.len(), 1);
        CarrierMut::remove(&mut headers, "tracestate");
        assert_eq!(headers.len(), 1);
        CarrierMut::set(&mut headers, "baggage", "line\r\nbreak");
        assert_eq!(headers["baggage"], "c=3", "no header is split");
    }
}
