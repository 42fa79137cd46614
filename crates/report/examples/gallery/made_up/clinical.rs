//! Made-up clinical models.

use super::{Made, sourced};
use report::Report;
use report::figure::{kaplan_meier, roc};
use report::part::clinical::{Coefficient, Cox, Cut, Univariable};
use report::part::nomogram::{Factor, Horizon, Nomogram};
use report::part::performance::Measured;
use report::part::utility::{Calibration, CalibrationGroup, Decision, Impact, Reclassification};
use report::values::Estimate;

const MODELS: [&str; 3] = ["clinical", "radiomics", "combined"];

/// Adds every clinical part for both endpoints.
pub fn fill(report: &mut Report, made: &mut Made) {
    for (k, endpoint) in ["dfs", "os"].into_iter().enumerate() {
        let axes = [("endpoint", endpoint), ("profile", "careful")];
        report
            .univariable
            .push(sourced(10 + k, &axes, univariable(made)));
        report.cuts.push(sourced(20 + k, &axes, cut(made)));
        report.cox.push(sourced(30 + k, &axes, cox()));
        report.nomogram.push(sourced(40 + k, &axes, nomogram()));
        report.survival.push(sourced(50 + k, &axes, survival(made)));
        for horizon in ["12", "36", "60"] {
            for (m, model) in MODELS.into_iter().enumerate() {
                let axes = [
                    axes[0],
                    axes[1],
                    ("model", model),
                    ("rows", "test"),
                    ("horizon", horizon),
                ];
                let ne = horizon == "60";
                report
                    .calibration
                    .push(sourced(60 + m, &axes, calibration(ne, made)));
                report
                    .decision
                    .push(sourced(70 + m, &axes, decision(ne, m)));
                if model == "combined" {
                    report.impact.push(sourced(80, &axes, impact(ne)));
                }
            }
        }
        for (m, model) in MODELS.into_iter().enumerate() {
            let axes = [axes[0], axes[1], ("model", model), ("rows", "test")];
            report
                .clinical_metrics
                .push(sourced(90 + m, &axes, measured(m)));
            report
                .clinical_curves
                .push(sourced(100 + m, &axes, curve(model)));
        }
        let measures = ["nri", "nri_events", "nri_nonevents", "idi"];
        let estimate = |i: usize| Estimate::known(0.2 + 0.05 * i as f64, 0.05, 0.45, 80, 25);
        let value = Reclassification {
            measures: measures
                .iter()
                .enumerate()
                .map(|(i, n)| ((*n).to_owned(), estimate(i)))
                .collect(),
        };
        let axes = [axes[0], axes[1], ("horizon", "36")];
        report.reclassification.push(sourced(110 + k, &axes, value));
    }
    report.calibration.push(report::part::Sourced {
        value: Err(
            "the model of this set was refused: 3 events, 5 are needed (too-few-events)".into(),
        ),
        ..sourced(
            0,
            &[("endpoint", "os"), ("profile", "paper")],
            Calibration::default(),
        )
    });
}

fn univariable(made: &mut Made) -> Vec<Univariable> {
    let rows = [
        ("age", ""),
        ("scca", "> 1.5"),
        ("figo", "II"),
        ("figo", "III"),
        ("figo", "IV"),
        ("eqd2", "> 83.75"),
        ("radscore", "> 12.33"),
    ];
    let row = |(variable, level): (&str, &str), made: &mut Made| {
        let hr = libm::exp(1.6 * (made.next() - 0.4));
        let p = made.next() * 0.1;
        Univariable {
            variable: variable.into(),
            level: level.into(),
            counts: (Some(552), Some(146)),
            hazard_ratio: Estimate::known(hr, hr * 0.66, hr * 1.5, 552, 146),
            p_wald: Some(p),
            p_log_rank: Some(p * 0.9),
            p_adjusted: level.starts_with('>').then_some(p * 4.0),
            note: if level.starts_with('>') {
                "cut searched for in the same patients".into()
            } else {
                String::new()
            },
        }
    };
    rows.into_iter().map(|r| row(r, made)).collect()
}

fn cut(made: &mut Made) -> Cut {
    Cut {
        variable: "eqd2".into(),
        cut: Estimate::known(83.75, 80.1, 88.2, 552, 146),
        p_unadjusted: Some(0.0004),
        p_adjusted: Some(0.012),
        p_permutation: Some(0.015),
        n_below: Some(133),
        search: (0..60)
            .map(|i| {
                (
                    76.0 + 0.3 * f64::from(i),
                    3.2 - 0.004 * libm::pow(f64::from(i) - 26.0, 2.0) + 0.3 * made.next(),
                )
            })
            .collect(),
    }
}

fn cox() -> Cox {
    let rows = [
        ("scca>1.5", 3.11, 2.064, 4.686),
        ("figo=II", 1.474, 0.571, 3.804),
        ("figo=III", 1.878, 0.738, 4.782),
        ("figo=IV", 3.827, 1.396, 10.489),
        ("eqd2>83.75", 0.442, 0.299, 0.652),
        ("radscore>12.33", 4.138, 2.684, 6.38),
    ];
    let coefficient = |(variable, hr, lower, upper): (&str, f64, f64, f64)| Coefficient {
        variable: variable.into(),
        hazard_ratio: Estimate::known(hr, lower, upper, 552, 146),
        p: Some(0.011),
        p_of_interval: Some(if hr > 3.0 { 0.00004 } else { 0.0114 }),
        p_of_interval_range: Some(if hr > 3.0 {
            (0.00003, 0.00005)
        } else {
            (0.0109, 0.0118)
        }),
        p_proportional: Some(0.34),
        vif: Some(1.12),
    };
    Cox {
        coefficients: rows.into_iter().map(coefficient).collect(),
        counts: (Some(552), Some(46)),
        events_per_variable: Some(7.7),
        concordance: Some(0.781),
        p_global: Some(0.21),
    }
}

fn nomogram() -> Nomogram {
    let factor = |variable: &str, coefficient: f64, values: &[f64], scale: f64| {
        let first = values[0];
        let last = values[values.len() - 1];
        let zero = if coefficient < 0.0 { last } else { first };
        Factor {
            variable: variable.into(),
            coefficient,
            values: values.to_vec(),
            points: values
                .iter()
                .map(|v| (v - zero) * coefficient * scale)
                .collect(),
            reference: variable.starts_with("figo=").then(|| "I".to_owned()),
        }
    };
    let scores: Vec<f64> = (0..=8).map(|i| 5.0 * f64::from(i)).collect();
    let doses: Vec<f64> = (0..=6).map(|i| 70.0 + 5.0 * f64::from(i)).collect();
    let factors = vec![
        factor("radscore", 0.06, &scores, 100.0 / 2.4),
        factor("scca>1.5", 0.9, &[0.0, 1.0], 100.0 / 2.4),
        factor("figo=II", 0.35, &[0.0, 1.0], 100.0 / 2.4),
        factor("figo=III", 0.6, &[0.0, 1.0], 100.0 / 2.4),
        factor("figo=IV", 1.3, &[0.0, 1.0], 100.0 / 2.4),
        factor("eqd2", -0.05, &doses, 100.0 / 2.4),
    ];
    let horizon = |months: f64, s0: f64| Horizon {
        months,
        baseline: Some(s0),
        reason: String::new(),
        marks: [0.1, 0.3, 0.5, 0.7, 0.9]
            .iter()
            .map(|s| (*s, 190.0 - 150.0 * s))
            .collect(),
    };
    Nomogram {
        factors,
        total_points: (0..=10).map(|i| 25.0 * f64::from(i)).collect(),
        horizons: vec![
            horizon(12.0, 0.93),
            horizon(36.0, 0.81),
            Horizon {
                months: 120.0,
                reason: "NE: nobody is at risk at 120, follow-up ends at 97".into(),
                ..Horizon::default()
            },
        ],
        centre: -2.6,
        counts: (Some(552), Some(146)),
    }
}

fn survival(made: &mut Made) -> kaplan_meier::Panel {
    let mut panel = super::km_panel("apparent", 552, made);
    panel.title = "EQD2".into();
    panel.groups[0].label = "above 83.75".into();
    panel.groups[1].label = "at most 83.75".into();
    panel.cut = "eqd2".into();
    panel
}

fn calibration(ne: bool, made: &mut Made) -> Calibration {
    if ne {
        return Calibration {
            reason: "NE: nobody is at risk at 60, follow-up ends at 48".into(),
            ratio: Estimate::absent("NE"),
            ..Calibration::default()
        };
    }
    let group = |i: u32, made: &mut Made| {
        let predicted = 0.05 + 0.09 * f64::from(i);
        let observed = (predicted + 0.12 * (made.next() - 0.5)).clamp(0.0, 1.0);
        CalibrationGroup {
            predicted,
            observed,
            interval: Some(((observed - 0.09).max(0.0), (observed + 0.11).min(1.0))),
        }
    };
    Calibration {
        groups: (0..8).map(|i| group(i, made)).collect(),
        curve: (0..40)
            .map(|i| 0.02 * f64::from(i))
            .map(|x| (x, 0.05 + 0.85 * x))
            .collect(),
        ratio: Estimate::known(1.08, 0.8, 1.4, 80, 25),
        intercept: Estimate::known(0.1, -0.3, 0.5, 80, 25),
        slope: Estimate::known(0.85, 0.5, 1.2, 80, 25),
        ici: Some(0.041),
        e90: Some(0.083),
        counts: (Some(80), Some(25)),
        reason: String::new(),
    }
}

fn decision(ne: bool, m: usize) -> Decision {
    if ne {
        return Decision {
            reason: "NE: nobody is at risk at 60, follow-up ends at 48".into(),
            ..Decision::default()
        };
    }
    let thresholds = (1..60).map(|i| f64::from(i) / 100.0);
    let all = |t: f64| 0.3 - 0.7 * t / (1.0 - t);
    let model = |t: f64| (0.3 - (0.12 + 0.03 * m as f64) * t / (1.0 - t)).max(0.0);
    Decision {
        points: thresholds.clone().map(|t| (t, model(t), all(t))).collect(),
        band: thresholds
            .map(|t| (t, model(t) - 0.05, model(t) + 0.05))
            .collect(),
        resamples: 500,
        no_band: String::new(),
        reason: String::new(),
    }
}

fn impact(ne: bool) -> Impact {
    if ne {
        return Impact {
            population: 1000.0,
            reason: "NE: nobody is at risk at 60, follow-up ends at 48".into(),
            ..Impact::default()
        };
    }
    let points = (1..60).map(|i| f64::from(i) / 100.0);
    let band = |k: usize| {
        let at = move |t: f64| [1000.0 * libm::exp(-4.0 * t), 300.0 * libm::exp(-2.0 * t)][k];
        let thresholds = points.clone();
        thresholds.map(move |t| (t, 0.85 * at(t), 1.15 * at(t)))
    };
    Impact {
        population: 1000.0,
        bands: [band(0).collect(), band(1).collect()],
        resamples: 500,
        no_band: String::new(),
        points: points
            .map(|t| (t, 1000.0 * libm::exp(-4.0 * t), 300.0 * libm::exp(-2.0 * t)))
            .collect(),
        reason: String::new(),
    }
}

fn measured(m: usize) -> Measured {
    let e = Estimate::known(0.7 + 0.03 * m as f64, 0.6, 0.85, 80, 25);
    Measured {
        measures: vec![
            ("harrell_c".into(), None, e.clone()),
            ("auc".into(), Some(12.0), e.clone()),
            ("auc".into(), Some(36.0), e),
            (
                "auc".into(),
                Some(60.0),
                Estimate::absent("NE (max follow-up 48.0, at risk 0)"),
            ),
        ],
    }
}

fn curve(model: &str) -> roc::Panel {
    let points = |k: f64| {
        (0..=30)
            .map(|i| f64::from(i) / 30.0)
            .map(|x| (x, libm::pow(x, k)))
            .collect()
    };
    let curve = |h: u32, k: f64| roc::Curve {
        label: format!("{h} months"),
        points: points(k),
        auc: Estimate::known(1.0 / (1.0 + k), 0.6, 0.9, 80, 25),
    };
    roc::Panel {
        title: format!("{model} model"),
        curves: vec![curve(12, 0.3), curve(36, 0.45)],
    }
}
