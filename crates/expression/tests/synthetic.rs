//! The synthetic expression table says what was planted in it: which genes each endpoint's risk groups differ in, and which sets hold them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use cohort::synth::{
    Biology, Expression, SynthEndpoint, SynthSize, SynthSpec, biology, expression as draw,
};
use expression::*;
use ndarray::Array2;
use stats::compare::{Variances, t_test};

const SEED: u64 = 20_250_308;
const P_MAX: f64 = 0.05;
const FOLD_MIN: f64 = 1.0;

fn made(seed: u64) -> (Biology, Expression) {
    let spec = SynthSpec::paper();
    let patients = biology(&spec, SynthSize::Demo, seed);
    let table = draw(&spec, seed, &patients);
    (patients, table)
}

fn counts(table: &Expression) -> Array2<f64> {
    let dims = (table.genes.len(), table.samples.len());
    Array2::from_shape_fn(dims, |(gene, sample)| f64::from(table.row(gene)[sample]))
}

/// +1, −1 or 0 of each gene.
fn calls(fold: &[f64], p: &[f64]) -> Vec<i8> {
    let call = |(fold, p): (&f64, &f64)| match *p < P_MAX && fold.abs() > FOLD_MIN {
        true => fold.signum() as i8,
        false => 0,
    };
    fold.iter().zip(p).map(call).collect()
}

/// Welch's test on log2 counts per million.
fn welch(counts: &Array2<f64>, high: &[bool]) -> Vec<i8> {
    let sizes: Vec<f64> = counts
        .columns()
        .into_iter()
        .map(|sample| sample.sum())
        .collect();
    let (mut fold, mut p) = (Vec::new(), Vec::new());
    for row in counts.rows() {
        let logs = row
            .iter()
            .zip(&sizes)
            .map(|(c, size)| libm::log2((c + 0.5) / (size + 1.0) * 1e6));
        let (mut above, mut below) = (Vec::new(), Vec::new());
        logs.zip(high).for_each(|(log, high)| match high {
            true => above.push(log),
            false => below.push(log),
        });
        let test = t_test(&above, &below, Variances::Separate).unwrap();
        fold.push(test.difference);
        p.push(test.p);
    }
    calls(&fold, &p)
}

/// limma's voom, without adjusting for the number of genes.
fn limma(counts: &Array2<f64>, high: &[bool]) -> (Vec<i8>, Vec<i8>) {
    let design = Array2::from_shape_fn((high.len(), 2), |(sample, column)| match column {
        0 => 1.0,
        _ => f64::from(u8::from(high[sample])),
    });
    let factors = normalisation_factors(counts.view()).unwrap();
    let sizes = counts
        .columns()
        .into_iter()
        .zip(factors)
        .map(|(c, f)| c.sum() * f);
    let sizes: Vec<f64> = sizes.collect();
    let weighted = voom(counts.view(), &sizes, design.view()).unwrap();
    let fit = fit_linear(
        weighted.log_cpm.view(),
        Some(weighted.weights.view()),
        design.view(),
    );
    let found = moderate(&fit.unwrap(), 1, false).unwrap();
    let fdr = benjamini_hochberg(&found.p);
    (
        calls(&found.log_fold_change, &found.p),
        calls(&found.log_fold_change, &fdr),
    )
}

fn truth(table: &Expression, endpoint: SynthEndpoint) -> Vec<i8> {
    let mut truth = vec![0; table.genes.len()];
    for gene in table
        .planted
        .iter()
        .filter(|gene| gene.endpoint == endpoint)
    {
        truth[gene.gene] = gene.log2_fold.signum() as i8;
    }
    truth
}

fn count(calls: &[i8]) -> [usize; 2] {
    [1, -1].map(|wanted| calls.iter().filter(|call| **call == wanted).count())
}

#[test]
fn the_risk_groups_differ_in_the_planted_genes_and_in_no_other() {
    let (patients, table) = made(SEED);
    let counts = counts(&table);
    for (endpoint, wanted) in [
        (SynthEndpoint::Dfs, [371, 98]),
        (SynthEndpoint::Os, [232, 103]),
    ] {
        let truth = truth(&table, endpoint);
        let by_welch = welch(&counts, patients.high(endpoint));
        assert_eq!(count(&by_welch), wanted, "{endpoint:?}");
        assert!(
            by_welch == truth,
            "{endpoint:?}: other genes than those planted"
        );
        let (raw, adjusted) = limma(&counts, patients.high(endpoint));
        let hits = |calls: &[i8]| {
            calls
                .iter()
                .zip(&truth)
                .filter(|(c, t)| **t != 0 && c == t)
                .count()
        };
        eprintln!(
            "{endpoint:?}: voom {:?}, {} of them planted; with FDR {:?}, {} planted",
            count(&raw),
            hits(&raw),
            count(&adjusted),
            hits(&adjusted)
        );
        let n = wanted[0] + wanted[1];
        assert!(hits(&adjusted) + 3 >= n && count(&adjusted).iter().sum::<usize>() <= n + 3);
    }
}

#[test]
fn the_planted_sets_lead_their_lists() {
    let (patients, table) = made(SEED);
    let counts = counts(&table);
    for endpoint in SynthEndpoint::ALL {
        let calls = welch(&counts, patients.high(endpoint));
        let n_called = calls.iter().filter(|call| **call != 0).count();
        let mut ranked: Vec<(f64, &str)> = table
            .sets
            .iter()
            .map(|set| {
                let overlap = set.genes.iter().filter(|gene| calls[**gene] != 0).count();
                let test = over_representation(overlap, set.genes.len(), n_called, calls.len());
                (test.unwrap().p, set.name.as_str())
            })
            .collect();
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
        eprintln!("{endpoint:?}: {:?}", &ranked[..4]);
        let mut leading: Vec<&str> = ranked.iter().take(3).map(|set| set.1).collect();
        let of = |set: &&cohort::synth::GeneSet| set.planted == Some(endpoint);
        let mut planted: Vec<&str> = table
            .sets
            .iter()
            .filter(of)
            .map(|s| s.name.as_str())
            .collect();
        leading.sort_unstable();
        planted.sort_unstable();
        assert_eq!(leading, planted);
        assert!(ranked[2].0 < 1e-4 && ranked[3].0 > ranked[2].0 * 10.0);
    }
}

#[test]
fn other_seeds_plant_as_well() {
    for seed in [1, 2, 3] {
        let (patients, table) = made(seed);
        let counts = counts(&table);
        for endpoint in SynthEndpoint::ALL {
            let truth = truth(&table, endpoint);
            let calls = welch(&counts, patients.high(endpoint));
            let wrong = calls
                .iter()
                .zip(&truth)
                .filter(|(call, truth)| call != truth)
                .count();
            eprintln!("seed {seed}, {endpoint:?}: {wrong} genes called otherwise than planted");
            assert!(wrong <= 3);
        }
    }
}

#[test]
fn sizes_of_the_table_are_the_spec_s() {
    let (_, table) = made(SEED);
    assert_eq!(
        (table.genes.len(), table.samples.len(), table.sets.len()),
        (12_000, 54, 200)
    );
    assert!(
        table
            .sets
            .iter()
            .all(|set| (15..=200).contains(&set.genes.len()))
    );
    let (csv, gmt) = (table.to_csv(), table.to_gmt());
    assert!(csv.starts_with("gene,tcga-001,tcga-002,") && csv.lines().count() == 12_001);
    assert!(gmt.starts_with("SYN_FOCAL_ADHESION\tsynthetic\tSYNG") && gmt.lines().count() == 200);
    assert_eq!(table.truth_csv().lines().count(), 1 + 469 + 335);
    assert_eq!(table.sets_truth_csv().lines().count(), 7);
}
