//! `model-columns`: the columns of a clinical model: scores, transformed, levels as 0 and 1.
//!
//! With `scores` the rows are the patients who have one, so that models with and without the score are of the same
//! patients. An empty cell stays empty in everything that is made of it.

use std::collections::BTreeMap;

use artefact::number;
use artefact::table::{Column, ColumnKind, Table};
use pipeline_defs::params::{ColumnTransform, ModelColumnsParams};

use super::cuts::{self, Cut};
use super::labels::missing;
use super::patients::Patients;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: ModelColumnsParams = context.params()?;
    let mut table = Table::decode(inputs.one("table")?)?;
    if let Some(bytes) = inputs.optional("scores")? {
        table = with_scores(&table, &Table::decode(bytes)?)?;
    }
    let cuts = match params.dichotomise {
        true => cuts::read(inputs)?,
        false => BTreeMap::new(),
    };
    for name in params
        .transform
        .keys()
        .chain(params.reference.keys())
        .chain(params.merge.keys())
    {
        table
            .column(name)
            .ok_or_else(|| missing(&table, name, "columns"))?;
    }
    let names = match params.columns.is_empty() {
        true => table.names(),
        false => params.columns.clone(),
    };
    let mut columns = Vec::new();
    for name in &names {
        let column = table
            .column(name)
            .ok_or_else(|| missing(&table, name, "columns"))?;
        let cut = match cuts.get(name) {
            Some(Err(refusal)) => {
                return Err(StepError::refuse(&refusal.code, refusal.message.clone()));
            }
            Some(Ok(cut)) => Some(cut),
            None => None,
        };
        columns.extend(made_of(column, &table, &params, cut)?);
    }
    let made = Table {
        rows: table.rows,
        columns,
    };
    Ok(vec![Produced::bytes("table", made.encode()?)])
}

/// The table's columns and the scores' beside them, for the patients of `scores`. A column of both is that of the scores.
fn with_scores(table: &Table, scores: &Table) -> Result<Table, StepError> {
    let known = Patients::new(&table.rows);
    let (mut rows, mut from, mut at) = (Vec::new(), Vec::new(), Vec::new());
    for (i, row) in scores.rows.iter().enumerate() {
        if let Some(found) = known.find(row)? {
            rows.push(table.rows[found].clone());
            from.push(found);
            at.push(i);
        }
    }
    if rows.is_empty() {
        return Err(StepError::refuse(
            "no-patient-left",
            format!(
                "no patient is both in `table` ({}) and in `scores` ({})",
                table.rows.len(),
                scores.rows.len()
            ),
        ));
    }
    let taken = |column: &Column, rows: &[usize]| Column {
        values: rows.iter().map(|&row| column.values[row]).collect(),
        ..column.clone()
    };
    let own = table
        .columns
        .iter()
        .filter(|c| scores.column(&c.name).is_none());
    let own = own.map(|c| taken(c, &from));
    let columns = own
        .chain(scores.columns.iter().map(|c| taken(c, &at)))
        .collect();
    Ok(Table { rows, columns })
}

/// What becomes of one column.
fn made_of(
    column: &Column,
    table: &Table,
    params: &ModelColumnsParams,
    cut: Option<&Cut>,
) -> Result<Vec<Column>, StepError> {
    let mut column = column.clone();
    if let Some(groups) = params.merge.get(&column.name) {
        merge(&mut column, groups)?;
    }
    if let Some(cut) = cut {
        return Ok(vec![divided(&numbers(&column, "a cut")?, cut.cut)]);
    }
    if let Some(transform) = params.transform.get(&column.name) {
        return Ok(vec![transformed(
            &numbers(&column, "a transformation")?,
            *transform,
            table,
        )?]);
    }
    let reference = params.reference.get(&column.name);
    match (&column.kind, reference) {
        (ColumnKind::Nominal { .. }, _) | (_, Some(_)) => indicators(&column, reference),
        _ => Ok(vec![column]),
    }
}

/// A column of numbers.
fn numbers(column: &Column, wants: &str) -> Result<Column, StepError> {
    match column.kind {
        ColumnKind::Numeric | ColumnKind::Binary => Ok(column.clone()),
        _ => Err(StepError::refuse(
            "values-not-numbers",
            format!(
                "column `{}` has words where {wants} needs numbers",
                column.name
            ),
        )),
    }
}

/// Puts levels together; levels keep their order, a new one stands where the first of its levels stood.
fn merge(column: &mut Column, groups: &BTreeMap<String, String>) -> Result<(), StepError> {
    let (ColumnKind::Ordinal { levels } | ColumnKind::Nominal { levels }) = &mut column.kind else {
        return Err(StepError::refuse(
            "levels-missing",
            format!(
                "column `{}` has numbers, `merge` is of levels; describe the column as ordinal or nominal",
                column.name
            ),
        ));
    };
    let new: Vec<&String> = levels
        .iter()
        .map(|level| groups.get(level).unwrap_or(level))
        .collect();
    let mut merged: Vec<String> = Vec::new();
    let mut at = Vec::with_capacity(new.len());
    for level in new {
        let known = merged.iter().position(|m| m == level);
        at.push(known.unwrap_or(merged.len()));
        if known.is_none() {
            merged.push(level.clone());
        }
    }
    for value in column.values.iter_mut().filter(|v| !v.is_nan()) {
        // a value is the index of its level
        *value = at.get(*value as usize).map_or(f64::NAN, |&to| to as f64);
    }
    *levels = merged;
    Ok(())
}

fn divided(column: &Column, cut: f64) -> Column {
    let above = |v: &f64| match v.is_nan() {
        true => f64::NAN,
        false => f64::from(u8::from(*v > cut)),
    };
    Column {
        name: format!("{}>{}", column.name, number::text(cut)),
        kind: ColumnKind::Binary,
        unit: None,
        values: column.values.iter().map(above).collect(),
    }
}

fn transformed(
    column: &Column,
    transform: ColumnTransform,
    table: &Table,
) -> Result<Column, StepError> {
    let (least, of): (&str, fn(f64) -> f64) = match transform {
        ColumnTransform::Log => ("above 0", libm::log),
        ColumnTransform::Log2 => ("above 0", libm::log2),
        ColumnTransform::Log10 => ("above 0", libm::log10),
        ColumnTransform::Sqrt => ("at least 0", f64::sqrt),
    };
    let values: Vec<f64> = column.values.iter().map(|v| of(*v)).collect();
    let lost = |(v, made): (&f64, &f64)| !v.is_nan() && !made.is_finite();
    if let Some(row) = column.values.iter().zip(&values).position(lost) {
        return Err(StepError::refuse(
            "value-outside",
            format!(
                "table, patient `{}`, column `{}`: {} must be {least} for `{}`; correct it or leave `transform` out",
                table.rows[row].patient_id,
                column.name,
                number::text(column.values[row]),
                transform.name()
            ),
        ));
    }
    Ok(Column {
        name: format!("{}({})", transform.name(), column.name),
        kind: ColumnKind::Numeric,
        unit: None,
        values,
    })
}

/// Begins the unit of a column of 0 and 1 that stands for a level; the reference level follows.
pub(super) const AGAINST: &str = "against ";

/// A column of 0 and 1 for each level that somebody has, but the reference.
fn indicators(column: &Column, reference: Option<&String>) -> Result<Vec<Column>, StepError> {
    let (levels, of) = levels(column);
    let reference = match reference {
        None => 0,
        Some(name) => levels.iter().position(|l| l == name).ok_or_else(|| {
            StepError::refuse(
                "reference-missing",
                format!(
                    "column `{}` has no level `{name}`; set `reference` to one of {}",
                    column.name,
                    levels.join(", ")
                ),
            )
        })?,
    };
    let had = |at: usize| of.contains(&Some(at));
    let one = |at: usize| Column {
        name: format!("{}={}", column.name, levels[at]),
        kind: ColumnKind::Binary,
        // What 0 in all of these columns means is told with them.
        unit: Some(format!("{AGAINST}{}", levels[reference])),
        values: of
            .iter()
            .map(|v| v.map_or(f64::NAN, |v| f64::from(u8::from(v == at))))
            .collect(),
    };
    let others = (0..levels.len()).filter(|at| *at != reference && had(*at));
    Ok(others.map(one).collect())
}

/// The levels of a column and that of each row; numbers are levels of their own, ascending.
pub(super) fn levels(column: &Column) -> (Vec<String>, Vec<Option<usize>>) {
    if let ColumnKind::Ordinal { levels } | ColumnKind::Nominal { levels } = &column.kind {
        let of = |v: &f64| (!v.is_nan()).then_some(*v as usize);
        return (levels.clone(), column.values.iter().map(of).collect());
    }
    let mut distinct: Vec<f64> = column
        .values
        .iter()
        .copied()
        .filter(|v| !v.is_nan())
        .collect();
    distinct.sort_unstable_by(f64::total_cmp);
    distinct.dedup();
    let of = |v: &f64| distinct.iter().position(|d| d == v);
    let of = column.values.iter().map(of).collect();
    (distinct.iter().map(|v| number::text(*v)).collect(), of)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{refusal, run, text};
    use crate::step::{Produced, StepError};
    use pipeline_defs::params::{ModelColumnsParams, Params};
    use serde_json::{Value, json};

    const TABLE: &[u8] =
        b"patient_id,site,age,figo,scca\na,c1,50,IB2,2\nb,c1,60,II,8\nc,c1,,III,4\nd,c1,70,,1\n";

    fn made(set: Value, ports: &[(&str, Vec<u8>)]) -> Result<Vec<Produced>, StepError> {
        let mut params = serde_json::to_value(&ModelColumnsParams::presets()[0].1).unwrap();
        for (name, value) in set.as_object().unwrap() {
            params[name] = value.clone();
        }
        run("model-columns", params, ports)
    }

    fn table() -> (&'static str, Vec<u8>) {
        ("table", TABLE.to_vec())
    }

    /// Without the line that describes the columns.
    fn plain(out: &[Produced]) -> String {
        let text = text(out, "table");
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| format!("{line}\n")).collect()
    }

    #[test]
    fn levels_are_merged_and_become_columns_and_numbers_are_transformed() {
        let set = json!({"columns": ["figo", "scca", "age"], "transform": {"scca": "log2"},
            "merge": {"figo": {"IB1": "I", "IB2": "I"}}, "reference": {"figo": "I"}});
        let out = made(set, &[table()]).unwrap();
        let wanted = "patient_id,site,figo=II,figo=III,log2(scca),age\na,c1,0,0,1,50\nb,c1,1,0,3,60\nc,c1,0,1,2,\nd,c1,,,0,70\n";
        assert_eq!(plain(&out), wanted);
    }

    #[test]
    fn scores_stand_beside_and_cuts_divide() {
        let scores = b"patient_id,site,radscore\nc,c1,0.5\na,c1,12\nz,c1,1\n".to_vec();
        let cut = |column: &str, cut: f64| {
            let cut = json!({"column": column, "cut": cut, "p_adjusted": 0.01});
            serde_json::to_vec(&cut).unwrap()
        };
        let ports = [
            table(),
            ("scores", scores),
            ("cuts", cut("scca", 3.5)),
            ("cuts", cut("radscore", 1.0)),
        ];
        let columns = json!(["age", "scca", "radscore"]);
        let out = made(
            json!({"columns": columns.clone(), "dichotomise": true}),
            &ports,
        )
        .unwrap();
        assert_eq!(
            plain(&out),
            "patient_id,site,age,scca>3.5,radscore>1\na,c1,50,0,1\nc,c1,,1,0\n"
        );
        let out = made(json!({"columns": columns}), &ports).unwrap();
        assert_eq!(
            plain(&out),
            "patient_id,site,age,scca,radscore\na,c1,50,2,12\nc,c1,,4,0.5\n"
        );
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let code = |set: Value| refusal(made(set, &[table()])).0;
        assert_eq!(code(json!({"columns": ["bmi"]})), "columns-missing");
        assert_eq!(
            code(json!({"reference": {"figo": "IV"}})),
            "reference-missing"
        );
        assert_eq!(
            code(json!({"transform": {"figo": "log"}})),
            "values-not-numbers"
        );
        assert_eq!(
            code(json!({"merge": {"age": {"50": "old"}}})),
            "levels-missing"
        );
        let zero = b"patient_id,x\na,1\nb,0\n".to_vec();
        let (code, message) = refusal(made(json!({"transform": {"x": "log"}}), &[("table", zero)]));
        assert_eq!(code, "value-outside");
        assert!(
            message.starts_with("table, patient `b`, column `x`: 0 must be above 0"),
            "{message}"
        );
    }
}
