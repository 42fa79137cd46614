//! `fit-impute`: what to put where a value is missing, learned from training rows.

use std::collections::BTreeMap;

use artefact::models::{ImputeModel, StoredModel};
use artefact::table::{Column, ColumnKind, Table};
use pipeline_defs::params::{ImputeParams, Strategy};
use stats::impute::{ColumnKind as Kind, ImputeError, fit_impute};

use super::matrix::Matrix;
use super::refuse::refuse;
use super::stored;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: ImputeParams = context.params()?;
    let table = Table::decode(inputs.one("table")?)?;
    let kinds: Vec<Kind> = table
        .columns
        .iter()
        .map(|c| kind(&c.kind, params.strategy))
        .collect();
    let matrix = Matrix::coded(&table);
    let fitted = fit_impute(matrix.x.view(), &matrix.names, &kinds, params.max_undefined)
        .map_err(|e| refuse(code(&e), &e))?;
    let mut model = stored::from_imputer(fitted);
    levels_together(&mut model, &table);
    model.levels = (model.features.iter())
        .filter_map(|name| Some((name.clone(), levels(table.column(name)?)?.to_vec())))
        .collect();
    if params.drop_constant {
        drop_constant(&mut model, &table);
    }
    Ok(vec![Produced::bytes("model", model.encode()?)])
}

/// Columns `name=level` of 0 and 1 are one category: what fills them is its most frequent level, the reference where that is
/// it. Column by column the mode of each would be 0, and so the reference, however rare that is.
fn levels_together(model: &mut ImputeModel, table: &Table) {
    let mut groups: BTreeMap<&str, Vec<(usize, &Column)>> = BTreeMap::new();
    for (at, feature) in model.features.iter().enumerate() {
        let Some(column) = table
            .column(feature)
            .filter(|c| c.kind == ColumnKind::Binary)
        else {
            continue;
        };
        if let Some((category, _)) = column.name.split_once('=') {
            groups.entry(category).or_default().push((at, column));
        }
    }
    let mut values = model.values.clone();
    for members in groups.values() {
        let known = |row: &usize| members.iter().all(|(_, c)| !c.values[*row].is_nan());
        let rows: Vec<usize> = (0..table.rows.len()).filter(known).collect();
        let n_of = |c: &Column| rows.iter().filter(|row| c.values[**row] == 1.0).count();
        let n_others: Vec<usize> = members.iter().map(|(_, c)| n_of(c)).collect();
        let n_reference = rows.len().saturating_sub(n_others.iter().sum());
        let most = n_others.iter().copied().max().unwrap_or(0);
        let mut chosen = false;
        for ((at, _), n) in members.iter().zip(&n_others) {
            let is_mode = *n == most && most > n_reference && !chosen;
            chosen |= is_mode;
            values[*at] = f64::from(u8::from(is_mode));
        }
    }
    model.values = values;
}

fn drop_constant(model: &mut ImputeModel, table: &Table) {
    let varies = |feature: &String| {
        let values = table.column(feature).map_or(&[][..], |c| &c.values);
        let mut defined = values.iter().filter(|v| !v.is_nan());
        let first = defined.next();
        defined.any(|v| Some(v) != first)
    };
    let (mut features, mut values, mut n_undefined) = (Vec::new(), Vec::new(), Vec::new());
    for (at, feature) in model.features.iter().enumerate() {
        if varies(feature) {
            features.push(feature.clone());
            values.push(model.values[at]);
            n_undefined.push(model.n_undefined[at]);
        } else {
            model.constant.push(feature.clone());
        }
    }
    (model.features, model.values, model.n_undefined) = (features, values, n_undefined);
}

/// The levels of a column of categories.
pub(super) fn levels(column: &Column) -> Option<&[String]> {
    match &column.kind {
        ColumnKind::Ordinal { levels } | ColumnKind::Nominal { levels } => Some(levels),
        ColumnKind::Numeric | ColumnKind::Binary => None,
    }
}

fn kind(kind: &ColumnKind, strategy: Strategy) -> Kind {
    match kind {
        ColumnKind::Numeric => match strategy {
            Strategy::Median => Kind::Numeric,
            Strategy::Mean => Kind::NumericMean,
        },
        ColumnKind::Binary => Kind::Binary,
        ColumnKind::Ordinal { .. } => Kind::Ordinal,
        ColumnKind::Nominal { .. } => Kind::Nominal,
    }
}

pub(super) fn code(error: &ImputeError) -> &'static str {
    match error {
        ImputeError::Columns(_) | ImputeError::Kinds { .. } => "columns-differ",
        ImputeError::Share { .. } => "max-undefined",
        ImputeError::NoRows => "too-few-patients",
        ImputeError::Infinite { .. } => "values-not-finite",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, run, text};
    use artefact::table::{ColumnKind, Table};
    use serde_json::{Value, json};

    const TABLE: &[u8] = b"patient_id,a,b,stage\np1,1,,I\np2,,,II\np3,4,7,II\np4,3,8,\n";

    fn params(strategy: &str) -> Value {
        json!({"strategy": strategy, "max_undefined": 0.3})
    }

    #[test]
    fn the_median_and_the_mode_fill_and_a_column_too_often_undefined_goes() {
        let model = run("fit-impute", params("median"), &[("table", TABLE.to_vec())]).unwrap();
        assert!(
            text(&model, "model")
                .contains(r#""dropped":[{"feature":"b","n_rows":4,"n_undefined":2}]"#)
        );
        let ports = [
            ("model", content(&model, "model")),
            ("table", TABLE.to_vec()),
        ];
        let out = run("apply-impute", json!({}), &ports).unwrap();
        let filled = text(&out, "table");
        assert_eq!(
            filled.split_once('\n').unwrap().1,
            "patient_id,a,stage\np1,1,I\np2,3,II\np3,4,II\np4,3,II\n"
        );
    }

    #[test]
    fn levels_of_one_category_are_filled_together_and_constants_go() {
        // of six known: I once, II twice, III three times; IV is nobody's here
        let table = b"patient_id,s=II,s=III,s=IV,other=b\np1,0,0,0,0\np2,1,0,0,1\np3,1,0,0,\np4,0,1,0,0\np5,0,1,0,0\np6,0,1,0,0\np7,,,,0\n"
            .to_vec();
        let mut known = Table::decode(&table).unwrap();
        for column in &mut known.columns {
            column.kind = ColumnKind::Binary;
        }
        let table = known.encode().unwrap();
        let with = json!({"strategy": "median", "max_undefined": 0.3, "drop_constant": true});
        let model = run("fit-impute", with, &[("table", table.clone())]).unwrap();
        let text_of = text(&model, "model");
        assert!(text_of.contains(r#""constant":["s=IV"]"#), "{text_of}");
        let ports = [("model", content(&model, "model")), ("table", table)];
        let out = run("apply-impute", json!({}), &ports).unwrap();
        let filled = text(&out, "table");
        assert!(
            filled.contains("\npatient_id,s=II,s=III,other=b\n"),
            "{filled}"
        );
        assert!(
            filled.ends_with("p7,0,1,0\n") && filled.contains("p3,1,0,0\n"),
            "{filled}"
        );
    }

    #[test]
    fn the_mean_fills_numbers_and_the_mode_categories() {
        let table = b"patient_id,a,stage\np1,1,I\np2,,II\np3,2,II\np4,6,\n".to_vec();
        let model = run("fit-impute", params("mean"), &[("table", table)]).unwrap();
        assert!(
            text(&model, "model").contains(r#""values":[3,1]"#)
                || text(&model, "model").contains(r#""values":[3.0,1.0]"#),
            "{}",
            text(&model, "model")
        );
    }
}
