//! The cohort's table: clinical columns, follow-up and truth of every patient.

use super::clinical::{Clinical, clinical};
use super::outcome::{Fate, LogHazards, Scales, fates};
use super::patient::{DeathCause, RecurrencePattern, SynthPatient, Truth};
use super::spec::{CentreSpec, SynthSize, SynthSpec, in_proportion};
use super::{SynthError, grid};
use crate::keyed::Keyed;

/// The whole cohort without its images, and the scales of its centres.
#[derive(Debug, Clone, PartialEq)]
pub struct SynthTables {
    /// Patients by (site, patient_id).
    pub patients: Vec<SynthPatient>,
    /// Solved scales of the transitions, per centre.
    pub scales: Vec<(String, Scales)>,
}

const DRAWS: usize = 50;

/// Makes the tables of a cohort: a pure function of its arguments.
///
/// Counts are exact (classes, recurrences, deaths by cause), means within 0.5 % and SDs within 2 % of `spec`, the median of the OS times
/// within its tolerance (except `Tiny`). Times are in months with one decimal and at least 2. DFS ends with recurrence or death, OS with
/// death.
///
/// # Errors
/// [`SynthError::Unsolved`] when no scales give the wanted counts, such as more deaths of the cancer than recurrences;
/// [`SynthError::Median`] when no draw of the outcomes has the wanted median.
pub fn tables(spec: &SynthSpec, size: SynthSize, seed: u64) -> Result<SynthTables, SynthError> {
    let centres = spec.centres_at(size);
    let columns: Vec<Clinical> = centres.iter().map(|c| clinical(spec, c, seed)).collect();
    let predictors = predictors(spec, &columns);
    let mut median_months = 0.0;
    for draw in 0..DRAWS {
        let mut tables = SynthTables {
            patients: Vec::new(),
            scales: Vec::new(),
        };
        for (centre, column) in centres.iter().zip(&columns) {
            let first = tables.patients.len();
            let truths = &predictors[first..first + centre.n];
            let hazards: Vec<LogHazards> = truths.iter().map(log_hazards).collect();
            let (fates, scales) = fates(spec, centre, &hazards, seed, draw)?;
            let patient = |row: usize| patient(spec, centre, column, row, truths[row], &fates[row]);
            tables.patients.extend((0..centre.n).map(patient));
            tables.scales.push((centre.site.to_string(), scales));
        }
        let [wanted, tolerance] = spec.followup_median_months;
        median_months = median_os(&tables.patients);
        if size == SynthSize::Tiny || (median_months - wanted).abs() <= tolerance {
            place_recurrences(spec, &mut tables.patients, seed);
            return Ok(tables);
        }
    }
    Err(SynthError::Median {
        draws: DRAWS,
        median_months,
    })
}

fn median_os(patients: &[SynthPatient]) -> f64 {
    let mut months: Vec<f64> = patients.iter().map(|patient| patient.os_months).collect();
    months.sort_by(f64::total_cmp);
    match months.len() {
        0 => 0.0,
        n => 0.5 * (months[(n - 1) / 2] + months[n / 2]),
    }
}

/// Linear predictors of everyone; "per standard deviation" is over the whole cohort.
fn predictors(spec: &SynthSpec, columns: &[Clinical]) -> Vec<Truth> {
    let pooled = |column: fn(&Clinical) -> &Vec<f64>| -> Vec<f64> {
        columns.iter().flat_map(column).copied().collect()
    };
    let antigen: Vec<f64> = pooled(|c| &c.scca_ng_ml)
        .into_iter()
        .map(libm::log)
        .collect();
    let antigen = grid::standardised(&antigen);
    let eqd2 = grid::standardised(&pooled(|c| &c.eqd2_gy));
    let diameter = grid::standardised(&pooled(|c| &c.diameter_mm));
    let age = grid::standardised(&pooled(|c| &c.age_years));
    let (u_t, u_p) = (pooled(|c| &c.u_t), pooled(|c| &c.u_p));
    let stages = columns.iter().flat_map(|c| &c.figo2018);
    let hazard = &spec.hazard;
    let of_row = |(row, stage): (usize, &super::Figo2018)| {
        let lp_clinical = hazard.log_scca_z * antigen[row]
            + hazard.eqd2_z * eqd2[row]
            + libm::log(hazard.stage_hr[stage.main_stage()]);
        let lp_diameter = hazard.diameter_z * diameter[row];
        let lp_radiomics = hazard.u_t * u_t[row] + hazard.u_p * u_p[row];
        Truth {
            u_t: u_t[row],
            u_p: u_p[row],
            lp_clinical,
            lp_diameter,
            lp_radiomics,
            lp_recurrence: lp_clinical + lp_diameter + lp_radiomics,
            lp_post_recurrence: hazard.post_clinical * lp_clinical
                + hazard.post_u_t * u_t[row]
                + hazard.post_u_p * u_p[row]
                + hazard.post_diameter_z * diameter[row],
            lp_other_death: hazard.other_age_z * age[row],
            recurrence: None,
            death_cause: None,
            censoring_months: 0.0,
        }
    };
    stages.enumerate().map(of_row).collect()
}

fn log_hazards(truth: &Truth) -> LogHazards {
    LogHazards {
        recurrence: truth.lp_recurrence,
        post_recurrence: truth.lp_post_recurrence,
        other_death: truth.lp_other_death,
    }
}

fn patient(
    spec: &SynthSpec,
    centre: &CentreSpec,
    column: &Clinical,
    row: usize,
    predictors: Truth,
    fate: &Fate,
) -> SynthPatient {
    let recorded = |months: f64| (months.max(spec.hazard.floor_months) * 10.0).round() / 10.0;
    let end = fate.death.map_or(fate.censoring, |(at, _)| at);
    SynthPatient {
        site: centre.site.to_string(),
        patient_id: format!("{}-{:03}", centre.site, row + 1),
        age_years: column.age_years[row],
        scca_ng_ml: column.scca_ng_ml[row],
        tumour_diameter_mm: column.diameter_mm[row],
        lymph_node_metastasis: column.lymph_node_metastasis[row],
        pathology: column.pathology[row],
        figo2018: column.figo2018[row],
        ebrt_gy: column.ebrt_gy[row],
        icbt_gy: column.icbt_gy[row],
        eqd2_gy: column.eqd2_gy[row],
        chemo_total_mg: column.chemo_mg[row],
        radiosensitiser: column.radiosensitiser[row],
        followed: true,
        dfs_months: recorded(fate.recurrence.unwrap_or(end)),
        dfs_event: fate.recurrence.is_some() || fate.death.is_some(),
        os_months: recorded(end),
        os_event: fate.death.is_some(),
        delineated_again: column.delineated_again[row],
        truth: Truth {
            recurrence: fate
                .recurrence
                .map(|at| (recorded(at), RecurrencePattern::Local)),
            death_cause: fate.death.map(|(_, cause): (f64, DeathCause)| cause),
            censoring_months: recorded(fate.censoring),
            ..predictors
        },
    }
}

/// Patients of a centre that follows nobody.
pub(crate) fn unfollowed(
    spec: &SynthSpec,
    centre: &CentreSpec,
    column: Clinical,
) -> Vec<SynthPatient> {
    let column = [column];
    let truths = predictors(spec, &column);
    let nothing = Fate {
        recurrence: None,
        death: None,
        censoring: 0.0,
    };
    let of_row = |(row, truth): (usize, &Truth)| SynthPatient {
        followed: false,
        dfs_months: 0.0,
        os_months: 0.0,
        ..patient(spec, centre, &column[0], row, *truth, &nothing)
    };
    truths.iter().enumerate().map(of_row).collect()
}

/// Deals local, distant and both over the recurrences of the whole cohort in the spec's proportions.
fn place_recurrences(spec: &SynthSpec, patients: &mut [SynthPatient], seed: u64) {
    let mut recurrences: Vec<&mut (f64, RecurrencePattern)> = patients
        .iter_mut()
        .filter_map(|patient| patient.truth.recurrence.as_mut())
        .collect();
    let counts = in_proportion(&spec.recurrence_pattern, recurrences.len());
    let of_class =
        |(pattern, &count): (&RecurrencePattern, &usize)| std::iter::repeat_n(*pattern, count);
    let mut patterns: Vec<RecurrencePattern> = RecurrencePattern::ALL
        .iter()
        .zip(&counts)
        .flat_map(of_class)
        .collect();
    Keyed::new(seed, spec.schema, &["recurrence-pattern"]).shuffle(&mut patterns);
    for (recurrence, pattern) in recurrences.iter_mut().zip(patterns) {
        recurrence.1 = pattern;
    }
}
