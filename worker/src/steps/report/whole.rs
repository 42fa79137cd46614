//! The report from what the other steps really give.
#![allow(clippy::unwrap_used)]
use crate::steps::fixture::{content, gathered, inputs, learnable, only, run, run_on, text};
use pipeline_defs::params::{CutPointParams, KaplanMeierParams, Params};
use serde_json::{Value, json};

use crate::step::{Inputs, Produced};

fn set(mut params: Value, with: Value) -> Value {
    for (key, value) in with.as_object().unwrap() {
        params[key] = value.clone();
    }
    params
}

fn preset<P: Params>(with: Value) -> Value {
    set(serde_json::to_value(&P::presets()[0].1).unwrap(), with)
}

/// Probabilities that rise with the signal.
fn risk(table: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(table.to_vec()).unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let risk = 0.05 + 0.9 * cells[2].parse::<f64>().unwrap() / 101.0;
        format!("{},{risk}\n", cells[0])
    };
    let rows: String = text.lines().skip(1).map(row).collect();
    format!("patient_id,risk\n{rows}").into_bytes()
}

/// A comparison with one model on the training and the external set.
fn compared(metrics: Vec<u8>) -> Inputs {
    let label = |rows| {
        vec![
            ("endpoint", "dfs"),
            ("learner", "rsf"),
            ("roi_set", "tumour"),
            ("rows", rows),
            ("split", "external"),
        ]
    };
    let entries = vec![
        (label("test"), Ok(metrics.clone())),
        (label("train"), Ok(metrics)),
    ];
    let ports = crate::steps::fixture::ports(vec![("metrics", gathered(entries))]);
    let out = run_on("compare", json!({"profile": "careful"}), &ports).unwrap();
    inputs(&[
        ("comparison", content(&out, "comparison")),
        ("summary", content(&out, "summary")),
    ])
}

/// Every step whose result the report reads as it is.
fn study() -> Inputs {
    let (table, followup) = learnable(120);
    let judged = [("survival", risk(&table)), ("followup", followup.clone())];
    let risks = [("risk", risk(&table)), ("followup", followup.clone())];
    let evaluate =
        json!({"horizons": [12.0, 30.0], "auc": "score", "bootstrap": 20, "rows": "test"});
    let evaluated = run("evaluate", evaluate, &risks).unwrap();
    let mut all = compared(content(&evaluated, "metrics"));
    let learn = [
        ("table", only(&table, &["signal", "noise"])),
        ("followup", followup),
    ];
    let thresholds = json!([0.1, 0.3, 0.5]);
    let km =
        preset::<KaplanMeierParams>(json!({"group": "signal", "cut": 50.0, "horizons": [12.0]}));
    let km = run("kaplan-meier", km, &learn).unwrap();
    let one = |kind: &str, params: Value, ports: &[(&str, Vec<u8>)], port: &str| {
        content(&run(kind, params, ports).unwrap(), port)
    };
    let cut = preset::<CutPointParams>(json!({"column": "signal"}));
    let decided = json!({"horizon": 30.0, "thresholds": thresholds});
    let impact = json!({"horizon": 30.0, "thresholds": thresholds, "population": 1000});
    let made = [
        (
            "cox",
            one("cox-regression", json!({"ties": "efron"}), &learn, "cox"),
        ),
        (
            "nomogram",
            one(
                "nomogram",
                json!({"horizons": [24.0, 900.0]}),
                &learn,
                "nomogram",
            ),
        ),
        ("cuts", one("cut-point", cut, &learn, "cut")),
        (
            "calibration",
            one(
                "calibration",
                json!({"horizon": 30.0, "groups": 3}),
                &judged,
                "calibration",
            ),
        ),
        (
            "decision",
            one("decision-curve", decided, &judged, "decision-curve"),
        ),
        (
            "impact",
            one("clinical-impact", impact, &judged, "clinical-impact"),
        ),
        ("clinical_metrics", content(&evaluated, "metrics")),
        ("clinical_curves", content(&evaluated, "curves")),
        ("km", content(&km, "curves")),
        ("km", content(&km, "curves_csv")),
    ];
    for (port, bytes) in made {
        let label = vec![("endpoint", "dfs")];
        let entry = gathered(vec![(label, Ok(bytes))]);
        all.ports.entry(port.to_owned()).or_default().extend(entry);
    }
    all
}

fn reported(all: &Inputs, language: &str) -> Vec<Produced> {
    let params = json!({"title": "A study", "profile": "careful", "language": language});
    run_on("report", params, all).unwrap()
}

#[test]
fn what_the_steps_give_becomes_the_papers_figures_and_tables() {
    let all = study();
    let out = reported(&all, "en");
    let figures = artefact::bundle::decode(&content(&out, "figures")).unwrap();
    for name in [
        "fig2_flow.svg",
        "fig4a_dfs_nomogram.svg",
        "fig4b_dfs_calibration.svg",
        "fig4c_dfs_decision_curve.svg",
        "fig4d_dfs_clinical_impact.svg",
        "survival_dfs.svg",
        "cox_dfs.svg",
        "cut_search_dfs.svg",
    ] {
        assert!(figures.contains_key(name), "{name} in {:?}", figures.keys());
    }
    let tables = artefact::bundle::decode(&content(&out, "tables")).unwrap();
    let table4 = &tables["table4.csv"];
    assert!(
        table4.contains("signal") && table4.contains("agrees"),
        "{table4}"
    );
    let km = &tables["survival_dfs.csv"];
    assert!(km.contains("above 50") && km.contains("at most 50"), "{km}");
    let clinical = &tables["clinical_models.csv"];
    assert!(
        clinical.contains("AUC,12,") && clinical.contains("AUC,30,"),
        "{clinical}"
    );
    let page = text(&out, "report");
    assert!(
        page.contains("NE: nobody is at risk at 900"),
        "a horizon beyond follow-up says so"
    );
    assert!(page.contains("\"coefficient\":") && page.contains("\"baseline\":null"));
    assert!(
        page.contains("selected on the validation centre"),
        "only the external set judged the model"
    );
    assert!(
        page.contains("log-rank P "),
        "the test stands beside its curves"
    );
}

#[test]
fn a_page_in_chinese_keeps_the_numbers() {
    let all = study();
    let (english, chinese) = (reported(&all, "en"), reported(&all, "zh"));
    assert!(text(&chinese, "report").contains("<html lang=\"zh-CN\">"));
    let tables = |out: &[Produced]| {
        let files = artefact::bundle::decode(&content(out, "tables")).unwrap();
        files["table2.csv"].clone()
    };
    assert_eq!(tables(&english), tables(&chinese));
}

#[test]
fn every_figure_leads_to_the_bytes_it_was_drawn_from() {
    let all = study();
    let page = text(&reported(&all, "en"), "report");
    for port in ["cox", "nomogram", "decision", "comparison"] {
        let bytes = all.ports[port][0].content.clone().unwrap();
        let digest = digest::Digest::of(&bytes).to_string();
        assert!(
            page.contains(&format!("data-artefact=\"{digest}\"")),
            "{port}"
        );
    }
}

#[test]
fn what_a_step_refused_is_told_on_the_page() {
    let mut all = study();
    let refused = artefact::refusal::Refusal {
        code: "too-few-events".into(),
        message: "3 events, 5 are needed".into(),
        kind: "cox-regression".into(),
    };
    let entry = gathered(vec![(vec![("endpoint", "os")], Err(refused))]);
    all.ports.entry("cox".to_owned()).or_default().extend(entry);
    let page = text(&reported(&all, "en"), "report");
    assert!(page.contains(
        "multivariable model (OS) is not there: 3 events, 5 are needed (too-few-events)"
    ));
}
