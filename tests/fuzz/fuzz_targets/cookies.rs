//! libFuzzer's way into `wsio::fuzz`: `cookies`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    wsio::fuzz::run("cookies", data);
});
