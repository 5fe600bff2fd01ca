//! JSON read field by field into what is wanted, everything else skipped: a value of the wrong type is
//! as absent, and of half a document the first half is known.
//!
//! Holds: nothing. Waits: never. Loses: what stands behind the place where a document breaks.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What a JSON object is read into.
pub(crate) trait Fill {
    /// Takes one field. What is not taken must be skipped.
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error>;
}

/// The value of a field, to be read once.
pub(crate) struct Field<'a, A>(&'a mut A);

impl<'de, A: MapAccess<'de>> Field<'_, A> {
    pub(crate) fn skip(self) -> Result<(), A::Error> {
        self.0.next_value::<IgnoredAny>().map(drop)
    }

    /// A whole number that is not negative.
    pub(crate) fn count(self) -> Result<Option<u64>, A::Error> {
        self.0.next_value_seed(Scalar(AsCount))
    }

    pub(crate) fn integer(self) -> Result<Option<i64>, A::Error> {
        self.0.next_value_seed(Scalar(AsInteger))
    }

    pub(crate) fn number(self) -> Result<Option<f64>, A::Error> {
        self.0.next_value_seed(Scalar(AsNumber))
    }

    pub(crate) fn flag(self) -> Result<Option<bool>, A::Error> {
        self.0.next_value_seed(Scalar(AsFlag))
    }

    pub(crate) fn text(self) -> Result<Option<Cow<'de, str>>, A::Error> {
        self.0.next_value_seed(Scalar(AsText))
    }

    /// Any value, as JSON: for what is content.
    pub(crate) fn json(self) -> Result<Option<String>, A::Error> {
        let value = self.0.next_value::<serde_json::Value>()?;
        Ok((!value.is_null()).then(|| value.to_string()))
    }

    /// Whether it is anything but null.
    pub(crate) fn presence(self) -> Result<bool, A::Error> {
        let value = self.0.next_value::<Option<IgnoredAny>>()?;
        Ok(value.is_some())
    }

    /// A text to keep; one that is too long for a name or an id is cut.
    pub(crate) fn name(self) -> Result<Option<String>, A::Error> {
        Ok(self.text()?.map(|text| cut(&text).to_owned()))
    }

    /// Fills `into`, where the value is an object.
    pub(crate) fn object(self, into: &mut impl Fill) -> Result<(), A::Error> {
        self.0.next_value_seed(Object(into, &mut false))
    }

    /// Fills one `F` for each element of an array that is an object, as far as the array can be read.
    pub(crate) fn objects<F: Fill + Default>(self, take: impl FnMut(F)) -> Result<(), A::Error> {
        let make = F::default;
        self.0.next_value_seed(Objects { make, take })
    }

    /// The same, each `F` made anew.
    pub(crate) fn objects_of<F: Fill>(
        self,
        make: impl FnMut() -> F,
        take: impl FnMut(F),
    ) -> Result<(), A::Error> {
        self.0.next_value_seed(Objects { make, take })
    }

    /// The texts of an array; a single text counts as an array of one.
    pub(crate) fn names(self) -> Result<Vec<String>, A::Error> {
        self.0.next_value_seed(Names)
    }
}

/// The longest name or id that is kept, in bytes.
const LONGEST_NAME: usize = 512;
/// The most elements that are kept of a list of names.
const MOST_NAMES: usize = 128;

/// A text, cut to the length of a name.
pub(crate) fn cut(text: &str) -> &str {
    let mut end = text.len().min(LONGEST_NAME);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Reads a document into `into`; `false` where it is no object or not whole. A number at the end of
/// half a document is left out: nobody knows what it would have been.
pub(crate) fn read(document: &[u8], into: &mut impl Fill) -> bool {
    let is_of_number = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
    let doubtful = document.iter().rev().take_while(|byte| is_of_number(byte));
    let known = &document[..document.len() - doubtful.count()];
    let mut deserializer = serde_json::Deserializer::from_slice(known);
    let mut is_object = false;
    let read = Object(into, &mut is_object).deserialize(&mut deserializer);
    read.is_ok() && is_object && deserializer.end().is_ok()
}

/// What is filled, and whether it was an object.
struct Object<'a, F>(&'a mut F, &'a mut bool);

impl<'de, F: Fill> DeserializeSeed<'de> for Object<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// The visits of values that are of no interest.
macro_rules! ignored {
    ($value:expr; $($visit:ident($type:ty)),*) => {
        $(fn $visit<E>(self, _: $type) -> Result<Self::Value, E> {
            Ok($value)
        })*

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok($value)
        }
    };
}

fn drain_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<(), A::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

fn drain_seq<'de, A: SeqAccess<'de>>(mut items: A) -> Result<(), A::Error> {
    while items.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

impl<'de, F: Fill> Visitor<'de> for Object<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        *self.1 = true;
        while let Some(key) = map.next_key_seed(Scalar(AsText))? {
            self.0.field(&key.unwrap_or_default(), Field(&mut map))?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<(), A::Error> {
        drain_seq(items)
    }

    ignored!((); visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64), visit_str(&str));
}

struct Objects<M, T> {
    make: M,
    take: T,
}

impl<'de, F: Fill, M: FnMut() -> F, T: FnMut(F)> DeserializeSeed<'de> for Objects<M, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, F: Fill, M: FnMut() -> F, T: FnMut(F)> Visitor<'de> for Objects<M, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        loop {
            let (mut item, mut is_object) = ((self.make)(), false);
            let read = items.next_element_seed(Object(&mut item, &mut is_object));
            if is_object {
                (self.take)(item);
            }
            if read?.is_none() {
                return Ok(());
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        drain_map(map)
    }

    ignored!((); visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64), visit_str(&str));
}

struct Names;

impl<'de> DeserializeSeed<'de> for Names {
    type Value = Vec<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<String>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Names {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of strings")
    }

    fn visit_str<E>(self, text: &str) -> Result<Vec<String>, E> {
        Ok(vec![cut(text).to_owned()])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<String>, A::Error> {
        let mut names = Vec::new();
        while let Some(text) = items.next_element_seed(Scalar(AsText))? {
            if let Some(text) = text
                && names.len() < MOST_NAMES
            {
                names.push(cut(&text).to_owned());
            }
        }
        Ok(names)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Vec<String>, A::Error> {
        drain_map(map)?;
        Ok(Vec::new())
    }

    ignored!(Vec::new(); visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64));
}

/// How a scalar is taken; what it cannot be is `None`.
trait Take<'de>: Sized {
    type Taken;

    fn number(_: f64) -> Option<Self::Taken> {
        None
    }
    fn negative(value: i64) -> Option<Self::Taken> {
        Self::number(value as f64)
    }
    fn count(_: u64) -> Option<Self::Taken> {
        None
    }
    fn flag(_: bool) -> Option<Self::Taken> {
        None
    }
    fn text(_: Cow<'de, str>) -> Option<Self::Taken> {
        None
    }
}

struct AsCount;
struct AsInteger;
struct AsNumber;
struct AsFlag;
struct AsText;

impl Take<'_> for AsCount {
    type Taken = u64;

    fn count(value: u64) -> Option<u64> {
        Some(value)
    }

    /// `12.0`, as some write a whole number.
    fn number(value: f64) -> Option<u64> {
        let is_count = value >= 0.0 && value.fract() == 0.0 && value <= 9_007_199_254_740_992.0;
        is_count.then_some(value as u64)
    }
}

impl Take<'_> for AsInteger {
    type Taken = i64;

    fn count(value: u64) -> Option<i64> {
        i64::try_from(value).ok()
    }

    fn negative(value: i64) -> Option<i64> {
        Some(value)
    }
}

impl Take<'_> for AsNumber {
    type Taken = f64;

    fn count(value: u64) -> Option<f64> {
        Some(value as f64)
    }

    fn number(value: f64) -> Option<f64> {
        Some(value)
    }
}

impl Take<'_> for AsFlag {
    type Taken = bool;

    fn flag(value: bool) -> Option<bool> {
        Some(value)
    }
}

impl<'de> Take<'de> for AsText {
    type Taken = Cow<'de, str>;

    fn text(value: Cow<'de, str>) -> Option<Cow<'de, str>> {
        Some(value)
    }
}

struct Scalar<T>(T);

impl<'de, T: Take<'de>> DeserializeSeed<'de> for Scalar<T> {
    type Value = Option<T::Taken>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Take<'de>> Visitor<'de> for Scalar<T> {
    type Value = Option<T::Taken>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(T::flag(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(T::count(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(T::negative(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(T::number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(T::text(Cow::Owned(value.to_owned())))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(T::text(Cow::Borrowed(value)))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
        drain_seq(items)?;
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        drain_map(map)?;
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
