//! libFuzzer's way into [`runnel_fuzz::cursor`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| runnel_fuzz::cursor(data));
