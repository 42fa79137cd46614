//! What is wrong with an image, a delineation, or the two together, and which repair is safe.
//!
//! Nothing here changes anything: a [`Finding`] names a problem by a stable code, says how grave it is, gives the numbers
//! it was judged by, and offers at most one [`Repair`], which somebody must ask for.
//!
//! | what is looked at | function |
//! |---|---|
//! | an image by itself | [`examine_image`] |
//! | a label image against its image | [`examine`] |
//! | regions and images against those of other patients | [`compare_patients`] |
//!
//! # Rules of placement
//! *Where the region lies* is judged by the share of it inside the [body](crate::body::body_mask) and by the contrast of
//! its edge: over all pairs of face neighbours of which one is inside, |mean| / standard deviation of the difference in
//! intensity. A contour on its tumour has differences of one sign; a contour in the middle of nowhere has both.
//!
//! *A flip is suspected* only if the region's centroid is outside the body or less than half of the region is inside.
//! Then the seven combinations of reversed voxel axes are tried. Those with the centroid and at least 95 % of the region
//! inside the body are candidates; one is offered as a repair if it is the only one, or if its edge contrast is at least
//! [`CONTRAST_RATIO_MIN`] times that of the next. A region inside the body raises no such suspicion, whatever its contrast.
//!
//! *A mask on another grid* is offered resampling by physical place if that puts at least 95 % of it inside the body. If
//! the sizes agree and reading the mask voxel for voxel is better by the same ratio of contrast, or alone is in the body,
//! the offer is the image's grid instead: then the header is wrong, not the voxels.
//!
//! *An image that does not say where it lies* lends its header to no mask, and where one of the two does not say it, nothing
//! is concluded from place: a mask without orientation is offered the image's header if that puts it in the body.
//!
//! *A header of the other world convention* (LPS for RAS) is known by its signs. On a grid whose middle is the origin it
//! reads like the same grid numbered from its other end; then the contrast decides by the same ratio, or nothing is offered.

mod cohort;
mod finding;
mod image;
mod labels;
mod place;
mod region;
mod repair;
mod swapped;

pub use cohort::{PatientFacts, compare_patients};
pub use finding::{Code, Finding, LabelCount, Severity};
pub use image::examine_image;
pub use place::{CONTRAST_RATIO_MIN, resampled};
pub use repair::{Repair, RepairError};
pub use swapped::mask_is_image;

use crate::body::body_mask;
use crate::mask::{Mask, check_geometry};
use crate::volume::Volume;

/// What an examination found, and what the comparison of patients needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Examination {
    /// Problems, in the order in which they were looked for.
    pub findings: Vec<Finding>,
    /// The region that was judged, on the mask's grid: the label asked for, or the one that the repair offers.
    pub region: Option<Mask>,
    /// Its volume, mm³.
    pub volume_mm3: Option<f64>,
    /// Mean and standard deviation of the image in the region, where mask and image are on one grid.
    pub intensity: Option<[f64; 2]>,
    /// Median intensity of the image in the body; none where there is no body.
    pub body_median: Option<f64>,
    /// Labels other than background with their voxels, ascending.
    pub labels: Vec<LabelCount>,
}

/// Looks at an image and its delineation, of which `label` is the region.
///
/// The tolerance of the grids is a distance over the whole grid, see [`check_geometry`](crate::mask::check_geometry).
#[must_use]
pub fn examine(image: &Volume, labels: &Volume, label: i32, tolerance_mm: f64) -> Examination {
    let mut findings = examine_image(image);
    let body = body_mask(image).ok();
    let counts = labels::counts(labels);
    if !labels.geometry.orientation_known {
        findings.push(Finding::OrientationUnknown { of_mask: true });
    }
    let region = match mask_is_image(image, labels) {
        Some(finding) => {
            findings.push(finding);
            None
        }
        None => labels::choose(labels, label, &counts, &mut findings),
    };
    let (mut volume_mm3, mut intensity) = (None, None);
    if let Some(region) = &region {
        volume_mm3 = Some(region.n_inside() as f64 * region.geometry.voxel_volume_mm3());
        place::examine(image, region, body.as_ref(), tolerance_mm, &mut findings);
        if check_geometry(&image.geometry, &region.geometry, tolerance_mm).is_ok() {
            intensity = image::moments_in(image, region);
        }
        region::examine(region, &mut findings);
    }
    let body_median = body.as_ref().and_then(|body| image::median_in(image, body));
    Examination {
        findings,
        region,
        volume_mm3,
        intensity,
        body_median,
        labels: counts,
    }
}

impl Examination {
    /// The repairs that together make the delineation usable, in the order in which to apply them; none if there is nothing to
    /// repair, or if something stands in the way that no repair removes.
    #[must_use]
    pub fn repairs(&self) -> Vec<Repair> {
        let grave = |finding: &&Finding| finding.severity() == Severity::Refuse;
        if self
            .findings
            .iter()
            .filter(grave)
            .any(|f| f.repair().is_none())
        {
            return Vec::new();
        }
        let mut repairs: Vec<Repair> = self.findings.iter().filter_map(Finding::repair).collect();
        repairs.dedup();
        repairs
    }
}

#[cfg(test)]
mod tests;
