//! From the parameters of `extract-features` to the library's settings.

use imaging::normalise::NormaliseParams;
use imaging::resample::{self, Window};
use pipeline_defs::params::{
    CustomSettings, ExtractParams, FeatureClasses, FeatureSettings, Interpolator, Lbp2dMethod,
    NormalizeMask, ResegmentMode, WeightingNorm,
};
use radiomics::filter::{self, ImageType, Lbp2dSettings, Lbp3dSettings, WaveletSettings};
use radiomics::pipeline::{
    self, ExtractionSettings, ImageRequest, Normalisation, NormaliseOver, Resampling,
    Resegmentation, Spacing,
};
use radiomics::{Bin, FeatureClass, Selection, Settings};

use crate::step::StepError;

/// The settings of an extraction.
pub(super) fn of(params: &ExtractParams) -> Result<ExtractionSettings, StepError> {
    let set = &params.settings;
    let features = selection(params.featureClass.as_ref(), set.force2D)?;
    let classes = classes(set, features)?;
    let own = params.radloom.clone().unwrap_or_default();
    let spacing = match (set.resampledPixelSpacing, own.inPlaneSpacing) {
        (Some(spacing_mm), _) => Some(Spacing::PerAxis(spacing_mm)),
        (None, in_plane) => in_plane.map(Spacing::InPlane),
    };
    Ok(ExtractionSettings {
        images: images(params, &classes)?,
        classes,
        normalise: set.normalize.then_some(Normalisation {
            params: NormaliseParams {
                scale: set.normalizeScale,
                outlier_sds: set.removeOutliers,
            },
            over: match own.normalizeMask {
                NormalizeMask::Image => NormaliseOver::Image,
                NormalizeMask::Body => NormaliseOver::Body,
            },
        }),
        resample: spacing.map(|spacing| Resampling {
            spacing,
            interpolator: interpolator(set.interpolator),
        }),
        pre_crop: set.preCrop,
        pad_voxels: set.padDistance as usize,
        resegment: set.resegmentRange.clone().map(|thresholds| Resegmentation {
            thresholds,
            mode: match set.resegmentMode {
                ResegmentMode::Absolute => pipeline::ResegmentMode::Absolute,
                ResegmentMode::Relative => pipeline::ResegmentMode::Relative,
                ResegmentMode::Sigma => pipeline::ResegmentMode::Sigma,
            },
            shape_too: set.resegmentShape,
        }),
        correct_mask: set.correctMask,
        geometry_tolerance_voxels: set.geometryTolerance,
    })
}

fn interpolator(chosen: Interpolator) -> resample::Interpolator {
    match chosen {
        Interpolator::BSpline => resample::Interpolator::BSpline,
        Interpolator::Gaussian => resample::Interpolator::Gaussian,
        Interpolator::HammingWindowedSinc => resample::Interpolator::WindowedSinc(Window::Hamming),
        Interpolator::CosineWindowedSinc => resample::Interpolator::WindowedSinc(Window::Cosine),
        Interpolator::WelchWindowedSinc => resample::Interpolator::WindowedSinc(Window::Welch),
        Interpolator::LanczosWindowedSinc => resample::Interpolator::WindowedSinc(Window::Lanczos),
        Interpolator::BlackmanWindowedSinc => {
            resample::Interpolator::WindowedSinc(Window::Blackman)
        }
        Interpolator::Linear => resample::Interpolator::Linear,
        Interpolator::NearestNeighbour => resample::Interpolator::NearestNeighbour,
    }
}

/// The original image alone if no type is named.
fn images(params: &ExtractParams, classes: &Settings) -> Result<Vec<ImageRequest>, StepError> {
    let original = CustomSettings::default();
    let wanted = match &params.imageType {
        Some(types) => types.wanted(),
        None => vec![("Original", &original)],
    };
    wanted
        .into_iter()
        .map(|(name, custom)| {
            let set = overlaid(&params.settings, custom);
            Ok(ImageRequest {
                image_type: image_type(name, &set)?,
                classes: self::classes(&set, classes.features.clone())?,
            })
        })
        .collect()
}

/// Settings with those of one image type in their place.
fn overlaid(base: &FeatureSettings, custom: &CustomSettings) -> FeatureSettings {
    let mut set = base.clone();
    // PyRadiomics looks at the count first, wherever it stands
    set.binCount = custom.binCount.or(set.binCount);
    set.binWidth = custom
        .binWidth
        .or(set.binWidth)
        .filter(|_| set.binCount.is_none());
    macro_rules! lay {
        ($($field:ident)*) => {
            $(if let Some(value) = custom.$field.clone() {
                set.$field = value;
            })*
        };
    }
    lay!(distances gldm_a symmetricalGLCM voxelArrayShift force2D force2Ddimension sigma wavelet start_level level);
    lay!(gradientUseSpacing lbp2DRadius lbp2DSamples lbp2DMethod lbp3DLevels lbp3DIcosphereRadius lbp3DIcosphereSubdivision);
    set.weightingNorm = custom.weightingNorm.or(set.weightingNorm);
    set
}

fn image_type(name: &str, set: &FeatureSettings) -> Result<ImageType, StepError> {
    let across = 2_usize.saturating_sub(set.force2Ddimension as usize);
    Ok(match name {
        "Original" => ImageType::Original,
        "Wavelet" => ImageType::Wavelet(WaveletSettings {
            wavelet: set.wavelet.clone(),
            start_level: set.start_level as usize,
            level: set.level as usize,
            skip_axis: set.force2D.then_some(across),
        }),
        "LoG" => ImageType::LaplacianOfGaussian {
            sigma_mm: set.sigma.clone(),
        },
        "Square" => ImageType::Square,
        "SquareRoot" => ImageType::SquareRoot,
        "Logarithm" => ImageType::Logarithm,
        "Exponential" => ImageType::Exponential,
        "Gradient" => ImageType::Gradient {
            use_spacing: set.gradientUseSpacing,
        },
        "LBP2D" => ImageType::Lbp2d(Lbp2dSettings {
            radius_voxels: set.lbp2DRadius,
            n_samples: set.lbp2DSamples as usize,
            method: match set.lbp2DMethod {
                Lbp2dMethod::Default => filter::Lbp2dMethod::Default,
                Lbp2dMethod::Ror => filter::Lbp2dMethod::Ror,
                Lbp2dMethod::Uniform => filter::Lbp2dMethod::Uniform,
                Lbp2dMethod::NriUniform => filter::Lbp2dMethod::NriUniform,
                Lbp2dMethod::Var => filter::Lbp2dMethod::Var,
            },
            slice_axis: across,
        }),
        "LBP3D" => ImageType::Lbp3d(Lbp3dSettings {
            n_levels: set.lbp3DLevels as usize,
            radius_voxels: set.lbp3DIcosphereRadius,
            n_subdivisions: set.lbp3DIcosphereSubdivision as usize,
        }),
        other => {
            let message = format!("no image type is called `{other}`");
            return Err(StepError::refuse("image-type", message));
        }
    })
}

fn classes(set: &FeatureSettings, features: Selection) -> Result<Settings, StepError> {
    let bin = match (set.binWidth, set.binCount) {
        (Some(width), None) => Bin::Width(width),
        (None, Some(count)) => Bin::Count(count as usize),
        _ => {
            return Err(StepError::refuse(
                "bin-settings",
                "give one of binWidth and binCount",
            ));
        }
    };
    Ok(Settings {
        bin,
        distances: set.distances.clone(),
        symmetrical_glcm: set.symmetricalGLCM,
        weighting_norm: set.weightingNorm.map(|norm| match norm {
            WeightingNorm::Manhattan => radiomics::WeightingNorm::Manhattan,
            WeightingNorm::Euclidean => radiomics::WeightingNorm::Euclidean,
            WeightingNorm::Infinity => radiomics::WeightingNorm::Infinity,
            WeightingNorm::NoWeighting => radiomics::WeightingNorm::NoWeighting,
        }),
        force_2d: set.force2D,
        force_2d_dimension: set.force2Ddimension as usize,
        gldm_alpha: set.gldm_a,
        voxel_array_shift: set.voxelArrayShift,
        minimum_roi_dimensions: set.minimumROIDimensions as usize,
        minimum_roi_size: set.minimumROISize.map(|n| n as usize),
        features,
    })
}

/// `shape2D` yields nothing without `force2D`, as in PyRadiomics.
fn selection(chosen: Option<&FeatureClasses>, force_2d: bool) -> Result<Selection, StepError> {
    let Some(chosen) = chosen else {
        return Ok(Selection::pyradiomics_defaults());
    };
    let refuse = |e: radiomics::SelectionError| StepError::refuse("feature-class", e.to_string());
    let mut selection = Selection::nothing();
    for (class, names) in chosen.wanted() {
        let class = FeatureClass::from_name(class).map_err(refuse)?;
        if class == FeatureClass::Shape2d && !force_2d {
            continue;
        }
        if names.is_empty() {
            selection.enable_class(class);
        }
        for name in names {
            selection.enable_feature(class, name).map_err(refuse)?;
        }
    }
    Ok(selection)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use pipeline_defs::settings_file;
    use serde_json::json;

    fn settings(text: &str) -> ExtractionSettings {
        let content = settings_file::read(text, "settings.yaml").unwrap();
        let kind = pipeline_defs::kinds::kind("extract-features").unwrap();
        let place = pipeline_defs::Place {
            file: "test".into(),
            line: 1,
            column: 1,
        };
        let set = json!({ "settings": content });
        let text = pipeline_defs::resolve_params(kind, &set, &place).unwrap();
        of(&pipeline_defs::params::decode(&text).unwrap()).unwrap()
    }

    fn n_features(settings: &ExtractionSettings) -> usize {
        let (image, mask) = imaging::phantom::pelvis();
        let extraction = pipeline::extract(&image, &mask, settings).unwrap();
        assert!(extraction.features.iter().all(|f| f.value.is_ok()));
        extraction.features.len()
    }

    #[test]
    fn defaults_are_the_library_s() {
        let defaults = ExtractionSettings::pyradiomics_defaults();
        assert_eq!(settings(""), defaults);
        assert_eq!(
            of(&ExtractParams::pyradiomics_defaults()).unwrap(),
            defaults
        );
    }

    #[test]
    fn the_shipped_sets_give_1409_features() {
        for (name, text) in settings_file::shipped_settings() {
            assert_eq!(n_features(&settings(text)), 1409, "{name}");
        }
    }

    #[test]
    fn an_image_type_s_own_settings_take_the_place_of_the_common_ones() {
        let found = settings(
            "setting: {binCount: 32, force2D: true, force2Ddimension: 1, wavelet: db2}\n\
             imageType: {Original: , Wavelet: {binCount: 10, level: 2}, LoG: {sigma: [2.5], binWidth: 8, weightingNorm: euclidean}}\n\
             featureClass: {firstorder: [Mean, StandardDeviation], shape2D: }\n",
        );
        assert_eq!(found.classes.bin, Bin::Count(32));
        let [original, wavelet, log] = &found.images[..] else {
            panic!("{found:?}");
        };
        assert_eq!(original.classes, found.classes);
        assert_eq!(wavelet.classes.bin, Bin::Count(10));
        let ImageType::Wavelet(set) = &wavelet.image_type else {
            panic!("{wavelet:?}");
        };
        assert_eq!(
            (set.wavelet.as_str(), set.level, set.skip_axis),
            ("db2", 2, Some(1))
        );
        // PyRadiomics looks at the count first, and the common one stands
        assert_eq!(log.classes.bin, Bin::Count(32));
        let [of_width, of_count] =
            &settings("imageType: {Original: {binWidth: 10}, Square: {binCount: 8}}").images[..]
        else {
            panic!();
        };
        assert_eq!(of_width.classes.bin, Bin::Width(10.0));
        assert_eq!(of_count.classes.bin, Bin::Count(8));
        assert_eq!(
            log.classes.weighting_norm,
            Some(radiomics::WeightingNorm::Euclidean)
        );
        let sigma_mm = vec![2.5];
        assert_eq!(log.image_type, ImageType::LaplacianOfGaussian { sigma_mm });
        let features = &found.classes.features;
        assert!(features.wants(FeatureClass::FirstOrder, "StandardDeviation"));
        assert!(
            features.wants_class(FeatureClass::Shape2d)
                && !features.wants_class(FeatureClass::Glcm)
        );
    }

    #[test]
    fn every_name_that_the_file_s_reader_takes_the_library_has() {
        for class in FeatureClass::ALL {
            let own = radiomics::dictionary()
                .iter()
                .chain(radiomics::extended_dictionary());
            let names: Vec<&str> = own
                .filter(|e| e.class == class.name())
                .map(|e| e.name)
                .collect();
            let text = format!(
                "setting: {{force2D: true}}\nfeatureClass:\n  {}: {names:?}\n",
                class.name()
            );
            let found = settings(&text).classes.features;
            assert_eq!(found.names(class).count(), names.len(), "{}", class.name());
        }
    }
}
