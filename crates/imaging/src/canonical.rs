//! The bytes that are an image's identity.

use crate::nifti;
use crate::volume::Volume;

/// A volume as one uncompressed NIfTI-1 file, always the same bytes for the same volume.
///
/// Voxels keep order and pixel type and are little-endian. The affine stands in the sform, as `f32`, for every NIfTI program, and as
/// exact `f64` text in a header extension (code 6): `read_bytes(canonical_bytes(v)) == v`, to the bit. The extension is believed only
/// where it agrees with the sform, so that a program which moves the image and keeps the extension does no harm. The sform's code is 0
/// where nobody knows the orientation.
///
/// The geometry must have passed [`Geometry::new`](crate::Geometry::new), which keeps dimensions within the format's 32767.
#[must_use]
pub fn canonical_bytes(volume: &Volume) -> Vec<u8> {
    nifti::encode(volume)
}
