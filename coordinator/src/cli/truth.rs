//! `truth`: how near a run on a synthetic cohort came to what can be known of its patients.
//!
//! A model cannot rank patients better than the risk that drew their outcomes. The cohort's `truth/` holds that risk, no step
//! of a study may read it, and here it is judged on the same patients as the models, by the same measures.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use artefact::comparison::{self, ComparisonRow};
use clap::Args;
use cohort::synth::{Attainable, SynthSpec};
use cohort::{FollowUp, RiskScores};
use comfy_table::{Table, presets};
use evaluation::{AucConvention, auc, c_index};
use serde::Deserialize;
use serde_json::{Value, json};

/// What is written beside the results; the next run into the folder replaces it with them.
pub(super) const FILE: &str = "truth.csv";

/// Arguments of `truth`.
#[derive(Debug, Args)]
pub(crate) struct TruthArgs {
    /// Folder of a synthetic cohort, as `radloom synth` or `radloom demo` made it
    cohort: PathBuf,
    /// Folder of a run on it: comparison.csv is read, truth.csv is written
    results: PathBuf,
    /// As JSON: {"truth": [the rows of truth.csv]}
    #[arg(long)]
    json: bool,
}

pub(crate) fn truth(args: &TruthArgs) -> anyhow::Result<u8> {
    let rows = write(&args.cohort, &args.results)?;
    if args.json {
        let rows: Vec<Value> = rows.iter().map(Row::json).collect();
        out!("{}", json!({ "truth": rows }));
    } else {
        print(&rows);
    }
    Ok(0)
}

/// Judges the true risk beside every model and writes `truth.csv`.
pub(super) fn write(cohort: &Path, results: &Path) -> anyhow::Result<Vec<Row>> {
    let known = Known::read(cohort)?;
    let path = results.join("comparison.csv");
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let compared = comparison::decode(&bytes).with_context(|| path.display().to_string())?;
    let rows = beside(&known, compared);
    ensure!(
        !rows.is_empty(),
        "{} has no AUC and no C-index: was it made by a study with `compare`?",
        path.display()
    );
    let path = results.join(FILE);
    let mut writer = csv::Writer::from_path(&path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    writer.write_record(HEADER)?;
    for row in &rows {
        writer.write_record(row.cells())?;
    }
    writer.flush()?;
    Ok(rows)
}

const HEADER: [&str; 14] = [
    "profile",
    "endpoint",
    "roi_set",
    "learner",
    "set",
    "metric",
    "horizon_months",
    "value",
    "lower",
    "upper",
    "true_risk",
    "gap",
    "attainable",
    "beyond",
];

/// One number of a model and that of the true risk.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    of: ComparisonRow,
    value: f64,
    /// The measure of the true risk that the regions show, texture and size, on the patients of the same centre.
    true_risk: Option<f64>,
    /// That of texture alone in any number of patients drawn as those of the first centre.
    attainable: Option<f64>,
}

impl Row {
    /// Whether the patients judged took no part in the fit. Out of bag the forest saw none of them, but the selection did.
    fn of_test_rows(&self) -> bool {
        self.of.set == "cv" || self.of.set == "external"
    }

    /// How far the model is from the true risk.
    fn gap(&self) -> Option<f64> {
        self.true_risk.map(|best| best - self.value)
    }

    /// Whether the interval of test rows lies above the true risk: by chance, or because something leaked.
    fn is_beyond(&self) -> bool {
        let bounds = self.of.lower.zip(self.true_risk);
        self.of_test_rows() && bounds.is_some_and(|(lower, best)| lower > best)
    }

    fn cells(&self) -> [String; 14] {
        let number = |v: Option<f64>| v.map(artefact::number::text).unwrap_or_default();
        let of = &self.of;
        [
            of.profile.clone(),
            of.endpoint.clone(),
            of.roi_set.clone(),
            of.learner.clone(),
            of.set.clone(),
            of.metric.clone(),
            number(of.horizon_months),
            number(Some(self.value)),
            number(of.lower),
            number(of.upper),
            number(self.true_risk),
            number(self.gap()),
            number(self.attainable),
            self.is_beyond().to_string(),
        ]
    }

    fn json(&self) -> Value {
        let of = &self.of;
        json!({
            "profile": of.profile, "endpoint": of.endpoint, "roi_set": of.roi_set, "learner": of.learner, "set": of.set,
            "metric": of.metric, "horizon_months": of.horizon_months, "value": self.value, "lower": of.lower,
            "upper": of.upper, "true_risk": self.true_risk, "gap": self.gap(), "attainable": self.attainable,
            "beyond": self.is_beyond(),
        })
    }
}

#[derive(Clone, Debug, Deserialize)]
struct Outcome {
    patient_id: String,
    site: String,
    dfs_months: Option<f64>,
    dfs_event: Option<u8>,
    os_months: Option<f64>,
    os_event: Option<u8>,
}

#[derive(Clone, Debug, Deserialize)]
struct Latent {
    patient_id: String,
    u_t: f64,
    u_p: f64,
    lp_diameter: f64,
    lp_radiomics: f64,
}

/// What is known of the patients of the two centres.
struct Known {
    /// (latent, outcome) by centre, in the order of the table.
    centres: BTreeMap<String, Vec<(Latent, Outcome)>>,
    /// Log hazard ratios of the latents of tumour and ring.
    weights: [f64; 2],
    /// None for a twin, which is drawn otherwise.
    attainable: Option<Attainable>,
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> anyhow::Result<Vec<T>> {
    let mut reader =
        csv::Reader::from_path(path).with_context(|| format!("cannot read {}", path.display()))?;
    reader
        .deserialize()
        .collect::<Result<_, _>>()
        .with_context(|| format!("cannot read {}", path.display()))
}

impl Known {
    fn read(cohort: &Path) -> anyhow::Result<Known> {
        let mark = cohort.join("truth/MADE_BY");
        let made_by = std::fs::read_to_string(&mark).with_context(|| {
            format!(
                "{} is no synthetic cohort: {} is not there; only where the truth was drawn is it known",
                cohort.display(),
                mark.display()
            )
        })?;
        let latents: Vec<Latent> = read(&cohort.join("truth/truth.csv"))?;
        let outcomes: Vec<Outcome> = read(&cohort.join("patients.csv"))?;
        let mut of: BTreeMap<String, Outcome> = outcomes
            .into_iter()
            .map(|outcome| (outcome.patient_id.clone(), outcome))
            .collect();
        let mut centres: BTreeMap<String, Vec<(Latent, Outcome)>> = BTreeMap::new();
        for latent in latents {
            if let Some(outcome) = of.remove(&latent.patient_id) {
                let centre = centres.entry(outcome.site.clone()).or_default();
                centre.push((latent, outcome));
            }
        }
        Ok(Known {
            weights: weights(centres.values().flatten().map(|(latent, _)| latent)),
            centres,
            attainable: (!made_by.contains("--twin"))
                .then(|| SynthSpec::paper().attainable_radiomics),
        })
    }

    /// The true risk of the patients of a set: the external one is the second centre, others are of the first.
    fn ranked(&self, row: &ComparisonRow) -> Option<(RiskScores, FollowUp)> {
        let site = if row.set == "external" { "c2" } else { "c1" };
        let (mut risk, mut time, mut event) = (Vec::new(), Vec::new(), Vec::new());
        for (latent, outcome) in self.centres.get(site)? {
            let (at, ended) = match row.endpoint.as_str() {
                "dfs" => (outcome.dfs_months, outcome.dfs_event),
                "os" => (outcome.os_months, outcome.os_event),
                _ => return None,
            };
            let (Some(at), Some(ended)) = (at, ended) else {
                continue;
            };
            time.push(at);
            event.push(ended == 1);
            risk.push(match row.roi_set.as_str() {
                "tumour" => self.weights[0] * latent.u_t + latent.lp_diameter,
                "peritumour" => self.weights[1] * latent.u_p + latent.lp_diameter,
                "combined" => latent.lp_radiomics + latent.lp_diameter,
                _ => return None,
            });
        }
        Some((
            RiskScores::higher_is_worse(risk).ok()?,
            FollowUp::new(time, event).ok()?,
        ))
    }

    fn judged(&self, row: &ComparisonRow, horizons: &[f64]) -> Option<f64> {
        let (risk, follow_up) = self.ranked(row)?;
        if row.metric == "harrell_c" {
            return c_index(&risk, &follow_up).ok().map(|c| c.value);
        }
        let at: Vec<f64> = horizons
            .iter()
            .map(|h| {
                auc(&risk, &follow_up, *h, AucConvention::Score)
                    .ok()
                    .map(|a| a.value)
            })
            .collect::<Option<_>>()?;
        mean(&at)
    }

    fn attainable(&self, row: &ComparisonRow, horizons: &[f64]) -> Option<f64> {
        let spec = self.attainable.as_ref()?;
        if (row.endpoint.as_str(), row.roi_set.as_str()) != ("dfs", "combined")
            || row.set == "external"
        {
            return None;
        }
        if row.metric == "harrell_c" {
            return Some(spec.c_index);
        }
        let at: Vec<f64> = horizons
            .iter()
            .map(|h| {
                let place = [12.0, 36.0, 60.0].iter().position(|known| known == h)?;
                Some(spec.auc[place])
            })
            .collect::<Option<_>>()?;
        mean(&at)
    }
}

/// a and b of lp = a·u_t + b·u_p, which holds exactly; 0 where the latents tell patients not apart.
fn weights<'a>(latents: impl Iterator<Item = &'a Latent>) -> [f64; 2] {
    let (mut tt, mut tp, mut pp, mut tl, mut pl) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for l in latents {
        tt += l.u_t * l.u_t;
        tp += l.u_t * l.u_p;
        pp += l.u_p * l.u_p;
        tl += l.u_t * l.lp_radiomics;
        pl += l.u_p * l.lp_radiomics;
    }
    let determinant = tt * pp - tp * tp;
    if determinant <= 1e-9 * tt * pp {
        return [0.0, 0.0];
    }
    [
        (tl * pp - pl * tp) / determinant,
        (pl * tt - tl * tp) / determinant,
    ]
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn beside(known: &Known, compared: Vec<ComparisonRow>) -> Vec<Row> {
    // a composite is the mean over the horizons that the set supports: those with a value
    let mut supported: BTreeMap<[String; 5], Vec<f64>> = BTreeMap::new();
    let model = |row: &ComparisonRow| {
        [
            &row.profile,
            &row.endpoint,
            &row.roi_set,
            &row.learner,
            &row.set,
        ]
        .map(Clone::clone)
    };
    for row in compared.iter().filter(|row| row.metric == "auc") {
        if let (Some(horizon), Some(_)) = (row.horizon_months, row.value) {
            supported.entry(model(row)).or_default().push(horizon);
        }
    }
    let mut rows = Vec::new();
    for of in compared {
        let horizons = match of.metric.as_str() {
            "auc" => of.horizon_months.into_iter().collect(),
            "composite_auc" => supported.get(&model(&of)).cloned().unwrap_or_default(),
            "harrell_c" => Vec::new(),
            _ => continue,
        };
        if let Some(value) = of.value {
            rows.push(Row {
                value,
                true_risk: known.judged(&of, &horizons),
                attainable: known.attainable(&of, &horizons),
                of,
            });
        }
    }
    rows
}

/// Of each region the learner that cross-validation prefers, its apparent and its honest figure, and the true risk.
pub(super) fn print(rows: &[Row]) {
    let composite = |row: &&Row| row.of.metric == "composite_auc";
    let mut best: BTreeMap<[&str; 3], &Row> = BTreeMap::new();
    for row in rows
        .iter()
        .filter(composite)
        .filter(|row| row.of.set == "cv")
    {
        let leader = best
            .entry([&row.of.profile, &row.of.endpoint, &row.of.roi_set])
            .or_insert(row);
        if row.value > leader.value {
            *leader = row;
        }
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header([
        "profile",
        "endpoint",
        "region",
        "learner",
        "AUC, apparent",
        "cross-validated",
        "true risk",
        "gap",
        "external",
        "true risk ",
    ]);
    let number = |value: Option<f64>| value.map_or_else(|| "NE".to_owned(), |v| format!("{v:.3}"));
    for ([profile, endpoint, roi_set], cv) in &best {
        let of = |set: &str| {
            rows.iter().filter(composite).find(|row| {
                let (of, best) = (&row.of, &cv.of);
                of.set == set
                    && [&of.profile, &of.endpoint, &of.roi_set, &of.learner]
                        == [&best.profile, &best.endpoint, &best.roi_set, &best.learner]
            })
        };
        table.add_row([
            (*profile).to_owned(),
            (*endpoint).to_owned(),
            (*roi_set).to_owned(),
            cv.of.learner.clone(),
            number(of("apparent").map(|row| row.value)),
            number(Some(cv.value)),
            number(cv.true_risk),
            number(cv.gap()),
            number(of("external").map(|row| row.value)),
            number(of("external").and_then(|row| row.true_risk)),
        ]);
    }
    out!("{table}");
    out!(
        "true risk: the composite AUC of the part of the risk that drew the outcomes which the regions show, texture and size, on the same\n\
         centre's patients. A model of these regions cannot be expected to rank them better; oob is left out where features were\n\
         selected on the same patients."
    );
    if let Some(attainable) = rows.iter().filter(composite).find_map(|row| row.attainable) {
        out!(
            "Of any number of patients drawn as those of centre 1 it is {attainable:.3}, of texture alone (dfs, combined)."
        );
    }
    let mut intervals: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for row in rows
        .iter()
        .filter(|row| row.of_test_rows() && row.of.lower.is_some())
    {
        let (n, n_beyond) = intervals.entry(&row.of.profile).or_default();
        *n += 1;
        *n_beyond += usize::from(row.is_beyond());
    }
    for (profile, (n, n_beyond)) in intervals {
        out!(
            "{profile}: {n_beyond} of {n} intervals of test rows lie above the true risk{}",
            if n_beyond > 0 {
                ": chance, or a model that knows what it should not (truth.csv, column beyond)"
            } else {
                ""
            }
        );
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Four patients of the first centre whose outcomes follow the latents, two of the second.
    fn cohort(folder: &Path, made_by: &str) {
        std::fs::create_dir_all(folder.join("truth")).unwrap();
        std::fs::write(folder.join("truth/MADE_BY"), made_by).unwrap();
        let mut truth = "patient_id,site,u_t,u_p,lp_diameter,lp_radiomics\n".to_owned();
        let mut patients = "patient_id,site,dfs_months,dfs_event,os_months,os_event\n".to_owned();
        for i in 0..24 {
            let u = f64::from(i) / 10.0;
            // what the ring shows has another order, and no weight
            let ring = f64::from((i * 7) % 24) / 10.0;
            truth += &format!("p{i},c1,{u},{ring},{},{}\n", -1e-3 * u, 0.7 * u);
            patients += &format!("p{i},c1,{},{},40,0\n", 30 - i, u8::from(i >= 12));
        }
        std::fs::write(folder.join("truth/truth.csv"), truth).unwrap();
        std::fs::write(folder.join("patients.csv"), patients).unwrap();
    }

    fn results(folder: &Path) {
        let header = "profile,endpoint,roi_set,learner,set,metric,horizon_months,value,lower,upper,n,n_events,reason\n";
        let rows = "careful,dfs,tumour,rsf,cv,auc,12,0.7,0.6,0.8,24,12,\n\
                    careful,dfs,tumour,rsf,cv,auc,60,,,,24,12,NE\n\
                    careful,dfs,tumour,rsf,cv,composite_auc,,0.7,0.6,0.8,24,12,\n\
                    careful,dfs,peritumour,rsf,cv,auc,12,0.7,0.6,0.8,24,12,\n\
                    careful,dfs,combined,rsf,cv,auc,12,0.7,0.6,0.8,24,12,\n\
                    careful,os,combined,rsf,cv,auc,12,0.7,0.6,0.8,24,12,\n\
                    careful,dfs,tumour,rsf,cv,brier,12,0.2,0.1,0.3,24,12,\n";
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("comparison.csv"), header.to_owned() + rows).unwrap();
    }

    #[test]
    fn the_true_risk_stands_beside_each_model() {
        let dir = tempfile::tempdir().unwrap();
        let (made, out) = (dir.path().join("cohort"), dir.path().join("out"));
        cohort(&made, "radloom synth --size demo");
        results(&out);
        let rows = write(&made, &out).unwrap();
        assert_eq!(rows.len(), 5);
        // who fails first has the largest latent: nothing ranks better
        assert_eq!(
            (rows[0].true_risk, rows[1].true_risk),
            (Some(1.0), Some(1.0))
        );
        assert!((rows[0].gap().unwrap() - 0.3).abs() < 1e-12);
        assert_eq!(
            (rows[1].of.metric.as_str(), rows[1].attainable),
            ("composite_auc", None)
        );
        // the ring has no weight, and size says the opposite here: to rank well by it cannot be honest
        assert_eq!((rows[2].true_risk, rows[2].is_beyond()), (Some(0.0), true));
        assert!(!rows[0].is_beyond());
        assert_eq!(
            rows[3].attainable,
            Some(SynthSpec::paper().attainable_radiomics.auc[0])
        );
        // nobody died
        assert_eq!((rows[4].true_risk, rows[4].gap()), (None, None));
        let text = std::fs::read_to_string(out.join("truth.csv")).unwrap();
        assert!(
            text.starts_with("profile,endpoint,roi_set,learner,set,metric,horizon_months,value,")
        );
        assert_eq!(text.lines().count(), 6);
    }

    #[test]
    fn a_twin_is_drawn_otherwise_and_a_cohort_of_patients_has_no_truth() {
        let dir = tempfile::tempdir().unwrap();
        let (made, out) = (dir.path().join("cohort"), dir.path().join("out"));
        cohort(&made, "radloom synth --size tiny --twin null");
        results(&out);
        assert!(
            write(&made, &out)
                .unwrap()
                .iter()
                .all(|row| row.attainable.is_none())
        );
        let message = format!("{:#}", write(&out, &out).unwrap_err());
        assert!(message.contains("is no synthetic cohort"), "{message}");
    }
}
