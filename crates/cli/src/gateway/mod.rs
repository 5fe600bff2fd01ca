//! The gateway: a reverse proxy to providers of models, whose calls are traced on the way. An agent in any
//! language sets its base URL, and needs nothing else.
//!
//! Holds: connections, their sessions, and of each call what its reading holds. Waits: for clients and
//! providers; nothing of an answer is held back. Loses: nothing; calls that are cut off at the end are
//! told as cancelled.

mod place;
mod proxy;
mod server;
mod upstream;
pub(crate) mod variables;

pub(crate) use place::Place;
pub(crate) use proxy::Proxy;
pub(crate) use server::{Gateway, Started};
pub use upstream::Upstream;
pub(crate) use upstream::Upstreams;
