//! libFuzzer's way into `wsio::fuzz`: `transcript`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    wsio::fuzz::run("transcript", data);
});
