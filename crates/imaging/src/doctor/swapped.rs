//! A file named as the mask that holds an image.

use super::finding::Finding;
use crate::volume::Volume;
use std::collections::BTreeSet;

/// A label map has fewer labels than this, or areas of one label; an image has neither.
const N_VALUES_MIN: usize = 32;
/// Counting of different values ends here.
const N_VALUES_COUNTED: usize = 1000;
/// A volume of at most so many different values is a label map.
const N_LABELS_MAX: usize = 20;
/// The share of neighbours that differ, above which a volume has no areas of one value.
const DIFFERENT_MIN: f64 = 0.5;
/// Fewer pairs of neighbours than this say nothing.
const N_PAIRS_MIN: usize = 64;

/// The finding if what is named as the mask holds an image: the image itself, or a volume without areas of one value.
///
/// # Rule
/// The voxels are those of the image; or more than 32 different values other than 0, and of the pairs of neighbours along the
/// first axis of which neither is 0 (at least 64 pairs) more than half differ. The two are swapped if the image has at most
/// 20 different values.
#[must_use]
pub fn mask_is_image(image: &Volume, labels: &Volume) -> Option<Finding> {
    let (pixels, values) = (image.to_f64(), labels.to_f64());
    let n_values = n_different(&values);
    let same = n_values > 0 && pixels == values;
    if !same && (n_values <= N_VALUES_MIN || different(labels, &values) <= DIFFERENT_MIN) {
        return None;
    }
    Some(Finding::MaskIsImage {
        n_values,
        same,
        swapped: !same && n_different(&pixels) <= N_LABELS_MAX,
    })
}

/// How many different values there are beside 0, up to [`N_VALUES_COUNTED`].
fn n_different(values: &[f64]) -> usize {
    let mut seen = BTreeSet::new();
    for value in values.iter().filter(|value| **value != 0.0) {
        seen.insert(value.to_bits());
        if seen.len() == N_VALUES_COUNTED {
            break;
        }
    }
    seen.len()
}

/// The share of neighbours other than 0 that differ; 0 where there are too few of them.
fn different(volume: &Volume, values: &[f64]) -> f64 {
    let (mut n_pairs, mut n_different) = (0_usize, 0_usize);
    for row in values.chunks_exact(volume.geometry.dims[0].max(1)) {
        for pair in row
            .windows(2)
            .filter(|pair| pair[0] != 0.0 && pair[1] != 0.0)
        {
            n_pairs += 1;
            n_different += usize::from(pair[0] != pair[1]);
        }
    }
    if n_pairs < N_PAIRS_MIN {
        return 0.0;
    }
    n_different as f64 / n_pairs as f64
}
