//! `icc`: how far two readings of the same patients agree, feature by feature.

use artefact::number;
use artefact::table::Table;
use ndarray::Array2;
use pipeline_defs::params::{IccForm as Named, IccJudged, IccParams};
use stats::icc::{IccError, IccForm, icc};

use super::matrix::Matrix;
use super::patients::Patients;
use super::refuse::refuse;
use crate::step::{Context, Inputs, Produced, StepError};

const HEADER: &str = "feature,icc,lower,upper,kept,n,reason\n";

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: IccParams = context.params()?;
    let first = Matrix::coded(&Table::decode(inputs.one("first")?)?);
    let second = Matrix::coded(&Table::decode(inputs.one("second")?)?);
    let pairs = pairs(&first, &second)?;
    let mut text = HEADER.to_owned();
    for (column, name) in first.names.iter().enumerate() {
        let Some(other) = second.names.iter().position(|n| n == name) else {
            return Err(StepError::refuse(
                "columns-differ",
                format!(
                    "feature `{name}` of `first` is not in `second`; extract both with the same settings"
                ),
            ));
        };
        let readings: Vec<[f64; 2]> = pairs
            .iter()
            .map(|&(i, j)| [first.x[[i, column]], second.x[[j, other]]])
            .filter(|pair| pair.iter().all(|v| !v.is_nan()))
            .collect();
        text.push_str(&row(name, &readings, &params)?);
    }
    Ok(vec![Produced::bytes("icc", text.into_bytes())])
}

/// Rows of the patients that both tables have.
fn pairs(first: &Matrix, second: &Matrix) -> Result<Vec<(usize, usize)>, StepError> {
    let known = Patients::new(&second.rows);
    let mut pairs = Vec::new();
    for (i, row) in first.rows.iter().enumerate() {
        if let Some(j) = known.find(row)? {
            pairs.push((i, j));
        }
    }
    if pairs.len() < 2 {
        return Err(StepError::refuse(
            "too-few-patients",
            format!(
                "{} patients are in both tables ({} and {}), at least 2 are needed",
                pairs.len(),
                first.rows.len(),
                second.rows.len()
            ),
        ));
    }
    Ok(pairs)
}

fn row(name: &str, readings: &[[f64; 2]], params: &IccParams) -> Result<String, StepError> {
    let (name, n) = (artefact::csv_field(name), readings.len());
    let x = Array2::from_shape_fn((n, 2), |(i, j)| readings[i][j]);
    let table = match icc(x.view(), params.level) {
        Ok(table) => table,
        // A feature without variation or without readings agrees with nothing: an answer, not a failure.
        Err(why @ (IccError::NoVariation { .. } | IccError::TooFew { .. })) => {
            return Ok(format!(
                "{name},,,,false,{n},{}\n",
                artefact::csv_field(&why.to_string())
            ));
        }
        Err(other) => return Err(refuse("icc", &other)),
    };
    let found = table.form(form(params.form));
    let ends = found.interval.map(|i| (i.lower, i.upper));
    let judged = match params.judged {
        IccJudged::Estimate => Some(found.value),
        IccJudged::Lower => ends.map(|e| e.0),
    };
    let kept = judged.is_some_and(|v| v >= params.threshold);
    let cell = |value: Option<f64>| value.map(number::text).unwrap_or_default();
    Ok(format!(
        "{name},{},{},{},{kept},{n},\n",
        number::text(found.value),
        cell(ends.map(|e| e.0)),
        cell(ends.map(|e| e.1)),
    ))
}

pub(super) fn form(named: Named) -> IccForm {
    match named {
        Named::OneWay => IccForm::OneWay,
        Named::Agreement => IccForm::Agreement,
        Named::Consistency => IccForm::Consistency,
        Named::OneWayMean => IccForm::OneWayMean,
        Named::AgreementMean => IccForm::AgreementMean,
        Named::ConsistencyMean => IccForm::ConsistencyMean,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, oracle, refusal, run};
    use pipeline_defs::params::{IccParams, Params};
    use serde_json::Value;

    fn params() -> Value {
        serde_json::to_value(&IccParams::presets()[0].1).unwrap()
    }

    #[test]
    fn a_feature_without_variation_has_a_reason_and_is_not_kept() {
        let first = b"patient_id,a,b\np1,1,5\np2,2,5\np3,4,5\n".to_vec();
        let second = b"patient_id,b,a\np3,5,4.1\np1,5,1\np2,5,2.2\nq,5,9\n".to_vec();
        let out = run("icc", params(), &[("first", first), ("second", second)]).unwrap();
        let text = String::from_utf8(content(&out, "icc")).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[1].starts_with("a,0.99") && lines[1].contains(",true,3"),
            "{text}"
        );
        assert!(
            lines[2].starts_with("b,,,,false,3,all readings are 5"),
            "{text}"
        );
    }

    #[test]
    fn tables_without_common_patients_are_refused() {
        let (first, second) = (
            b"patient_id,a\np1,1\n".to_vec(),
            b"patient_id,a\nq1,1\n".to_vec(),
        );
        let ports = [("first", first), ("second", second)];
        assert_eq!(refusal(run("icc", params(), &ports)).0, "too-few-patients");
    }

    #[test]
    fn the_reference_table_gives_the_reference_value() {
        let (Some(data), Some(wanted)) = (
            oracle("survival/a_icc/synthetic50x2.csv"),
            oracle("survival/a_icc/psych_synthetic50x2.json"),
        ) else {
            return;
        };
        let text = String::from_utf8(data).unwrap();
        let column = |at: usize| -> Vec<u8> {
            let rows = text.lines().skip(1).enumerate().map(|(i, line)| {
                let cells: Vec<&str> = line.split(',').collect();
                format!("p{i:02},{}\n", cells[cells.len() - 2 + at])
            });
            format!("patient_id,a\n{}", rows.collect::<String>()).into_bytes()
        };
        let out = run(
            "icc",
            params(),
            &[("first", column(0)), ("second", column(1))],
        )
        .unwrap();
        let text = String::from_utf8(content(&out, "icc")).unwrap();
        let ours: f64 = text
            .lines()
            .nth(1)
            .unwrap()
            .split(',')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        let wanted = String::from_utf8(wanted).unwrap();
        let found =
            wanted.split(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-' || c == 'e'));
        let near = found
            .filter_map(|w| w.parse::<f64>().ok())
            .any(|w| (w - ours).abs() < 1e-8);
        assert!(near, "{ours} is not among the reference values");
    }
}
