//! `report`: the report as one page, with its figures and tables.

use std::collections::{BTreeMap, BTreeSet};

use artefact::comparison::{self, ComparisonRow};
use artefact::curves::Curves;
use artefact::{bundle, exclusions};
use pipeline_defs::params::ReportParams;
use report::values::{self, Estimate, Headline, MethodFact};
use report::{Report, report_page};
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
    pub endpoint: String,
    pub roi_set: String,
    pub learner: String,
    chosen_by: String,
    metric: String,
}

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: ReportParams = context.params()?;
    let rows = comparison::decode(inputs.one("comparison")?)?;
    let summary: Summary = artefact::json::decode("summary", inputs.one("summary")?)?;
    let mut report = Report::by_composite_auc(&params.title, &params.profile);
    report.interval_note =
        "95 % intervals: Nadeau–Bengio over the folds in cross-validation, percentile bootstrap elsewhere".to_owned();
    report.headlines = summary
        .best
        .iter()
        .map(|best| headline(best, &rows))
        .collect();
    for best in &summary.best {
        let curves = chosen_curves(inputs, best)?;
        report
            .roc
            .push((best.endpoint.clone(), panels::roc(best, &curves, &rows)));
        report
            .kaplan_meier
            .push((best.endpoint.clone(), panels::kaplan_meier(best, &curves)));
    }
    if let Some(bytes) = inputs.optional("exclusions")? {
        report.exclusions = exclusions::decode(bytes)?
            .into_iter()
            .map(exclusion)
            .collect();
    }
    report.methods = methods();
    report.comparison = rows.into_iter().map(row).collect();
    let files = |files: Vec<(String, String)>| {
        bundle::encode(&files.into_iter().collect::<BTreeMap<_, _>>())
    };
    Ok(vec![
        Produced::bytes("report", report_page(&report).into_bytes()),
        Produced::bytes("figures", files(report::figures(&report))?),
        Produced::bytes("tables", files(report::tables(&report))?),
    ])
}

/// The curves of a chosen model by set, the external test first.
fn chosen_curves(inputs: &Inputs, best: &Best) -> Result<Vec<(&'static str, Curves)>, StepError> {
    let mut found = Vec::new();
    for (set, rows) in [("external", "test"), ("apparent", "train")] {
        let input = inputs.all("curves").iter().find(|input| {
            let is = |axis: &str, value: &str| input.axis(axis).unwrap_or_default() == value;
            let external = input.axis("split").is_none_or(|split| split == "external");
            is("endpoint", &best.endpoint)
                && is("roi_set", &best.roi_set)
                && is("learner", &best.learner)
                && is("rows", rows)
                && external
        });
        if let Some(Ok(bytes)) = input.map(|input| &input.content) {
            found.push((set, artefact::json::decode("curves", bytes)?));
        }
    }
    Ok(found)
}

fn headline(best: &Best, rows: &[ComparisonRow]) -> Headline {
    let of_endpoint = rows.iter().filter(|r| r.endpoint == best.endpoint);
    let models: BTreeSet<(&str, &str)> = of_endpoint
        .map(|r| (r.roi_set.as_str(), r.learner.as_str()))
        .collect();
    let at = |set: &str| {
        let is = |r: &&ComparisonRow| {
            (r.set.as_str(), &r.endpoint, &r.roi_set, &r.learner)
                == (set, &best.endpoint, &best.roi_set, &best.learner)
        };
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
    let of_best = |r: &&ComparisonRow| {
        (&r.endpoint, &r.roi_set, &r.learner) == (&best.endpoint, &best.roi_set, &best.learner)
            && r.metric == best.metric
    };
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
