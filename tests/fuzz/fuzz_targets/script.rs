//! libFuzzer's way into `wsio::fuzz`: `script`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    wsio::fuzz::run("script", data);
});
