//! The MetaImage reader.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    drop(imaging::metaimage::read_bytes(bytes));
});
