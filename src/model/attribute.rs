//! Attribute values, borrowed: setting one allocates nothing.

/// The value of an attribute, an element of an array or map, or the body of a log record
/// (OTLP `AnyValue`).
///
/// Values borrow what they show, so passing one costs nothing:
///
/// ```
/// use spanreel::Value;
///
/// let stop = [Value::from("END"), Value::from("STOP")];
/// let value = Value::from(&stop[..]);
/// assert!(matches!(value, Value::Array(items) if items.len() == 2));
/// ```
///
/// Arrays and maps lie in each other as deep as receivers read: 44 arrays, 29 maps, or as many of both as make
/// no more than 89 messages of protobuf, of two and of three. What lies deeper is exported as `Empty`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// No value, which OTLP allows.
    #[default]
    Empty,
    /// Text.
    Str(&'a str),
    /// True or false.
    Bool(bool),
    /// A signed 64-bit integer.
    Int(i64),
    /// A 64-bit float; NaN and the infinities are kept as they are.
    Double(f64),
    /// Raw bytes.
    Bytes(&'a [u8]),
    /// Several values, of one kind or of many.
    Array(&'a [Value<'a>]),
    /// Keys with their values. Keys should differ; OTLP leaves the meaning of equal ones open.
    Map(&'a [(&'a str, Value<'a>)]),
}

macro_rules! value_from {
    ($($from:ty => |$it:ident| $to:expr;)*) => {
        $(impl<'a> From<$from> for Value<'a> {
            #[inline]
            fn from($it: $from) -> Self {
                $to
            }
        })*
    };
}

value_from! {
    &'a str => |it| Self::Str(it);
    &'a String => |it| Self::Str(it);
    bool => |it| Self::Bool(it);
    i64 => |it| Self::Int(it);
    i32 => |it| Self::Int(it.into());
    u32 => |it| Self::Int(it.into());
    u16 => |it| Self::Int(it.into());
    u8 => |it| Self::Int(it.into());
    f64 => |it| Self::Double(it);
    f32 => |it| Self::Double(it.into());
    &'a [u8] => |it| Self::Bytes(it);
    &'a [Value<'a>] => |it| Self::Array(it);
    &'a [(&'a str, Value<'a>)] => |it| Self::Map(it);
}

/// Numbers above `i64::MAX`, which OTLP cannot carry, become `i64::MAX`.
impl From<u64> for Value<'_> {
    #[inline]
    fn from(it: u64) -> Self {
        Self::Int(i64::try_from(it).unwrap_or(i64::MAX))
    }
}

/// Numbers above `i64::MAX`, which OTLP cannot carry, become `i64::MAX`.
impl From<usize> for Value<'_> {
    #[inline]
    fn from(it: usize) -> Self {
        Self::Int(i64::try_from(it).unwrap_or(i64::MAX))
    }
}
