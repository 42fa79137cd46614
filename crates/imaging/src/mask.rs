//! A region of interest.

use crate::geometry::Geometry;
use crate::volume::VolumeError;

/// The voxels of a region of interest, on the grid of its image.
#[derive(Debug, Clone, PartialEq)]
pub struct Mask {
    /// Grid and place.
    pub geometry: Geometry,
    /// Whether a voxel lies inside, x fastest, one per voxel of the grid.
    pub inside: Vec<bool>,
}

impl Mask {
    /// A region on a grid.
    ///
    /// # Errors
    /// [`VolumeError::Length`] unless there is one value per voxel.
    pub fn new(geometry: Geometry, inside: Vec<bool>) -> Result<Mask, VolumeError> {
        let (n_values, n_voxels) = (inside.len(), geometry.n_voxels());
        if n_values == n_voxels {
            Ok(Mask { geometry, inside })
        } else {
            Err(VolumeError::Length {
                n_values,
                n_voxels,
                dims: geometry.dims,
            })
        }
    }

    /// Number of voxels inside.
    #[must_use]
    pub fn n_inside(&self) -> usize {
        self.inside.iter().filter(|&&inside| inside).count()
    }

    /// First and last voxel `[x, y, z]` (both included) of the smallest box that holds the region; `None` if it is empty.
    #[must_use]
    pub fn bounding_box(&self) -> Option<([usize; 3], [usize; 3])> {
        let mut corners: Option<([usize; 3], [usize; 3])> = None;
        for (index, _) in self
            .inside
            .iter()
            .enumerate()
            .filter(|&(_, &inside)| inside)
        {
            let voxel = self.geometry.voxel(index);
            let (low, high) = corners.get_or_insert((voxel, voxel));
            for axis in 0..3 {
                low[axis] = low[axis].min(voxel[axis]);
                high[axis] = high[axis].max(voxel[axis]);
            }
        }
        corners
    }
}
