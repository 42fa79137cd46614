//! JPEG frames: baseline and lossless.

use super::PixelFormat;
use jpeg_decoder::{Decoder, PixelFormat as JpegFormat};

/// The most pixels one byte of a stream can stand for: blocks of 64 in two codes of one bit.
const PIXELS_PER_BYTE_MAX: usize = 256;

/// A frame as little-endian words; none if it is damaged, or not what the file says.
pub(super) fn decode(bytes: &[u8], format: &PixelFormat) -> Option<Vec<u8>> {
    if format.n_pixels() > bytes.len().saturating_mul(PIXELS_PER_BYTE_MAX) {
        return None;
    }
    let mut decoder = Decoder::new(bytes);
    decoder.set_max_decoding_buffer_size(format.n_pixels().saturating_mul(2));
    decoder.read_info().ok()?;
    let info = decoder.info()?;
    let size = (usize::from(info.width), usize::from(info.height));
    if size != (format.columns, format.rows) {
        return None;
    }
    let pixels = decoder.decode().ok()?;
    match (info.pixel_format, format.bits_allocated) {
        (JpegFormat::L8, 8) => Some(pixels),
        (JpegFormat::L8, 16) => Some(pixels.into_iter().flat_map(|v| [v, 0]).collect()),
        (JpegFormat::L16, 16) => {
            let (words, _) = pixels.as_chunks::<2>();
            Some(
                words
                    .iter()
                    .flat_map(|&w| u16::from_ne_bytes(w).to_le_bytes())
                    .collect(),
            )
        }
        _ => None,
    }
}
