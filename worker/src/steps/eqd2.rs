//! `eqd2`: courses of radiotherapy as one dose in fractions of 2 Gy.

use artefact::table::{Column, ColumnKind, Table};
use pipeline_defs::params::{DoseCourse, Eqd2Params};
use stats::radiobiology::{Course, eqd2};

use super::labels::missing;
use super::refuse::refuse;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: Eqd2Params = context.params()?;
    let mut table = Table::decode(inputs.one("table")?)?;
    if table.column(&params.column).is_some() {
        return Err(StepError::refuse(
            "column-twice",
            format!(
                "`table` has a column `{}` already; set `column` to another name",
                params.column
            ),
        ));
    }
    let courses = params
        .courses
        .iter()
        .map(|course| Doses::read(&table, course))
        .collect::<Result<Vec<_>, _>>()?;
    let values = (0..table.rows.len())
        .map(|row| dose(&table, &courses, params.alpha_beta_gy, row))
        .collect::<Result<_, _>>()?;
    table.columns.push(Column {
        name: params.column,
        kind: ColumnKind::Numeric,
        unit: Some("Gy".to_owned()),
        values,
    });
    Ok(vec![Produced::bytes("table", table.encode()?)])
}

/// One course: total dose and dose of a fraction of every row, NaN where not known.
struct Doses {
    dose_gy: Vec<f64>,
    per_fraction_gy: Vec<f64>,
}

impl Doses {
    fn read(table: &Table, course: &DoseCourse) -> Result<Doses, StepError> {
        let numbers = |name: &str| {
            let column = table
                .column(name)
                .ok_or_else(|| missing(table, name, "courses"))?;
            match column.kind {
                ColumnKind::Numeric | ColumnKind::Binary => Ok(column.values.clone()),
                _ => Err(StepError::refuse(
                    "values-not-numbers",
                    format!("column `{name}` has words where doses are needed"),
                )),
            }
        };
        let dose_gy = numbers(&course.dose)?;
        let same = |value: f64| vec![value; dose_gy.len()];
        // no dose needs no fractions
        let divided = |fractions: Vec<f64>| -> Vec<f64> {
            let one = |(d, n): (&f64, &f64)| if *d == 0.0 { 0.0 } else { d / n };
            dose_gy.iter().zip(&fractions).map(one).collect()
        };
        let per_fraction_gy = match course {
            DoseCourse {
                per_fraction_gy: Some(gy),
                ..
            } => same(*gy),
            DoseCourse {
                fractions: Some(n), ..
            } => divided(same(*n)),
            DoseCourse {
                per_fraction_column: Some(name),
                ..
            } => numbers(name)?,
            DoseCourse {
                fractions_column: Some(name),
                ..
            } => divided(numbers(name)?),
            _ => {
                return Err(StepError::Bug(
                    "a course without fractions was let through".to_owned(),
                ));
            }
        };
        Ok(Doses {
            dose_gy,
            per_fraction_gy,
        })
    }
}

/// Undefined where a dose or its fractionation is.
fn dose(
    table: &Table,
    courses: &[Doses],
    alpha_beta_gy: f64,
    row: usize,
) -> Result<f64, StepError> {
    let course = |c: &Doses| Course {
        dose_gy: c.dose_gy[row],
        per_fraction_gy: c.per_fraction_gy[row],
    };
    let courses: Vec<Course> = courses.iter().map(course).collect();
    let unknown = |c: &Course| c.dose_gy.is_nan() || c.per_fraction_gy.is_nan();
    if courses.iter().any(unknown) {
        return Ok(f64::NAN);
    }
    eqd2(&courses, alpha_beta_gy).map_err(|e| {
        let StepError::Refuse { code, message } = refuse("dose", &e) else {
            return StepError::Bug(e.to_string());
        };
        let patient = &table.rows[row].patient_id;
        StepError::refuse(&code, format!("table, patient `{patient}`: {message}"))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, refusal, run};
    use super::*;
    use cohort::synth::{SynthSize, SynthSpec, tables};
    use serde_json::{Value, json};

    fn params(courses: Value) -> Value {
        json!({"courses": courses, "alpha_beta_gy": 10.0, "column": "eqd2_gy"})
    }

    fn values(table: &str, courses: Value) -> Vec<f64> {
        let ports = [("table", table.as_bytes().to_vec())];
        let out = run("eqd2", params(courses), &ports).unwrap();
        let table = Table::decode(&content(&out, "table")).unwrap();
        table.column("eqd2_gy").unwrap().values.clone()
    }

    #[test]
    fn fractions_are_told_in_four_ways() {
        let table = "patient_id,ebrt,n,per\na,45,25,1.8\nb,0,0,0\nc,50.4,,1.8\n";
        let told = [
            json!([{"dose": "ebrt", "per_fraction_column": "per"}]),
            json!([{"dose": "ebrt", "per_fraction_gy": 1.8}]),
            json!([{"dose": "ebrt", "fractions": 25.0}]),
            json!([{"dose": "ebrt", "fractions_column": "n"}]),
        ];
        for courses in &told {
            let got = values(table, courses.clone());
            // 45 Gy in 25 fractions of 1.8 Gy
            assert!(
                (got[0] - 44.25).abs() < 1e-12 && got[1] == 0.0,
                "{courses} {got:?}"
            );
        }
        assert!(values(table, told[3].clone())[2].is_nan());
    }

    #[test]
    fn the_synthetic_centre_has_the_mean_of_the_paper() {
        let cohort = tables(&SynthSpec::paper(), SynthSize::Demo, 1).unwrap();
        let mut table = String::from("patient_id,ebrt_gy,icbt_gy\n");
        for p in cohort.patients.iter().filter(|p| p.site == "c1") {
            table.push_str(&format!("{},{},{}\n", p.patient_id, p.ebrt_gy, p.icbt_gy));
        }
        let courses = json!([
            {"dose": "ebrt_gy", "per_fraction_gy": 1.8},
            {"dose": "icbt_gy", "per_fraction_gy": 6.0}
        ]);
        let got = values(&table, courses);
        assert!(got.len() > 100);
        let mean = got.iter().sum::<f64>() / got.len() as f64;
        assert!((mean - 86.144).abs() < 0.01, "{mean}");
    }

    #[test]
    fn a_negative_dose_and_an_absent_column_are_refused() {
        let table = b"patient_id,ebrt\na,45\nb,-2\n".to_vec();
        let ports = [("table", table)];
        let set = params(json!([{"dose": "ebrt", "fractions": 25.0}]));
        let (code, message) = refusal(run("eqd2", set, &ports));
        assert_eq!(code, "dose");
        assert!(message.contains("patient `b`"), "{message}");
        let set = params(json!([{"dose": "icbt", "fractions": 5.0}]));
        assert_eq!(refusal(run("eqd2", set, &ports)).0, "courses-missing");
    }
}
