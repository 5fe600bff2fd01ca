//! The fuzz targets: those that the tests of `spanreel-cli` run with what was found before.

#[path = "../../crates/cli/tests/corpus/targets/mod.rs"]
pub mod targets;
