//! The fuzzer's side of the target `script`; what it holds stands in `fuzz/src/script.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| clusterd_fuzz::script::hold(input));
