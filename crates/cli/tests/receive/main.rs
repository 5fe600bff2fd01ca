//! The receiver against real peers: tonic's clients, hyper's, and bytes written by hand.

#![expect(
    clippy::disallowed_methods,
    reason = "clients run side by side with the test"
)]

mod access;
mod bounds;
mod floods;
mod hostile;
mod pipeline;
mod protocols;
mod slow;
mod stop;
mod support;
mod tls;
mod verdicts;
