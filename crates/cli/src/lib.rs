//! Library half of the `spanreel` command.

pub mod convert;
pub mod load;
pub mod sink;
pub mod term;
