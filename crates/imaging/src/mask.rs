//! A region of interest: one label of a label image, on the grid of its image.

mod grid;
mod place;

pub use grid::{Difference, GeometryMismatch, TOLERANCE_MM, check_geometry};
pub use place::PlaceError;
pub(crate) use place::index_of;

use crate::counted::Counted;
use crate::geometry::Geometry;
use crate::volume::{Volume, VolumeError, Voxels};
use std::collections::BTreeSet;
use std::fmt;
use thiserror::Error;

/// At most this many labels are listed in an error.
const N_LABELS_SHOWN: usize = 20;

/// The voxels of a region of interest, on the grid of its image.
#[derive(Debug, Clone, PartialEq)]
pub struct Mask {
    /// Grid and place.
    pub geometry: Geometry,
    /// Whether a voxel lies inside, x fastest, one per voxel of the grid.
    pub inside: Vec<bool>,
}

/// Which label of a label image is the region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelChoice {
    /// Voxels of this value; not 0, which is background.
    Value(i32),
    /// The one label there is; several are refused.
    Only,
    /// All labels together.
    AnyNonZero,
}

/// Why a label image gives no region.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum MaskError {
    /// No voxel is labelled.
    #[error("mask is empty: all {n_voxels} voxels are 0")]
    Empty {
        /// Voxels of the grid.
        n_voxels: usize,
    },
    /// One voxel has neither shape nor texture.
    #[error("region has a single voxel, at {voxel:?}")]
    OneVoxel {
        /// Its index `[x, y, z]`.
        voxel: [usize; 3],
    },
    /// The label asked for is background.
    #[error("label 0 is background")]
    Background,
    /// The label asked for is not there.
    #[error("label {label} is absent, present are {}", Labels(present, *n_labels))]
    LabelAbsent {
        /// The label asked for.
        label: i32,
        /// Labels found, ascending, at most twenty.
        present: Vec<i64>,
        /// How many labels there are.
        n_labels: usize,
    },
    /// One label was expected.
    #[error("several labels where one was expected: {}", Labels(present, *n_labels))]
    SeveralLabels {
        /// Labels found, ascending, at most twenty.
        present: Vec<i64>,
        /// How many labels there are.
        n_labels: usize,
    },
    /// Labels are whole numbers; others come from scaling or interpolation.
    #[error("{} without a whole number, the first is {value} at {first:?}", Counted(*n_voxels, "voxel"))]
    NotInteger {
        /// How many.
        n_voxels: usize,
        /// Value of the first in file order.
        value: f64,
        /// Its index `[x, y, z]`.
        first: [usize; 3],
    },
}

impl MaskError {
    /// A stable name of the problem, for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            MaskError::Empty { .. } => "mask-empty",
            MaskError::OneVoxel { .. } => "mask-one-voxel",
            MaskError::Background => "label-background",
            MaskError::LabelAbsent { .. } => "label-absent",
            MaskError::SeveralLabels { .. } => "several-labels",
            MaskError::NotInteger { .. } => "label-not-integer",
        }
    }
}

impl Mask {
    /// A region on a grid.
    ///
    /// # Errors
    /// [`VolumeError::Length`] unless there is one value per voxel.
    pub fn new(geometry: Geometry, inside: Vec<bool>) -> Result<Mask, VolumeError> {
        let (n_values, n_voxels) = (inside.len(), geometry.n_voxels());
        if n_values == n_voxels {
            Ok(Mask { geometry, inside })
        } else {
            Err(VolumeError::Length {
                n_values,
                n_voxels,
                dims: geometry.dims,
            })
        }
    }

    /// The region of one label of a label image.
    ///
    /// # Errors
    /// [`MaskError`] if labels are no whole numbers, none or not the one asked for is there, or a single voxel has it.
    pub fn from_volume(labels: &Volume, choice: LabelChoice) -> Result<Mask, MaskError> {
        let values = labels.to_f64();
        check_integers(labels, &values)?;
        let present: BTreeSet<i64> = values
            .iter()
            .map(|&value| value as i64)
            .filter(|&label| label != 0)
            .collect();
        let n_labels = present.len();
        let shown = || present.iter().copied().take(N_LABELS_SHOWN).collect();
        let inside: Vec<bool> = match choice {
            LabelChoice::Value(0) => return Err(MaskError::Background),
            _ if n_labels == 0 => {
                return Err(MaskError::Empty {
                    n_voxels: values.len(),
                });
            }
            LabelChoice::Value(label) if !present.contains(&i64::from(label)) => {
                return Err(MaskError::LabelAbsent {
                    label,
                    present: shown(),
                    n_labels,
                });
            }
            LabelChoice::Only if n_labels > 1 => {
                return Err(MaskError::SeveralLabels {
                    present: shown(),
                    n_labels,
                });
            }
            LabelChoice::Value(label) => values
                .iter()
                .map(|&value| value == f64::from(label))
                .collect(),
            LabelChoice::Only | LabelChoice::AnyNonZero => {
                values.iter().map(|&value| value != 0.0).collect()
            }
        };
        let mut positions = inside
            .iter()
            .enumerate()
            .filter(|&(_, &inside)| inside)
            .map(|(index, _)| index);
        if let (Some(index), None) = (positions.next(), positions.next()) {
            return Err(MaskError::OneVoxel {
                voxel: labels.geometry.voxel(index),
            });
        }
        Ok(Mask {
            geometry: labels.geometry,
            inside,
        })
    }

    /// The region as a label image: 1 inside, 0 outside, 8 bits.
    #[must_use]
    pub fn to_volume(&self) -> Volume {
        Volume {
            geometry: self.geometry,
            voxels: Voxels::U8(self.inside.iter().map(|&inside| u8::from(inside)).collect()),
        }
    }

    /// Number of voxels inside.
    #[must_use]
    pub fn n_inside(&self) -> usize {
        self.inside.iter().filter(|&&inside| inside).count()
    }

    /// First and last voxel `[x, y, z]` (both included) of the smallest box that holds the region; `None` if it is empty.
    #[must_use]
    pub fn bounding_box(&self) -> Option<([usize; 3], [usize; 3])> {
        let mut corners: Option<([usize; 3], [usize; 3])> = None;
        for (index, _) in self
            .inside
            .iter()
            .enumerate()
            .filter(|&(_, &inside)| inside)
        {
            let voxel = self.geometry.voxel(index);
            let (low, high) = corners.get_or_insert((voxel, voxel));
            for axis in 0..3 {
                low[axis] = low[axis].min(voxel[axis]);
                high[axis] = high[axis].max(voxel[axis]);
            }
        }
        corners
    }
}

fn check_integers(labels: &Volume, values: &[f64]) -> Result<(), MaskError> {
    let mut broken = values
        .iter()
        .enumerate()
        .filter(|&(_, value)| value.fract() != 0.0 || value.abs() > 9e15);
    match broken.next() {
        Some((index, &value)) => {
            let n_voxels = 1 + broken.count();
            Err(MaskError::NotInteger {
                n_voxels,
                value,
                first: labels.geometry.voxel(index),
            })
        }
        None => Ok(()),
    }
}

/// Labels as text, with the number of those left out.
struct Labels<'a>(&'a [i64], usize);

impl fmt::Display for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)?;
        match self.1 - self.0.len() {
            0 => Ok(()),
            n => write!(f, " and {n} more"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn grid(dims: [usize; 3]) -> Geometry {
        Geometry::axis_aligned(dims, [1.0, 1.0, 5.0]).unwrap()
    }

    fn labels(values: &[f32]) -> Volume {
        Volume::new(grid([values.len(), 1, 1]), Voxels::F32(values.to_vec())).unwrap()
    }

    #[track_caller]
    fn check(values: &[f32], choice: LabelChoice, expected: Result<&[usize], MaskError>) {
        let found = Mask::from_volume(&labels(values), choice);
        let expected = expected.map(|indices| {
            (0..values.len())
                .map(|i| indices.contains(&i))
                .collect::<Vec<_>>()
        });
        assert_eq!(found.map(|mask| mask.inside), expected);
    }

    #[test]
    fn a_label_is_chosen_by_value_or_because_it_is_the_only_one() {
        check(
            &[0.0, 2.0, 2.0, 1.0, 1.0],
            LabelChoice::Value(2),
            Ok(&[1, 2]),
        );
        check(
            &[0.0, 2.0, 2.0, 1.0, 1.0],
            LabelChoice::AnyNonZero,
            Ok(&[1, 2, 3, 4]),
        );
        check(&[0.0, 255.0, 255.0], LabelChoice::Only, Ok(&[1, 2]));
        check(&[-1.0, -1.0, 0.0], LabelChoice::Value(-1), Ok(&[0, 1]));
    }

    #[test]
    fn regions_that_are_none_are_refused_by_name() {
        let several = MaskError::SeveralLabels {
            present: vec![1, 2],
            n_labels: 2,
        };
        check(&[0.0, 2.0, 2.0, 1.0], LabelChoice::Only, Err(several));
        let absent = MaskError::LabelAbsent {
            label: 3,
            present: vec![1, 2],
            n_labels: 2,
        };
        check(&[0.0, 2.0, 2.0, 1.0], LabelChoice::Value(3), Err(absent));
        check(
            &[0.0; 4],
            LabelChoice::Value(1),
            Err(MaskError::Empty { n_voxels: 4 }),
        );
        check(
            &[0.0; 4],
            LabelChoice::Only,
            Err(MaskError::Empty { n_voxels: 4 }),
        );
        check(
            &[0.0, 1.0],
            LabelChoice::Value(0),
            Err(MaskError::Background),
        );
        check(
            &[2.0, 2.0, 1.0],
            LabelChoice::Value(1),
            Err(MaskError::OneVoxel { voxel: [2, 0, 0] }),
        );
        let value = f64::from(1.0_f32 / 255.0);
        let broken = MaskError::NotInteger {
            n_voxels: 2,
            value,
            first: [1, 0, 0],
        };
        check(
            &[0.0, 1.0 / 255.0, 1.0 / 255.0],
            LabelChoice::Only,
            Err(broken),
        );
    }

    #[test]
    fn an_image_taken_for_a_mask_lists_its_first_labels_only() {
        let values: Vec<f32> = (0..100).map(|i| i as f32).collect();
        let error = Mask::from_volume(&labels(&values), LabelChoice::Only).unwrap_err();
        assert!(
            error.to_string().ends_with("19, 20] and 79 more"),
            "{error}"
        );
    }
}
