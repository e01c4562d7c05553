//! libFuzzer's way into `wsio::fuzz`: `records`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    wsio::fuzz::run("records", data);
});
