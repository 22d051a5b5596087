//! The fuzzer's side of the target `config`; what it holds stands in `fuzz/src/config.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| clusterd_fuzz::config::hold(input));
