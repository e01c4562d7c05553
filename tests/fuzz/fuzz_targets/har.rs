//! libFuzzer's way into `wsio::fuzz`: `har`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    wsio::fuzz::run("har", data);
});
