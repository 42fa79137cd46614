//! Pixel data: from the element to stored numbers (PS3.5 section 8).

mod jpeg;
mod rle;

use super::error::{DicomError, shown_term};
use super::reader::{DataSet, File};
use super::tags;
use super::transfer::TransferSyntax;
use crate::content::{self, ContentError, DataType};
use crate::volume::Voxels;
use std::borrow::Cow;

/// How the pixels of a file are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PixelFormat {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) n_frames: usize,
    pub(super) bits_allocated: u32,
    bits_stored: u32,
    high_bit: u32,
    signed: bool,
}

impl PixelFormat {
    pub(super) fn of(set: &DataSet<'_>) -> Result<PixelFormat, DicomError> {
        grey(set)?;
        let bits_allocated = set.need_integer(tags::BITS_ALLOCATED)?;
        let bits_stored = set.integer(tags::BITS_STORED).unwrap_or(bits_allocated);
        let high_bit = set.integer(tags::HIGH_BIT);
        let high_bit = high_bit.unwrap_or(bits_stored.saturating_sub(1));
        let wrong = |tag, value, expected| {
            Err(DicomError::Value {
                tag,
                value,
                expected,
            })
        };
        if !matches!(bits_allocated, 1 | 8 | 16 | 32) {
            return wrong(tags::BITS_ALLOCATED, bits_allocated, "1, 8, 16 or 32");
        }
        if bits_stored < 1 || bits_stored > bits_allocated {
            return wrong(tags::BITS_STORED, bits_stored, "1 to BitsAllocated");
        }
        if high_bit >= bits_allocated || high_bit + 1 < bits_stored {
            return wrong(
                tags::HIGH_BIT,
                high_bit,
                "BitsStored − 1 to BitsAllocated − 1",
            );
        }
        let length = |tag| match set.need_integer(tag)? {
            value @ 1..=32767 => Ok(value as usize),
            value => Err(DicomError::Value {
                tag,
                value,
                expected: "1 to 32767",
            }),
        };
        let n_frames = set.integer(tags::NUMBER_OF_FRAMES).unwrap_or(1);
        Ok(PixelFormat {
            rows: length(tags::ROWS)?,
            columns: length(tags::COLUMNS)?,
            n_frames: n_frames.max(1) as usize,
            bits_allocated,
            bits_stored,
            high_bit,
            signed: set.integer(tags::PIXEL_REPRESENTATION) == Some(1),
        })
    }

    pub(super) fn n_pixels(&self) -> usize {
        self.rows * self.columns
    }

    /// Bytes of one frame; frames of single bits are not whole bytes.
    fn n_bytes(&self) -> usize {
        self.n_pixels() * (self.bits_allocated / 8) as usize
    }

    fn data_type(&self) -> DataType {
        match (self.bits_allocated, self.signed) {
            (16, false) => DataType::U16,
            (16, true) => DataType::I16,
            (32, false) => DataType::U32,
            (32, true) => DataType::I32,
            (_, true) => DataType::I8,
            (_, false) => DataType::U8,
        }
    }

    /// Whether stored numbers fill their words.
    fn is_full(&self) -> bool {
        self.bits_stored == self.bits_allocated
    }
}

/// One value a pixel, and no colours.
fn grey(set: &DataSet<'_>) -> Result<(), DicomError> {
    let n_samples = set.integer(tags::SAMPLES_PER_PIXEL).unwrap_or(1);
    let name = set.text(tags::PHOTOMETRIC).unwrap_or_default();
    match (n_samples, name.as_str()) {
        (1, "MONOCHROME1" | "MONOCHROME2") => Ok(()),
        _ => Err(DicomError::Colour {
            name: shown_term(&name),
            n_samples,
        }),
    }
}

/// The stored numbers of each frame, as the pixel type of the file has them.
pub(super) fn frames(
    file: &File<'_>,
    set: &DataSet<'_>,
    format: &PixelFormat,
) -> Result<Vec<Voxels>, DicomError> {
    let element = set.element(tags::PIXEL_DATA);
    let element = element.ok_or(DicomError::Missing(tags::PIXEL_DATA))?;
    if element.big_endian() && format.bits_allocated == 8 {
        // Whether bytes come in pairs that are swapped depends on the writer.
        return Err(DicomError::Value {
            tag: tags::BITS_ALLOCATED,
            value: 8,
            expected: "16 or 32 in a big-endian file",
        });
    }
    let big = element.big_endian();
    let mut frames = Vec::new();
    if let Some(fragments) = element.fragments()? {
        let compressed = by_frame(&fragments, format.n_frames)?;
        for (frame, bytes) in compressed.iter().enumerate() {
            let stored = match file.syntax {
                TransferSyntax::Rle => rle::decode(bytes, format),
                TransferSyntax::Jpeg => jpeg::decode(bytes, format),
                // Encapsulated, and not compressed.
                _ => bytes.get(..format.n_bytes()).map(<[u8]>::to_vec),
            };
            frames.push(numbers(
                &stored.ok_or(DicomError::Frame { frame })?,
                format,
                false,
            )?);
        }
        return Ok(frames);
    }
    let stored = element.bytes();
    let needed = (format.n_bytes() as u64).saturating_mul(format.n_frames as u64);
    content::check_length(stored.len() as u64, needed)?;
    for bytes in stored
        .chunks_exact(format.n_bytes().max(1))
        .take(format.n_frames)
    {
        frames.push(numbers(bytes, format, big)?);
    }
    Ok(frames)
}

/// The pixels of single-bit frames, which follow each other without padding, the lowest bit first.
pub(super) fn bit_frames(
    set: &DataSet<'_>,
    format: &PixelFormat,
) -> Result<Vec<Vec<bool>>, DicomError> {
    let element = set.element(tags::PIXEL_DATA);
    let bytes = element
        .ok_or(DicomError::Missing(tags::PIXEL_DATA))?
        .bytes();
    let n_bits = (format.n_pixels() as u64).saturating_mul(format.n_frames as u64);
    let (needed, found) = (n_bits.div_ceil(8), bytes.len() as u64);
    if found < needed {
        return Err(ContentError::Truncated { needed, found }.into());
    }
    let bit = |i: usize| {
        bytes
            .get(i / 8)
            .is_some_and(|byte| byte >> (i % 8) & 1 == 1)
    };
    let frame = |f: usize| {
        (0..format.n_pixels())
            .map(|i| bit(f * format.n_pixels() + i))
            .collect()
    };
    Ok((0..format.n_frames).map(frame).collect())
}

/// Fragments of each frame, put together.
fn by_frame<'a>(fragments: &[&'a [u8]], n_frames: usize) -> Result<Vec<Cow<'a, [u8]>>, DicomError> {
    let (table, fragments) = match fragments.split_first() {
        Some((table, fragments)) if !fragments.is_empty() => (*table, fragments),
        _ => return Err(DicomError::Frame { frame: 0 }),
    };
    if fragments.len() == n_frames {
        return Ok(fragments
            .iter()
            .map(|&bytes| Cow::Borrowed(bytes))
            .collect());
    }
    if n_frames == 1 {
        return Ok(vec![Cow::Owned(fragments.concat())]);
    }
    let (offsets, _) = table.as_chunks::<4>();
    if offsets.len() != n_frames || fragments.len() < n_frames {
        return Err(DicomError::Frame {
            frame: fragments.len(),
        });
    }
    let mut frames: Vec<Vec<u8>> = Vec::new();
    let mut at = 0_u64;
    for fragment in fragments {
        let starts = offsets.get(frames.len());
        if starts.is_some_and(|&start| u64::from(u32::from_le_bytes(start)) == at) {
            frames.push(Vec::new());
        }
        let frame = frames.last_mut().ok_or(DicomError::Frame { frame: 0 })?;
        frame.extend(*fragment);
        at += 8 + fragment.len() as u64;
    }
    if frames.len() != n_frames {
        return Err(DicomError::Frame {
            frame: frames.len(),
        });
    }
    Ok(frames.into_iter().map(Cow::Owned).collect())
}

/// Stored numbers without the bits that are not theirs.
fn numbers(bytes: &[u8], format: &PixelFormat, big: bool) -> Result<Voxels, DicomError> {
    let n = format.n_pixels();
    let found = bytes.len() as u64;
    let needed = format.n_bytes() as u64;
    if found < needed {
        return Err(ContentError::Truncated { needed, found }.into());
    }
    if format.is_full() {
        return Ok(content::voxels(format.data_type(), bytes, n, big)?);
    }
    // To the top of the word and back: the shift back repeats the sign where there is one.
    let left = format.bits_allocated - 1 - format.high_bit;
    let right = format.bits_allocated - format.bits_stored;
    macro_rules! shifted {
        ($values:expr) => {
            $values.into_iter().map(|v| (v << left) >> right).collect()
        };
    }
    Ok(match content::voxels(format.data_type(), bytes, n, big)? {
        Voxels::U8(v) => Voxels::U8(shifted!(v)),
        Voxels::I8(v) => Voxels::I8(shifted!(v)),
        Voxels::U16(v) => Voxels::U16(shifted!(v)),
        Voxels::I16(v) => Voxels::I16(shifted!(v)),
        Voxels::U32(v) => Voxels::U32(shifted!(v)),
        Voxels::I32(v) => Voxels::I32(shifted!(v)),
        other => other,
    })
}
