//! The tables as CSV text: one header row, `\n`, numbers in their shortest form that reads back the same.

use super::patient::{DeathCause, SynthPatient};

/// Columns of [`patients_csv_row`], in order.
pub const PATIENTS_HEADER: &str = "patient_id,site,age_years,scca_ng_ml,tumour_diameter_mm,lymph_node_metastasis,pathology,figo2018,\
ebrt_gy,icbt_gy,eqd2_gy,chemo_total_mg,radiosensitiser,dfs_months,dfs_event,os_months,os_event";

/// Columns of [`truth_csv`], in order.
pub const TRUTH_HEADER: &str = "patient_id,site,u_t,u_p,lp_clinical,lp_diameter,lp_radiomics,lp_recurrence,lp_post_recurrence,\
lp_other_death,recurrence_months,recurrence_pattern,death_cause,censoring_months";

/// What a centre knows of its patients; flags are 0 and 1, and outcomes that nobody followed are empty.
pub fn patients_csv<'a>(patients: impl IntoIterator<Item = &'a SynthPatient>) -> String {
    table(PATIENTS_HEADER, patients.into_iter().map(patients_csv_row))
}

/// One patient's row of [`patients_csv`], without the line's end, so that a caller can append columns.
pub fn patients_csv_row(p: &SynthPatient) -> String {
    let outcomes = [
        p.dfs_months.to_string(),
        flag(p.dfs_event),
        p.os_months.to_string(),
        flag(p.os_event),
    ];
    let known = |cell: String| if p.followed { cell } else { String::new() };
    let [dfs_months, dfs_event, os_months, os_event] = outcomes.map(known);
    let fields = [
        p.patient_id.clone(),
        p.site.clone(),
        p.age_years.to_string(),
        p.scca_ng_ml.to_string(),
        p.tumour_diameter_mm.to_string(),
        flag(p.lymph_node_metastasis),
        p.pathology.as_str().to_string(),
        p.figo2018.as_str().to_string(),
        p.ebrt_gy.to_string(),
        p.icbt_gy.to_string(),
        p.eqd2_gy.to_string(),
        p.chemo_total_mg.to_string(),
        flag(p.radiosensitiser),
        dfs_months,
        dfs_event,
        os_months,
        os_event,
    ];
    fields.join(",")
}

/// What nobody may ingest; empty where there was no recurrence or no death.
pub fn truth_csv<'a>(patients: impl IntoIterator<Item = &'a SynthPatient>) -> String {
    table(TRUTH_HEADER, patients.into_iter().map(truth_row))
}

fn truth_row(p: &SynthPatient) -> String {
    let truth = &p.truth;
    let (at, place) = match truth.recurrence {
        Some((months, pattern)) => (months.to_string(), pattern.as_str()),
        None => (String::new(), ""),
    };
    let numbers = [
        truth.u_t,
        truth.u_p,
        truth.lp_clinical,
        truth.lp_diameter,
        truth.lp_radiomics,
        truth.lp_recurrence,
        truth.lp_post_recurrence,
        truth.lp_other_death,
    ];
    let mut fields = vec![p.patient_id.clone(), p.site.clone()];
    fields.extend(numbers.map(|number| number.to_string()));
    fields.extend([
        at,
        place.to_string(),
        truth.death_cause.map_or("", DeathCause::as_str).to_string(),
        truth.censoring_months.to_string(),
    ]);
    fields.join(",")
}

fn table(header: &str, rows: impl Iterator<Item = String>) -> String {
    let mut text = format!("{header}\n");
    for row in rows {
        text.push_str(&row);
        text.push('\n');
    }
    text
}

fn flag(value: bool) -> String {
    u8::from(value).to_string()
}
