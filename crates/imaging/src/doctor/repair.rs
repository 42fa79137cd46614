//! Repairs of a delineation that are safe when their finding offers them. They are applied only when somebody asks.

use super::place::resampled;
use crate::geometry::Geometry;
use crate::mask::Mask;
use crate::volume::{Volume, Voxels};
use std::fmt;
use thiserror::Error;

/// What makes a delineation usable.
#[derive(Debug, Clone, PartialEq)]
pub enum Repair {
    /// Each voxel of the image takes the label at its place (nearest voxel of the mask); PyRadiomics' `correctMask`.
    ResampleMask,
    /// The voxels are right and the header is not: read them on the image's grid.
    UseImageGrid,
    /// Reverse these voxel axes.
    Flip {
        /// Which of x, y and z.
        axes: [bool; 3],
    },
    /// Another label is the region.
    UseLabel {
        /// Which.
        label: i32,
    },
    /// Voxels above this value are the region.
    Threshold {
        /// The value.
        above: f64,
    },
}

/// Why a repair does not apply.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum RepairError {
    /// Voxel for voxel needs grids of one size.
    #[error(
        "the mask has {mask:?} voxels and the image {image:?}: its voxels do not fit the image's grid"
    )]
    Size {
        /// Of the image.
        image: [usize; 3],
        /// Of the mask.
        mask: [usize; 3],
    },
}

impl Repair {
    /// The delineation as it should be; what is labelled stays labelled as it was unless the repair is about labels, which
    /// gives 1 inside and 0 outside.
    ///
    /// # Errors
    /// [`RepairError::Size`] if voxels are to be read on a grid of another size.
    pub fn apply(&self, image: &Geometry, labels: &Volume) -> Result<Volume, RepairError> {
        match self {
            Repair::ResampleMask => Ok(resampled(labels, image)),
            Repair::UseImageGrid if labels.geometry.dims != image.dims => Err(RepairError::Size {
                image: image.dims,
                mask: labels.geometry.dims,
            }),
            Repair::UseImageGrid => Ok(Volume {
                geometry: *image,
                voxels: labels.voxels.clone(),
            }),
            Repair::Flip { axes } => {
                let values = labels.to_f64();
                let from = |index| values[reversed(&labels.geometry, index, *axes)];
                let flipped = (0..values.len()).map(from).collect();
                Ok(Volume {
                    geometry: labels.geometry,
                    voxels: Voxels::F64(flipped),
                })
            }
            Repair::UseLabel { label } => Ok(as_region(labels, |v| v == f64::from(*label))),
            Repair::Threshold { above } => Ok(as_region(labels, |v| v > *above)),
        }
    }
}

fn as_region(labels: &Volume, is_inside: impl Fn(f64) -> bool) -> Volume {
    let region = Mask {
        geometry: labels.geometry,
        inside: labels.to_f64().into_iter().map(is_inside).collect(),
    };
    region.to_volume()
}

/// The position of the voxel at the other end of these axes.
pub(super) fn reversed(geometry: &Geometry, index: usize, axes: [bool; 3]) -> usize {
    let mut voxel = geometry.voxel(index);
    for axis in (0..3).filter(|&axis| axes[axis]) {
        voxel[axis] = geometry.dims[axis] - 1 - voxel[axis];
    }
    geometry.index(voxel)
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Repair::ResampleMask => f.write_str(
                "resample the mask onto the image's grid (nearest voxel by place; correctMask)",
            ),
            Repair::UseImageGrid => {
                f.write_str("keep the mask's voxels and write the image's header")
            }
            Repair::Flip { axes } => {
                f.write_str("flip ")?;
                let names = ["x", "y", "z"]
                    .into_iter()
                    .zip(axes)
                    .filter(|(_, set)| **set);
                names.enumerate().try_for_each(|(i, (name, _))| {
                    write!(f, "{}{name}", if i > 0 { " and " } else { "" })
                })
            }
            Repair::UseLabel { label } => write!(f, "use label {label}"),
            Repair::Threshold { above } => write!(f, "take voxels above {above:.4} as the region"),
        }
    }
}
