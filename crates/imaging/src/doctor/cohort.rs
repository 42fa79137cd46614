//! Patients against each other.

use super::finding::Finding;
use std::collections::BTreeMap;

/// Further from the median than this, in robust standard deviations of the log volume, is worth a look.
const ROBUST_Z_MAX: f64 = 4.5;
/// Fewer regions than this have no distribution.
const N_VOLUMES_MIN: usize = 8;
/// A cohort of nearly equal volumes (copies of a phantom) has no spread to judge by; below a tenth of a log unit the
/// spread is taken to be that.
const LOG_SPREAD_MIN: f64 = 0.1;

/// What is compared between patients.
#[derive(Debug, Clone, PartialEq)]
pub struct PatientFacts {
    /// Pseudonym.
    pub patient_id: String,
    /// Names the image's voxels and geometry: equal images have equal names.
    pub image: Option<[u8; 32]>,
    /// Names the mask's voxels and geometry.
    pub mask: Option<[u8; 32]>,
    /// Volume of the region, mm³.
    pub volume_mm3: Option<f64>,
}

/// Findings that need the other patients: position of the patient, finding.
///
/// # Formula
/// z = (ln v − median ln v) / max(1.4826 · MAD, 0.1), over at least 8 regions; |z| > 4.5 is an outlier.
///
/// # Reference
/// Iglewicz, Hoaglin, How to detect and handle outliers (1993): the modified z-score
#[must_use]
pub fn compare_patients(patients: &[PatientFacts]) -> Vec<(usize, Finding)> {
    let mut findings = volume_outliers(patients);
    findings.extend(duplicates(patients));
    findings.sort_by_key(|(patient, finding)| (*patient, finding.code()));
    findings
}

fn volume_outliers(patients: &[PatientFacts]) -> Vec<(usize, Finding)> {
    let logs: Vec<(usize, f64, f64)> = patients
        .iter()
        .enumerate()
        .filter_map(|(i, p)| {
            p.volume_mm3
                .filter(|v| *v > 0.0)
                .map(|v| (i, v, libm::log(v)))
        })
        .collect();
    if logs.len() < N_VOLUMES_MIN {
        return Vec::new();
    }
    let centre = median(logs.iter().map(|l| l.2));
    let spread = 1.4826 * median(logs.iter().map(|l| (l.2 - centre).abs()));
    let spread = spread.max(LOG_SPREAD_MIN);
    logs.iter()
        .map(|&(i, volume_mm3, log)| (i, volume_mm3, (log - centre) / spread))
        .filter(|(_, _, robust_z)| robust_z.abs() > ROBUST_Z_MAX)
        .map(|(i, volume_mm3, robust_z)| {
            let median_mm3 = libm::exp(centre);
            (
                i,
                Finding::VolumeOutlier {
                    volume_mm3,
                    median_mm3,
                    robust_z,
                },
            )
        })
        .collect()
}

/// Of at least one value.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let n = values.len();
    0.5 * (values[(n - 1) / 2] + values[n / 2])
}

fn duplicates(patients: &[PatientFacts]) -> Vec<(usize, Finding)> {
    let mut by_image: BTreeMap<[u8; 32], Vec<usize>> = BTreeMap::new();
    let mut by_mask: BTreeMap<[u8; 32], Vec<usize>> = BTreeMap::new();
    for (i, patient) in patients.iter().enumerate() {
        if let Some(name) = patient.image {
            by_image.entry(name).or_default().push(i);
        }
        if let Some(name) = patient.mask {
            by_mask.entry(name).or_default().push(i);
        }
    }
    let mut findings = Vec::new();
    for same in by_image.values().filter(|same| same.len() > 1) {
        for &i in same {
            let with = |is_same: bool| -> Vec<String> {
                let others = same.iter().filter(|&&j| j != i);
                let others = others.filter(|&&j| (patients[j].mask == patients[i].mask) == is_same);
                others.map(|&j| patients[j].patient_id.clone()).collect()
            };
            let (equal, other) = (with(true), with(false));
            if !equal.is_empty() {
                findings.push((i, Finding::DuplicateImage { others: equal }));
            }
            if !other.is_empty() {
                findings.push((i, Finding::DuplicateImageOtherMask { others: other }));
            }
        }
    }
    for same in by_mask.values().filter(|same| same.len() > 1) {
        for &i in same {
            let others = same
                .iter()
                .filter(|&&j| patients[j].image != patients[i].image);
            let others: Vec<String> = others.map(|&j| patients[j].patient_id.clone()).collect();
            if !others.is_empty() {
                findings.push((i, Finding::DuplicateMask { others }));
            }
        }
    }
    findings
}
