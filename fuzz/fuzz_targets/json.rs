//! See `crates/cli/tests/corpus/targets/json.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| spanreel_fuzz::targets::run("json", bytes));
