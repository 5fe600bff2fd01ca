//! Library half of the `spanreel` command.

pub mod convert;
