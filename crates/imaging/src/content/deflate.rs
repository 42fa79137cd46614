//! Compressed streams that are believed only as far as their bytes reach.

use super::{ContentError, N_TRAILING_BYTES_MAX, check_length};
use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use std::io::Read;

/// The most bytes one byte of a deflate stream can stand for.
const EXPANSION_MAX: u64 = 1032;

/// What stands around a deflate stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    /// One or several gzip members.
    Gzip,
    /// A zlib stream.
    Zlib,
    /// Nothing.
    Bare,
}

/// The first `n_bytes` of the content, or fewer if there are fewer.
pub(crate) fn inflate_up_to(
    stream: Stream,
    bytes: &[u8],
    n_bytes: u64,
) -> Result<Vec<u8>, ContentError> {
    read_up_to(&mut *decoder(stream, bytes), n_bytes)
}

/// The `needed` bytes that a header claims, after the whole stream was read and its check sums compared.
///
/// The buffer grows with what comes out, so that a header's claim alone never allocates; what comes out beyond the claim is
/// counted up to a megabyte and not kept.
pub(crate) fn inflate_whole(
    stream: Stream,
    bytes: &[u8],
    needed: u64,
) -> Result<Vec<u8>, ContentError> {
    let compressed = bytes.len() as u64;
    if needed > compressed.saturating_mul(EXPANSION_MAX) {
        return Err(ContentError::ImplausibleSize { needed, compressed });
    }
    let mut decoder = decoder(stream, bytes);
    let content = read_up_to(&mut *decoder, needed)?;
    let found = content.len() as u64;
    if found < needed {
        return Err(ContentError::Truncated { needed, found });
    }
    let rest =
        read_up_to(&mut *decoder, N_TRAILING_BYTES_MAX + 1).map_err(|problem| match problem {
            ContentError::Damaged { decompressed } => ContentError::Damaged {
                decompressed: found + decompressed,
            },
            other => other,
        })?;
    check_length(found + rest.len() as u64, needed)?;
    Ok(content)
}

fn decoder<'a>(stream: Stream, bytes: &'a [u8]) -> Box<dyn Read + 'a> {
    match stream {
        Stream::Gzip => Box::new(MultiGzDecoder::new(bytes)),
        Stream::Zlib => Box::new(ZlibDecoder::new(bytes)),
        Stream::Bare => Box::new(DeflateDecoder::new(bytes)),
    }
}

fn read_up_to(reader: &mut dyn Read, n_bytes: u64) -> Result<Vec<u8>, ContentError> {
    let mut content = Vec::new();
    match reader.take(n_bytes).read_to_end(&mut content) {
        Ok(_) => Ok(content),
        Err(_) => Err(ContentError::Damaged {
            decompressed: content.len() as u64,
        }),
    }
}
