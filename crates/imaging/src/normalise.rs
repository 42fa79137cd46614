//! Intensities to z-scores.

use crate::geometry::Geometry;
use crate::volume::{Volume, Voxels};
use rayon::prelude::*;
use thiserror::Error;

/// What a normalisation does beyond centring.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NormaliseParams {
    /// Factor on the z-score, > 0; PyRadiomics `normalizeScale`.
    pub scale: f64,
    /// Greatest |z| kept, > 0; values beyond it become it. PyRadiomics `removeOutliers`.
    pub outlier_sds: Option<f64>,
}

/// Why an image has no z-scores.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum NormaliseError {
    /// A parameter that is not a positive number.
    #[error("{name} is {value}, must be positive and finite")]
    Parameter {
        /// `normalizeScale` or `removeOutliers`.
        name: &'static str,
        /// The value given.
        value: f64,
    },
    /// The region has not one value per voxel.
    #[error("region has {n_values} values for {n_voxels} voxels")]
    Length {
        /// Values given.
        n_values: usize,
        /// Voxels of the image.
        n_voxels: usize,
    },
    /// Fewer than two voxels, or voxels of one value.
    #[error("{n_voxels} voxels have standard deviation {sd}, must be above 0")]
    NoSpread {
        /// Voxels that were looked at.
        n_voxels: usize,
        /// Their standard deviation.
        sd: f64,
    },
    /// A voxel that is infinite or not a number.
    #[error("voxel {voxel:?} is not finite")]
    NotFinite {
        /// Its index `[x, y, z]`.
        voxel: [usize; 3],
    },
}

/// The image's z-scores times a scale, in double precision.
///
/// # Formula
/// f(x) = scale · clip((x − μ)/σ, ±outliers); μ the mean and σ the standard deviation (divisor n − 1) of all voxels, or of those of
/// `region`.
///
/// # Errors
/// [`NormaliseError`]: a bad parameter, voxels that are all equal, or one that is not finite.
///
/// Whole-number images taken whole have exact sums s = Σx and q = Σx², and σ² = (q − s²/n)/(n − 1) in ITK's order of operations, so that
/// values between two grey levels fall to the same one there and here; all others take two passes.
///
/// # Agrees with
/// PyRadiomics 3.1.0 `normalizeImage` (SimpleITK 2.5.7 `Normalize`): whole-number images bit by bit, others relative 1e-12; the test
/// below, and tests/resampling.rs by way of the resampled images.
///
/// # Differs from
/// PyRadiomics: it always takes the whole image, air included; `region` is ours.
pub fn normalise(
    image: &Volume,
    region: Option<&[bool]>,
    params: &NormaliseParams,
) -> Result<Volume, NormaliseError> {
    let positive = |name, value: f64| match value.is_finite() && value > 0.0 {
        true => Ok(()),
        false => Err(NormaliseError::Parameter { name, value }),
    };
    positive("normalizeScale", params.scale)?;
    positive("removeOutliers", params.outlier_sds.unwrap_or(1.0))?;
    let mut values = image.to_f64();
    let n_voxels = values.len();
    if let Some(n_values) = region.map(<[bool]>::len).filter(|&n| n != n_voxels) {
        return Err(NormaliseError::Length { n_values, n_voxels });
    }
    check_finite(&values, &image.geometry)?;
    let is_whole = !matches!(image.voxels, Voxels::F32(_) | Voxels::F64(_));
    let (mean, sd) = match region {
        None if is_whole => mean_and_sd_of_whole_numbers(&values),
        None => mean_and_sd(&values),
        Some(region) => mean_and_sd(&chosen(&values, region)),
    }
    .map_err(|(n_voxels, sd)| NormaliseError::NoSpread { n_voxels, sd })?;
    let limit = params.outlier_sds.unwrap_or(f64::INFINITY);
    let factor = 1.0 / sd;
    values.par_iter_mut().with_min_len(4096).for_each(|value| {
        *value = ((*value - mean) * factor).clamp(-limit, limit) * params.scale;
    });
    Ok(Volume {
        geometry: image.geometry,
        voxels: Voxels::F64(values),
    })
}

fn check_finite(values: &[f64], geometry: &Geometry) -> Result<(), NormaliseError> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(NormaliseError::NotFinite {
            voxel: geometry.voxel(index),
        }),
        None => Ok(()),
    }
}

fn chosen(values: &[f64], region: &[bool]) -> Vec<f64> {
    let inside = values.iter().zip(region).filter(|&(_, &inside)| inside);
    inside.map(|(&value, _)| value).collect()
}

/// Mean and standard deviation in two passes; the number of values and what came out when there is none.
fn mean_and_sd(values: &[f64]) -> Result<(f64, f64), (usize, f64)> {
    let n = values.len() as f64;
    if values.len() < 2 {
        return Err((values.len(), 0.0));
    }
    let mean = total(values, |value| value) / n;
    let squares = total(values, |value| (value - mean) * (value - mean));
    let sd = (squares / (n - 1.0)).sqrt();
    match sd.is_finite() && sd > 0.0 && mean.is_finite() {
        true => Ok((mean, sd)),
        false => Err((values.len(), if sd.is_finite() { sd } else { f64::MAX })),
    }
}

/// As [`mean_and_sd`], by exact sums and the roundings of ITK's `StatisticsImageFilter`.
fn mean_and_sd_of_whole_numbers(values: &[f64]) -> Result<(f64, f64), (usize, f64)> {
    let n = values.len() as f64;
    let (sum, squares) = values
        .par_chunks(1 << 16)
        .map(|chunk| {
            chunk.iter().fold((0_i128, 0_i128), |(s, q), &value| {
                let value = i128::from(value as i64);
                (s + value, q + value * value)
            })
        })
        .reduce(|| (0, 0), |(s, q), (t, r)| (s + t, q + r));
    let (sum, squares) = (sum as f64, squares as f64);
    let (mean, variance) = (sum / n, (squares - sum * sum / n) / (n - 1.0));
    // where rounding alone makes the difference, two passes tell
    match variance > 1e-9 * (mean * mean) {
        true => Ok((mean, variance.sqrt())),
        false => mean_and_sd(values),
    }
}

/// Sum in chunks of fixed size, in order.
fn total(values: &[f64], term: impl Fn(f64) -> f64 + Sync) -> f64 {
    let sums: Vec<f64> = values
        .par_chunks(1024)
        .with_min_len(16)
        .map(|chunk| chunk.iter().fold(0.0, |sum, &value| sum + term(value)))
        .collect();
    sums.into_iter().fold(0.0, |sum, part| sum + part)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn image(values: &[i16]) -> Volume {
        let geometry = Geometry::axis_aligned([values.len(), 1, 1], [1.0; 3]).unwrap();
        Volume::new(geometry, Voxels::I16(values.to_vec())).unwrap()
    }

    const PLAIN: NormaliseParams = NormaliseParams {
        scale: 1.0,
        outlier_sds: None,
    };

    #[test]
    fn z_scores_have_the_divisor_n_minus_1() {
        let out = normalise(&image(&[1, 2, 3]), None, &PLAIN).unwrap();
        assert_eq!(out.voxels, Voxels::F64(vec![-1.0, 0.0, 1.0]));
        let region = [true, true, true, false];
        let out = normalise(&image(&[1, 2, 3, 9]), Some(&region), &PLAIN).unwrap();
        assert_eq!(out.voxels, Voxels::F64(vec![-1.0, 0.0, 1.0, 7.0]));
    }

    /// The bits of SimpleITK 2.5.7 `Normalize`; two passes give other ones for all 44 voxels.
    #[test]
    fn z_scores_of_whole_numbers_have_the_bits_of_itk() {
        let values: Vec<i16> = (0..44_i32)
            .map(|i| ((i * i * 37 + 11 * i) % 1013 - 200) as i16)
            .collect();
        let out = normalise(&image(&values), None, &PLAIN).unwrap().to_f64();
        let bits = [out[0], out[1], out[43]].map(f64::to_bits);
        let wanted = [
            0xbff8_15c8_2790_d226,
            0xbff5_ba5f_e7d0_15ce,
            0xbff7_fca3_cf93_74f8,
        ];
        assert_eq!(bits, wanted);
    }

    #[test]
    fn outliers_are_cut_before_the_scale() {
        let params = NormaliseParams {
            scale: 100.0,
            outlier_sds: Some(0.5),
        };
        let out = normalise(&image(&[1, 2, 3]), None, &params).unwrap();
        assert_eq!(out.voxels, Voxels::F64(vec![-50.0, 0.0, 50.0]));
    }

    #[test]
    fn a_flat_image_has_no_z_scores() {
        assert_eq!(
            normalise(&image(&[5, 5]), None, &PLAIN),
            Err(NormaliseError::NoSpread {
                n_voxels: 2,
                sd: 0.0
            })
        );
        let none = NormaliseParams {
            scale: 0.0,
            outlier_sds: None,
        };
        assert!(normalise(&image(&[1, 2]), None, &none).is_err());
    }
}
