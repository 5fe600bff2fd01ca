//! See `crates/cli/tests/corpus/targets/token.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| spanreel_fuzz::targets::run("token", bytes));
