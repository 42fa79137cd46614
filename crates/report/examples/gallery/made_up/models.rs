//! Made-up ranks, features, delineations, genes and tables.

use super::{Made, sourced};
use report::Report;
use report::part::Subject;
use report::part::agreement::Agreement;
use report::part::biology::{Gene, GeneSet};
use report::part::cohort::Sheet;
use report::part::novelty::Novelty;
use report::part::ranking::{Ranked, Ranking};
use report::part::selection::{Frequency, Reliability, Stage};
use report::part::waterfall::{Rung, Waterfall};
use report::values::Estimate;

/// Adds the parts beside the clinical ones.
pub fn fill(report: &mut Report, made: &mut Made) {
    report
        .waterfall
        .push(sourced(200, &[], ["dfs", "os"].map(waterfall).to_vec()));
    for (k, endpoint) in ["dfs", "os"].into_iter().enumerate() {
        let axes = [("endpoint", endpoint), ("profile", "careful")];
        report.rank.push(sourced(210 + k, &axes, ranking(made)));
        report
            .controls
            .push(sourced(220 + k, &axes, controls(made)));
        report
            .genes
            .push(sourced(230 + k, &[("endpoint", endpoint)], genes(made)));
        for (c, collection) in ["go", "hallmark"].into_iter().enumerate() {
            let axes = [("endpoint", endpoint), ("collection", collection)];
            report
                .enrichment
                .push(sourced(240 + 2 * k + c, &axes, gene_sets(c == 1, made)));
        }
        report
            .novelty
            .push(sourced(250 + k, &[("endpoint", endpoint)], novelty(made)));
    }
    for roi in ["tumour", "peritumour"] {
        report.icc.push(sourced(
            260,
            &[("roi", roi), ("profile", "careful")],
            reliability(made),
        ));
    }
    report.funnel.push(sourced(270, &[], funnel(made)));
    report.frequency.push(sourced(280, &[], frequency(made)));
    for reading in ["r1s2", "r2s1"] {
        report
            .agreement
            .push(sourced(290, &[], vec![agreement(reading, made)]));
    }
    report.baseline.push(sourced(300, &[], sheet("variable,level,c1 (n = 552),c2 (n = 80),missing,test,p,smd\nage_years,mean ± SD; median (quartiles),57.07 ± 10.16; 56.00 (50.00–64.00),55.85 ± 21.21; 55.00 (47.00–66.00),0,welch,0.711,0.073\nfigo_2018,,,,3,chi-square,0.443,0.101\n,IB,29 (5.3 %),5 (6.3 %),,,,\n,IIA,73 (13.2 %),11 (13.8 %),,,,\n,IIB,156 (28.3 %),21 (26.3 %),,,,\n")));
    report.missing.push(sourced(301, &[], sheet("site,column,n,missing,percent\nc1,scca_ng_ml,552,31,5.6\nc2,scca_ng_ml,80,12,15.0\nc2,eqd2_gy,80,1,1.3\nc1,age_years,552,0,0\n")));
    report.acquisition.push(sourced(302, &[], sheet("site,n,matrix,spacing_mm,slice_pitch_mm,grey_levels,deviating\nc1,552,320×256,0.75 (0.47–0.94),7.0,1243,3\nc2,80,320×250,0.75 (0.75–0.94),5.5,987,0\n")));
}

fn sheet(text: &str) -> Sheet {
    let cells = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<String>>();
    let mut lines = text.lines();
    Sheet {
        columns: lines.next().map(cells).unwrap_or_default(),
        rows: lines.map(cells).collect(),
    }
}

fn waterfall(endpoint: &str) -> Waterfall {
    let rung = |label: &str, value: f64, difference: f64, model: &str| Rung {
        label: label.into(),
        value: Some(value),
        interval: Some((value - 0.05, value + 0.05)),
        difference: Some(difference),
        model: model.into(),
        n_models: None,
        reason: String::new(),
    };
    Waterfall {
        endpoint: endpoint.into(),
        rungs: vec![
            rung(
                "paper, on its own training patients",
                0.931,
                f64::NAN,
                "RSF, combined",
            ),
            rung(
                "paper, selection once outside the folds",
                0.812,
                -0.119,
                "RSF, combined",
            ),
            rung(
                "careful, everything inside the folds",
                0.702,
                -0.11,
                "GBM, combined",
            ),
            Rung {
                label: "corrected for the choice among models".into(),
                reason: "NE: fewer than 10 models were cross-validated in every fold".into(),
                ..Rung::default()
            },
            rung(
                "careful, at the external centre",
                0.661,
                -0.041,
                "GBM, combined",
            ),
        ],
    }
}

fn ranked(roi_set: &str, learner: &str, control: &str, value: f64, i: usize) -> Ranked {
    Ranked {
        roi_set: roi_set.into(),
        learner: learner.into(),
        control: control.into(),
        estimate: Estimate::known(value, value - 0.09, value + 0.09, 80, 25),
        simultaneous: Some((value - 0.15, value + 0.15)),
        p_best: Some(0.4 / (i + 1) as f64),
        rank: Some((1 + i / 3, 6 + i.min(12))),
        vs_clinical: Some((Estimate::known(0.02, -0.08, 0.12, 80, 25), Some(0.7))),
        above_chance: value - 0.15 > 0.5,
    }
}

fn ranking(made: &mut Made) -> Ranking {
    let mut models = Vec::new();
    for learner in ["deepsurv", "dnnsurv", "gbm", "rsf", "svm", "xgboost"] {
        for roi_set in ["tumour", "peritumour", "combined"] {
            models.push(ranked(
                roi_set,
                learner,
                "",
                0.71 - 0.008 * models.len() as f64 + 0.01 * made.next(),
                models.len(),
            ));
        }
    }
    Ranking {
        set: "external".into(),
        metric: "composite_auc".into(),
        models,
        bias_corrected: Some(Estimate {
            reason: Some("BBC-CV of 18 models".into()),
            ..Estimate::known(0.668, 0.611, 0.724, 552, 146)
        }),
        reason: String::new(),
    }
}

fn controls(made: &mut Made) -> Ranking {
    let value = |i: usize, made: &mut Made| 0.56 - 0.03 * i as f64 + 0.02 * made.next();
    let mut models: Vec<Ranked> = ["shuffled-mask", "noise", "permuted-outcome"]
        .iter()
        .enumerate()
        .map(|(i, c)| ranked("tumour", "rsf", c, value(i, made), i))
        .collect();
    models.insert(0, ranked("tumour", "rsf", "volume", 0.67, 0));
    Ranking {
        set: "external".into(),
        metric: "composite_auc".into(),
        models,
        bias_corrected: None,
        reason: String::new(),
    }
}

fn genes(made: &mut Made) -> Vec<Gene> {
    let gene = |i: usize, made: &mut Made| {
        let log_fold = 2.2 * (made.next() + made.next() - 1.0);
        let p = libm::pow(10.0, -libm::fabs(log_fold) * 2.2 * made.next());
        let call = match (p < 0.05, log_fold) {
            (true, f) if f > 1.0 => "up",
            (true, f) if f < -1.0 => "down",
            _ => "",
        };
        Gene {
            name: format!("GENE{i}"),
            log_fold,
            p,
            p_adjusted: Some((p * 40.0).min(1.0)),
            call: call.into(),
        }
    };
    (0..2500).map(|i| gene(i, made)).collect()
}

fn gene_sets(ranked: bool, made: &mut Made) -> Vec<GeneSet> {
    let set = |i: usize, made: &mut Made| {
        let p = made.next() * made.next() * 0.2;
        GeneSet {
            name: format!("SYNTHETIC_PATHWAY_{i}_RESPONSE_TO_NOTHING_IN_PARTICULAR"),
            overlap: Some(3 + i % 9),
            size: Some(40 + 7 * i),
            p: Some(p),
            p_adjusted: Some((p * 3.0).min(1.0)),
            score: ranked.then(|| 4.0 * (made.next() - 0.5)),
        }
    };
    (0..24).map(|i| set(i, made)).collect()
}

fn novelty(made: &mut Made) -> Vec<Novelty> {
    let patient = |i: usize, made: &mut Made| {
        let percentile = 100.0 * libm::sqrt(made.next());
        Novelty {
            patient_id: format!("c2-{i:03}"),
            distance: Some(0.1 * percentile),
            percentile: Some(percentile),
            n_outside: Some(i % 7),
            warning: if percentile > 97.0 {
                "beyond 97.5 % of the training patients".into()
            } else {
                String::new()
            },
        }
    };
    (0..80).map(|i| patient(i, made)).collect()
}

fn reliability(made: &mut Made) -> Vec<Reliability> {
    let mut out = Vec::new();
    for (reading, form) in [("r1s2", "icc3_1"), ("r2s1", "icc2_1")] {
        for i in 0..1409 {
            let icc = 1.0 - made.next() * made.next() * 0.9;
            out.push(Reliability {
                feature: format!("f{i}"),
                reading: reading.into(),
                form: form.into(),
                icc: (i % 97 != 0).then_some(icc),
                kept: i % 97 != 0 && icc >= 0.75,
            });
        }
    }
    out
}

fn funnel(made: &mut Made) -> Vec<Stage> {
    let mut out = Vec::new();
    for endpoint in ["dfs", "os"] {
        for roi in ["tumour", "peritumour"] {
            for split in ["external", "r1f1", "r1f2", "r1f3"] {
                for (stage, n) in [
                    ("extracted", 1409.0),
                    ("robust", 1026.0),
                    ("decorrelated", 366.0),
                    ("selected", 14.0),
                ] {
                    let wobble = if stage == "extracted" {
                        1.0
                    } else {
                        0.9 + 0.2 * made.next()
                    };
                    let subject = Subject::of(&[
                        ("profile", "careful"),
                        ("endpoint", endpoint),
                        ("roi", roi),
                        ("split", split),
                    ]);
                    out.push(Stage {
                        subject,
                        stage: stage.into(),
                        n: (n * wobble) as usize,
                    });
                }
            }
        }
    }
    out
}

fn frequency(made: &mut Made) -> Vec<Frequency> {
    let mut out = Vec::new();
    for roi in ["tumour", "peritumour"] {
        for i in 0..30 {
            let subject = Subject::of(&[("profile", "careful"), ("endpoint", "dfs"), ("roi", roi)]);
            let n = (25.0 * made.next() * made.next()) as usize;
            out.push(Frequency {
                subject,
                feature: format!("wavelet-LLH_glcm_InverseDifferenceMoment{i}"),
                n_splits: 25,
                n_selected: n,
            });
        }
    }
    out
}

fn agreement(reading: &str, made: &mut Made) -> Agreement {
    let patient = |i: usize, made: &mut Made| {
        let dice = 1.0 - 0.35 * made.next() * made.next();
        (
            format!("c1-{i:03}"),
            Some(dice),
            Some(40.0 * (1.0 - dice) + made.next()),
        )
    };
    Agreement {
        reading: reading.into(),
        patients: (0..50).map(|i| patient(i, made)).collect(),
        summary: vec![
            ("Dice coefficient".into(), 0.91, 0.86, 0.95, 50),
            ("HD95, mm".into(), 4.2, 2.1, 6.6, 50),
        ],
    }
}
