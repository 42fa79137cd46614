//! `nomogram`: a Cox model as rulers whose points are added by hand, with its formula.

use artefact::table::{Column, ColumnKind, Table};
use pipeline_defs::params::NomogramParams;
use report::figure::nomogram::{Input, Ruler, draw};
use serde_json::{Value, json};
use stats::cox::{CoxFit, CoxParams as Settings, fit_cox};
use stats::nomogram::{Nomogram, NomogramFeature, nomogram, pretty_values};

use super::learn::{Training, cox_code};
use super::model_columns::AGAINST;
use super::refuse::refuse;
use crate::step::{Context, Inputs, Produced, StepError};

/// Marks of an axis of numbers.
const MARKS: usize = 8;
/// A factor with no more values than this is marked at its values.
const LEVELS_MAX: usize = 5;
/// Survival probabilities on the rulers of survival.
const PROBABILITIES: [f64; 11] = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95];

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: NomogramParams = context.params()?;
    let training = Training::read(inputs)?;
    let table = Table::decode(inputs.one("table")?)?;
    let x = training.matrix.x.view();
    let fit = fit_cox(
        x,
        &training.matrix.names,
        &training.follow_up,
        &Settings::efron(),
    )
    .map_err(|e| refuse(cox_code(&e), &e))?;
    let features = training.matrix.names.iter().enumerate().map(|(j, name)| {
        let values = x.column(j).to_vec();
        NomogramFeature {
            feature: name.clone(),
            coefficient: fit.coefficients[j],
            values: axis_values(table.column(name), &values),
        }
    });
    let centre: f64 = fit
        .coefficients
        .iter()
        .zip(&fit.means)
        .map(|(b, m)| b * m)
        .sum();
    let made = nomogram(features.collect(), centre).map_err(|e| refuse("nomogram", &e))?;
    let last = training
        .follow_up
        .time()
        .iter()
        .copied()
        .fold(0.0, f64::max);
    let horizons: Vec<Horizon> = params
        .horizons
        .iter()
        .map(|&horizon| Horizon::of(horizon, last, &fit, &made))
        .collect();
    let answer = record(&fit, &made, &table, centre, &horizons);
    let svg = draw("Nomogram", &drawn(&table, &made, &horizons));
    Ok(vec![
        Produced::bytes("nomogram", artefact::json::encode("nomogram", &answer)?),
        Produced::bytes("nomogram_svg", svg.into_bytes()),
    ])
}

/// Levels and codes as they are, numbers at round values over their range.
fn axis_values(column: Option<&Column>, values: &[f64]) -> Vec<f64> {
    let mut distinct = values.to_vec();
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    let coded = column.is_none_or(|c| c.kind != ColumnKind::Numeric);
    let few = distinct.len() <= LEVELS_MAX;
    match (distinct.first(), distinct.last()) {
        (Some(low), Some(high)) if !coded && !few => pretty_values(*low, *high, MARKS),
        _ => distinct,
    }
}

struct Horizon {
    horizon: f64,
    /// Survival of a patient at the means, or why there is none.
    baseline: Result<f64, String>,
    /// Probability and total points.
    marks: Vec<(f64, f64)>,
}

impl Horizon {
    fn of(horizon: f64, last: f64, fit: &CoxFit, made: &Nomogram) -> Horizon {
        if horizon > last {
            let why = format!("NE: nobody is at risk at {horizon}, follow-up ends at {last}");
            return Horizon {
                horizon,
                baseline: Err(why),
                marks: Vec::new(),
            };
        }
        let survival = libm::exp(-fit.baseline.at(horizon));
        let marks = PROBABILITIES
            .iter()
            .filter_map(|p| {
                made.total_points_of_survival(*p, survival)
                    .map(|points| (*p, points))
            })
            .collect();
        Horizon {
            horizon,
            baseline: Ok(survival),
            marks,
        }
    }
}

/// The level that 0 in a column of a level stands for, where all columns of that variable have 0.
fn reference<'a>(table: &'a Table, feature: &str) -> Option<&'a str> {
    table
        .column(feature)?
        .unit
        .as_deref()?
        .strip_prefix(AGAINST)
}

fn record(
    fit: &CoxFit,
    made: &Nomogram,
    table: &Table,
    centre: f64,
    horizons: &[Horizon],
) -> Value {
    let axes: Vec<Value> = made
        .axes
        .iter()
        .map(|axis| json!({
            "feature": axis.of.feature, "coefficient": axis.of.coefficient, "values": axis.of.values, "points": axis.points,
            "reference": reference(table, &axis.of.feature),
        }))
        .collect();
    let horizons: Vec<Value> = horizons
        .iter()
        .map(|h| json!({
            "horizon": h.horizon,
            "baseline_survival": h.baseline.as_ref().ok(),
            "reason": h.baseline.as_ref().err(),
            "marks": h.marks.iter().map(|(p, points)| json!({"survival": p, "total_points": points})).collect::<Vec<_>>(),
        }))
        .collect();
    json!({
        "axes": axes,
        "points_per_unit": made.points_per_unit,
        "predictor_at_zero": made.predictor_at_zero,
        "total_points": made.total_points,
        "horizons": horizons,
        "n": fit.n,
        "n_events": fit.n_events,
        "formula": {
            "linear_predictor": "sum(coefficient * value) - centre",
            "survival": "baseline_survival ^ exp(linear_predictor)",
            "centre": centre,
            "coefficients": fit.names.iter().cloned().zip(fit.coefficients.iter().map(|b| json!(b))).collect::<serde_json::Map<_, _>>(),
        },
    })
}

fn drawn(table: &Table, made: &Nomogram, horizons: &[Horizon]) -> Input {
    let shown = |column: Option<&Column>, value: f64| match column.map(|c| &c.kind) {
        Some(ColumnKind::Ordinal { levels } | ColumnKind::Nominal { levels }) => levels
            .get(value as usize)
            .cloned()
            .unwrap_or_else(|| artefact::number::text(value)),
        _ => artefact::number::text(value),
    };
    let factors = made.axes.iter().map(|axis| {
        let column = table.column(&axis.of.feature);
        let marks = axis.of.values.iter().zip(&axis.points);
        Ruler {
            label: axis.of.feature.clone(),
            marks: marks.map(|(v, p)| (shown(column, *v), *p)).collect(),
        }
    });
    let known = horizons.iter().filter(|h| h.baseline.is_ok());
    Input {
        factors: factors.collect(),
        total: Ruler {
            label: "Total points".to_owned(),
            marks: made
                .total_points
                .iter()
                .map(|p| (artefact::number::text(*p), *p))
                .collect(),
        },
        horizons: known
            .map(|h| Ruler {
                label: format!("Survival at {}", artefact::number::text(h.horizon)),
                marks: h
                    .marks
                    .iter()
                    .map(|(p, points)| (artefact::number::text(*p), *points))
                    .collect(),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, learnable, only, run, text};
    use artefact::table::{Column, ColumnKind, Table};
    use serde_json::{Value, json};

    #[test]
    fn points_give_the_survival_of_the_formula_and_a_late_horizon_is_ne() {
        let (table, followup) = learnable(80);
        let table = only(&table, &["signal", "noise"]);
        let ports = [("table", table), ("followup", followup)];
        let out = run("nomogram", json!({"horizons": [24.0, 900.0]}), &ports).unwrap();
        let found: Value = serde_json::from_slice(&content(&out, "nomogram")).unwrap();
        let at = |v: &Value| v.as_f64().unwrap();
        let mark = &found["horizons"][0]["marks"][5];
        let eta = at(&found["predictor_at_zero"])
            + at(&mark["total_points"]) / at(&found["points_per_unit"]);
        let survival = libm::pow(
            at(&found["horizons"][0]["baseline_survival"]),
            libm::exp(eta),
        );
        assert!((survival - at(&mark["survival"])).abs() < 1e-9);
        assert!(
            found["horizons"][1]["reason"]
                .as_str()
                .unwrap()
                .starts_with("NE")
        );
        let svg = text(&out, "nomogram_svg");
        assert!(
            svg.contains("<svg") && svg.contains("Total points") && svg.contains("Survival at 24")
        );
    }

    #[test]
    fn a_column_of_a_level_tells_what_0_stands_for() {
        let (table, followup) = learnable(80);
        let mut table = Table::decode(&only(&table, &["signal"])).unwrap();
        let values = (0..80).map(|i| f64::from(i % 2)).collect();
        table.columns.push(Column {
            name: "figo=II".to_owned(),
            kind: ColumnKind::Binary,
            unit: Some("against I".to_owned()),
            values,
        });
        let ports = [("table", table.encode().unwrap()), ("followup", followup)];
        let out = run("nomogram", json!({"horizons": [24.0]}), &ports).unwrap();
        let found: Value = serde_json::from_slice(&content(&out, "nomogram")).unwrap();
        let of = |feature: &str| {
            let axes = found["axes"].as_array().unwrap();
            let axis = axes.iter().find(|a| a["feature"] == feature).unwrap();
            axis["reference"].clone()
        };
        assert_eq!((of("figo=II"), of("signal")), (json!("I"), Value::Null));
    }
}
