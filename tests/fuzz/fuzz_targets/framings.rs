//! libFuzzer's way into `wsio::fuzz`: `framings`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    wsio::fuzz::run("framings", data);
});
