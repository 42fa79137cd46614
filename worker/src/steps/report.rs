//! `report`: the report as one page, with its figures and tables.

mod clinical;
mod features;
mod flow;
pub(super) mod read;
#[cfg(test)]
mod whole;

use std::collections::{BTreeMap, BTreeSet};

use artefact::comparison::{self, ComparisonRow};
use artefact::curves::Curves;
use artefact::{bundle, exclusions};
use pipeline_defs::params::{ReportLanguage, ReportParams};
use report::part::ranking::Ranking;
use report::part::{Sourced, Subject};
use report::values::{self, Estimate, Headline, MethodFact, Problem};
use report::{Language, Report};
use serde::Deserialize;

use super::panels;
use crate::step::{Context, Inputs, Produced, StepError};

/// What `compare` says beside its rows.
#[derive(Deserialize)]
struct Summary {
    best: Vec<Best>,
}

/// The model chosen for an endpoint.
#[derive(Deserialize)]
pub(super) struct Best {
    /// The profile; empty in a study with one.
    #[serde(default)]
    pub profile: String,
    pub endpoint: String,
    pub roi_set: String,
    pub learner: String,
    chosen_by: String,
    metric: String,
}

impl Best {
    fn subject(&self) -> Subject {
        Subject::of(&[("endpoint", &self.endpoint), ("profile", &self.profile)])
    }

    pub(super) fn is_of(&self, row: &ComparisonRow) -> bool {
        (&row.endpoint, &row.roi_set, &row.learner)
            == (&self.endpoint, &self.roi_set, &self.learner)
            && (self.profile.is_empty() || row.profile == self.profile)
    }
}

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: ReportParams = context.params()?;
    let compared = inputs.one("comparison")?;
    let rows = comparison::decode(compared)?;
    let summary: Summary = artefact::json::decode("summary", inputs.one("summary")?)?;
    let mut report = Report::by_composite_auc(&params.title, &params.profile);
    report.language = match params.language {
        ReportLanguage::En => Language::English,
        ReportLanguage::Zh => Language::Chinese,
    };
    report.comparison_digest = digest::Digest::of(compared).to_string();
    report.interval_note = report.language.say(INTERVALS).to_owned();
    report.headlines = summary
        .best
        .iter()
        .map(|best| headline(best, &rows))
        .collect();
    report.problems = problems(&summary, &rows);
    for best in &summary.best {
        let curves = chosen_curves(inputs, best)?;
        let roc = panels::roc(best, &curves, &rows);
        let km = panels::kaplan_meier(best, &curves);
        let artefact = curves.first().map_or("", |c| c.digest.as_str());
        report.roc.push(of_best(best, artefact, roc));
        report.kaplan_meier.push(of_best(best, artefact, km));
    }
    fill(&mut report, inputs)?;
    let left_out = match inputs.optional("exclusions")? {
        Some(bytes) => exclusions::decode(bytes)?,
        None => Vec::new(),
    };
    report.flow = flow::flow(&rows, &left_out, &report.baseline);
    report.exclusions = left_out.into_iter().map(exclusion).collect();
    report.methods = methods();
    report.comparison = rows.into_iter().map(row).collect();
    let files = |files: Vec<(String, String)>| {
        bundle::encode(&files.into_iter().collect::<BTreeMap<_, _>>())
    };
    let rendered = report::render(&report);
    Ok(vec![
        Produced::bytes("report", rendered.page.into_bytes()),
        Produced::bytes("figures", files(rendered.figures)?),
        Produced::bytes("tables", files(rendered.tables)?),
    ])
}

/// What the intervals of the comparison are.
const INTERVALS: &str = "95 % intervals: Nadeau–Bengio over the folds in cross-validation, percentile bootstrap elsewhere";

fn of_best<T>(best: &Best, artefact: &str, value: T) -> Sourced<T> {
    Sourced {
        subject: best.subject(),
        artefact: artefact.to_owned(),
        value: Ok(value),
    }
}

/// The ports beside the comparison; each may be absent.
fn fill(report: &mut Report, inputs: &Inputs) -> Result<(), StepError> {
    use read::all;
    report.waterfall = all(inputs, "waterfall", |_, b| features::waterfall(b))?;
    report.rank = ranked(inputs, "rank")?;
    report.controls = ranked(inputs, "controls")?;
    report.icc = all(inputs, "icc", features::reliability)?;
    report.funnel = all(inputs, "funnel", |_, b| features::funnel(b))?;
    report.frequency = all(inputs, "frequency", |_, b| features::frequency(b))?;
    report.agreement = all(inputs, "agreement", features::agreement)?;
    report.genes = all(inputs, "genes", |_, b| features::genes(b))?;
    report.enrichment = all(inputs, "enrichment", |_, b| features::gene_sets(b))?;
    report.novelty = all(inputs, "novelty", |_, b| features::novelty(b))?;
    report.baseline = all(inputs, "baseline", |_, b| read::sheet("baseline", b))?;
    report.missing = all(inputs, "missing", |_, b| read::sheet("missing", b))?;
    report.acquisition = all(inputs, "acquisition", |_, b| read::sheet("acquisition", b))?;
    report.univariable = all(inputs, "univariable", |_, b| clinical::univariable(b))?;
    report.cuts = all(inputs, "cuts", |_, b| clinical::cut(b))?;
    report.cox = all(inputs, "cox", |_, b| clinical::cox(b))?;
    report.nomogram = all(inputs, "nomogram", |_, b| clinical::nomogram(b))?;
    report.calibration = timed(all(inputs, "calibration", |_, b| clinical::calibration(b))?);
    report.decision = timed(all(inputs, "decision", |_, b| clinical::decision(b))?);
    report.impact = timed(all(inputs, "impact", |_, b| clinical::impact(b))?);
    report.reclassification = timed(all(inputs, "reclassification", |_, b| {
        clinical::reclassification(b)
    })?);
    report.clinical_metrics = all(inputs, "clinical_metrics", |_, b| clinical::measured(b))?;
    let curves = all(inputs, "clinical_curves", |_, b| {
        Ok(artefact::json::decode::<Curves>("curves", b)?)
    })?;
    report.clinical_curves = panels::clinical(report.language, curves, &report.clinical_metrics);
    report.survival = panels::survival(report.language, inputs)?;
    report.followed = panels::followed(inputs)?;
    Ok(())
}

/// Values with the horizon that they tell of themselves.
fn timed<T>(all: Vec<Sourced<(T, Option<f64>)>>) -> Vec<Sourced<T>> {
    let of = |one: Sourced<(T, Option<f64>)>| {
        let (value, horizon) = match one.value {
            Ok((value, horizon)) => (Ok(value), horizon),
            Err(reason) => (Err(reason), None),
        };
        let mut one = Sourced {
            subject: one.subject,
            artefact: one.artefact,
            value,
        };
        let months = horizon.map(artefact::number::text).unwrap_or_default();
        read::at(&mut one, "horizon", &months);
        one
    };
    all.into_iter().map(of).collect()
}

/// Rankings with the endpoint and profile that they tell of themselves.
fn ranked(inputs: &Inputs, port: &str) -> Result<Vec<Sourced<Ranking>>, StepError> {
    let found = read::all(inputs, port, |_, b| features::ranking(b))?;
    let of = |one: Sourced<(Ranking, [String; 2])>| {
        let (value, said) = match one.value {
            Ok((value, said)) => (Ok(value), said),
            Err(reason) => (Err(reason), Default::default()),
        };
        let mut one = Sourced {
            subject: one.subject,
            artefact: one.artefact,
            value,
        };
        read::at(&mut one, "endpoint", &said[0]);
        read::at(&mut one, "profile", &said[1]);
        one
    };
    Ok(found.into_iter().map(of).collect())
}

/// What the comparison itself shows of a profile that repeats a paper's way.
fn problems(summary: &Summary, rows: &[ComparisonRow]) -> Vec<Problem> {
    let mut out: Vec<Problem> = Vec::new();
    for best in &summary.best {
        let of_best = |set: &str| rows.iter().any(|r| best.is_of(r) && r.set == set);
        let mut put = |text: &str| {
            let profile = match rows.iter().find(|r| best.is_of(r)) {
                Some(row) if best.profile.is_empty() => row.profile.clone(),
                _ => best.profile.clone(),
            };
            let problem = Problem {
                profile,
                text: text.to_owned(),
            };
            if !out.contains(&problem) {
                out.push(problem);
            }
        };
        if best.chosen_by != "cv" {
            put(
                "The model was selected on the validation centre, which then judges it: its external value is that of the best of many, not that of a test.",
            );
        }
        // Out of bag the forest did not see a patient, but the selection of its features did.
        if !of_best("cv") {
            put(
                "No patient was held back inside the training centre: between the apparent value and the validation centre there is no honest one.",
            );
        }
    }
    out
}

/// The curves of a set.
pub(super) struct SetCurves {
    pub set: &'static str,
    pub curves: Curves,
    pub digest: String,
}

/// The curves of a chosen model by set, the external test first.
fn chosen_curves(inputs: &Inputs, best: &Best) -> Result<Vec<SetCurves>, StepError> {
    let mut found = Vec::new();
    for (set, rows) in [("external", "test"), ("apparent", "train")] {
        let input = inputs.all("curves").iter().find(|input| {
            let is = |axis: &str, value: &str| input.axis(axis).unwrap_or_default() == value;
            let external = input.axis("split").is_none_or(|split| split == "external");
            let profile = input.axis("profile");
            // Judged on test rows unless an axis says otherwise.
            let judged = input.axis("rows").or(input.axis("fitted_rows"));
            is("endpoint", &best.endpoint)
                && is("roi_set", &best.roi_set)
                && is("learner", &best.learner)
                && judged.unwrap_or("test") == rows
                && profile.is_none_or(|p| best.profile.is_empty() || p == best.profile)
                && external
        });
        if let Some(Ok(bytes)) = input.map(|input| &input.content) {
            found.push(SetCurves {
                set,
                curves: artefact::json::decode("curves", bytes)?,
                digest: digest::Digest::of(bytes).to_string(),
            });
        }
    }
    Ok(found)
}

fn headline(best: &Best, rows: &[ComparisonRow]) -> Headline {
    let of_endpoint = rows.iter().filter(|r| {
        r.endpoint == best.endpoint && (best.profile.is_empty() || r.profile == best.profile)
    });
    let models: BTreeSet<(&str, &str)> = of_endpoint
        .map(|r| (r.roi_set.as_str(), r.learner.as_str()))
        .collect();
    let at = |set: &str| {
        let is = |r: &&ComparisonRow| r.set == set && best.is_of(r);
        rows.iter()
            .filter(is)
            .find(|r| r.metric == best.metric)
            .map(estimate)
    };
    let (by, flattered) = match best.chosen_by.as_str() {
        "cv" => ("cross-validated", "its cross-validated value"),
        _ => ("external", "its external value"),
    };
    Headline {
        profile: best.profile.clone(),
        endpoint: best.endpoint.clone(),
        learner: best.learner.clone(),
        roi_set: best.roi_set.clone(),
        metric: best.metric.clone(),
        rule: format!(
            "highest {by} {} among {} models, a choice that flatters {flattered}{}",
            values::display_name(&best.metric),
            models.len(),
            null_model(best, rows)
        ),
        cv: at("cv").unwrap_or_else(|| Estimate::absent("not cross-validated")),
        external: at("external"),
        apparent: at("apparent"),
    }
}

/// Says of a chosen model in which sets it tells no patient from another.
fn null_model(best: &Best, rows: &[ComparisonRow]) -> String {
    let of_best = |r: &&ComparisonRow| best.is_of(r) && r.metric == best.metric;
    let said = |r: &ComparisonRow| {
        let mut notes = r.reason.split("; ");
        let note = notes.find(|note| note.starts_with("null model"))?;
        Some(format!("; {}: {note}", values::display_name(&r.set)))
    };
    rows.iter().filter(of_best).filter_map(said).collect()
}

pub(super) fn estimate(row: &ComparisonRow) -> Estimate {
    Estimate {
        value: row.value,
        lower: row.lower,
        upper: row.upper,
        n: row.n.map(|n| n as usize),
        n_events: row.n_events.map(|n| n as usize),
        reason: Some(row.reason.clone()).filter(|reason| !reason.is_empty()),
    }
}

fn row(row: ComparisonRow) -> values::ComparisonRow {
    let estimate = estimate(&row);
    let ComparisonRow {
        profile,
        endpoint,
        roi_set,
        learner,
        set,
        metric,
        horizon_months,
        ..
    } = row;
    values::ComparisonRow {
        profile,
        endpoint,
        roi_set,
        learner,
        set,
        metric,
        horizon_months,
        estimate,
    }
}

fn exclusion(e: exclusions::Exclusion) -> values::Exclusion {
    let exclusions::Exclusion {
        site,
        patient_id,
        endpoint,
        step,
        code,
        message,
    } = e;
    values::Exclusion {
        site,
        patient_id,
        endpoint,
        step,
        code,
        message,
    }
}

/// What holds for every study, whatever its settings.
fn methods() -> Vec<MethodFact> {
    let fact = |topic: &str, text: &str| MethodFact {
        topic: topic.to_owned(),
        text: text.to_owned(),
    };
    vec![
        fact(
            "Discrimination",
            "AUC(t) is cumulative/dynamic with inverse-probability-of-censoring weights; it is not estimated (NE) where nobody is at risk at t, or where the whole set has fewer than 5 cases or 5 controls.",
        ),
        fact(
            "Composite AUC",
            "The mean of AUC(t) over the horizons that the set supports; where it leaves one out it says so, and composites over different horizons do not compare.",
        ),
        fact(
            "Cross-validation",
            "Values are means over the folds of a repeat, then over the repeats; the interval is that of Nadeau and Bengio (2003). A step that learns from patients sees the training rows of its fold alone, unless leakage.json names it as a leak; folds inside those rows that tune a step share the preparation of all of them.",
        ),
        fact(
            "Risk groups",
            "Patients are cut at the median predicted risk of the rows named below each panel; the curves are Kaplan–Meier estimates with log-log limits.",
        ),
    ]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{
        content, gathered, inputs, learnable, ports, refusal, run, run_on, text,
    };
    use crate::step::Input;
    use serde_json::json;

    /// Metrics and curves of one model on an external set.
    fn evaluated() -> (Vec<u8>, Vec<u8>) {
        let (table, followup) = learnable(80);
        let risk: String = String::from_utf8(table)
            .unwrap()
            .lines()
            .skip(1)
            .map(|line| line.split(',').take(3).collect::<Vec<_>>().join(",") + "\n")
            .collect();
        let risk = format!("patient_id,site,risk\n{risk}").into_bytes();
        let params =
            json!({"horizons": [12.0, 36.0], "auc": "score", "bootstrap": 50, "rows": "test"});
        let out = run(
            "evaluate",
            params,
            &[("risk", risk), ("followup", followup)],
        )
        .unwrap();
        (content(&out, "metrics"), content(&out, "curves"))
    }

    fn label() -> Vec<(&'static str, &'static str)> {
        vec![
            ("endpoint", "dfs"),
            ("learner", "rsf"),
            ("roi_set", "tumour"),
            ("rows", "test"),
            ("split", "external"),
        ]
    }

    #[test]
    fn the_page_names_the_model_and_the_bundles_hold_figures_and_tables() {
        let (metrics, curves) = evaluated();
        let compared = run_on(
            "compare",
            json!({"profile": "careful"}),
            &ports(vec![("metrics", gathered(vec![(label(), Ok(metrics))]))]),
        )
        .unwrap();
        let exclusions = b"patient_id,site,endpoint,step,code,message\np9,c1,,import-mask,mask-empty,mask <b>is empty\n".to_vec();
        let mut all = inputs(&[
            ("comparison", content(&compared, "comparison")),
            ("summary", content(&compared, "summary")),
            ("exclusions", exclusions),
        ]);
        let curves: Vec<Input> = gathered(vec![(label(), Ok(curves))]);
        all.ports.insert("curves".to_owned(), curves);
        let out = run_on(
            "report",
            json!({"title": "A study", "profile": "careful"}),
            &all,
        )
        .unwrap();
        let page = text(&out, "report");
        assert!(
            page.contains("<title>A study</title>")
                && page.contains("RSF")
                && page.contains("mask-empty")
        );
        assert!(
            !page.contains("<b>is empty"),
            "text from outside is escaped"
        );
        let figures = artefact::bundle::decode(&content(&out, "figures")).unwrap();
        assert!(figures.contains_key("km_dfs.svg"), "{:?}", figures.keys());
        let tables = artefact::bundle::decode(&content(&out, "tables")).unwrap();
        assert!(tables.contains_key("table2.csv"), "{:?}", tables.keys());
    }

    #[test]
    fn a_comparison_without_its_columns_is_refused() {
        let ports = [
            ("comparison", b"a,b\n".to_vec()),
            ("summary", br#"{"n_models":0,"best":[]}"#.to_vec()),
        ];
        assert_eq!(
            refusal(run(
                "report",
                json!({"title": "t", "profile": "careful"}),
                &ports
            ))
            .0,
            "malformed-input"
        );
    }
}
