//! Where voxels of one grid lie in another.

use super::{Block, Interpolator};
use crate::geometry::Geometry;

/// Off-diagonal steps below this, in voxels over the whole grid, are rounding.
const SNAP_VOXELS: f64 = 1e-7;

/// Beyond this distance from the wanted voxels a B-spline coefficient no longer depends on the image: 0.268³² is 5e-19.
const SPLINE_REACH: usize = 32;

/// Where the voxels of a target grid lie in a source grid, in voxels of the source.
#[derive(Debug, Clone)]
pub(super) enum Placement {
    /// Axes along axes: the place along an axis depends on the index along it alone.
    Aligned {
        /// Places along x, y, z.
        axes: [Vec<f64>; 3],
    },
    /// Turned against each other.
    Oblique {
        /// Place of voxel `[0, 0, 0]`.
        origin: [f64; 3],
        /// Step of one voxel along each axis.
        steps: [[f64; 3]; 3],
        /// Voxels of the target.
        dims: [usize; 3],
    },
}

impl Placement {
    pub(super) fn new(source: &Geometry, target: &Geometry) -> Placement {
        let origin = index_of(source, target.origin_mm());
        let steps = [0, 1, 2]
            .map(|axis| index_direction(source, [0, 1, 2].map(|row| target.affine[row][axis])));
        let aligned = (0..3).all(|axis| {
            (0..3).all(|other| {
                other == axis || (steps[axis][other] * target.dims[axis] as f64).abs() < SNAP_VOXELS
            })
        });
        if !aligned {
            return Placement::Oblique {
                origin,
                steps,
                dims: target.dims,
            };
        }
        let axes = [0, 1, 2].map(|axis| match along_world(source, target, axis) {
            Some(row) => as_itk(source, target, axis, row),
            None => (0..target.dims[axis])
                .map(|k| snapped(origin[axis] + k as f64 * steps[axis][axis]))
                .collect(),
        });
        Placement::Aligned { axes }
    }

    /// Place of one voxel of the target.
    pub(super) fn at(&self, voxel: [usize; 3]) -> [f64; 3] {
        match self {
            Placement::Aligned { axes } => [0, 1, 2].map(|axis| axes[axis][voxel[axis]]),
            Placement::Oblique { origin, steps, .. } => [0, 1, 2].map(|axis| {
                origin[axis]
                    + steps[0][axis] * voxel[0] as f64
                    + steps[1][axis] * voxel[1] as f64
                    + steps[2][axis] * voxel[2] as f64
            }),
        }
    }

    /// The part of a source of `source` voxels that the interpolator reads.
    pub(super) fn block(&self, interpolator: Interpolator, source: [usize; 3]) -> Block {
        let dims = match self {
            Placement::Aligned { axes } => axes.each_ref().map(Vec::len),
            Placement::Oblique { dims, .. } => *dims,
        };
        let reach = match interpolator {
            Interpolator::BSpline => SPLINE_REACH + 3,
            Interpolator::Gaussian | Interpolator::WindowedSinc(_) => 6,
            Interpolator::Linear | Interpolator::NearestNeighbour => 3,
        };
        let corners: Vec<[f64; 3]> = (0..8_usize)
            .map(|corner| self.at([0, 1, 2].map(|axis| (corner >> axis & 1) * (dims[axis] - 1))))
            .collect();
        let mut block = Block {
            lower: [0; 3],
            size: [0; 3],
        };
        for axis in 0..3 {
            let places = corners.iter().map(|at| at[axis]);
            let low = places.clone().fold(f64::INFINITY, f64::min).floor();
            let high = places.fold(f64::NEG_INFINITY, f64::max).floor();
            let last = source[axis] - 1;
            // a cast from floating point saturates at 0
            let lower = (low as usize).min(last).saturating_sub(reach);
            let upper = (high as usize).min(last).saturating_add(reach).min(last);
            block.lower[axis] = lower;
            block.size[axis] = upper - lower + 1;
        }
        block
    }
}

/// The world axis that an axis of both grids runs along, where it runs along one exactly.
fn along_world(source: &Geometry, target: &Geometry, axis: usize) -> Option<usize> {
    (0..3).find(|&row| {
        let only = |grid: &Geometry| {
            grid.affine[row][axis] != 0.0
                && (0..3).all(|r| r == row || grid.affine[r][axis] == 0.0)
                && (0..3).all(|a| a == axis || grid.affine[row][a] == 0.0)
        };
        only(source) && only(target)
    })
}

/// Places along an axis in ITK's order of operations, whose rounding chooses where a voxel lies exactly between two others: the
/// physical point of each index, and along the first axis, the scan line, the way from its first point to one beyond its last.
fn as_itk(source: &Geometry, target: &Geometry, axis: usize, row: usize) -> Vec<f64> {
    let n = target.dims[axis];
    let inverse = 1.0 / source.affine[row][axis];
    let place = |index: usize| {
        let point = target.affine[row][3] + target.affine[row][axis] * index as f64;
        inverse * (point - source.affine[row][3])
    };
    if axis > 0 {
        return (0..n).map(place).collect();
    }
    let (first, beyond) = (place(0), place(n));
    (0..n)
        .map(|k| first + k as f64 / n as f64 * (beyond - first))
        .collect()
}

/// Place of a world position in voxels of a grid.
pub(super) fn index_of(grid: &Geometry, world_mm: [f64; 3]) -> [f64; 3] {
    let origin = grid.origin_mm();
    index_direction(grid, [0, 1, 2].map(|row| world_mm[row] - origin[row]))
}

/// A world step in voxels of a grid, by Cramer's rule; a checked grid is not singular.
fn index_direction(grid: &Geometry, step_mm: [f64; 3]) -> [f64; 3] {
    let column = |axis: usize| [0, 1, 2].map(|row| grid.affine[row][axis]);
    let columns = [column(0), column(1), column(2)];
    let whole = determinant(columns);
    [0, 1, 2].map(|axis| {
        let mut replaced = columns;
        replaced[axis] = step_mm;
        determinant(replaced) / whole
    })
}

fn determinant([a, b, c]: [[f64; 3]; 3]) -> f64 {
    a[0] * (b[1] * c[2] - b[2] * c[1]) - b[0] * (a[1] * c[2] - a[2] * c[1])
        + c[0] * (a[1] * b[2] - a[2] * b[1])
}

/// A place within 1e-10 of a multiple of ½ is that: where a voxel lies exactly between two others, the rounding of the affine must not
/// choose.
fn snapped(at: f64) -> f64 {
    let nearest = (at * 2.0).round() / 2.0;
    if (at - nearest).abs() < 1e-10 {
        nearest
    } else {
        at
    }
}
