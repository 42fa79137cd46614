//! Censored estimators against R survival 3.5-3 on veteran, pbc and gbsg.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;
use common::{all_close, close, data, json, numbers};
use serde_json::Value;
use stats::censored::{
    ConfidenceScale, HazardTies, Interval, KaplanMeier, kaplan_meier, log_rank, nelson_aalen,
};

const SETS: [(&str, &str); 3] = [("veteran", "trt"), ("pbc", "trt"), ("gbsg", "hormon")];

#[test]
fn kaplan_meier_agrees_with_survfit() {
    for (name, _) in SETS {
        let (Some(d), Some(reference)) = (data(name), json(&format!("f_km/{name}.json"))) else {
            return;
        };
        let km = kaplan_meier(&d.follow_up);
        for (key, scale) in [
            ("km_log", ConfidenceScale::Log),
            ("km_log-log", ConfidenceScale::LogLog),
            ("km_plain", ConfidenceScale::Plain),
        ] {
            check_curve(&format!("{name} {key}"), &km, &reference[key], scale);
        }
        let horizon = *km.table().time.last().unwrap();
        let mean = km.restricted_mean(horizon);
        close(
            name,
            mean.value,
            reference["rmean"][0].as_f64().unwrap(),
            1e-12,
        );
        close(
            name,
            mean.std_err,
            reference["rmean"][1].as_f64().unwrap(),
            1e-12,
        );
    }
}

fn check_curve(what: &str, km: &KaplanMeier, reference: &Value, scale: ConfidenceScale) {
    let times = numbers(&reference["time"]);
    let intervals = km.intervals(scale, 0.95);
    let pick = |f: fn(&Interval) -> f64| -> Vec<Option<f64>> {
        intervals.iter().map(|i| i.as_ref().map(f)).collect()
    };
    let columns = [
        (
            "n_risk",
            km.table()
                .n_risk
                .iter()
                .map(|&v| Some(v as f64))
                .collect::<Vec<_>>(),
        ),
        (
            "n_event",
            km.table()
                .n_events
                .iter()
                .map(|&v| Some(v as f64))
                .collect(),
        ),
        ("surv", km.survival().iter().map(|&s| Some(s)).collect()),
        ("std_err_cumhaz_scale", km.std_err_log()),
        ("lower", pick(|i| i.lower)),
        ("upper", pick(|i| i.upper)),
    ];
    for (column, got) in columns {
        for (time, want) in times.iter().zip(numbers(&reference[column])) {
            let k = km.table().time.partition_point(|&t| t < time.unwrap());
            match (got[k], want) {
                (Some(g), Some(w)) => close(&format!("{what} {column} at {time:?}"), g, w, 1e-12),
                (g, w) => assert_eq!(g, w, "{what} {column} at {time:?}"),
            }
        }
    }
    let median = km.quantile(0.5, scale, 0.95);
    assert_eq!(
        vec![median.value, median.lower, median.upper],
        numbers(&reference["median"]),
        "{what} median"
    );
}

#[test]
fn cumulative_hazards_agree_with_survfit() {
    for (name, _) in SETS {
        let (Some(d), Some(reference)) = (data(name), json(&format!("f_km/{name}.json"))) else {
            return;
        };
        let times = flat(&reference["nelson_aalen"]["time"]);
        let na = nelson_aalen(&d.follow_up, HazardTies::NelsonAalen);
        let fh = nelson_aalen(&d.follow_up, HazardTies::FlemingHarrington);
        let hazard: Vec<f64> = times.iter().map(|&t| na.hazard.at(t)).collect();
        all_close(
            name,
            &hazard,
            &flat(&reference["nelson_aalen"]["cumhaz"]),
            1e-12,
        );
        let se: Vec<f64> = times
            .iter()
            .map(|&t| na.std_err[na.hazard.times().partition_point(|&u| u < t)])
            .collect();
        all_close(
            name,
            &se,
            &flat(&reference["nelson_aalen"]["std_chaz"]),
            1e-12,
        );
        let hazard: Vec<f64> = times.iter().map(|&t| fh.hazard.at(t)).collect();
        all_close(
            name,
            &hazard,
            &flat(&reference["fleming_harrington"]["cumhaz"]),
            1e-12,
        );
    }
}

#[test]
fn log_rank_agrees_with_survdiff() {
    for (name, group) in SETS {
        let (Some(d), Some(reference)) = (data(name), json(&format!("f_km/{name}.json"))) else {
            return;
        };
        let column = d.names.iter().position(|n| n == group).unwrap();
        let labels: Vec<usize> = d.x.column(column).iter().map(|&v| v as usize).collect();
        for (key, rho) in [("survdiff_rho0", 0.0), ("survdiff_rho1", 1.0)] {
            let want = &reference[key];
            let got = log_rank(&d.follow_up, &labels, rho).unwrap();
            let observed: Vec<f64> = got.groups.iter().map(|g| g.observed).collect();
            let expected: Vec<f64> = got.groups.iter().map(|g| g.expected).collect();
            all_close(name, &observed, &flat(&want["obs"]), 1e-10);
            all_close(name, &expected, &flat(&want["exp"]), 1e-10);
            close(name, got.chi_square, want["chisq"].as_f64().unwrap(), 1e-10);
            close(name, got.p, want["p"].as_f64().unwrap(), 1e-10);
            close(
                name,
                got.covariance[[0, 1]],
                want["var"][0][1].as_f64().unwrap(),
                1e-10,
            );
        }
    }
}

fn flat(v: &Value) -> Vec<f64> {
    numbers(v)
        .into_iter()
        .map(|x| x.expect("a number"))
        .collect()
}
