//! Feature tables without images: so many columns that a second reading confirms, in so many groups of columns that say the same, of
//! which so many say something of the outcome. The counts hold by construction.
//!
//! # Formula
//! A group's signal is `z = Σ_k λ_k b_k + √(1 − Σ λ²) e` with background factors b common to all columns and e of its own, standard
//! normal. The K informative groups have `z_k = e_k − ē + u/√K`, so that `Σ z_k/√K = u`: each is standard normal, independent of the
//! others, and carries 1/√K of the latent's effect on the hazard. A robust column is `√ρ z + √(1 − ρ) e`, a fragile one has a signal of
//! its own. A reading is `√r · column + √(1 − r) e`, r its intraclass correlation. The second centre adds a shift to a column and
//! stretches it.

use std::fmt::Write as _;

use super::patient::SynthPatient;
use super::spec::SynthSpec;
use crate::keyed::Keyed;

/// A region whose features are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SynthRoi {
    /// The tumour, whose latent is `u_t`.
    Tumour,
    /// The tissue around it, whose latent is `u_p`.
    Peritumour,
}

/// How many columns of a region survive which step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunnelSpec {
    /// Columns that a second reading confirms.
    pub n_robust: usize,
    /// Groups of columns that say the same.
    pub n_groups: usize,
    /// Groups that carry a part of the latent variable.
    pub n_informative: usize,
}

/// Feature tables without images.
#[derive(Debug, Clone, PartialEq)]
pub struct FeaturesSpec {
    /// Columns of a region.
    pub n_features: usize,
    /// The tumour.
    pub tumour: FunnelSpec,
    /// The tissue around it.
    pub peritumour: FunnelSpec,
    /// Range of a robust column's intraclass correlation.
    pub icc_robust: [f64; 2],
    /// Range of a fragile column's intraclass correlation.
    pub icc_fragile: [f64; 2],
    /// Correlation of two columns of a group before readings blur them.
    pub within_group: f64,
    /// Background factors.
    pub n_factors: usize,
    /// Standard deviation of a group's loading on a background factor.
    pub loading_sd: f64,
    /// Standard deviation of a column's shift at the second centre, in standard deviations of the column.
    pub shift_sd: f64,
    /// Range of a column's stretching at the second centre.
    pub stretch: [f64; 2],
}

/// What is true of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlantedFeature {
    /// Its group; `None` for a fragile column.
    pub group: Option<usize>,
    /// Whether the group carries a part of the latent variable.
    pub informative: bool,
    /// Intraclass correlation of two readings.
    pub icc: f64,
    /// Shift at the second centre, in standard deviations of the column.
    pub shift: f64,
    /// Stretching at the second centre.
    pub stretch: f64,
}

/// A region's features: columns by name, a row a patient.
#[derive(Debug, Clone, PartialEq)]
pub struct SynthFeatures {
    /// Columns.
    pub names: Vec<String>,
    /// What is true of each.
    pub planted: Vec<PlantedFeature>,
    /// The first reading of every patient, in the order given.
    pub first: Vec<Vec<f64>>,
    /// The spec's further readings.
    pub readings: Vec<FeatureReading>,
}

/// A further reading of some patients.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureReading {
    /// Rater and session, such as `r1s2`.
    pub name: String,
    /// The patients who have one, as rows of the first reading.
    pub rows: Vec<usize>,
    /// Their values, a row each.
    pub values: Vec<Vec<f64>>,
}

impl SynthRoi {
    /// Both.
    pub const ALL: [SynthRoi; 2] = [SynthRoi::Tumour, SynthRoi::Peritumour];

    /// As written in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            SynthRoi::Tumour => "tumour",
            SynthRoi::Peritumour => "peritumour",
        }
    }

    fn latent(self, patient: &SynthPatient) -> f64 {
        match self {
            SynthRoi::Tumour => patient.truth.u_t,
            SynthRoi::Peritumour => patient.truth.u_p,
        }
    }
}

impl FeaturesSpec {
    /// The counts of a region.
    #[must_use]
    pub fn funnel(&self, roi: SynthRoi) -> FunnelSpec {
        match roi {
            SynthRoi::Tumour => self.tumour,
            SynthRoi::Peritumour => self.peritumour,
        }
    }
}

/// Draws a region's features of `patients`: a pure function of its arguments, patient by patient.
///
/// Centres after the first of `spec` have the shift and the stretching; who is `delineated_again` has the spec's further readings.
#[must_use]
pub fn features(
    spec: &SynthSpec,
    seed: u64,
    roi: SynthRoi,
    patients: &[SynthPatient],
) -> SynthFeatures {
    let draw = Draw { spec, seed, roi };
    let planted = draw.planted();
    let loadings = draw.loadings();
    let signals: Vec<Vec<f64>> = patients
        .iter()
        .map(|p| draw.signal(p, &planted, &loadings))
        .collect();
    let read =
        |row: usize, reading: &str| draw.reading(&patients[row], reading, &signals[row], &planted);
    let of_rater = |rater: &super::RaterSpec| {
        let again = (0..patients.len()).filter(|&row| patients[row].delineated_again);
        let rows: Vec<usize> = again.collect();
        FeatureReading {
            name: rater.name.to_string(),
            values: rows.iter().map(|&row| read(row, rater.name)).collect(),
            rows,
        }
    };
    SynthFeatures {
        names: (1..=planted.len())
            .map(|i| format!("{}_f{i:04}", roi.as_str()))
            .collect(),
        first: (0..patients.len()).map(|row| read(row, "r1s1")).collect(),
        readings: spec.raters.iter().map(of_rater).collect(),
        planted,
    }
}

struct Draw<'a> {
    spec: &'a SynthSpec,
    seed: u64,
    roi: SynthRoi,
}

impl Draw<'_> {
    fn keyed(&self, domain: &str, parts: &[&str]) -> Keyed {
        let first = [domain, self.roi.as_str()];
        let parts: Vec<&str> = first.iter().chain(parts).copied().collect();
        Keyed::new(self.seed, self.spec.schema, &parts)
    }

    /// What is true of each column; robust and fragile ones are mixed.
    fn planted(&self) -> Vec<PlantedFeature> {
        let spec = &self.spec.features;
        let funnel = spec.funnel(self.roi);
        let mut keyed = self.keyed("feature-columns", &[]);
        let within =
            |keyed: &mut Keyed, [low, high]: [f64; 2]| low + (high - low) * keyed.uniform();
        let n_fragile = spec.n_features.saturating_sub(funnel.n_robust);
        let beyond = funnel.n_robust.saturating_sub(funnel.n_groups);
        let groups = (0..funnel.n_groups).map(Some);
        let more: Vec<usize> = (0..beyond)
            .map(|_| keyed.below(funnel.n_groups.max(1)))
            .collect();
        let groups = groups
            .chain(more.into_iter().map(Some))
            .chain(vec![None; n_fragile]);
        let mut planted: Vec<PlantedFeature> = groups
            .map(|group| PlantedFeature {
                group,
                informative: group.is_some_and(|group| group < funnel.n_informative),
                icc: match group {
                    Some(_) => within(&mut keyed, spec.icc_robust),
                    None => within(&mut keyed, spec.icc_fragile),
                },
                shift: spec.shift_sd * keyed.normal(),
                stretch: within(&mut keyed, spec.stretch),
            })
            .collect();
        keyed.shuffle(&mut planted);
        planted
    }

    /// Of each group on each background factor; 0 for informative groups, which are independent.
    fn loadings(&self) -> Vec<Vec<f64>> {
        let spec = &self.spec.features;
        let funnel = spec.funnel(self.roi);
        let mut keyed = self.keyed("feature-loadings", &[]);
        let of_group = |group: usize| -> Vec<f64> {
            let drawn: Vec<f64> = (0..spec.n_factors)
                .map(|_| spec.loading_sd * keyed.normal())
                .collect();
            let norm2: f64 = drawn.iter().map(|l| l * l).sum();
            // No signal has more variance than 1, of which half at most is background.
            let scale = if norm2 > 0.5 {
                (0.5 / norm2).sqrt()
            } else {
                1.0
            };
            let scale = if group < funnel.n_informative {
                0.0
            } else {
                scale
            };
            drawn.into_iter().map(|l| l * scale).collect()
        };
        (0..funnel.n_groups).map(of_group).collect()
    }

    /// A patient's columns before any reading.
    fn signal(
        &self,
        patient: &SynthPatient,
        planted: &[PlantedFeature],
        loadings: &[Vec<f64>],
    ) -> Vec<f64> {
        let spec = &self.spec.features;
        let funnel = spec.funnel(self.roi);
        let mut keyed = self.keyed("feature-signal", &[&patient.site, &patient.patient_id]);
        let factors: Vec<f64> = (0..spec.n_factors).map(|_| keyed.normal()).collect();
        let mut groups: Vec<f64> = loadings
            .iter()
            .map(|loading| {
                let background: f64 = loading.iter().zip(&factors).map(|(l, b)| l * b).sum();
                let norm2: f64 = loading.iter().map(|l| l * l).sum();
                background + (1.0 - norm2).sqrt() * keyed.normal()
            })
            .collect();
        let n = funnel.n_informative.min(groups.len());
        let mean = groups[..n].iter().sum::<f64>() / (n.max(1) as f64);
        let part = self.roi.latent(patient) / (n.max(1) as f64).sqrt();
        groups[..n].iter_mut().for_each(|z| *z += part - mean);
        let rho = spec.within_group;
        planted
            .iter()
            .map(|column| match column.group {
                Some(group) => rho.sqrt() * groups[group] + (1.0 - rho).sqrt() * keyed.normal(),
                None => keyed.normal(),
            })
            .collect()
    }

    fn reading(
        &self,
        patient: &SynthPatient,
        reading: &str,
        signal: &[f64],
        planted: &[PlantedFeature],
    ) -> Vec<f64> {
        let parts = [patient.site.as_str(), &patient.patient_id, reading];
        let mut keyed = self.keyed("feature-reading", &parts);
        let is_first = self
            .spec
            .centres
            .first()
            .is_some_and(|c| c.site == patient.site);
        let pairs = signal.iter().zip(planted);
        pairs
            .map(|(signal, column)| {
                let read = column.icc.sqrt() * signal + (1.0 - column.icc).sqrt() * keyed.normal();
                match is_first {
                    true => read,
                    false => column.shift + column.stretch * read,
                }
            })
            .collect()
    }
}

impl SynthFeatures {
    /// `patient_id,site,<feature>…` of the first reading, values with five decimals.
    #[must_use]
    pub fn to_csv(&self, patients: &[SynthPatient]) -> String {
        self.table(patients.iter().zip(&self.first))
    }

    /// The same of a further reading, for the patients who have it; `None` if nobody reads under that name.
    #[must_use]
    pub fn reading_csv(&self, patients: &[SynthPatient], reading: &str) -> Option<String> {
        let found = self.readings.iter().find(|r| r.name == reading)?;
        let of_rows = found.rows.iter().filter_map(|row| patients.get(*row));
        Some(self.table(of_rows.zip(&found.values)))
    }

    fn table<'a>(&self, rows: impl Iterator<Item = (&'a SynthPatient, &'a Vec<f64>)>) -> String {
        let mut text = format!("patient_id,site,{}\n", self.names.join(","));
        for (patient, values) in rows {
            let _ = write!(text, "{},{}", patient.patient_id, patient.site);
            for value in values {
                // Writing to a String cannot fail.
                let _ = write!(text, ",{value:.5}");
            }
            text.push('\n');
        }
        text
    }

    /// What nobody may ingest: `feature,group,informative,icc,shift,stretch`.
    #[must_use]
    pub fn truth_csv(&self) -> String {
        let mut text = "feature,group,informative,icc,shift,stretch\n".to_string();
        for (name, p) in self.names.iter().zip(&self.planted) {
            let group = p.group.map_or_else(String::new, |group| group.to_string());
            let informative = u8::from(p.informative);
            let _ = writeln!(
                text,
                "{name},{group},{informative},{},{},{}",
                p.icc, p.shift, p.stretch
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::{SynthSize, tables};

    #[test]
    #[allow(clippy::unwrap_used)]
    fn informative_groups_add_up_to_the_latent() {
        let mut spec = SynthSpec::paper();
        spec.features.icc_robust = [1.0, 1.0];
        spec.features.within_group = 1.0;
        let patients = tables(&spec, SynthSize::Tiny, 1).unwrap().patients;
        for roi in SynthRoi::ALL {
            let drawn = features(&spec, 1, roi, &patients[..28]);
            let funnel = spec.features.funnel(roi);
            let place = |group: usize| {
                drawn
                    .planted
                    .iter()
                    .position(|p| p.group == Some(group))
                    .unwrap()
            };
            let places: Vec<usize> = (0..funnel.n_informative).map(place).collect();
            for (patient, row) in patients.iter().zip(&drawn.first) {
                let sum: f64 = places.iter().map(|place| row[*place]).sum();
                let latent = sum / (funnel.n_informative as f64).sqrt();
                assert!((latent - roi.latent(patient)).abs() < 1e-9);
            }
            let robust = drawn.planted.iter().filter(|p| p.group.is_some()).count();
            assert_eq!((robust, drawn.names.len()), (funnel.n_robust, 1409));
        }
    }

    #[test]
    #[allow(clippy::unwrap_used)]
    fn a_patient_s_row_hangs_on_nobody_else() {
        let spec = SynthSpec::paper();
        let patients = tables(&spec, SynthSize::Tiny, 1).unwrap().patients;
        let all = features(&spec, 1, SynthRoi::Tumour, &patients);
        let one = features(&spec, 1, SynthRoi::Tumour, &patients[30..31]);
        assert_eq!(one.first[0], all.first[30]);
        assert_eq!(all.readings.len(), 2);
        assert!(all.readings.iter().all(|r| r.rows.len() == 10));
        let csv = all.reading_csv(&patients, "r1s2").unwrap();
        assert_eq!(csv.lines().count(), 11);
        assert!(
            all.to_csv(&patients)
                .starts_with("patient_id,site,tumour_f0001,")
        );
    }
}
