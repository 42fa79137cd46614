//! Cubic B-spline interpolation at points that keep their distance to a voxel, as SciPy's `map_coordinates` gives it.
//!
//! # Formula
//! Coefficients c[i] = Σ_k √3 · z^|k| · x[i + k] along each axis, z = √3 − 2, the image mirrored at its border voxels; |k| ≤ 30, beyond
//! which z^|k| < 1e-17. Being a weighted sum and no recursion, it gives the same bits in every window. A sample is
//! Σ w_z w_y w_x c over the 4 × 4 × 4 nearest voxels, and 0 outside [0, N − 1].

use crate::filter::block::Block;
use crate::filter::view::{ImageView, Window};

/// Voxels to each side that the coefficients read.
const REACH: usize = 30;

/// Coefficients over a box around the window.
pub(crate) struct Coefficients {
    block: Block,
}

impl Coefficients {
    /// Enough for samples at most `radius_voxels` away from the window. The box ends at the image.
    pub(crate) fn around(view: &ImageView, window: &Window, radius_voxels: f64) -> Coefficients {
        let margin = radius_voxels.ceil() as usize + 2;
        let span = |margin: usize| {
            [0, 1, 2].map(|axis| {
                let lower = window.lower[axis].saturating_sub(margin);
                let upper = (window.lower[axis] + window.size[axis])
                    .saturating_add(margin)
                    .min(view.dims[axis]);
                (lower as isize, upper - lower)
            })
        };
        let (wide, wanted) = (span(margin.saturating_add(REACH)), span(margin));
        let mut block = Block::load(
            view,
            wide.map(|(lower, _)| lower),
            wide.map(|(_, size)| size),
            |_, index| index as usize,
        );
        let taps = taps();
        for axis in 0..3 {
            let n = view.dims[axis];
            // a single voxel is its own coefficient
            if n > 1 {
                let (lower, size) = wanted[axis];
                let from = block.lower[axis];
                block = block.convolved(axis, lower, size, &taps, |index, k| {
                    (mirrored(index + REACH as isize - k as isize, n) as isize - from) as usize
                });
            }
        }
        Coefficients { block }
    }

    /// The row of coefficients along x at (y, z) of the image, which is in the box.
    fn row(&self, y: usize, z: usize) -> &[f64] {
        let Block {
            lower,
            size,
            values,
        } = &self.block;
        let (y, z) = (y - lower[1] as usize, z - lower[2] as usize);
        let start = size[0] * (y + size[1] * z);
        &values[start..start + size[0]]
    }

    /// Samples beside the voxels `first` to `last` (of the window) of one row; 0 outside the image.
    ///
    /// `mixed` is scratch.
    pub(crate) fn sample_row(
        &self,
        offset: &Offset,
        [y, z]: [usize; 2],
        voxels: std::ops::Range<usize>,
        mixed: &mut Vec<f64>,
        samples: &mut [f64],
    ) {
        let (Some(across), Some(above)) = (&offset.places[1][y], &offset.places[2][z]) else {
            samples.fill(0.0);
            return;
        };
        let places = &offset.places[0][voxels];
        let start = self.block.lower[0] as usize;
        // voxels that any of the samples reads, in the box
        let used = places.iter().flatten().flat_map(|place| place.voxels);
        let (low, high) = used.fold((usize::MAX, 0), |(low, high), x| (low.min(x), high.max(x)));
        if low > high {
            samples.fill(0.0);
            return;
        }
        mixed.clear();
        mixed.resize(high + 1 - low, 0.0);
        for (&z, &weight_z) in above.voxels.iter().zip(&above.weights) {
            for (&y, &weight_y) in across.voxels.iter().zip(&across.weights) {
                let weight = weight_z * weight_y;
                let row = &self.row(y, z)[low - start..=high - start];
                for (mixed, &value) in mixed.iter_mut().zip(row) {
                    *mixed += weight * value;
                }
            }
        }
        for (sample, place) in samples.iter_mut().zip(places) {
            *sample = place.as_ref().map_or(0.0, |place| {
                let terms = place.voxels.iter().zip(&place.weights);
                terms.fold(0.0, |sum, (&x, &weight)| sum + weight * mixed[x - low])
            });
        }
    }
}

/// One offset from a voxel, with the places it leads to from every voxel of the window.
pub(crate) struct Offset {
    /// Per axis x, y, z, one per voxel of the window; `None` outside the image.
    places: [Vec<Option<Place>>; 3],
}

/// Four voxels along an axis and their weights.
#[derive(Clone, Copy)]
struct Place {
    voxels: [usize; 4],
    weights: [f64; 4],
}

impl Offset {
    /// `offset` along x, y, z, voxels.
    pub(crate) fn new(offset: [f64; 3], view: &ImageView, window: &Window) -> Offset {
        Offset {
            places: [0, 1, 2].map(|axis| {
                (0..window.size[axis])
                    .map(|i| {
                        let at = (window.lower[axis] + i) as f64 + offset[axis];
                        place(at, view.dims[axis])
                    })
                    .collect()
            }),
        }
    }
}

fn place(at: f64, n: usize) -> Option<Place> {
    if !(at >= 0.0 && at <= (n - 1) as f64) {
        return None;
    }
    let floor = at.floor();
    let (near, far) = (at - floor, 1.0 - (at - floor));
    let inner = |d: f64| (d * d * (d - 2.0) * 3.0 + 4.0) / 6.0;
    let (first, second, third) = (far * far * far / 6.0, inner(near), inner(far));
    let before = floor as isize - 1;
    Some(Place {
        voxels: [0, 1, 2, 3].map(|k| mirrored(before + k, n)),
        weights: [first, second, third, 1.0 - first - second - third],
    })
}

/// The voxel that an index stands for when the image is mirrored at the centres of its border voxels.
fn mirrored(index: isize, n: usize) -> usize {
    let period = (2 * n as isize - 2).max(1);
    let at = index.rem_euclid(period);
    if at < n as isize {
        at as usize
    } else {
        (period - at) as usize
    }
}

fn taps() -> Vec<f64> {
    let pole = 3.0_f64.sqrt() - 2.0;
    let mut powers = vec![1.0];
    for k in 0..REACH {
        powers.push(powers[k] * pole);
    }
    (0..=2 * REACH)
        .map(|k| 3.0_f64.sqrt() * powers[k.abs_diff(REACH)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::view::PixelType;

    #[test]
    fn at_voxels_the_spline_is_the_image() {
        let values: Vec<f64> = (0..5 * 4 * 3).map(|i| f64::from(i * i % 23)).collect();
        let view = ImageView {
            values: &values,
            dims: [5, 4, 3],
            spacing_mm: [1.0; 3],
            pixel: PixelType::F64,
        };
        let window = Window::whole(view.dims);
        let coefficients = Coefficients::around(&view, &window, 1.0);
        let offset = Offset::new([0.0, 1.0, 0.0], &view, &window);
        let (mut mixed, mut samples) = (Vec::new(), vec![0.0; 5]);
        for y in 0..4 {
            coefficients.sample_row(&offset, [y, 1], 0..5, &mut mixed, &mut samples);
            for (x, sample) in samples.iter().enumerate() {
                let expected = if y < 3 {
                    values[x + 5 * (y + 1 + 4)]
                } else {
                    0.0
                };
                assert!((sample - expected).abs() < 1e-13);
            }
        }
    }

    #[test]
    fn indices_are_mirrored_at_voxel_centres() {
        let found: Vec<usize> = (-4..8).map(|index| mirrored(index, 4)).collect();
        assert_eq!(found, [2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1]);
        assert_eq!(mirrored(-3, 1), 0);
    }
}
