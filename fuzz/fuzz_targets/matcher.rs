//! The fuzzer's side of the target `matcher`; what it holds stands in `fuzz/src/matcher.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| clusterd_fuzz::matcher::hold(input));
