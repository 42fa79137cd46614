//! NIfTI files as other programs would write them: uncompressed, or compressed at a level of choice.

use std::io::{Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

/// The bytes of a `.nii.gz` file without their compression.
///
/// # Panics
/// The file does not read.
#[must_use]
#[track_caller]
pub fn decompressed(path: &Path) -> Vec<u8> {
    let file =
        std::fs::File::open(path).unwrap_or_else(|e| panic!("cannot read {}: {e}", path.display()));
    let mut bytes = Vec::new();
    GzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    bytes
}

/// Writes bytes compressed at a level from 0 to 9.
///
/// # Panics
/// The file cannot be written.
#[track_caller]
pub fn write_compressed(path: &Path, bytes: &[u8], level: u32) {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(bytes).unwrap();
    std::fs::write(path, encoder.finish().unwrap()).unwrap();
}
