//! A future with a current session or span of its own.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::{Current, enter};

pin_project! {
    /// A future during whose polls a session or span is the current one: see
    /// [`scope`](super::scope) and [`in_current`](super::in_current).
    ///
    /// What the future holds is dropped in its scope too, whether it ran to its end, was cancelled or
    /// panicked, so that guards which record something in their `drop` record it in the right place.
    #[must_use = "futures do nothing unless polled"]
    #[derive(Debug)]
    pub struct Scoped<F> {
        // None once it has run to its end.
        #[pin]
        work: Option<F>,
        at: Option<Current>,
    }

    impl<F> PinnedDrop for Scoped<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _entered = this.at.as_ref().map(enter);
            this.work.set(None);
        }
    }
}

impl<F> Scoped<F> {
    pub(super) fn new(at: Option<Current>, work: F) -> Self {
        Self {
            work: Some(work),
            at,
        }
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    /// # Panics
    /// Polled again after it was ready, as futures may.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let _entered = this.at.as_ref().map(enter);
        let work = this.work.as_mut().as_pin_mut();
        let work = work.expect("a future is not polled again after it was ready");
        let outcome = work.poll(cx);
        if outcome.is_ready() {
            this.work.set(None);
        }
        outcome
    }
}
