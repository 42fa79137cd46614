//! The partial log-likelihood and its derivatives.

use cohort::FollowUp;
use ndarray::Array2;

use crate::censored::{RiskSets, Ties};

/// Partial log-likelihood of a given linear predictor (one value per patient; lengths must agree, else `None`).
///
/// # Formula
/// Breslow: ℓ = Σ_k [ Σ_{i∈D_k} η_i − d_k log Σ_{R_k} exp η ];
/// Efron: ℓ = Σ_k [ Σ_{i∈D_k} η_i − Σ_{j<d_k} log( Σ_{R_k} exp η − (j/d_k) Σ_{D_k} exp η ) ]
///
/// # Reference        Breslow, Biometrics 30 (1974) 89–99; Efron, JASA 72 (1977) 557–565
/// # Agrees with      R survival 3.5-3 `coxph` with an offset, 1e-12, tests/parity_lasso.rs
/// # Differs from     nothing
pub fn partial_log_likelihood(
    linear_predictor: &[f64],
    follow_up: &FollowUp,
    ties: Ties,
) -> Option<f64> {
    if linear_predictor.len() != follow_up.len() || linear_predictor.iter().any(|v| !v.is_finite())
    {
        return None;
    }
    let x = Array2::zeros((follow_up.len(), 0));
    let sets = RiskSets::new(follow_up);
    let mut total = 0.0;
    for_each_event_time(&x, linear_predictor, &sets, follow_up.event(), ties, |at| {
        total += at.log_likelihood
    });
    Some(total)
}

/// What one event time adds.
pub(super) struct EventTime<'a> {
    /// Which distinct time of the risk sets.
    pub(super) k: usize,
    /// ℓ_k.
    pub(super) log_likelihood: f64,
    /// U_k: covariates of the events minus the risk-weighted means.
    pub(super) score: &'a [f64],
    /// I_k: risk-weighted covariances, full symmetric matrix.
    pub(super) information: &'a Array2<f64>,
}

/// ℓ, U and I at one β.
pub(crate) struct Derivatives {
    pub(crate) log_likelihood: f64,
    pub(crate) score: Vec<f64>,
    pub(crate) information: Array2<f64>,
}

impl Derivatives {
    pub(super) fn zero(p: usize) -> Derivatives {
        Derivatives {
            log_likelihood: 0.0,
            score: vec![0.0; p],
            information: Array2::zeros((p, p)),
        }
    }
}

/// ℓ, U and I of the covariates `x` at the linear predictor `eta`.
pub(super) fn derivatives(
    x: &Array2<f64>,
    eta: &[f64],
    sets: &RiskSets,
    event: &[bool],
    ties: Ties,
) -> Derivatives {
    let p = x.ncols();
    let mut sum = Derivatives {
        log_likelihood: 0.0,
        score: vec![0.0; p],
        information: Array2::zeros((p, p)),
    };
    for_each_event_time(x, eta, sets, event, ties, |at| {
        sum.log_likelihood += at.log_likelihood;
        sum.score
            .iter_mut()
            .zip(at.score)
            .for_each(|(s, v)| *s += v);
        sum.information
            .iter_mut()
            .zip(at.information)
            .for_each(|(s, v)| *s += v);
    });
    sum
}

/// Weighted sums over a set of patients: Σw, Σwx, Σwxxᵀ (lower triangle).
struct Moments {
    w: f64,
    wx: Vec<f64>,
    wxx: Array2<f64>,
}

impl Moments {
    fn new(p: usize) -> Moments {
        Moments {
            w: 0.0,
            wx: vec![0.0; p],
            wxx: Array2::zeros((p, p)),
        }
    }

    fn clear(&mut self) {
        self.w = 0.0;
        self.wx.fill(0.0);
        self.wxx.fill(0.0);
    }

    fn add(&mut self, w: f64, x: &[f64]) {
        self.w += w;
        for a in 0..x.len() {
            let wa = w * x[a];
            self.wx[a] += wa;
            for b in 0..=a {
                self.wxx[[a, b]] += wa * x[b];
            }
        }
    }
}

/// Calls `visit` at every event time, from the last to the first.
pub(super) fn for_each_event_time(
    x: &Array2<f64>,
    eta: &[f64],
    sets: &RiskSets,
    event: &[bool],
    ties: Ties,
    mut visit: impl FnMut(&EventTime),
) {
    let p = x.ncols();
    let highest = eta.iter().copied().fold(f64::MIN, f64::max);
    let (mut risk, mut tied) = (Moments::new(p), Moments::new(p));
    let (mut score, mut information) = (vec![0.0; p], Array2::zeros((p, p)));
    let mut row = vec![0.0; p];
    for k in (0..sets.len()).rev() {
        tied.clear();
        score.fill(0.0);
        let (mut d, mut log_likelihood) = (0, 0.0);
        for &i in sets.at(k) {
            row.iter_mut().zip(x.row(i)).for_each(|(r, v)| *r = *v);
            let w = libm::exp(eta[i] - highest);
            risk.add(w, &row);
            if event[i] {
                tied.add(w, &row);
                d += 1;
                log_likelihood += eta[i] - highest;
                score.iter_mut().zip(&row).for_each(|(s, v)| *s += v);
            }
        }
        if d > 0 {
            information.fill(0.0);
            log_likelihood += subtract_risk(&risk, &tied, d, ties, &mut score, &mut information);
            visit(&EventTime {
                k,
                log_likelihood,
                score: &score,
                information: &information,
            });
        }
    }
}

/// Takes the risk-weighted means from the score, adds the covariances, and gives −Σ log of the denominators.
fn subtract_risk(
    risk: &Moments,
    tied: &Moments,
    d: usize,
    ties: Ties,
    score: &mut [f64],
    information: &mut Array2<f64>,
) -> f64 {
    let p = score.len();
    let (n_steps, weight) = match ties {
        Ties::Breslow => (1, d as f64),
        Ties::Efron => (d, 1.0),
    };
    let mut log_likelihood = 0.0;
    let mut mean = vec![0.0; p];
    for step in 0..n_steps {
        let gone = step as f64 / d as f64;
        let denominator = risk.w - gone * tied.w;
        log_likelihood -= weight * libm::log(denominator);
        for a in 0..p {
            mean[a] = (risk.wx[a] - gone * tied.wx[a]) / denominator;
            score[a] -= weight * mean[a];
            for b in 0..=a {
                let second = (risk.wxx[[a, b]] - gone * tied.wxx[[a, b]]) / denominator;
                information[[a, b]] += weight * (second - mean[a] * mean[b]);
            }
        }
    }
    for a in 0..p {
        for b in 0..a {
            information[[b, a]] = information[[a, b]];
        }
    }
    log_likelihood
}
