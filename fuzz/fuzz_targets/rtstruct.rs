//! DICOM as one file: a structure set or segmentation on a small grid, and a series of one.
#![no_main]

use imaging::Geometry;
use imaging::dicom::{RoiChoice, read_region, read_series};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // The grid of the seeds.
    let Ok(geometry) = Geometry::axis_aligned([3, 2, 2], [0.5, 0.75, 4.0]) else {
        return;
    };
    for choice in [RoiChoice::Number(1), RoiChoice::Name("GTV")] {
        drop(read_region(bytes, choice, &geometry, None, 0.1));
    }
    drop(read_series(&[bytes], None));
    let _ = imaging::dicom::stored(bytes);
    // Several files as one run of bytes.
    drop(imaging::formats::read_bytes(bytes));
});
