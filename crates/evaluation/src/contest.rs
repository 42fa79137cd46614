//! Many models judged on the same patients, over and over: their composite AUCs in every resample at once.

use cohort::FollowUp;

use crate::auc::{AucConvention, CaseWeights, RiskOrder, horizon_guard};
use crate::estimate::{MetricError, check_length};

/// Risks that compare with one another, those of one fitted model: a test set is one part, a cross-validation has one a fold.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Rows of the follow-up, each at most once.
    pub rows: Vec<usize>,
    /// Their risks, higher is worse.
    pub risk: Vec<f64>,
}

/// Models with predictions of the same patients.
#[derive(Debug)]
pub struct Contest<'a> {
    follow_up: &'a FollowUp,
    supported: Vec<f64>,
    weights: Vec<CaseWeights<'a>>,
    models: Vec<Vec<Sorted>>,
}

/// A part with its rows by risk.
#[derive(Debug)]
struct Sorted {
    order: RiskOrder,
    /// More than one distinct risk.
    ranks: bool,
}

impl<'a> Contest<'a> {
    /// Sorts every part once. Horizons that the patients do not support are left out, see [`horizon_guard`].
    ///
    /// # Errors
    /// A part whose risks are not one a row, finite and of known rows; a horizon that is no time.
    pub fn new(
        models: &[Vec<Part>],
        follow_up: &'a FollowUp,
        horizons: &[f64],
        convention: AucConvention,
    ) -> Result<Contest<'a>, MetricError> {
        let mut supported = Vec::new();
        for &horizon in horizons {
            match horizon_guard(follow_up, horizon, convention) {
                Ok(()) => supported.push(horizon),
                Err(MetricError::NotEstimable(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let sort = |part: &Part| -> Result<Sorted, MetricError> {
            check_length(part.risk.len(), part.rows.len())?;
            if let Some(&row) = part.rows.iter().find(|row| **row >= follow_up.len()) {
                let patients = follow_up.len();
                return Err(MetricError::Row { row, patients });
            }
            if let Some(row) = part.risk.iter().position(|r| !r.is_finite()) {
                let value = part.risk[row];
                return Err(MetricError::Risk { row, value });
            }
            Ok(Sorted {
                order: RiskOrder::of_rows(&part.rows, &part.risk),
                ranks: part.risk.windows(2).any(|pair| pair[0] != pair[1]),
            })
        };
        let sorted = |parts: &Vec<Part>| parts.iter().map(sort).collect();
        Ok(Contest {
            follow_up,
            weights: supported
                .iter()
                .map(|&horizon| CaseWeights::new(follow_up, horizon, convention))
                .collect(),
            supported,
            models: models.iter().map(sorted).collect::<Result<_, _>>()?,
        })
    }

    /// Horizons that the patients support.
    pub fn supported(&self) -> &[f64] {
        &self.supported
    }

    /// Models.
    pub fn n_models(&self) -> usize {
        self.models.len()
    }

    /// Patients.
    pub fn n_patients(&self) -> usize {
        self.follow_up.len()
    }

    /// Whether a model tells any two patients apart.
    pub fn ranks(&self, model: usize) -> bool {
        self.models
            .get(model)
            .is_some_and(|parts| parts.iter().any(|part| part.ranks))
    }

    /// The composite AUC of every model when patient i counts `copies[i]` times; `None` without a pair to
    /// compare, or where the counts are not one a patient.
    ///
    /// # Formula
    /// AUC(t) = Σ_p Σ_{i,j in p} c_i w_i c_j [ 1(r_i > r_j) + ½·1(r_i = r_j) ] / Σ_p Σ_{i,j in p} c_i w_i c_j over the parts p of a
    /// model; i runs over cases at t, j over controls, w_i = 1/G(T_i−) with G from all patients counted c times. The
    /// composite is the unweighted mean over the supported horizons.
    ///
    /// # Ties and edges
    /// with one part the same as [`crate::auc()`]; with the parts of a cross-validation pairs count alike whatever fold they
    /// are of, where the mean over folds gives folds with few pairs as much weight as others
    pub fn values(&self, copies: &[u32]) -> Vec<Option<f64>> {
        self.at(copies, 0..self.models.len())
    }

    /// [`Contest::values`] of one model.
    pub fn value(&self, model: usize, copies: &[u32]) -> Option<f64> {
        if model >= self.models.len() {
            return None;
        }
        let found = self.at(copies, model..model + 1);
        found.first().copied().flatten()
    }

    fn at(&self, copies: &[u32], models: std::ops::Range<usize>) -> Vec<Option<f64>> {
        let none = vec![None; models.len()];
        if self.supported.is_empty() || copies.len() != self.follow_up.len() {
            return none;
        }
        let mut sums = vec![Some(0.0); models.len()];
        let time = self.follow_up.time();
        for (weights, &horizon) in self.weights.iter().zip(&self.supported) {
            let Some(case) = weights.of(copies) else {
                return none;
            };
            let at_risk = |(time, copies): (&f64, &u32)| match *time > horizon {
                true => f64::from(*copies),
                false => 0.0,
            };
            let control: Vec<f64> = time.iter().zip(copies).map(at_risk).collect();
            for (sum, parts) in sums.iter_mut().zip(&self.models[models.clone()]) {
                let (mut won, mut pairs) = (0.0, 0.0);
                for part in parts {
                    let (w, p) = part.order.won(|row| case[row], |row| control[row]);
                    won += w;
                    pairs += p;
                }
                let auc = (pairs > 0.0).then(|| won / pairs);
                *sum = sum.zip(auc).map(|(sum, auc)| sum + auc);
            }
        }
        let n = self.supported.len() as f64;
        sums.into_iter().map(|sum| sum.map(|s| s / n)).collect()
    }
}
