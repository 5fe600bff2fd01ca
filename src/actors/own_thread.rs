//! Marks the pipeline's own threads. What runs on them never records: or a host whose diagnostics
//! become log records would have the pipeline export, with every export, what was said during the
//! last one, and so on without end.

use std::cell::Cell;

thread_local! {
    static OWN: Cell<bool> = const { Cell::new(false) };
}

/// Marks this thread as the pipeline's own, for good.
pub(crate) fn mark() {
    OWN.set(true);
}

/// Whether this thread is the pipeline's own, or another pipeline's.
#[inline]
pub(crate) fn is_own() -> bool {
    OWN.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A mark stays with its thread.
    #[test]
    fn a_mark_stays_with_its_thread() {
        std::thread::spawn(|| {
            assert!(!is_own());
            mark();
            assert!(is_own());
        })
        .join()
        .expect("no panic");
        assert!(!is_own());
    }
}
