#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cluster_fuzz::cloud_config::run(data));
