//! libFuzzer's way into `wsio::fuzz`: `endpoints`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    wsio::fuzz::run("endpoints", data);
});
