//! `cut-point`: where a marker parts survival best, and what such a search is worth.

use artefact::table::Table;
use pipeline_defs::params::CutPointParams;
use serde_json::json;
use stats::cut_point::{
    CutPointError, best_cut_point, cut_point_interval, hothorn_lausen_p, permuted_p,
};

use super::learn::Training;
use super::refuse::refuse;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: CutPointParams = context.params()?;
    let mut table = Training::table(inputs)?;
    let n_without = only_known(&mut table, &params.column);
    let Training {
        matrix, follow_up, ..
    } = Training::of(table, inputs)?;
    let column = column(&matrix.names, &params.column)?;
    let marker = matrix.x.column(column).to_vec();
    let failed = |e: CutPointError| refuse("cut-point", &e);
    let found = best_cut_point(&marker, &follow_up, params.minprop).map_err(failed)?;
    let seed = context.seed()?;
    let conditional = match params.permutations {
        0 => None,
        n => Some(
            permuted_p(&marker, &follow_up, params.minprop, n as usize, seed).map_err(failed)?,
        ),
    };
    let interval = match params.bootstrap {
        0 => None,
        n => Some(
            cut_point_interval(&marker, &follow_up, params.minprop, n as usize, 0.95, seed)
                .map_err(failed)?,
        ),
    };
    let mut answer = json!({
        "column": matrix.names[column],
        "cut": found.best.value,
        "lower": interval.map(|i| i.lower),
        "upper": interval.map(|i| i.upper),
        "statistic": found.best.statistic,
        "n": marker.len(),
        "n_without_value": n_without,
        "n_events": follow_up.n_events(),
        "n_below": found.best.n_below,
        "above_is_worse": found.above_is_worse,
        "minprop": params.minprop,
        "p_unadjusted": found.p_unadjusted,
        "p_adjusted": found.p_lausen_94,
        "p_lausen_92": found.p_lausen_92,
        "p_lausen_94": found.p_lausen_94,
        "p_gauss": found.p_gauss,
        "p_permutation": conditional,
        "cuts": found.cuts.iter().map(|c| json!({"cut": c.value, "n_below": c.n_below, "statistic": c.statistic})).collect::<Vec<_>>(),
    });
    if params.hothorn_lausen {
        let p = hothorn_lausen_p(&marker, &follow_up, params.minprop).map_err(failed)?;
        answer["p_hothorn_lausen"] = json!(p);
    }
    let bytes = artefact::json::encode("cut-point", &answer)?;
    Ok(vec![Produced::bytes("cut", bytes)])
}

/// Leaves the column and the patients who have a value of it; gives how many have none. Another column's empty cell is
/// nothing to this one. A table without the column stays.
fn only_known(table: &mut Table, name: &str) -> usize {
    let Some(at) = table.columns.iter().position(|c| c.name == name) else {
        return 0;
    };
    let mut column = table.columns.swap_remove(at);
    let keep: Vec<bool> = column.values.iter().map(|v| !v.is_nan()).collect();
    let mut kept = keep.iter();
    table.rows.retain(|_| kept.next() == Some(&true));
    column.values.retain(|v| !v.is_nan());
    table.columns = vec![column];
    keep.len() - table.rows.len()
}

fn column(names: &[String], wanted: &str) -> Result<usize, StepError> {
    let at = names.iter().position(|name| name == wanted);
    match (wanted, at, names.len()) {
        (_, Some(at), _) => Ok(at),
        ("", None, 1) => Ok(0),
        _ => Err(StepError::refuse(
            "column-missing",
            format!(
                "no column `{wanted}` in `table`; set `column` to one of {}",
                names.join(", ")
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, learnable, refusal, run};
    use pipeline_defs::params::{CutPointParams, Params};
    use serde_json::Value;

    fn params(column: &str) -> Value {
        let params = CutPointParams {
            column: column.to_owned(),
            permutations: 200,
            bootstrap: 50,
            ..CutPointParams::presets().remove(0).1
        };
        serde_json::to_value(params).unwrap()
    }

    #[test]
    fn a_signal_has_a_cut_and_an_adjusted_p() {
        let (table, followup) = learnable(90);
        let ports = [("table", table), ("followup", followup)];
        let found: Value = serde_json::from_slice(&content(
            &run("cut-point", params("signal"), &ports).unwrap(),
            "cut",
        ))
        .unwrap();
        let number = |key: &str| found[key].as_f64().unwrap();
        assert!(number("lower") <= number("cut") && number("cut") <= number("upper"));
        assert!(number("p_unadjusted") < number("p_adjusted") && number("p_adjusted") < 0.01);
        assert!(number("p_permutation") < 0.02);
        assert!(number("p_unadjusted") < number("p_gauss") && number("p_gauss") < 0.01);
        assert_eq!(found["above_is_worse"], true);
    }

    #[test]
    fn an_empty_cell_leaves_its_own_marker_s_patient_out_and_no_other_s() {
        let (table, followup) = learnable(90);
        let cut = |table: Vec<u8>| -> Value {
            let ports = [("table", table), ("followup", followup.clone())];
            let out = run("cut-point", params("signal"), &ports).unwrap();
            serde_json::from_slice(&content(&out, "cut")).unwrap()
        };
        let whole = cut(table.clone());
        let text = String::from_utf8(table).unwrap();
        let emptied = |place: usize| {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            let mut cells: Vec<&str> = lines[1].split(',').collect();
            cells[place] = "";
            lines[1] = cells.join(",");
            (lines.join("\n") + "\n").into_bytes()
        };
        let places: Vec<&str> = text.lines().next().unwrap().split(',').collect();
        let of = |name: &str| places.iter().position(|p| *p == name).unwrap();
        assert_eq!(cut(emptied(of("noise"))), whole);
        let less = cut(emptied(of("signal")));
        assert_eq!(
            (&less["n"], &less["n_without_value"]),
            (&serde_json::json!(89), &serde_json::json!(1))
        );
    }

    #[test]
    fn the_p_of_hothorn_and_lausen_is_there_when_asked_for() {
        let (table, followup) = learnable(90);
        let ports = [("table", table), ("followup", followup)];
        let told = |asked: bool| -> Value {
            let mut set = params("signal");
            set["hothorn_lausen"] = Value::from(asked);
            serde_json::from_slice(&content(&run("cut-point", set, &ports).unwrap(), "cut"))
                .unwrap()
        };
        let (asked, silent) = (told(true), told(false));
        let p = asked["p_hothorn_lausen"].as_f64().unwrap();
        assert!(
            asked["p_unadjusted"].as_f64().unwrap() < p && p < 0.01,
            "{p}"
        );
        assert!(silent.get("p_hothorn_lausen").is_none());
    }

    #[test]
    fn the_column_must_be_named_where_there_are_several() {
        let (table, followup) = learnable(40);
        let ports = [("table", table), ("followup", followup)];
        let (code, message) = refusal(run("cut-point", params(""), &ports));
        assert_eq!(code, "column-missing");
        assert!(message.contains("signal, twin, noise, shadow"), "{message}");
    }
}
