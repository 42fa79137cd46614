//! The NIfTI reader: any bytes are a volume or an error.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    drop(imaging::nifti::read_bytes(bytes, "fuzzed"));
});
