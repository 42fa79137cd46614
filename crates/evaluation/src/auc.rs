//! Cumulative/dynamic area under the time-dependent ROC curve.

use cohort::{FollowUp, RiskScores};
use stats::censored::{StepFunction, censoring_distribution};

use crate::bootstrap::Bootstrap;
use crate::c_index::{interval, with_interval};
use crate::estimate::{
    Estimate, MetricError, NotEstimable, check_followed, check_horizon, check_length, settle,
};
use crate::pairs::dense_ranks;

/// Who is a case at horizon t, and at which side of an event's time the censoring weight is read.
///
/// The three differ only when t is an event time, or when a censoring falls on the time of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AucConvention {
    /// Cases T <= t with weight 1/G(T−), as riskRegression `Score`: the house's default.
    Score,
    /// Cases T <= t with weight 1/G(T), as scikit-survival `cumulative_dynamic_auc` (Uno et al. 2007).
    Uno,
    /// Cases T < t with weight 1/G(T−), as R `timeROC`.
    TimeRoc,
}

impl AucConvention {
    /// Whether an event at `time` makes a case at `horizon`.
    pub(crate) fn is_case(self, time: f64, horizon: f64) -> bool {
        match self {
            AucConvention::Score | AucConvention::Uno => time <= horizon,
            AucConvention::TimeRoc => time < horizon,
        }
    }

    /// The probability of being uncensored by which a case is weighted.
    pub(crate) fn uncensored(self, censoring: &StepFunction, time: f64) -> f64 {
        match self {
            AucConvention::Score | AucConvention::TimeRoc => censoring.before(time),
            AucConvention::Uno => censoring.at(time),
        }
    }
}

/// An area under the curve and what it is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Auc {
    /// The area.
    pub value: f64,
    /// Patients with the event by the horizon.
    pub n_cases: usize,
    /// Patients followed beyond the horizon.
    pub n_controls: usize,
    /// Patients censored before the horizon, who enter through the weights only.
    pub n_neither: usize,
}

/// Fewest cases, and fewest controls, of a set in which AUC(t) is reported.
const SIDE_MIN: usize = 5;

/// Cumulative/dynamic AUC(t) of right-censored risk scores, G estimated from the same patients.
///
/// # Formula
/// AUC(t) = Σ_i Σ_j w_i [ 1(r_i > r_j) + ½·1(r_i = r_j) ] / ( Σ_i w_i · n_controls )
/// i runs over cases, e_i = 1 and T_i <= t (or < t), w_i = 1 / G(T_i−) (or G(T_i)); j over controls, T_j > t.
/// G is the reverse Kaplan–Meier estimate in which events at a time leave the risk set before the censorings at it.
/// The weights of controls are all 1/G(t) and cancel.
///
/// # Arguments
/// | symbol | argument     | shape | unit                           |
/// |---|---|---|---|
/// | r      | `risk`       | \[n\]   | none, higher is worse          |
/// | T, e   | `follow_up`  | \[n\]   | months; true = event           |
/// | t      | `horizon`    | 1     | months                         |
/// |        | `convention` |       | see [`AucConvention`]          |
///
/// # Ties and edges
/// equal risk counts one half; who is censored by t is neither case nor control
/// # Undefined
/// no case, no control, or (with `Uno`) G is 0 at a case
/// # Reference
/// Uno et al., JASA 102 (2007) 527–537; Blanche et al., Stat. Med. 32 (2013) 5381–5397
/// # Agrees with
/// riskRegression 2022.11.28 `Score`, timeROC 0.4.1 `timeROC` and scikit-survival 0.28
/// `cumulative_dynamic_auc`, each with its convention, 1e-12, tests/metrics_oracle.rs
/// # Differs from
/// scikit-survival, which takes risks within 1e-8 of each other as tied (`tied_tol`); here only equal ones are. Otherwise nothing
/// within a convention
pub fn auc(
    risk: &RiskScores,
    follow_up: &FollowUp,
    horizon: f64,
    convention: AucConvention,
) -> Result<Auc, MetricError> {
    auc_with_censoring(risk, follow_up, follow_up, horizon, convention)
}

/// [`auc`] with G estimated from other patients, as scikit-survival does with the training set.
///
/// # Errors
/// As [`auc`].
pub fn auc_with_censoring(
    risk: &RiskScores,
    follow_up: &FollowUp,
    censoring_from: &FollowUp,
    horizon: f64,
    convention: AucConvention,
) -> Result<Auc, MetricError> {
    check_length(risk.values().len(), follow_up.len())?;
    check_horizon(horizon)?;
    let sides = count_sides(follow_up, horizon, convention);
    sides.require(follow_up, horizon, 1)?;
    let censoring = censoring_distribution(censoring_from);
    let weights = case_weights(follow_up, &censoring, horizon, convention)?;
    let order = RiskOrder::new(risk.values());
    let value = order
        .area(
            |row| weights[row],
            |row| f64::from(u8::from(follow_up.time()[row] > horizon)),
        )
        .ok_or(NotEstimable::FewCases {
            horizon,
            cases: 0,
            at_least: 1,
        })?;
    Ok(Auc {
        value,
        n_cases: sides.cases,
        n_controls: sides.controls,
        n_neither: follow_up.len() - sides.cases - sides.controls,
    })
}

/// Whether AUC(t) of this set is reported at all: somebody is at risk at t, and there are at least 5 cases and 5 controls.
///
/// Asked once per set of patients. Folds of a set that passes are taken as they are.
///
/// # Errors
/// [`NotEstimable`] with the numbers.
pub fn horizon_guard(
    follow_up: &FollowUp,
    horizon: f64,
    convention: AucConvention,
) -> Result<(), MetricError> {
    check_horizon(horizon)?;
    count_sides(follow_up, horizon, convention).require(follow_up, horizon, SIDE_MIN)?;
    Ok(())
}

/// [`auc`] behind the [`horizon_guard`], with a bootstrap interval where one is asked for; each resample has its own G.
///
/// # Errors
/// Lengths differ, or the horizon is no time. What cannot be estimated is a value, not an error.
pub fn estimate_auc(
    risk: &RiskScores,
    follow_up: &FollowUp,
    horizon: f64,
    convention: AucConvention,
    bootstrap: Option<&Bootstrap>,
) -> Result<Estimate, MetricError> {
    let estimated = horizon_guard(follow_up, horizon, convention)
        .and_then(|()| auc(risk, follow_up, horizon, convention))
        .and_then(|auc| {
            let resampled = ResampledAuc::new(risk, follow_up, horizon, convention);
            let interval = interval(bootstrap, follow_up.len(), |copies| resampled.value(copies))?;
            Ok(with_interval(auc.value, interval, follow_up))
        });
    settle(estimated, follow_up.len(), follow_up.n_events())
}

/// [`auc`] in every resample of `bootstrap`, `None` where a resample has no case or no control.
///
/// # Errors
/// Lengths differ, or the horizon is no time.
pub fn bootstrap_auc(
    risk: &RiskScores,
    follow_up: &FollowUp,
    horizon: f64,
    convention: AucConvention,
    bootstrap: &Bootstrap,
) -> Result<Vec<Option<f64>>, MetricError> {
    check_length(risk.values().len(), follow_up.len())?;
    check_horizon(horizon)?;
    let resampled = ResampledAuc::new(risk, follow_up, horizon, convention);
    Ok(bootstrap.values(follow_up.len(), |copies| resampled.value(copies)))
}

/// Cases and controls at a horizon.
struct Sides {
    cases: usize,
    controls: usize,
}

impl Sides {
    fn require(
        &self,
        follow_up: &FollowUp,
        horizon: f64,
        at_least: usize,
    ) -> Result<(), NotEstimable> {
        check_followed(follow_up.time().iter().copied(), horizon)?;
        let (cases, controls) = (self.cases, self.controls);
        if cases < at_least {
            return Err(NotEstimable::FewCases {
                horizon,
                cases,
                at_least,
            });
        }
        if controls < at_least {
            return Err(NotEstimable::FewControls {
                horizon,
                controls,
                at_least,
            });
        }
        Ok(())
    }
}

fn count_sides(follow_up: &FollowUp, horizon: f64, convention: AucConvention) -> Sides {
    let mut sides = Sides {
        cases: 0,
        controls: 0,
    };
    for (&time, &event) in follow_up.time().iter().zip(follow_up.event()) {
        sides.cases += usize::from(event && convention.is_case(time, horizon));
        sides.controls += usize::from(time > horizon);
    }
    sides
}

/// 1/G of every case, 0 for everyone else.
pub(crate) fn case_weights(
    follow_up: &FollowUp,
    censoring: &StepFunction,
    horizon: f64,
    convention: AucConvention,
) -> Result<Vec<f64>, NotEstimable> {
    let rows = follow_up.time().iter().zip(follow_up.event());
    rows.map(|(&time, &event)| {
        if !event || !convention.is_case(time, horizon) {
            return Ok(0.0);
        }
        let g = convention.uncensored(censoring, time);
        if g > 0.0 {
            Ok(1.0 / g)
        } else {
            Err(NotEstimable::NoCensoringWeight { time })
        }
    })
    .collect()
}

/// Rows in groups of equal risk, lowest first.
#[derive(Debug)]
pub(crate) struct RiskOrder {
    rows: Vec<u32>,
    group_end: Vec<u32>,
}

impl RiskOrder {
    fn new(risk: &[f64]) -> RiskOrder {
        let rows: Vec<usize> = (0..risk.len()).collect();
        RiskOrder::of_rows(&rows, risk)
    }

    /// Of some rows of a set, `risk` one a row.
    pub(crate) fn of_rows(rows: &[usize], risk: &[f64]) -> RiskOrder {
        let (rank, _) = dense_ranks(risk);
        let mut order: Vec<usize> = (0..risk.len()).collect();
        order.sort_by_key(|&at| rank[at]);
        let mut end = 0;
        let group_end = order
            .chunk_by(|&a, &b| rank[a] == rank[b])
            .map(|group| {
                end += group.len() as u32;
                end
            })
            .collect();
        RiskOrder {
            rows: order.iter().map(|&at| rows[at] as u32).collect(),
            group_end,
        }
    }

    /// Σ case · control over pairs with the case above, half of it for ties, over Σ case · Σ control.
    fn area(&self, case: impl Fn(usize) -> f64, control: impl Fn(usize) -> f64) -> Option<f64> {
        let (won, pairs) = self.won(case, control);
        (pairs > 0.0).then(|| won / pairs)
    }

    /// Numerator and denominator of [`RiskOrder::area`].
    pub(crate) fn won(
        &self,
        case: impl Fn(usize) -> f64,
        control: impl Fn(usize) -> f64,
    ) -> (f64, f64) {
        let (mut won, mut cases, mut below) = (0.0, 0.0, 0.0);
        let mut start = 0;
        for &end in &self.group_end {
            let (mut group_cases, mut group_controls) = (0.0, 0.0);
            for &row in &self.rows[start..end as usize] {
                group_cases += case(row as usize);
                group_controls += control(row as usize);
            }
            won += group_cases * (below + 0.5 * group_controls);
            cases += group_cases;
            below += group_controls;
            start = end as usize;
        }
        (won, cases * below)
    }
}

/// AUC(t) of resamples: everything that does not depend on the draw is sorted once.
struct ResampledAuc<'a> {
    weights: CaseWeights<'a>,
    by_risk: RiskOrder,
}

impl<'a> ResampledAuc<'a> {
    fn new(
        risk: &RiskScores,
        follow_up: &'a FollowUp,
        horizon: f64,
        convention: AucConvention,
    ) -> ResampledAuc<'a> {
        ResampledAuc {
            weights: CaseWeights::new(follow_up, horizon, convention),
            by_risk: RiskOrder::new(risk.values()),
        }
    }

    fn value(&self, copies: &[u32]) -> Option<f64> {
        let weight = self.weights.of(copies)?;
        let (time, horizon) = (self.weights.follow_up.time(), self.weights.horizon);
        self.by_risk.area(
            |row| weight[row],
            |row| {
                if time[row] > horizon {
                    f64::from(copies[row])
                } else {
                    0.0
                }
            },
        )
    }
}

/// Weights of the cases of resamples; rows are sorted by time once.
#[derive(Debug)]
pub(crate) struct CaseWeights<'a> {
    follow_up: &'a FollowUp,
    horizon: f64,
    convention: AucConvention,
    /// Rows by ascending time, in groups of one time.
    by_time: Vec<u32>,
}

impl<'a> CaseWeights<'a> {
    pub(crate) fn new(
        follow_up: &'a FollowUp,
        horizon: f64,
        convention: AucConvention,
    ) -> CaseWeights<'a> {
        let time = follow_up.time();
        let mut by_time: Vec<u32> = (0..time.len() as u32).collect();
        by_time.sort_by(|&a, &b| time[a as usize].total_cmp(&time[b as usize]));
        CaseWeights {
            follow_up,
            horizon,
            convention,
            by_time,
        }
    }

    /// copies/G of every case, walking through the times once; `None` where a case has no weight.
    pub(crate) fn of(&self, copies: &[u32]) -> Option<Vec<f64>> {
        let (time, event) = (self.follow_up.time(), self.follow_up.event());
        let mut weight = vec![0.0; time.len()];
        let mut at_risk: u64 = copies.iter().map(|c| u64::from(*c)).sum();
        let mut g = 1.0;
        for group in self
            .by_time
            .chunk_by(|&a, &b| time[a as usize] == time[b as usize])
        {
            let now = time[group[0] as usize];
            if now > self.horizon {
                break;
            }
            let count = |seen: bool| -> u64 {
                let rows = group.iter().filter(|&&row| event[row as usize] == seen);
                rows.map(|&row| u64::from(copies[row as usize])).sum()
            };
            let (events, censored) = (count(true), count(false));
            let before = g;
            let left = at_risk - events;
            if censored > 0 {
                g *= (left - censored) as f64 / left as f64;
            }
            at_risk = left - censored;
            if events == 0 || !self.convention.is_case(now, self.horizon) {
                continue;
            }
            let uncensored = if self.convention == AucConvention::Uno {
                g
            } else {
                before
            };
            if uncensored <= 0.0 {
                return None;
            }
            for &row in group.iter().filter(|&&row| event[row as usize]) {
                weight[row as usize] = f64::from(copies[row as usize]) / uncensored;
            }
        }
        Some(weight)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::bootstrap::resample_copies;

    fn cohort(n: usize) -> (RiskScores, FollowUp) {
        let time: Vec<f64> = (0..n).map(|i| ((i * 37) % 50) as f64).collect();
        let event = (0..n).map(|i| i % 3 != 0).collect();
        let risk = (0..n)
            .map(|i| ((i * 61) % 23) as f64 - time[i] / 4.0)
            .collect();
        (
            RiskScores::higher_is_worse(risk).unwrap(),
            FollowUp::new(time, event).unwrap(),
        )
    }

    #[test]
    fn a_resample_is_the_metric_of_the_drawn_patients() {
        let (risk, f) = cohort(90);
        for convention in [
            AucConvention::Score,
            AucConvention::Uno,
            AucConvention::TimeRoc,
        ] {
            let resampled = ResampledAuc::new(&risk, &f, 20.0, convention);
            for b in 0..20 {
                let copies = resample_copies(90, 4, b);
                let rows: Vec<usize> = (0..90)
                    .flat_map(|i| std::iter::repeat_n(i, copies[i] as usize))
                    .collect();
                let direct = auc(&risk.select(&rows), &f.select(&rows), 20.0, convention).unwrap();
                let seen = resampled.value(&copies).unwrap();
                assert!(
                    (seen - direct.value).abs() < 1e-13,
                    "{seen} {}",
                    direct.value
                );
            }
        }
    }

    #[test]
    fn four_patients_by_hand() {
        // at 2.5: cases 1 and 2 (risks 5, 1), controls 3 and 4 (risks 3, 1); won 2 + 0 + ½ of 4
        let risk = RiskScores::higher_is_worse(vec![5.0, 1.0, 3.0, 1.0]).unwrap();
        let f = FollowUp::new(vec![1.0, 2.0, 3.0, 4.0], vec![true, true, true, false]).unwrap();
        let a = auc(&risk, &f, 2.5, AucConvention::Score).unwrap();
        assert_eq!(
            (a.value, a.n_cases, a.n_controls, a.n_neither),
            (2.5 / 4.0, 2, 2, 0)
        );
    }

    /// The published form divides by all at risk where the derivative divides by those left: a difference of 1/60 of κ at most.
    #[test]
    fn the_influence_of_a_patient_is_the_slope_in_their_weight() {
        let (each, more) = (1_000_000, 1_000);
        let (risk, f) = cohort(60);
        for convention in [
            AucConvention::Score,
            AucConvention::Uno,
            AucConvention::TimeRoc,
        ] {
            let seen = crate::auc_influence(&risk, &f, 25.0, convention).unwrap();
            let resampled = ResampledAuc::new(&risk, &f, 25.0, convention);
            let largest = (seen.influence.iter()).fold(0.0, |m: f64, v| m.max(v.abs()));
            for (i, influence) in seen.influence.iter().enumerate() {
                let at = |copies: u32| {
                    let mut all = vec![each; 60];
                    all[i] = copies;
                    let total: f64 = all.iter().map(|c| f64::from(*c)).sum();
                    let share = (f64::from(copies) - f64::from(each)) / total;
                    (resampled.value(&all).unwrap(), share)
                };
                let (up, down) = (at(each + more), at(each - more));
                let slope = (up.0 - down.0) / (up.1 - down.1);
                assert!(
                    (slope - influence).abs() < 1e-3 * largest,
                    "{convention:?} {i}: {slope} {influence}"
                );
            }
        }
    }

    #[test]
    fn the_guard_says_what_is_missing() {
        let (risk, f) = cohort(60);
        let estimate = estimate_auc(&risk, &f, 60.0, AucConvention::Score, None).unwrap();
        let (horizon, last) = (60.0, 49.0);
        assert_eq!(
            estimate.reason(),
            Some(&NotEstimable::NobodyAtRisk { horizon, last })
        );
        let nobody = f.select(&[]);
        assert_eq!(
            horizon_guard(&nobody, horizon, AucConvention::Score),
            Err(NotEstimable::NoPatient.into())
        );
        let few = horizon_guard(&f, 1.0, AucConvention::Score)
            .unwrap_err()
            .to_string();
        assert!(few.contains("cases at 1, must be at least 5"), "{few}");
        let few = horizon_guard(&f, 48.0, AucConvention::Score)
            .unwrap_err()
            .to_string();
        assert!(few.contains("controls at 48, must be at least 5"), "{few}");
    }

    #[test]
    fn the_interval_holds_the_value_and_does_not_depend_on_threads() {
        let (risk, f) = cohort(90);
        let b = Bootstrap::new(400, 0.95, 11).unwrap();
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| estimate_auc(&risk, &f, 20.0, AucConvention::Score, Some(&b)).unwrap())
        };
        let one = run(1);
        let (value, i) = (one.value().unwrap(), one.interval().unwrap());
        assert!(i.lower < value && value < i.upper, "{one:?}");
        assert_eq!(one, run(2));
        assert_eq!(one, run(8));
    }
}
