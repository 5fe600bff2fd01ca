//! Library half of the `spanreel` command.

pub mod config;
pub mod convert;
pub mod demo;
pub mod doctor;
pub mod drain;
pub mod endpoint;
mod freed;
pub mod gateway;
pub mod ledger;
pub mod live;
pub mod load;
pub mod outcome;
mod probe;
pub mod receive;
pub mod redact;
pub mod replay;
pub mod run;
pub mod sample;
pub mod serve;
pub mod sessions;
pub mod sink;
pub mod spool;
pub mod term;
pub mod units;
mod wire;

/// The examples of the pages on the command are compiled and run as tests.
#[cfg(doctest)]
mod documentation {
    #[doc = include_str!("../../../docs/convert.md")]
    mod convert {}
    #[doc = include_str!("../../../docs/gateway.md")]
    mod gateway {}
}
