//! Library half of the `spanreel` command.

pub mod sink;
