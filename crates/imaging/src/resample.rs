//! Another voxel spacing: the grid around a region, the image and the region on it.
//!
//! | module | what it holds |
//! |---|---|
//! | `grid` | the grid that covers a region and a margin |
//! | `place` | where voxels of one grid lie in another |
//! | `spline` | coefficients of the cubic B-spline |
//! | `taps` | which source voxels make a value, and their weights |
//! | `whole` | values that are whole numbers but for rounding |

mod grid;
mod place;
mod spline;
mod taps;
mod whole;

pub use grid::{N_VOXELS_MAX, ResampleError, check_region_inside, region_grid};

use crate::geometry::Geometry;
use crate::mask::Mask;
use crate::volume::{Volume, Voxels, each_type};
use place::Placement;
use rayon::prelude::*;
use taps::{Tap, Taps};

/// How a value between voxels is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interpolator {
    /// The value of the nearest voxel, of two equally near ones that with the higher index.
    NearestNeighbour,
    /// Linear along each axis, the outermost value continued by half a voxel.
    Linear,
    /// Cubic B-spline through the values, mirrored at the outermost voxel centres.
    BSpline,
    /// Normalised Gaussian of standard deviation 0.8 voxels, integrated over each voxel, cut at 3.2 voxels.
    Gaussian,
    /// sin(πd)/(πd) under a window of five voxels to each side, the outermost value continued.
    WindowedSinc(Window),
}

/// How a sinc ends: a function of the distance d < R = 5 voxels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// cos(πd/2R)
    Cosine,
    /// 0.54 + 0.46·cos(πd/R)
    Hamming,
    /// 1 − d²/R²
    Welch,
    /// sin(πd/R)/(πd/R)
    Lanczos,
    /// 0.42 + 0.5·cos(πd/R) + 0.08·cos(2πd/R)
    Blackman,
}

/// An image on another grid; the pixel type stays.
///
/// # Formula
/// out(p) = Σ c(i)·w(x(p) − i) over the nearest 1, 2³, 4³, at most 8³ or 10³ voxels i, x(p) the place of p in voxels of the image. The
/// weights are those of a box, a hat, the cubic B-spline, a Gaussian or a windowed sinc; for the spline, c are the coefficients
/// whose spline takes the image's values at its voxels (Unser, Aldroubi & Eden, IEEE Trans Signal Process 1993), otherwise the values.
/// The weights of a Gaussian are divided by their sum over the voxels that exist; those of a windowed sinc are not (Meijering,
/// Niessen & Viergever, Med Image Anal 2001).
///
/// # Ties and edges
/// Voxels outside [−½, n − ½) along any axis of the image are 0. In integer images the value is cut to the range of the type and
/// its fraction dropped (towards 0), as ITK does; linear and spline values that are whole numbers but for rounding have ITK's last
/// digit (on grids along the world's axes, where places have it too). The order of sums is fixed; the bits do not depend on the number
/// of threads.
///
/// # Errors
/// [`ResampleError::NotFinite`] for a voxel near the target grid that is infinite or not a number.
///
/// # Agrees with
/// SimpleITK 2.5.7 `ResampleImageFilter`, absolute 1e-9 on values of ±1000 (Gaussian 2e-5: the error function of ITK is good to eight
/// digits); whole numbers linearly and by spline exactly, tests/resampling.rs.
pub fn resample(
    image: &Volume,
    target: &Geometry,
    interpolator: Interpolator,
) -> Result<Volume, ResampleError> {
    let placement = Placement::new(&image.geometry, target);
    let block = placement.block(interpolator, image.geometry.dims);
    let values = block.cut(image);
    if let Some(position) = values.iter().position(|value| !value.is_finite()) {
        return Err(ResampleError::NotFinite {
            voxel: block.voxel(position),
        });
    }
    let values = match interpolator {
        Interpolator::BSpline => spline::coefficients(values, block.size),
        _ => values,
    };
    let taps = Taps {
        block: &block,
        interpolator,
        dims: image.geometry.dims,
    };
    let mut out = match &placement {
        Placement::Aligned { axes } => {
            let taps = [0, 1, 2].map(|axis| taps.along(axis, &axes[axis]));
            separable(&values, block.size, &taps)
        }
        Placement::Oblique { .. } => pointwise(&values, &placement, target, &taps),
    };
    if !matches!(image.voxels, Voxels::F32(_)) {
        whole::settle(&mut out, &values, &placement, target, &taps);
    }
    Ok(Volume {
        geometry: *target,
        voxels: as_type_of(&image.voxels, out),
    })
}

/// A region on another grid, by the nearest voxel; outside its grid nothing is inside.
///
/// # Ties and edges
/// As [`resample`] with [`Interpolator::NearestNeighbour`].
///
/// # Agrees with
/// SimpleITK 2.5.7, voxel by voxel, tests/resampling.rs, also where voxels lie exactly between two others on grids along the world's
/// axes.
///
/// # Differs from
/// On oblique grids such a voxel goes to the higher index; ITK's choice there is the rounding of a matrix that it inverts by
/// singular values.
#[must_use]
pub fn resample_mask(mask: &Mask, target: &Geometry) -> Mask {
    let placement = Placement::new(&mask.geometry, target);
    let nearest = |at: [f64; 3]| -> bool {
        let mut voxel = [0; 3];
        for axis in 0..3 {
            match taps::nearest(at[axis], mask.geometry.dims[axis]) {
                Some(index) => voxel[axis] = index,
                None => return false,
            }
        }
        mask.inside[mask.geometry.index(voxel)]
    };
    let [nx, ny, _] = target.dims;
    let inside = (0..target.n_voxels() / nx)
        .into_par_iter()
        .with_min_len(64)
        .flat_map_iter(|row| {
            let (y, z) = (row % ny, row / ny);
            let (placement, nearest) = (&placement, &nearest);
            (0..nx).map(move |x| nearest(placement.at([x, y, z])))
        })
        .collect();
    Mask {
        geometry: *target,
        inside,
    }
}

/// Planes first, then rows, then voxels: each pass runs along x.
fn separable(values: &[f64], size: [usize; 3], taps: &[Vec<Tap>; 3]) -> Vec<f64> {
    let [sx, sy, _] = size;
    let dims = [taps[0].len(), taps[1].len(), taps[2].len()];
    let mut out = vec![0.0; dims[0] * dims[1] * dims[2]];
    let planes = out.par_chunks_mut(dims[0] * dims[1]).zip(&taps[2]);
    planes.for_each(|(out, across)| {
        let mut plane = vec![0.0; sx * sy];
        if !across.gather(values, sx * sy, &mut plane) {
            return;
        }
        let mut row = vec![0.0; sx];
        for (out, down) in out.chunks_exact_mut(dims[0]).zip(&taps[1]) {
            if !down.gather(&plane, sx, &mut row) {
                continue;
            }
            for (out, along) in out.iter_mut().zip(&taps[0]) {
                *out = along.sum(|index| row[index]);
            }
        }
    });
    out
}

/// Voxel by voxel, for grids that are turned against each other.
fn pointwise(values: &[f64], placement: &Placement, target: &Geometry, taps: &Taps) -> Vec<f64> {
    let [sx, sy, _] = taps.block.size;
    let [nx, ny, _] = target.dims;
    let mut out = vec![0.0; target.n_voxels()];
    out.par_chunks_mut(nx).enumerate().for_each(|(row, out)| {
        for (x, out) in out.iter_mut().enumerate() {
            let at = placement.at([x, row % ny, row / ny]);
            let [tx, ty, tz] = [0, 1, 2].map(|axis| taps.of(axis, at[axis]));
            if tx.is_outside() || ty.is_outside() || tz.is_outside() {
                continue;
            }
            *out = tz.sum(|z| ty.sum(|y| tx.sum(|x| values[x + sx * (y + sy * z)])));
        }
    });
    out
}

/// Values in the pixel type of an image: cut to its range, fractions dropped.
#[allow(
    clippy::unnecessary_cast,
    reason = "one of the eight types is f64 already"
)]
fn as_type_of(voxels: &Voxels, values: Vec<f64>) -> Voxels {
    // a cast from floating point to integer saturates and drops the fraction
    match voxels {
        Voxels::U8(_) => Voxels::U8(values.iter().map(|&v| v as u8).collect()),
        Voxels::I8(_) => Voxels::I8(values.iter().map(|&v| v as i8).collect()),
        Voxels::U16(_) => Voxels::U16(values.iter().map(|&v| v as u16).collect()),
        Voxels::I16(_) => Voxels::I16(values.iter().map(|&v| v as i16).collect()),
        Voxels::U32(_) => Voxels::U32(values.iter().map(|&v| v as u32).collect()),
        Voxels::I32(_) => Voxels::I32(values.iter().map(|&v| v as i32).collect()),
        Voxels::F32(_) => Voxels::F32(values.iter().map(|&v| v as f32).collect()),
        Voxels::F64(_) => Voxels::F64(values),
    }
}

/// A box of a volume.
#[derive(Debug, Clone, PartialEq)]
struct Block {
    lower: [usize; 3],
    size: [usize; 3],
}

impl Block {
    /// The box's values in double precision.
    #[allow(
        clippy::useless_conversion,
        reason = "one of the eight types is f64 already"
    )]
    fn cut(&self, image: &Volume) -> Vec<f64> {
        let mut values = Vec::with_capacity(self.size[0] * self.size[1] * self.size[2]);
        for z in 0..self.size[2] {
            for y in 0..self.size[1] {
                let [x0, y0, z0] = self.lower;
                let start = image.geometry.index([x0, y0 + y, z0 + z]);
                let row = start..start + self.size[0];
                each_type!(&image.voxels, all => values.extend(all[row].iter().map(|&v| f64::from(v))));
            }
        }
        values
    }

    /// The volume's voxel at a position of the box.
    fn voxel(&self, position: usize) -> [usize; 3] {
        let [sx, sy, _] = self.size;
        let [x, y, z] = self.lower;
        [
            x + position % sx,
            y + position / sx % sy,
            z + position / (sx * sy),
        ]
    }
}
