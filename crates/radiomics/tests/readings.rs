//! The share of features that repeated delineations leave as they were, on the synthetic cohort.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use cohort::synth::{SynthImages, SynthSize, SynthSpec, tables, volume};
use imaging::n4::{N4Params, Region, correct};
use imaging::roi::{ClipTo, RingMode, RingParams, ring};
use imaging::{Geometry, Mask, Volume, Voxels};
use radiomics::filter::{ImageType, Lbp2dSettings, WaveletSettings};
use radiomics::pipeline::{ExtractionSettings, ImageRequest, extract};
use rayon::prelude::*;
use stats::icc::{IccForm, icc};

const SEED: u64 = 20_250_308;
const ICC_MIN: f64 = 0.75;
/// What the paper kept of the ring's features.
const ROBUST_OF_RING: f64 = 975.0 / 1409.0;
/// Regions of a reading.
const TUMOUR: usize = 0;
const RING: usize = 1;

/// One value per feature; `None` where it is undefined.
type Row = Vec<Option<f64>>;

/// Shares of features with both coefficients at least [`ICC_MIN`], with the first and with the second one.
fn shares(readings: &[Patient], region: usize, settings: &ExtractionSettings) -> [f64; 3] {
    let rows = |reading: usize| -> Vec<Row> {
        let of = |(image, masks): &Patient| row(image, &masks[reading][region], settings);
        readings.par_iter().map(of).collect()
    };
    let [first, again, other] = [rows(0), rows(1), rows(2)];
    let intra = coefficients(&first, &again, IccForm::Consistency);
    let inter = coefficients(&first, &other, IccForm::Agreement);
    let passes = |icc: &Option<f64>| icc.is_some_and(|icc| icc >= ICC_MIN);
    let share = |n: usize| n as f64 / intra.len() as f64;
    let both = intra
        .iter()
        .zip(&inter)
        .filter(|(a, b)| passes(a) && passes(b));
    [
        share(both.count()),
        share(intra.iter().filter(|icc| passes(icc)).count()),
        share(inter.iter().filter(|icc| passes(icc)).count()),
    ]
}

/// Mean Dice coefficient of the first reading's tumour and each further one's.
fn mean_dice(readings: &[Patient]) -> [f64; 2] {
    [1, 2].map(|reading| {
        let of = |(_, masks): &Patient| dice(&masks[0][0], &masks[reading][0]);
        readings.iter().map(of).sum::<f64>() / readings.len() as f64
    })
}

#[test]
fn readings_agree_as_people_do() {
    let readings = readings(&SynthSpec::paper(), SynthSize::Tiny);
    let [again, other] = mean_dice(&readings);
    let [both, intra, inter] = shares(
        &readings,
        TUMOUR,
        &ExtractionSettings::pyradiomics_defaults(),
    );
    eprintln!("Dice {again:.3}, {other:.3}; robust {both:.2}, intra {intra:.2}, inter {inter:.2}");
    assert!(readings.len() == 10 && again > other);
    assert!((0.88..0.98).contains(&again) && (0.82..0.95).contains(&other));
    assert!((0.5..1.0).contains(&both) && both <= intra.min(inter));
}

/// The raters are chosen so that as many features of the ring as the paper's are robust, 69 %, at Dice coefficients of 0.94 (the same
/// rater) and 0.90 (another). Of the tumour's, 92 % are then; the paper has 73 %: here a tumour has the same texture to its very edge,
/// and a contour that strays takes little of it away. Raters that leave 85 % of the tumour's leave 51 % of the ring's.
#[test]
fn as_many_features_of_the_ring_as_the_papers_are_robust() {
    let readings = readings(&SynthSpec::paper(), SynthSize::Demo);
    let [again, other] = mean_dice(&readings);
    let [both, intra, inter] = shares(&readings, RING, &paper());
    eprintln!("Dice {again:.3}, {other:.3}; robust {both:.3}, intra {intra:.3}, inter {inter:.3}");
    assert!(readings.len() == 50);
    assert!((again - 0.94).abs() < 0.01 && (other - 0.90).abs() < 0.01);
    assert!((both - ROBUST_OF_RING).abs() < 0.02);
}

/// Corrected image, and tumour and ring of each reading.
type Patient = (Volume, Vec<[Mask; 2]>);

/// The patients who were delineated again.
fn readings(spec: &SynthSpec, size: SynthSize) -> Vec<Patient> {
    let patients = tables(spec, size, SEED).unwrap().patients;
    let again: Vec<_> = patients
        .into_iter()
        .filter(|p| p.delineated_again)
        .collect();
    let of = |images: SynthImages| {
        let geometry = Geometry::new(images.dims, images.affine).unwrap();
        let image = Volume::new(geometry, Voxels::I16(images.image)).unwrap();
        let image = correct(&image, Region::Otsu, &N4Params::itk_defaults())
            .unwrap()
            .corrected;
        let further = images.delineations.into_iter().map(|(_, mask)| mask);
        let masks = std::iter::once(images.mask).chain(further);
        let regions = |mask: Vec<u8>| {
            let tumour = Mask::new(geometry, mask.iter().map(|v| *v == 1).collect()).unwrap();
            let params = RingParams {
                margin_mm: 5.0,
                mode: RingMode::Euclidean3d,
                exclude_tumour: true,
                clip_to: ClipTo::Body,
            };
            let around = ring(&tumour, &params, Some(&image)).unwrap().mask;
            [tumour, around]
        };
        let masks = masks.map(regions).collect();
        (image, masks)
    };
    again
        .par_iter()
        .map(|p| of(volume(spec, size, SEED, p).unwrap()))
        .collect()
}

fn row(image: &Volume, mask: &Mask, settings: &ExtractionSettings) -> Row {
    let found = extract(image, mask, settings).unwrap().features;
    found.into_iter().map(|f| f.value.ok()).collect()
}

/// The coefficient of each feature; `None` where a reading lacks it or nothing varies.
fn coefficients(first: &[Row], second: &[Row], form: IccForm) -> Vec<Option<f64>> {
    let n_features = first.iter().map(Vec::len).min().unwrap_or(0);
    let of = |feature: usize| {
        let pairs: Option<Vec<[f64; 2]>> = first
            .iter()
            .zip(second)
            .map(|(a, b)| Some([a[feature]?, b[feature]?]))
            .collect();
        let x = ndarray::Array2::from(pairs?);
        Some(icc(x.view(), 0.95).ok()?.form(form).value)
    };
    (0..n_features).map(of).collect()
}

fn dice(a: &Mask, b: &Mask) -> f64 {
    let both = a.inside.iter().zip(&b.inside).filter(|(a, b)| **a && **b);
    2.0 * both.count() as f64 / (a.n_inside() + b.n_inside()) as f64
}

/// The preset radiomics-1409-a.
fn paper() -> ExtractionSettings {
    let mut settings = ExtractionSettings::pyradiomics_defaults();
    let types = [
        ImageType::Original,
        ImageType::Wavelet(WaveletSettings::pyradiomics_defaults()),
        ImageType::Square,
        ImageType::SquareRoot,
        ImageType::Logarithm,
        ImageType::Exponential,
        ImageType::Gradient { use_spacing: true },
        ImageType::Lbp2d(Lbp2dSettings::pyradiomics_defaults()),
    ];
    let request = |image_type| ImageRequest {
        image_type,
        classes: settings.classes.clone(),
    };
    settings.images = types.into_iter().map(request).collect();
    settings
}
