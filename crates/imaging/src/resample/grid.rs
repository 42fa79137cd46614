//! The grid that covers a region and a margin.

use crate::geometry::{Geometry, GeometryError};
use crate::mask::Mask;
use thiserror::Error;

/// How far, in voxels, a region may reach over the image's edge by rounding alone.
const EDGE_TOLERANCE_VOXELS: f64 = 1e-3;

/// The most voxels of a resampled grid: 645³, 2 GiB of doubles.
pub const N_VOXELS_MAX: u64 = 1 << 28;

/// Why nothing is resampled.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ResampleError {
    /// A spacing below 0 or not finite; 0 keeps the spacing of the mask.
    #[error("voxel spacing {spacing_mm:?} mm, each must be positive, or 0 to keep the mask's")]
    Spacing {
        /// The spacing asked for.
        spacing_mm: [f64; 3],
    },
    /// A mask without voxels.
    #[error("mask is empty")]
    EmptyMask,
    /// The new grid is so coarse that no centre of a voxel lies in the region.
    #[error(
        "no voxel of {spacing_mm:?} mm has its centre in the region of {n_voxels} voxels; ask for a smaller spacing"
    )]
    RegionLost {
        /// The spacing of the new grid.
        spacing_mm: [f64; 3],
        /// Voxels of the region before.
        n_voxels: usize,
    },
    /// The region leaves the image.
    #[error(
        "region reaches from {lower:?} to {upper:?} in voxels of the image, which has {dims:?}: it must lie inside"
    )]
    OutsideImage {
        /// Lower corner, continuous voxel index of the image.
        lower: [f64; 3],
        /// Upper corner.
        upper: [f64; 3],
        /// Voxels of the image.
        dims: [usize; 3],
    },
    /// The spacing asks for more voxels than are made.
    #[error(
        "voxel spacing {spacing_mm:?} mm makes a grid of {n_voxels:.3e} voxels around the region, at most {limit} are made; ask for a larger spacing",
        limit = N_VOXELS_MAX
    )]
    TooManyVoxels {
        /// The spacing of the new grid.
        spacing_mm: [f64; 3],
        /// Voxels of the new grid.
        n_voxels: f64,
    },
    /// The spacing asks for a grid that is none.
    #[error("resampled grid: {0}")]
    Grid(#[from] GeometryError),
    /// A voxel that is infinite or not a number.
    #[error("voxel {voxel:?} is not finite")]
    NotFinite {
        /// Its index `[x, y, z]`.
        voxel: [usize; 3],
    },
}

/// The grid of `spacing_mm` that covers the bounding box of a region and `pad_voxels` new voxels on every side; `None` if the image has
/// that spacing already (to 1e-5 relative).
///
/// # Formula
/// With r = old/new spacing and the box from L to U (voxels of the mask): new voxels ⌊(L − ½)·r − pad⌋ … ⌈(U + ½)·r + pad⌉, cut to
/// 0 … ⌈n·r⌉ − 1; voxel k has its centre at ½(new − old)/old + k/r in voxels of the mask, so the outer faces of both grids fall together.
///
/// # Ties and edges
/// A spacing of 0 keeps the mask's. An axis along which the region is one voxel thick is not resampled. Directions are those of the mask.
///
/// # Errors
/// [`ResampleError`]: a bad spacing, an empty mask, a region that leaves the image by more than 1e-3 voxels, a grid of more than
/// [`N_VOXELS_MAX`] voxels (nothing is allocated before).
///
/// # Agrees with
/// PyRadiomics 3.1.0 `imageoperations.resampleImage`: size and origin of both stored cases, tests/resampling.rs.
pub fn region_grid(
    mask: &Mask,
    image: &Geometry,
    spacing_mm: [f64; 3],
    pad_voxels: usize,
) -> Result<Option<Geometry>, ResampleError> {
    if spacing_mm.iter().any(|&s| !(s.is_finite() && s >= 0.0)) {
        return Err(ResampleError::Spacing { spacing_mm });
    }
    let (low, high) = mask.bounding_box().ok_or(ResampleError::EmptyMask)?;
    check_region_inside(mask, image)?;
    let old_mm = mask.geometry.spacing_mm();
    let new_mm = [0, 1, 2].map(|axis| {
        if spacing_mm[axis] == 0.0 || low[axis] == high[axis] {
            old_mm[axis]
        } else {
            spacing_mm[axis]
        }
    });
    let image_mm = image.spacing_mm();
    if (0..3).all(|a| (image_mm[a] - new_mm[a]).abs() <= 1e-8 + 1e-5 * new_mm[a].abs()) {
        return Ok(None);
    }
    let pad = pad_voxels as f64;
    let mut dims = [0; 3];
    let mut n_voxels = 1.0;
    let mut first = [0.0; 3];
    for axis in 0..3 {
        let ratio = old_mm[axis] / new_mm[axis];
        let lower = ((low[axis] as f64 - 0.5) * ratio - pad).floor().max(0.0);
        let upper = ((high[axis] as f64 + 0.5) * ratio + pad)
            .ceil()
            .min((mask.geometry.dims[axis] as f64 * ratio).ceil() - 1.0);
        // a cast from floating point saturates; what is too long is refused below
        dims[axis] = (upper - lower + 1.0) as usize;
        n_voxels *= upper - lower + 1.0;
        first[axis] = 0.5 * (new_mm[axis] - old_mm[axis]) / old_mm[axis] + lower / ratio;
    }
    if n_voxels > N_VOXELS_MAX as f64 {
        return Err(ResampleError::TooManyVoxels {
            spacing_mm: new_mm,
            n_voxels,
        });
    }
    let origin_mm = mask.geometry.world_mm(first);
    let mut affine = mask.geometry.affine;
    for (row, entries) in affine.iter_mut().enumerate() {
        for axis in 0..3 {
            // exact along a world axis, where the entry is the spacing itself
            entries[axis] = entries[axis] / old_mm[axis] * new_mm[axis];
        }
        entries[3] = origin_mm[row];
    }
    Ok(Some(Geometry::new(dims, affine)?))
}

/// Refuses a region whose box, by two opposite corners, leaves the image by more than 1e-3 voxels.
///
/// # Errors
/// [`ResampleError::EmptyMask`], [`ResampleError::OutsideImage`].
pub fn check_region_inside(mask: &Mask, image: &Geometry) -> Result<(), ResampleError> {
    let (low, high) = mask.bounding_box().ok_or(ResampleError::EmptyMask)?;
    let corners = [low.map(|n| n as f64 - 0.5), high.map(|n| n as f64 + 0.5)]
        .map(|corner| super::place::index_of(image, mask.geometry.world_mm(corner)));
    let lower = [0, 1, 2].map(|a| f64::min(corners[0][a], corners[1][a]));
    let upper = [0, 1, 2].map(|a| f64::max(corners[0][a], corners[1][a]));
    let fits = (0..3).all(|axis| {
        lower[axis] >= -0.5 - EDGE_TOLERANCE_VOXELS
            && upper[axis] <= image.dims[axis] as f64 - 0.5 + EDGE_TOLERANCE_VOXELS
    });
    if fits {
        Ok(())
    } else {
        Err(ResampleError::OutsideImage {
            lower,
            upper,
            dims: image.dims,
        })
    }
}
