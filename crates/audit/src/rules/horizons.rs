//! Horizons of prediction against the follow-up a centre can have.

use crate::finding::{Finding, Severity};
use crate::manuscript::{CombinedEntry, Manuscript};

pub(super) fn check(manuscript: &Manuscript) -> Vec<Finding> {
    let study = &manuscript.study;
    let mut findings = Vec::new();
    for (set, centre) in [("train", &study.train), ("validation", &study.validation)] {
        let Some(longest) = centre
            .as_ref()
            .and_then(|c| study.longest_follow_up_months(c))
        else {
            continue;
        };
        for (row, years) in manuscript.auc.horizons_years.iter().enumerate() {
            let months = years * 12.0;
            if months < longest {
                continue;
            }
            for (place, printed) in printed_at(manuscript, set, row) {
                findings.push(Finding {
                    code: "horizon-follow-up",
                    severity: Severity::Fatal,
                    place: format!("{place}.{set}, {years} years"),
                    printed,
                    recomputed: format!("NE: longest follow-up {longest:.1} months, nobody at risk at {months}"),
                    message: "no patient of this centre can be event-free for so long; print NE, or the method that extrapolates".to_owned(),
                });
            }
        }
    }
    findings.extend(range(manuscript));
    findings
}

/// Every place that prints an AUC of this set at this horizon.
fn printed_at(manuscript: &Manuscript, set: &str, row: usize) -> Vec<(String, String)> {
    let mut places = Vec::new();
    for (endpoint, regions) in &manuscript.auc.endpoints {
        for (region, sets) in regions {
            let table = if set == "train" {
                &sets.train
            } else {
                &sets.validation
            };
            if let Some(values) = table.get(row) {
                let values: Vec<String> = values.iter().map(ToString::to_string).collect();
                places.push((format!("auc.{endpoint}.{region}"), values.join(", ")));
            }
        }
    }
    for (endpoint, entry) in &manuscript.clinical_radiomics_model.entries {
        if let CombinedEntry::Model(model) = entry {
            let values = if set == "train" {
                &model.train_auc
            } else {
                &model.validation_auc
            };
            if let Some(value) = values.get(row) {
                places.push((
                    format!("clinical_radiomics_model.{endpoint}"),
                    value.to_string(),
                ));
            }
        }
    }
    places
}

/// The printed range of follow-up against the longest that recruitment allows.
fn range(manuscript: &Manuscript) -> Option<Finding> {
    let study = &manuscript.study;
    let [_, printed] = study.followup_range_months?;
    let longest = study
        .accrual
        .keys()
        .filter_map(|centre| study.longest_follow_up_months(centre))
        .fold(None, |most: Option<f64>, m| {
            Some(most.map_or(m, |most| most.max(m)))
        })?;
    (printed > longest + 1.0).then(|| Finding {
        code: "follow-up-range",
        severity: Severity::Major,
        place: "study.followup_range_months".to_owned(),
        printed: printed.to_string(),
        recomputed: format!("at most {longest:.1}"),
        message: "longer than from the first recruitment to the cut-off".to_owned(),
    })
}
