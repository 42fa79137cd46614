//! `cox-regression`: hazard ratios with intervals and tests, and the baseline hazard.

use artefact::csv_field;
use artefact::number::text;
use artefact::table::{ColumnKind, Table};
use pipeline_defs::params::{CoxRegressionParams, Ties, ZphTransform};
use serde_json::{Map, Value, json};
use stats::censored::StepFunction;
use stats::collinearity::variance_inflation;
use stats::cox::{
    CoxError, CoxFit, CoxParams as Settings, Proportionality, TestResult, TimeTransform,
    WeightedCox, fit_cox, fit_weighted_cox, proportional_hazards_test, schoenfeld_residuals,
    stratified_concordance, stratified_proportional_hazards_test,
};
use stats::special::{normal_quantile, normal_two_sided};

use super::labels::{labels, missing, numbered};
use super::learn::{Training, cox_code};
use super::refuse::refuse;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: CoxRegressionParams = context.params()?;
    let mut table = Training::table(inputs)?;
    let strata = strata(&table, params.strata.as_deref())?;
    let weights = weights(&table, params.weights.as_deref())?;
    let taken = [&params.strata, &params.weights];
    let is_feature = |name: &String| !taken.iter().any(|t| t.as_ref() == Some(name));
    table.columns.retain(|c| is_feature(&c.name));
    let references: Map<String, Value> = (table.columns.iter())
        .filter_map(|c| match &c.kind {
            ColumnKind::Nominal { levels } => Some((c.name.clone(), json!(levels.first()?))),
            _ => None,
        })
        .collect();
    let training = Training::of(table, inputs)?;
    let (mut json, tables) = if strata.is_none() && weights.is_none() {
        plain(&training, &params)?
    } else {
        weighted(&training, &params, strata, weights)?
    };
    let (matrix, n_events) = (&training.matrix, training.follow_up.n_events());
    json["features"] = json!(matrix.names);
    if !references.is_empty() {
        // what the ratios of a category's other levels are ratios to
        json["reference_levels"] = Value::Object(references);
    }
    json["n"] = json!(training.follow_up.len());
    json["n_events"] = json!(n_events);
    // the fit refuses a table without features or with a combination of them
    json["events_per_variable"] = json!(n_events as f64 / matrix.names.len().max(1) as f64);
    json["vif"] = match variance_inflation(matrix.x.view()) {
        Some(vif) => by_name(&matrix.names, &vif),
        None => json!({"reason": "fewer patients than features and one more"}),
    };
    json["n_followup_left_aside"] = json!(training.n_left_aside);
    Ok(vec![
        Produced::bytes("cox", artefact::json::encode("cox regression", &json)?),
        Produced::bytes("baseline", tables.baseline.into_bytes()),
        Produced::bytes("schoenfeld", tables.schoenfeld.into_bytes()),
    ])
}

/// What is told beside the coefficients.
struct Tables {
    baseline: String,
    schoenfeld: String,
}

/// The cumulative hazard of a patient at the means of the features (`means`), by stratum: a line a time.
fn baseline_lines<'a>(curves: impl Iterator<Item = (&'a str, &'a StepFunction)>) -> String {
    let mut out = String::from("stratum,time,cumulative_hazard\n");
    for (stratum, curve) in curves {
        for (time, hazard) in curve.times().iter().zip(curve.values()) {
            let cells = [csv_field(stratum).to_string(), text(*time), text(*hazard)];
            out += &cells.join(",");
            out.push('\n');
        }
    }
    out
}

/// The stratum of each row, and the labels of the strata.
type Strata = (Vec<usize>, Vec<String>);

fn strata(table: &Table, column: Option<&str>) -> Result<Option<Strata>, StepError> {
    let of = |name| numbered(&table.rows, &labels(table, name, "strata")?, "strata");
    column.map(of).transpose()
}

fn weights(table: &Table, column: Option<&str>) -> Result<Option<Vec<f64>>, StepError> {
    let of = |name: &str| {
        let column = table
            .column(name)
            .ok_or_else(|| missing(table, name, "weights"))?;
        if !matches!(column.kind, ColumnKind::Numeric | ColumnKind::Binary) {
            return Err(StepError::refuse(
                "weight",
                format!("column `{name}` has words where weights are needed"),
            ));
        }
        match column.values.iter().position(|w| w.is_nan() || *w < 0.0) {
            None => Ok(column.values.clone()),
            Some(row) => Err(StepError::refuse(
                "weight",
                format!(
                    "table, patient `{}`, column `{name}`: a weight must be a number of at least 0",
                    table.rows[row].patient_id
                ),
            )),
        }
    };
    column.map(of).transpose()
}

fn settings(ties: Ties) -> Settings {
    match ties {
        Ties::Efron => Settings::efron(),
        Ties::Breslow => Settings::breslow(),
    }
}

/// Schoenfeld residuals, a line an event, by time.
fn residuals(
    training: &Training,
    coefficients: &[f64],
    strata: &[usize],
    weights: &[f64],
    params: &CoxRegressionParams,
) -> Result<String, StepError> {
    let (matrix, follow_up) = (&training.matrix, &training.follow_up);
    let (x, ties) = (matrix.x.view(), settings(params.ties));
    let found = schoenfeld_residuals(
        &matrix.names,
        coefficients,
        x,
        follow_up,
        strata,
        weights,
        &ties,
    )
    .map_err(|e| refuse(cox_code(&e), &e))?;
    let names = matrix.names.iter().map(|n| csv_field(n));
    let mut out = names.fold(String::from("site,patient_id,time"), |line, name| {
        line + "," + &name
    });
    out.push('\n');
    for residual in found {
        let row = &matrix.rows[residual.row];
        let mut cells = vec![
            csv_field(&row.site).to_string(),
            csv_field(&row.patient_id).to_string(),
            text(follow_up.time()[residual.row]),
        ];
        cells.extend(residual.values.iter().map(|v| text(*v)));
        out += &cells.join(",");
        out.push('\n');
    }
    Ok(out)
}

fn plain(training: &Training, params: &CoxRegressionParams) -> Result<(Value, Tables), StepError> {
    let (matrix, follow_up) = (&training.matrix, &training.follow_up);
    let x = matrix.x.view();
    let fit = fit_cox(x, &matrix.names, follow_up, &settings(params.ties))
        .map_err(|e| refuse(cox_code(&e), &e))?;
    let zph = proportional_hazards_test(&fit, x, follow_up, transform(params));
    let baseline = baseline_lines(std::iter::once(("", &fit.baseline)));
    let n = follow_up.len();
    let schoenfeld = residuals(
        training,
        &fit.coefficients,
        &vec![0; n],
        &vec![1.0; n],
        params,
    )?;
    let tables = Tables {
        baseline,
        schoenfeld,
    };
    Ok((report(&fit, &matrix.names, zph)?, tables))
}

fn transform(params: &CoxRegressionParams) -> TimeTransform {
    match params.zph {
        ZphTransform::Km => TimeTransform::KaplanMeier,
        ZphTransform::Identity => TimeTransform::Identity,
        ZphTransform::Rank => TimeTransform::Rank,
    }
}

/// With weights, errors and tests are of the sandwich kind; with strata alone, of the model.
fn weighted(
    training: &Training,
    params: &CoxRegressionParams,
    strata: Option<Strata>,
    weights: Option<Vec<f64>>,
) -> Result<(Value, Tables), StepError> {
    let (matrix, follow_up) = (&training.matrix, &training.follow_up);
    let n = follow_up.len();
    let robust = weights.is_some();
    let weights = weights.unwrap_or_else(|| vec![1.0; n]);
    let (strata, names) = strata.unwrap_or_else(|| (vec![0; n], Vec::new()));
    let x = matrix.x.view();
    let settings = settings(params.ties);
    let fit = fit_weighted_cox(x, &matrix.names, follow_up, &strata, &weights, &settings)
        .map_err(|e| refuse(cox_code(&e), &e))?;
    let variance = |j: usize| fit.covariance[[j, j]];
    let sandwich = |j: usize| fit.robust_covariance[[j, j]];
    let errors = |of: &dyn Fn(usize) -> f64| -> Vec<f64> {
        (0..matrix.names.len()).map(|j| of(j).sqrt()).collect()
    };
    let (model, of_sandwich) = (errors(&variance), errors(&sandwich));
    let std_err = if robust { &of_sandwich } else { &model };
    let mut json = coefficients(&matrix.names, &fit.coefficients, std_err)?;
    json["means"] = by_name(&matrix.names, &fit.means);
    json["covariance"] = json!(if robust { "robust" } else { "model" });
    json["se_model"] = by_name(&matrix.names, &model);
    json["se_robust"] = by_name(&matrix.names, &of_sandwich);
    json["strata"] = json!(stratum_counts(&strata, &names, training));
    tests_of(&mut json, &fit, robust);
    let pairs = stratified_concordance(&fit, x, follow_up, &strata, &weights)
        .map_err(|e| refuse(cox_code(&e), &e))?;
    json["concordance"] = json!(pairs.index());
    json["concordance_pairs"] = json!({
        "concordant": pairs.concordant, "discordant": pairs.discordant,
        "tied_score": pairs.tied_score, "tied_time": pairs.tied_time,
    });
    let zph = stratified_proportional_hazards_test(
        &fit,
        x,
        follow_up,
        &strata,
        &weights,
        &settings,
        transform(params),
    );
    json["zph"] = zph_of(&matrix.names, zph);
    let label = |number: usize| names.get(number).map_or("", String::as_str);
    let curves = fit.baselines.iter().map(|b| (label(b.stratum), &b.hazard));
    let tables = Tables {
        baseline: baseline_lines(curves),
        schoenfeld: residuals(training, &fit.coefficients, &strata, &weights, params)?,
    };
    Ok((json, tables))
}

fn tests_of(json: &mut Value, fit: &WeightedCox, robust: bool) {
    json["loglik"] = json!([fit.loglik_null, fit.loglik]);
    json["lr_test"] = match robust {
        false => test(&fit.likelihood_ratio_test()),
        true => json!({"reason": "weights are no counts of patients: use the Wald test"}),
    };
    json["wald_test"] = match fit.wald_test(robust) {
        Some(found) => test(&found),
        None => json!({"reason": "the covariance cannot be inverted"}),
    };
    json["score_test"] = test(&fit.score_test);
}

fn stratum_counts(strata: &[usize], names: &[String], training: &Training) -> Vec<Value> {
    let event = training.follow_up.event();
    let of = |(number, name): (usize, &String)| {
        let rows: Vec<usize> = (0..strata.len()).filter(|&i| strata[i] == number).collect();
        let n_events = rows.iter().filter(|&&i| event[i]).count();
        json!({"stratum": name, "n": rows.len(), "n_events": n_events})
    };
    names.iter().enumerate().map(of).collect()
}

fn by_name(names: &[String], values: &[f64]) -> Value {
    let pairs = names.iter().cloned().zip(values.iter().map(|v| json!(v)));
    Value::Object(pairs.collect())
}

/// Hazard ratios with 95 % intervals and Wald tests.
fn coefficients(names: &[String], beta: &[f64], std_err: &[f64]) -> Result<Value, StepError> {
    let z95 = normal_quantile(0.975)
        .ok_or_else(|| StepError::Bug("95 % is no confidence level".to_owned()))?;
    let map = |of: &dyn Fn(f64, f64) -> f64| {
        let values: Vec<f64> = beta.iter().zip(std_err).map(|(b, s)| of(*b, *s)).collect();
        by_name(names, &values)
    };
    Ok(json!({
        "coef": map(&|b, _| b),
        "se": map(&|_, s| s),
        "hr": map(&|b, _| libm::exp(b)),
        "lower": map(&|b, s| libm::exp(b - z95 * s)),
        "upper": map(&|b, s| libm::exp(b + z95 * s)),
        "z": map(&|b, s| b / s),
        "p": map(&|b, s| normal_two_sided(b / s)),
    }))
}

fn report(
    fit: &CoxFit,
    names: &[String],
    zph: Result<Proportionality, CoxError>,
) -> Result<Value, StepError> {
    let std_err: Vec<f64> = (0..names.len())
        .map(|j| fit.covariance[[j, j]].sqrt())
        .collect();
    let mut json = coefficients(names, &fit.coefficients, &std_err)?;
    json["means"] = by_name(names, &fit.means);
    let concordance = fit.concordance;
    json["loglik"] = json!([fit.loglik_null, fit.loglik]);
    json["lr_test"] = test(&fit.likelihood_ratio_test);
    json["wald_test"] = test(&fit.wald_test);
    json["score_test"] = test(&fit.score_test);
    json["concordance"] = json!(concordance.index());
    json["concordance_pairs"] = json!({
        "concordant": concordance.concordant, "discordant": concordance.discordant,
        "tied_score": concordance.tied_score, "tied_time": concordance.tied_time,
    });
    json["zph"] = zph_of(names, zph);
    Ok(json)
}

fn zph_of(names: &[String], zph: Result<Proportionality, CoxError>) -> Value {
    match zph {
        Ok(zph) => tests(names, &zph),
        Err(why) => json!({"reason": why.to_string()}),
    }
}

fn tests(names: &[String], zph: &Proportionality) -> Value {
    let mut by_name: Map<String, Value> = names
        .iter()
        .cloned()
        .zip(zph.features.iter().map(test))
        .collect();
    by_name.insert("GLOBAL".to_owned(), test(&zph.global));
    Value::Object(by_name)
}

fn test(result: &TestResult) -> Value {
    json!({"chi_square": result.chi_square, "df": result.df, "p": result.p})
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{
        content, generated, learnable, only, oracle, refusal, run, survival_data, text,
    };
    use serde_json::{Value, json};

    #[test]
    fn without_features_the_tables_have_the_columns_that_are_left() {
        let table = b"patient_id\np1\np2\np3\n".to_vec();
        let followup = b"patient_id,time,event\np1,1,1\np2,2,0\np3,3,1\n".to_vec();
        let ports = [("table", table), ("followup", followup)];
        let out = run("cox-regression", json!({"ties": "efron"}), &ports).unwrap();
        let schoenfeld = text(&out, "schoenfeld");
        assert_eq!(schoenfeld, "site,patient_id,time\n,p1,1\n,p3,3\n");
    }

    #[test]
    fn what_a_level_is_compared_with_is_named() {
        let (table, followup) = learnable(60);
        let said = String::from_utf8(only(&table, &["signal"])).unwrap();
        let with_size = |(i, line): (usize, &str)| match i {
            0 => format!("{line},size\n"),
            i => format!("{line},{}\n", ["small", "large", "middle"][i * i % 7 % 3]),
        };
        let table: String = said.lines().enumerate().map(with_size).collect();
        let ports = [("table", table.into_bytes()), ("followup", followup)];
        let out = run("cox-regression", json!({"ties": "efron"}), &ports).unwrap();
        let got: Value = serde_json::from_slice(&content(&out, "cox")).unwrap();
        assert_eq!(got["reference_levels"], json!({"size": "large"}));
        assert_eq!(
            got["features"],
            json!(["signal", "size=middle", "size=small"])
        );
    }

    #[test]
    fn the_regression_of_veteran_is_that_of_r() {
        let (Some(data), Some(wanted)) = (
            oracle("survival/data/veteran.csv"),
            oracle("survival/e_cox/veteran.json"),
        ) else {
            return;
        };
        let (table, followup) = survival_data(&data);
        for ties in ["efron", "breslow"] {
            let ports = [("table", table.clone()), ("followup", followup.clone())];
            let out = run("cox-regression", json!({"ties": ties}), &ports).unwrap();
            let got: Value = serde_json::from_slice(&content(&out, "cox")).unwrap();
            let r: Value = serde_json::from_slice(&wanted).unwrap();
            let close = |a: &Value, b: &Value| {
                let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
                assert!((a - b).abs() <= 1e-7 * b.abs().max(1e-6), "{a} {b}");
            };
            for name in ["trt", "smallcell", "karno", "prior"] {
                close(&got["coef"][name], &r[ties]["coef"][name]);
                close(&got["se"][name], &r[ties]["se"][name]);
                close(&got["hr"][name], &r[ties]["HR"][name]);
                close(&got["upper"][name], &r[ties]["HR_upper95"][name]);
            }
            close(&got["loglik"][1], &r[ties]["loglik"][1]);
            close(&got["lr_test"]["chi_square"], &r[ties]["LR"][0]);
            close(&got["score_test"]["p"], &r[ties]["score"][2]);
            close(&got["concordance"], &r[ties]["concordance"][0]);
            // diag(solve(cor(x))) in R 4.2
            close(&got["vif"]["trt"], &json!(1.06793051060695));
            close(&got["vif"]["prior"], &json!(1.25931088467917));
            assert_eq!(got["events_per_variable"], json!(16.0));
            let cells = |port: &str, line: usize, cell: usize| -> Value {
                let table = text(&out, port);
                let line = table.lines().nth(line).unwrap().to_owned();
                json!(line.split(',').nth(cell).unwrap().parse::<f64>().unwrap())
            };
            // R leaves columns of 0 and 1 uncentred: compared where every feature is zero
            let baseline = &r[ties]["basehaz_uncentered"];
            let names = got["features"].as_array().unwrap().iter();
            let number = |of: &str, name: &Value| got[of][name.as_str().unwrap()].as_f64().unwrap();
            let at_means: f64 = names.map(|n| number("coef", n) * number("means", n)).sum();
            for k in [0, 9, 60, 90] {
                close(&cells("baseline", k + 1, 1), &baseline["time"][k]);
                let hazard = cells("baseline", k + 1, 2).as_f64().unwrap();
                close(
                    &json!(hazard * libm::exp(-at_means)),
                    &baseline["hazard"][k],
                );
            }
            close(&got["means"]["karno"], &r[ties]["means"]["karno"]);
            // trt is the first feature, an event a line
            close(
                &cells("schoenfeld", 1, 3),
                &r[ties]["schoenfeld_first3"][0][0],
            );
            close(
                &cells("schoenfeld", 3, 3),
                &r[ties]["schoenfeld_first3"][2][0],
            );
        }
    }

    #[test]
    fn strata_and_weights_are_those_of_coxph() {
        let cohort = generated();
        let ports = [("table", cohort.table), ("followup", cohort.followup)];
        let params = json!({"ties": "efron", "strata": "centre", "weights": "w"});
        let out = run("cox-regression", params, &ports).unwrap();
        let got: Value = serde_json::from_slice(&content(&out, "cox")).unwrap();
        let want = &cohort.reference["efron_both"];
        let close = |a: &Value, b: f64| assert!((a.as_f64().unwrap() / b - 1.0).abs() < 1e-8);
        let number = |v: &Value| v.as_f64().unwrap();
        close(&got["coef"]["x1"], number(&want["coef"][0]));
        close(&got["coef"]["x2"], number(&want["coef"][1]));
        close(&got["se"]["x1"], number(&want["robust"][0]).sqrt());
        close(&got["se_model"]["x2"], number(&want["var"][3]).sqrt());
        close(&got["loglik"][1], number(&want["loglik"][1]));
        assert_eq!(got["features"], json!(["x1", "x2"]));
        assert_eq!(got["covariance"], "robust");
        let tests = &cohort.reference["efron_both_tests"];
        close(&got["zph"]["GLOBAL"]["chi_square"], number(&tests["km"][2]));
        close(&got["concordance"], number(&tests["concordance"]));
        assert!(got["wald_test"]["p"].is_number());
    }

    #[test]
    fn the_time_of_the_proportionality_test_is_chosen() {
        let (table, followup) = learnable(60);
        let ports = [("table", only(&table, &["signal"])), ("followup", followup)];
        let statistic = |zph: &str| {
            let params = json!({"ties": "efron", "zph": zph});
            let out = run("cox-regression", params, &ports).unwrap();
            let cox: Value = serde_json::from_slice(&content(&out, "cox")).unwrap();
            cox["zph"]["signal"]["chi_square"].as_f64().unwrap()
        };
        let all = [statistic("km"), statistic("identity"), statistic("rank")];
        assert!(all[0] != all[1] && all[1] != all[2], "{all:?}");
    }

    #[test]
    fn an_absent_stratum_and_a_negative_weight_are_refused() {
        let followup = b"patient_id,time_months,event\na,1,1\nb,2,0\nc,3,1\n".to_vec();
        let table = b"patient_id,x,w\na,1,1\nb,2,-1\nc,0,1\n".to_vec();
        let ports = [("table", table), ("followup", followup)];
        let refused = |set: Value| refusal(run("cox-regression", set, &ports));
        let (code, message) = refused(json!({"ties": "efron", "strata": "stage"}));
        assert_eq!(code, "strata-missing");
        assert!(message.contains("one of x, w"), "{message}");
        let (code, message) = refused(json!({"ties": "efron", "weights": "w"}));
        assert_eq!(code, "weight");
        assert!(message.contains("patient `b`"), "{message}");
        let words = b"patient_id,x,w\na,1,low\nb,2,high\nc,0,low\n".to_vec();
        let ports = [("table", words), ports[1].clone()];
        let set = json!({"ties": "efron", "weights": "w"});
        let (code, message) = refusal(run("cox-regression", set, &ports));
        assert_eq!(code, "weight");
        assert!(message.contains("words"), "{message}");
    }

    #[test]
    fn proportionality_is_tested_for_each_feature_and_together() {
        let (table, followup) = learnable(60);
        let ports = [
            ("table", only(&table, &["signal", "noise"])),
            ("followup", followup),
        ];
        let out = run("cox-regression", json!({"ties": "efron"}), &ports).unwrap();
        let cox: Value = serde_json::from_slice(&content(&out, "cox")).unwrap();
        assert_eq!(cox["zph"]["GLOBAL"]["df"], json!(2));
        assert_eq!(cox["n_followup_left_aside"], json!(0));
        assert!(cox["lower"]["signal"].as_f64().unwrap() < cox["hr"]["signal"].as_f64().unwrap());
    }

    #[test]
    fn no_event_is_refused() {
        let followup = b"patient_id,time_months,event\na,1,0\nb,2,0\n".to_vec();
        let ports = [
            ("table", b"patient_id,x\na,1\nb,2\n".to_vec()),
            ("followup", followup),
        ];
        assert_eq!(
            refusal(run("cox-regression", json!({"ties": "efron"}), &ports)).0,
            "no-event"
        );
    }
}
