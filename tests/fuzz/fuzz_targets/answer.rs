//! libFuzzer's way into `wsio::fuzz`: `answer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    wsio::fuzz::run("answer", data);
});
