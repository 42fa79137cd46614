//! Negative binomial regression of one gene, dispersion given.

use crate::error::ExpressionError;
use ndarray::{Array2, ArrayView2, Axis};

/// Most steps of a fit.
const STEPS: usize = 250;
/// A fit ends when a step changes the deviance by less than this share.
const TOLERANCE: f64 = 1e-10;

/// A design with offsets.
#[derive(Debug, Clone)]
pub(super) struct Glm {
    design: Array2<f64>,
    offset: Vec<f64>,
}

/// A fitted gene.
pub(super) struct Fit {
    pub coefficients: Vec<f64>,
    pub deviance: f64,
    mean: Vec<f64>,
}

impl Glm {
    pub fn new(design: ArrayView2<f64>, offset: Vec<f64>) -> Result<Glm, ExpressionError> {
        let glm = Glm {
            design: design.to_owned(),
            offset,
        };
        let ones = vec![1.0; design.nrows()];
        match cholesky(&glm.information(&ones)) {
            Some(_) => Ok(glm),
            None => Err(ExpressionError::Collinear {
                column: design.ncols().saturating_sub(1),
            }),
        }
    }

    /// The same without a column.
    pub fn without(&self, column: usize) -> Result<Glm, ExpressionError> {
        let kept: Vec<usize> = (0..self.design.ncols()).filter(|j| *j != column).collect();
        if kept.is_empty() {
            return Err(ExpressionError::TooFew {
                what: "columns of the design",
                n: 1,
                at_least: 2,
            });
        }
        Ok(Glm {
            design: self.design.select(Axis(1), &kept),
            offset: self.offset.clone(),
        })
    }

    pub fn with_offset(&self, offset: Vec<f64>) -> Glm {
        Glm {
            design: self.design.clone(),
            offset,
        }
    }

    pub fn df_residual(&self) -> usize {
        self.design.nrows() - self.design.ncols()
    }

    /// Fisher scoring with step halving and a growing ridge (Levenberg) when a step does not help.
    pub fn fit(&self, y: &[f64], dispersion: f64) -> Fit {
        let p = self.design.ncols();
        let mut coefficients = self.start(y, dispersion);
        let mut mean = self.mean(&coefficients);
        let mut deviance = deviance(y, &mean, dispersion);
        let mut ridge = 0.0;
        for _ in 0..STEPS {
            let weights: Vec<f64> = mean.iter().map(|m| m / (1.0 + dispersion * m)).collect();
            let mut information = self.information(&weights);
            let largest = (0..p).map(|j| information[[j, j]]).fold(1e-12, f64::max);
            let score: Vec<f64> = (0..p)
                .map(|j| {
                    let of = |i: usize| {
                        (y[i] - mean[i]) / (1.0 + dispersion * mean[i]) * self.design[[i, j]]
                    };
                    (0..y.len()).map(of).sum()
                })
                .collect();
            for j in 0..p {
                information[[j, j]] += ridge * largest;
            }
            let Some(factor) = cholesky(&information) else {
                ridge = if ridge == 0.0 { 1e-10 } else { ridge * 10.0 };
                continue;
            };
            let step = solve(&factor, &score);
            let next: Vec<f64> = coefficients.iter().zip(&step).map(|(b, s)| b + s).collect();
            let next_mean = self.mean(&next);
            let next_deviance = self::deviance(y, &next_mean, dispersion);
            if next_deviance.is_finite() && next_deviance <= deviance {
                let gain = deviance - next_deviance;
                (coefficients, mean, deviance) = (next, next_mean, next_deviance);
                let along: f64 = score.iter().zip(&step).map(|(g, s)| g * s).sum();
                if gain <= TOLERANCE * (deviance + 1e-8)
                    && along.abs() <= TOLERANCE * (deviance + 1e-8)
                {
                    break;
                }
                ridge /= 10.0;
                continue;
            }
            if ridge > 1e8 || next_deviance - deviance <= 1e-13 * (deviance.abs() + 1.0) {
                break;
            }
            ridge = if ridge == 0.0 { 1e-6 } else { ridge * 10.0 };
        }
        Fit {
            coefficients,
            deviance,
            mean,
        }
    }

    /// ℓ(β̂) − ½ log det X′WX.
    pub fn adjusted_profile_likelihood(&self, y: &[f64], dispersion: f64) -> f64 {
        let fit = self.fit(y, dispersion);
        let likelihood: f64 = y
            .iter()
            .zip(&fit.mean)
            .map(|(y, m)| log_likelihood(*y, *m, dispersion))
            .sum();
        let weights: Vec<f64> = fit
            .mean
            .iter()
            .map(|m| (m / (1.0 + dispersion * m)).max(1e-10))
            .collect();
        let half_log_det = cholesky(&self.information(&weights)).map_or(0.0, |factor| {
            (0..factor.nrows()).map(|j| libm::log(factor[[j, j]])).sum()
        });
        likelihood - half_log_det
    }

    /// All samples at one rate: exact for the null, near enough to start from.
    fn start(&self, y: &[f64], dispersion: f64) -> Vec<f64> {
        let rate = one_group(y, &self.offset, dispersion).max(-30.0);
        let ones = vec![1.0; y.len()];
        let right: Vec<f64> = (0..self.design.ncols())
            .map(|j| self.design.column(j).iter().sum::<f64>() * rate)
            .collect();
        match cholesky(&self.information(&ones)) {
            Some(factor) => solve(&factor, &right),
            None => vec![0.0; self.design.ncols()],
        }
    }

    fn mean(&self, coefficients: &[f64]) -> Vec<f64> {
        let rows = self.design.rows();
        rows.into_iter()
            .zip(&self.offset)
            .map(|(row, offset)| {
                let eta: f64 = row.iter().zip(coefficients).map(|(x, b)| x * b).sum();
                libm::exp((eta + offset).clamp(-700.0, 700.0))
            })
            .collect()
    }

    fn information(&self, weights: &[f64]) -> Array2<f64> {
        let p = self.design.ncols();
        let mut information = Array2::zeros((p, p));
        for (row, w) in self.design.rows().into_iter().zip(weights) {
            for j in 0..p {
                let scaled = w * row[j];
                for k in 0..=j {
                    information[[j, k]] += scaled * row[k];
                }
            }
        }
        for j in 0..p {
            for k in 0..j {
                information[[k, j]] = information[[j, k]];
            }
        }
        information
    }
}

/// The log rate of one group; −∞ is told as −1e8 when there is no count.
pub(super) fn one_group(y: &[f64], offset: &[f64], dispersion: f64) -> f64 {
    let total: f64 = y.iter().sum();
    if total <= 0.0 {
        return -1e8;
    }
    let size: f64 = offset.iter().map(|o| libm::exp(*o)).sum();
    let mut beta = libm::log(total / size);
    for _ in 0..50 {
        let (mut score, mut information) = (0.0, 0.0);
        for (y, o) in y.iter().zip(offset) {
            let mean = libm::exp(beta + o);
            let spread = 1.0 + dispersion * mean;
            score += (y - mean) / spread;
            information += mean / spread;
        }
        let step = score / information;
        beta += step;
        if step.abs() < 1e-12 {
            break;
        }
    }
    beta
}

/// 2 Σ [ y log(y/μ) − (y + 1/φ) log((1 + φy)/(1 + φμ)) ], Poisson's where φμ is next to nothing.
fn deviance(y: &[f64], mean: &[f64], dispersion: f64) -> f64 {
    let of = |(y, m): (&f64, &f64)| {
        let own = if *y > 0.0 { y * libm::log(y / m) } else { 0.0 };
        if dispersion * m < 1e-9 {
            own - (y - m)
        } else {
            let ratio = dispersion * (y - m) / (1.0 + dispersion * m);
            own - (y + 1.0 / dispersion) * libm::log1p(ratio)
        }
    };
    2.0 * y.iter().zip(mean).map(of).sum::<f64>()
}

fn log_likelihood(y: f64, mean: f64, dispersion: f64) -> f64 {
    let r = 1.0 / dispersion;
    let own = if y > 0.0 {
        y * (libm::log(mean) + libm::log(dispersion) - libm::log1p(dispersion * mean))
    } else {
        0.0
    };
    libm::lgamma(y + r) - libm::lgamma(r) - libm::lgamma(y + 1.0) + own
        - r * libm::log1p(dispersion * mean)
}

/// Lower factor of a positive definite matrix; `None` if it is not.
fn cholesky(a: &Array2<f64>) -> Option<Array2<f64>> {
    let p = a.nrows();
    let mut l = Array2::<f64>::zeros((p, p));
    for j in 0..p {
        let sum: f64 = (0..j).map(|k| l[[j, k]] * l[[j, k]]).sum();
        let left = a[[j, j]] - sum;
        if left.is_nan() || left <= 1e-13 * a[[j, j]] {
            return None;
        }
        l[[j, j]] = left.sqrt();
        for i in j + 1..p {
            let sum: f64 = (0..j).map(|k| l[[i, k]] * l[[j, k]]).sum();
            l[[i, j]] = (a[[i, j]] - sum) / l[[j, j]];
        }
    }
    Some(l)
}

/// L L′ x = b.
fn solve(l: &Array2<f64>, b: &[f64]) -> Vec<f64> {
    let p = b.len();
    let mut x = b.to_vec();
    for i in 0..p {
        let sum: f64 = (0..i).map(|k| l[[i, k]] * x[k]).sum();
        x[i] = (x[i] - sum) / l[[i, i]];
    }
    for i in (0..p).rev() {
        let sum: f64 = (i + 1..p).map(|k| l[[k, i]] * x[k]).sum();
        x[i] = (x[i] - sum) / l[[i, i]];
    }
    x
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ndarray::array;

    #[test]
    fn two_groups_have_their_own_means() {
        let x = array![[1.0, 0.0], [1.0, 0.0], [1.0, 1.0], [1.0, 1.0]];
        let glm = Glm::new(x.view(), vec![0.0; 4]).unwrap();
        let fit = glm.fit(&[10.0, 14.0, 30.0, 42.0], 0.2);
        assert!((fit.coefficients[0] - libm::log(12.0)).abs() < 1e-6);
        assert!((fit.coefficients[1] - libm::log(3.0)).abs() < 1e-6);
    }

    #[test]
    fn a_group_without_counts_ends() {
        let x = array![[1.0, 0.0], [1.0, 0.0], [1.0, 1.0], [1.0, 1.0]];
        let glm = Glm::new(x.view(), vec![0.0; 4]).unwrap();
        let fit = glm.fit(&[0.0, 0.0, 30.0, 42.0], 0.2);
        assert!(fit.deviance.is_finite() && fit.coefficients.iter().all(|b| b.is_finite()));
        assert!(glm.adjusted_profile_likelihood(&[0.0; 4], 0.2).is_finite());
    }

    #[test]
    fn a_small_dispersion_is_poisson() {
        let (y, m) = ([3.0, 7.0], [4.0, 6.0]);
        let poisson: f64 = 2.0
            * y.iter()
                .zip(&m)
                .map(|(y, m): (&f64, &f64)| y * libm::log(y / m) - (y - m))
                .sum::<f64>();
        assert!((deviance(&y, &m, 1e-12) - poisson).abs() < 1e-9);
        assert!((deviance(&y, &m, 1e-7) - poisson).abs() < 1e-5);
    }
}
