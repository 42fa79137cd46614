//! `predict`: risk and survival probabilities of patients.

use artefact::RowId;
use artefact::number;
use artefact::predictions::{RiskTable, SurvivalTable};
use artefact::table::Table;
use pipeline_defs::params::PredictParams;
use serde_json::Value;
use survival::Model;

use super::matrix::Matrix;
use super::refuse::refuse;
use super::{learn, stored};
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: PredictParams = context.params()?;
    let model = stored::decode(inputs.one("model")?)?;
    let matrix =
        Matrix::design(&Table::decode(inputs.one("table")?)?).pick(model.feature_names())?;
    matrix.complete()?;
    if params.out_of_bag {
        same_rows(inputs.one("model")?, &matrix.rows)?;
        return out_of_bag(model.as_ref(), &matrix);
    }
    let x = &matrix.x;
    let refused = |e| refuse(learn::predict_code(&e), &e);
    let risk = model.risk(x.view()).map_err(refused)?;
    let rows: Vec<RowId> = matrix.rows;
    let between = model
        .survival_times()
        .map(|known| told(known, &params.horizons));
    // A learner that ranks alone, as a support vector machine does, gives a table without times.
    let survival = match model.survival(x.view(), &params.horizons) {
        Some(survival) => SurvivalTable {
            rows: rows.clone(),
            times: params.horizons,
            survival: survival
                .map_err(refused)?
                .rows()
                .into_iter()
                .map(|row| row.to_vec())
                .collect(),
        },
        None => SurvivalTable {
            survival: vec![Vec::new(); rows.len()],
            rows: rows.clone(),
            times: Vec::new(),
        },
    };
    let risk = RiskTable {
        rows,
        risk: risk.values().to_vec(),
    };
    let beyond = (survival.times.iter().copied())
        .filter_map(|horizon| held(horizon, model.last_time()?))
        .collect::<String>();
    let mut table = (between.unwrap_or_default() + &beyond).into_bytes();
    table.extend(survival.encode());
    Ok(vec![
        Produced::bytes("risk", risk.encode()),
        Produced::bytes("survival", table),
    ])
}

/// Risks that a forest kept of its own training rows, each from the trees that did not see it. It keeps no survival of them.
///
/// A forest without a split tells no patient from another; what differs between bags is then only whose outcome is left out of
/// the mean, which ranks everybody the wrong way round. All have the forest's one risk.
fn out_of_bag(model: &dyn Model, matrix: &Matrix) -> Result<Vec<Produced>, StepError> {
    let rows = matrix.rows.clone();
    let Some(kept) = model.out_of_bag_risk() else {
        return Err(StepError::refuse(
            "no-out-of-bag",
            "this learner sees every training row: only a forest has predictions of rows that a part of it did not see",
        ));
    };
    if kept.len() != rows.len() {
        return Err(StepError::refuse(
            "rows-differ",
            format!(
                "the forest was fitted on {} rows, `table` has {}; give it the table that it was fitted on",
                kept.len(),
                rows.len()
            ),
        ));
    }
    // a fit reads its rows by (site, patient)
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by(|a, b| rows[*a].cmp(&rows[*b]));
    let mut risk = vec![0.0; rows.len()];
    for (at, kept) in order.into_iter().zip(kept) {
        risk[at] = kept.ok_or_else(|| {
            StepError::refuse(
                "no-out-of-bag",
                format!(
                    "patient `{}` is in the sample of every tree; grow more trees",
                    rows[at].patient_id
                ),
            )
        })?;
    }
    let seen = model.risk(matrix.x.view());
    let seen = seen.map_err(|e| refuse(learn::predict_code(&e), &e))?;
    if let Some(only) = seen.values().first().filter(|_| one_value(seen.values())) {
        risk.fill(*only);
    }
    let survival = SurvivalTable {
        survival: vec![Vec::new(); rows.len()],
        rows: rows.clone(),
        times: Vec::new(),
    };
    Ok(vec![
        Produced::bytes("risk", RiskTable { rows, risk }.encode()),
        Produced::bytes("survival", survival.encode()),
    ])
}

/// Refuses a table of others than those whose predictions the model keeps.
fn same_rows(model: &[u8], rows: &[RowId]) -> Result<(), StepError> {
    let model: Value = artefact::json::decode("model", model)?;
    match model[learn::FITTED_ON].as_str() {
        Some(fitted_on) if fitted_on != learn::name_of_rows(rows) => Err(StepError::refuse(
            "rows-differ",
            "`table` has other patients or sites than the forest was fitted on; give it the table that it was fitted on",
        )),
        _ => Ok(()),
    }
}

fn one_value(values: &[f64]) -> bool {
    values.windows(2).all(|pair| pair[0] == pair[1])
}

/// A comment line for a horizon that no training patient was followed to.
fn held(horizon: f64, last: f64) -> Option<String> {
    let (at, last) = match horizon > last {
        true => (number::text(horizon), number::text(last)),
        false => return None,
    };
    Some(format!(
        "# {at} is after the last follow-up of the training rows ({last}): survival is held as it is there, and is no prediction\n"
    ))
}

/// A comment line, which readers of tables skip: of which learned time each horizon has its survival.
fn told(known: &[f64], horizons: &[f64]) -> String {
    let of = |horizon: &f64| {
        let at = number::text(*horizon);
        match known[..known.partition_point(|t| t <= horizon)].last() {
            None => format!("{at} is before the first of them and 1"),
            Some(time) if time == horizon => format!("{at} is one of them"),
            Some(time) => format!("{at} is told as at {}", number::text(*time)),
        }
    };
    let times: Vec<String> = known.iter().map(|t| number::text(*t)).collect();
    let each: Vec<String> = horizons.iter().map(of).collect();
    format!(
        "# survival is learned at {} and constant between: {}\n",
        times.join(", "),
        each.join("; ")
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, learnable, only, refusal, run};
    use super::super::matrix::Matrix;
    use super::super::{fit_rsf, learn::Training};
    use crate::step::Inputs;
    use artefact::predictions::{RiskTable, SurvivalTable};
    use artefact::table::Table;
    use pipeline_defs::params::RsfParams;
    use serde_json::json;

    fn ports() -> Vec<(&'static str, Vec<u8>)> {
        let (table, followup) = learnable(60);
        vec![("table", table), ("followup", followup)]
    }

    #[test]
    fn a_learner_without_survival_gives_risks_and_a_table_without_times() {
        let (table, followup) = learnable(60);
        let ports = [("table", table.clone()), ("followup", followup)];
        let params = serde_json::to_value(pipeline_defs::params::SvmParams::sksurv()).unwrap();
        let model = content(&run("fit-svm", params, &ports).unwrap(), "model");
        let ports = [("model", model), ("table", table)];
        let out = run("predict", json!({"horizons": [12.0]}), &ports).unwrap();
        assert_eq!(
            RiskTable::decode(&content(&out, "risk"))
                .unwrap()
                .risk
                .len(),
            60
        );
        let survival = SurvivalTable::decode(&content(&out, "survival")).unwrap();
        assert!(survival.times.is_empty() && survival.rows.len() == 60);
    }

    #[test]
    fn a_horizon_that_nobody_was_followed_to_is_told() {
        let forest = RsfParams {
            num_trees: 5,
            ..RsfParams::ranger_defaults()
        };
        for (kind, params) in [
            ("fit-cox", json!({"ties": "efron"})),
            ("fit-rsf", serde_json::to_value(forest).unwrap()),
        ] {
            let mut ports = ports();
            ports[0].1 = only(&ports[0].1, &["signal", "noise"]);
            let model = content(&run(kind, params, &ports).unwrap(), "model");
            let table = ports.remove(0).1;
            let ports = [("model", model), ("table", table)];
            let out = run("predict", json!({"horizons": [12.0, 600.0]}), &ports).unwrap();
            let bytes = content(&out, "survival");
            let text = String::from_utf8(bytes.clone()).unwrap();
            let lines = text
                .lines()
                .filter(|l| l.starts_with("# 600 is after the last"));
            assert_eq!(lines.count(), 1, "{kind}: {text}");
            assert!(!text.contains("# 12 is after"), "{kind}: {text}");
            let survival = SurvivalTable::decode(&bytes).unwrap();
            assert_eq!(survival.times, [12.0, 600.0]);
        }
    }

    #[test]
    fn survival_between_cutpoints_is_said_to_be_that_of_the_one_before() {
        let settings = json!({"cuts": "given", "times": [10.0, 30.0]});
        let mut params =
            serde_json::to_value(pipeline_defs::params::DnnSurvParams::paper()).unwrap();
        for (name, value) in settings.as_object().unwrap() {
            params[name] = value.clone();
        }
        let model = content(&run("fit-dnnsurv", params, &ports()).unwrap(), "model");
        let card: serde_json::Value = serde_json::from_slice(&model).unwrap();
        assert!(
            card["between_cutpoints"]
                .as_str()
                .unwrap()
                .starts_with("constant")
        );
        let ports = [("model", model), ("table", ports().remove(0).1)];
        let out = run("predict", json!({"horizons": [5.0, 12.0, 30.0]}), &ports).unwrap();
        let bytes = content(&out, "survival");
        assert_eq!(
            String::from_utf8_lossy(&bytes).lines().next().unwrap(),
            "# survival is learned at 10, 30 and constant between: 5 is before the first of them and 1; 12 is told as at 10; \
             30 is one of them"
        );
        let survival = SurvivalTable::decode(&bytes).unwrap();
        assert_eq!(survival.times, [5.0, 12.0, 30.0]);
        assert!(survival.survival.iter().all(|row| row[0] == 1.0));
    }

    #[test]
    fn a_stored_forest_predicts_the_bits_of_the_fitted_one() {
        let params = RsfParams {
            num_trees: 25,
            ..RsfParams::ranger_defaults()
        };
        let inputs: Inputs = super::super::fixture::inputs(&ports());
        let Training {
            matrix, follow_up, ..
        } = Training::read(&inputs).unwrap();
        let fitted = fit_rsf::learner(&crate::step::Context {
            params: serde_json::to_value(&params).unwrap(),
            seed: Some(1),
        })
        .unwrap()
        .fit(matrix.x.view(), &matrix.names, &follow_up, 1)
        .unwrap();
        let table = ports().remove(0).1;
        // The training rows are sorted, those to be predicted stay as they are.
        let as_given = Matrix::design(&Table::decode(&table).unwrap());
        let wanted = fitted.risk(as_given.x.view()).unwrap();
        let model = run("fit-rsf", serde_json::to_value(&params).unwrap(), &ports()).unwrap();
        let out = run(
            "predict",
            json!({"horizons": [12.0, 36.0]}),
            &[("model", content(&model, "model")), ("table", table)],
        )
        .unwrap();
        let risk = RiskTable::decode(&content(&out, "risk")).unwrap();
        assert_eq!(
            risk.risk.iter().map(|r| r.to_bits()).collect::<Vec<_>>(),
            wanted
                .values()
                .iter()
                .map(|r| r.to_bits())
                .collect::<Vec<_>>()
        );
        let survival = SurvivalTable::decode(&content(&out, "survival")).unwrap();
        assert_eq!(survival.times, [12.0, 36.0]);
        assert!(survival.survival.iter().all(|row| row[0] >= row[1]));
    }

    #[test]
    fn a_forest_without_a_split_has_one_risk_out_of_bag_too() {
        let params = RsfParams {
            num_trees: 20,
            min_node_size: 1000,
            ..RsfParams::ranger_defaults()
        };
        let params = serde_json::to_value(&params).unwrap();
        let model = content(&run("fit-rsf", params, &ports()).unwrap(), "model");
        let stored: serde_json::Value = serde_json::from_slice(&model).unwrap();
        let kept = stored["out_of_bag"].as_array().unwrap();
        assert!(
            kept.iter().any(|risk| *risk != kept[0]),
            "else nothing is shown"
        );
        let table = ports().remove(0).1;
        let out = run(
            "predict",
            json!({"horizons": [12.0], "out_of_bag": true}),
            &[("model", model), ("table", table)],
        );
        let risk = RiskTable::decode(&content(&out.unwrap(), "risk")).unwrap();
        assert!(risk.risk.iter().all(|r| *r == risk.risk[0]));
    }

    #[test]
    fn out_of_bag_risks_are_those_of_the_fit_and_other_learners_refuse() {
        let params = RsfParams {
            num_trees: 40,
            ..RsfParams::ranger_defaults()
        };
        let params = serde_json::to_value(&params).unwrap();
        let model = content(&run("fit-rsf", params, &ports()).unwrap(), "model");
        let table = ports().remove(0).1;
        let ask = |model: &[u8], table: &[u8]| {
            let ports = [("model", model.to_vec()), ("table", table.to_vec())];
            run(
                "predict",
                json!({"horizons": [12.0], "out_of_bag": true}),
                &ports,
            )
        };
        let out = ask(&model, &table).unwrap();
        let risk = RiskTable::decode(&content(&out, "risk")).unwrap();
        let stored: serde_json::Value = serde_json::from_slice(&model).unwrap();
        let mut sorted = Table::decode(&table).unwrap();
        sorted.sort_rows();
        for (row, kept) in sorted
            .rows
            .iter()
            .zip(stored["out_of_bag"].as_array().unwrap())
        {
            let at = risk.rows.iter().position(|r| r == row).unwrap();
            assert_eq!(risk.risk[at], kept.as_f64().unwrap());
        }
        let ports = [("model", model.clone()), ("table", table.clone())];
        let apparent = run("predict", json!({"horizons": [12.0]}), &ports).unwrap();
        assert_ne!(content(&apparent, "risk"), content(&out, "risk"));
        let survival = SurvivalTable::decode(&content(&out, "survival")).unwrap();
        assert!(survival.times.is_empty() && survival.rows.len() == 60);
        let fewer: Vec<u8> = table
            .split_inclusive(|b| *b == b'\n')
            .take(31)
            .flatten()
            .copied()
            .collect();
        assert_eq!(refusal(ask(&model, &fewer)).0, "rows-differ");
        let others = String::from_utf8(table.clone())
            .unwrap()
            .replace("p0", "x0");
        let (code, message) = refusal(ask(&model, others.as_bytes()));
        assert_eq!(code, "rows-differ");
        assert!(message.contains("other patients"), "{message}");
        let (table, followup) = learnable(60);
        let table = only(&table, &["signal"]);
        let cox = run(
            "fit-cox",
            json!({"ties": "efron"}),
            &[("table", table.clone()), ("followup", followup)],
        );
        let (code, message) = refusal(ask(&content(&cox.unwrap(), "model"), &table));
        assert_eq!(code, "no-out-of-bag");
        assert!(message.contains("only a forest"), "{message}");
    }

    #[test]
    fn a_stored_cox_model_predicts_the_bits_of_the_fitted_one() {
        let (table, followup) = learnable(60);
        let table = only(&table, &["signal", "noise"]);
        let model = run(
            "fit-cox",
            json!({"ties": "efron"}),
            &[("table", table.clone()), ("followup", followup.clone())],
        )
        .unwrap();
        let matrix = Matrix::design(&Table::decode(&table).unwrap());
        let rows = artefact::follow_up::FollowUpTable::decode(&followup).unwrap();
        let follow_up = super::super::patients::follow_up_of(&matrix.rows, &rows).unwrap();
        let fitted = survival::Learner::fit(
            &survival::Cox::efron(),
            matrix.x.view(),
            &matrix.names,
            &follow_up,
            0,
        )
        .unwrap();
        let out = run(
            "predict",
            json!({"horizons": [12.0]}),
            &[("model", content(&model, "model")), ("table", table)],
        )
        .unwrap();
        let risk = RiskTable::decode(&content(&out, "risk")).unwrap();
        assert_eq!(risk.risk, fitted.risk(matrix.x.view()).unwrap().values());
    }

    #[test]
    fn an_empty_cell_is_found_by_patient_and_column() {
        let model = run("fit-cox", json!({"ties": "efron"}), &{
            let (table, followup) = learnable(60);
            [("table", only(&table, &["signal"])), ("followup", followup)]
        })
        .unwrap();
        let ports = [
            ("model", content(&model, "model")),
            (
                "table",
                b"patient_id,other,signal\np1,,1\np2,1,\np3,1,\n".to_vec(),
            ),
        ];
        assert_eq!(
            refusal(run("predict", json!({"horizons": [12.0]}), &ports)),
            (
                "values-undefined".to_owned(),
                "table, patient `p2`, column `signal`: empty and so are 1 others; impute them (fit-impute, apply-impute) or leave \
                 the patients out"
                    .to_owned()
            )
        );
    }

    #[test]
    fn a_table_without_the_features_is_refused() {
        let model = run("fit-cox", json!({"ties": "efron"}), &{
            let (table, followup) = learnable(60);
            [("table", only(&table, &["signal"])), ("followup", followup)]
        })
        .unwrap();
        let ports = [
            ("model", content(&model, "model")),
            ("table", b"patient_id,a\np1,1\n".to_vec()),
        ];
        let (code, message) = refusal(run("predict", json!({"horizons": [12.0]}), &ports));
        assert_eq!(
            (code.as_str(), message.as_str()),
            ("columns-differ", "feature signal is not in the table")
        );
    }
}
