//! Carriers: whatever holds texts under keys and crosses a border, such as headers, the metadata of
//! a message, an environment.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;

use super::w3c;
use crate::model::context::TRACEPARENT_LEN;

/// Something that context is read from.
///
/// Keys are compared without regard to ASCII case, as HTTP does. All values of a key must be given,
/// in their order: that there are two `traceparent` is an error that has to be seen. A value that is
/// not text is given as `"\u{fffd}"`, which no format allows, so that it counts as invalid and not
/// as absent.
///
/// ```
/// use spanreel::SpanContext;
///
/// let metadata = [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")];
/// assert!(SpanContext::extract(&metadata).is_some_and(|parent| parent.is_sampled()));
/// ```
pub trait Carrier {
    /// All values of a key, in their order.
    fn get_all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str>;

    /// All keys, each once or more.
    fn keys(&self) -> impl Iterator<Item = &str>;

    /// The first value of a key.
    fn get<'a>(&'a self, key: &'a str) -> Option<&'a str> {
        self.get_all(key).next()
    }

    /// What is held of each of several different keys: what [`get_all`](Self::get_all) gives, at once. A carrier that
    /// has to be looked through may do that once for all of them; by default each key is asked for by itself.
    #[inline]
    fn get_each<'a, const N: usize>(&'a self, keys: [&'a str; N]) -> [Held<'a>; N] {
        keys.map(|key| Held::of(self.get_all(key)))
    }
}

/// What a [`Carrier`] holds of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Held<'a> {
    /// No value.
    #[default]
    Nothing,
    /// One value. Bytes, since a format checks them anyway: they need not be text.
    One(&'a [u8]),
    /// More than one, which [`Carrier::get_all`] gives.
    Several,
}

impl<'a> Held<'a> {
    /// With one more value.
    #[inline]
    #[must_use]
    pub const fn and(self, value: &'a [u8]) -> Self {
        match self {
            Self::Nothing => Self::One(value),
            Self::One(_) | Self::Several => Self::Several,
        }
    }

    #[inline]
    fn of(mut values: impl Iterator<Item = &'a str>) -> Self {
        match (values.next(), values.next()) {
            (None, _) => Self::Nothing,
            (Some(value), None) => Self::One(value.as_bytes()),
            (Some(_), Some(_)) => Self::Several,
        }
    }
}

/// Something that context is written to.
pub trait CarrierMut {
    /// Makes `value` the only value of `key`. The value is printable ASCII.
    fn set(&mut self, key: &'static str, value: &str);

    /// Removes all values of `key`: what a carrier held before must not travel with a context that
    /// it does not belong to.
    fn remove(&mut self, key: &'static str);

    /// Writes the two keys of W3C Trace Context: as [`set`](Self::set) for `traceparent`, which is ASCII, and as `set` or
    /// [`remove`](Self::remove) for `tracestate`, which by default is done one after the other. A carrier that has to be
    /// looked through, or that takes bytes, may spare itself a second look or the check for text.
    #[inline]
    fn set_trace_context(&mut self, traceparent: &[u8; TRACEPARENT_LEN], tracestate: Option<&str>) {
        set_one_by_one(self, traceparent, tracestate);
    }
}

#[inline]
pub(super) fn set_one_by_one<C: CarrierMut + ?Sized>(
    carrier: &mut C,
    traceparent: &[u8; TRACEPARENT_LEN],
    tracestate: Option<&str>,
) {
    if let Ok(traceparent) = str::from_utf8(traceparent) {
        carrier.set(w3c::TRACEPARENT, traceparent);
    }
    match tracestate {
        Some(tracestate) => carrier.set(w3c::TRACESTATE, tracestate),
        None => carrier.remove(w3c::TRACESTATE),
    }
}

impl<K: AsRef<str>, V: AsRef<str>> Carrier for [(K, V)] {
    #[inline]
    fn get_all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.iter()
            .filter(move |(held, _)| held.as_ref().eq_ignore_ascii_case(key))
            .map(|(_, value)| value.as_ref())
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(key, _)| key.as_ref())
    }

    #[inline]
    fn get_each<'a, const N: usize>(&'a self, keys: [&'a str; N]) -> [Held<'a>; N] {
        let mut each = [Held::Nothing; N];
        for (held, value) in self {
            let is_it = |key: &&str| held.as_ref().eq_ignore_ascii_case(key);
            if let Some(found) = keys.iter().position(is_it) {
                each[found] = each[found].and(value.as_ref().as_bytes());
            }
        }
        each
    }
}

impl<K: AsRef<str>, V: AsRef<str>, const N: usize> Carrier for [(K, V); N] {
    #[inline]
    fn get_all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.as_slice().get_all(key)
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        self.as_slice().keys()
    }

    #[inline]
    fn get_each<'a, const M: usize>(&'a self, keys: [&'a str; M]) -> [Held<'a>; M] {
        self.as_slice().get_each(keys)
    }
}

impl<K: AsRef<str>, V: AsRef<str>> Carrier for Vec<(K, V)> {
    #[inline]
    fn get_all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.as_slice().get_all(key)
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        self.as_slice().keys()
    }

    #[inline]
    fn get_each<'a, const N: usize>(&'a self, keys: [&'a str; N]) -> [Held<'a>; N] {
        self.as_slice().get_each(keys)
    }
}

impl CarrierMut for Vec<(String, String)> {
    fn set(&mut self, key: &'static str, value: &str) {
        let is_it = |held: &(String, String)| held.0.eq_ignore_ascii_case(key);
        let Some(first) = self.iter().position(is_it) else {
            self.push((key.to_owned(), value.to_owned()));
            return;
        };
        value.clone_into(&mut self[first].1);
        let mut place = 0;
        self.retain(|held| {
            place += 1;
            place <= first + 1 || !is_it(held)
        });
    }

    fn remove(&mut self, key: &'static str) {
        self.retain(|(held, _)| !held.eq_ignore_ascii_case(key));
    }
}

/// In a map of so few keys, looking through them for two names takes half as long as two hashes.
const FEW: usize = 8;

/// A map finds the key as it is; where it has none of that case, it is searched.
macro_rules! map {
    ($($generic:ident: $bound:path)? => $map:ty) => {
        impl$(<$generic: $bound>)? Carrier for $map {
            #[inline]
            fn get_all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
                let is_it = move |held: &String| held.eq_ignore_ascii_case(key);
                let (found, exact) = if self.len() > FEW {
                    (true, self.get(key))
                } else {
                    match self.iter().find(|(held, _)| is_it(held)) {
                        None => (false, None),
                        Some((held, value)) if held == key => (true, Some(value)),
                        Some(_) => (true, self.get(key)),
                    }
                };
                let others = (found && exact.is_none()).then(|| {
                    self.iter()
                        .filter(move |(held, _)| is_it(held))
                        .map(|(_, value)| value)
                });
                let all = exact.into_iter().chain(others.into_iter().flatten());
                all.map(String::as_str)
            }

            fn keys(&self) -> impl Iterator<Item = &str> {
                self.iter().map(|(key, _)| key.as_str())
            }

            #[inline]
            fn get_each<'a, const N: usize>(&'a self, keys: [&'a str; N]) -> [Held<'a>; N] {
                let mut each = [Held::Nothing; N];
                if self.len() <= FEW {
                    for (held, value) in self {
                        let is_it = |key: &&str| held.eq_ignore_ascii_case(key);
                        if let Some(found) = keys.iter().position(is_it) {
                            each[found] = each[found].and(value.as_bytes());
                        }
                    }
                    // Keys of which several differ in their case alone: the exact one wins.
                    if !each.contains(&Held::Several) {
                        return each;
                    }
                }
                keys.map(|key| Held::of(self.get_all(key)))
            }
        }

        impl$(<$generic: $bound>)? CarrierMut for $map {
            fn set(&mut self, key: &'static str, value: &str) {
                if self.len() <= FEW {
                    let mut of_key = self.iter_mut().filter(|(held, _)| held.eq_ignore_ascii_case(key));
                    if let (Some((held, old)), None) = (of_key.next(), of_key.next())
                        && held == key
                    {
                        return value.clone_into(old);
                    }
                }
                self.retain(|held, _| held == key || !held.eq_ignore_ascii_case(key));
                match self.get_mut(key) {
                    Some(held) => value.clone_into(held),
                    None => {
                        self.insert(key.to_owned(), value.to_owned());
                    }
                }
            }

            fn remove(&mut self, key: &'static str) {
                self.retain(|held, _| !held.eq_ignore_ascii_case(key));
            }
        }
    };
}

map!(S: BuildHasher => HashMap<String, String, S>);
map!(=> BTreeMap<String, String>);

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<const N: usize>(pairs: [(&str, &str); N]) -> [(String, String); N] {
        pairs.map(|(key, value)| (key.to_owned(), value.to_owned()))
    }

    fn all<C: Carrier>(carrier: &C, key: &str) -> Vec<String> {
        carrier.get_all(key).map(str::to_owned).collect()
    }

    /// Keys are found in any case, and all values of a key in their order.
    #[test]
    fn keys_are_found_in_any_case() {
        let list = [("A", "1"), ("b", "2"), ("a", "3")];
        assert_eq!(all(&list, "a"), ["1", "3"]);
        assert_eq!(all(&list.to_vec(), "B"), ["2"]);
        assert_eq!(list.get("b"), Some("2"));
        assert_eq!(Carrier::keys(&list).collect::<Vec<_>>(), ["A", "b", "a"]);
        let hash: HashMap<_, _> = texts([("TraceParent", "1"), ("b", "2")]).into();
        assert_eq!(all(&hash, "traceparent"), ["1"]);
        assert_eq!(all(&hash, "b"), ["2"]);
        assert_eq!(all(&hash, "none"), [""; 0]);
        let both: HashMap<_, _> = texts([("A", "1"), ("a", "2")]).into();
        assert_eq!(all(&both, "a"), ["2"], "the exact key wins");
        let many: HashMap<_, _> = (0..=FEW)
            .map(|key| (format!("K{key}"), key.to_string()))
            .collect();
        assert_eq!(all(&many, "k3"), ["3"]);
        assert_eq!(all(&many, "K3"), ["3"]);
        assert_eq!(all(&many, "none"), [""; 0]);
        let tree: BTreeMap<_, _> = texts([("A", "1"), ("a", "2"), ("b", "3")]).into();
        assert_eq!(all(&tree, "a"), ["2"], "the exact key wins");
        assert_eq!(Carrier::keys(&tree).count(), 3);
    }

    /// Keys that are asked for at once have what each has by itself: nothing, one value, several, in any case.
    #[test]
    fn each_key_has_what_it_has_by_itself() {
        fn alike<C: Carrier + ?Sized>(carrier: &C) {
            let keys = ["a", "b", "none"];
            let each = keys.map(|key| Held::of(carrier.get_all(key)));
            assert_eq!(carrier.get_each(keys), each);
            assert_eq!(carrier.get_each(["none", "b"]), [Held::Nothing, each[1]]);
        }
        let list = texts([("A", "1"), ("b", "2"), ("a", "3")]);
        assert_eq!(list.get_each(["b"]), [Held::One(b"2")]);
        assert_eq!(list.get_each(["a"]), [Held::Several]);
        alike(&list);
        alike(&list.to_vec());
        alike(list.as_slice());
        for pairs in [
            vec![],
            texts([("A", "1"), ("B", "2")]).to_vec(),
            texts([("A", "1"), ("a", "2"), ("x", "3")]).to_vec(),
            texts([("AB", "1"), ("Ab", "2"), ("B", "3"), ("b", "4")]).to_vec(),
        ] {
            for others in [0, FEW] {
                let others = (0..others).map(|other| (format!("other{other}"), String::new()));
                let pairs = pairs.iter().cloned().chain(others);
                alike(&pairs.clone().collect::<BTreeMap<_, _>>());
                alike(&pairs.collect::<HashMap<_, _>>());
            }
        }
    }

    /// What is set is the only value of its key, whatever its case was.
    #[test]
    fn what_is_set_is_the_only_value() {
        let mut list = texts([("x", "0"), ("A", "1"), ("b", "2"), ("a", "3")]).to_vec();
        list.set("a", "new");
        assert_eq!(list, texts([("x", "0"), ("A", "new"), ("b", "2")]));
        list.set("c", "4");
        CarrierMut::remove(&mut list, "B");
        assert_eq!(list, texts([("x", "0"), ("A", "new"), ("c", "4")]));
        let mut map: BTreeMap<_, _> = texts([("A", "1"), ("b", "2")]).into();
        map.set("a", "new");
        map.set("b", "newer");
        assert_eq!(map, texts([("a", "new"), ("b", "newer")]).into());
        CarrierMut::remove(&mut map, "B");
        assert_eq!(map, texts([("a", "new")]).into());
        let mut both: HashMap<_, _> = texts([("A", "1"), ("a", "2")]).into();
        both.set("a", "new");
        assert_eq!(both, texts([("a", "new")]).into());
    }
}
