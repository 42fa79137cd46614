#![allow(clippy::unwrap_used)]
use super::*;
use crate::check::well_formed;
use crate::figure::roc::Curve;
use crate::part::Sourced;
use crate::values::Estimate;

const EVIL: &str = "</title><script>alert(1)</script><!--radloom:dag-->\" onload=\"x";

fn row(
    learner: &str,
    set: &str,
    metric: &str,
    horizon: Option<f64>,
    estimate: Estimate,
) -> ComparisonRow {
    ComparisonRow {
        profile: "careful".into(),
        endpoint: "dfs".into(),
        roi_set: "combined".into(),
        learner: learner.into(),
        set: set.into(),
        metric: metric.into(),
        horizon_months: horizon,
        estimate,
    }
}

fn small() -> Report {
    let mut report = Report::by_composite_auc("Title", "careful");
    let known = || Estimate::known(0.751, 0.702, 0.8, 552, 146);
    report.comparison = vec![
        row("rsf", "cv", "composite_auc", None, known()),
        row(
            "rsf",
            "external",
            "composite_auc",
            None,
            Estimate::known(0.7, 0.55, 0.84, 80, 25),
        ),
        row("rsf", "apparent", "auc", Some(12.0), known()),
        row(
            "rsf",
            "external",
            "auc",
            Some(60.0),
            Estimate::absent("NE (max follow-up 48.0, at risk 0)"),
        ),
    ];
    report.headlines = vec![Headline {
        profile: String::new(),
        endpoint: "dfs".into(),
        learner: "rsf".into(),
        roi_set: "combined".into(),
        metric: "composite_auc".into(),
        rule: "highest of 36 models".into(),
        cv: known(),
        external: Some(Estimate::known(0.7, 0.55, 0.84, 80, 25)),
        apparent: None,
    }];
    report
}

fn evil() -> Report {
    let mut report = small();
    report.title = EVIL.into();
    report.profile = EVIL.into();
    report.leaks = vec![Leak {
        step: EVIL.into(),
        port: EVIL.into(),
        reason: EVIL.into(),
    }];
    for row in &mut report.comparison {
        row.learner = EVIL.into();
        row.roi_set = EVIL.into();
    }
    report.comparison[3].estimate.reason = Some(EVIL.into());
    report.roc = vec![Sourced::of(
        &[("endpoint", EVIL)],
        vec![roc::Panel {
            title: EVIL.into(),
            curves: vec![Curve {
                label: EVIL.into(),
                points: vec![(0.0, 0.0)],
                auc: Estimate::absent(EVIL),
            }],
        }],
    )];
    report.exclusions = vec![Exclusion {
        site: EVIL.into(),
        patient_id: EVIL.into(),
        endpoint: EVIL.into(),
        step: EVIL.into(),
        code: EVIL.into(),
        message: EVIL.into(),
    }];
    report.methods = vec![MethodFact {
        topic: EVIL.into(),
        text: EVIL.into(),
    }];
    report
}

#[test]
fn the_headline_has_interval_n_and_the_external_value() {
    let page = report_page(&small());
    assert_eq!(well_formed(&page), Ok(()));
    let at = page.find("class=\"headline\"").unwrap();
    let card = &page[at..at + page[at..].find("</dl>").unwrap()];
    for text in [
        "0.751",
        "0.702–0.800",
        "n = 552, 146 events",
        "0.700",
        "0.550–0.840",
        "n = 80, 25 events",
    ] {
        assert!(card.contains(text), "{text} in {card}");
    }
}

#[test]
fn nothing_from_outside_can_run_or_pose_as_a_mark() {
    let page = report_page(&evil());
    assert_eq!(well_formed(&page), Ok(()));
    assert_eq!(page.matches("<script>").count(), 1);
    assert_eq!(page.matches("<!--radloom:dag-->").count(), 1);
    assert!(!page.contains("onload=\"x\""));
    for (name, svg) in figures(&evil()) {
        assert_eq!(well_formed(&svg), Ok(()), "{name}");
        assert!(
            !name.contains(['/', '<', ' ']) && !svg.contains("<script"),
            "{name}"
        );
    }
}

#[test]
fn the_page_needs_no_network() {
    let page = report_page(&small()).replace("http://www.w3.org/2000/svg", "");
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("src="));
}

#[test]
fn the_same_values_give_the_same_bytes() {
    assert_eq!(report_page(&evil()), report_page(&evil()));
    assert_eq!(figures(&small()), figures(&small()));
    assert_eq!(tables(&small()), tables(&small()));
}

#[test]
fn leaks_are_in_the_banner_and_only_then() {
    assert!(!report_page(&small()).contains("leaks on purpose"));
    assert!(report_page(&evil()).contains("leaks on purpose"));
}

#[test]
fn an_empty_report_says_what_is_missing() {
    let page = report_page(&Report::default());
    assert_eq!(well_formed(&page), Ok(()));
    assert!(page.contains("No model was chosen") && page.contains("No patient was left out"));
    assert!(figures(&Report::default()).is_empty() && tables(&Report::default()).is_empty());
}

#[test]
fn the_papers_table_has_learners_across_and_ne_cells() {
    let all = tables(&small());
    let (name, csv) = &all[0];
    assert_eq!(name, "table2.csv");
    assert_eq!(
        csv,
        "ROI set,set,months,RSF\ncombined,apparent,12,0.751 (0.702–0.800)\ncombined,external,60,NE\n"
    );
    let page = report_page(&small());
    assert!(page.contains("max follow-up 48.0, at risk 0"));
}

#[test]
fn figures_carry_the_papers_letters() {
    let mut report = small();
    let mut os = report.comparison.clone();
    os.iter_mut().for_each(|r| r.endpoint = "os".into());
    report.comparison.extend(os);
    let names: Vec<String> = figures(&report).into_iter().map(|f| f.0).collect();
    assert_eq!(
        names,
        [
            "fig3a_dfs_arms.svg",
            "fig3b_dfs_learners.svg",
            "models_dfs.svg",
            "heat_map_dfs.svg",
            "fig3d_os_arms.svg",
            "fig3e_os_learners.svg",
            "models_os.svg",
            "heat_map_os.svg"
        ]
    );
}
