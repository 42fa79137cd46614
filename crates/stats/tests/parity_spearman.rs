//! Rank correlation, the first-kept filter and standardisation against R 4.2 on two radiomics tables.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;
use common::{data, json, numbers, oracles};
use stats::redundancy::{KeepRule, redundancy_filter};
use stats::spearman::spearman_matrix;
use stats::standardise::fit_standardise;

const SETS: [&str; 2] = ["cervix_dcemri", "nsclc_radiomics"];

#[test]
fn the_matrix_agrees_with_cor() {
    for name in SETS {
        let (Some(d), Some(reference)) = (data(name), json(&format!("c_corr/{name}.json"))) else {
            return;
        };
        let got = spearman_matrix(d.x.view()).unwrap();
        assert!(got.constant.is_empty());
        for (j, row) in reference["matrix"].as_array().unwrap().iter().enumerate() {
            for (l, want) in numbers(row).into_iter().enumerate() {
                assert!(
                    (got.rho[[j, l]] - want.unwrap()).abs() < 1e-12,
                    "{name} {j} {l}"
                );
            }
        }
    }
}

#[test]
fn the_first_kept_filter_keeps_the_same_columns() {
    for name in SETS {
        let (Some(d), Some(reference)) = (data(name), json(&format!("c_corr/{name}.json"))) else {
            return;
        };
        let got = redundancy_filter(d.x.view(), &d.names, 0.8, KeepRule::FirstKept).unwrap();
        let kept: Vec<&str> = got.kept.iter().map(|&j| d.names[j].as_str()).collect();
        let want: Vec<&str> = (reference["sequential_keep_first"]
            .as_array()
            .unwrap()
            .iter())
        .map(|v| v.as_str().unwrap())
        .collect();
        assert_eq!(kept, want, "{name}");
    }
}

#[test]
fn the_rules_of_the_matrix_keep_the_same_columns() {
    for name in SETS {
        let (Some(d), Some(reference)) = (data(name), json(&format!("c_corr/{name}.json"))) else {
            return;
        };
        for (rule, key) in [
            (KeepRule::FindCorrelation, "caret_exact_TRUE"),
            (KeepRule::FindCorrelationFast, "caret_exact_FALSE"),
            (KeepRule::MaxPair, "greedy_maxpair"),
        ] {
            let got = redundancy_filter(d.x.view(), &d.names, 0.8, rule).unwrap();
            let mut kept: Vec<&str> = got.kept.iter().map(|&j| d.names[j].as_str()).collect();
            let of = reference[key]["kept"].as_array().unwrap();
            let mut want: Vec<&str> = of.iter().map(|v| v.as_str().unwrap()).collect();
            kept.sort_unstable();
            want.sort_unstable();
            assert_eq!(kept, want, "{name} {key}");
        }
    }
}

#[test]
fn medoids_stand_for_clusters_of_correlated_features() {
    for name in SETS {
        let Some(d) = data(name) else { return };
        let got = redundancy_filter(d.x.view(), &d.names, 0.8, KeepRule::ClusterMedoid).unwrap();
        assert_eq!(got.kept.len() + got.dropped.len(), d.names.len());
        assert!(got.kept.len() < d.names.len());
        // who went is correlated with the medoid of its cluster at least
        assert!(got.dropped.iter().all(|d| d.rho.abs() >= 0.8), "{name}");
    }
}

#[test]
fn the_filter_leaves_no_correlated_pair_and_drops_none_without_cause() {
    for name in SETS {
        let Some(d) = data(name) else { return };
        let rho = spearman_matrix(d.x.view()).unwrap().rho;
        let rule = KeepRule::UnivariableC(&d.follow_up);
        let got = redundancy_filter(d.x.view(), &d.names, 0.8, rule).unwrap();
        assert_eq!(got.kept.len() + got.dropped.len(), d.names.len());
        for &j in &got.kept {
            assert!(
                got.kept.iter().all(|&l| j == l || rho[[j, l]].abs() <= 0.8),
                "{name} {j}"
            );
        }
        for drop in &got.dropped {
            assert!(
                got.kept.contains(&drop.kept) && drop.rho.abs() > 0.8,
                "{name} {drop:?}"
            );
            assert_eq!(rho[[drop.column, drop.kept]], drop.rho);
        }
    }
}

#[test]
fn standardisation_agrees_with_scale() {
    let (Some(d), Some(folder)) = (data("nsclc_radiomics"), oracles()) else {
        return;
    };
    let text = std::fs::read_to_string(folder.join("b_combat/nsclc_zscore_sampleSD.csv")).unwrap();
    let fitted = fit_standardise(d.x.view(), &d.names).unwrap();
    let z = fitted.apply(d.x.view(), &d.names).unwrap();
    for (i, line) in text.lines().skip(1).enumerate() {
        for (j, want) in line.split(',').enumerate() {
            let want: f64 = want.parse().unwrap();
            assert!((z[[i, j]] - want).abs() < 1e-10, "row {i}, {}", d.names[j]);
        }
    }
    assert_eq!(text.lines().count(), 1 + z.nrows());
}
