//! Features of all derived images.

use super::diagnostics::{ImageSummary, SkippedImage};
use super::error::PipelineError;
use super::prepare::Prepared;
use super::settings::ExtractionSettings;
use crate::error::Undefined;
use crate::extract::{Feature, features_of};
use crate::filter::{Derived, FilterError, ImageType, Window, derived, derived_all};
use crate::roi::CroppedRoi;
use crate::selection::FeatureClass;
use crate::settings::Settings;
use rayon::prelude::*;

/// Features of the derived images in order, and what they were.
pub(super) struct Measured {
    pub features: Vec<Feature>,
    pub images: Vec<ImageSummary>,
    pub skipped: Vec<SkippedImage>,
}

/// One derived image that is wanted.
struct Job<'a> {
    name: String,
    /// `None` if there is none.
    image: Result<Derived, SkippedImage>,
    classes: &'a Settings,
}

/// What became of one.
struct Done {
    features: Vec<Feature>,
    summary: Result<ImageSummary, SkippedImage>,
}

/// Derived images are made one at a time per thread and dropped when they are measured.
pub(super) fn measure(
    prepared: &Prepared,
    settings: &ExtractionSettings,
) -> Result<Measured, PipelineError> {
    let window = Window {
        lower: prepared.roi.lower(),
        size: prepared.roi.size(),
    };
    let inside = inside(&prepared.roi);
    let done: Vec<Done> = jobs(prepared, settings)?
        .into_par_iter()
        .with_max_len(1)
        .map(|job| run(job, prepared, &window, &inside))
        .collect::<Result<_, PipelineError>>()?;
    let mut measured = Measured {
        features: Vec::new(),
        images: Vec::new(),
        skipped: Vec::new(),
    };
    for one in done {
        measured.features.extend(one.features);
        match one.summary {
            Ok(image) => measured.images.push(image),
            Err(skipped) => measured.skipped.push(skipped),
        }
    }
    Ok(measured)
}

/// All derived images in the order of the settings, those that there are not at their place.
fn jobs<'a>(
    prepared: &Prepared,
    settings: &'a ExtractionSettings,
) -> Result<Vec<Job<'a>>, PipelineError> {
    let view = prepared.view();
    let types: Vec<ImageType> = settings
        .images
        .iter()
        .map(|request| request.image_type.clone())
        .collect();
    // all together share more work; each alone tells how many are its
    let mut together = derived_all(&types, &view)?.images.into_iter();
    let mut jobs = Vec::new();
    for request in &settings.images {
        let alone = derived(&request.image_type, &view)?;
        let classes = &request.classes;
        jobs.extend(together.by_ref().take(alone.images.len()).map(|image| Job {
            name: image.name(),
            image: Ok(image),
            classes,
        }));
        jobs.extend(alone.skipped.into_iter().map(|skipped| Job {
            name: skipped.name.clone(),
            image: Err(SkippedImage::new(skipped.name, &skipped.reason)),
            classes,
        }));
    }
    Ok(jobs)
}

fn run(
    job: Job,
    prepared: &Prepared,
    window: &Window,
    inside: &[bool],
) -> Result<Done, PipelineError> {
    let none = |skipped: SkippedImage| Done {
        features: without_image(&job.name, job.classes),
        summary: Err(skipped),
    };
    let image = match &job.image {
        Ok(image) => image,
        Err(skipped) => return Ok(none(skipped.clone())),
    };
    let values = match image.values(&prepared.view(), window, inside) {
        Ok(values) => values,
        // what the settings cannot know before: the image itself has no such derivative
        Err(
            error @ (FilterError::AllZero { .. }
            | FilterError::FlatSphere { .. }
            | FilterError::FlatCircle { .. }
            | FilterError::NotFinite { .. }),
        ) => {
            return Ok(none(SkippedImage {
                name: job.name.clone(),
                reason: error.to_string(),
            }));
        }
        Err(error) => return Err(error.into()),
    };
    let found = features_of(&values, &prepared.roi, &job.name, job.classes).map_err(|error| {
        PipelineError::Image {
            image: job.name.clone(),
            error,
        }
    })?;
    Ok(Done {
        features: found.features,
        summary: Ok(ImageSummary {
            name: job.name,
            n_grey_levels: found.n_grey_levels,
            highest_grey_level: found.highest_grey_level,
        }),
    })
}

/// The features of an image that there is not.
fn without_image(name: &str, classes: &Settings) -> Vec<Feature> {
    let mut features = Vec::new();
    for class in FeatureClass::ALL
        .into_iter()
        .filter(|class| !class.is_shape())
    {
        features.extend(classes.features.names(class).map(|feature| Feature {
            name: format!("{name}_{}_{feature}", class.name()),
            value: Err(Undefined::NoImage),
        }));
    }
    features
}

/// Which voxels of the bounding box belong to the region.
fn inside(roi: &CroppedRoi) -> Vec<bool> {
    let [sx, sy, sz] = roi.size();
    let mut inside = vec![false; sx * sy * sz];
    for &[x, y, z] in roi.voxels() {
        inside[x as usize + sx * (y as usize + sy * z as usize)] = true;
    }
    inside
}
