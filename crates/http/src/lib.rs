//! x

#[cfg(feature = "token")]
pub mod token;
