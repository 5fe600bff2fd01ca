//! Values that threads write while others read what stands beside them.

use std::ops::Deref;

/// A value on cache lines of its own: what threads write must not slow down their reading of what
/// stands beside it.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Apart<T>(pub(crate) T);

impl<T> Deref for Apart<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
