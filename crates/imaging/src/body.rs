//! Where the patient is: Otsu's threshold and the body mask.

use crate::components::{Connectivity, components};
use crate::geometry::Geometry;
use crate::mask::Mask;
use crate::volume::Volume;
use thiserror::Error;

/// Histogram bins of the body mask's threshold: those of 3D Slicer and of common N4 scripts.
pub const BODY_BINS: usize = 200;

/// Why there is no body.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum BodyError {
    /// One value cannot be divided into two classes.
    #[error("all {n_values} voxels have the value {value}: no threshold divides them")]
    Constant {
        /// Number of values.
        n_values: usize,
        /// Their common value.
        value: f64,
    },
    /// No values, or fewer than two bins.
    #[error(
        "otsu's threshold of {n_values} values in {n_bins} bins: at least 1 value and 2 bins are needed"
    )]
    Nothing {
        /// Number of values.
        n_values: usize,
        /// Number of bins.
        n_bins: usize,
    },
    /// A value that is infinite or not a number.
    #[error("value {index} is not finite")]
    NotFinite {
        /// Its position.
        index: usize,
    },
}

/// The body: voxels above Otsu's threshold ([`BODY_BINS`] bins), the largest part connected by faces, holes filled in each slice.
///
/// Faces, because noise in the air touches the skin by edges and corners far more often. A hole is background that no path of
/// voxels sharing an edge, within its slice, joins to the slice's border; slices are stacked along [`Geometry::slice_axis`].
///
/// # Errors
/// [`BodyError`] if the image is constant.
pub fn body_mask(image: &Volume) -> Result<Mask, BodyError> {
    let geometry = image.geometry;
    let values = image.to_f64();
    let threshold = otsu_threshold(&values, BODY_BINS)?;
    let bright: Vec<bool> = values.iter().map(|&value| value > threshold).collect();
    let parts = components(&bright, geometry.dims, Connectivity::Six);
    let largest = parts.largest();
    let mut inside: Vec<bool> = parts
        .labels
        .iter()
        .map(|&label| label != 0 && Some(label) == largest)
        .collect();
    fill_holes(&mut inside, &geometry);
    Ok(Mask { geometry, inside })
}

/// Otsu's threshold of a set of values: those above it are one class, the others the other.
///
/// # Formula
/// The threshold is the upper edge of bin k, k the first of 0 … n − 2 that maximises (more than the last bit)
/// ω₀ μ₀² + ω₁ μ₁²,
/// ω and μ the share and the mean (bin centres) of the values in bins 0 … k and k + 1 … n − 1. This is the between-class variance plus a constant.
///
/// Bins are those of ITK: from the minimum to the maximum plus a hundredth of a bin, bin width rounded to single precision; a value on an
/// edge belongs to the bin above.
///
/// # Arguments
/// `values`: finite, in any unit; `n_bins`: at least 2.
///
/// # Errors
/// [`BodyError`] if there is no value, one is not finite, or all are equal.
///
/// # Reference
/// Otsu, IEEE Trans. Syst. Man Cybern. 9 (1979) 62–66; Liao et al., J. Inf. Sci. Eng. 17 (2001) 713–727
///
/// # Agrees with
/// ITK 5.4 `OtsuThresholdImageFilter` (SimpleITK 2.5.7) on four images: threshold equal in single precision, voxel counts equal; `tests/otsu.rs`.
///
/// # Differs from
/// ITK rounds the threshold to the image's pixel type; here it stays a double.
pub fn otsu_threshold(values: &[f64], n_bins: usize) -> Result<f64, BodyError> {
    let n_values = values.len();
    if n_values == 0 || n_bins < 2 {
        return Err(BodyError::Nothing { n_values, n_bins });
    }
    if let Some(index) = values.iter().position(|value| !value.is_finite()) {
        return Err(BodyError::NotFinite { index });
    }
    let minimum = values.iter().copied().fold(f64::INFINITY, f64::min);
    let maximum = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if minimum == maximum {
        return Err(BodyError::Constant {
            n_values,
            value: minimum,
        });
    }
    let edges = edges(minimum, maximum, n_bins);
    let mut counts = vec![0_u64; n_bins];
    for &value in values {
        counts[bin(value, &edges)] += 1;
    }
    Ok(edges[best_split(&counts, &edges) + 1])
}

/// The n + 1 edges of ITK's bins.
fn edges(minimum: f64, maximum: f64, n_bins: usize) -> Vec<f64> {
    let n = n_bins as f64;
    let upper = maximum + (maximum - minimum) / n / 100.0;
    let width = (upper as f32 - minimum as f32) / n_bins as f32;
    let mut edges: Vec<f64> = (0..n_bins)
        .map(|j| minimum + f64::from(j as f32 * width))
        .collect();
    edges.push(upper);
    edges
}

/// The bin of a value: the last whose lower edge does not exceed it.
fn bin(value: f64, edges: &[f64]) -> usize {
    let n_bins = edges.len() - 1;
    edges[1..n_bins].partition_point(|&edge| edge <= value)
}

/// The last bin of the lower class.
fn best_split(counts: &[u64], edges: &[f64]) -> usize {
    let centre = |bin: usize| (edges[bin] + edges[bin + 1]) / 2.0;
    let n: u64 = counts.iter().sum();
    let sum: f64 = counts
        .iter()
        .enumerate()
        .map(|(bin, &count)| centre(bin) * count as f64)
        .sum();
    let (mut best, mut best_score) = (0, f64::NEG_INFINITY);
    let (mut n_low, mut sum_low) = (0, 0.0);
    for (split, &count) in counts.iter().enumerate().take(counts.len() - 1) {
        n_low += count;
        sum_low += centre(split) * count as f64;
        let score =
            (class_score(n_low, sum_low) + class_score(n - n_low, sum - sum_low)) / n as f64;
        if score > best_score.next_up() {
            (best, best_score) = (split, score);
        }
    }
    best
}

/// n μ² of a class.
fn class_score(n: u64, sum: f64) -> f64 {
    if n == 0 {
        return 0.0;
    }
    let mean = sum / n as f64;
    n as f64 * (mean * mean)
}

/// Adds to a region the background that its slice's border does not reach.
fn fill_holes(inside: &mut [bool], geometry: &Geometry) {
    let dims = geometry.dims;
    let across = geometry.slice_axis();
    let strides = [1, dims[0], dims[0] * dims[1]];
    let [u, v] = match across {
        0 => [1, 2],
        1 => [0, 2],
        _ => [0, 1],
    };
    let (nu, nv) = (dims[u], dims[v]);
    for slice in 0..dims[across] {
        let position =
            |i: usize| slice * strides[across] + i % nu * strides[u] + i / nu * strides[v];
        let background: Vec<bool> = (0..nu * nv).map(|i| !inside[position(i)]).collect();
        let parts = components(&background, [nu, nv, 1], Connectivity::Six);
        let mut open = vec![false; parts.sizes.len() + 1];
        let on_border =
            |i: usize| [0, nu - 1].contains(&(i % nu)) || [0, nv - 1].contains(&(i / nu));
        for i in (0..nu * nv).filter(|&i| on_border(i)) {
            open[parts.labels[i] as usize] = true;
        }
        for i in (0..nu * nv).filter(|&i| background[i]) {
            inside[position(i)] = !open[parts.labels[i] as usize];
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::volume::Voxels;

    fn image(rows: &[&str], spacing_mm: [f64; 3]) -> Volume {
        let bright = |c| if c == '#' { 90.0 } else { 10.0 };
        let values = rows
            .iter()
            .flat_map(|row| row.chars().map(bright))
            .collect();
        let geometry = Geometry::axis_aligned([rows[0].len(), rows.len(), 1], spacing_mm).unwrap();
        Volume::new(geometry, Voxels::F64(values)).unwrap()
    }

    fn drawn(mask: &Mask) -> Vec<String> {
        let row = |row: &[bool]| {
            row.iter()
                .map(|&inside| if inside { '#' } else { '.' })
                .collect()
        };
        mask.inside.chunks(mask.geometry.dims[0]).map(row).collect()
    }

    #[test]
    fn the_body_is_the_largest_part_with_its_holes_filled() {
        let rows = [
            ".......#", ".####...", ".#..#..#", ".#..####", ".####...", ".....##.",
        ];
        let body = body_mask(&image(&rows, [1.0, 1.0, 5.0])).unwrap();
        assert_eq!(
            drawn(&body),
            [
                "........", ".####...", ".####..#", ".#######", ".####...", "........"
            ]
        );
    }

    #[test]
    fn holes_are_holes_within_a_slice_only() {
        // Slices along y: each row is a slice, one voxel thick, so its border is all of it.
        let rows = [".####.", ".#..#.", ".####."];
        let body = body_mask(&image(&rows, [1.0, 5.0, 1.0])).unwrap();
        assert_eq!(drawn(&body), rows);
    }

    #[test]
    fn two_values_are_divided_between_them() {
        let threshold = otsu_threshold(&[1.0, 1.0, 1.0, 5.0], 200).unwrap();
        assert!(1.0 < threshold && threshold < 5.0);
        // All splits of the empty bins between are equal: the first is taken, the upper edge of bin 0.
        let width = (4.0 + 4.0 / 200.0 / 100.0) / 200.0;
        assert!((threshold - 1.0 - width).abs() < 1e-7, "{threshold}");
    }

    #[test]
    fn a_value_on_an_edge_belongs_above() {
        let edges = [0.0, 1.0, 2.0, 3.0];
        let bins = [0.0, 0.5, 1.0, 2.5, 3.0].map(|value| bin(value, &edges));
        assert_eq!(bins, [0, 0, 1, 2, 2]);
    }

    #[test]
    fn what_cannot_be_divided_is_refused() {
        assert_eq!(
            otsu_threshold(&[3.0; 4], 200),
            Err(BodyError::Constant {
                n_values: 4,
                value: 3.0
            })
        );
        assert_eq!(
            otsu_threshold(&[], 200),
            Err(BodyError::Nothing {
                n_values: 0,
                n_bins: 200
            })
        );
        assert_eq!(
            otsu_threshold(&[1.0, 2.0], 1),
            Err(BodyError::Nothing {
                n_values: 2,
                n_bins: 1
            })
        );
        assert_eq!(
            otsu_threshold(&[1.0, f64::NAN], 9),
            Err(BodyError::NotFinite { index: 1 })
        );
    }
}
