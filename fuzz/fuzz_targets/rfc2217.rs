//! The fuzzer's side of the target `rfc2217`; what it holds stands in `fuzz/src/rfc2217.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| clusterd_fuzz::rfc2217::hold(input));
