//! libFuzzer's way into `wsio::fuzz`: `inflate`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    wsio::fuzz::run("inflate", data);
});
