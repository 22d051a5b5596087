//! The fuzzer's side of the target `control`; what it holds stands in `fuzz/src/control.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| clusterd_fuzz::control::hold(input));
