//! `kaplan-meier`: survival curves, by group, with the tests between them and how long patients were followed.

use std::fmt::Write;

use artefact::follow_up::FollowUpTable;
use artefact::number::text;
use artefact::table::{ColumnKind, Table};
use artefact::{RowId, csv_field};
use cohort::FollowUp;
use pipeline_defs::params::KaplanMeierParams;
use serde_json::{Map, Value, json};
use stats::censored::{
    ConfidenceScale, HazardTies, KaplanMeier, kaplan_meier, log_rank, nelson_aalen,
    reverse_kaplan_meier,
};
use stats::compare::quantile;

use super::labels::{labels, numbered};
use super::patients::follow_up_of;
use crate::step::{Context, Inputs, Produced, StepError};

/// Most groups that have a curve.
const GROUPS_MAX: usize = 20;

const SCALES: [(&str, ConfidenceScale); 3] = [
    ("log", ConfidenceScale::Log),
    ("loglog", ConfidenceScale::LogLog),
    ("plain", ConfidenceScale::Plain),
];

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: KaplanMeierParams = context.params()?;
    let patients = Grouped::read(&params, inputs)?;
    let all = &patients.follow_up;
    let mut answer = curve(all, &params);
    let mut csv = header();
    lines(&mut csv, "", all, params.level);
    if let Some(name) = &params.group {
        let mut groups = Vec::new();
        for (number, label) in patients.labels.iter().enumerate() {
            let rows: Vec<usize> = (0..all.len())
                .filter(|&i| patients.group[i] == number)
                .collect();
            let of = all.select(&rows);
            let mut told = curve(&of, &params);
            told["label"] = json!(label);
            groups.push(told);
            lines(&mut csv, label, &of, params.level);
        }
        answer["group"] = json!(name);
        answer["groups"] = json!(groups);
        answer["log_rank"] = json!({
            "rho_0": test(&patients, 0.0),
            "rho_1": test(&patients, 1.0),
        });
    }
    answer["level"] = json!(params.level);
    answer["n_left_aside"] = json!(patients.n_left_aside);
    Ok(vec![
        Produced::bytes(
            "curves",
            artefact::json::encode("survival curves", &answer)?,
        ),
        Produced::bytes("curves_csv", csv.into_bytes()),
    ])
}

/// Patients with follow-up and group.
struct Grouped {
    follow_up: FollowUp,
    group: Vec<usize>,
    labels: Vec<String>,
    /// Without a group, or in the follow-up only.
    n_left_aside: usize,
}

impl Grouped {
    fn read(params: &KaplanMeierParams, inputs: &Inputs) -> Result<Grouped, StepError> {
        if let (Some(cut), None) = (params.cut, &params.group) {
            return Err(StepError::refuse(
                "group-missing",
                format!("`cut` is {cut} and no column is named to be cut; set `group`"),
            ));
        }
        let outcome = FollowUpTable::decode(inputs.one("followup")?)?;
        let known = |i: &usize| !outcome.time[*i].is_nan();
        let (rows, group, labels) = match inputs.optional("table")? {
            Some(bytes) => grouped_rows(&Table::decode(bytes)?, params)?,
            None if params.group.is_some() => {
                return Err(StepError::refuse(
                    "input-missing",
                    "`group` needs `table`, which has the column",
                ));
            }
            None => {
                let rows: Vec<RowId> = (0..outcome.rows.len())
                    .filter(known)
                    .map(|i| outcome.rows[i].clone())
                    .collect();
                (rows, Vec::new(), Vec::new())
            }
        };
        if rows.is_empty() {
            return Err(StepError::refuse(
                "no-patient",
                "no patient is left to tell of",
            ));
        }
        Ok(Grouped {
            follow_up: follow_up_of(&rows, &outcome)?,
            group,
            labels,
            n_left_aside: outcome.rows.len().saturating_sub(rows.len()),
        })
    }
}

type Rows = (Vec<RowId>, Vec<usize>, Vec<String>);

fn grouped_rows(table: &Table, params: &KaplanMeierParams) -> Result<Rows, StepError> {
    let Some(name) = &params.group else {
        return Ok((table.rows.clone(), Vec::new(), Vec::new()));
    };
    let of = match params.cut {
        None => labels(table, name, "group")?,
        Some(cut) => cut_labels(table, name, cut)?,
    };
    let (rows, of): (Vec<RowId>, Vec<Option<String>>) = (table.rows.iter().cloned())
        .zip(of)
        .filter(|(_, label)| label.is_some())
        .unzip();
    let (group, labels) = numbered(&rows, &of, "group")?;
    if labels.len() > GROUPS_MAX {
        return Err(StepError::refuse(
            "group-levels",
            format!(
                "column `{name}` has {} groups, must be at most {GROUPS_MAX}; set `cut` to divide numbers in two",
                labels.len()
            ),
        ));
    }
    Ok((rows, group, labels))
}

fn cut_labels(table: &Table, name: &str, cut: f64) -> Result<Vec<Option<String>>, StepError> {
    let numeric = |kind: &ColumnKind| matches!(kind, ColumnKind::Numeric | ColumnKind::Binary);
    let column = table
        .column(name)
        .ok_or_else(|| super::labels::missing(table, name, "group"))?;
    if !numeric(&column.kind) {
        return Err(StepError::refuse(
            "group-levels",
            format!("column `{name}` has no numbers to cut; set `cut = \"none\"`"),
        ));
    }
    let label = |v: &f64| match (v.is_nan(), *v > cut) {
        (true, _) => None,
        (false, true) => Some(format!("above {}", text(cut))),
        (false, false) => Some(format!("at most {}", text(cut))),
    };
    Ok(column.values.iter().map(label).collect())
}

fn curve(follow_up: &FollowUp, params: &KaplanMeierParams) -> Value {
    let km = kaplan_meier(follow_up);
    json!({
        "n": follow_up.len(),
        "n_events": follow_up.n_events(),
        "median": medians(&km, params.level),
        "survival": params.horizons.iter().map(|t| at(&km, follow_up, *t, params.level)).collect::<Vec<_>>(),
        "follow_up": medians(&reverse_kaplan_meier(follow_up), params.level),
        "observed": observed(follow_up.time()),
    })
}

/// Median, least and greatest of the times as they are: what a paper often calls follow-up, events and all.
fn observed(time: &[f64]) -> Value {
    let mut sorted = time.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    json!({"median": quantile(&sorted, 0.5), "least": sorted.first(), "greatest": sorted.last()})
}

/// Where the curve comes down to one half, with the interval of each scale; null where it does not.
fn medians(km: &KaplanMeier, level: f64) -> Value {
    let mut told = Map::new();
    for (name, scale) in SCALES {
        let q = km.quantile(0.5, scale, level);
        told.insert("value".to_owned(), json!(q.value));
        told.insert(name.to_owned(), json!({"lower": q.lower, "upper": q.upper}));
    }
    Value::Object(told)
}

fn at(km: &KaplanMeier, follow_up: &FollowUp, time: f64, level: f64) -> Value {
    let last = follow_up.time().iter().copied().fold(0.0, f64::max);
    if time > last && km.curve().at(time) > 0.0 {
        let reason = format!("NE: nobody is at risk at {time}, follow-up ends at {last}");
        return json!({"time": time, "n_risk": 0, "reason": reason});
    }
    let k = km.table().time.partition_point(|t| *t <= time);
    let mut told = json!({
        "time": time, "n_risk": km.table().at_risk(time), "survival": km.curve().at(time),
    });
    told["std_err"] = match k.checked_sub(1) {
        None => json!(0.0),
        Some(k) => json!(km.std_err()[k]),
    };
    for (name, scale) in SCALES {
        let interval = match k.checked_sub(1) {
            Some(k) => km.intervals(scale, level)[k].map(|i| (i.lower, i.upper)),
            // before anybody's time S is 1 and has no error, as it has while there are censorings only
            None => (scale != ConfidenceScale::LogLog).then_some((1.0, 1.0)),
        };
        told[name] = json!({"lower": interval.map(|i| i.0), "upper": interval.map(|i| i.1)});
    }
    told
}

fn test(patients: &Grouped, rho: f64) -> Value {
    match log_rank(&patients.follow_up, &patients.group, rho) {
        Ok(found) => {
            let group = |g: &stats::censored::LogRankGroup| json!({"label": patients.labels[g.label], "n": g.n, "observed": g.observed, "expected": g.expected});
            json!({
                "chi_square": found.chi_square, "df": found.df, "p": found.p,
                "groups": found.groups.iter().map(group).collect::<Vec<_>>(),
            })
        }
        Err(why) => json!({"reason": format!("NE: {why}")}),
    }
}

fn header() -> String {
    let mut out = String::from("group,time,n_risk,n_events,n_censored,survival,std_err");
    for (name, _) in SCALES {
        // Writing to a String cannot fail.
        let _ = write!(out, ",lower_{name},upper_{name}");
    }
    out.push_str(",cumulative_hazard,std_err_cumulative_hazard\n");
    out
}

/// A line a distinct time; an undefined error or limit is empty. The cumulative hazard is Nelson and Aalen's.
fn lines(out: &mut String, label: &str, follow_up: &FollowUp, level: f64) {
    let km = kaplan_meier(follow_up);
    let (table, std_err) = (km.table(), km.std_err());
    let intervals = SCALES.map(|(_, scale)| km.intervals(scale, level));
    let hazard = nelson_aalen(follow_up, HazardTies::NelsonAalen);
    let or_empty = |v: Option<f64>| v.map_or_else(String::new, text);
    for k in 0..table.len() {
        let mut cells = vec![
            csv_field(label).to_string(),
            text(table.time[k]),
            table.n_risk[k].to_string(),
            table.n_events[k].to_string(),
            table.n_censored[k].to_string(),
            text(km.survival()[k]),
            or_empty(std_err[k]),
        ];
        for interval in &intervals {
            cells.push(or_empty(interval[k].map(|i| i.lower)));
            cells.push(or_empty(interval[k].map(|i| i.upper)));
        }
        cells.push(text(hazard.hazard.values()[k]));
        cells.push(text(hazard.std_err[k]));
        let _ = writeln!(out, "{}", cells.join(","));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, learnable, oracle, refusal, run, survival_data, text};
    use super::*;

    fn params(set: Value) -> Value {
        let mut params =
            json!({"group": null, "cut": null, "horizons": [30.0, 90.0], "level": 0.95});
        for (name, value) in set.as_object().unwrap() {
            params[name] = value.clone();
        }
        params
    }

    #[test]
    fn the_curves_of_veteran_are_those_of_survfit_and_survdiff() {
        let (Some(data), Some(wanted)) = (
            oracle("survival/data/veteran.csv"),
            oracle("survival/f_km/veteran.json"),
        ) else {
            return;
        };
        let (table, followup) = survival_data(&data);
        let r: Value = serde_json::from_slice(&wanted).unwrap();
        let ports = [("table", table), ("followup", followup)];
        let out = run("kaplan-meier", params(json!({"group": "trt"})), &ports).unwrap();
        let got: Value = serde_json::from_slice(&content(&out, "curves")).unwrap();
        let close = |a: f64, b: &Value| {
            let b = b.as_f64().unwrap();
            assert!((a - b).abs() <= 1e-9 * b.abs().max(1e-3), "{a} {b}");
        };
        let number = |v: &Value| v.as_f64().unwrap();
        for (ours, theirs) in [
            ("log", "km_log"),
            ("loglog", "km_log-log"),
            ("plain", "km_plain"),
        ] {
            let median = &r[theirs]["median"];
            close(number(&got["median"]["value"]), &median[0]);
            close(number(&got["median"][ours]["lower"]), &median[1]);
            close(number(&got["median"][ours]["upper"]), &median[2]);
        }
        for (ours, theirs) in [("rho_0", "survdiff_rho0"), ("rho_1", "survdiff_rho1")] {
            let (ours, theirs) = (&got["log_rank"][ours], &r[theirs]);
            close(number(&ours["chi_square"]), &theirs["chisq"]);
            close(number(&ours["p"]), &theirs["p"]);
            close(number(&ours["groups"][1]["expected"]), &theirs["exp"][1]);
        }
        let csv = text(&out, "curves_csv");
        let all: Vec<Vec<&str>> = (csv.lines().skip(1).filter(|l| l.starts_with(',')))
            .map(|l| l.split(',').collect())
            .collect();
        for k in [0, 10, 60] {
            close(all[k][1].parse().unwrap(), &r["km_log"]["time"][k]);
            close(all[k][5].parse().unwrap(), &r["km_log"]["surv"][k]);
            close(all[k][9].parse().unwrap(), &r["km_log-log"]["lower"][k]);
            close(all[k][12].parse().unwrap(), &r["km_plain"]["upper"][k]);
            let hazard = &r["nelson_aalen"];
            close(all[k][13].parse().unwrap(), &hazard["cumhaz"][k]);
            close(all[k][14].parse().unwrap(), &hazard["std_chaz"][k]);
        }
    }

    #[test]
    fn numbers_are_divided_at_a_cut_and_else_refused() {
        let (table, followup) = learnable(60);
        let ports = [("table", table), ("followup", followup)];
        let set = json!({"group": "signal", "cut": 50.0, "horizons": [30.0, 500.0]});
        let out = run("kaplan-meier", params(set), &ports).unwrap();
        let got: Value = serde_json::from_slice(&content(&out, "curves")).unwrap();
        assert_eq!(got["groups"][0]["label"], "above 50");
        assert!(got["log_rank"]["rho_0"]["p"].as_f64().unwrap() < 0.01);
        assert!(got["follow_up"]["value"].is_number(), "{got}");
        let (code, _) = refusal(run(
            "kaplan-meier",
            params(json!({"group": "signal"})),
            &ports,
        ));
        assert_eq!(code, "group-levels");
        let alone = [("followup", ports[1].1.clone())];
        let (code, _) = refusal(run(
            "kaplan-meier",
            params(json!({"group": "signal"})),
            &alone,
        ));
        assert_eq!(code, "input-missing");
        let (code, _) = refusal(run("kaplan-meier", params(json!({"cut": 1.0})), &ports));
        assert_eq!(code, "group-missing");
        let one = run("kaplan-meier", params(json!({})), &alone).unwrap();
        assert!(!text(&one, "curves").contains("log_rank"));
    }
}
