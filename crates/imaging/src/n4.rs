//! N4 bias-field correction of magnetic resonance images (Tustison et al. 2010).
//!
//! # Symbols
//! | symbol | meaning | here |
//! |---|---|---|
//! | v | observed intensity; log v = log u + log f | `image` |
//! | f | smooth multiplicative field of the receive coils | [`N4Output::log_field`] is log f (natural) |
//! | u | corrected intensity, v / f | [`N4Output::corrected`] |
//! | E[u \| û] | expected true log intensity given the current estimate û | `sharpen` |
//! | S{·} | cubic B-spline approximation of a residual | [`lattice`] |
//!
//! # Method
//! On the sub-sampled image, with the field at 0 and a lattice of `control_points`:
//! repeat û = log v − log f; log f ← log f + S{û − E[u | û]} until the change is below `convergence` or the level's
//! `iterations` are spent; then halve the knot spans and go on with the next level. The field at full resolution is the
//! same lattice stretched over the whole grid, first voxel to first voxel and last to last.
//!
//! # References
//! Tustison et al., N4ITK: improved N3 bias correction, IEEE Trans. Med. Imaging 29 (2010) 1310–1320;
//! Sled, Zijdenbos, Evans, A nonparametric method for automatic correction of intensity nonuniformity in MRI data,
//! IEEE Trans. Med. Imaging 17 (1998) 87–97; Lee, Wolberg, Shin, Scattered data interpolation with multilevel B-splines,
//! IEEE Trans. Vis. Comput. Graph. 3 (1997) 228–244.

mod error;
mod fft;
mod iterate;
pub mod lattice;
mod params;
mod sharpen;
pub mod shrink;

pub use error::N4Error;
pub use iterate::{Fit, Iteration, Progress, log_field_shrunken, log_field_weighted};
pub use params::N4Params;

use crate::body::{BODY_BINS, otsu_threshold};
use crate::mask::{Mask, TOLERANCE_MM, check_geometry};
use crate::volume::{Volume, Voxels};
use rayon::prelude::*;
use shrink::Shrink;

/// Voxels per parallel chunk. Chunks are independent, so results do not depend on the number of threads.
const CHUNK: usize = 16_384;
/// Fewest voxels of an axis, after sub-sampling, along which a spline can be stretched.
const AXIS_VOXELS_MIN: usize = 2;
/// Below this many voxels an iteration is faster on one thread.
const PARALLEL_VOXELS_MIN: usize = 65_536;

/// A corrected image and how it came about.
#[derive(Debug, Clone, PartialEq)]
pub struct N4Output {
    /// v / f, `f32`, on the image's grid, corrected inside and outside the mask.
    pub corrected: Volume,
    /// log f (natural logarithm), `f32`, on the image's grid.
    pub log_field: Volume,
    /// Every iteration in order.
    pub trace: Vec<Iteration>,
    /// Voxels of the mask on the sub-sampled grid: what the field was fitted to.
    pub n_fitted: usize,
    /// Those of them whose intensity is not positive. Like ITK, they enter with their intensity in place of its logarithm.
    pub n_unlogged: usize,
}

/// The voxels that the field is fitted to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Region<'a> {
    /// Voxels above Otsu's threshold of the whole image in [`BODY_BINS`] bins, as 3D Slicer does without a mask.
    Otsu,
    /// Every voxel, as ITK does without a mask.
    Everything,
    /// The voxels of a mask on the image's grid.
    Mask(&'a Mask),
    /// The voxels whose weight on the image's grid is above 0, and that lie in the mask if there is one; each counts in the
    /// spline's fit by its weight. ITK's confidence image.
    Weights {
        /// At least 0 each; a common factor changes nothing.
        weights: &'a Volume,
        /// Leaves out further voxels.
        mask: Option<&'a Mask>,
    },
}

/// Estimates the bias field of `image` within `region` and divides by it.
///
/// # Arguments
/// | argument | shape | unit |
/// |---|---|---|
/// | `image`  | any grid, at least 2 voxels per axis after sub-sampling | any; positive inside the region |
/// | `region` | its mask on the image's grid, within [`TOLERANCE_MM`] | |
/// | `params` | checked here | |
///
/// # Errors
/// [`N4Error`]: parameters out of range, a mask on another grid, no mask voxel or no positive one after sub-sampling,
/// one single intensity, an axis too short, a voxel that is not finite.
///
/// # Agrees with
/// SimpleITK 2.5.7 `N4BiasFieldCorrectionImageFilter`, log field on the given sub-sampled images, largest absolute difference
/// 1e-7 after one iteration, 3e-5 after 50 and 3e-4 after 120 (tests/n4_parity.rs), with as many iterations in each level
///
/// # Differs from
/// ITK keeps intensities, histogram positions and fields in single precision, here all are double. Where rounding puts ITK's
/// brightest voxel above the last bin, ITK leaves it out of that iteration's histogram; here it counts. The two causes
/// together make the difference of 3e-4; on images where no voxel is lost it is 3e-7 after 15 iterations (tests/n4_edges.rs).
/// ITK sub-samples outside the filter, see [`Shrink`].
pub fn correct(image: &Volume, region: Region, params: &N4Params) -> Result<N4Output, N4Error> {
    correct_with_progress(image, region, params, &mut |_| Progress::Continue)
}

/// [`correct`], telling `progress` each iteration; it may stop the run.
///
/// # Errors
/// As [`correct`], and [`N4Error::Stopped`].
pub fn correct_with_progress(
    image: &Volume,
    region: Region,
    params: &N4Params,
    progress: &mut dyn FnMut(&Iteration) -> Progress,
) -> Result<N4Output, N4Error> {
    params.check()?;
    let dims = image.geometry.dims;
    let values = image.to_f64();
    let shrink = Shrink::new(dims, params.shrink_factor);
    check_axes(shrink.dims())?;
    let weights = weights(image, &values, region, &shrink)?;
    let thinned = shrink.apply(&values)?;
    let fit = log_field_weighted(&thinned, &weights, shrink.dims(), params, progress)?;
    let log_field = fit.lattice.sample(dims)?;
    let corrected = divide(&values, &log_field)?;
    let volume = |voxels: Vec<f32>| Volume {
        geometry: image.geometry,
        voxels: Voxels::F32(voxels),
    };
    Ok(N4Output {
        corrected: volume(corrected),
        log_field: volume(log_field.iter().map(|&value| value as f32).collect()),
        trace: fit.trace,
        n_fitted: fit.n_fitted,
        n_unlogged: fit.n_unlogged,
    })
}

/// What each voxel of the sub-sampled grid counts in the fit.
fn weights(
    image: &Volume,
    values: &[f64],
    region: Region,
    shrink: &Shrink,
) -> Result<Vec<f64>, N4Error> {
    let dims = image.geometry.dims;
    check_lengths(values.len(), values.len(), dims)?;
    let inside = |mask: &Mask| {
        check_geometry(&image.geometry, &mask.geometry, TOLERANCE_MM)?;
        check_lengths(values.len(), mask.inside.len(), dims)?;
        shrink.apply(&mask.inside)
    };
    let one = |inside: bool| f64::from(u8::from(inside));
    Ok(match region {
        Region::Everything => vec![1.0; shrink.dims().iter().product()],
        Region::Otsu => {
            let threshold = otsu_threshold(values, BODY_BINS)?;
            let thinned = shrink.apply(values)?;
            thinned
                .iter()
                .map(|&value| one(value > threshold))
                .collect()
        }
        Region::Mask(mask) => inside(mask)?.into_iter().map(one).collect(),
        Region::Weights { weights, mask } => {
            check_geometry(&image.geometry, &weights.geometry, TOLERANCE_MM)?;
            let mut thinned = shrink.apply(&weights.to_f64())?;
            if let Some(mask) = mask {
                for (weight, inside) in thinned.iter_mut().zip(inside(mask)?) {
                    *weight = if inside { *weight } else { 0.0 };
                }
            }
            thinned
        }
    })
}

fn check_axes(dims: [usize; 3]) -> Result<(), N4Error> {
    match (0..3).find(|&axis| dims[axis] < AXIS_VOXELS_MIN) {
        Some(axis) => Err(N4Error::AxisTooShort {
            axis,
            voxels: dims[axis],
            limit: AXIS_VOXELS_MIN,
        }),
        None => Ok(()),
    }
}

fn check_lengths(values: usize, mask: usize, dims: [usize; 3]) -> Result<(), N4Error> {
    let voxels = dims.iter().fold(1_usize, |n, d| n.saturating_mul(*d));
    if values == voxels && mask == voxels {
        Ok(())
    } else {
        Err(N4Error::Length {
            values,
            mask,
            voxels,
        })
    }
}

/// v / exp(log f), rounded to single precision.
fn divide(values: &[f64], log_field: &[f64]) -> Result<Vec<f32>, N4Error> {
    let corrected: Vec<f32> = values
        .par_iter()
        .zip(log_field)
        .with_min_len(CHUNK)
        .map(|(value, log_field)| (value / libm::exp(*log_field)) as f32)
        .collect();
    match corrected.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(N4Error::NotFinite {
            index,
            value: values[index],
        }),
        None => Ok(corrected),
    }
}
