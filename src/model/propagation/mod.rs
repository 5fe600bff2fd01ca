//! Context across borders: what is read from a request, a message or an environment, and what is
//! written to one.
//!
//! A [`Carrier`](carrier::Carrier) holds texts under keys; a [`Propagator`](propagators::Propagator)
//! is one format of them. Pure: nothing here reads the environment, and hostile texts cost a look
//! at each byte and never more memory than the formats' own limits.

pub(crate) mod b3;
pub(crate) mod baggage;
pub(crate) mod carrier;
pub(crate) mod environment;
#[cfg(feature = "headers")]
mod headers;
pub(crate) mod hosts;
pub(crate) mod policy;
pub(crate) mod propagators;
pub(crate) mod trace_state;
pub(crate) mod w3c;
pub(crate) mod xray;
