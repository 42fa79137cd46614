//! `fit-reliability`: features that repeated delineations of the same training patients agree on.

use artefact::models::{DroppedFeature, FunnelStage, SelectionModel, StoredModel};
use artefact::number;
use artefact::table::Table;
use ndarray::Array2;
use pipeline_defs::params::{ReadingRule, ReliabilityJudged, ReliabilityParams, WhenFew};
use stats::reliability::{
    FeatureAgreement, Reliability, ReliabilityError, ReliabilityParams as Settings, Repeated,
    reliability,
};

use super::icc::form;
use super::matrix::Matrix;
use super::patients::Patients;
use super::refuse::refuse;
use crate::step::{Context, Inputs, Produced, StepError};

const HEADER: &str = "feature,reading,form,icc,lower,upper,n,kept,reason\n";

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: ReliabilityParams = context.params()?;
    let table = Matrix::design(&Table::decode(inputs.one("table")?)?);
    let rules: Vec<&ReadingRule> = [&params.intra, &params.inter]
        .into_iter()
        .flatten()
        .collect();
    let pairs = rules
        .iter()
        .map(|rule| Pairs::read(inputs, &table, &rule.reading))
        .collect::<Result<Vec<_>, _>>()?;
    let repeated: Vec<Repeated> = rules
        .iter()
        .zip(&pairs)
        .map(|(rule, pairs)| Repeated {
            name: &rule.reading,
            form: form(rule.form),
            first: pairs.first.view(),
            again: pairs.again.view(),
        })
        .collect();
    let (model, rows) = match reliability(&repeated, &settings(&params)) {
        Ok(found) => (
            selection(&table.names, &found),
            csv(&table.names, &rules, &found)?,
        ),
        Err(few @ ReliabilityError::TooFewPatients { .. })
            if params.when_few == WhenFew::KeepAll =>
        {
            (everything(&table.names, &few), HEADER.to_owned())
        }
        Err(error) => return Err(refuse(code(&error), &error)),
    };
    Ok(vec![
        Produced::bytes("model", model.encode()?),
        Produced::bytes("icc", rows.into_bytes()),
    ])
}

/// The patients of the table that a reading has too, in the table's order and columns.
struct Pairs {
    first: Array2<f64>,
    again: Array2<f64>,
}

impl Pairs {
    /// No rows where nobody has the reading.
    fn read(inputs: &Inputs, table: &Matrix, reading: &str) -> Result<Pairs, StepError> {
        let mut found = inputs
            .all("readings")
            .iter()
            .filter(|input| input.axis("reading") == Some(reading));
        let (input, other) = (found.next(), found.next());
        if other.is_some() {
            return Err(StepError::refuse(
                "reading-twice",
                format!(
                    "several tables of the reading `{reading}` arrive; name their other axes in `per`"
                ),
            ));
        }
        let none = || Array2::zeros((0, table.names.len()));
        // a reading that was refused is one that nobody has
        let Some(bytes) = input.and_then(|input| input.content.as_ref().ok()) else {
            return Ok(Pairs {
                first: none(),
                again: none(),
            });
        };
        let again = Matrix::design(&Table::decode(bytes)?)
            .pick(&table.names)
            .map_err(|e| at_reading(e, reading))?;
        let known = Patients::new(&again.rows);
        let mut rows = Vec::new();
        for (i, row) in table.rows.iter().enumerate() {
            if let Some(j) = known.find(row)? {
                rows.push((i, j));
            }
        }
        let shape = (rows.len(), table.names.len());
        Ok(Pairs {
            first: Array2::from_shape_fn(shape, |(r, c)| table.x[[rows[r].0, c]]),
            again: Array2::from_shape_fn(shape, |(r, c)| again.x[[rows[r].1, c]]),
        })
    }
}

fn at_reading(error: StepError, reading: &str) -> StepError {
    match error {
        StepError::Refuse { code, message } => {
            StepError::refuse(&code, format!("reading `{reading}`: {message}"))
        }
        other => other,
    }
}

fn settings(params: &ReliabilityParams) -> Settings {
    Settings {
        threshold: params.threshold,
        level: params.level,
        judge_lower: params.judged == ReliabilityJudged::Lower,
        min_patients: params.min_patients as usize,
    }
}

fn selection(names: &[String], found: &Reliability) -> SelectionModel {
    let kept = |j: usize| found.kept.binary_search(&j).is_ok();
    let of = |wanted: bool| {
        (0..names.len())
            .filter(move |&j| kept(j) == wanted)
            .map(|j| names[j].clone())
    };
    let dropped = |feature| DroppedFeature {
        feature,
        reason: "unreliable".to_owned(),
        kept: None,
        rho: None,
    };
    SelectionModel {
        features: of(true).collect(),
        empty: (found.kept.is_empty()).then(|| "no feature is reliable".to_owned()),
        dropped: of(false).map(dropped).collect(),
        ..kept_of(names.len(), found.kept.len())
    }
}

fn everything(names: &[String], few: &ReliabilityError) -> SelectionModel {
    SelectionModel {
        features: names.to_vec(),
        note: Some(format!("all features stay: {few}")),
        ..kept_of(names.len(), names.len())
    }
}

fn kept_of(n_in: usize, n_out: usize) -> SelectionModel {
    SelectionModel {
        features: Vec::new(),
        coefficients: Vec::new(),
        empty: None,
        note: None,
        funnel: vec![FunnelStage {
            stage: "reliability".to_owned(),
            n_in: n_in as u64,
            n_out: n_out as u64,
        }],
        dropped: Vec::new(),
        lambda: None,
    }
}

/// Features in the table's order, the readings of each side by side.
fn csv(names: &[String], rules: &[&ReadingRule], found: &Reliability) -> Result<String, StepError> {
    let mut text = HEADER.to_owned();
    for (j, name) in names.iter().enumerate() {
        for (rule, cells) in rules.iter().zip(&found.readings) {
            let kept = found.kept.binary_search(&j).is_ok();
            text.push_str(&row(name, rule, &cells[j], kept)?);
        }
    }
    Ok(text)
}

fn row(
    name: &str,
    rule: &ReadingRule,
    cell: &FeatureAgreement,
    kept: bool,
) -> Result<String, StepError> {
    let form = serde_json::to_value(rule.form).map_err(|e| StepError::Bug(e.to_string()))?;
    let number = |value: Option<f64>| value.map(number::text).unwrap_or_default();
    let reason = cell.unreliable.as_ref().map(ToString::to_string);
    Ok(format!(
        "{},{},{},{},{},{},{},{kept},{}\n",
        artefact::csv_field(name),
        artefact::csv_field(&rule.reading),
        form.as_str().unwrap_or_default(),
        number(cell.value),
        number(cell.interval.map(|i| i.lower)),
        number(cell.interval.map(|i| i.upper)),
        cell.n_patients,
        artefact::csv_field(&reason.unwrap_or_default()),
    ))
}

fn code(error: &ReliabilityError) -> &'static str {
    match error {
        ReliabilityError::TooFewPatients { .. } => "too-few-readings",
        ReliabilityError::Shape { .. } => "columns-differ",
        ReliabilityError::NoReading => "input-missing",
        ReliabilityError::Parameter { .. } => "parameter",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, gathered, inputs, refusal, run, run_on, text};
    use crate::step::Inputs;
    use pipeline_defs::params::{Params, ReliabilityParams};
    use serde_json::{Value, json};

    fn params(set: Value) -> Value {
        let mut params = serde_json::to_value(&ReliabilityParams::presets()[0].1).unwrap();
        for (name, value) in set.as_object().unwrap() {
            params[name] = value.clone();
        }
        params
    }

    /// `steady` is read as it was, `loose` is not; `sometimes` is undefined in every second patient.
    fn table(patients: std::ops::Range<u32>, error: u32) -> Vec<u8> {
        let mut text = String::from("patient_id,site,steady,loose,sometimes\n");
        for i in patients {
            let loose = i * 7 % 11 + error * (i * 5 % 13);
            let sometimes = if i.is_multiple_of(2) {
                i.to_string()
            } else {
                String::new()
            };
            text.push_str(&format!("p{i:02},c1,{i},{loose},{sometimes}\n"));
        }
        text.into_bytes()
    }

    fn readings(n: u32) -> Inputs {
        let label = |reading| vec![("reading", reading), ("roi", "tumour")];
        let mut all = inputs(&[("table", table(0..40, 0))]);
        let entries = gathered(vec![
            (label("r1s2"), Ok(table(0..n, 0))),
            (label("r2s1"), Ok(table(3..n + 3, 1))),
        ]);
        all.ports.insert("readings".to_owned(), entries);
        all
    }

    #[test]
    fn a_feature_stays_when_both_readings_agree_and_the_model_applies() {
        let out = run_on("fit-reliability", params(json!({})), &readings(15)).unwrap();
        let lines = text(&out, "icc");
        let lines: Vec<&str> = lines.lines().collect();
        assert_eq!(
            lines[0],
            "feature,reading,form,icc,lower,upper,n,kept,reason"
        );
        assert_eq!(lines[1], "steady,r1s2,icc3_1,1,1,1,15,true,");
        assert!(
            lines[2].starts_with("steady,r2s1,icc2_1,1,"),
            "{}",
            lines[2]
        );
        // read well by the first reader, not by the second
        assert!(lines[3].ends_with(",15,false,"), "{}", lines[3]);
        assert!(
            lines[4].contains(",false,") && lines[4].ends_with("below 0.75"),
            "{}",
            lines[4]
        );
        assert!(
            lines[5].contains("defined twice in 8 patients"),
            "{}",
            lines[5]
        );
        let ports = [("model", content(&out, "model")), ("table", table(0..2, 0))];
        let kept = run("apply-selection", json!({}), &ports).unwrap();
        assert_eq!(
            text(&kept, "table"),
            "patient_id,site,steady\np00,c1,0\np01,c1,1\n"
        );
        let model: Value = serde_json::from_slice(&content(&out, "model")).unwrap();
        assert_eq!(
            model["funnel"],
            json!([{"stage": "reliability", "n_in": 3, "n_out": 1}])
        );
        assert_eq!(model["dropped"][0]["reason"], "unreliable");
    }

    #[test]
    fn one_reading_may_do_alone() {
        let out = run_on(
            "fit-reliability",
            params(json!({"inter": null})),
            &readings(15),
        )
        .unwrap();
        let model: Value = serde_json::from_slice(&content(&out, "model")).unwrap();
        assert_eq!(model["features"], json!(["steady", "loose"]));
    }

    #[test]
    fn too_few_patients_are_refused_or_keep_everything_with_the_reason() {
        let (code, message) = refusal(run_on("fit-reliability", params(json!({})), &readings(9)));
        assert_eq!(code, "too-few-readings");
        assert_eq!(
            message,
            "9 patients have the reading `r1s2`, at least 10 are needed"
        );
        let keep = params(json!({"when_few": "keep-all"}));
        let out = run_on("fit-reliability", keep, &readings(9)).unwrap();
        let model: Value = serde_json::from_slice(&content(&out, "model")).unwrap();
        assert_eq!(model["features"], json!(["steady", "loose", "sometimes"]));
        assert_eq!(
            model["note"],
            "all features stay: 9 patients have the reading `r1s2`, at least 10 are needed"
        );
    }

    #[test]
    fn a_reading_that_is_not_there_is_one_that_nobody_has() {
        let mut inputs = readings(15);
        inputs.ports.get_mut("readings").unwrap().pop();
        let (code, message) = refusal(run_on("fit-reliability", params(json!({})), &inputs));
        assert_eq!(code, "too-few-readings");
        assert!(
            message.starts_with("0 patients have the reading `r2s1`"),
            "{message}"
        );
    }
}
