//! `spearman-filter`: drops one of each pair of features that say the same.

use artefact::follow_up::FollowUpTable;
use artefact::number;
use artefact::table::Table;
use pipeline_defs::params::Spearman;
use stats::redundancy::redundancy_filter;

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
    ])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{learnable, refusal, run, text};
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
