//! Which labels there are, and whether the one asked for is among them.

use super::finding::{Finding, LabelCount};
use crate::mask::{LabelChoice, Mask, MaskError};
use crate::volume::Volume;
use std::collections::BTreeMap;

/// At most this many labels are listed; an image taken for a mask has thousands.
const N_LABELS_SHOWN: usize = 20;
/// A region larger than this share of its grid is none.
const WHOLE_IMAGE_MIN: f64 = 0.9;

/// Whole-numbered labels other than 0, ascending, with their voxels.
pub(super) fn counts(labels: &Volume) -> Vec<LabelCount> {
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    for value in labels.to_f64() {
        if value != 0.0 && value.fract() == 0.0 && value.abs() < 9e15 {
            *counts.entry(value as i64).or_default() += 1;
        }
    }
    let counts = counts.into_iter();
    counts
        .map(|(label, n_voxels)| LabelCount { label, n_voxels })
        .collect()
}

/// The region of the label asked for, or of the one that a repair offers.
pub(super) fn choose(
    labels: &Volume,
    label: i32,
    counts: &[LabelCount],
    findings: &mut Vec<Finding>,
) -> Option<Mask> {
    let n_labels = counts.len();
    let present: Vec<LabelCount> = counts.iter().copied().take(N_LABELS_SHOWN).collect();
    let region = match Mask::from_volume(labels, LabelChoice::Value(label)) {
        Ok(region) => {
            if n_labels > 1 {
                findings.push(Finding::SeveralLabels {
                    label,
                    present,
                    n_labels,
                });
            }
            Some(region)
        }
        Err(error) => {
            let finding = told(labels, label, error, present, n_labels);
            let repair = finding.repair();
            findings.push(finding);
            let repaired = repair?.apply(&labels.geometry, labels).ok()?;
            match Mask::from_volume(&repaired, LabelChoice::Only) {
                Ok(region) => Some(region),
                Err(MaskError::OneVoxel { voxel }) => {
                    findings.push(Finding::MaskOneVoxel { voxel });
                    None
                }
                Err(_) => None,
            }
        }
    }?;
    let share = region.n_inside() as f64 / region.inside.len().max(1) as f64;
    if share > WHOLE_IMAGE_MIN {
        findings.push(Finding::MaskWholeImage {
            percent: 100.0 * share,
        });
    }
    Some(region)
}

fn told(
    labels: &Volume,
    label: i32,
    error: MaskError,
    present: Vec<LabelCount>,
    n_labels: usize,
) -> Finding {
    match error {
        MaskError::Empty { n_voxels } => Finding::MaskEmpty { n_voxels },
        MaskError::OneVoxel { voxel } => Finding::MaskOneVoxel { voxel },
        MaskError::NotInteger {
            n_voxels, value, ..
        } => Finding::LabelNotInteger {
            n_voxels,
            value,
            only_value: only_value(labels),
        },
        MaskError::Background | MaskError::LabelAbsent { .. } | MaskError::SeveralLabels { .. } => {
            Finding::LabelAbsent {
                label,
                present,
                n_labels,
            }
        }
    }
}

/// The one value that all voxels other than 0 have.
fn only_value(labels: &Volume) -> Option<f64> {
    let values = labels.to_f64();
    let mut others = values.into_iter().filter(|&value| value != 0.0);
    let first = others.next()?;
    (first > 0.0 && others.all(|value| value == first)).then_some(first)
}
