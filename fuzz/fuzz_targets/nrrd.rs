//! The NRRD reader, and the segments of a Slicer segmentation.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    drop(imaging::nrrd::read_bytes(bytes));
    drop(imaging::formats::read_bytes(bytes));
});
