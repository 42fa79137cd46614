//! The reader of PyRadiomics' parameter files.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        drop(pipeline_defs::settings_file::read(text, "fuzzed.yaml"));
    }
});
