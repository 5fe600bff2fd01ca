//! Sessions of AI agents across processes.
//!
//! # Features
//!
//! `token`: signed delegation tokens ([`token`]).

#![forbid(unsafe_code)]

#[cfg(feature = "token")]
pub mod token;
