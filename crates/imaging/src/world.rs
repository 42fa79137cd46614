//! From the worlds of the formats to ours.

use crate::geometry::{Geometry, GeometryError};

/// A grid given in LPS+ millimetres (x to the left, y to the back, z to the head), as DICOM, MetaImage and ITK have it:
/// unit or scaled steps of one voxel along each axis, and the centre of the first voxel.
pub(crate) fn from_lps(
    dims: [usize; 3],
    steps_mm: [[f64; 3]; 3],
    origin_mm: [f64; 3],
) -> Result<Geometry, GeometryError> {
    with_signs(dims, steps_mm, origin_mm, [-1.0, -1.0, 1.0])
}

/// A grid whose world axes point along ours times `signs`; adding zero makes -0 into 0, so that one place has one set of bytes.
pub(crate) fn with_signs(
    dims: [usize; 3],
    steps_mm: [[f64; 3]; 3],
    origin_mm: [f64; 3],
    signs: [f64; 3],
) -> Result<Geometry, GeometryError> {
    let row = |i: usize| {
        [
            signs[i] * steps_mm[0][i] + 0.0,
            signs[i] * steps_mm[1][i] + 0.0,
            signs[i] * steps_mm[2][i] + 0.0,
            signs[i] * origin_mm[i] + 0.0,
        ]
    };
    Geometry::new(dims, [row(0), row(1), row(2)])
}
