//! libFuzzer's way into [`runnel_fuzz::thumbnail`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| runnel_fuzz::thumbnail(data));
