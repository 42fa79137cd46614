//! Tests of a baseline table against R 4.2 on veteran, pbc and small tables.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;
use common::{Data, all_close, close, data, json, numbers};
use ndarray::Array2;
use serde_json::Value;
use stats::compare::{
    RankSumMethod, Variances, benjamini_hochberg, chi_square_test, fisher_exact, fisher_odds_ratio,
    kruskal_wallis, rank_sum_test, shapiro_wilk, summarise, t_test, variance_ratio_p,
};

fn flat(v: &Value) -> Vec<f64> {
    numbers(v).into_iter().map(Option::unwrap).collect()
}

fn column(d: &Data, name: &str) -> Vec<f64> {
    let j = d.names.iter().position(|n| n == name).unwrap();
    d.x.column(j).to_vec()
}

fn table(v: &Value) -> Array2<u32> {
    let rows: Vec<Vec<u32>> = serde_json::from_value(v.clone()).unwrap();
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| rows[i][j])
}

fn each(check: impl Fn(&str, &Data, &Value)) {
    for name in ["veteran", "pbc"] {
        let (Some(d), Some(reference)) = (data(name), json(&format!("n_table1/{name}.json")))
        else {
            return;
        };
        for (key, want) in reference.as_object().unwrap() {
            if want.is_object() {
                check(
                    &format!("{name} {key}"),
                    &d,
                    &serde_json::json!({ "key": key, "want": want }),
                );
            }
        }
    }
}

#[test]
fn numeric_columns_agree_with_r() {
    each(|what, d, v| {
        let (key, want) = (v["key"].as_str().unwrap(), &v["want"]);
        if want.get("welch").is_none() {
            return;
        }
        let (all, group) = (column(d, key), column(d, "trt"));
        let of = |g: f64| -> Vec<f64> {
            let pairs = all.iter().zip(&group);
            pairs.filter(|(_, at)| **at == g).map(|(v, _)| *v).collect()
        };
        let (a, b) = (of(0.0), of(1.0));
        let n = |v: &Value| v.as_f64().unwrap();
        let near = |name: &str, got: f64, want: &Value| {
            close(&format!("{what} {name}"), got, n(want), 1e-8)
        };
        for (g, values) in [&a, &b].into_iter().enumerate() {
            let s = summarise(values).unwrap();
            near("mean", s.mean, &want["mean"][g]);
            near("sd", s.std_dev.unwrap(), &want["sd"][g]);
            near("median", s.median, &want["median"][g]);
            near("q25", s.q25, &want["q25"][g]);
            near("q75", s.q75, &want["q75"][g]);
            let normal = shapiro_wilk(values).unwrap();
            near("W", normal.w, &want["shapiro_g"]["W"][g]);
            near("W p", normal.p, &want["shapiro_g"]["p"][g]);
        }
        let normal = shapiro_wilk(&all).unwrap();
        near("W all", normal.w, &want["shapiro_all"]["W"]);
        near("W all p", normal.p, &want["shapiro_all"]["p"]);
        let welch = t_test(&a, &b, Variances::Separate).unwrap();
        near("welch t", welch.t, &want["welch"]["t"]);
        near("welch df", welch.df, &want["welch"]["df"]);
        near("welch p", welch.p, &want["welch"]["p"]);
        let student = t_test(&a, &b, Variances::Pooled).unwrap();
        near("student t", student.t, &want["student"]["t"]);
        near("student p", student.p, &want["student"]["p"]);
        near("var F", variance_ratio_p(&a, &b).unwrap(), &want["var_F"]);
        for (key, continuity) in [("p_cc", true), ("p_nocc", false)] {
            let ranks = rank_sum_test(&a, &b, RankSumMethod::Normal { continuity }).unwrap();
            assert_eq!(ranks.w, n(&want["mw"]["W"]), "{what}");
            near(key, ranks.p, &want["mw"][key]);
        }
        near(
            "kruskal",
            kruskal_wallis(&[&a, &b]).unwrap().p,
            &want["kruskal_p"],
        );
    });
}

#[test]
fn tables_of_counts_agree_with_r() {
    each(|what, _, v| {
        let want = &v["want"];
        if want.get("table").is_none() {
            return;
        }
        let t = table(&want["table"]);
        for (yates, statistic, p) in [(false, "chisq", "p"), (true, "chisq_yates", "p_yates")] {
            let got = chi_square_test(&t, yates).unwrap();
            close(
                what,
                got.chi_square,
                want[statistic].as_f64().unwrap(),
                1e-9,
            );
            close(what, got.p, want[p].as_f64().unwrap(), 1e-9);
            assert_eq!(Some(got.df as u64), want["df"].as_u64());
            let expected: Vec<f64> = want["expected"]
                .as_array()
                .unwrap()
                .iter()
                .flat_map(flat)
                .collect();
            all_close(
                what,
                &got.expected.iter().copied().collect::<Vec<_>>(),
                &expected,
                1e-12,
            );
        }
        close(
            what,
            fisher_exact(&t).unwrap(),
            want["fisher_p"].as_f64().unwrap(),
            1e-8,
        );
        if want["fisher_or"].is_number() {
            let odds = fisher_odds_ratio(&t, 0.95).unwrap();
            let limits = flat(&want["fisher_ci"]);
            // R's root finder stops within 1.3e-4 of the odds, or of their inverse above 1
            let near = |got: f64, want: f64| {
                let off = if want < 1.0 {
                    got - want
                } else {
                    1.0 / got - 1.0 / want
                };
                assert!(off.abs() < 1.3e-4, "{what} {got} {want}");
            };
            near(odds.value.unwrap(), want["fisher_or"].as_f64().unwrap());
            near(odds.lower, limits[0]);
            near(odds.upper.unwrap(), limits[1]);
        }
    });
}

#[test]
fn small_cases_agree_with_r() {
    let Some(r) = json("n_table1/small_cases.json") else {
        return;
    };
    let exact = &r["mw_exact"];
    let seen = rank_sum_test(&flat(&exact["a"]), &flat(&exact["b"]), RankSumMethod::Auto).unwrap();
    assert!(seen.exact);
    close("exact", seen.p, exact["p"].as_f64().unwrap(), 1e-12);
    for key in ["fisher_3x3", "fisher_4x3"] {
        close(
            key,
            fisher_exact(&table(&r[key]["t"])).unwrap(),
            r[key]["p"].as_f64().unwrap(),
            1e-8,
        );
    }
    all_close(
        "BH",
        &benjamini_hochberg(&flat(&r["bh"]["p"])),
        &flat(&r["bh"]["adj"]),
        1e-14,
    );
}
