//! libFuzzer's way into [`runnel_fuzz::picture`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| runnel_fuzz::picture(data));
