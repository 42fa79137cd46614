//! Intraclass correlation against R psych 2.2.9 and pingouin 0.7.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;
use common::{all_close, json, numbers, oracles};
use ndarray::Array2;
use serde_json::Value;
use stats::icc::{Icc, icc};

fn readings(name: &str) -> Option<Array2<f64>> {
    let text = std::fs::read_to_string(oracles()?.join(format!("a_icc/{name}.csv"))).unwrap();
    let rows: Vec<Vec<f64>> = text
        .lines()
        .skip(1)
        .map(|l| l.split(',').map(|v| v.parse().unwrap()).collect())
        .collect();
    Some(Array2::from_shape_fn(
        (rows.len(), rows[0].len()),
        |(i, j)| rows[i][j],
    ))
}

fn flat(v: &Value) -> Vec<f64> {
    numbers(v).into_iter().map(Option::unwrap).collect()
}

#[test]
fn six_forms_agree_with_psych_and_pingouin() {
    for name in ["shrout_fleiss6x4", "synthetic50x2", "synthetic_low50x2"] {
        let Some(x) = readings(name) else { return };
        let table = icc(x.view(), 0.95).unwrap();
        let got = |pick: fn(&Icc) -> f64| -> Vec<f64> { table.forms.iter().map(pick).collect() };
        let psych = json(&format!("a_icc/psych_{name}.json")).unwrap();
        for (key, got) in [
            ("ICC", got(|i| i.value)),
            ("F", got(|i| i.f)),
            ("df1", got(|i| i.df1 as f64)),
            ("df2", got(|i| i.df2 as f64)),
            ("p", got(|i| i.p)),
            ("lower95", got(|i| i.interval.unwrap().lower)),
            ("upper95", got(|i| i.interval.unwrap().upper)),
        ] {
            // psych takes p as one minus the lower tail: 2e-16 absolute
            let room = if key == "p" { 1e-7 } else { 1e-9 };
            for (g, w) in got.iter().zip(flat(&psych[key])) {
                assert!(
                    (g - w).abs() <= room * w.abs() + 1e-14,
                    "{name} {key} {g:e} {w:e}"
                );
            }
        }
        let pingouin = json(&format!("a_icc/pingouin_{name}.json")).unwrap();
        all_close(name, &got(|i| i.value), &flat(&pingouin["ICC"]), 1e-9);
        all_close(name, &got(|i| i.f), &flat(&pingouin["F"]), 1e-9);
        all_close(name, &got(|i| i.p), &flat(&pingouin["pval"]), 1e-8);
        for (form, limits) in table.forms.iter().zip(pingouin["CI95"].as_array().unwrap()) {
            let (seen, want) = (form.interval.unwrap(), flat(limits));
            assert!((seen.lower - want[0]).abs() < 0.0051 && (seen.upper - want[1]).abs() < 0.0051);
        }
    }
}
