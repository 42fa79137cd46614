//! `univariable-table`: one variable at a time: patients, events, hazard ratio, tests.
//!
//! A variable with levels has a row a level, the first that somebody has is the reference; its log-rank P and what is made
//! of it stand in the reference's row. A variable of numbers has one row, its hazard ratio is per unit. Columns `a=…` of 0
//! and 1 are levels of one variable, whose reference is the one that their unit names, else `other`; `a>7` is the variable `a` cut at 7. Patients without a value are left out of that
//! variable only.

use std::collections::BTreeMap;
use std::fmt::Write;

use artefact::number;
use artefact::refusal::Refusal;
use artefact::table::{Column, ColumnKind, Table};
use cohort::FollowUp;
use ndarray::Array2;
use pipeline_defs::params::UnivariableTableParams;
use stats::censored::log_rank;
use stats::compare::holm;
use stats::cox::{CoefficientRow, CoxParams, fit_cox};

use super::cuts::{self, Cut};
use super::learn::Training;
use super::model_columns::{AGAINST, levels};
use super::patients::follow_up_of;
use crate::step::{Context, Inputs, Produced, StepError};

const HEADER: &str =
    "variable,level,n,n_events,hr,lower,upper,p_wald,p_logrank,p_adjusted,p_holm,note\n";

/// Cuts by column; of some columns the search was refused.
type Cuts = BTreeMap<String, Result<Cut, Refusal>>;

/// A variable of the table.
struct Variable {
    name: String,
    values: Values,
    /// P of the search for its cut.
    p_cut: Option<f64>,
    /// Why it has no cut.
    note: String,
}

enum Values {
    /// Levels, and that of each row.
    Levels(Vec<String>, Vec<Option<usize>>),
    Numbers(Vec<f64>),
}

/// One line.
#[derive(Default)]
struct Line {
    level: String,
    n: usize,
    n_events: usize,
    ratio: Option<CoefficientRow>,
    is_reference: bool,
    note: String,
}

/// The lines of a variable with its tests.
struct Told {
    variable: String,
    lines: Vec<Line>,
    p_log_rank: Option<f64>,
    p_cut: Option<f64>,
}

impl Told {
    /// The P that multiplicity is about: of the search for a cut, else between the levels, else of the slope.
    fn p(&self) -> Option<f64> {
        let slope = self
            .lines
            .first()
            .and_then(|l| l.ratio.as_ref())
            .map(|r| r.p);
        self.p_cut
            .or(self.p_log_rank)
            .or(slope)
            .filter(|p| p.is_finite())
    }
}

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: UnivariableTableParams = context.params()?;
    let table = Training::table(inputs)?;
    let outcome = artefact::follow_up::FollowUpTable::decode(inputs.one("followup")?)?;
    let follow_up = follow_up_of(&table.rows, &outcome)?;
    let cuts = cuts::read(inputs)?;
    let told: Vec<Told> = variables(&table, &cuts)
        .into_iter()
        .map(|variable| told(variable, &follow_up, params.level))
        .collect();
    let text = written(&told);
    Ok(vec![Produced::bytes("univariable", text.into_bytes())])
}

fn variables(table: &Table, cuts: &Cuts) -> Vec<Variable> {
    let mut found: Vec<Variable> = Vec::new();
    let mut done: Vec<&str> = Vec::new();
    for column in &table.columns {
        let binary = column.kind == ColumnKind::Binary;
        let group = column.name.split_once('=').filter(|_| binary);
        match group {
            Some((name, _)) if done.contains(&name) => {}
            Some((name, _)) => {
                done.push(name);
                found.push(grouped(table, name));
            }
            None => found.push(single(column, cuts)),
        }
    }
    found
}

/// Columns `name=level` of 0 and 1 as one variable.
fn grouped(table: &Table, name: &str) -> Variable {
    let of = |c: &&Column| {
        c.kind == ColumnKind::Binary && c.name.split_once('=').is_some_and(|(n, _)| n == name)
    };
    let columns: Vec<&Column> = table.columns.iter().filter(of).collect();
    let reference = columns.first().and_then(|c| c.unit.as_deref());
    let reference = reference.and_then(|unit| unit.strip_prefix(AGAINST));
    let mut names = vec![reference.unwrap_or("other").to_owned()];
    let level = |c: &&Column| {
        c.name
            .split_once('=')
            .map_or("", |(_, level)| level)
            .to_owned()
    };
    names.extend(columns.iter().map(level));
    let at = |row: usize| {
        let values: Vec<f64> = columns.iter().map(|c| c.values[row]).collect();
        let missing = values.iter().any(|v| v.is_nan());
        (!missing).then(|| values.iter().position(|v| *v == 1.0).map_or(0, |k| k + 1))
    };
    Variable {
        name: name.to_owned(),
        values: Values::Levels(names, (0..table.rows.len()).map(at).collect()),
        p_cut: None,
        note: String::new(),
    }
}

fn single(column: &Column, cuts: &Cuts) -> Variable {
    let of = |name: &str, values, p_cut| Variable {
        name: name.to_owned(),
        values,
        p_cut,
        note: match cuts.get(name) {
            Some(Err(refusal)) => format!("not cut: {}", refusal.message),
            _ => String::new(),
        },
    };
    let cut_of = |name: &str| cuts.get(name).and_then(|cut| cut.as_ref().ok());
    let side = |cut: &str| vec![format!("≤{cut}"), format!(">{cut}")];
    if let (ColumnKind::Binary, Some((name, cut))) = (&column.kind, column.name.split_once('>')) {
        let of_row = |v: &f64| (!v.is_nan()).then(|| usize::from(*v == 1.0));
        let rows = column.values.iter().map(of_row).collect();
        let p = cut_of(name).and_then(|c| c.p_adjusted);
        return of(name, Values::Levels(side(cut), rows), p);
    }
    let is_number = column.kind == ColumnKind::Numeric;
    if let Some(cut) = cut_of(&column.name).filter(|_| is_number) {
        let of_row = |v: &f64| (!v.is_nan()).then(|| usize::from(*v > cut.cut));
        let rows = column.values.iter().map(of_row).collect();
        let sides = side(&number::text(cut.cut));
        return of(&column.name, Values::Levels(sides, rows), cut.p_adjusted);
    }
    let two = column
        .values
        .iter()
        .all(|v| v.is_nan() || *v == 0.0 || *v == 1.0);
    if is_number && !two {
        return of(&column.name, Values::Numbers(column.values.clone()), None);
    }
    let (names, rows) = levels(column);
    of(&column.name, Values::Levels(names, rows), None)
}

fn told(variable: Variable, follow_up: &FollowUp, level: f64) -> Told {
    let name = &variable.name;
    let (mut lines, p_log_rank) = match &variable.values {
        Values::Levels(names, of) => by_level(name, names, of, follow_up, level),
        Values::Numbers(values) => (vec![per_unit(name, values, follow_up, level)], None),
    };
    if let Some(first) = lines.first_mut() {
        first.note = join(&first.note, &variable.note);
    }
    Told {
        variable: variable.name,
        lines,
        p_log_rank,
        p_cut: variable.p_cut,
    }
}

fn join(a: &str, b: &str) -> String {
    match (a.is_empty(), b.is_empty()) {
        (true, _) => b.to_owned(),
        (_, true) => a.to_owned(),
        _ => format!("{a}; {b}"),
    }
}

/// How many are left out, where some are.
fn without(n: usize) -> String {
    match n {
        0 => String::new(),
        n => format!("{n} without a value"),
    }
}

fn by_level(
    variable: &str,
    names: &[String],
    of: &[Option<usize>],
    follow_up: &FollowUp,
    level: f64,
) -> (Vec<Line>, Option<f64>) {
    let rows: Vec<usize> = (0..of.len()).filter(|&row| of[row].is_some()).collect();
    let known = follow_up.select(&rows);
    let group: Vec<usize> = rows.iter().filter_map(|&row| of[row]).collect();
    let had: Vec<usize> = (0..names.len()).filter(|at| group.contains(at)).collect();
    let mut lines: Vec<Line> = had
        .iter()
        .map(|at| {
            let counted = group.iter().zip(known.event()).filter(|(g, _)| *g == at);
            let (n, n_events) = counted.fold((0, 0), |(n, e), (_, event)| {
                (n + 1, e + usize::from(*event))
            });
            Line {
                level: names[*at].clone(),
                n,
                n_events,
                ..Line::default()
            }
        })
        .collect();
    let Some(first) = lines.first_mut() else {
        let nobody = Line {
            note: "nobody has a value".to_owned(),
            ..Line::default()
        };
        return (vec![nobody], None);
    };
    first.is_reference = true;
    first.note = join("reference", &without(of.len() - rows.len()));
    if had.len() < 2 {
        first.note = join(&first.note, "all patients have this level");
        return (lines, None);
    }
    let x = Array2::from_shape_fn((group.len(), had.len() - 1), |(i, j)| {
        f64::from(u8::from(group[i] == had[j + 1]))
    });
    let labels: Vec<String> = (had[1..].iter())
        .map(|at| format!("{variable}={}", names[*at]))
        .collect();
    match ratios(&x, &labels, &known, level) {
        Ok(ratios) => {
            for (line, ratio) in lines[1..].iter_mut().zip(ratios) {
                line.ratio = Some(ratio);
            }
        }
        Err(why) => lines[1..]
            .iter_mut()
            .for_each(|line| line.note.clone_from(&why)),
    }
    let p = match log_rank(&known, &group, 0.0) {
        Ok(test) => Some(test.p),
        Err(why) => {
            lines[0].note = join(&lines[0].note, &format!("no log-rank test: {why}"));
            None
        }
    };
    (lines, p)
}

fn per_unit(variable: &str, values: &[f64], follow_up: &FollowUp, level: f64) -> Line {
    let rows: Vec<usize> = (0..values.len())
        .filter(|&row| !values[row].is_nan())
        .collect();
    let known = follow_up.select(&rows);
    let x = Array2::from_shape_fn((rows.len(), 1), |(i, _)| values[rows[i]]);
    let mut line = Line {
        n: known.len(),
        n_events: known.n_events(),
        note: join("per unit", &without(values.len() - rows.len())),
        ..Line::default()
    };
    match ratios(&x, &[variable.to_owned()], &known, level) {
        Ok(ratios) => line.ratio = ratios.into_iter().next(),
        Err(why) => line.note = join(&line.note, &why),
    }
    line
}

/// Hazard ratios by Cox's model with Efron's ties, or why there are none.
fn ratios(
    x: &Array2<f64>,
    names: &[String],
    follow_up: &FollowUp,
    level: f64,
) -> Result<Vec<CoefficientRow>, String> {
    let fit = fit_cox(x.view(), names, follow_up, &CoxParams::efron())
        .map_err(|why| format!("no hazard ratio: {why}"))?;
    fit.table(level)
        .ok_or_else(|| "no hazard ratio: no such level".to_owned())
}

fn written(all: &[Told]) -> String {
    let with: Vec<(usize, f64)> = all
        .iter()
        .enumerate()
        .filter_map(|(i, t)| Some((i, t.p()?)))
        .collect();
    let p: Vec<f64> = with.iter().map(|(_, p)| *p).collect();
    let corrected: BTreeMap<usize, f64> = with.iter().map(|(i, _)| *i).zip(holm(&p)).collect();
    let cell = |value: Option<f64>| {
        value
            .filter(|v| v.is_finite())
            .map(number::text)
            .unwrap_or_default()
    };
    let mut text = HEADER.to_owned();
    for (i, told) in all.iter().enumerate() {
        for (k, line) in told.lines.iter().enumerate() {
            let of_variable = |p: Option<f64>| cell(p.filter(|_| k == 0));
            let ratio = line.ratio.as_ref();
            let hazard = match line.is_reference {
                true => "1".to_owned(),
                false => cell(ratio.map(|r| r.hazard_ratio)),
            };
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{},{},{},{},{hazard},{},{},{},{},{},{},{}",
                artefact::csv_field(&told.variable),
                artefact::csv_field(&line.level),
                line.n,
                line.n_events,
                cell(ratio.map(|r| r.lower)),
                cell(ratio.map(|r| r.upper)),
                cell(ratio.map(|r| r.p)),
                of_variable(told.p_log_rank),
                of_variable(told.p_cut),
                of_variable(corrected.get(&i).copied()),
                artefact::csv_field(&line.note),
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{
        content, gathered, inputs, learnable, only, oracle, run, run_on, survival_data, text,
    };
    use crate::step::Produced;
    use artefact::refusal::Refusal;
    use serde_json::{Value, json};

    fn table(ports: &[(&str, Vec<u8>)]) -> Vec<Produced> {
        run("univariable-table", json!({"level": 0.95}), ports).unwrap()
    }

    fn cells(out: &[Produced]) -> Vec<Vec<String>> {
        let text = text(out, "univariable");
        let lines = text.lines().skip(1);
        lines
            .map(|l| l.split(',').map(str::to_owned).collect())
            .collect()
    }

    #[test]
    fn a_cut_variable_has_two_levels_and_the_p_of_the_search() {
        let (data, followup) = learnable(90);
        let data = only(&data, &["signal", "noise"]);
        let cut = json!({"column": "signal", "cut": 50.0, "p_adjusted": 0.004}).to_string();
        let ports = [
            ("table", data.clone()),
            ("followup", followup.clone()),
            ("cuts", cut.into_bytes()),
        ];
        let rows = cells(&table(&ports));
        assert_eq!(rows.len(), 3);
        assert_eq!(
            (
                rows[0][0].as_str(),
                rows[0][1].as_str(),
                rows[0][4].as_str()
            ),
            ("signal", "≤50", "1")
        );
        assert_eq!((rows[1][1].as_str(), rows[2][1].as_str()), (">50", ""));
        let number = |cell: &str| cell.parse::<f64>().unwrap();
        assert!(number(&rows[1][4]) > 2.0 && number(&rows[0][8]) < 1e-3);
        assert_eq!(rows[0][9], "0.004");
        assert_eq!(number(&rows[0][10]), 0.008, "two variables");
        assert!(rows[2][11].starts_with("per unit"));
        let n: usize = rows[..2]
            .iter()
            .map(|r| r[2].parse::<usize>().unwrap())
            .sum();
        assert_eq!(n, 90);
        // The log-rank P is that of kaplan-meier with the same cut.
        let km = json!({"group": "signal", "cut": 50.0, "horizons": [12.0], "level": 0.95});
        let km = run("kaplan-meier", km, &ports[..2]).unwrap();
        let km: Value = serde_json::from_slice(&content(&km, "curves")).unwrap();
        let wanted = km["log_rank"]["rho_0"]["p"].as_f64().unwrap();
        assert_eq!(number(&rows[0][8]), wanted);
    }

    #[test]
    fn a_refused_search_leaves_the_variable_whole_with_the_reason() {
        let (data, followup) = learnable(40);
        let mut inputs = inputs(&[
            ("table", only(&data, &["signal", "noise"])),
            ("followup", followup),
        ]);
        let refused = Refusal {
            code: "cut-point".to_owned(),
            message: "2 events".to_owned(),
            kind: "cut-point".to_owned(),
        };
        let entries = gathered(vec![(vec![("marker", "signal")], Err(refused))]);
        inputs.ports.insert("cuts".to_owned(), entries);
        let out = run_on("univariable-table", json!({"level": 0.95}), &inputs).unwrap();
        let rows = cells(&out);
        assert_eq!(rows[0][11], "per unit; not cut: 2 events");
        assert_eq!(rows[1][11], "per unit");
    }

    #[test]
    fn levels_of_a_stage_and_their_columns_are_the_same_rows() {
        let (_, followup) = learnable(60);
        let stage = |i: usize| ["I", "II", "III"][(i * 7) % 3];
        let nominal: String = (0..60).map(|i| format!("p{i:03},{}\n", stage(i))).collect();
        let nominal = format!("patient_id,stage\n{nominal}").into_bytes();
        let columns = json!({"columns": [], "transform": {}, "reference": {}, "merge": {}, "dichotomise": false});
        let made = run("model-columns", columns, &[("table", nominal.clone())]).unwrap();
        let of = |data: Vec<u8>| cells(&table(&[("table", data), ("followup", followup.clone())]));
        let (a, b) = (of(nominal), of(content(&made, "table")));
        assert_eq!(a[0][1], "I");
        assert_eq!(a, b);
        // Columns that do not say what they are against have a reference without a name.
        let made = String::from_utf8(content(&made, "table")).unwrap();
        let (described, rows) = made.split_once('\n').unwrap();
        let described = described.replace(",\"unit\":\"against I\"", "");
        let c = of(format!("{described}\n{rows}").into_bytes());
        assert_eq!(c[0][1], "other");
        assert_eq!(a[0][2..], c[0][2..]);
    }

    #[test]
    fn what_cannot_be_estimated_is_told_and_the_others_stand() {
        let followup =
            b"patient_id,time,event\na,1,1\nb,2,1\nc,3,0\nd,4,1\ne,5,0\nf,6,1\n".to_vec();
        let data = b"patient_id,same,apart,x\na,1,yes,2\nb,1,yes,1\nc,1,no,\nd,1,no,4\ne,1,no,3\nf,1,no,1\n";
        let rows = cells(&table(&[("table", data.to_vec()), ("followup", followup)]));
        assert!(
            rows[0][11].contains("all patients have this level"),
            "{rows:?}"
        );
        let apart = rows
            .iter()
            .find(|r| r[0] == "apart" && r[1] == "yes")
            .unwrap();
        assert!(
            apart[4].is_empty() && apart[11].starts_with("no hazard ratio"),
            "{apart:?}"
        );
        let x = rows.iter().find(|r| r[0] == "x").unwrap();
        assert_eq!(
            (x[2].as_str(), x[11].as_str()),
            ("5", "per unit; 1 without a value")
        );
    }

    #[test]
    fn a_variable_of_numbers_has_the_hazard_ratio_of_cox_regression() {
        let Some(data) = oracle("survival/data/veteran.csv") else {
            return;
        };
        let (data, followup) = survival_data(&data);
        let data = only(&data, &["karno"]);
        let ports = [("table", data), ("followup", followup)];
        let rows = cells(&table(&ports));
        let params = json!({"ties": "efron", "strata": null, "weights": null, "zph": "km"});
        let cox = run("cox-regression", params, &ports).unwrap();
        let cox: Value = serde_json::from_slice(&content(&cox, "cox")).unwrap();
        let hr: f64 = rows[0][4].parse().unwrap();
        assert!((hr - cox["hr"]["karno"].as_f64().unwrap()).abs() < 1e-12);
    }
}
