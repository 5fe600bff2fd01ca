//! See `crates/cli/tests/corpus/targets/recording.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| spanreel_fuzz::targets::run("recording", bytes));
