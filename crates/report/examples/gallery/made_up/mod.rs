//! Made-up values for every part of a report. Nothing here comes from a patient or a study; the page says so in its title.

mod clinical;
mod models;

use report::figure::{flow, kaplan_meier, roc};
use report::part::Sourced;
use report::story::{
    ArtefactRow, DagStep, InputRow, ProvenanceRow, RunStory, SpanRow, StepSetting, ValueRow,
    value_key,
};
use report::values::{ComparisonRow, Estimate, Exclusion, Headline, Leak, MethodFact, Problem};
use report::{Language, Report};

/// A small fixed sequence of numbers in 0..1, so that the gallery is the same every time.
struct Made(u64);

impl Made {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A report with every part, two profiles, in a language.
pub fn made_up(language: Language) -> Report {
    let mut made = Made(7);
    let mut report = Report::by_composite_auc(
        "Made-up values: a gallery of every figure, from no study",
        "careful",
    );
    report.language = language;
    report.interval_note = language
        .say("95 % intervals: Nadeau–Bengio over the folds in cross-validation, percentile bootstrap elsewhere")
        .to_owned();
    report.problems = vec![Problem {
        profile: "paper".into(),
        text: "The model was selected on the validation centre, which then judges it: its external value is that of the best of many, not that of a test.".into(),
    }];
    report.comparison_digest = digest(0);
    for (k, profile) in ["careful", "paper"].into_iter().enumerate() {
        for endpoint in ["dfs", "os"] {
            comparison(&mut report.comparison, (profile, endpoint), &mut made);
            report.headlines.push(headline(profile, endpoint));
            let axes = [("endpoint", endpoint), ("profile", profile)];
            let roc = vec![
                roc_panel("external", 80, &mut made),
                roc_panel("apparent", 552, &mut made),
            ];
            let km = vec![
                km_panel("external", 80, &mut made),
                km_panel("apparent", 552, &mut made),
            ];
            report.roc.push(sourced(k, &axes, roc));
            report.kaplan_meier.push(sourced(k, &axes, km));
        }
    }
    report.flow = Some(flow());
    report.exclusions = (0..9)
        .map(|i| Exclusion {
            site: if i % 3 == 0 { "c2" } else { "c1" }.into(),
            patient_id: format!("c1-{i:03}"),
            endpoint: if i == 4 { "dfs" } else { "" }.into(),
            step: "mask".into(),
            code: ["mask-empty", "geometry-mismatch"][i % 2].into(),
            message: "mask origin differs from the image by 3.0 mm along z, limit 0.1 mm".into(),
        })
        .collect();
    report.methods = vec![
        MethodFact { topic: "Cross-validation".into(), text: "5 × 5 folds, stratified by event and site; everything that learns is fitted inside the training rows.".into() },
        MethodFact { topic: "AUC(t)".into(), text: "Cumulative/dynamic with inverse probability of censoring weights.".into() },
    ];
    clinical::fill(&mut report, &mut made);
    models::fill(&mut report, &mut made);
    report
}

/// A digest that looks like one.
fn digest(i: usize) -> String {
    format!("b3:{:064x}", i + 1)
}

fn sourced<T>(i: usize, axes: &[(&str, &str)], value: T) -> Sourced<T> {
    Sourced {
        artefact: digest(i),
        ..Sourced::of(axes, value)
    }
}

/// The same with names that no label has room for.
pub fn long_names(mut report: Report) -> Report {
    for row in &mut report.comparison {
        row.learner = format!("{}-tuned-inside-with-early-stopping-and-more", row.learner);
        row.roi_set = format!("{} with a 5 mm margin", row.roi_set);
    }
    for one in &mut report.kaplan_meier {
        for panel in one.value.iter_mut().flatten() {
            panel.title =
                "deepsurv-tuned-inside-with-early-stopping-and-more, combined with a 5 mm margin"
                    .into();
            panel.groups[1].label = "high risk by the median of the training rows".into();
            panel.cut = "cut at the value that maximises the standardised log-rank statistic in the training rows".into();
        }
    }
    for panels in report.roc.iter_mut().filter_map(|r| r.value.as_mut().ok()) {
        panels[0].title =
            "deepsurv-tuned-inside-with-early-stopping-and-more, combined with a 5 mm margin"
                .into();
        panels[0].curves[2].auc = Estimate::absent(
            "NE (fewer than 5 cases or 5 controls at 60 months in the whole set: 3 cases, 0 controls)",
        );
    }
    if let Some(flow) = &mut report.flow {
        flow.sites[0].0 =
            "Department of Gynaecological Radiation Oncology, First Affiliated Hospital".into();
        flow.branches.push(flow.branches[0].clone());
    }
    report
}

fn comparison(rows: &mut Vec<ComparisonRow>, (profile, endpoint): (&str, &str), made: &mut Made) {
    for roi_set in ["tumour", "peritumour", "combined"] {
        for learner in ["deepsurv", "dnnsurv", "gbm", "rsf", "svm", "xgboost"] {
            for (set, base, half, n, events) in [
                ("apparent", 0.86, 0.03, 552, 146),
                ("cv", 0.68, 0.05, 552, 146),
                ("external", 0.64, 0.12, 80, 25),
            ] {
                if profile == "paper" && set == "cv" {
                    continue;
                }
                let mut put = |metric: &str, horizon: Option<f64>, ne: bool| {
                    let v = base + 0.14 * (made.next() - 0.5);
                    let estimate = if ne {
                        Estimate::absent("NE (max follow-up 48.0 months, at risk 0)")
                    } else {
                        Estimate::known(v, v - half, (v + half).min(1.0), n, events)
                    };
                    rows.push(ComparisonRow {
                        profile: profile.into(),
                        endpoint: endpoint.into(),
                        roi_set: roi_set.into(),
                        learner: learner.into(),
                        set: set.into(),
                        metric: metric.into(),
                        horizon_months: horizon,
                        estimate,
                    });
                };
                for h in [12.0, 36.0, 60.0] {
                    put("auc", Some(h), set == "external" && h > 48.0);
                }
                put(
                    "composite_auc",
                    None,
                    set == "external" && learner == "dnnsurv" && roi_set == "tumour",
                );
                put("harrell_c", None, false);
            }
        }
    }
}

fn headline(profile: &str, endpoint: &str) -> Headline {
    let cv = match profile {
        "paper" => Estimate::absent("not cross-validated"),
        _ => Estimate::known(0.741, 0.688, 0.794, 552, 146),
    };
    Headline {
        profile: profile.into(),
        endpoint: endpoint.into(),
        learner: "rsf".into(),
        roi_set: "combined".into(),
        metric: "composite_auc".into(),
        rule: "highest cross-validated value of 18 models".into(),
        cv,
        external: Some(Estimate::known(0.702, 0.569, 0.811, 80, 25)),
        apparent: Some(Estimate::known(0.912, 0.884, 0.937, 552, 146)),
    }
}

fn roc_panel(set: &str, n: usize, made: &mut Made) -> roc::Panel {
    let curve = |h: u32, made: &mut Made| {
        let (mut x, mut y) = (0.0, 0.0);
        let mut points = vec![(0.0, 0.0)];
        for _ in 0..60 {
            if made.next() < 0.5 - 0.3 * (x - y) {
                x += 0.03
            } else {
                y += 0.05
            }
            points.push((f64::min(x, 1.0), f64::min(y, 1.0)));
        }
        points.push((1.0, 1.0));
        let auc = if n < 100 && h == 60 {
            Estimate::absent("NE (max follow-up 48.0 months, at risk 0)")
        } else {
            Estimate::known(0.72, 0.61, 0.82, n, n / 4)
        };
        roc::Curve {
            label: format!("{h} months"),
            points,
            auc,
        }
    };
    roc::Panel {
        title: format!("RSF, combined · {set}"),
        curves: [12, 36, 60].into_iter().map(|h| curve(h, made)).collect(),
    }
}

fn km_panel(set: &str, n: usize, made: &mut Made) -> kaplan_meier::Panel {
    let end = if n > 100 { 96.0 } else { 48.0 };
    let group = |label: &str, hazard: f64, made: &mut Made| {
        let mut g = kaplan_meier::Group {
            label: label.into(),
            n: n / 2,
            n_events: 0,
            ..Default::default()
        };
        let mut s = 1.0;
        let step = end / 40.0;
        for i in 1..40 {
            let t = f64::from(i) * step;
            if made.next() < 0.6 {
                s *= 1.0 - hazard * step * 1.6;
                g.n_events += 1;
                g.time.push(t);
                g.survival.push(s);
                g.lower.push(s - 0.02 - 0.0012 * t);
                g.upper.push(f64::min(s + 0.02 + 0.0012 * t, 1.0));
            }
            if i > 10 && made.next() < 0.7 {
                g.censored.push(t + 0.4);
            }
        }
        g.at_risk = (0..=8_usize).map(|k| n / 2 - k * n / 17).collect();
        g
    };
    kaplan_meier::Panel {
        title: format!("RSF, combined · {set}"),
        outcome: "disease-free survival".into(),
        unit: "months".into(),
        ticks: (0..=8).map(|k| f64::from(k) * end / 8.0).collect(),
        groups: vec![
            group("low risk", 0.003, made),
            group("high risk", 0.012, made),
        ],
        log_rank_p: Some(if n > 100 { 0.0001 } else { 0.034 }),
        cut: "cut at the median risk of the training rows".into(),
    }
}

fn flow() -> flow::Flow {
    let branch = |endpoint: &str, n: usize| flow::Branch {
        endpoint: endpoint.into(),
        left_out: flow::LeftOut {
            n: 626 - n,
            reasons: if n < 626 {
                vec![("no follow-up after the start of treatment".into(), 626 - n)]
            } else {
                vec![]
            },
        },
        n,
        n_events: n / 4,
        sets: vec![
            ("training (c1)".into(), n - 79),
            ("external (c2)".into(), 79),
        ],
    };
    flow::Flow {
        announced: 632,
        sites: vec![("c1".into(), 552), ("c2".into(), 80)],
        left_out: flow::LeftOut {
            n: 6,
            reasons: vec![
                ("mask-empty".into(), 3),
                (
                    "geometry-mismatch: the mask lies outside the image".into(),
                    2,
                ),
                ("image-unreadable".into(), 1),
            ],
        },
        branches: vec![branch("DFS", 624), branch("OS", 626)],
    }
}

/// What a run would tell.
pub fn story() -> RunStory {
    let step = |name: &str, kind: &str, role: &str, n_tasks: usize, inputs: &[&str]| DagStep {
        name: name.into(),
        kind: kind.into(),
        role: role.into(),
        n_tasks,
        inputs: inputs.iter().map(|s| (*s).to_owned()).collect(),
    };
    let dag = vec![
        step("image", "import-image", "pointwise", 632, &["cohort.t2w"]),
        step(
            "mask",
            "import-mask",
            "pointwise",
            632,
            &["cohort.mask", "image.image"],
        ),
        step(
            "n4",
            "n4-bias-correction",
            "pointwise",
            632,
            &["image.image"],
        ),
        step(
            "ring",
            "peritumoural-ring",
            "pointwise",
            632,
            &["mask.mask", "n4.image"],
        ),
        step(
            "features",
            "extract-features",
            "pointwise",
            1264,
            &["n4.image", "mask.mask", "ring.mask"],
        ),
        step("table", "gather-table", "gather", 3, &["features.features"]),
        step("clinical", "gather-cohort", "gather", 1, &["cohort.table"]),
        step("followup", "follow-up", "gather", 2, &["clinical.table"]),
        step("roster", "roster", "gather", 1, &["followup.followup"]),
        step(
            "eligible",
            "eligible",
            "gather",
            2,
            &["table.table", "table.excluded", "followup.followup"],
        ),
        step(
            "splits",
            "make-splits",
            "split",
            26,
            &["roster.roster", "followup.followup"],
        ),
        step(
            "rows",
            "select-rows",
            "select",
            156,
            &["table.table", "eligible.eligible", "splits.split"],
        ),
        step(
            "outcome",
            "select-rows",
            "select",
            52,
            &["followup.followup", "eligible.eligible", "splits.split"],
        ),
        step("fit-impute", "fit-impute", "fit", 156, &["rows.train"]),
        step(
            "train",
            "apply-impute",
            "apply",
            156,
            &["fit-impute.model", "rows.train"],
        ),
        step(
            "fit-standardise",
            "fit-standardise",
            "fit",
            156,
            &["train.table"],
        ),
        step(
            "train-z",
            "apply-standardise",
            "apply",
            156,
            &["fit-standardise.model", "train.table"],
        ),
        step(
            "selection",
            "fit-selection",
            "fit",
            156,
            &["train-z.table", "outcome.train"],
        ),
        step(
            "train-selected",
            "apply-selection",
            "apply",
            156,
            &["selection.model", "train-z.table"],
        ),
        step(
            "test-selected",
            "apply-selection",
            "apply",
            156,
            &[
                "selection.model",
                "rows.test",
                "fit-impute.model",
                "fit-standardise.model",
            ],
        ),
        step(
            "fit",
            "fit-rsf",
            "fit",
            312,
            &["train-selected.table", "outcome.train"],
        ),
        step(
            "predict",
            "predict",
            "apply",
            312,
            &["fit.model", "test-selected.table"],
        ),
        step(
            "evaluate",
            "evaluate",
            "evaluate",
            312,
            &["predict.risk", "outcome.test", "outcome.train"],
        ),
        step("compare", "compare", "gather", 1, &["evaluate.metrics"]),
        step(
            "exclusions",
            "exclusions",
            "gather",
            1,
            &["eligible.exclusions"],
        ),
        step(
            "report",
            "report",
            "gather",
            1,
            &[
                "compare.comparison",
                "evaluate.curves",
                "exclusions.exclusions",
            ],
        ),
    ];
    let mut made = Made(3);
    let lanes = ["c1/worker-1", "c1/worker-2", "c2/worker-1", "hub"];
    let mut clock = [0_u64; 4];
    let mut spans = Vec::new();
    for step in &dag {
        let first = clock.iter().copied().max().unwrap_or(0);
        if step.role != "pointwise" {
            clock[3] = clock[3].max(first);
        }
        for i in 0..step.n_tasks {
            let lane = if step.role == "pointwise" { i % 3 } else { 3 };
            let wall = (made.next() * if lane == 3 { 60.0 } else { 900.0 }) as u64 + 3;
            spans.push(SpanRow {
                lane: lanes[lane].into(),
                label: format!("{}[i={i}]", step.name),
                start_ms: clock[lane],
                wall_ms: wall,
            });
            clock[lane] += wall + 2;
        }
    }
    let digest = |i: usize| {
        format!(
            "b3:{:064x}",
            (i as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834)
        )
    };
    let row = |i: usize, file: &str, task: &str, inputs: usize| ProvenanceRow {
        file: file.into(),
        task: task.into(),
        recipe: digest(i),
        inputs: (0..inputs)
            .map(|k| format!("metrics: {}", digest(100 + k)))
            .collect(),
    };
    RunStory {
        run_id: "made-up-1".into(),
        study: "gallery".into(),
        profile: "careful".into(),
        seed: 20_250_308,
        data_digest: digest(7),
        versions: vec![("radloom".into(), "0.1.0".into())],
        sites: vec!["c1".into(), "c2".into()],
        spans,
        dag,
        provenance: vec![
            row(1, "comparison.csv", "compare[]", 312),
            row(2, "exclusions.csv", "exclusions[]", 2),
            row(3, "figures/fig3a_dfs_heat_map.svg", "report[]", 3),
        ],
        artefacts: (0..320).map(artefact).collect(),
        settings: settings(),
        leaks: vec![Leak {
            step: "combat".into(),
            port: "table".into(),
            reason: "shown here to see the banner".into(),
        }],
        counts: vec![
            ("reused".into(), 14_212),
            ("ran".into(), 37),
            ("refused".into(), 60),
        ],
        refused: vec![(
            60,
            "no-out-of-bag, this learner sees every training row (predict_oob)".into(),
        )],
        values: vec![ValueRow {
            key: value_key("careful", "dfs", "tumour", "rsf", "cv"),
            artefacts: (0..5)
                .map(|k| (digest(k), format!("r1f{}", k + 1)))
                .collect(),
        }],
    }
}

fn artefact(i: usize) -> ArtefactRow {
    let input = |k: usize| InputRow {
        port: "table".into(),
        from: format!("step{k}[endpoint=dfs,profile=careful]"),
        digest: digest(k),
    };
    ArtefactRow {
        digest: digest(i),
        port: "out".into(),
        task: format!("step{i}[endpoint=dfs,profile=careful]"),
        recipe: digest(1000 + i),
        inputs: vec![
            input(i + 1),
            InputRow {
                port: "features".into(),
                from: "632 artefacts of features".into(),
                digest: String::new(),
            },
        ],
    }
}

fn settings() -> Vec<StepSetting> {
    let setting = |step: &str, kind: &str, at: &str, parameters: &[(&str, &str)]| StepSetting {
        step: step.into(),
        kind: kind.into(),
        at: at.into(),
        n_tasks: 12,
        parameters: parameters
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect(),
    };
    vec![
        setting(
            "ring",
            "peritumoural-ring",
            "profile=careful",
            &[
                ("margin_mm", "5.0"),
                ("mode", "\"in-plane\""),
                ("clip_to", "\"body\""),
                ("exclude_tumour", "true"),
            ],
        ),
        setting(
            "ring",
            "peritumoural-ring",
            "profile=paper",
            &[
                ("margin_mm", "50.0"),
                ("mode", "\"3d-euclidean\""),
                ("clip_to", "\"body\""),
                ("exclude_tumour", "true"),
            ],
        ),
        setting(
            "features",
            "extract-features",
            "profile=careful",
            &[
                ("settings.binCount", "32"),
                ("settings.resampledPixelSpacing", "[1,1,0]"),
                ("settings.normalize", "true"),
            ],
        ),
        setting(
            "features",
            "extract-features",
            "profile=paper",
            &[
                ("settings.binWidth", "25.0"),
                ("settings.resampledPixelSpacing", "null"),
                ("settings.normalize", "false"),
            ],
        ),
        setting(
            "fit",
            "fit-rsf",
            "learner=rsf",
            &[
                ("num_trees", "1000"),
                ("min_node_size", "15"),
                ("tune.grid.mtry", "[5,10]"),
            ],
        ),
    ]
}
