//! The region of interest, cropped to its bounding box.

use crate::error::ExtractError;
use crate::settings::Settings;
use std::ops::Range;

/// The region's voxels inside their bounding box, x fastest.
///
/// Made once per mask and shared by every (derived) image on the same grid.
#[derive(Debug, Clone, PartialEq)]
pub struct CroppedRoi {
    /// Dimensions of the whole grid.
    full: [usize; 3],
    /// First voxel of the bounding box.
    lower: [usize; 3],
    /// Dimensions of the bounding box.
    size: [usize; 3],
    /// Distance between neighbouring voxels, mm.
    spacing_mm: [f64; 3],
    /// Coordinates of the region's voxels inside the box, in scan order.
    voxels: Vec<[u32; 3]>,
}

impl CroppedRoi {
    /// The region `inside` of a grid of `dims` voxels.
    ///
    /// # Errors
    /// [`ExtractError`] if the mask has the wrong length, or is empty, a single voxel, or smaller than the settings allow,
    /// in this order.
    pub fn new(
        inside: &[bool],
        dims: [usize; 3],
        spacing_mm: [f64; 3],
        settings: &Settings,
    ) -> Result<CroppedRoi, ExtractError> {
        let n_voxels = dims[0] * dims[1] * dims[2];
        if inside.len() != n_voxels {
            return Err(ExtractError::Length {
                n_values: inside.len(),
                n_voxels,
            });
        }
        let (lower, size) = bounding_box(inside, dims).ok_or(ExtractError::EmptyMask)?;
        let roi = CroppedRoi {
            full: dims,
            lower,
            size,
            spacing_mm,
            voxels: voxels_of(inside, dims, lower, size),
        };
        roi.check(settings)?;
        Ok(roi)
    }

    fn check(&self, settings: &Settings) -> Result<(), ExtractError> {
        let minimum = settings.minimum_roi_dimensions;
        if !(1..=3).contains(&minimum) {
            return Err(ExtractError::InvalidMinimumDimensions { minimum });
        }
        if self.voxels.len() == 1 {
            return Err(ExtractError::SingleVoxel);
        }
        let dimensions = self.size.iter().filter(|&&n| n > 1).count();
        if dimensions < minimum {
            return Err(ExtractError::TooFewDimensions {
                dimensions,
                minimum,
            });
        }
        match settings.minimum_roi_size {
            Some(minimum) if self.voxels.len() <= minimum => Err(ExtractError::TooSmall {
                n_voxels: self.voxels.len(),
                minimum,
            }),
            _ => Ok(()),
        }
    }

    /// Number of voxels of the region, at least two.
    #[must_use]
    pub fn n_voxels(&self) -> usize {
        self.voxels.len()
    }

    /// First voxel of the bounding box in the whole grid.
    #[must_use]
    pub fn lower(&self) -> [usize; 3] {
        self.lower
    }

    /// Voxels of the bounding box along x, y, z.
    #[must_use]
    pub fn size(&self) -> [usize; 3] {
        self.size
    }

    /// Distance between neighbouring voxels along x, y, z, mm.
    #[must_use]
    pub fn spacing_mm(&self) -> [f64; 3] {
        self.spacing_mm
    }

    /// Coordinates of the region's voxels inside the bounding box, in scan order.
    #[must_use]
    pub fn voxels(&self) -> &[[u32; 3]] {
        &self.voxels
    }

    /// The bounding box cut out of an array over the whole grid, of any pixel type.
    ///
    /// # Errors
    /// [`ExtractError::Length`] unless `whole` has one value per voxel of the grid.
    pub fn crop<T: Copy + Into<f64>>(&self, whole: &[T]) -> Result<Vec<f64>, ExtractError> {
        let [nx, ny, nz] = self.full;
        if whole.len() != nx * ny * nz {
            return Err(ExtractError::Length {
                n_values: whole.len(),
                n_voxels: nx * ny * nz,
            });
        }
        let [sx, sy, sz] = self.size;
        let mut cropped = Vec::with_capacity(sx * sy * sz);
        for z in self.lower[2]..self.lower[2] + sz {
            for y in self.lower[1]..self.lower[1] + sy {
                let start = self.lower[0] + nx * (y + ny * z);
                cropped.extend(whole[start..start + sx].iter().map(|&value| value.into()));
            }
        }
        Ok(cropped)
    }

    /// The region's values, in scan order, out of an array over the bounding box.
    ///
    /// # Errors
    /// [`ExtractError::Length`] unless `cropped` has one value per voxel of the box, [`ExtractError::NotFinite`] if a value of
    /// the region is infinite or not a number.
    pub fn gather(&self, cropped: &[f64]) -> Result<Vec<f64>, ExtractError> {
        let [sx, sy, sz] = self.size;
        if cropped.len() != sx * sy * sz {
            return Err(ExtractError::Length {
                n_values: cropped.len(),
                n_voxels: sx * sy * sz,
            });
        }
        let values: Vec<f64> = self
            .voxels
            .iter()
            .map(|&[x, y, z]| cropped[x as usize + sx * (y as usize + sy * z as usize)])
            .collect();
        match values.iter().position(|value| !value.is_finite()) {
            Some(position) => Err(ExtractError::NotFinite { position }),
            None => Ok(values),
        }
    }

    /// The box with `margin` layers of cells around it.
    pub(crate) fn padded(&self, margin: [usize; 3]) -> Padded {
        let size = [0, 1, 2].map(|axis| self.size[axis] + 2 * margin[axis]);
        let strides = [1, size[0], size[0] * size[1]];
        let mut spans: Vec<Range<usize>> = Vec::new();
        for &[x, y, z] in &self.voxels {
            let cell = (x as usize + margin[0])
                + strides[1] * (y as usize + margin[1])
                + strides[2] * (z as usize + margin[2]);
            match spans.last_mut() {
                Some(last) if last.end == cell => last.end += 1,
                _ => spans.push(cell..cell + 1),
            }
        }
        Padded {
            size,
            strides,
            spans,
        }
    }
}

/// The padded box, where every neighbour of a voxel of the region exists.
#[derive(Debug, Clone)]
pub(crate) struct Padded {
    /// Cells along x, y, z.
    pub size: [usize; 3],
    /// Step of one voxel along x, y, z.
    pub strides: [usize; 3],
    /// Cells of the region that follow each other along x, in scan order.
    pub spans: Vec<Range<usize>>,
}

impl Padded {
    /// Cells of the box.
    pub(crate) fn n_cells(&self) -> usize {
        self.strides[2] * self.size[2]
    }

    /// Cell of each voxel of the region, in scan order.
    pub(crate) fn cells(&self) -> impl Iterator<Item = usize> {
        self.spans.iter().cloned().flatten()
    }

    /// Cells between a voxel and its neighbour. `direction` comes from the half of the neighbours that is later in scan order and
    /// does not reach beyond the margin: a row is longer than two margins, so the step is positive.
    pub(crate) fn step(&self, direction: [isize; 3]) -> usize {
        let step: isize = (0..3)
            .map(|axis| direction[axis] * self.strides[axis] as isize)
            .sum();
        step.unsigned_abs()
    }
}

fn bounding_box(inside: &[bool], dims: [usize; 3]) -> Option<([usize; 3], [usize; 3])> {
    let mut lower = dims;
    let mut upper = [0_usize; 3];
    for (row_idx, row) in inside.chunks_exact(dims[0].max(1)).enumerate() {
        if !is_any_inside(row) {
            continue;
        }
        let Some(first) = row.iter().position(|&is_inside| is_inside) else {
            continue;
        };
        let last = row
            .iter()
            .rposition(|&is_inside| is_inside)
            .unwrap_or(first);
        let (y, z) = (row_idx % dims[1], row_idx / dims[1]);
        for (axis, (low, high)) in [(first, last), (y, y), (z, z)].into_iter().enumerate() {
            lower[axis] = lower[axis].min(low);
            upper[axis] = upper[axis].max(high);
        }
    }
    (lower[0] <= upper[0] && lower[0] < dims[0])
        .then(|| (lower, [0, 1, 2].map(|axis| upper[axis] - lower[axis] + 1)))
}

/// By blocks without a branch: most rows of an image are outside.
fn is_any_inside(row: &[bool]) -> bool {
    let mut blocks = row.chunks(64);
    blocks.any(|block| block.iter().fold(false, |any, &inside| any | inside))
}

fn voxels_of(
    inside: &[bool],
    dims: [usize; 3],
    lower: [usize; 3],
    size: [usize; 3],
) -> Vec<[u32; 3]> {
    let mut voxels = Vec::new();
    for z in 0..size[2] {
        for y in 0..size[1] {
            let start = lower[0] + dims[0] * (lower[1] + y + dims[1] * (lower[2] + z));
            for (x, &is_inside) in inside[start..start + size[0]].iter().enumerate() {
                if is_inside {
                    voxels.push([x as u32, y as u32, z as u32]);
                }
            }
        }
    }
    voxels
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn roi(inside: &[usize], dims: [usize; 3]) -> Result<CroppedRoi, ExtractError> {
        let mut mask = vec![false; dims[0] * dims[1] * dims[2]];
        for &cell in inside {
            mask[cell] = true;
        }
        CroppedRoi::new(&mask, dims, [1.0; 3], &Settings::pyradiomics_defaults())
    }

    #[test]
    fn the_box_is_tight_and_values_follow_it() {
        let roi = roi(&[5, 7, 10], [4, 3, 2]).unwrap();
        assert_eq!((roi.lower(), roi.size()), ([1, 1, 0], [3, 2, 1]));
        let whole: Vec<f64> = (0..24).map(f64::from).collect();
        let cropped = roi.crop(&whole).unwrap();
        assert_eq!(cropped, [5.0, 6.0, 7.0, 9.0, 10.0, 11.0]);
        assert_eq!(roi.gather(&cropped).unwrap(), [5.0, 7.0, 10.0]);
    }

    #[test]
    fn spans_are_the_cells_in_scan_order_and_steps_point_forwards() {
        let roi = roi(&[5, 6, 8, 23], [4, 3, 2]).unwrap();
        let padded = roi.padded([1, 2, 1]);
        assert_eq!(padded.size, [6, 6, 4]);
        assert_eq!(padded.n_cells(), 144);
        let cells: Vec<usize> = padded.cells().collect();
        assert_eq!(cells, [36 + 12 + 2, 36 + 12 + 3, 36 + 18 + 1, 72 + 18 + 4]);
        assert_eq!(padded.spans.len(), 3);
        assert_eq!(padded.step([-1, 1, 0]), 5);
        assert_eq!(padded.step([-1, -2, 1]), 23);
    }

    #[test]
    fn regions_without_texture_are_refused() {
        assert_eq!(roi(&[], [4, 3, 2]), Err(ExtractError::EmptyMask));
        assert_eq!(roi(&[3], [4, 3, 2]), Err(ExtractError::SingleVoxel));
        assert_eq!(
            roi(&[1, 2], [4, 3, 2]),
            Err(ExtractError::TooFewDimensions {
                dimensions: 1,
                minimum: 2
            })
        );
    }

    #[test]
    fn a_value_that_is_not_finite_is_named() {
        let roi = roi(&[5, 7, 10], [4, 3, 2]).unwrap();
        let cropped = [0.0, f64::NAN, f64::INFINITY, 0.0, 1.0, 0.0];
        assert_eq!(
            roi.gather(&cropped),
            Err(ExtractError::NotFinite { position: 1 })
        );
    }
}
