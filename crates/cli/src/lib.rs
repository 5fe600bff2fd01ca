//! Library half of the `spanreel` command.

pub mod load;
pub mod sink;
pub mod term;
