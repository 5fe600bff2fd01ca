//! What has not begun yet, and what is known of it beforehand.

use spanreel::{SessionBuilder, SpanBuilder, Value};

/// A span, or a session whose root it is.
pub(crate) trait Begin: Sized {
    /// Sets an attribute. Of a literal key, most is worked out by the compiler.
    fn attribute<'v>(self, key: &str, value: impl Into<Value<'v>>) -> Self;
}

impl Begin for SpanBuilder<'_> {
    #[inline(always)]
    fn attribute<'v>(self, key: &str, value: impl Into<Value<'v>>) -> Self {
        SpanBuilder::attribute(self, key, value)
    }
}

impl Begin for SessionBuilder<'_> {
    #[inline(always)]
    fn attribute<'v>(self, key: &str, value: impl Into<Value<'v>>) -> Self {
        SessionBuilder::attribute(self, key, value)
    }
}

/// What is known of work when it begins.
pub(crate) trait Known {
    /// Tells it.
    fn tell<B: Begin>(&self, begin: B) -> B;
}

/// Attributes whose keys the host knows.
impl Known for [(&str, Value<'_>)] {
    fn tell<B: Begin>(&self, begin: B) -> B {
        self.iter()
            .fold(begin, |begin, (key, value)| begin.attribute(key, *value))
    }
}
