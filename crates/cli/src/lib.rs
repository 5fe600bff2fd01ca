//! Library half of the `spanreel` command.

pub mod config;
pub mod convert;
pub mod drain;
pub mod endpoint;
pub mod ledger;
pub mod live;
pub mod load;
pub mod outcome;
pub mod receive;
pub mod replay;
pub mod serve;
pub mod sink;
pub mod term;
pub mod units;
mod wire;
