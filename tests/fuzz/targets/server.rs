#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cluster_fuzz::server::run(data));
