//! Library half of the `spanreel` command.
