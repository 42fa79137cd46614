//! Compression, with nothing taken on trust.

use super::error::Problem;
use flate2::bufread::MultiGzDecoder;
use flate2::{Compression, GzBuilder};
use std::io::{self, Read, Write};

/// Bytes that may follow the voxels: some writers pad.
const N_TRAILING_BYTES_MAX: u64 = 1 << 20;
/// The most bytes one byte of a deflate stream can stand for.
const EXPANSION_MAX: u64 = 1032;
/// The operating system field of a gzip header: unknown.
const UNKNOWN_SYSTEM: u8 = 255;

pub(super) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// The first `n_bytes` of the content, or fewer if there are fewer.
pub(super) fn decompress(bytes: &[u8], n_bytes: usize) -> Result<Vec<u8>, Problem> {
    read_up_to(&mut MultiGzDecoder::new(bytes), n_bytes as u64)
}

/// The `needed` bytes the header claims, after the whole stream was read and its check sums compared.
///
/// The buffer grows with what comes out, so that a header's claim alone never allocates.
pub(super) fn decompress_whole(bytes: &[u8], needed: u64) -> Result<Vec<u8>, Problem> {
    let compressed = bytes.len() as u64;
    if needed > compressed.saturating_mul(EXPANSION_MAX) {
        return Err(Problem::ImplausibleSize { needed, compressed });
    }
    let mut decoder = MultiGzDecoder::new(bytes);
    let content = read_up_to(&mut decoder, needed)?;
    let found = content.len() as u64;
    if found < needed {
        return Err(Problem::Truncated { needed, found });
    }
    let rest =
        read_up_to(&mut decoder, N_TRAILING_BYTES_MAX + 1).map_err(|problem| match problem {
            Problem::Gzip { decompressed } => Problem::Gzip {
                decompressed: found + decompressed,
            },
            other => other,
        })?;
    check_trailing(needed, found + rest.len() as u64)?;
    Ok(content)
}

/// Whether an uncompressed file of `found` bytes can hold the `needed` ones.
pub(super) fn check_length(found: u64, needed: u64) -> Result<(), Problem> {
    if found < needed {
        Err(Problem::Truncated { needed, found })
    } else {
        check_trailing(needed, found)
    }
}

/// One content, one stream: neither time nor name.
pub(super) fn compress(content: &[u8]) -> io::Result<Vec<u8>> {
    let header = GzBuilder::new().mtime(0).operating_system(UNKNOWN_SYSTEM);
    let mut encoder = header.write(Vec::new(), Compression::default());
    encoder.write_all(content)?;
    encoder.finish()
}

fn check_trailing(needed: u64, found: u64) -> Result<(), Problem> {
    if found - needed > N_TRAILING_BYTES_MAX {
        Err(Problem::Trailing { needed, found })
    } else {
        Ok(())
    }
}

fn read_up_to(reader: &mut impl Read, n_bytes: u64) -> Result<Vec<u8>, Problem> {
    let mut content = Vec::new();
    match reader.take(n_bytes).read_to_end(&mut content) {
        Ok(_) => Ok(content),
        Err(_) => Err(Problem::Gzip {
            decompressed: content.len() as u64,
        }),
    }
}
