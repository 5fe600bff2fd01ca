//! See `crates/cli/tests/corpus/targets/segment.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| spanreel_fuzz::targets::run("segment", bytes));
