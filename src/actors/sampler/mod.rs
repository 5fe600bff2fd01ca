//! The sampler: which sessions are kept.

pub(crate) mod policy;
