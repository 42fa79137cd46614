//! Nomogram axes and points against R rms 6.5-0.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;
use common::{close, data, json, numbers};
use serde_json::Value;
use stats::nomogram::{NomogramFeature, nomogram, pretty_values};

fn flat(v: &Value) -> Vec<f64> {
    numbers(v).into_iter().map(Option::unwrap).collect()
}

#[test]
fn axes_points_and_survival_agree_with_rms() {
    for name in ["pbc", "gbsg"] {
        let (Some(d), Some(want)) = (data(name), json(&format!("m_nomogram/{name}.json"))) else {
            return;
        };
        let limits = want["datadist_limits"].as_array().unwrap();
        let features: Vec<NomogramFeature> = limits
            .iter()
            .map(|l| {
                let feature = l["var"].as_str().unwrap().to_string();
                let j = d.names.iter().position(|n| *n == feature).unwrap();
                let mut levels = d.x.column(j).to_vec();
                levels.sort_by(f64::total_cmp);
                levels.dedup();
                // rms draws few levels as they are
                let (low, high) = (levels[0], levels[levels.len() - 1]);
                let few = levels.len() <= 10;
                let values = if few {
                    levels
                } else {
                    pretty_values(low, high, 10)
                };
                NomogramFeature {
                    coefficient: want["coef"][&feature].as_f64().unwrap(),
                    feature,
                    values,
                }
            })
            .collect();
        let got = nomogram(features, want["center"].as_f64().unwrap()).unwrap();
        for axis in &got.axes {
            let of = &want["axes"][&axis.of.feature];
            for (g, w) in axis.of.values.iter().zip(flat(&of["values"])) {
                assert!((g - w).abs() < 1e-9, "{name} {} {g} {w}", axis.of.feature);
            }
            for (g, w) in axis.points.iter().zip(flat(&of["points"])) {
                assert!(
                    (g - w).abs() < 1e-9 * 100.0,
                    "{name} {} {g} {w}",
                    axis.of.feature
                );
            }
            assert_eq!(axis.points.len(), flat(&of["points"]).len());
        }
        let lp = &want["lp_axis"];
        for (points, at) in flat(&lp["total_points"]).iter().zip(flat(&lp["lp"])) {
            close(name, got.total_points_at(at), *points, 1e-8);
        }
        let base = &want["surv_base_at_times"];
        let mut worst: f64 = 0.0;
        for (key, days) in [("S1y", "365.25"), ("S3y", "1095.75"), ("S5y", "1826.25")] {
            let s0 = base[days].as_f64().unwrap();
            let axis = &want["fun_axes"][key];
            for (points, s) in flat(&axis["total_points"]).iter().zip(flat(&axis["surv"])) {
                let own = got.total_points_of_survival(s, s0).unwrap();
                worst = worst.max((own - points).abs());
            }
        }
        eprintln!("{name}: survival axes off by {worst:.1e} points");
        assert!(worst < 1e-3, "{name}: {worst}");
    }
}
