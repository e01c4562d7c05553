//! libFuzzer's way into `wsio::fuzz`: `frames`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    wsio::fuzz::run("frames", data);
});
