//! The region between two thresholds.

use super::error::PipelineError;
use super::settings::{ResegmentMode, Resegmentation};
use crate::sum::pairwise;
use imaging::Mask;

/// The voxels of a region whose value lies between the thresholds.
///
/// # Formula
/// With the thresholds in rising order t₁ ≤ t₂: t₁ ≤ x ≤ t₂, or t₁ ≤ x if there is one. Relative: tᵢ·max; sigma: mean + tᵢ·SD with
/// divisor n, over the region.
pub(super) fn resegment(
    values: &[f64],
    mask: &Mask,
    settings: &Resegmentation,
) -> Result<Mask, PipelineError> {
    let mut thresholds = settings.thresholds.clone();
    thresholds.sort_by(f64::total_cmp);
    if !(1..=2).contains(&thresholds.len()) || thresholds.iter().any(|t| !t.is_finite()) {
        return Err(PipelineError::Thresholds { thresholds });
    }
    let inside: Vec<f64> = values
        .iter()
        .zip(&mask.inside)
        .filter(|&(_, &inside)| inside)
        .map(|(&value, _)| value)
        .collect();
    let limits: Vec<f64> = match settings.mode {
        ResegmentMode::Absolute => thresholds,
        ResegmentMode::Relative => {
            let max = inside.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            thresholds.iter().map(|t| max * t).collect()
        }
        ResegmentMode::Sigma => {
            let n = inside.len() as f64;
            let mean = pairwise(inside.len(), |i| inside[i]) / n;
            let square = |i: usize| (inside[i] - mean) * (inside[i] - mean);
            let sd = (pairwise(inside.len(), square) / n).sqrt();
            thresholds.iter().map(|t| mean + sd * t).collect()
        }
    };
    let low = limits.first().copied().unwrap_or(f64::NEG_INFINITY);
    let high = limits.get(1).copied().unwrap_or(f64::INFINITY);
    let kept: Vec<bool> = values
        .iter()
        .zip(&mask.inside)
        .map(|(&value, &inside)| inside && low <= value && value <= high)
        .collect();
    let n_kept = kept.iter().filter(|&&kept| kept).count();
    if n_kept < 2 {
        return Err(PipelineError::Resegmented {
            n_kept,
            n_voxels: inside.len(),
        });
    }
    Ok(Mask {
        geometry: mask.geometry,
        inside: kept,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use imaging::Geometry;

    #[track_caller]
    fn check(thresholds: &[f64], mode: ResegmentMode, kept: Option<&[usize]>) {
        let values = [1.0, 2.0, 3.0, 4.0, 10.0, 5.0];
        let mask = Mask {
            geometry: Geometry::axis_aligned([6, 1, 1], [1.0; 3]).unwrap(),
            inside: vec![true, true, true, true, true, false],
        };
        let settings = Resegmentation {
            thresholds: thresholds.to_vec(),
            mode,
            shape_too: false,
        };
        let found = resegment(&values, &mask, &settings);
        let indices = |mask: Mask| (0..6).filter(|&i| mask.inside[i]).collect::<Vec<_>>();
        assert_eq!(found.map(indices).ok().as_deref(), kept);
    }

    #[test]
    fn both_thresholds_belong_to_the_region() {
        check(&[4.0, 2.0], ResegmentMode::Absolute, Some(&[1, 2, 3]));
        check(&[3.0], ResegmentMode::Absolute, Some(&[2, 3, 4]));
        check(&[0.3, 0.4], ResegmentMode::Relative, Some(&[2, 3]));
        // mean 4, SD √10
        check(&[-1.0, 1.0], ResegmentMode::Sigma, Some(&[0, 1, 2, 3]));
    }

    #[test]
    fn a_region_of_one_voxel_and_strange_thresholds_are_refused() {
        check(&[10.0], ResegmentMode::Absolute, None);
        check(&[], ResegmentMode::Absolute, None);
        check(&[1.0, 2.0, 3.0], ResegmentMode::Absolute, None);
        check(&[f64::NAN], ResegmentMode::Absolute, None);
    }
}
