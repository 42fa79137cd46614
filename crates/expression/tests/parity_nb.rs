//! Negative binomial tests against edgeR, on tables that lie beside the workspace.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Sheet, design, effective, oracle};
use expression::{benjamini_hochberg, likelihood_ratio};

#[test]
fn likelihood_ratio_tests_are_those_of_edger() {
    let (Some(counts), Some(summary)) = (
        Sheet::read("airway_counts_filtered.csv"),
        oracle("o_expression/summary_simple.json"),
    ) else {
        return;
    };
    let summary: serde_json::Value = serde_json::from_slice(&summary).unwrap();
    let sizes = effective(&counts.values);
    for (paired, name) in [(false, "simple"), (true, "paired")] {
        let x = design(paired);
        let ours = likelihood_ratio(counts.values.view(), &sizes, x.view(), x.ncols() - 1).unwrap();
        let theirs = Sheet::read(&format!("edgeR_LRT_{name}.csv")).unwrap();
        let folds = theirs.column("logFC");
        let worst = ours
            .log_fold_change
            .iter()
            .zip(&folds)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f64::max);
        let called =
            |p: &[f64]| -> Vec<bool> { benjamini_hochberg(p).iter().map(|q| *q < 0.05).collect() };
        let (a, b) = (called(&ours.p), called(&theirs.column("PValue")));
        let equal = a.iter().zip(&b).filter(|(a, b)| a == b).count();
        let share = equal as f64 / a.len() as f64;
        eprintln!(
            "{name}: worst fold change {worst:.2e}, calls equal {share:.4}, common dispersion {}",
            ours.common_dispersion
        );
        assert!(share >= 0.99, "{name}: {share}");
        // two coefficients or five: the fewer residual degrees of freedom, the more the smoothing of the trend is seen
        let bar = if paired { 1e-2 } else { 1e-3 };
        assert!(worst <= bar, "{name}: {worst}");
        if !paired {
            let common = summary["edgeR_common"].as_f64().unwrap();
            assert!(
                (ours.common_dispersion / common - 1.0).abs() < 1e-3,
                "{} {common}",
                ours.common_dispersion
            );
        }
    }
}
