//! The spanreel command.
fn main() {}
