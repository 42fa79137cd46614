//! `competing-risks`: incidences of each cause among others, and what moves one of them.

use std::fmt::Write;

use artefact::RowId;
use artefact::number::text;
use artefact::table::{Column, Table};
use pipeline_defs::params::CompetingRisksParams;
use serde_json::{Map, Value, json};
use stats::competing::{
    CompetingError, CompetingRisks, CumulativeIncidence, FineGray, aalen_johansen, fit_fine_gray,
};
use stats::cox::CoxParams;
use stats::special::{normal_quantile, normal_two_sided};

use super::learn::cox_code;
use super::matrix::Matrix;
use super::patients::Patients;
use super::refuse::refuse;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: CompetingRisksParams = context.params()?;
    let outcome = Outcome::read(inputs.one("followup")?)?;
    let matrix = match inputs.optional("table")? {
        Some(bytes) => {
            let mut table = Table::decode(bytes)?;
            table.sort_rows();
            let matrix = Matrix::design(&table);
            matrix.complete()?;
            Some(matrix)
        }
        None => None,
    };
    let risks = match &matrix {
        Some(matrix) => outcome.of(&matrix.rows)?,
        None => outcome.all()?,
    };
    let z = normal_quantile(0.5 + params.level / 2.0).unwrap_or_default();
    let mut causes: Vec<usize> = risks.cause().iter().copied().filter(|c| *c > 0).collect();
    causes.sort_unstable();
    causes.dedup();
    let (mut told, mut csv) = (
        Map::new(),
        String::from("cause,time,incidence,std_err,lower,upper\n"),
    );
    for cause in causes {
        let curve = aalen_johansen(&risks, cause).map_err(|e| failed(&e))?;
        told.insert(
            cause.to_string(),
            summary(&risks, cause, &curve, &params, z),
        );
        lines(&mut csv, cause, &curve, z);
    }
    let mut answer = json!({
        "n": risks.cause().len(),
        "n_censored": risks.cause().iter().filter(|c| **c == 0).count(),
        "level": params.level,
        "causes": told,
    });
    if let Some(matrix) = &matrix {
        let cause = params.cause as usize;
        let settings = CoxParams::breslow();
        let fit = fit_fine_gray(matrix.x.view(), &matrix.names, &risks, cause, &settings)
            .map_err(|e| failed(&e))?;
        answer["fine_gray"] = regression(&fit, cause, z);
    }
    Ok(vec![
        Produced::bytes(
            "competing",
            artefact::json::encode("competing risks", &answer)?,
        ),
        Produced::bytes("incidence", csv.into_bytes()),
    ])
}

/// Times and causes as they were given, NaN where one is not known.
struct Outcome {
    rows: Vec<RowId>,
    time: Vec<f64>,
    cause: Vec<f64>,
}

impl Outcome {
    fn read(bytes: &[u8]) -> Result<Outcome, StepError> {
        let table = Table::decode(bytes)?;
        let column = |names: &[&str]| -> Result<Vec<f64>, StepError> {
            let found = names.iter().find_map(|name| table.column(name));
            let wanted = names.join("` or `");
            let found: &Column = found.ok_or_else(|| {
                StepError::refuse(
                    "column-missing",
                    format!("no column `{wanted}` in `followup`"),
                )
            })?;
            Ok(found.values.clone())
        };
        let (time, cause) = (
            column(&["time_months", "time"])?,
            column(&["cause", "event", "status"])?,
        );
        let whole = |c: &f64| c.is_nan() || (*c >= 0.0 && *c <= 99.0 && c.fract() == 0.0);
        if let Some(row) = cause.iter().position(|c| !whole(c)) {
            return Err(StepError::refuse(
                "cause",
                format!(
                    "followup, patient `{}`: cause is {}, must be 0 (censored) or a whole number up to 99",
                    table.rows[row].patient_id, cause[row]
                ),
            ));
        }
        Ok(Outcome {
            rows: table.rows,
            time,
            cause,
        })
    }

    fn all(&self) -> Result<CompetingRisks, StepError> {
        let known = |i: &usize| !(self.time[*i].is_nan() || self.cause[*i].is_nan());
        self.pick(&(0..self.rows.len()).filter(known).collect::<Vec<_>>())
    }

    fn of(&self, rows: &[RowId]) -> Result<CompetingRisks, StepError> {
        let patients = Patients::new(&self.rows);
        let mut picked = Vec::with_capacity(rows.len());
        for row in rows {
            let known = |i: &usize| !(self.time[*i].is_nan() || self.cause[*i].is_nan());
            picked.push(patients.find(row)?.filter(known).ok_or_else(|| {
                StepError::refuse(
                    "follow-up-missing",
                    format!(
                        "patient `{}` has no follow-up; fill it in or leave them out",
                        row.patient_id
                    ),
                )
            })?);
        }
        self.pick(&picked)
    }

    fn pick(&self, rows: &[usize]) -> Result<CompetingRisks, StepError> {
        let time = rows.iter().map(|&i| self.time[i]).collect();
        let cause = rows.iter().map(|&i| self.cause[i] as usize).collect();
        CompetingRisks::new(time, cause).map_err(|e| failed(&e))
    }
}

fn failed(error: &CompetingError) -> StepError {
    let code = match error {
        CompetingError::FollowUp(_) => "follow-up",
        CompetingError::NoEvent { .. } => "no-event",
        CompetingError::Cox(e) => cox_code(e),
    };
    refuse(code, error)
}

fn summary(
    risks: &CompetingRisks,
    cause: usize,
    curve: &CumulativeIncidence,
    params: &CompetingRisksParams,
    z: f64,
) -> Value {
    let last = (risks.any_event().time().iter().copied()).fold(0.0, f64::max);
    let at = |&time: &f64| {
        if time > last {
            let reason = format!("NE: nobody is at risk at {time}, follow-up ends at {last}");
            return json!({"time": time, "reason": reason});
        }
        let (value, std_err) = (curve.curve.at(time), curve.std_err_at(time));
        let limits = limits(value, std_err, z);
        json!({
            "time": time, "incidence": value, "std_err": std_err,
            "lower": limits.map(|l| l.0), "upper": limits.map(|l| l.1),
        })
    };
    json!({
        "n_events": risks.cause().iter().filter(|c| **c == cause).count(),
        "incidence": params.horizons.iter().map(at).collect::<Vec<_>>(),
    })
}

/// F^exp(± z·SE/(F log F)), symmetric on the log-log scale of F; none where F is 0 or 1.
fn limits(value: f64, std_err: f64, z: f64) -> Option<(f64, f64)> {
    if !(value > 0.0 && value < 1.0) {
        return None;
    }
    let half = z * std_err / (value * -libm::log(value));
    let at = |power: f64| libm::pow(value, libm::exp(power));
    Some((at(half), at(-half)))
}

fn lines(out: &mut String, cause: usize, curve: &CumulativeIncidence, z: f64) {
    let (times, values) = (curve.curve.times(), curve.curve.values());
    for ((time, value), std_err) in times.iter().zip(values).zip(&curve.std_err) {
        let limits = limits(*value, *std_err, z);
        let or_empty = |v: Option<f64>| v.map_or_else(String::new, text);
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "{cause},{},{},{},{},{}",
            text(*time),
            text(*value),
            text(*std_err),
            or_empty(limits.map(|l| l.0)),
            or_empty(limits.map(|l| l.1)),
        );
    }
}

/// Subdistribution hazard ratios with intervals.
fn regression(fit: &FineGray, cause: usize, z: f64) -> Value {
    let map = |of: &dyn Fn(f64, f64) -> f64| {
        let one = |(j, name): (usize, &String)| {
            let value = of(fit.coefficients[j], fit.covariance[[j, j]].sqrt());
            (name.clone(), json!(value))
        };
        Value::Object(fit.names.iter().enumerate().map(one).collect())
    };
    json!({
        "cause": cause,
        "features": fit.names,
        "coef": map(&|b, _| b),
        "se": map(&|_, s| s),
        "shr": map(&|b, _| libm::exp(b)),
        "lower": map(&|b, s| libm::exp(b - z * s)),
        "upper": map(&|b, s| libm::exp(b + z * s)),
        "z": map(&|b, s| b / s),
        "p": map(&|b, s| normal_two_sided(b / s)),
        "loglik": [fit.loglik_null, fit.loglik],
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, generated, refusal, run};
    use super::*;

    fn params(cause: u32) -> Value {
        json!({"cause": cause, "horizons": [1.0, 5.0], "level": 0.95})
    }

    #[test]
    fn incidences_and_ratios_are_those_of_survfit_and_crr() {
        let cohort = generated();
        let want = &cohort.reference;
        let times = &want["aalen_johansen"]["times"];
        let mut set = params(1);
        set["horizons"] = times.clone();
        let ports = [("table", cohort.features), ("followup", cohort.causes)];
        let out = run("competing-risks", set, &ports).unwrap();
        let got: Value = serde_json::from_slice(&content(&out, "competing")).unwrap();
        let close = |a: &Value, b: &Value| {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            assert!((a - b).abs() <= 1e-7 * b.abs().max(1e-6), "{a} {b}");
        };
        for cause in ["1", "2"] {
            let ours = got["causes"][cause]["incidence"].as_array().unwrap();
            for (k, at) in ours.iter().enumerate() {
                close(
                    &at["incidence"],
                    &want["aalen_johansen"][format!("cause{cause}")][k],
                );
                close(
                    &at["std_err"],
                    &want["aalen_johansen"][format!("se{cause}")][k],
                );
            }
        }
        close(
            &got["fine_gray"]["coef"]["x1"],
            &want["fine_gray"]["coef"][0],
        );
        close(
            &got["fine_gray"]["coef"]["x2"],
            &want["fine_gray"]["coef"][1],
        );
        close(&got["fine_gray"]["loglik"][1], &want["fine_gray"]["loglik"]);
    }

    #[test]
    fn a_cause_nobody_has_and_half_a_cause_are_refused() {
        let followup = b"patient_id,time,event\na,1,1\nb,2,0\nc,3,1\n".to_vec();
        let table = b"patient_id,x\na,1\nb,2\nc,0\n".to_vec();
        let ports = [("table", table), ("followup", followup)];
        let (code, message) = refusal(run("competing-risks", params(2), &ports));
        assert_eq!(code, "no-event");
        assert!(message.contains("cause 2"), "{message}");
        let half = [(
            "followup",
            b"patient_id,time,event\na,1,1\nb,2,1.5\n".to_vec(),
        )];
        let (code, message) = refusal(run("competing-risks", params(1), &half));
        assert_eq!(code, "cause");
        assert!(message.contains("patient `b`"), "{message}");
    }
}
