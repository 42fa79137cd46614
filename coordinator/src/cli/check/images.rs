//! Every image and every mask that the study would import, in parallel; a file that does not read stops nothing.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bytes::Bytes;
use digest::Digest;
use imaging::doctor::{
    Examination, PatientFacts, Repair, compare_patients, examine as examine_pair,
};
use imaging::formats::{self, RegionImage, RegionName};
use imaging::mask::LabelChoice;
use imaging::{Mask, Volume};
use indicatif::ProgressBar;
use rayon::prelude::*;

use super::CheckArgs;
use super::finding::{Code, Finding};
use super::wanted::{Region, Source, Wanted};

/// What was measured of a patient's first region.
pub(super) struct Measured {
    pub site: String,
    pub patient_id: String,
    pub volume_mm3: Option<f64>,
    pub body_median: Option<f64>,
    /// Standard deviation over mean of the intensities in the region.
    pub variation: Option<f64>,
}

/// What became of one region.
struct Looked<'a> {
    region: &'a Region,
    findings: Vec<Finding>,
    facts: PatientFacts,
    repairs: Vec<Repair>,
    measured: Measured,
}

pub(super) fn examine(
    wanted: &Wanted,
    args: &CheckArgs,
    findings: &mut Vec<Finding>,
    settings: &mut Vec<String>,
) -> anyhow::Result<Vec<Measured>> {
    for dir in [&args.overlays, &args.repaired].into_iter().flatten() {
        std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    }
    let terminal = std::io::stderr().is_terminal();
    let bar = if terminal {
        ProgressBar::new(wanted.regions.len() as u64)
    } else {
        ProgressBar::hidden()
    };
    let looked: Vec<Looked> = wanted
        .regions
        .par_iter()
        .map(|region| {
            let looked = look(region, args);
            bar.inc(1);
            looked
        })
        .collect::<anyhow::Result<_>>()?;
    bar.finish_and_clear();
    settings.extend(common_settings(&looked));
    // Regions of one step and item are compared: a second reading of a patient is no second patient.
    let mut by_item: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for (i, l) in looked.iter().enumerate() {
        by_item
            .entry((&l.region.step, &l.region.mask_item))
            .or_default()
            .push(i);
    }
    let mut compared = Vec::new();
    for of_item in by_item.values() {
        let facts: Vec<PatientFacts> = of_item.iter().map(|&i| looked[i].facts.clone()).collect();
        for (at, finding) in compare_patients(&facts) {
            compared.push(told(looked[of_item[at]].region, &finding));
        }
    }
    let first = by_item.into_values().next().unwrap_or_default();
    let mut measured = Vec::new();
    for (i, l) in looked.into_iter().enumerate() {
        for finding in l.findings {
            // An image with several masks says the same of itself each time.
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
        if first.contains(&i) {
            measured.push(l.measured);
        }
    }
    for finding in compared {
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    Ok(measured)
}

/// Looks at one region. Only a folder that cannot be written to is an error.
fn look<'a>(region: &'a Region, args: &CheckArgs) -> anyhow::Result<Looked<'a>> {
    let mut looked = Looked {
        region,
        findings: Vec::new(),
        facts: PatientFacts {
            patient_id: region.patient_id.clone(),
            image: None,
            mask: None,
            volume_mm3: None,
        },
        repairs: Vec::new(),
        measured: Measured {
            site: region.site.clone(),
            patient_id: region.patient_id.clone(),
            volume_mm3: None,
            body_median: None,
            variation: None,
        },
    };
    let image = read_image(region, &mut looked.findings);
    let name = |volume: &Volume| *Digest::of(&imaging::canonical::canonical_bytes(volume)).bytes();
    looked.facts.image = image.as_ref().map(|(volume, _)| name(volume));
    let Some((image, series)) = image else {
        return Ok(looked);
    };
    let Some((mask, label)) = read_labels(region, (&image, &series), &mut looked.findings) else {
        let alone = imaging::doctor::examine_image(&image);
        looked
            .findings
            .extend(alone.iter().map(|finding| told(region, finding)));
        return Ok(looked);
    };
    let examined = examine_pair(&image, &mask, label, region.tolerance_mm);
    looked.findings.extend(
        examined
            .findings
            .iter()
            .map(|finding| told(region, finding)),
    );
    looked.repairs = examined.repairs();
    looked.facts.volume_mm3 = examined.volume_mm3;
    // An empty mask is everybody's.
    looked.facts.mask = examined.region.is_some().then(|| name(&mask));
    looked.measured.volume_mm3 = examined.volume_mm3;
    looked.measured.body_median = examined.body_median;
    looked.measured.variation = examined
        .intensity
        .filter(|[mean, _]| *mean > 0.0)
        .map(|[mean, sd]| sd / mean);
    if let Some(dir) = &args.overlays {
        draw(dir, region, &image, &examined)?;
    }
    if let Some(dir) = args
        .repaired
        .as_deref()
        .filter(|_| !looked.repairs.is_empty())
    {
        repair(
            dir,
            region,
            &image,
            &mask,
            &looked.repairs,
            &mut looked.findings,
        )?;
    }
    Ok(looked)
}

/// The bytes of an item as its import gets them.
fn load(
    region: &Region,
    item: &str,
    source: Option<&Source>,
    findings: &mut Vec<Finding>,
) -> Option<Bytes> {
    let mut tell = |code, place: String, message: String, repair: &str| {
        let finding = Finding::new(code, place, message, repair);
        findings.push(finding.of_patient(&region.site, &region.patient_id));
    };
    let Some(source) = source else {
        let message = format!("the patient has no `{item}`");
        let repair = "name the file in the table, or leave the patient out";
        tell(Code::FileMissing, format!("item `{item}`"), message, repair);
        return None;
    };
    let place = source.path.display().to_string();
    match worker::sources::load(&source.path, &source.choice) {
        Ok((_, bytes)) => Some(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let repair = if place.contains('\\') {
                "write the path with / between folders: it has the backslashes of Windows"
            } else {
                "correct the path in the cohort file or its table"
            };
            tell(
                Code::FileMissing,
                place,
                format!("`{item}` is not there"),
                repair,
            );
            None
        }
        Err(error) => {
            tell(
                Code::FileUnreadable,
                place,
                format!("`{item}`: {error}"),
                "make the file readable",
            );
            None
        }
    }
}

fn unreadable(
    region: &Region,
    item: &str,
    source: Option<&Source>,
    (error, code): (&dyn std::fmt::Display, &str),
) -> Finding {
    let place = source.map_or_else(String::new, |s| s.path.display().to_string());
    let message = format!("`{item}`: {error} ({code})");
    Finding::new(Code::FileUnreadable, place, message, "export it again")
        .of_patient(&region.site, &region.patient_id)
}

fn read_image(region: &Region, findings: &mut Vec<Finding>) -> Option<(Volume, Bytes)> {
    let (item, source) = (&region.image_item, region.image.as_ref());
    let bytes = load(region, item, source, findings)?;
    match formats::read_bytes(&bytes) {
        Ok(volume) => Some((volume, bytes)),
        Err(error) => {
            findings.push(unreadable(region, item, source, (&error, error.code())));
            None
        }
    }
}

/// The delineation as labels, and the label of the region: a label image as it is, so that what is wrong with it can be named;
/// a file of named regions by way of its import, which chooses one and puts it on the image's grid.
fn read_labels(
    region: &Region,
    (image, series): (&Volume, &Bytes),
    findings: &mut Vec<Finding>,
) -> Option<(Volume, i32)> {
    let (item, source) = (&region.mask_item, region.mask.as_ref());
    let bytes = load(region, item, source, findings)?;
    let named = region.region.is_some()
        || (imaging::nrrd::has_segments(&bytes) && region.channel.is_none())
        || imaging::dicom::is_dicom(&bytes)
        || formats::is_bundle(&bytes);
    let labels = || formats::read_channels(&bytes)?.choose(region.channel);
    if !named && let Ok(labels) = labels() {
        return Some((labels, region.label));
    }
    let which = RegionName {
        name: region.region.as_deref(),
        label: region.label,
        channel: region.channel,
    };
    let on = RegionImage {
        geometry: &image.geometry,
        series: region.series.then_some(&series[..]),
        tolerance_mm: region.tolerance_mm,
    };
    match formats::region_bytes(&bytes, which, on) {
        Ok(mask) => Some((mask.to_volume(), 1)),
        Err(error) => {
            findings.push(unreadable(region, item, source, (&error, error.code())));
            None
        }
    }
}

/// A finding of the image doctor, with its place.
fn told(region: &Region, finding: &imaging::doctor::Finding) -> Finding {
    use imaging::doctor::Code as Of;
    let of_image = matches!(
        finding,
        imaging::doctor::Finding::OrientationUnknown { of_mask: false }
    ) || matches!(
        finding.code(),
        Of::ImageConstant
            | Of::ImageNotFinite
            | Of::ImageClipped
            | Of::SpacingAnisotropic
            | Of::DuplicateImage
            | Of::DuplicateImageOtherMask
    );
    let path = if of_image {
        &region.image
    } else {
        &region.mask
    };
    let repair = finding
        .repair()
        .map_or_else(|| finding.advice().to_owned(), |repair| repair.to_string());
    Finding {
        code: finding.code().as_str().to_owned(),
        severity: finding.severity(),
        site: Some(region.site.clone()),
        patient: Some(region.patient_id.clone()),
        place: path
            .as_ref()
            .map_or_else(String::new, |source| source.path.display().to_string()),
        message: finding.to_string(),
        repair,
    }
}

/// A file name of a pseudonym, which may hold anything.
fn file_name(region: &Region, ending: &str) -> PathBuf {
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || "._-".contains(c) {
            c
        } else {
            '_'
        }
    };
    let name: String = region.patient_id.chars().map(safe).collect();
    PathBuf::from(format!(
        "{}_{}.{ending}",
        name.trim_start_matches('.'),
        region.mask_item
    ))
}

fn draw(dir: &Path, region: &Region, image: &Volume, examined: &Examination) -> anyhow::Result<()> {
    let on_image = examined.region.as_ref().and_then(|mask| {
        let moved = imaging::doctor::resampled(&mask.to_volume(), &image.geometry);
        Mask::from_volume(&moved, LabelChoice::AnyNonZero).ok()
    });
    let raster = imaging::overlay::overlay(image, on_image.as_ref());
    let path = dir.join(file_name(region, "png"));
    let bytes = imaging::overlay::encode_png(&raster)?;
    std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

fn repair(
    dir: &Path,
    region: &Region,
    image: &Volume,
    mask: &Volume,
    repairs: &[Repair],
    findings: &mut [Finding],
) -> anyhow::Result<()> {
    let mut repaired = mask.clone();
    for repair in repairs {
        repaired = repair.apply(&image.geometry, &repaired)?;
    }
    let path = dir.join(file_name(region, "nii.gz"));
    anyhow::ensure!(
        !path.exists(),
        "{} exists already; name an empty folder for --repaired",
        path.display()
    );
    imaging::nifti::write_gz(&path, &repaired)
        .with_context(|| format!("cannot write {}", path.display()))?;
    for finding in findings
        .iter_mut()
        .filter(|f| f.severity == super::Severity::Refuse)
    {
        finding.repair = format!("{}; done in {}", finding.repair, path.display());
    }
    Ok(())
}

/// Where all patients of a step lack the label asked for and have the same other one, the study can say so.
fn common_settings(looked: &[Looked]) -> Vec<String> {
    let mut by_step: BTreeMap<&str, Vec<&[Repair]>> = BTreeMap::new();
    for l in looked.iter().filter(|l| l.facts.mask.is_some()) {
        by_step.entry(&l.region.step).or_default().push(&l.repairs);
    }
    let mut settings = Vec::new();
    for (step, repairs) in by_step {
        if let Some(&[Repair::UseLabel { label }]) = repairs.first()
            && repairs
                .iter()
                .all(|r| *r == [Repair::UseLabel { label: *label }])
        {
            settings.push(format!("[steps.{step}.with]\nlabel = {label}"));
        }
    }
    settings
}
