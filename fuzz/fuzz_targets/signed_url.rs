//! libFuzzer's way into [`runnel_fuzz::signed_url`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| runnel_fuzz::signed_url(data));
