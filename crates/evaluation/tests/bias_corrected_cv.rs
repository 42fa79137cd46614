//! Bootstrap bias-corrected cross-validation against its definition, worked out over every resample there is.
//!
//! Tsamardinos, Greasidou and Borboudakis (Mach. Learn. 107, 2018, algorithm 3): from the matrix of out-of-fold predictions,
//! patients by configurations, draw patients with replacement, choose the configuration that does best on those drawn, judge it
//! on those not drawn, and average. Twelve patients have C(23, 12) = 1,352,078 different resamples, so the mean over all of them, each
//! with its multinomial probability, is the number that draws approach. Nothing here but the call under test is the library's.
#![allow(clippy::unwrap_used)]

use cohort::FollowUp;
use evaluation::{AucConvention, Bootstrap, Contest, Part, rank_models};

/// Six die before 36 months, six are followed longer: every weight is 1 and every sum is whole, so equal is equal.
/// Patients.
const N: usize = 12;
const TIME: [f64; N] = [
    3.0, 8.0, 15.0, 21.0, 30.0, 33.0, 40.0, 44.0, 51.0, 60.0, 72.0, 80.0,
];
const HORIZON: f64 = 36.0;
/// Out-of-fold risks of four configurations; the last is the third turned round.
const RISK: [[f64; N]; 4] = [
    [9.0, 7.0, 2.0, 6.0, 8.0, 5.5, 3.0, 5.0, 1.0, 7.5, 4.0, 6.5],
    [8.0, 1.0, 9.0, 7.0, 3.0, 6.0, 2.0, 7.0, 4.0, 5.0, 6.0, 3.5],
    [5.0, 4.0, 6.0, 2.0, 7.0, 8.5, 6.5, 1.0, 3.0, 8.0, 9.0, 5.5],
    [5.0, 6.0, 4.0, 8.0, 3.0, 1.5, 3.5, 9.0, 7.0, 2.0, 1.0, 4.5],
];

/// Share of (case, control) pairs that the risks order rightly, patients counted as often as drawn.
fn auc(risk: &[f64; N], copies: &[u32; N]) -> Option<f64> {
    let (mut right, mut pairs) = (0.0, 0.0);
    for case in (0..N).filter(|&i| TIME[i] <= HORIZON) {
        for control in (0..N).filter(|&i| TIME[i] > HORIZON) {
            let weight = f64::from(copies[case] * copies[control]);
            pairs += weight;
            if risk[case] > risk[control] {
                right += weight;
            } else if risk[case] == risk[control] {
                right += 0.5 * weight;
            }
        }
    }
    (pairs > 0.0).then(|| right / pairs)
}

/// What the winner among the drawn is worth on the others, and who it is; the first of equals.
fn judged(copies: &[u32; N]) -> Option<(usize, f64)> {
    let mut winner = (0, auc(&RISK[0], copies)?);
    for (k, risk) in RISK.iter().enumerate().skip(1) {
        let value = auc(risk, copies)?;
        if value > winner.1 {
            winner = (k, value);
        }
    }
    let rest = copies.map(|c| u32::from(c == 0));
    Some((winner.0, auc(&RISK[winner.0], &rest)?))
}

/// Every way to draw twelve of twelve with replacement, with 12!/(12¹² Π c_i!).
fn every_resample(visit: &mut dyn FnMut(&[u32; N], f64)) {
    fn fill(
        at: usize,
        left: u32,
        p: f64,
        copies: &mut [u32; N],
        visit: &mut dyn FnMut(&[u32; N], f64),
    ) {
        let factorial = |c: u32| (1..=c).map(f64::from).product::<f64>();
        if at == N - 1 {
            copies[N - 1] = left;
            return visit(copies, p / factorial(left));
        }
        for c in 0..=left {
            copies[at] = c;
            fill(at + 1, left - c, p / factorial(c), copies, visit);
        }
    }
    fill(
        0,
        12,
        479_001_600.0 / 8_916_100_448_256.0,
        &mut [0; N],
        visit,
    );
}

fn given() -> (Vec<Vec<Part>>, FollowUp) {
    let whole = |risk: &[f64; N]| {
        vec![Part {
            rows: (0..N).collect(),
            risk: risk.to_vec(),
        }]
    };
    let follow_up = FollowUp::new(TIME.to_vec(), vec![true; N]).unwrap();
    (RISK.iter().map(whole).collect(), follow_up)
}

#[test]
fn draws_approach_the_mean_over_all_resamples() {
    let (mut probability, mut known, mut mean, mut square, mut n) = (0.0, 0.0, 0.0, 0.0, 0);
    let mut first = [0.0; 4];
    every_resample(&mut |copies, p| {
        n += 1;
        probability += p;
        if let Some((winner, value)) = judged(copies) {
            known += p;
            mean += p * value;
            square += p * value * value;
            first[winner] += p;
        }
    });
    assert_eq!(n, 1_352_078);
    assert!((probability - 1.0).abs() < 1e-9, "{probability}");
    mean /= known;
    let sd = (square / known - mean * mean).sqrt();

    let (models, follow_up) = given();
    let contest = Contest::new(&models, &follow_up, &[HORIZON], AucConvention::Score).unwrap();
    let draws = 40_000;
    let bootstrap = Bootstrap::new(draws, 0.95, 3).unwrap();
    let found = rank_models(&contest, &bootstrap, None);
    let corrected = found.bias_corrected.unwrap();

    // how many resamples have a winner and a value is a binomial count
    let share = corrected.n_resamples as f64 / draws as f64;
    let error = (known * (1.0 - known) / draws as f64).sqrt();
    assert!((share - known).abs() < 4.0 * error, "{share} {known}");
    let error = sd / (corrected.n_resamples as f64).sqrt();
    eprintln!(
        "all resamples {mean:.6}, {draws} draws {:.6}, standard error {error:.6}",
        corrected.value
    );
    assert!(
        (corrected.value - mean).abs() < 4.0 * error,
        "{} {mean}",
        corrected.value
    );

    // the chosen one's own value is above: that is the bias
    let apparent = RISK
        .iter()
        .filter_map(|risk| auc(risk, &[1; N]))
        .fold(0.0, f64::max);
    let chosen = found.models[found.best.unwrap()].value.unwrap();
    assert!(
        (chosen - apparent).abs() < 1e-15 && chosen > mean + 0.05,
        "{chosen} {apparent} {mean}"
    );
}

#[test]
fn every_resample_with_the_first_patient_six_times_is_judged_as_the_definition_says() {
    let (models, follow_up) = given();
    let contest = Contest::new(&models, &follow_up, &[HORIZON], AucConvention::Score).unwrap();
    let mut compared = 0;
    every_resample(&mut |copies, _| {
        if copies[0] != 6 {
            return;
        }
        compared += 1;
        for (ours, risk) in contest.values(copies).into_iter().zip(&RISK) {
            assert_eq!(ours.is_some(), auc(risk, copies).is_some(), "{copies:?}");
            if let Some((ours, theirs)) = ours.zip(auc(risk, copies)) {
                assert!((ours - theirs).abs() < 1e-14, "{copies:?} {ours} {theirs}");
            }
        }
    });
    assert_eq!(compared, 8_008);
}
