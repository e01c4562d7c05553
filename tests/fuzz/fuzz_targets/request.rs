//! libFuzzer's way into `wsio::fuzz`: `request`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    wsio::fuzz::run("request", data);
});
