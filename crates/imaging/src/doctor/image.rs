//! An image by itself.

use super::finding::Finding;
use crate::body::body_mask;
use crate::mask::Mask;
use crate::volume::Volume;

/// Slices this many times as far apart as pixels are worth a note.
const ANISOTROPY_MAX: f64 = 4.0;
/// A share of the body at the largest value above which bright tissue is cut off; noise puts one voxel there.
const CLIPPED_MIN: f64 = 0.005;
/// And at least this many voxels.
const N_CLIPPED_MIN: usize = 20;

/// Looks at an image by itself.
#[must_use]
pub fn examine_image(image: &Volume) -> Vec<Finding> {
    let mut findings = Vec::new();
    let values = image.to_f64();
    let mut broken = values.iter().enumerate().filter(|(_, v)| !v.is_finite());
    if let Some((index, _)) = broken.next() {
        findings.push(Finding::ImageNotFinite {
            n_voxels: 1 + broken.count(),
            first: image.geometry.voxel(index),
        });
    } else if let Some(&first) = values.first() {
        if values.iter().all(|&v| v == first) {
            findings.push(Finding::ImageConstant { value: first });
        } else if let Ok(body) = body_mask(image) {
            findings.extend(clipped(&values, &body));
        }
    }
    if !image.geometry.orientation_known {
        findings.push(Finding::OrientationUnknown { of_mask: false });
    }
    let spacing_mm = image.geometry.spacing_mm();
    let across = image.geometry.slice_axis();
    let in_plane = (0..3)
        .filter(|&axis| axis != across)
        .map(|axis| spacing_mm[axis])
        .fold(f64::INFINITY, f64::min);
    let ratio = spacing_mm[across] / in_plane;
    if ratio > ANISOTROPY_MAX {
        findings.push(Finding::SpacingAnisotropic { spacing_mm, ratio });
    }
    findings
}

fn clipped(values: &[f64], body: &Mask) -> Option<Finding> {
    let value = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let in_body = values
        .iter()
        .zip(&body.inside)
        .filter(|(_, inside)| **inside);
    let n_at_top = in_body.filter(|(v, _)| **v == value).count();
    let share = n_at_top as f64 / body.n_inside().max(1) as f64;
    (n_at_top >= N_CLIPPED_MIN && share >= CLIPPED_MIN).then_some(Finding::ImageClipped {
        value,
        percent: 100.0 * share,
    })
}

/// Median intensity in a region: the lower of the two middle ones of an even number.
pub(super) fn median_in(image: &Volume, region: &Mask) -> Option<f64> {
    let values = image.to_f64();
    let inside = values.iter().zip(&region.inside).filter(|(_, i)| **i);
    let mut values: Vec<f64> = inside.map(|(v, _)| *v).filter(|v| v.is_finite()).collect();
    let middle = values.len().checked_sub(1)? / 2;
    Some(*values.select_nth_unstable_by(middle, f64::total_cmp).1)
}

/// Mean and standard deviation (n − 1) in a region of at least two voxels, all finite.
pub(super) fn moments_in(image: &Volume, region: &Mask) -> Option<[f64; 2]> {
    let values = image.to_f64();
    let inside = values.iter().zip(&region.inside).filter(|(_, i)| **i);
    let inside: Vec<f64> = inside.map(|(v, _)| *v).collect();
    let n = inside.len() as f64;
    if inside.len() < 2 || inside.iter().any(|v| !v.is_finite()) {
        return None;
    }
    let mean = inside.iter().sum::<f64>() / n;
    let squares: f64 = inside.iter().map(|v| (v - mean) * (v - mean)).sum();
    Some([mean, (squares / (n - 1.0)).sqrt()])
}
