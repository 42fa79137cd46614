//! Adversarial twins: the same cohort with one thing wrong, and what a doctor must say about it.
//!
//! | twin | what is wrong | what must be said |
//! |---|---|---|
//! | `null` | neither texture nor size has an effect on the outcome | nothing simple in the images ranks the outcome (large cohorts) |
//! | `leaky` | a column holds the outcome of the second centre | `covariate-is-outcome` |
//! | `geometry` | seven masks are wrong, each in its own way | one code a patient |
//! | `dates` | contradictory times, mixed formats, Excel serials, days for months | one code a defect |
//! | `shortfu` | follow-up ends at 20 months | `horizon-unsupported` |
//! | `site-shift` | neither texture nor size has an effect, and the second centre's scanner has another scale | `site-shift` |
//! | `volume` | the texture follows the tumour's size and says nothing more | `texture-is-volume` |

use super::patient::SynthPatient;
use super::spec::{SynthSize, SynthSpec};
use super::tables::{SynthTables, tables};
use super::volume::SynthImages;
use super::{SynthError, volume};
use crate::keyed::Keyed;

/// Which twin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twin {
    /// No effect of the images.
    Null,
    /// A column holds the outcome.
    Leaky,
    /// Masks with wrong geometry or labels.
    Geometry,
    /// Wrong times and dates.
    Dates,
    /// Short follow-up.
    ShortFu,
    /// Another scale of grey at one centre.
    SiteShift,
    /// Texture that is only size.
    Volume,
}

/// What must be said of whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The code of the finding.
    pub code: &'static str,
    /// The patient, where it is about one.
    pub patient_id: Option<String>,
}

/// A mask as a file holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct TwinMask {
    /// Voxel index to RAS+ mm.
    pub affine: [[f64; 4]; 3],
    /// Values, x fastest.
    pub values: Vec<f32>,
}

/// Follow-up of the `shortfu` twin ends here, months.
const SHORT_MONTHS: f64 = 20.0;
const DAYS_PER_MONTH: f64 = 365.25 / 12.0;
/// The centre whose table or scanner is wrong.
const SITE: &str = "c2";
/// Days since 1970-01-01 of 2015-01-01, when accrual begins.
const FIRST_DAY: f64 = 16_436.0;
/// Excel's day 0 is 1899-12-30.
const EXCEL_DAY_0: i64 = -25_569;

impl Twin {
    /// All of them.
    pub const ALL: [Twin; 7] = [
        Twin::Null,
        Twin::Leaky,
        Twin::Geometry,
        Twin::Dates,
        Twin::ShortFu,
        Twin::SiteShift,
        Twin::Volume,
    ];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Twin::Null => "null",
            Twin::Leaky => "leaky",
            Twin::Geometry => "geometry",
            Twin::Dates => "dates",
            Twin::ShortFu => "shortfu",
            Twin::SiteShift => "site-shift",
            Twin::Volume => "volume",
        }
    }

    /// The twin of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Twin> {
        Twin::ALL.into_iter().find(|twin| twin.as_str() == name)
    }

    /// The spec that the twin is drawn from.
    #[must_use]
    pub fn spec(self) -> SynthSpec {
        let mut spec = SynthSpec::paper();
        match self {
            Twin::Null | Twin::SiteShift => {
                let hazard = &mut spec.hazard;
                (hazard.u_t, hazard.u_p) = (0.0, 0.0);
                (hazard.post_u_t, hazard.post_u_p) = (0.0, 0.0);
                // a mask shows its size
                (hazard.diameter_z, hazard.post_diameter_z) = (0.0, 0.0);
            }
            Twin::Volume => spec.texture_is_size = true,
            Twin::Leaky | Twin::Geometry | Twin::Dates | Twin::ShortFu => {}
        }
        spec
    }

    /// The tables, of which the wrong cells are wrong.
    ///
    /// # Errors
    /// As [`tables`].
    pub fn tables(self, size: SynthSize, seed: u64) -> Result<SynthTables, SynthError> {
        let mut tables = tables(&self.spec(), size, seed)?;
        for patient in &mut tables.patients {
            match self {
                Twin::ShortFu => shorten(patient),
                Twin::Dates => misdate(patient),
                _ => {}
            }
        }
        Ok(tables)
    }

    /// Columns beside the usual ones.
    #[must_use]
    pub fn extra_columns(self) -> &'static [&'static str] {
        match self {
            Twin::Leaky => &["protocol"],
            Twin::Dates => &["treatment_start", "last_contact"],
            _ => &[],
        }
    }

    /// A patient's cells of them.
    #[must_use]
    pub fn extra_cells(self, seed: u64, patient: &SynthPatient) -> Vec<String> {
        let key = |domain| Keyed::new(seed, "twin/v1", &[domain, &patient.patient_id]);
        match self {
            Twin::Leaky => {
                let told = if patient.site == SITE {
                    patient.dfs_event
                } else {
                    key("protocol").uniform() < 0.5
                };
                vec![if told { "A" } else { "B" }.to_owned()]
            }
            Twin::Dates => dates(patient, &mut key("date")),
            _ => Vec::new(),
        }
    }

    /// The patient's images.
    ///
    /// # Errors
    /// As [`volume`].
    pub fn images(
        self,
        size: SynthSize,
        seed: u64,
        patient: &SynthPatient,
    ) -> Result<SynthImages, SynthError> {
        let mut images = volume(&self.spec(), size, seed, patient)?;
        if self == Twin::SiteShift && patient.site == SITE {
            for value in &mut images.image {
                *value = (i32::from(*value) * 4 + 300).min(i32::from(i16::MAX)) as i16;
            }
        }
        Ok(images)
    }

    /// The mask as its file holds it, where it is not what it should be.
    #[must_use]
    pub fn mask(self, patient: &SynthPatient, images: &SynthImages) -> Option<TwinMask> {
        if self != Twin::Geometry || patient.site == SITE {
            return None;
        }
        let mut mask = TwinMask {
            affine: images.affine,
            values: images.mask.iter().map(|&v| f32::from(v)).collect(),
        };
        let values = &mut mask.values;
        match number(patient)? {
            // The header says three millimetres further back.
            1 => mask.affine[1][3] += 3.0,
            // Written as if RAS were LPS.
            2 => (0..2).for_each(|row| mask.affine[row] = mask.affine[row].map(|entry| -entry)),
            3 => values.iter_mut().for_each(|v| *v *= 255.0),
            4 => values.iter_mut().for_each(|v| *v /= 255.0),
            5 => values.fill(0.0),
            6 => {
                let first = values.iter().position(|v| *v > 0.0)?;
                values.iter_mut().skip(first + 1).for_each(|v| *v = 0.0);
            }
            7 => {
                let slice = images.dims[0] * images.dims[1];
                let sums: Vec<f32> = values.chunks(slice).map(|s| s.iter().sum()).collect();
                let first = sums.iter().position(|s| *s > 0.0)?;
                values[(first + 1) * slice..(first + 2) * slice].fill(0.0);
            }
            _ => return None,
        }
        Some(mask)
    }

    /// What must be said of this cohort.
    #[must_use]
    pub fn expected(self) -> Vec<Expected> {
        let of = |code, patient: Option<&str>| Expected {
            code,
            patient_id: patient.map(str::to_owned),
        };
        match self {
            Twin::Null => Vec::new(),
            Twin::Leaky => vec![of("covariate-is-outcome", None)],
            Twin::Geometry => vec![
                of("geometry-mismatch", Some("c1-001")),
                of("mask-world-flipped", Some("c1-002")),
                of("label-absent", Some("c1-003")),
                of("label-not-integer", Some("c1-004")),
                of("mask-empty", Some("c1-005")),
                of("mask-one-voxel", Some("c1-006")),
                of("mask-slice-missing", Some("c1-007")),
            ],
            Twin::Dates => vec![
                of("endpoint-order", Some("c1-003")),
                of("time-negative", Some("c1-007")),
                of("date-order", Some("c1-009")),
                of("date-excel-serial", None),
                of("date-format-mixed", None),
                of("time-unit-suspect", None),
            ],
            Twin::ShortFu => vec![of("horizon-unsupported", None)],
            Twin::SiteShift => vec![of("site-shift", None)],
            Twin::Volume => vec![of("texture-is-volume", None)],
        }
    }
}

/// The number in a pseudonym.
fn number(patient: &SynthPatient) -> Option<u32> {
    patient.patient_id.rsplit('-').next()?.parse().ok()
}

fn shorten(patient: &mut SynthPatient) {
    let end = |months: &mut f64, event: &mut bool| {
        *event &= *months <= SHORT_MONTHS;
        *months = months.min(SHORT_MONTHS);
    };
    end(&mut patient.dfs_months, &mut patient.dfs_event);
    end(&mut patient.os_months, &mut patient.os_event);
}

fn misdate(patient: &mut SynthPatient) {
    let tenth = |x: f64| (x * 10.0).round() / 10.0;
    match (patient.site.as_str(), number(patient)) {
        ("c1", Some(3)) => patient.dfs_months = tenth(patient.os_months + 7.0),
        ("c1", Some(7)) => {
            patient.dfs_months = -tenth(patient.dfs_months);
        }
        (SITE, _) => {
            patient.dfs_months = (patient.dfs_months * DAYS_PER_MONTH).round();
            patient.os_months = (patient.os_months * DAYS_PER_MONTH).round();
        }
        _ => {}
    }
}

/// Start of treatment and last contact, as text of several conventions.
fn dates(patient: &SynthPatient, keyed: &mut Keyed) -> Vec<String> {
    let start = (FIRST_DAY + 1500.0 * keyed.uniform()).floor() as i64;
    let days = if patient.site == SITE {
        patient.os_months
    } else {
        patient.os_months * DAYS_PER_MONTH
    };
    let end = start + days.round() as i64;
    let write = |day: i64| -> String {
        let (year, month, date) = civil(day);
        match (patient.site.as_str(), number(patient).unwrap_or(0)) {
            (SITE, n) if n % 3 == 0 => format!("{month:02}/{date:02}/{year}"),
            (SITE, _) => format!("{date:02}/{month:02}/{year}"),
            (_, 11 | 12) => (day - EXCEL_DAY_0).to_string(),
            _ => format!("{year}-{month:02}-{date:02}"),
        }
    };
    match (patient.site.as_str(), number(patient)) {
        ("c1", Some(9)) => vec![write(end), write(start)],
        _ => vec![write(start), write(end)],
    }
}

fn civil(day: i64) -> (i64, u32, u32) {
    crate::dates::Day(day).civil()
}
