//! A copy of the body of a request, taken as it is sent.
//!
//! Holds: the body, up to a bound, until it is read. Waits: for the other side of a call, as long as that
//! takes to add a frame. Loses: what is beyond the bound.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use super::asked::Asked;
use super::provider::Provider;

/// The copy, shared by the body that is sent and the call.
#[derive(Clone, Debug)]
pub(crate) struct RequestCopy(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    provider: Arc<dyn Provider>,
    body: Vec<u8>,
    limit: usize,
    asked: Asked,
    is_read: bool,
}

impl RequestCopy {
    pub(crate) fn new(provider: Arc<dyn Provider>, asked: Asked, limit: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            provider,
            body: Vec::new(),
            limit,
            asked,
            is_read: false,
        })))
    }

    /// Adds what is sent.
    pub(crate) fn push(&self, bytes: &[u8]) {
        self.with(|state| {
            if !state.is_read {
                let room = state.limit - state.body.len();
                state
                    .body
                    .extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
        });
    }

    /// Reads what was sent: once, when the body has ended or the answer comes.
    pub(crate) fn read(&self) {
        self.with(State::read);
    }

    /// What was asked, as far as it is known.
    pub(crate) fn asked(&self) -> Asked {
        self.with(|state| {
            state.read();
            state.asked.clone()
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        // A provider that panics is caught: nothing is left half done.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn read(&mut self) {
        if self.is_read {
            return;
        }
        self.is_read = true;
        let body = std::mem::take(&mut self.body);
        let Self {
            provider, asked, ..
        } = self;
        let read = AssertUnwindSafe(|| provider.read_request(&body, asked));
        if catch_unwind(read).is_err() {
            tracing::warn!(target: "spanreel", ?provider, "a provider panicked while it read a request");
        }
    }
}
