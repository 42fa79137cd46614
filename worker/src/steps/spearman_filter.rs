//! `spearman-filter`: drops one of each pair of features that say the same, and tells how features correlate.

use artefact::follow_up::FollowUpTable;
use artefact::number;
use artefact::table::Table;
use pipeline_defs::params::{Spearman, SpearmanRule};
use stats::redundancy::{RedundancyError, redundancy_filter};
use stats::spearman::spearman_matrix;

use super::fit_selection::{keep_rule, redundancy_code};
use super::matrix::Matrix;
use super::patients::follow_up_of;
use super::refuse::refuse;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: Spearman = context.params()?;
    let matrix = Matrix::design(&Table::decode(inputs.one("table")?)?);
    let follow_up = match inputs.optional("followup")? {
        Some(bytes) => Some(follow_up_of(&matrix.rows, &FollowUpTable::decode(bytes)?)?),
        None => None,
    };
    matrix.complete()?;
    if matrix.rows.len() < 3 {
        return Err(StepError::refuse(
            "too-few-patients",
            format!(
                "{} patients, at least 3 are needed to correlate features",
                matrix.rows.len()
            ),
        ));
    }
    let by_outcome = params.rule == SpearmanRule::UnivariableC;
    if let Some(follow_up) = follow_up
        .as_ref()
        .filter(|f| by_outcome && f.n_events() == 0)
    {
        return Err(StepError::refuse(
            "no-event",
            format!(
                "none of {} patients has an event, so no feature has a concordance; use rule `first`",
                follow_up.len()
            ),
        ));
    }
    let rule = keep_rule(params.rule, follow_up.as_ref())?;
    let filter = redundancy_filter(matrix.x.view(), &matrix.names, params.threshold, rule)
        .map_err(|e| refuse(redundancy_code(&e), &e))?;
    let name = |column: usize| artefact::csv_field(&matrix.names[column]);
    let kept: String = filter
        .kept
        .iter()
        .map(|&column| format!("{}\n", name(column)))
        .collect();
    let dropped = filter.dropped.iter().map(|d| {
        format!(
            "{},{},{}\n",
            name(d.column),
            name(d.kept),
            number::text(d.rho)
        )
    });
    Ok(vec![
        Produced::bytes("kept", format!("feature\n{kept}").into_bytes()),
        Produced::bytes(
            "dropped",
            format!("feature,kept,rho\n{}", dropped.collect::<String>()).into_bytes(),
        ),
        Produced::bytes("rho", correlations(&matrix)?.into_bytes()),
    ])
}

/// ρ of every pair, a line a feature; empty where a feature has one value only.
fn correlations(matrix: &Matrix) -> Result<String, StepError> {
    let found = spearman_matrix(matrix.x.view()).map_err(|e| {
        let e = RedundancyError::from(e);
        refuse(redundancy_code(&e), &e)
    })?;
    let names = || matrix.names.iter().map(|n| artefact::csv_field(n));
    let mut out = names().fold(String::from("feature"), |line, name| line + "," + &name);
    for (j, name) in names().enumerate() {
        out.push('\n');
        out += &name;
        for l in 0..matrix.names.len() {
            out.push(',');
            let undefined = |c: usize| found.constant.binary_search(&c).is_ok();
            if j == l || !(undefined(j) || undefined(l)) {
                out += &number::text(found.rho[[j, l]]);
            }
        }
    }
    out.push('\n');
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{learnable, oracle, refusal, run, survival_data, text};
    use serde_json::{Value, json};

    fn params(rule: &str) -> Value {
        json!({"threshold": 0.8, "rule": rule})
    }

    #[test]
    fn the_copy_is_dropped_for_the_feature_it_copies() {
        let (table, followup) = learnable(60);
        let out = run(
            "spearman-filter",
            params("first"),
            &[("table", table.clone())],
        )
        .unwrap();
        assert_eq!(text(&out, "kept"), "feature\nsignal\nnoise\nshadow\n");
        assert!(text(&out, "dropped").starts_with("feature,kept,rho\ntwin,signal,0.99"));
        let out = run(
            "spearman-filter",
            params("univariable-c"),
            &[("table", table), ("followup", followup)],
        )
        .unwrap();
        assert_eq!(text(&out, "dropped").lines().count(), 2);
    }

    #[test]
    fn the_matrix_has_every_pair_and_a_constant_none() {
        let table = b"patient_id,a,b,c,d\np1,1,2,5,4\np2,2,3,5,3\np3,3,1,5,2\np4,4,4,5,1\n";
        let ports = [("table", table.to_vec())];
        let out = run("spearman-filter", params("first"), &ports).unwrap();
        let lines = [
            "feature,a,b,c,d",
            "a,1,0.4,,-1",
            "b,0.4,1,,-0.4",
            "c,,,1,",
            "d,-1,-0.4,,1",
        ];
        assert_eq!(text(&out, "rho"), lines.join("\n") + "\n");
    }

    #[test]
    fn the_rules_of_caret_keep_what_caret_keeps() {
        let (Some(data), Some(wanted)) = (
            oracle("survival/data/nsclc_radiomics.csv"),
            oracle("survival/c_corr/nsclc_radiomics.json"),
        ) else {
            return;
        };
        let (table, _) = survival_data(&data);
        let wanted: Value = serde_json::from_slice(&wanted).unwrap();
        for (rule, key) in [
            ("find-correlation", "caret_exact_TRUE"),
            ("find-correlation-fast", "caret_exact_FALSE"),
            ("max-pair", "greedy_maxpair"),
        ] {
            let ports = [("table", table.clone())];
            let kept = text(
                &run("spearman-filter", params(rule), &ports).unwrap(),
                "kept",
            );
            let mut got: Vec<&str> = kept.lines().skip(1).collect();
            let names = wanted[key]["kept"].as_array().unwrap();
            let mut want: Vec<&str> = names.iter().map(|v| v.as_str().unwrap()).collect();
            got.sort_unstable();
            want.sort_unstable();
            assert_eq!(got, want, "{rule}");
        }
        let ports = [("table", table)];
        let out = run("spearman-filter", params("cluster-medoid"), &ports).unwrap();
        assert!(text(&out, "kept").lines().count() < text(&out, "dropped").lines().count());
    }

    #[test]
    fn one_patient_and_no_event_are_refused() {
        let table = b"patient_id,a,b\np1,1,2\n".to_vec();
        let one = refusal(run("spearman-filter", params("first"), &[("table", table)]));
        assert_eq!(one.0, "too-few-patients");
        let (table, followup) = learnable(20);
        let text = String::from_utf8(followup).unwrap();
        let censored = text.replace(",1\n", ",0\n").into_bytes();
        let ports = [("table", table), ("followup", censored)];
        let (code, message) = refusal(run("spearman-filter", params("univariable-c"), &ports));
        assert_eq!(code, "no-event");
        assert!(message.contains("none of 20 patients"), "{message}");
    }

    #[test]
    fn the_prognostic_rule_needs_follow_up() {
        let (table, _) = learnable(60);
        assert_eq!(
            refusal(run(
                "spearman-filter",
                params("univariable-c"),
                &[("table", table)]
            ))
            .0,
            "input-missing"
        );
    }
}
