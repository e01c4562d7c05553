//! libFuzzer's way into `wsio::fuzz`: `curl`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    wsio::fuzz::run("curl", data);
});
