//! Carriers: whatever holds texts under keys and crosses a border, such as headers, the metadata of
//! a message, an environment.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;

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
}

/// Something that context is written to.
pub trait CarrierMut {
    /// Makes `value` the only value of `key`. The value is printable ASCII.
    fn set(&mut self, key: &'static str, value: &str);

    /// Removes all values of `key`: what a carrier held before must not travel with a context that
    /// it does not belong to.
    fn remove(&mut self, key: &'static str);
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
}

impl<K: AsRef<str>, V: AsRef<str>, const N: usize> Carrier for [(K, V); N] {
    #[inline]
    fn get_all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.as_slice().get_all(key)
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        self.as_slice().keys()
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
        }

        impl$(<$generic: $bound>)? CarrierMut for $map {
            fn set(&mut self, key: &'static str, value: &str) {
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
    }
}
