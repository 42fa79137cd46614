//! Kernels, and the features that stand for them.
//!
//! A pivoted Cholesky factor K ≈ L Lᵀ turns a kernel machine into a linear one: row i of L is patient i, and
//! wᵀ L_i = Σ_{j∈P} β_j k(x_i, x_j) with β = L_P^{−T} w over the pivots P. The factor ends when what is left of the largest
//! diagonal is rounding, so patients who repeat others are not needed.

use rayon::prelude::*;

use super::newton::dot;
use super::params::SvmKernel;

/// What is left of a diagonal entry, beside the largest, when it counts as nothing.
const RANK_REL: f64 = 1e-13;

/// A kernel with its numbers settled.
#[derive(Debug, Clone, PartialEq)]
pub enum Kernel {
    /// exp( −γ ‖x − y‖² ).
    Rbf {
        /// γ.
        gamma: f64,
    },
    /// ( γ xᵀy + c )^d.
    Polynomial {
        /// d.
        degree: u32,
        /// γ.
        gamma: f64,
        /// c.
        coef0: f64,
    },
    /// Mean over the columns of 1 − |x_j − y_j| / range_j.
    Clinical {
        /// Range of each column in training; 0 for a constant one, which says nothing.
        ranges: Vec<f64>,
    },
}

impl Kernel {
    /// The kernel for rows of this training matrix; `None` for the linear one.
    pub(super) fn settle(kernel: SvmKernel, rows: &[f64], width: usize) -> Option<Kernel> {
        let or_per_feature = |gamma: Option<f64>| gamma.unwrap_or(1.0 / width.max(1) as f64);
        match kernel {
            SvmKernel::Linear => None,
            SvmKernel::Rbf { gamma } => Some(Kernel::Rbf {
                gamma: or_per_feature(gamma),
            }),
            SvmKernel::Polynomial {
                degree,
                gamma,
                coef0,
            } => Some(Kernel::Polynomial {
                degree,
                gamma: or_per_feature(gamma),
                coef0,
            }),
            SvmKernel::Clinical => {
                let range = |j: usize| {
                    let column = rows.iter().skip(j).step_by(width);
                    let (low, high) = column
                        .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| {
                            (l.min(*v), h.max(*v))
                        });
                    high - low
                };
                let ranges = (0..width).map(range).collect();
                Some(Kernel::Clinical { ranges })
            }
        }
    }

    /// k(x, y).
    pub(super) fn at(&self, x: &[f64], y: &[f64]) -> f64 {
        match self {
            Kernel::Rbf { gamma } => {
                let square = x
                    .iter()
                    .zip(y)
                    .fold(0.0, |sum, (a, b)| sum + (a - b) * (a - b));
                libm::exp(-gamma * square)
            }
            Kernel::Polynomial {
                degree,
                gamma,
                coef0,
            } => libm::pow(gamma * dot(x, y) + coef0, f64::from(*degree)),
            Kernel::Clinical { ranges } => {
                let varying = ranges.iter().filter(|range| **range > 0.0).count();
                let mut sum = 0.0;
                for ((a, b), range) in x.iter().zip(y).zip(ranges) {
                    if *range > 0.0 {
                        sum += 1.0 - (a - b).abs() / range;
                    }
                }
                sum / varying.max(1) as f64
            }
        }
    }

    /// Numbers that a kernel may have.
    pub(super) fn is_sound(&self, width: usize) -> bool {
        match self {
            Kernel::Rbf { gamma } => gamma.is_finite() && *gamma > 0.0,
            Kernel::Polynomial {
                degree,
                gamma,
                coef0,
            } => {
                let finite = gamma.is_finite() && coef0.is_finite();
                finite && *gamma > 0.0 && *coef0 >= 0.0 && (1..=10).contains(degree)
            }
            Kernel::Clinical { ranges } => {
                ranges.len() == width && ranges.iter().all(|r| r.is_finite() && *r >= 0.0)
            }
        }
    }
}

/// Features that stand for a kernel on the training rows.
pub(super) struct Factor {
    /// L, \[n, rank\], row-major.
    pub(super) features: Vec<f64>,
    pub(super) rank: usize,
    /// Rows of the pivots, in their order.
    pub(super) pivots: Vec<usize>,
}

impl Factor {
    /// Factors the n × n matrix k(i, j).
    pub(super) fn new(n: usize, k: impl Fn(usize, usize) -> f64 + Sync) -> Factor {
        let mut left: Vec<f64> = (0..n).map(|i| k(i, i)).collect();
        let enough = RANK_REL * left.iter().copied().fold(0.0, f64::max);
        let mut columns: Vec<Vec<f64>> = Vec::new();
        let mut pivots = Vec::new();
        while let Some(pivot) = largest(&left).filter(|&i| left[i] > enough) {
            let root = left[pivot].sqrt();
            let of_pivot: Vec<f64> = columns.iter().map(|c| c[pivot]).collect();
            let column: Vec<f64> = (0..n)
                .into_par_iter()
                .with_min_len(32)
                .map(|i| {
                    let mut rest = k(i, pivot);
                    for (column, at_pivot) in columns.iter().zip(&of_pivot) {
                        rest -= column[i] * at_pivot;
                    }
                    rest / root
                })
                .collect();
            for (left, l) in left.iter_mut().zip(&column) {
                *left -= l * l;
            }
            pivots.push(pivot);
            left[pivot] = 0.0;
            columns.push(column);
        }
        // of an earlier pivot nothing is left, so its entry in a later column is rounding
        for (later, column) in columns.iter_mut().enumerate() {
            pivots[..later].iter().for_each(|&p| column[p] = 0.0);
        }
        let rank = columns.len();
        let mut features = vec![0.0; n * rank];
        for (k, column) in columns.iter().enumerate() {
            for (i, l) in column.iter().enumerate() {
                features[i * rank + k] = *l;
            }
        }
        Factor {
            features,
            rank,
            pivots,
        }
    }

    /// β over the pivots with wᵀ L_i = Σ_j β_j k(i, p_j).
    pub(super) fn dual(&self, mut w: Vec<f64>) -> Vec<f64> {
        // L_P is lower triangular: solve L_Pᵀ β = w from the end
        for k in (0..self.rank).rev() {
            let row = &self.features[self.pivots[k] * self.rank..][..self.rank];
            w[k] /= row[k];
            let value = w[k];
            let (before, _) = w.split_at_mut(k);
            before
                .iter_mut()
                .zip(row)
                .for_each(|(w, l)| *w -= l * value);
        }
        w
    }
}

fn largest(values: &[f64]) -> Option<usize> {
    let mut best = None;
    for (i, value) in values.iter().enumerate() {
        if best.is_none_or(|b: usize| *value > values[b]) {
            best = Some(i);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn features_and_dual_give_the_kernel_back() {
        let rows = [0.0, 0.0, 1.0, 0.5, -1.0, 2.0, 1.0, 0.5, 3.0, 3.0];
        let row = |i: usize| &rows[2 * i..2 * i + 2];
        for kernel in [
            Kernel::Rbf { gamma: 0.5 },
            Kernel::Polynomial {
                degree: 2,
                gamma: 0.5,
                coef0: 1.0,
            },
            Kernel::settle(SvmKernel::Clinical, &rows, 2).unwrap(),
        ] {
            let factor = Factor::new(5, |i, j| kernel.at(row(i), row(j)));
            // rows 1 and 3 are the same
            assert!(factor.rank <= 4, "{kernel:?}");
            let w: Vec<f64> = (0..factor.rank).map(|k| k as f64 - 1.3).collect();
            let beta = factor.dual(w.clone());
            for i in 0..5 {
                let features = &factor.features[i * factor.rank..(i + 1) * factor.rank];
                let by_kernel: f64 = beta
                    .iter()
                    .zip(&factor.pivots)
                    .map(|(b, &p)| b * kernel.at(row(i), row(p)))
                    .sum();
                assert!((dot(&w, features) - by_kernel).abs() < 1e-9, "{kernel:?}");
            }
        }
    }

    #[test]
    fn the_clinical_kernel_by_hand() {
        // ranges 4 and 3: (1 − 1/4 + 1 − 0.5/3) / 2
        let rows = [0.0, 0.0, 1.0, 0.5, -1.0, 2.0, 3.0, 3.0];
        let kernel = Kernel::settle(SvmKernel::Clinical, &rows, 2).unwrap();
        let seen = kernel.at(&[0.0, 0.0], &[1.0, 0.5]);
        assert!((seen - (0.75 + 2.5 / 3.0) / 2.0).abs() < 1e-15);
    }
}
