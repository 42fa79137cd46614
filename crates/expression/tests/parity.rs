//! Against limma, edgeR, phyper and gseapy, on tables that lie beside the workspace.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Sheet, design, effective, oracle};
use expression::*;
use ndarray::Array2;
use std::collections::BTreeMap;

#[track_caller]
fn close(ours: &[f64], theirs: &[f64], relative: f64, what: &str) {
    assert_eq!(ours.len(), theirs.len());
    let worst = ours
        .iter()
        .zip(theirs)
        .map(|(a, b)| (a - b).abs() / b.abs().max(1e-6))
        .fold(0.0, f64::max);
    eprintln!("{what}: worst relative difference {worst:.2e}");
    assert!(worst <= relative, "{what}: {worst:e}");
}

#[test]
fn normalisation_is_that_of_edger() {
    let (Some(counts), Some(logs), Some(summary)) = (
        Sheet::read("airway_counts_filtered.csv"),
        Sheet::read("edgeR_logcpm_prior2.csv"),
        oracle("o_expression/summary_simple.json"),
    ) else {
        return;
    };
    let summary: serde_json::Value = serde_json::from_slice(&summary).unwrap();
    let theirs: Vec<f64> = summary["norm_factors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_f64().unwrap())
        .collect();
    close(
        &normalisation_factors(counts.values.view()).unwrap(),
        &theirs,
        1e-12,
        "TMM",
    );
    let ours =
        log_counts_per_million(counts.values.view(), &effective(&counts.values), 2.0).unwrap();
    close(
        ours.as_slice().unwrap(),
        logs.values.as_slice().unwrap(),
        1e-8,
        "log CPM",
    );
}

#[test]
fn voom_is_that_of_limma() {
    let (Some(counts), Some(e), Some(weights)) = (
        Sheet::read("airway_counts_filtered.csv"),
        Sheet::read("voom_E.csv"),
        Sheet::read("voom_weights.csv"),
    ) else {
        return;
    };
    let found = voom(
        counts.values.view(),
        &effective(&counts.values),
        design(false).view(),
    )
    .unwrap();
    close(
        found.log_cpm.as_slice().unwrap(),
        e.values.as_slice().unwrap(),
        1e-8,
        "voom values",
    );
    close(
        found.weights.as_slice().unwrap(),
        weights.values.as_slice().unwrap(),
        1e-8,
        "voom weights",
    );
}

#[test]
fn moderated_tests_are_those_of_limma() {
    let Some(counts) = Sheet::read("airway_counts_filtered.csv") else {
        return;
    };
    let sizes = effective(&counts.values);
    let logs = log_counts_per_million(counts.values.view(), &sizes, 2.0).unwrap();
    for (paired, name) in [(false, "simple"), (true, "paired")] {
        let x = design(paired);
        let v = voom(counts.values.view(), &sizes, x.view()).unwrap();
        let weighted = fit_linear(v.log_cpm.view(), Some(v.weights.view()), x.view()).unwrap();
        let plain = fit_linear(logs.view(), None, x.view()).unwrap();
        let last = x.ncols() - 1;
        for (fit, trend, file) in [
            (&weighted, false, format!("limma_voom_{name}.csv")),
            (&plain, false, format!("limma_logcpm_{name}.csv")),
            (&plain, true, format!("limma_trend_{name}.csv")),
        ] {
            let theirs = Sheet::read(&file).unwrap();
            assert_eq!(theirs.genes, counts.genes);
            let ours = moderate(fit, last, trend).unwrap();
            close(
                &ours.log_fold_change,
                &theirs.column("logFC"),
                1e-6,
                &format!("{file} logFC"),
            );
            close(&ours.t, &theirs.column("t"), 1e-6, &format!("{file} t"));
            close(
                &ours.p,
                &theirs.column("P.Value"),
                1e-6,
                &format!("{file} P"),
            );
            close(
                &benjamini_hochberg(&ours.p),
                &theirs.column("adj.P.Val"),
                1e-6,
                &format!("{file} FDR"),
            );
            close(
                &fit.mean,
                &theirs.column("AveExpr"),
                1e-8,
                &format!("{file} mean"),
            );
        }
    }
}

#[test]
fn microarrays_are_those_of_limma() {
    let (Some(data), Some(theirs)) = (
        Sheet::read("leukemia_log2_floor20.csv"),
        Sheet::read("leukemia_limma.csv"),
    ) else {
        return;
    };
    let x = Array2::from_shape_fn((48, 2), |(i, j)| {
        if j == 0 {
            1.0
        } else {
            f64::from(u8::from(i >= 24))
        }
    });
    let fit = fit_linear(data.values.view(), None, x.view()).unwrap();
    let ours = moderate(&fit, 1, false).unwrap();
    close(&ours.t, &theirs.column("t"), 1e-6, "leukemia t");
    close(&ours.p, &theirs.column("P.Value"), 1e-6, "leukemia P");
    close(
        &benjamini_hochberg(&ours.p),
        &theirs.column("adj.P.Val"),
        1e-6,
        "leukemia FDR",
    );
}

#[test]
fn gene_sets_are_those_of_phyper() {
    let Some(bytes) = oracle("o_expression/leukemia_ora.json") else {
        return;
    };
    let theirs: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let universe = theirs["n_genes"].as_u64().unwrap() as usize;
    let found = theirs["de"].as_array().unwrap().len();
    for file in ["h.all.v7.0.symbols.gmt", "enrichr.KEGG_2016.gmt"] {
        let list = |key: &str| -> Vec<f64> {
            theirs[file][key]
                .as_array()
                .unwrap()
                .iter()
                .map(|v| v.as_f64().unwrap_or(f64::NAN))
                .collect()
        };
        let (sizes, overlaps, p) = (list("set_size_in_universe"), list("overlap"), list("p"));
        for ((size, overlap), p) in sizes.iter().zip(&overlaps).zip(&p) {
            let ours = over_representation(*overlap as usize, *size as usize, found, universe)
                .unwrap()
                .p;
            assert!(
                (ours - p).abs() <= 1e-9 * p.max(1e-300),
                "{size} {overlap}: {ours} {p}"
            );
        }
    }
}

#[test]
fn enrichment_scores_are_those_of_gseapy() {
    let (Some(ranked), Some(sets), Some(theirs)) = (
        Sheet::read("leukemia_limma.csv"),
        oracle("data/gmt/h.all.v7.0.symbols.gmt"),
        oracle("o_expression/gseapy_prerank_hallmark.json"),
    ) else {
        return;
    };
    let t = ranked.column("t");
    let mut order: Vec<usize> = (0..t.len()).collect();
    order.sort_by(|&a, &b| t[b].total_cmp(&t[a]));
    let metric: Vec<f64> = order.iter().map(|&g| t[g]).collect();
    let place: BTreeMap<&str, usize> = order
        .iter()
        .enumerate()
        .map(|(i, &g)| (ranked.genes[g].as_str(), i))
        .collect();
    let theirs: serde_json::Value = serde_json::from_slice(&theirs).unwrap();
    let text = String::from_utf8(sets).unwrap();
    let mut compared = 0;
    for line in text.lines() {
        let mut cells = line.split('\t');
        let name = cells.next().unwrap();
        let mut members: Vec<usize> = cells
            .skip(1)
            .filter_map(|g| place.get(g).copied())
            .collect();
        members.sort_unstable();
        members.dedup();
        let Some(at) = theirs["Term"]
            .as_array()
            .unwrap()
            .iter()
            .position(|t| t == name)
        else {
            continue;
        };
        let (score, _) = enrichment_score::enrichment_score(&metric, &members, 1.0).unwrap();
        let expected = theirs["ES"][at].as_f64().unwrap();
        assert!(
            (score - expected).abs() < 1e-6,
            "{name}: {score} {expected}"
        );
        compared += 1;
    }
    assert!(compared > 40, "{compared}");
}
