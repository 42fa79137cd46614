//! What is asked of a stratified or weighted Cox model after the fit: proportional hazards, and concordance within strata.

use cohort::FollowUp;
use ndarray::{Array2, ArrayView2};

use super::design::Design;
use super::error::CoxError;
use super::proportionality::{Proportionality, TimeTransform, centred_transform, test_of};
use super::weighted::{Strata, WeightedCox, check_rows};
use super::{CoxParams, fit::predictor};
use crate::censored::RiskSets;

/// Pairs of patients of one stratum by how score and outcome agree, each pair as heavy as the product of its weights.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct WeightedConcordance {
    /// Comparable, and the patient with the earlier event has the higher score.
    pub concordant: f64,
    /// Comparable, and the patient with the earlier event has the lower score.
    pub discordant: f64,
    /// Comparable, with equal scores.
    pub tied_score: f64,
    /// Two events at one time: not comparable (whatever the scores).
    pub tied_time: f64,
}

impl WeightedConcordance {
    /// Harrell's C = (concordant + ½ tied) / comparable; `None` without a comparable pair.
    pub fn index(&self) -> Option<f64> {
        let pairs = self.concordant + self.discordant + self.tied_score;
        (pairs > 0.0).then(|| (self.concordant + 0.5 * self.tied_score) / pairs)
    }
}

/// Concordance of a model's linear predictor, comparing patients of one stratum only.
///
/// # Ties and edges   as [`crate::concordance::concordance_counts`]; a patient of weight 0 is in no pair
/// # Cost             pairs within strata
/// # Errors           see [`CoxError`]
/// # Agrees with      R survival 3.5-3 `coxph(…)$concordance` with `strata` and `weights` on a generated cohort: the same weighted
/// counts, relative 1e-12, tests/parity_generated.rs
pub fn stratified_concordance(
    fit: &WeightedCox,
    x: ArrayView2<f64>,
    follow_up: &FollowUp,
    strata: &[usize],
    weights: &[f64],
) -> Result<WeightedConcordance, CoxError> {
    let (_, eta) = design_and_predictor(fit, x, follow_up, strata, weights)?;
    let (time, event) = (follow_up.time(), follow_up.event());
    let mut found = WeightedConcordance::default();
    for i in (0..eta.len()).filter(|&i| event[i]) {
        for j in (0..eta.len()).filter(|&j| j != i && strata[j] == strata[i]) {
            let pair = weights[i] * weights[j];
            if time[j] == time[i] && event[j] {
                // met once from each side
                found.tied_time += 0.5 * pair;
            } else if time[j] >= time[i] {
                let to = match eta[i].total_cmp(&eta[j]) {
                    std::cmp::Ordering::Greater => &mut found.concordant,
                    std::cmp::Ordering::Less => &mut found.discordant,
                    std::cmp::Ordering::Equal => &mut found.tied_score,
                };
                *to += pair;
            }
        }
    }
    Ok(found)
}

/// Score test of proportional hazards in a model with strata and weights; see
/// [`super::proportional_hazards_test`], whose sums run here over the event times of every stratum.
///
/// # Arguments        the rows, strata, weights and ties the model was fitted with
/// # Ties and edges   g(t) is of all patients together, strata and weights apart, as in R
/// # Errors           see [`CoxError`]
/// # Reference        Grambsch & Therneau, Biometrika 81 (1994) 515–526
/// # Agrees with      R survival 3.5-3 `cox.zph(terms = FALSE)` with `strata` and `weights`, km, identity and rank, Efron and
/// Breslow, on a generated cohort: relative 1e-8, tests/parity_generated.rs
/// # Differs from     nothing; with weights that are no counts its P is that of the model, not of the sandwich, as in R
pub fn stratified_proportional_hazards_test(
    fit: &WeightedCox,
    x: ArrayView2<f64>,
    follow_up: &FollowUp,
    strata: &[usize],
    weights: &[f64],
    params: &CoxParams,
    transform: TimeTransform,
) -> Result<Proportionality, CoxError> {
    let (design, eta) = design_and_predictor(fit, x, follow_up, strata, weights)?;
    let together = RiskSets::new(follow_up);
    let g = centred_transform(follow_up, &together, transform);
    let mut times = follow_up.time().to_vec();
    times.sort_by(f64::total_cmp);
    times.dedup();
    let p = fit.names.len();
    let mut drift = vec![0.0; p];
    let [mut a, mut b, mut c] = [(); 3].map(|()| Array2::<f64>::zeros((p, p)));
    let sets = Strata::new(follow_up, strata, weights);
    sets.each_event_time(&design.x, &eta, params.ties, |group, score, information| {
        // every time of a stratum is one of all patients
        let time = follow_up.time()[group[0]];
        let g = g[times.partition_point(|t| *t < time)];
        drift.iter_mut().zip(score).for_each(|(u, s)| *u += g * s);
        for (((a, b), c), v) in (a.iter_mut().zip(b.iter_mut()))
            .zip(c.iter_mut())
            .zip(information)
        {
            *a += v;
            *b += g * v;
            *c += g * g * v;
        }
    });
    test_of(&drift, &a, &b, &c, &fit.names)
}

/// Checked, scaled columns and the linear predictor of the fit on them.
fn design_and_predictor(
    fit: &WeightedCox,
    x: ArrayView2<f64>,
    follow_up: &FollowUp,
    strata: &[usize],
    weights: &[f64],
) -> Result<(Design, Vec<f64>), CoxError> {
    check_rows(follow_up, strata, weights)?;
    let design = Design::new(x, &fit.names, follow_up)?;
    let scaled = fit.coefficients.iter().zip(&design.scales);
    let beta: Vec<f64> = scaled.map(|(b, s)| b * s).collect();
    let eta = predictor(&design.x, &beta);
    Ok((design, eta))
}
