//! Compression of single files.

use flate2::{Compression, GzBuilder};
use std::io::{self, Write};

/// The operating system field of a gzip header: unknown.
const UNKNOWN_SYSTEM: u8 = 255;

pub(super) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// One content, one stream: neither time nor name.
pub(super) fn compress(content: &[u8]) -> io::Result<Vec<u8>> {
    let header = GzBuilder::new().mtime(0).operating_system(UNKNOWN_SYSTEM);
    let mut encoder = header.write(Vec::new(), Compression::default());
    encoder.write_all(content)?;
    encoder.finish()
}
