//! Image and regions before anything is measured.

use super::diagnostics::{GridSummary, Intensities, RegionStage, RegionSummary};
use super::error::PipelineError;
use super::resegment::resegment;
use super::settings::{ExtractionSettings, NormaliseOver, Resampling, Spacing};
use crate::filter::{ImageView, PixelType};
use crate::roi::CroppedRoi;
use imaging::body::body_mask;
use imaging::crop::{crop_mask, crop_volume};
use imaging::mask::{TOLERANCE_MM, check_geometry};
use imaging::normalise::normalise;
use imaging::resample::{ResampleError, check_region_inside, region_grid, resample, resample_mask};
use imaging::{Geometry, Mask, Volume};
use std::borrow::Cow;

/// All that is measured.
pub(super) struct Prepared {
    /// The image that filters read, in double precision.
    pub values: Vec<f64>,
    /// Its grid.
    pub geometry: Geometry,
    /// What its voxels were before.
    pub pixel: PixelType,
    /// The region of the intensity classes.
    pub roi: CroppedRoi,
    /// The region of the shape classes, if it is another one.
    pub shape_region: Option<Mask>,
    pub intensities: Intensities,
    pub grids: Vec<GridSummary>,
    /// Of all stages but the first.
    pub regions: Vec<RegionSummary>,
}

impl Prepared {
    pub(super) fn view(&self) -> ImageView<'_> {
        ImageView {
            values: &self.values,
            dims: self.geometry.dims,
            spacing_mm: self.geometry.spacing_mm(),
            pixel: self.pixel,
        }
    }
}

pub(super) fn prepare(
    image: &Volume,
    mask: &Mask,
    settings: &ExtractionSettings,
) -> Result<Prepared, PipelineError> {
    let mut grids = vec![GridSummary::of(&image.geometry)];
    let mut regions = Vec::new();
    let image = normalised(image, settings)?;
    let (mut image, mut mask) = (image, Cow::Borrowed(mask));
    if let Some(resampling) = &settings.resample {
        let (on_grid, region) = resampled(&image, &mask, resampling, settings)?;
        (image, mask) = (Cow::Owned(on_grid), Cow::Owned(region));
    } else if settings.pre_crop {
        mask = corrected(&image, mask, settings)?;
        let (part, region) = cut(&image, &mask, settings.pad_voxels)?;
        (image, mask) = (Cow::Owned(part), Cow::Owned(region));
    }
    if settings.resample.is_some() || settings.pre_crop {
        grids.push(GridSummary::of(&image.geometry));
        regions.extend(RegionSummary::of(RegionStage::Interpolated, &mask));
    }
    let was_on = mask.geometry.dims;
    let mask = corrected(&image, mask, settings)?;
    if mask.geometry.dims != was_on {
        regions.extend(RegionSummary::of(RegionStage::Corrected, &mask));
    }
    let (values, whole) = rayon::join(
        || image.to_f64(),
        || cropped_roi(&mask, &image.geometry, settings),
    );
    let whole = whole?;
    let (roi, shape_region) = match &settings.resegment {
        None => (whole, None),
        Some(resegmentation) => {
            let narrow = resegment(&values, &mask, resegmentation)?;
            let roi = cropped_roi(&narrow, &image.geometry, settings)?;
            regions.extend(RegionSummary::of(RegionStage::Resegmented, &narrow));
            let shape = match resegmentation.shape_too {
                true => None,
                false => Some(crop_mask(&mask, roi.lower(), upper(&roi))),
            };
            (roi, shape)
        }
    };
    let intensities = Intensities::of(&roi.gather(&roi.crop(&values)?)?);
    Ok(Prepared {
        values,
        geometry: image.geometry,
        pixel: PixelType::from(&image.voxels),
        roi,
        shape_region,
        intensities,
        grids,
        regions,
    })
}

fn normalised<'a>(
    image: &'a Volume,
    settings: &ExtractionSettings,
) -> Result<Cow<'a, Volume>, PipelineError> {
    let Some(normalisation) = &settings.normalise else {
        return Ok(Cow::Borrowed(image));
    };
    let body = match normalisation.over {
        NormaliseOver::Image => None,
        NormaliseOver::Body => Some(body_mask(image)?),
    };
    let region = body.as_ref().map(|body| body.inside.as_slice());
    Ok(Cow::Owned(normalise(image, region, &normalisation.params)?))
}

fn resampled(
    image: &Volume,
    mask: &Mask,
    resampling: &Resampling,
    settings: &ExtractionSettings,
) -> Result<(Volume, Mask), PipelineError> {
    let spacing_mm = match resampling.spacing {
        Spacing::PerAxis(spacing_mm) => spacing_mm,
        Spacing::InPlane(mm) => {
            let mut spacing_mm = [mm; 3];
            spacing_mm[mask.geometry.slice_axis()] = 0.0;
            spacing_mm
        }
    };
    match region_grid(mask, &image.geometry, spacing_mm, settings.pad_voxels)? {
        Some(grid) => {
            let region = resample_mask(mask, &grid);
            if !region.inside.contains(&true) {
                let lost = ResampleError::RegionLost {
                    spacing_mm: grid.spacing_mm(),
                    n_voxels: mask.n_inside(),
                };
                return Err(lost.into());
            }
            Ok((resample(image, &grid, resampling.interpolator)?, region))
        }
        None => {
            let on_image = resample_mask(mask, &image.geometry);
            cut(image, &on_image, settings.pad_voxels)
        }
    }
}

/// Both cut to the region's box and a margin.
fn cut(image: &Volume, mask: &Mask, pad: usize) -> Result<(Volume, Mask), PipelineError> {
    let (low, high) = mask.bounding_box().ok_or(ResampleError::EmptyMask)?;
    let low = low.map(|index| index.saturating_sub(pad));
    let high = high.map(|index| index.saturating_add(pad));
    Ok((crop_volume(image, low, high), crop_mask(mask, low, high)))
}

/// The mask itself if it lies on the image's grid (which it then has to the last digit), else the mask brought there or an error.
fn corrected<'a>(
    image: &Volume,
    mask: Cow<'a, Mask>,
    settings: &ExtractionSettings,
) -> Result<Cow<'a, Mask>, PipelineError> {
    let tolerance_mm = settings
        .geometry_tolerance_voxels
        .map_or(TOLERANCE_MM, |voxels| {
            voxels * image.geometry.spacing_mm()[0]
        });
    match check_geometry(&image.geometry, &mask.geometry, tolerance_mm) {
        Ok(()) if mask.geometry == image.geometry => Ok(mask),
        Ok(()) => Ok(Cow::Owned(Mask {
            geometry: image.geometry,
            inside: mask.into_owned().inside,
        })),
        Err(mismatch) if !settings.correct_mask => Err(mismatch.into()),
        Err(_) => {
            check_region_inside(&mask, &image.geometry)?;
            Ok(Cow::Owned(resample_mask(&mask, &image.geometry)))
        }
    }
}

fn cropped_roi(
    mask: &Mask,
    image: &Geometry,
    settings: &ExtractionSettings,
) -> Result<CroppedRoi, PipelineError> {
    Ok(CroppedRoi::new(
        &mask.inside,
        image.dims,
        image.spacing_mm(),
        &settings.classes,
    )?)
}

/// Last voxel of a region's bounding box.
fn upper(roi: &CroppedRoi) -> [usize; 3] {
    let (lower, size) = (roi.lower(), roi.size());
    [0, 1, 2].map(|axis| lower[axis] + size[axis] - 1)
}
