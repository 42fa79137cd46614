//! Run-length encoded frames (PS3.5 annex G).

use super::PixelFormat;

/// Bytes of the table of segments.
const TABLE_BYTES: usize = 64;

/// A frame as little-endian words; none if it is damaged.
pub(super) fn decode(bytes: &[u8], format: &PixelFormat) -> Option<Vec<u8>> {
    let (n_pixels, word) = (format.n_pixels(), (format.bits_allocated / 8) as usize);
    let (table, _) = bytes.get(..TABLE_BYTES)?.as_chunks::<4>();
    let entry = |i: usize| table.get(i).map(|&e| u32::from_le_bytes(e) as usize);
    if entry(0)? != word {
        return None;
    }
    let mut planes = Vec::new();
    for segment in 0..word {
        let start = entry(1 + segment)?;
        let end = match segment + 1 {
            next if next < word => entry(1 + next)?,
            _ => bytes.len(),
        };
        planes.push(unpack(bytes.get(start..end)?, n_pixels)?);
    }
    // The first segment has the highest bytes.
    let pixel = |i: usize| planes.iter().rev().map(move |plane| plane[i]);
    Some((0..n_pixels).flat_map(pixel).collect())
}

/// PackBits: `n` bytes, or none if they are not there. A byte of input gives at most 64, so the claim is bounded by the input.
fn unpack(bytes: &[u8], n: usize) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = bytes;
    while out.len() < n {
        let (&control, after) = rest.split_first()?;
        match control {
            0..=127 => {
                let (literal, after) = after.split_at_checked(usize::from(control) + 1)?;
                out.extend(literal);
                rest = after;
            }
            128 => rest = after,
            129..=255 => {
                let (&byte, after) = after.split_first()?;
                out.resize(out.len() + 257 - usize::from(control), byte);
                rest = after;
            }
        }
    }
    out.truncate(n);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_s_examples_unpack() {
        // Three literals, four sevens, a no-operation, one literal.
        let packed = [2, 1, 2, 3, 253, 7, 128, 0, 9];
        assert_eq!(unpack(&packed, 8), Some(vec![1, 2, 3, 7, 7, 7, 7, 9]));
        assert_eq!(unpack(&packed, 9), None);
        assert_eq!(unpack(&[5, 1], 3), None);
    }
}
