//! The fuzzer's side of the target `transcript`; what it holds stands in `fuzz/src/transcript.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| clusterd_fuzz::transcript::hold(input));
