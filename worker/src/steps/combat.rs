//! `combat`, `fit-combat`, `apply-combat`, `adapt-combat`: what scanners and sites add to features, taken away.

use std::collections::BTreeSet;

use artefact::models::StoredModel;
use artefact::table::{Column, ColumnKind, Table};
use ndarray::Array2;
use pipeline_defs::params::{ApplyCombatParams, CombatParams};
use stats::combat::{Combat, CombatError, CombatParams as Settings, Prior, fit_combat};

use super::fit_standardise::numeric_part;
use super::matrix::Matrix;
use super::patients::Patients;
use super::refuse::refuse;
use super::stored::combat::{NamedCombat, from_combat, to_combat};
use crate::step::{Context, Inputs, Produced, StepError};

/// Learns and applies on one table.
pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: CombatParams = context.params()?;
    let rows = Rows::read(inputs, &params.batch, None)?;
    let fitted = learn(&rows, &params)?;
    let table = harmonise(&fitted, &rows)?;
    Ok(vec![
        Produced::bytes("table", table),
        Produced::bytes("model", stored(fitted, &rows)?),
    ])
}

/// Learns from training rows.
pub(super) fn fit(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: CombatParams = context.params()?;
    let rows = Rows::read(inputs, &params.batch, None)?;
    let fitted = learn(&rows, &params)?;
    Ok(vec![Produced::bytes("model", stored(fitted, &rows)?)])
}

/// Applies frozen estimates; a site they do not know is refused.
pub(super) fn apply(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: ApplyCombatParams = context.params()?;
    let named = to_combat(inputs.one("model")?)?;
    let rows = Rows::read(inputs, &params.batch, Some(&named))?;
    Ok(vec![Produced::bytes(
        "table",
        harmonise(&named.combat, &rows)?,
    )])
}

/// Brings rows of sites that were not learned from to the reference, from their features alone.
pub(super) fn adapt(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: ApplyCombatParams = context.params()?;
    let named = to_combat(inputs.one("model")?)?;
    let rows = Rows::read(inputs, &params.batch, Some(&named))?;
    let mut combat = named.combat;
    let sites: BTreeSet<&String> = rows.batch.iter().collect();
    for site in sites {
        if combat.effect(site).is_some() {
            continue;
        }
        let of: Vec<usize> = (0..rows.batch.len())
            .filter(|&i| rows.batch[i] == *site)
            .collect();
        let pick = |x: &Array2<f64>| x.select(ndarray::Axis(0), &of);
        combat = combat
            .adapt(
                pick(&rows.matrix.x).view(),
                &rows.matrix.names,
                site,
                pick(&rows.covariates).view(),
            )
            .map_err(|e| refuse(code(&e), &e))?;
    }
    let table = harmonise(&combat, &rows)?;
    Ok(vec![
        Produced::bytes("table", table),
        Produced::bytes("model", stored(combat, &rows)?),
    ])
}

/// A table with what divides its rows and what is to be kept.
struct Rows {
    table: Table,
    /// the numeric columns
    matrix: Matrix,
    batch: Vec<String>,
    covariates: Array2<f64>,
    covariate_names: Vec<String>,
}

impl Rows {
    /// With a model, its features and covariates; otherwise all numeric columns and all covariates.
    fn read(inputs: &Inputs, batch: &str, model: Option<&NamedCombat>) -> Result<Rows, StepError> {
        let table = Table::decode(inputs.one("table")?)?;
        if table.rows.is_empty() {
            return Err(StepError::refuse("no-patient", "`table` has no patient"));
        }
        let mut matrix = Matrix::coded(&numeric_part(table.clone()));
        if let Some(model) = model {
            matrix = matrix.pick(&model.combat.features)?;
        }
        matrix.complete()?;
        let beside = match inputs.optional("covariates")? {
            Some(bytes) => Some(aligned(Table::decode(bytes)?, &table)?),
            None => None,
        };
        let batch_of_rows = batch_of(&table, beside.as_ref(), batch)?;
        let kept = beside.map(|beside| Table {
            rows: beside.rows,
            columns: beside
                .columns
                .into_iter()
                .filter(|c| c.name != batch)
                .collect(),
        });
        let design = kept.map(|kept| Matrix::design(&kept));
        let (mut names, mut covariates) = match design {
            Some(design) => {
                design.complete()?;
                (design.names, design.x)
            }
            None => (Vec::new(), Array2::zeros((table.rows.len(), 0))),
        };
        if let Some(model) = model {
            covariates = stats::columns::pick_columns(covariates.view(), &names, &model.covariates)
                .map_err(|e| refuse("columns-differ", &e))?;
            names = model.covariates.clone();
        }
        Ok(Rows {
            table,
            matrix,
            batch: batch_of_rows,
            covariates,
            covariate_names: names,
        })
    }
}

/// The rows of `beside` in the order of `table`.
fn aligned(beside: Table, table: &Table) -> Result<Table, StepError> {
    let known = Patients::new(&beside.rows);
    let mut order = Vec::with_capacity(table.rows.len());
    for row in &table.rows {
        let missing = || {
            StepError::refuse(
                "covariates-missing",
                format!("patient `{}` has no row in `covariates`", row.patient_id),
            )
        };
        order.push(known.find(row)?.ok_or_else(missing)?);
    }
    let columns = beside.columns.into_iter().map(|c| Column {
        values: order.iter().map(|&i| c.values[i]).collect(),
        ..c
    });
    Ok(Table {
        rows: table.rows.clone(),
        columns: columns.collect(),
    })
}

fn batch_of(table: &Table, beside: Option<&Table>, batch: &str) -> Result<Vec<String>, StepError> {
    let column = beside
        .and_then(|b| b.column(batch))
        .or_else(|| table.column(batch));
    if let Some(column) = column {
        return Ok(labels(column));
    }
    let known = table.rows.iter().all(|r| !r.site.is_empty());
    match batch {
        "site" if known => Ok(table.rows.iter().map(|r| r.site.clone()).collect()),
        _ => Err(StepError::refuse(
            "batch-missing",
            format!("no column `{batch}` in `table` or `covariates` says which site a row is of"),
        )),
    }
}

fn labels(column: &Column) -> Vec<String> {
    let label = |v: &f64| match &column.kind {
        ColumnKind::Nominal { levels } | ColumnKind::Ordinal { levels, .. } => levels
            .get(*v as usize)
            .cloned()
            .unwrap_or_else(|| artefact::number::text(*v)),
        _ => artefact::number::text(*v),
    };
    column.values.iter().map(label).collect()
}

fn learn(rows: &Rows, params: &CombatParams) -> Result<Combat, StepError> {
    let settings = Settings {
        prior: match (params.no_prior, params.parametric) {
            (true, _) => Prior::None,
            (false, true) => Prior::Parametric,
            (false, false) => Prior::NonParametric,
        },
        mean_only: params.mean_only,
        reference: params.reference.clone(),
    };
    fit_combat(
        rows.matrix.x.view(),
        &rows.matrix.names,
        &rows.batch,
        rows.covariates.view(),
        &settings,
    )
    .map_err(|e| named(&e, &rows.covariate_names))
}

/// The refusal, which calls a covariate by its name: the numeric room knows its place only.
fn named(error: &CombatError, covariates: &[String]) -> StepError {
    let CombatError::Confounded { covariate } = error else {
        return refuse(code(error), error);
    };
    let Some(name) = covariates.get(*covariate) else {
        return refuse(code(error), error);
    };
    let before = match &covariates[..*covariate] {
        [] => String::new(),
        before => format!(" and the covariates before it ({})", before.join(", ")),
    };
    StepError::refuse(
        code(error),
        format!(
            "covariate `{name}` is a combination of the sites{before}, so its effect cannot be told from theirs: leave it out"
        ),
    )
}

/// The table with its numeric columns harmonised; the others stay as they are.
fn harmonise(combat: &Combat, rows: &Rows) -> Result<Vec<u8>, StepError> {
    let done = combat
        .apply(
            rows.matrix.x.view(),
            &rows.matrix.names,
            &rows.batch,
            rows.covariates.view(),
        )
        .map_err(|e| refuse(code(&e), &e))?;
    let mut table = rows.table.clone();
    for (j, name) in rows.matrix.names.iter().enumerate() {
        if let Some(column) = table.columns.iter_mut().find(|c| c.name == *name) {
            column.values = done.x.column(j).to_vec();
        }
    }
    Ok(table.encode()?)
}

fn stored(combat: Combat, rows: &Rows) -> Result<Vec<u8>, StepError> {
    let covariates = rows.covariate_names.clone();
    Ok(from_combat(NamedCombat { combat, covariates }).encode()?)
}

fn code(error: &CombatError) -> &'static str {
    match error {
        CombatError::Columns(_) | CombatError::Covariates { .. } => "columns-differ",
        CombatError::Rows { .. } => "rows-differ",
        CombatError::NotFinite { .. } => "values-undefined",
        CombatError::SmallSite { .. } => "site-too-small",
        CombatError::OneSite { .. } => "one-site",
        CombatError::NoReference { .. } | CombatError::NoReferenceFit { .. } => "no-reference",
        CombatError::UnknownSite { .. } => "site-unknown",
        CombatError::KnownSite { .. } => "site-known",
        CombatError::Confounded { .. } => "covariate-confounded",
        CombatError::FewFeatures { .. } => "too-few-features",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, refusal, run};
    use pipeline_defs::params::{ApplyCombatParams, CombatParams, Params};
    use serde_json::Value;

    /// Three features of two sites; the second is shifted and wider.
    fn table(sites: &[&str]) -> Vec<u8> {
        let mut text = String::from("patient_id,site,a,b,c\n");
        for (s, site) in sites.iter().enumerate() {
            let (shift, scale) = [(0.0, 1.0), (4.0, 2.0), (-3.0, 0.5)][s];
            for i in 0..20 {
                let v = |k: usize| f64::from(((i * (7 + k as i32)) % 19) - 9) * scale + shift;
                text.push_str(&format!("{site}-{i},{site},{},{},{}\n", v(0), v(1), v(2)));
            }
        }
        text.into_bytes()
    }

    fn params(change: impl Fn(&mut CombatParams)) -> Value {
        let mut params = CombatParams::presets().remove(0).1;
        change(&mut params);
        serde_json::to_value(params).unwrap()
    }

    fn by_site() -> Value {
        serde_json::to_value(&ApplyCombatParams::presets()[0].1).unwrap()
    }

    fn mean(csv: &[u8], site: &str) -> f64 {
        let text = String::from_utf8(csv.to_vec()).unwrap();
        let values: Vec<f64> = text
            .lines()
            .filter(|l| l.starts_with(site))
            .map(|l| l.split(',').nth(2).unwrap().parse().unwrap())
            .collect();
        values.iter().sum::<f64>() / values.len() as f64
    }

    #[test]
    fn sites_come_together_and_a_frozen_fit_does_the_same() {
        let both = table(&["c1", "c2"]);
        let out = run("combat", params(|_| {}), &[("table", both.clone())]).unwrap();
        let done = content(&out, "table");
        assert!((mean(&both, "c1") - mean(&both, "c2")).abs() > 3.0);
        assert!((mean(&done, "c1") - mean(&done, "c2")).abs() < 0.5);
        let fitted = run("fit-combat", params(|_| {}), &[("table", both.clone())]).unwrap();
        let model = content(&fitted, "model");
        assert_eq!(model, content(&out, "model"));
        let ports = [("model", model), ("table", both)];
        let again = run("apply-combat", by_site(), &ports).unwrap();
        assert_eq!(content(&again, "table"), done);
    }

    #[test]
    fn a_covariate_that_only_says_the_site_is_called_by_its_name() {
        let sites = ["c1", "c2"];
        let mut beside = String::from("patient_id,site,age,scanner\n");
        for (s, site) in sites.iter().enumerate() {
            for i in 0..20 {
                beside.push_str(&format!(
                    "{site}-{i},{site},{},{}\n",
                    40 + (i * 7) % 23,
                    s + 3
                ));
            }
        }
        let ports = [
            ("table", table(&sites)),
            ("covariates", beside.into_bytes()),
        ];
        let (code, message) = refusal(run("combat", params(|_| {}), &ports));
        assert_eq!(code, "covariate-confounded");
        assert_eq!(
            message,
            "covariate `scanner` is a combination of the sites and the covariates before it (age), so its effect cannot be told \
             from theirs: leave it out"
        );
    }

    #[test]
    fn an_unseen_site_is_adapted_to_the_reference() {
        let towards = params(|p| p.reference = Some("c1".into()));
        let fitted = run("fit-combat", towards, &[("table", table(&["c1", "c2"]))]).unwrap();
        let all = table(&["c1", "c2", "c3"]);
        let ports = [("model", content(&fitted, "model")), ("table", all.clone())];
        assert_eq!(
            refusal(run("apply-combat", by_site(), &ports)).0,
            "site-unknown"
        );
        let out = run("adapt-combat", by_site(), &ports).unwrap();
        let done = content(&out, "table");
        assert!((mean(&done, "c3") - mean(&done, "c1")).abs() < 0.5);
        assert_eq!(mean(&done, "c1"), mean(&all, "c1"), "the reference stays");
    }

    /// Folds inside one centre: the fit has that centre alone, and the test rows may have a few of another.
    #[test]
    fn a_fit_on_one_centre_leaves_it_as_it_is_and_takes_few_rows_of_another() {
        let towards = params(|p| p.reference = Some("c1".into()));
        let fitted = run("fit-combat", towards, &[("table", table(&["c1"]))]).unwrap();
        let adapt = |table: Vec<u8>| {
            let ports = [("model", content(&fitted, "model")), ("table", table)];
            run("adapt-combat", by_site(), &ports).unwrap()
        };
        assert_eq!(content(&adapt(table(&["c1"])), "table"), {
            let table = artefact::table::Table::decode(&table(&["c1"])).unwrap();
            table.encode().unwrap()
        });
        let all = String::from_utf8(table(&["c1", "c2"])).unwrap();
        for n in [1, 2, 20] {
            // the header, 20 rows of the reference, and the first of the other centre
            let few: String = all.split_inclusive('\n').take(21 + n).collect();
            let out = adapt(few.clone().into_bytes());
            let done = content(&out, "table");
            assert_eq!(mean(&done, "c1"), mean(few.as_bytes(), "c1"));
            let model: Value = serde_json::from_slice(&content(&out, "model")).unwrap();
            let site = &model["sites"][1];
            assert_eq!(
                (&site["site"], &site["n_patients"]),
                (&"c2".into(), &n.into())
            );
            assert_eq!(site["note"].is_string(), n == 1, "{site}");
            assert!(mean(&done, "c2").abs() < mean(few.as_bytes(), "c2").abs());
        }
    }

    #[test]
    fn rows_without_a_site_are_refused() {
        let table = b"patient_id,a,b\np1,1,2\np2,2,3\n".to_vec();
        let (code, message) = refusal(run("combat", params(|_| {}), &[("table", table)]));
        assert_eq!(code, "batch-missing");
        assert!(message.contains("`site`"), "{message}");
    }
}
