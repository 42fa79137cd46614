//! PNG files of eight-bit colour.

use super::Raster;
use flate2::{Compression, Crc, write::ZlibEncoder};
use std::io::{self, Write};

/// The raster as a PNG file: one image chunk, rows unfiltered.
///
/// # Errors
/// A side of no pixels or of more than 2³¹ − 1; the compressor does not fail on memory.
///
/// # Reference
/// ISO/IEC 15948:2004 (Portable Network Graphics)
pub fn encode_png(raster: &Raster) -> io::Result<Vec<u8>> {
    let side = |n: usize| match u32::try_from(n) {
        Ok(n) if 1 <= n && n <= i32::MAX as u32 => Ok(n.to_be_bytes()),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("a picture of {n} pixels"),
        )),
    };
    let mut header = Vec::with_capacity(13);
    header.extend(side(raster.width)?);
    header.extend(side(raster.height)?);
    // Eight bits, colour, deflate, no filter method but the one there is, no interlace.
    header.extend([8, 2, 0, 0, 0]);
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::new(6));
    for row in raster.rgb.chunks(3 * raster.width) {
        packed.write_all(&[0])?;
        packed.write_all(row)?;
    }
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut file, b"IHDR", &header);
    chunk(&mut file, b"IDAT", &packed.finish()?);
    chunk(&mut file, b"IEND", &[]);
    Ok(file)
}

/// Length, name, content and checksum of name and content. A picture that fits in memory packs into less than 4 GB.
fn chunk(file: &mut Vec<u8>, name: &[u8; 4], content: &[u8]) {
    file.extend((content.len() as u32).to_be_bytes());
    let mut crc = Crc::new();
    for part in [name.as_slice(), content] {
        crc.update(part);
        file.extend(part);
    }
    file.extend(crc.sum().to_be_bytes());
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use flate2::read::ZlibDecoder;
    use std::io::Read;

    #[test]
    fn the_smallest_picture_has_the_bytes_of_the_standard() {
        let raster = Raster {
            width: 2,
            height: 1,
            rgb: vec![1, 2, 3, 250, 251, 252],
        };
        let file = encode_png(&raster).unwrap();
        let header = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x02\0\0\0\x01\x08\x02\0\0\0";
        assert_eq!(&file[..header.len()], header);
        // Checksum of the header chunk and the whole end chunk, as any PNG of this size has them.
        assert_eq!(&file[29..33], [0x7b, 0x40, 0xe8, 0xdd]);
        assert_eq!(&file[file.len() - 12..], b"\0\0\0\0IEND\xaeB`\x82");
        let length = u32::from_be_bytes(file[33..37].try_into().unwrap()) as usize;
        let mut rows = Vec::new();
        ZlibDecoder::new(&file[41..41 + length])
            .read_to_end(&mut rows)
            .unwrap();
        assert_eq!(rows, [0, 1, 2, 3, 250, 251, 252]);
    }

    #[test]
    fn no_pixels_make_no_picture() {
        let raster = Raster {
            width: 0,
            height: 1,
            rgb: Vec::new(),
        };
        assert!(encode_png(&raster).is_err());
    }
}
