//! libFuzzer's way into [`runnel_fuzz::filter`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| runnel_fuzz::filter(data));
