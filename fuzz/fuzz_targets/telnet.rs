//! The fuzzer's side of the target `telnet`; what it holds stands in `fuzz/src/telnet.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| clusterd_fuzz::telnet::hold(input));
