//! The synthetic feature tables: as many columns survive each step as were planted, and harmonising removes the planted scanner and
//! nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use cohort::synth::{
    SynthFeatures, SynthPatient, SynthRoi, SynthSize, SynthSpec, features, tables,
};
use ndarray::{Array2, Axis};
use stats::combat::{CombatParams, fit_combat};
use stats::icc::{IccForm, icc};
use stats::redundancy::{KeepRule, redundancy_filter};

const SEED: u64 = 20_250_308;

fn matrix(rows: &[Vec<f64>]) -> Array2<f64> {
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| rows[i][j])
}

/// Columns with both coefficients above 0.75: the same rater again, and another rater.
fn robust(drawn: &SynthFeatures) -> Vec<usize> {
    let passes = |column: usize, reading: usize, form: IccForm| {
        let again = &drawn.readings[reading];
        let value = |i: usize, j: usize| match j {
            0 => drawn.first[again.rows[i]][column],
            _ => again.values[i][column],
        };
        let pairs = Array2::from_shape_fn((again.rows.len(), 2), |(i, j)| value(i, j));
        icc(pairs.view(), 0.95).unwrap().form(form).value > 0.75
    };
    let keep = |column: &usize| {
        passes(*column, 0, IccForm::Consistency) && passes(*column, 1, IccForm::Agreement)
    };
    (0..drawn.names.len()).filter(keep).collect()
}

#[test]
fn the_funnel_is_the_papers() {
    let spec = SynthSpec::paper();
    for seed in [SEED, 1] {
        let patients = tables(&spec, SynthSize::FeaturesOnly, seed)
            .unwrap()
            .patients;
        let training: Vec<SynthPatient> = patients.into_iter().filter(|p| p.site == "c1").collect();
        for (roi, n_robust, n_groups) in [
            (SynthRoi::Tumour, 1026_usize, 366_usize),
            (SynthRoi::Peritumour, 975, 287),
        ] {
            let drawn = features(&spec, seed, roi, &training);
            assert_eq!(drawn.names.len(), 1409);
            assert!(drawn.readings.iter().all(|r| r.rows.len() == 50));
            let kept = robust(&drawn);
            let x = matrix(&drawn.first).select(Axis(1), &kept);
            let names: Vec<String> = kept.iter().map(|c| drawn.names[*c].clone()).collect();
            let rules: &[KeepRule] = match seed {
                SEED => &[KeepRule::FirstKept, KeepRule::MaxPair],
                _ => &[KeepRule::FirstKept],
            };
            for &rule in rules {
                let left = redundancy_filter(x.view(), &names, 0.8, rule)
                    .unwrap()
                    .kept
                    .len();
                eprintln!(
                    "seed {seed}, {roi:?}, {rule:?}: 1409 → {} → {left}",
                    kept.len()
                );
                assert!(left.abs_diff(n_groups) <= 1, "{seed} {roi:?}: {left}");
            }
            if seed == SEED {
                assert_eq!(kept.len(), n_robust, "{roi:?}");
            }
            assert!(
                kept.len().abs_diff(n_robust) <= 1,
                "{seed} {roi:?}: {}",
                kept.len()
            );
        }
    }
}

/// Two centres of the first one's size, so that chance moves an area under the curve by 0.02.
fn two_large_centres() -> SynthSpec {
    let mut spec = SynthSpec::paper();
    let second = &spec.centres[1];
    let (site, acquisition) = (second.site, second.acquisition);
    spec.centres[1] = cohort::synth::CentreSpec {
        site,
        acquisition,
        has_age_extremes: false,
        ..spec.centres[0].clone()
    };
    spec.followup_median_months = [42.0, 30.0];
    spec
}

/// Rows of one half of each centre.
fn half(patients: &[SynthPatient], odd: usize) -> Vec<usize> {
    (0..patients.len()).filter(|row| row % 2 == odd).collect()
}

/// Mann–Whitney probability that a member of the group has the higher score.
fn auc(score: &[f64], group: &[bool]) -> f64 {
    let (mut won, mut pairs) = (0.0, 0.0);
    for (a, _) in score.iter().zip(group).filter(|(_, g)| **g) {
        for (b, _) in score.iter().zip(group).filter(|(_, g)| !**g) {
            pairs += 1.0;
            won += if a > b {
                1.0
            } else if a == b {
                0.5
            } else {
                0.0
            };
        }
    }
    won / pairs
}

/// A classifier of the centre (difference of means over variance, column by column) learned on `train` and judged on `test`.
fn centre_auc(
    x: &Array2<f64>,
    columns: &[usize],
    of_second: &[bool],
    train: &[usize],
    test: &[usize],
) -> f64 {
    let moments = |column: usize, second: bool| {
        let values: Vec<f64> = train
            .iter()
            .filter(|row| of_second[**row] == second)
            .map(|row| x[[*row, column]])
            .collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        (
            mean,
            values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0),
        )
    };
    let weight = |column: usize| {
        let ((m1, v1), (m0, v0)) = (moments(column, true), moments(column, false));
        (m1 - m0) / (v1 + v0)
    };
    let weights: Vec<f64> = columns.iter().map(|column| weight(*column)).collect();
    let score = |row: &usize| -> f64 {
        columns
            .iter()
            .zip(&weights)
            .map(|(column, w)| x[[*row, *column]] * w)
            .sum()
    };
    let scores: Vec<f64> = test.iter().map(score).collect();
    let group: Vec<bool> = test.iter().map(|row| of_second[*row]).collect();
    auc(&scores, &group)
}

/// Slope of the informative columns' mean on the latent, in some rows.
fn slope(x: &Array2<f64>, drawn: &SynthFeatures, latent: &[f64], rows: &[usize]) -> f64 {
    let columns: Vec<usize> = (0..drawn.names.len())
        .filter(|c| drawn.planted[*c].informative)
        .collect();
    let score =
        |row: &usize| columns.iter().map(|c| x[[*row, *c]]).sum::<f64>() / columns.len() as f64;
    let n = rows.len() as f64;
    let mean_u = rows.iter().map(|row| latent[*row]).sum::<f64>() / n;
    let mean_s = rows.iter().map(score).sum::<f64>() / n;
    let deviation = |row: &usize| latent[*row] - mean_u;
    let covariance: f64 = rows
        .iter()
        .map(|row| deviation(row) * (score(row) - mean_s))
        .sum();
    covariance
        / rows
            .iter()
            .map(|row| deviation(row) * deviation(row))
            .sum::<f64>()
}

#[test]
fn harmonising_removes_the_planted_scanner_and_nothing_else() {
    let spec = two_large_centres();
    let patients = tables(&spec, SynthSize::FeaturesOnly, SEED)
        .unwrap()
        .patients;
    let drawn = features(&spec, SEED, SynthRoi::Tumour, &patients);
    let x = matrix(&drawn.first);
    let sites: Vec<String> = patients.iter().map(|p| p.site.clone()).collect();
    let of_second: Vec<bool> = sites.iter().map(|site| site == "c2").collect();
    let latent: Vec<f64> = patients.iter().map(|p| p.truth.u_t).collect();
    let of = |rows: &[usize], second: bool| -> Vec<usize> {
        rows.iter()
            .copied()
            .filter(|row| of_second[*row] == second)
            .collect()
    };
    let all: Vec<usize> = (0..patients.len()).collect();
    // One column of each group: a classifier that takes every column for news of its own counts the same evidence many times.
    let column_of = |group| drawn.planted.iter().position(|p| p.group == Some(group));
    let columns: Vec<usize> = (0..spec.features.tumour.n_groups)
        .filter_map(column_of)
        .collect();
    let (mut before, mut after, mut adapted_after) = (0.0, 0.0, 0.0);
    for odd in [0, 1] {
        let (train, test) = (half(&patients, odd), half(&patients, 1 - odd));
        let none = |n: usize| Array2::<f64>::zeros((n, 0));
        let labels =
            |rows: &[usize]| -> Vec<String> { rows.iter().map(|r| sites[*r].clone()).collect() };
        let learn = |rows: &[usize]| {
            let x = x.select(Axis(0), rows);
            let params = CombatParams::towards("c1");
            fit_combat(
                x.view(),
                &drawn.names,
                &labels(rows),
                none(rows.len()).view(),
                &params,
            )
            .unwrap()
        };
        // Learned with both centres, and with the first one, to which the second is adapted later by features alone.
        let both = learn(&train);
        let (first, second) = (of(&train, false), of(&train, true));
        let unseen = x.select(Axis(0), &second);
        let adapted = learn(&first)
            .adapt(unseen.view(), &drawn.names, "c2", none(second.len()).view())
            .unwrap();
        let harmonised = |by: &stats::combat::Combat| {
            by.apply(x.view(), &drawn.names, &sites, none(x.nrows()).view())
                .unwrap()
                .x
        };
        let (y, z) = (harmonised(&both), harmonised(&adapted));
        before += centre_auc(&x, &columns, &of_second, &train, &test) / 2.0;
        after += centre_auc(&y, &columns, &of_second, &train, &test) / 2.0;
        adapted_after += centre_auc(&z, &columns, &of_second, &train, &test) / 2.0;
        for row in of(&all, false) {
            assert_eq!(y.row(row), x.row(row), "the reference centre changed");
        }
        let (here, there) = (of(&all, false), of(&all, true));
        let wanted = slope(&x, &drawn, &latent, &here);
        let (raw, kept) = (
            slope(&x, &drawn, &latent, &there),
            slope(&y, &drawn, &latent, &there),
        );
        eprintln!("slope on u_t: c1 {wanted:.4}; c2 {raw:.4} before, {kept:.4} after");
        assert!((kept / wanted - 1.0).abs() < 0.1);
    }
    eprintln!(
        "AUC of the centre: {before:.3} before, {after:.3} after, {adapted_after:.3} adapted"
    );
    assert!(before > 0.99);
    assert!((after - 0.5).abs() < 0.05 && (adapted_after - 0.5).abs() < 0.05);
}
