//! Random survival forest.

mod forest;
mod importance;
mod params;

use cohort::FollowUp;
use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::keyed::Draws;
use crate::learner::{FitError, Learner, Model, check_training};
use crate::tree::{Columns, GrownTree, GrowthLimits, grow};

pub(crate) use forest::Forest;
pub use forest::{ForestTree, RsfModel};
pub use params::{Mtry, ParamsError, Resampling, RiskTimes, RsfParams};

/// Random survival forest with log-rank splits.
///
/// # Formula
/// Each tree is grown on a resample of the patients. A node tries `mtry` features drawn without replacement and
/// takes the cut with the largest log-rank statistic U²/V whose children both hold at least `min_node_size`
/// patients (copies counted); `x <= cut` goes left, the cut is halfway between two values seen in the node.
/// A leaf holds the Nelson–Aalen cumulative hazard H(t) = Σ_{t_k <= t} d_k / Y_k of its patients.
/// risk_i = (1/B) Σ_b Σ_t H_b(t | x_i), the inner sum over all distinct training times, or over those with an event
/// ([`RiskTimes`]). Survival S(t | x_i) = exp( −(1/B) Σ_b H_b(t | x_i) ).
///
/// # Ties and edges
/// Cuts whose statistics agree to 1e-9 are told apart by order: features as drawn, values ascending.
/// A node of which no candidate feature varies becomes a leaf. Without features every tree is one leaf.
///
/// Out-of-bag error: 1 − Harrell's C of the risk of each patient by the trees that left the patient out.
/// Importance ([`RsfParams::importance`]): (1/B) Σ_b ( C_b − C_b with the feature shuffled among the patients that tree b
/// left out ), C_b the tree's C-index on them.
///
/// # Randomness
/// Tree b draws from stream b of ChaCha8 seeded with the fit's seed, its shuffles from stream 2⁶³ + b: the same bits on
/// any number of threads.
///
/// # Reference
/// Ishwaran, Kogalur, Blackstone, Lauer, Ann. Appl. Stat. 2 (2008) 841–860.
///
/// # Agrees with
/// ranger 0.14.1 (`splitrule = "logrank"`): one tree without resampling has the same splits and, to 1e-9, the same
/// cumulative hazards and risks on five data sets; cross-validated and out-of-bag C-index, means over five seeds, are
/// within 0.01 of ranger's (`tests/rsf_oracle.rs`). scikit-survival 0.28 `SurvivalTree`: the same risks, to 1e-9, with
/// [`RiskTimes::Events`].
///
/// # Differs from
/// ranger draws its numbers from another generator, so single forests differ by their seed.
/// scikit-survival counts distinct patients, not copies, against its `min_samples_leaf`.
#[derive(Debug, Clone, PartialEq)]
pub struct Rsf {
    params: RsfParams,
}

impl Rsf {
    /// Takes the parameters after checking their ranges.
    ///
    /// # Errors
    /// [`ParamsError`] names the parameter and its limit.
    pub fn new(params: RsfParams) -> Result<Rsf, ParamsError> {
        params.check()?;
        Ok(Rsf { params })
    }

    /// The parameters as given.
    pub fn params(&self) -> &RsfParams {
        &self.params
    }

    fn limits(&self, features: usize) -> Result<GrowthLimits, FitError> {
        let mtry = match self.params.mtry {
            Mtry::SqrtUp => (features as f64).sqrt().ceil() as usize,
            Mtry::SqrtDown => (features as f64).sqrt().floor() as usize,
            Mtry::All => features,
            Mtry::Count(mtry) if features > 0 && mtry > features => {
                return Err(FitError::Mtry { mtry, features });
            }
            Mtry::Count(mtry) => mtry.min(features),
        };
        Ok(GrowthLimits {
            mtry,
            min_node_size: self.params.min_node_size as u64,
            max_depth: self.params.max_depth,
        })
    }
}

impl Learner for Rsf {
    fn fit(
        &self,
        x: ArrayView2<f64>,
        names: &[String],
        follow_up: &FollowUp,
        seed: u64,
    ) -> Result<Box<dyn Model>, FitError> {
        check_training(x, names, follow_up)?;
        let at_most = (u32::MAX / 2) as usize;
        if x.nrows() > at_most {
            let n = x.nrows();
            return Err(FitError::TooManyPatients { n, at_most });
        }
        let limits = self.limits(x.ncols())?;
        let columns = Columns::new(x, follow_up);
        let grown: Vec<GrownTree> = (0..self.params.n_trees as u64)
            .into_par_iter()
            .map(|tree| {
                let mut draws = Draws::new(seed, tree);
                let copies = bag(self.params.resampling, columns.n_rows(), &mut draws);
                grow(&columns, copies, limits, &mut draws)
            })
            .collect();
        let (forest, bags) = Forest::from_grown(x, names, columns, grown, self.params.risk_times);
        let asked = self.params.importance;
        let importance = asked.then(|| importance::permutation(&forest, x, follow_up, &bags, seed));
        Ok(Box::new(forest.judge(follow_up, importance)))
    }
}

/// Copies of each row in one tree's bag.
fn bag(resampling: Resampling, n: usize, draws: &mut Draws) -> Vec<u32> {
    match resampling {
        Resampling::Bootstrap => drawn(n, n, draws),
        Resampling::BootstrapFraction { fraction } => drawn(n, share(n, fraction), draws),
        Resampling::Subsample { fraction } => {
            let size = share(n, fraction);
            let mut rows: Vec<u32> = (0..n as u32).collect();
            draws.choose_front(&mut rows, size);
            let mut copies = vec![0; n];
            for &row in &rows[..size] {
                copies[row as usize] = 1;
            }
            copies
        }
        Resampling::None => vec![1; n],
    }
}

/// Copies of each of `n` rows after drawing `size` times with replacement.
fn drawn(n: usize, size: usize, draws: &mut Draws) -> Vec<u32> {
    let mut copies = vec![0; n];
    for _ in 0..size {
        copies[draws.below(n as u32) as usize] += 1;
    }
    copies
}

/// At least one row of `n`.
fn share(n: usize, fraction: f64) -> usize {
    ((n as f64 * fraction).round() as usize).clamp(1, n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bag_holds_as_many_copies_as_were_drawn() {
        let count = |resampling| -> (u32, usize) {
            let copies = bag(resampling, 50, &mut Draws::new(3, 0));
            let rows = copies.iter().filter(|c| **c > 0).count();
            (copies.iter().sum(), rows)
        };
        let (copies, rows) = count(Resampling::BootstrapFraction { fraction: 0.6 });
        assert!(copies == 30 && rows < 30, "{copies} copies of {rows} rows");
        let whole = Resampling::BootstrapFraction { fraction: 1.0 };
        assert_eq!(count(whole), count(Resampling::Bootstrap));
        assert_eq!(count(Resampling::Subsample { fraction: 0.6 }), (30, 30));
    }
}
