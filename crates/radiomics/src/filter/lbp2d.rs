//! Local binary pattern of every slice, as PyRadiomics asks scikit-image for it.
//!
//! # Formula
//! P samples on a circle of radius R around a voxel, at row −R·sin(2πp/P) and column R·cos(2πp/P), offsets rounded to five decimals,
//! each interpolated linearly between four voxels. Bit p is 1 where sample ≥ centre. With u = number of changes between bits p and
//! p + 1, p < P − 1 (the step from the last to the first is not counted), and n = number of ones:
//!
//! | method | value |
//! |---|---|
//! | default | Σ bit_p · 2^p |
//! | ror | the least of the P rotations of that number |
//! | uniform | n if u ≤ 2, else P + 1 |
//! | nri_uniform | 0, P(P−1) + 1 for all ones, 1 + (n − 1)·P + rotation if u ≤ 2, else P(P−1) + 2 |
//! | var | population variance of the samples, (Σ s² − (Σ s)² / P) / P in one pass |
//!
//! The result is written into an array of the image's pixel type: integers lose their fraction and wrap around (255 is −1 in eight
//! signed bits), single precision rounds.
//!
//! # Slices
//! Across z: rows along y, columns along x. Across y: rows along z, columns along x. Across x: rows along y, columns along z.
//!
//! # Edges
//! Outside the slice every voxel is 0.
//!
//! # Errors
//! `var` where that is exactly 0 has no value in scikit-image: an error in a float or 32-bit signed image if the voxel is in the
//! region. Other integer images hold 0 there, which is what the conversion of NaN gives PyRadiomics on x86-64.
//!
//! # Agrees with
//! scikit-image 0.26 by way of PyRadiomics' pixel types: every voxel, tests/filters.rs.
//!
//! # Reference
//! Ojala, Pietikäinen & Mäenpää, Multiresolution gray-scale and rotation invariant texture classification with local binary
//! patterns, 2002.

use super::error::FilterError;
use super::image_type::{Lbp2dMethod, Lbp2dSettings};
use super::view::{ImageView, PixelType, Window};

/// Refuses settings outside their range.
pub(crate) fn check(settings: &Lbp2dSettings) -> Result<(), FilterError> {
    let refuse = |setting, value, must_be| {
        Err(FilterError::Setting {
            setting,
            value,
            must_be,
        })
    };
    let radius = settings.radius_voxels;
    if !(radius > 0.0 && radius <= 1000.0) {
        return refuse("lbp2DRadius", radius, "above 0, at most 1000 voxels");
    }
    if !(1..=31).contains(&settings.n_samples) {
        return refuse("lbp2DSamples", settings.n_samples as f64, "1 to 31");
    }
    if settings.slice_axis > 2 {
        return refuse("slice axis", settings.slice_axis as f64, "0, 1 or 2");
    }
    Ok(())
}

/// Values in the window.
pub(crate) fn values(
    settings: &Lbp2dSettings,
    view: &ImageView,
    window: &Window,
    inside: &[bool],
) -> Result<Vec<f64>, FilterError> {
    let circle = Circle::new(settings);
    let (row_axis, column_axis) = match settings.slice_axis {
        0 => (1, 2),
        1 => (2, 0),
        _ => (1, 0),
    };
    let strides = [1, window.size[0], window.size[0] * window.size[1]];
    let columns = circle.places(&circle.columns, column_axis, window);
    let rows = circle.places(&circle.rows, row_axis, window);
    let mut values = vec![0.0; window.n_voxels()];
    let mut line = Line::new(window.size[column_axis], settings.n_samples);
    for slice in 0..window.size[settings.slice_axis] {
        let at_slice = window.lower[settings.slice_axis] + slice;
        let plane = Plane::cut(
            view,
            settings.slice_axis,
            row_axis,
            at_slice,
            window,
            circle.reach,
        );
        for row in 0..window.size[row_axis] {
            line.sample(&plane, row, &rows, &columns);
            let start = slice * strides[settings.slice_axis] + row * strides[row_axis];
            for column in 0..window.size[column_axis] {
                let at = start + column * strides[column_axis];
                let code = line.code(column, settings.method);
                values[at] = match stored(code, view.pixel) {
                    Some(value) => value,
                    None if inside[at] => {
                        return Err(FilterError::FlatCircle {
                            voxel: window.voxel(at),
                        });
                    }
                    None => 0.0,
                };
            }
        }
    }
    Ok(values)
}

/// The samples' offsets.
struct Circle {
    rows: Vec<f64>,
    columns: Vec<f64>,
    /// Voxels that are read to each side.
    reach: usize,
}

/// Where a sample lies between two voxels of a padded plane.
#[derive(Clone, Copy)]
struct Place {
    before: usize,
    after: usize,
    fraction: f64,
}

impl Circle {
    fn new(settings: &Lbp2dSettings) -> Circle {
        // scikit-image takes the radius in single precision
        let radius = f64::from(settings.radius_voxels as f32);
        let n = settings.n_samples as f64;
        let angle = |p: usize| 2.0 * std::f64::consts::PI * p as f64 / n;
        let rounded = |offset: f64| (offset * 1e5).round_ties_even() / 1e5;
        Circle {
            rows: (0..settings.n_samples)
                .map(|p| rounded(-radius * libm::sin(angle(p))))
                .collect(),
            columns: (0..settings.n_samples)
                .map(|p| rounded(radius * libm::cos(angle(p))))
                .collect(),
            reach: radius.ceil() as usize + 1,
        }
    }

    /// Per sample, the place of each voxel of the window along an axis; positions count in the padded plane.
    ///
    /// The index is added before the fraction is taken: equal voxels are told from unequal ones by the last bit.
    fn places(&self, offsets: &[f64], axis: usize, window: &Window) -> Vec<Vec<Place>> {
        let shift = self.reach as f64 - window.lower[axis] as f64;
        offsets
            .iter()
            .map(|&offset| {
                (0..window.size[axis])
                    .map(|i| {
                        let at = (window.lower[axis] + i) as f64 + offset;
                        Place {
                            before: (at.floor() + shift) as usize,
                            after: (at.ceil() + shift) as usize,
                            fraction: at - at.floor(),
                        }
                    })
                    .collect()
            })
            .collect()
    }
}

/// One slice of the window with a margin, 0 where the image ends.
struct Plane {
    n_columns: usize,
    reach: usize,
    values: Vec<f64>,
}

impl Plane {
    fn cut(
        view: &ImageView,
        slice_axis: usize,
        row_axis: usize,
        slice: usize,
        window: &Window,
        reach: usize,
    ) -> Plane {
        let column_axis = 3 - slice_axis - row_axis;
        let strides = [1, view.dims[0], view.dims[0] * view.dims[1]];
        let n_columns = window.size[column_axis] + 2 * reach;
        let n_rows = window.size[row_axis] + 2 * reach;
        let in_image = |axis: usize, padded: usize| {
            (window.lower[axis] + padded)
                .checked_sub(reach)
                .filter(|&at| at < view.dims[axis])
        };
        let mut values = vec![0.0; n_columns * n_rows];
        for (row, out) in values.chunks_exact_mut(n_columns).enumerate() {
            let Some(row) = in_image(row_axis, row) else {
                continue;
            };
            let start = slice * strides[slice_axis] + row * strides[row_axis];
            for (column, out) in out.iter_mut().enumerate() {
                if let Some(column) = in_image(column_axis, column) {
                    *out = view.values[start + column * strides[column_axis]];
                }
            }
        }
        Plane {
            n_columns,
            reach,
            values,
        }
    }

    fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.n_columns..(row + 1) * self.n_columns]
    }
}

/// Samples and bits of one row of voxels.
struct Line {
    /// Per sample, one value per voxel.
    samples: Vec<Vec<f64>>,
    /// Bit p of voxel i is set where sample p ≥ voxel i.
    bits: Vec<u32>,
}

impl Line {
    fn new(n: usize, n_samples: usize) -> Line {
        Line {
            samples: vec![vec![0.0; n]; n_samples],
            bits: vec![0; n],
        }
    }

    fn sample(&mut self, plane: &Plane, row: usize, rows: &[Vec<Place>], columns: &[Vec<Place>]) {
        let centres = &plane.row(row + plane.reach)[plane.reach..];
        self.bits.fill(0);
        for (p, samples) in self.samples.iter_mut().enumerate() {
            let across = rows[p][row];
            let (top, bottom) = (plane.row(across.before), plane.row(across.after));
            let (near, far) = (1.0 - across.fraction, across.fraction);
            for (i, (sample, along)) in samples.iter_mut().zip(&columns[p]).enumerate() {
                let mix = |row: &[f64]| {
                    (1.0 - along.fraction) * row[along.before] + along.fraction * row[along.after]
                };
                *sample = near * mix(top) + far * mix(bottom);
                self.bits[i] |= u32::from(*sample - centres[i] >= 0.0) << p;
            }
        }
    }

    /// `None` where the variance is 0.
    fn code(&self, at: usize, method: Lbp2dMethod) -> Option<f64> {
        let (bits, n) = (self.bits[at], self.samples.len() as u32);
        match method {
            Lbp2dMethod::Default => Some(f64::from(bits)),
            Lbp2dMethod::Ror => Some(f64::from(least_rotation(bits, n))),
            Lbp2dMethod::Uniform => Some(f64::from(uniform(bits, n))),
            Lbp2dMethod::NriUniform => Some(f64::from(uniform_with_rotation(bits, n))),
            Lbp2dMethod::Var => {
                let variance = self.variance(at);
                (variance != 0.0).then_some(variance)
            }
        }
    }

    /// In one pass, as scikit-image: a value that is cut to an integer depends on the last bit.
    fn variance(&self, at: usize) -> f64 {
        let n = self.samples.len() as f64;
        let (sum, squares) = self
            .samples
            .iter()
            .map(|sample| sample[at])
            .fold((0.0, 0.0), |(sum, squares), sample| {
                (sum + sample, squares + sample * sample)
            });
        (squares - sum * sum / n) / n
    }
}

fn least_rotation(bits: u32, n: u32) -> u32 {
    let rotated = |value: u32| (value >> 1) | ((value & 1) << (n - 1));
    let mut value = bits;
    let mut least = bits;
    for _ in 1..n {
        value = rotated(value);
        least = least.min(value);
    }
    least
}

/// Whether neighbouring bits differ at most twice, the end and the beginning not being neighbours.
fn is_uniform(bits: u32, n: u32) -> bool {
    let neighbours = (1_u32 << (n - 1)) - 1;
    ((bits ^ (bits >> 1)) & neighbours).count_ones() <= 2
}

fn uniform(bits: u32, n: u32) -> u32 {
    if is_uniform(bits, n) {
        bits.count_ones()
    } else {
        n + 1
    }
}

/// Negative where a pattern that is uniform only without its end gives scikit-image a negative rotation.
fn uniform_with_rotation(bits: u32, n: u32) -> i32 {
    let (count, n_ones) = (n as i32, bits.count_ones() as i32);
    if !is_uniform(bits, n) {
        return count * (count - 1) + 2;
    }
    if n_ones == 0 {
        return 0;
    }
    if n_ones == count {
        return count * (count - 1) + 1;
    }
    let (first_one, first_zero) = (bits.trailing_zeros() as i32, bits.trailing_ones() as i32);
    let rotation = if first_one == 0 {
        n_ones - first_zero
    } else {
        count - first_one
    };
    1 + (n_ones - 1) * count + rotation
}

/// What an array of the pixel type holds after the value was written into it; `None` for a missing value where there is no telling.
fn stored(code: Option<f64>, pixel: PixelType) -> Option<f64> {
    let Some(code) = code else {
        let holds_zero = !matches!(pixel, PixelType::I32 | PixelType::F32 | PixelType::F64);
        return holds_zero.then_some(0.0);
    };
    let whole = code as i64;
    Some(match pixel {
        PixelType::U8 => f64::from(whole as u8),
        PixelType::I8 => f64::from(whole as i8),
        PixelType::U16 => f64::from(whole as u16),
        PixelType::I16 => f64::from(whole as i16),
        PixelType::U32 => f64::from(whole as u32),
        PixelType::I32 => f64::from(whole as i32),
        PixelType::F32 => f64::from(code as f32),
        PixelType::F64 => code,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_become_codes() {
        assert_eq!(uniform(0b0001_1100, 8), 3);
        assert_eq!(uniform(0b0101_0000, 8), 9);
        // two changes; around the end it would be the same two
        assert_eq!(uniform(0b1000_0001, 8), 2);
        assert_eq!(least_rotation(0b1000_0001, 8), 0b0000_0011);
        assert_eq!(uniform_with_rotation(0, 8), 0);
        assert_eq!(uniform_with_rotation(0xff, 8), 57);
        assert_eq!(uniform_with_rotation(0b0101_0100, 8), 58);
        assert_eq!(uniform(1, 1), 1);
    }

    #[test]
    fn an_array_of_the_pixel_type_cuts_and_wraps() {
        assert_eq!(stored(Some(255.0), PixelType::I8), Some(-1.0));
        assert_eq!(stored(Some(2.9), PixelType::I16), Some(2.0));
        assert_eq!(stored(None, PixelType::U8), Some(0.0));
        assert_eq!(stored(None, PixelType::F32), None);
    }
}
