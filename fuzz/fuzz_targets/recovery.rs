//! See `crates/cli/tests/corpus/targets/recovery.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| spanreel_fuzz::targets::run("recovery", bytes));
