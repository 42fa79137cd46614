//! Survival support vector machines.

mod kernel;
mod model;
mod neighbours;
mod newton;
mod pairs;
mod params;

use cohort::FollowUp;
use ndarray::ArrayView2;

use crate::keyed::Draws;
use crate::learner::{FitError, Learner, Model, check_training};
use crate::settings::SettingsError;
use kernel::Factor;
use newton::{Problem, Solution};

pub use kernel::Kernel;
pub(crate) use model::FittedSvm;
pub use model::{SvmDecision, SvmModel};
pub use params::{SvmKernel, SvmLoss, SvmParams, SvmScaling, TiedTimes};

/// Most patients with a kernel: their matrix of inner products is held at once.
const KERNEL_PATIENTS: usize = 10_000;

/// Survival support vector machine: ranking, regression of log time, or both.
///
/// # Formula
/// Squared hinge: min over w, b of ½ wᵀw + (α/2) { ρ Σ_pairs max( 0, 1 − (wᵀx_j − wᵀx_i) )² + (1 − ρ) Σ_i e_i² } over
/// the pairs of which the shorter, i, had the event; e_i = log t_i − b − wᵀx_i, counted when i had the event or e_i > 0;
/// b only with ρ < 1. Neighbour hinge: min over w of ½ wᵀw + γ Σ_i max( 0, 1 − (wᵀx_i − wᵀx_{j(i)}) ), j(i) the last
/// event before i. With a kernel, wᵀx becomes Σ_i β_i k(x, x_i).
/// risk = −wᵀx, or −(wᵀx + b) with ρ < 1: exp(−risk) is then the predicted time. No survival function.
///
/// # Ties and edges
/// Squared hinge: tied times are ordered as [`TiedTimes`] says. Neighbour hinge: tied times stay in the order of the
/// rows and the first patient in time counts as an event. A constant column gets weight 0. Without features or comparable
/// pairs everybody has one risk.
///
/// # Algorithm
/// Newton's method with sums over active pairs from binary indexed trees, O(n log n) for each column: no pair is ever
/// formed. The Hessian is factored up to 400 unknowns; beyond that conjugate gradients truncate the step, unless forty such
/// steps do not arrive. More columns than
/// patients, and kernels, go through a pivoted Cholesky factor of the inner products. Neighbour hinge: dual coordinate
/// descent.
///
/// # Randomness
/// [`TiedTimes::Random`] draws from stream 0 of ChaCha8 seeded with the fit's seed; nothing else is random.
///
/// # Errors
/// [`FitError::TimeNotPositive`] for a time of 0 with ρ < 1; [`FitError::NoConvergence`]; more than 10 000 patients with a
/// kernel.
///
/// # Reference
/// Pölsterl, Navab, Katouzian, ECML PKDD 2015, 243–259; Van Belle et al., Artif. Intell. Med. 53 (2011) 107–118; Daemen
/// and De Moor, EMBC 2009, 5913–5917.
///
/// # Agrees with
/// scikit-survival 0.28 `FastSurvivalSVM`, given its order of tied times: coefficients and intercepts to 1e-5 for ρ = 1,
/// ½, 0 and α = 1, 0.01 on five data sets; `FastKernelSurvivalSVM` (rbf): predictions to 1e-6 on pbc and
/// breast_cancer, to 1e-3 on veteran, where their own tolerance ends earlier. R survivalsvm 0.0.6 `vanbelle1` on
/// veteran: predictions to 1e-3, R's own shift of the matrix to a positive definite one and its rounding of the dual to
/// five digits being larger than that of the optimum (`tests/svm_oracle.rs`).
///
/// # Differs from
/// scikit-survival stops at a tolerance of the user; here the optimum is found to rounding. Its order of tied times comes
/// from another generator. survivalsvm adds to the eigenvalues of the dual's matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Svm {
    params: SvmParams,
}

impl Svm {
    /// Takes the parameters after checking their ranges.
    ///
    /// # Errors
    /// [`SettingsError`] names the parameter and its limit.
    pub fn new(params: SvmParams) -> Result<Svm, SettingsError> {
        params.check()?;
        Ok(Svm { params })
    }

    /// The parameters as given.
    pub fn params(&self) -> &SvmParams {
        &self.params
    }

    /// Rows by ascending time, ties resolved.
    fn order(&self, follow_up: &FollowUp, seed: u64) -> Vec<usize> {
        let time = follow_up.time();
        let mut rows: Vec<u32> = (0..time.len() as u32).collect();
        rows.sort_by(|&a, &b| time[a as usize].total_cmp(&time[b as usize]));
        if let SvmLoss::SquaredHinge {
            ties: TiedTimes::Random,
            ..
        } = self.params.loss
        {
            let mut draws = Draws::new(seed, 0);
            for tied in rows.chunk_by_mut(|&a, &b| time[a as usize] == time[b as usize]) {
                draws.choose_front(tied, tied.len());
            }
        }
        rows.into_iter().map(|row| row as usize).collect()
    }

    /// The minimum in a space of `width` features.
    fn minimise(
        &self,
        event: &[bool],
        log_time: &[f64],
        features: &[f64],
        width: usize,
    ) -> Result<Solution, FitError> {
        let most = self.params.max_iterations;
        let found = match self.params.loss {
            SvmLoss::SquaredHinge {
                alpha, rank_ratio, ..
            } => Problem {
                event,
                log_time,
                features,
                width,
                rank_weight: alpha * rank_ratio,
                regression_weight: alpha * (1.0 - rank_ratio),
                factored_up_to: newton::FACTORED_UP_TO,
            }
            .minimise(most),
            SvmLoss::NeighbourHinge { gamma } => {
                let weights = neighbours::minimise(event, features, width, gamma, most);
                weights.map(|weights| Solution {
                    weights,
                    intercept: 0.0,
                })
            }
        };
        found.map_err(|iterations| FitError::NoConvergence { iterations })
    }

    /// Decision and intercept from scaled rows in ascending order of time.
    fn decide(
        &self,
        event: &[bool],
        log_time: &[f64],
        rows: &[f64],
        width: usize,
    ) -> Result<(SvmDecision, f64), FitError> {
        let n = event.len();
        let row = |i: usize| &rows[i * width..(i + 1) * width];
        let Some(kernel) = Kernel::settle(self.params.kernel, rows, width) else {
            if width <= n {
                let Solution { weights, intercept } =
                    self.minimise(event, log_time, rows, width)?;
                let coefficients = weights;
                return Ok((SvmDecision::Linear { coefficients }, intercept));
            }
            // more columns than patients: the weights are a sum of patients
            let factor = Factor::new(n, |i, j| newton::dot(row(i), row(j)));
            let solution = self.minimise(event, log_time, &factor.features, factor.rank)?;
            let mut coefficients = vec![0.0; width];
            for (b, &i) in factor.dual(solution.weights).iter().zip(&factor.pivots) {
                coefficients
                    .iter_mut()
                    .zip(row(i))
                    .for_each(|(w, x)| *w += b * x);
            }
            return Ok((SvmDecision::Linear { coefficients }, solution.intercept));
        };
        if n > KERNEL_PATIENTS {
            let at_most = KERNEL_PATIENTS;
            return Err(FitError::TooManyPatients { n, at_most });
        }
        let factor = Factor::new(n, |i, j| kernel.at(row(i), row(j)));
        let solution = self.minimise(event, log_time, &factor.features, factor.rank)?;
        let decision = SvmDecision::Kernel {
            rows: factor.pivots.iter().map(|&i| row(i).to_vec()).collect(),
            dual: factor.dual(solution.weights),
            kernel,
        };
        Ok((decision, solution.intercept))
    }

    fn log_times(&self, follow_up: &FollowUp, rows: &[usize]) -> Result<Vec<f64>, FitError> {
        let regresses = match self.params.loss {
            SvmLoss::SquaredHinge { rank_ratio, .. } => rank_ratio < 1.0,
            SvmLoss::NeighbourHinge { .. } => false,
        };
        if !regresses {
            return Ok(Vec::new());
        }
        positive_times(follow_up)?;
        let log = |&row: &usize| libm::log(follow_up.time()[row]);
        Ok(rows.iter().map(log).collect())
    }
}

impl Learner for Svm {
    fn fit(
        &self,
        x: ArrayView2<f64>,
        names: &[String],
        follow_up: &FollowUp,
        seed: u64,
    ) -> Result<Box<dyn Model>, FitError> {
        check_training(x, names, follow_up)?;
        crate::gbm::check_size(x)?;
        let order = self.order(follow_up, seed);
        let log_time = self.log_times(follow_up, &order)?;
        let (centre, scale) = location_and_scale(x, self.params.scaling);
        let event: Vec<bool> = order.iter().map(|&row| follow_up.event()[row]).collect();
        let mut rows = Vec::with_capacity(x.len());
        for &row in &order {
            let columns = x.row(row);
            rows.extend((0..x.ncols()).map(|j| (columns[j] - centre[j]) / scale[j]));
        }
        let (decision, intercept) = self.decide(&event, &log_time, &rows, x.ncols())?;
        let model = SvmModel {
            feature_names: names.to_vec(),
            centre,
            scale,
            decision,
            intercept,
        };
        Ok(Box::new(FittedSvm::new(model).map_err(FitError::Unfit)?))
    }
}

/// A logarithm of every time can be had.
pub(crate) fn positive_times(follow_up: &FollowUp) -> Result<(), FitError> {
    match follow_up.time().iter().position(|t| *t <= 0.0) {
        Some(row) => Err(FitError::TimeNotPositive {
            row,
            value: follow_up.time()[row],
        }),
        None => Ok(()),
    }
}

/// Centre and divisor of each column.
fn location_and_scale(x: ArrayView2<f64>, scaling: SvmScaling) -> (Vec<f64>, Vec<f64>) {
    let n = x.nrows() as f64;
    let divisor = match scaling {
        SvmScaling::None => return (vec![0.0; x.ncols()], vec![1.0; x.ncols()]),
        SvmScaling::PopulationSd => n,
        SvmScaling::SampleSd => n - 1.0,
    };
    let column = |j: usize| {
        let column = x.column(j);
        let largest = column.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        let mean = column.iter().map(|v| v / n).sum::<f64>();
        let square = |unit: f64| -> f64 {
            let apart = column.iter().map(|v| (v - mean) / unit);
            apart.map(|d| d * d / divisor).sum()
        };
        let deviation = match square(1.0) {
            plain if plain.is_normal() => plain.sqrt(),
            // squares beyond the range of numbers, or below it
            _ if largest > 0.0 => largest * square(largest).sqrt(),
            _ => 0.0,
        };
        // a deviation that is rounding of the mean belongs to a constant column, and its own value takes all of it away
        let varies = deviation > 1e-14 * largest;
        match (varies, column.first()) {
            (false, Some(value)) => (*value, 1.0),
            _ => (mean, deviation),
        }
    };
    (0..x.ncols()).map(column).unzip()
}
