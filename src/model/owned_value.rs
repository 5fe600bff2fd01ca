//! Attribute values that own what they hold: what is set once and used later, and what was read.

use crate::model::attribute::Value;
use crate::model::otlp::view::{AttributesView, ValueView};

/// A [`Value`] that owns its contents (OTLP `AnyValue`): an attribute of a resource or of a
/// recorded span, say.
///
/// ```
/// use spanreel::{OwnedValue, Value};
///
/// let stop = OwnedValue::from(vec!["END", "STOP"]);
/// stop.with_value(|value| assert!(matches!(value, Value::Array([Value::Str("END"), _]))));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum OwnedValue {
    /// No value, which OTLP allows.
    #[default]
    Empty,
    /// Text.
    Str(String),
    /// True or false.
    Bool(bool),
    /// A signed 64-bit integer.
    Int(i64),
    /// A 64-bit float; NaN and the infinities are kept as they are.
    Double(f64),
    /// Raw bytes.
    Bytes(Vec<u8>),
    /// Several values, of one kind or of many.
    Array(Vec<OwnedValue>),
    /// Keys with their values.
    Map(Vec<(String, OwnedValue)>),
}

impl OwnedValue {
    /// Shows the value in its borrowed form and returns what `show` returns.
    ///
    /// A closure, because the borrowed form of an array or a map needs memory for its elements
    /// that must outlive the call of `show` only. Texts, numbers and bytes allocate nothing.
    pub fn with_value<R>(&self, show: impl FnOnce(Value<'_>) -> R) -> R {
        if let Some(value) = self.flat() {
            return show(value);
        }
        let mut show = Some(show);
        let mut result = None;
        borrow_level(&[self], &mut |values| {
            result = show.take().map(|show| show(values[0]));
        });
        result.expect("a level is shown exactly once")
    }

    /// The borrowed form of what holds no further values.
    fn flat(&self) -> Option<Value<'_>> {
        Some(match self {
            Self::Empty => Value::Empty,
            Self::Str(it) => Value::Str(it),
            Self::Bool(it) => Value::Bool(*it),
            Self::Int(it) => Value::Int(*it),
            Self::Double(it) => Value::Double(*it),
            Self::Bytes(it) => Value::Bytes(it),
            Self::Array(_) | Self::Map(_) => return None,
        })
    }
}

/// Shows the borrowed forms of `level` to `show`, in the same order, exactly once.
///
/// All values of one depth are borrowed at once and kept in this frame, so that the stack grows
/// with the depth of the value alone, however many elements it has.
fn borrow_level(level: &[&OwnedValue], show: &mut dyn FnMut(&[Value<'_>])) {
    let mut inner: Vec<&OwnedValue> = Vec::new();
    for value in level {
        match value {
            OwnedValue::Array(items) => inner.extend(items),
            OwnedValue::Map(entries) => inner.extend(entries.iter().map(|(_, value)| value)),
            _ => {}
        }
    }
    if inner.is_empty() {
        return show(&assemble(level, &[], &[]));
    }
    borrow_level(&inner, &mut |inner| {
        let entries = map_entries(level, inner);
        show(&assemble(level, inner, &entries));
    });
}

/// The entries of all maps of a level, one map after the other.
fn map_entries<'a>(level: &[&'a OwnedValue], inner: &[Value<'a>]) -> Vec<(&'a str, Value<'a>)> {
    let mut values = inner.iter();
    let mut entries = Vec::new();
    for value in level {
        match value {
            OwnedValue::Array(items) => {
                values = values.as_slice()[items.len()..].iter();
            }
            OwnedValue::Map(map) => {
                let keys = map.iter().map(|(key, _)| key.as_str());
                entries.extend(keys.zip(values.by_ref().copied()));
            }
            _ => {}
        }
    }
    entries
}

/// The borrowed forms of a level, given those of the level below and the entries of its maps.
fn assemble<'a>(
    level: &[&'a OwnedValue],
    mut inner: &'a [Value<'a>],
    mut entries: &'a [(&'a str, Value<'a>)],
) -> Vec<Value<'a>> {
    let mut values = Vec::with_capacity(level.len());
    for value in level {
        values.push(match value {
            OwnedValue::Array(items) => {
                let (mine, rest) = inner.split_at(items.len());
                inner = rest;
                Value::Array(mine)
            }
            OwnedValue::Map(map) => {
                let (mine, rest) = entries.split_at(map.len());
                inner = &inner[map.len()..];
                entries = rest;
                Value::Map(mine)
            }
            flat => flat.flat().expect("neither an array nor a map"),
        });
    }
    values
}

impl From<Value<'_>> for OwnedValue {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Empty => Self::Empty,
            Value::Str(it) => Self::Str(it.to_owned()),
            Value::Bool(it) => Self::Bool(it),
            Value::Int(it) => Self::Int(it),
            Value::Double(it) => Self::Double(it),
            Value::Bytes(it) => Self::Bytes(it.to_vec()),
            Value::Array(items) => Self::Array(items.iter().map(|item| (*item).into()).collect()),
            Value::Map(entries) => Self::Map(
                entries
                    .iter()
                    .map(|(key, value)| ((*key).to_owned(), (*value).into()))
                    .collect(),
            ),
        }
    }
}

impl From<ValueView<'_>> for OwnedValue {
    fn from(view: ValueView<'_>) -> Self {
        match view {
            ValueView::Empty => Self::Empty,
            ValueView::Str(it) => Self::Str(it.to_owned()),
            ValueView::Bool(it) => Self::Bool(it),
            ValueView::Int(it) => Self::Int(it),
            ValueView::Double(it) => Self::Double(it),
            ValueView::Bytes(it) => Self::Bytes(it.to_vec()),
            ValueView::Array(items) => Self::Array(items.map(Self::from).collect()),
            ValueView::Map(map) => Self::Map(entries(map)),
        }
    }
}

/// The keys and values of a map or of attributes, copied.
pub(crate) fn entries(view: AttributesView<'_>) -> Vec<(String, OwnedValue)> {
    view.map(|(key, value)| (key.to_owned(), value.into()))
        .collect()
}

macro_rules! owned_from_value {
    ($($from:ty)*) => {
        $(impl From<$from> for OwnedValue {
            fn from(it: $from) -> Self {
                Value::from(it).into()
            }
        })*
    };
}

owned_from_value! { &str bool i64 i32 u32 u16 u8 f64 f32 u64 usize }

impl From<String> for OwnedValue {
    fn from(it: String) -> Self {
        Self::Str(it)
    }
}

impl From<Vec<u8>> for OwnedValue {
    fn from(it: Vec<u8>) -> Self {
        Self::Bytes(it)
    }
}

impl From<Vec<OwnedValue>> for OwnedValue {
    fn from(it: Vec<OwnedValue>) -> Self {
        Self::Array(it)
    }
}

impl From<Vec<&str>> for OwnedValue {
    fn from(it: Vec<&str>) -> Self {
        Self::Array(it.into_iter().map(Self::from).collect())
    }
}

impl From<Vec<String>> for OwnedValue {
    fn from(it: Vec<String>) -> Self {
        Self::Array(it.into_iter().map(Self::from).collect())
    }
}

impl From<Vec<(String, OwnedValue)>> for OwnedValue {
    fn from(it: Vec<(String, OwnedValue)>) -> Self {
        Self::Map(it)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_value() -> impl Strategy<Value = OwnedValue> {
        let flat = prop_oneof![
            Just(OwnedValue::Empty),
            any::<String>().prop_map(OwnedValue::Str),
            any::<bool>().prop_map(OwnedValue::Bool),
            any::<i64>().prop_map(OwnedValue::Int),
            (-1e9..1e9).prop_map(OwnedValue::Double),
            any::<Vec<u8>>().prop_map(OwnedValue::Bytes),
        ];
        flat.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(OwnedValue::Array),
                prop::collection::vec((any::<String>(), inner), 0..5).prop_map(OwnedValue::Map),
            ]
        })
    }

    proptest! {
        /// The borrowed form says the same as the owned one, at any nesting.
        #[test]
        fn the_borrowed_form_says_the_same(value in any_value()) {
            let copy = value.with_value(|value| OwnedValue::from(value));
            prop_assert_eq!(copy, value);
        }
    }

    /// An array of many maps is borrowed without a deep stack.
    #[test]
    fn the_stack_grows_with_depth_only() {
        let entry = OwnedValue::from(vec![("key".to_owned(), OwnedValue::Int(1))]);
        let many = OwnedValue::Array(vec![entry; 200_000]);
        let length = many.with_value(|value| match value {
            Value::Array(items) => items.len(),
            other => panic!("{other:?}"),
        });
        assert_eq!(length, 200_000);
    }

    /// Numbers that OTLP cannot carry become the largest that it can, as for borrowed values.
    #[test]
    fn large_numbers_saturate() {
        assert_eq!(OwnedValue::from(u64::MAX), OwnedValue::Int(i64::MAX));
    }
}
