//! Which region of a file is meant, and why there is none. Names of regions are the delineators' words and are told; nothing else of
//! a patient is.

use super::error::DicomError;
use crate::mask::PlaceError;
use std::fmt;
use thiserror::Error;

/// At most this many regions are listed in an error.
const N_SHOWN: usize = 30;

/// Which region of a file is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoiChoice<'a> {
    /// The one of this name, as written but for blanks around it.
    Name(&'a str),
    /// The one of this number.
    Number(u32),
}

impl fmt::Display for RoiChoice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RoiChoice::Name(_) => write!(f, "of the name that was asked for"),
            RoiChoice::Number(number) => write!(f, "of number {number}"),
        }
    }
}

/// Why a file gives no region on the grid of an image.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum RoiError {
    /// The file does not read.
    #[error(transparent)]
    File(#[from] DicomError),
    /// Neither a structure set nor a segmentation.
    #[error("dicom file holds neither structures (RTSTRUCT) nor segments (SEG)")]
    NoRegions,
    /// The region asked for is not there, or several are.
    #[error(
        "{n_found} regions are {wanted}, one is needed; present are the numbers {}, choose by one of them",
        Regions(present)
    )]
    Choice {
        /// What was asked for.
        wanted: String,
        /// How many were found.
        n_found: usize,
        /// Numbers and names of all.
        present: Vec<(u32, String)>,
    },
    /// The region is drawn in another coordinate system than the image's.
    #[error(
        "region and image have different frames of reference; a registration is needed, or the right series"
    )]
    FrameOfReference,
    /// The region has no contour.
    #[error("region {roi} has no contour")]
    NoContours {
        /// Its number.
        roi: u32,
    },
    /// A contour that encloses nothing.
    #[error("region {roi}, contour {contour}: {what}")]
    Contour {
        /// Number of the region.
        roi: u32,
        /// Number of the contour in it, from 0.
        contour: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// A contour beside the planes of the image.
    #[error(
        "region {roi}, contour {contour} lies {distance_mm} mm from the nearest slice of the image; at most {tolerance_mm} mm are allowed"
    )]
    BetweenSlices {
        /// Number of the region.
        roi: u32,
        /// Number of the contour in it, from 0.
        contour: usize,
        /// Distance, mm.
        distance_mm: f64,
        /// Allowed, mm.
        tolerance_mm: f64,
    },
    /// A contour beyond the image.
    #[error("region {roi}, contour {contour} reaches {distance_mm} mm beyond the image")]
    Outside {
        /// Number of the region.
        roi: u32,
        /// Number of the contour in it, from 0.
        contour: usize,
        /// How far, mm.
        distance_mm: f64,
    },
    /// No voxel's centre lies inside.
    #[error("region {roi} holds no voxel")]
    Empty {
        /// Its number.
        roi: u32,
    },
    /// Frames of a segmentation that are not the image's slices.
    #[error(transparent)]
    Place(#[from] PlaceError),
}

impl RoiError {
    /// A stable name of the problem, for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            RoiError::File(error) => error.code(),
            RoiError::NoRegions => "no-regions",
            RoiError::Choice { n_found: 0, .. } => "label-absent",
            RoiError::Choice { .. } => "several-labels",
            RoiError::FrameOfReference => "frame-of-reference",
            RoiError::NoContours { .. } | RoiError::Empty { .. } => "mask-empty",
            RoiError::Contour { .. } => "contour",
            RoiError::BetweenSlices { .. } => "contour-between-slices",
            RoiError::Outside { .. } => "mask-outside-image",
            RoiError::Place(error) => error.code(),
        }
    }
}

/// The one region that is meant.
pub(super) fn choose(present: &[(u32, String)], choice: RoiChoice<'_>) -> Result<usize, RoiError> {
    let fits = |(number, name): &(u32, String)| match choice {
        RoiChoice::Name(wanted) => name.trim() == wanted.trim(),
        RoiChoice::Number(wanted) => *number == wanted,
    };
    let found: Vec<usize> = (0..present.len()).filter(|&i| fits(&present[i])).collect();
    match found[..] {
        [one] => Ok(one),
        _ => Err(RoiError::Choice {
            wanted: choice.to_string(),
            n_found: found.len(),
            present: present.to_vec(),
        }),
    }
}

/// Frames of reference that are both known must be one.
pub(super) fn same_frame(region: Option<&str>, image: Option<&str>) -> Result<(), RoiError> {
    match (region, image) {
        (Some(region), Some(image)) if region != image => Err(RoiError::FrameOfReference),
        _ => Ok(()),
    }
}

/// Numbers alone: centres put names of people into names of regions, and messages travel.
struct Regions<'a>(&'a [(u32, String)]);

impl fmt::Display for Regions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (number, _)) in self.0.iter().take(N_SHOWN).enumerate() {
            let comma = if i > 0 { ", " } else { "" };
            write!(f, "{comma}{number}")?;
        }
        match self.0.len().saturating_sub(N_SHOWN) {
            0 => Ok(()),
            n => write!(f, " and {n} more"),
        }
    }
}
