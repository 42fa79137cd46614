//! The whole extraction, as PyRadiomics goes about it: normalise, resample, check, resegment, derive images, measure.
//!
//! | module | what it holds |
//! |---|---|
//! | `settings` | what an extraction is told to do |
//! | `prepare` | image and regions before anything is measured |
//! | `resegment` | the region between two thresholds |
//! | `measure` | features of all derived images |
//! | `diagnostics` | what image and region looked like on the way |
//! | `error` | why there is no extraction |
//!
//! ```
//! use radiomics::pipeline::{ExtractionSettings, ImageRequest, extract};
//! use radiomics::filter::{ImageType, WaveletSettings};
//!
//! let (image, mask) = imaging::phantom::pelvis();
//! let mut settings = ExtractionSettings::pyradiomics_defaults();
//! let wavelet = ImageType::Wavelet(WaveletSettings::pyradiomics_defaults());
//! settings.images.push(ImageRequest { image_type: wavelet, classes: settings.classes.clone() });
//! let extraction = extract(&image, &mask, &settings)?;
//! assert_eq!(extraction.features.len(), 107 + 8 * 93);
//! # Ok::<(), radiomics::pipeline::PipelineError>(())
//! ```

mod diagnostics;
mod error;
mod measure;
mod prepare;
mod resegment;
mod settings;

pub use diagnostics::{
    Diagnostics, GridSummary, ImageSummary, RegionStage, RegionSummary, SkippedImage,
};
pub use error::PipelineError;
pub use settings::{
    ExtractionSettings, ImageRequest, Normalisation, NormaliseOver, Resampling, ResegmentMode,
    Resegmentation, Spacing,
};

use crate::extract::{Feature, selected_shape_features};
use crate::roi::CroppedRoi;
use imaging::{Mask, Volume};
use prepare::Prepared;

/// Features of one region, and what image and region looked like on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Extraction {
    /// Shape, then the classes of each image in the order of the settings; within a class in alphabetical order. The features of an
    /// image that does not exist are there without value.
    pub features: Vec<Feature>,
    /// What image and region looked like.
    pub diagnostics: Diagnostics,
}

/// All features that the settings ask for.
///
/// # Arguments
/// `image` and `mask` may lie on different grids only if the settings resample or correct the mask.
///
/// # Order of work
/// Normalise the whole image → resample image and region, or cut both to the region's box → check the region → resegment, check again →
/// shape of the region before resegmentation → derive each image from the whole (resampled or cut) image and measure it inside the region.
///
/// # Ties and edges
/// Shape features after resegmentation are those of the region before it, cut to the box of the region after it, as PyRadiomics has it.
/// A derived image that cannot be made (a Laplacian too wide for the image, a pattern that is undefined) leaves its features without value.
///
/// # Errors
/// [`PipelineError`] when the region allows no extraction.
///
/// # Agrees with
/// PyRadiomics 3.1.0: `tests/parity_full.rs`, report in docs/parity-radiomics.md.
///
/// # Differs from
/// PyRadiomics: grids may differ by 0.1 mm before they count as different; see [`imaging::mask::TOLERANCE_MM`].
pub fn extract(
    image: &Volume,
    mask: &Mask,
    settings: &ExtractionSettings,
) -> Result<Extraction, PipelineError> {
    // counting the parts of a large region takes a while: it goes on beside all else
    let (original, extraction) = rayon::join(
        || RegionSummary::of(RegionStage::Original, mask),
        || extract_rest(image, mask, settings),
    );
    let mut extraction = extraction?;
    let later = std::mem::take(&mut extraction.diagnostics.regions);
    extraction.diagnostics.regions = original.into_iter().chain(later).collect();
    Ok(extraction)
}

/// All but the summary of the region as it was given.
fn extract_rest(
    image: &Volume,
    mask: &Mask,
    settings: &ExtractionSettings,
) -> Result<Extraction, PipelineError> {
    let prepared = prepare::prepare(image, mask, settings)?;
    let (shape, measured) = rayon::join(
        || shape_features(&prepared, settings),
        || measure::measure(&prepared, settings),
    );
    let (mut features, measured) = (shape?, measured?);
    features.extend(measured.features);
    Ok(Extraction {
        features,
        diagnostics: Diagnostics {
            spacing_mm: prepared.roi.spacing_mm(),
            bounding_box_lower: prepared.roi.lower(),
            bounding_box_size: prepared.roi.size(),
            region: prepared.intensities,
            grids: prepared.grids,
            regions: prepared.regions,
            images: measured.images,
            skipped: measured.skipped,
        },
    })
}

fn shape_features(
    prepared: &Prepared,
    settings: &ExtractionSettings,
) -> Result<Vec<Feature>, PipelineError> {
    let classes = &settings.classes;
    let features = match &prepared.shape_region {
        None => selected_shape_features(&prepared.roi, "original", classes)?,
        Some(region) => {
            let geometry = &region.geometry;
            let (dims, spacing_mm) = (geometry.dims, geometry.spacing_mm());
            let roi = CroppedRoi::new(&region.inside, dims, spacing_mm, classes)?;
            selected_shape_features(&roi, "original", classes)?
        }
    };
    Ok(features)
}
