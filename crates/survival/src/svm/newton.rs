//! Newton's method on ½ wᵀw + α ( ρ ½ Σ hinge² + (1 − ρ) ½ Σ error² ).
//!
//! The objective is strictly convex with a continuous gradient and piecewise quadratic, so a full step that changes
//! no active term ends at the minimum.

use rayon::prelude::*;

use super::pairs::ActivePairs;

/// Up to this many unknowns the Hessian is factored; beyond, conjugate gradients multiply by it.
pub(super) const FACTORED_UP_TO: usize = 400;

/// So many truncated steps are tried before the Hessian is factored whatever its size: an ill-conditioned kernel, as a
/// polynomial of high degree, needs it.
const TRUNCATED_STEPS: usize = 40;

/// Converged when the gradient is this small beside that at the start.
const GRADIENT_REL: f64 = 1e-11;

/// What rounding may leave of two equal objectives, beside them.
const OBJECTIVE_REL: f64 = 1e-13;

/// A gradient this small beside the sum of its terms' sizes is what rounding leaves of 0.
const ROUNDING_REL: f64 = 1e-14;

/// Accepted when nothing improves the objective any more and the gradient is this small beside that at the start.
const GRADIENT_REL_AT_REST: f64 = 1e-6;

/// What is minimised; patients in ascending order of time, ties resolved.
pub(super) struct Problem<'a> {
    pub(super) event: &'a [bool],
    /// Logarithm of each time; read only by the regression part.
    pub(super) log_time: &'a [f64],
    /// \[n, width\].
    pub(super) features: &'a [f64],
    pub(super) width: usize,
    /// α ρ.
    pub(super) rank_weight: f64,
    /// α (1 − ρ).
    pub(super) regression_weight: f64,
    /// [`FACTORED_UP_TO`], but for tests.
    pub(super) factored_up_to: usize,
}

/// The minimum.
pub(super) struct Solution {
    pub(super) weights: Vec<f64>,
    /// 0 where nothing is regressed.
    pub(super) intercept: f64,
}

/// The state at one point.
struct Point<'a> {
    /// Weights, then the intercept.
    unknowns: Vec<f64>,
    objective: f64,
    gradient: Vec<f64>,
    /// What each patient's score adds to the gradient.
    slope: Vec<f64>,
    pairs: Option<ActivePairs<'a>>,
    /// Which errors of log time count.
    counted: Vec<bool>,
}

impl<'a> Problem<'a> {
    /// The minimum, or the iterations after which it was not found.
    pub(super) fn minimise(&self, max_iterations: usize) -> Result<Solution, usize> {
        let mut start = vec![0.0; self.width + 1];
        if self.regression_weight > 0.0 {
            start[self.width] = self.log_time.iter().sum::<f64>() / self.log_time.len() as f64;
        }
        let mut here = self.at(start);
        let first = largest(&here.gradient);
        let enough = f64::max(GRADIENT_REL * first, ROUNDING_REL * self.sizes(&here.slope));
        let mut factored = self.width <= self.factored_up_to;
        for iteration in 0..max_iterations {
            if largest(&here.gradient) <= enough {
                return Ok(self.solution(here));
            }
            factored |= iteration >= TRUNCATED_STEPS;
            let step = self.newton_step(&here, first, factored);
            let Some((next, full)) = self.line_search(&here, &step) else {
                if largest(&here.gradient) <= GRADIENT_REL_AT_REST * first {
                    return Ok(self.solution(here));
                }
                if factored {
                    return Err(max_iterations);
                }
                factored = true;
                continue;
            };
            let done = full && factored && same_terms(&here, &next);
            here = next;
            if done {
                return Ok(self.solution(here));
            }
        }
        Err(max_iterations)
    }

    fn solution(&self, point: Point) -> Solution {
        let mut weights = point.unknowns;
        let intercept = weights.pop().unwrap_or_default();
        Solution { weights, intercept }
    }

    fn n(&self) -> usize {
        self.event.len()
    }

    fn row(&self, i: usize) -> &[f64] {
        &self.features[i * self.width..(i + 1) * self.width]
    }

    fn scores(&self, weights: &[f64]) -> Vec<f64> {
        (0..self.n()).map(|i| dot(self.row(i), weights)).collect()
    }

    /// Objective, gradient and active terms.
    fn at(&self, unknowns: Vec<f64>) -> Point<'a> {
        let (weights, intercept) = (&unknowns[..self.width], unknowns[self.width]);
        let score = self.scores(weights);
        let mut objective = 0.5 * dot(weights, weights);
        let mut slope = vec![0.0; self.n()];
        let mut pairs = None;
        if self.rank_weight > 0.0 {
            let active = ActivePairs::new(self.event, &score);
            let (value, gradient) = active.loss(&score);
            objective += self.rank_weight * value;
            slope = gradient.iter().map(|g| self.rank_weight * g).collect();
            pairs = Some(active);
        }
        let mut counted = vec![false; self.n()];
        let mut intercept_slope = 0.0;
        if self.regression_weight > 0.0 {
            for i in 0..self.n() {
                let error = self.log_time[i] - intercept - score[i];
                counted[i] = self.event[i] || error > 0.0;
                if counted[i] {
                    objective += 0.5 * self.regression_weight * error * error;
                    slope[i] -= self.regression_weight * error;
                    intercept_slope -= self.regression_weight * error;
                }
            }
        }
        let mut gradient = self.transposed(&slope);
        gradient.iter_mut().zip(weights).for_each(|(g, w)| *g += w);
        gradient.push(intercept_slope);
        Point {
            unknowns,
            objective,
            gradient,
            slope,
            pairs,
            counted,
        }
    }

    /// Zᵀ v.
    fn transposed(&self, v: &[f64]) -> Vec<f64> {
        let mut sum = vec![0.0; self.width];
        for (i, v) in v.iter().enumerate() {
            sum.iter_mut()
                .zip(self.row(i))
                .for_each(|(s, z)| *s += v * z);
        }
        sum
    }

    /// The largest Σ |z_i slope_i| over the features and the intercept.
    fn sizes(&self, slope: &[f64]) -> f64 {
        let mut sums = vec![0.0; self.width + 1];
        for (i, slope) in slope.iter().enumerate() {
            let row = self.row(i).iter().chain(std::iter::once(&1.0));
            sums.iter_mut()
                .zip(row)
                .for_each(|(sum, z)| *sum += (z * slope).abs());
        }
        largest(&sums)
    }

    fn newton_step(&self, here: &Point, first: f64, factored: bool) -> Vec<f64> {
        let downhill: Vec<f64> = here.gradient.iter().map(|g| -g).collect();
        if factored {
            solve_positive(self.hessian(here), downhill)
        } else {
            let forcing = (largest(&here.gradient) / first).clamp(1e-8, 0.1);
            conjugate_gradients(|v| self.hessian_times(here, v), &downhill, forcing)
        }
    }

    /// Lower triangle of the Hessian, \[width + 1, width + 1\]: that of the weights is N + Nᵀ + 1, N = Zᵀ C, where C holds
    /// half of what each patient adds.
    fn hessian(&self, here: &Point) -> Vec<Vec<f64>> {
        let width = self.width;
        let mut half = match &here.pairs {
            Some(pairs) => pairs.half_laplacian(self.features, width),
            None => vec![0.0; self.n() * width],
        };
        half.iter_mut().for_each(|v| *v *= self.rank_weight);
        let counted = 0.5 * self.regression_weight;
        for i in (0..self.n()).filter(|&i| here.counted[i]) {
            let row = &mut half[i * width..(i + 1) * width];
            row.iter_mut()
                .zip(self.row(i))
                .for_each(|(c, z)| *c += counted * z);
        }
        let product: Vec<Vec<f64>> = (0..width)
            .into_par_iter()
            .with_min_len(16)
            .map(|a| self.weighted_rows(a, &half))
            .collect();
        let mut rows: Vec<Vec<f64>> = (0..width)
            .map(|a| (0..=a).map(|b| product[a][b] + product[b][a]).collect())
            .collect();
        for (a, row) in rows.iter_mut().enumerate() {
            row[a] += 1.0;
        }
        let mut last = vec![0.0; width + 1];
        for i in (0..self.n()).filter(|&i| here.counted[i]) {
            last.iter_mut()
                .zip(self.row(i))
                .for_each(|(h, z)| *h += self.regression_weight * z);
            last[width] += self.regression_weight;
        }
        if self.regression_weight == 0.0 {
            last[width] = 1.0;
        }
        rows.push(last);
        rows
    }

    /// Σ_i z_ia c_i, row `a` of Zᵀ C.
    fn weighted_rows(&self, a: usize, rows: &[f64]) -> Vec<f64> {
        let mut sum = vec![0.0; self.width];
        for (i, row) in rows.chunks_exact(self.width).enumerate() {
            let z = self.features[i * self.width + a];
            sum.iter_mut().zip(row).for_each(|(h, c)| *h += z * c);
        }
        sum
    }

    fn hessian_times(&self, here: &Point, v: &[f64]) -> Vec<f64> {
        let (weights, intercept) = (&v[..self.width], v[self.width]);
        let score = self.scores(weights);
        let mut curved = match &here.pairs {
            Some(pairs) => pairs.laplacian(&score),
            None => vec![0.0; self.n()],
        };
        curved.iter_mut().for_each(|c| *c *= self.rank_weight);
        let mut last = if self.regression_weight == 0.0 {
            intercept
        } else {
            0.0
        };
        for i in (0..self.n()).filter(|&i| here.counted[i]) {
            let change = self.regression_weight * (score[i] + intercept);
            curved[i] += change;
            last += change;
        }
        let mut product = self.transposed(&curved);
        product.iter_mut().zip(weights).for_each(|(p, w)| *p += w);
        product.push(last);
        product
    }

    /// The first of the steps 1, ½, ¼ … that lowers the objective enough, and whether it is the full one.
    ///
    /// Close to the minimum the objective moves less than its own rounding; there a step is taken that halves the gradient.
    fn line_search(&self, here: &Point, step: &[f64]) -> Option<(Point<'a>, bool)> {
        let slope = dot(&here.gradient, step);
        let rounding = OBJECTIVE_REL * here.objective;
        let mut share = 1.0;
        for halved in 0..40 {
            let moved = here.unknowns.iter().zip(step);
            let next = self.at(moved.map(|(u, s)| u + share * s).collect());
            let change = next.objective - here.objective;
            let lower = change <= 1e-4 * share * slope && change < 0.0;
            let level = change.abs() <= rounding;
            if lower || (level && largest(&next.gradient) < 0.5 * largest(&here.gradient)) {
                return Some((next, halved == 0));
            }
            if -share * slope <= rounding {
                return None;
            }
            share *= 0.5;
        }
        None
    }
}

/// Whether the same terms are active at two points, by their counts.
fn same_terms(a: &Point, b: &Point) -> bool {
    a.counted == b.counted
        && match (&a.pairs, &b.pairs) {
            (Some(a), Some(b)) => a.as_many_partners(b),
            (None, None) => true,
            _ => false,
        }
}

/// The largest size; what is no number is no small one.
fn largest(v: &[f64]) -> f64 {
    v.iter().fold(0.0, |largest, x| match x.is_nan() {
        true => f64::INFINITY,
        false => f64::max(largest, x.abs()),
    })
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).fold(0.0, |sum, (x, y)| sum + x * y)
}

/// x with H x = b by Cholesky, H in its lower triangle; a pivot lost to rounding counts as 1.
fn solve_positive(mut rows: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    for i in 0..rows.len() {
        let (above, rest) = rows.split_at_mut(i);
        let row = &mut rest[0];
        for j in 0..i {
            row[j] = (row[j] - dot(&row[..j], &above[j][..j])) / above[j][j];
        }
        let left = row[i] - dot(&row[..i], &row[..i]);
        row[i] = if left > 0.0 { left.sqrt() } else { 1.0 };
        b[i] = (b[i] - dot(&row[..i], &b[..i])) / row[i];
    }
    for i in (0..rows.len()).rev() {
        b[i] /= rows[i][i];
        let value = b[i];
        let (before, _) = b.split_at_mut(i);
        before
            .iter_mut()
            .zip(&rows[i])
            .for_each(|(x, l)| *x -= l * value);
    }
    b
}

/// x with H x = b to a relative residual.
fn conjugate_gradients(
    product: impl Fn(&[f64]) -> Vec<f64>,
    b: &[f64],
    residual_rel: f64,
) -> Vec<f64> {
    let mut x = vec![0.0; b.len()];
    let mut residual = b.to_vec();
    let mut direction = b.to_vec();
    let mut square = dot(&residual, &residual);
    let enough = residual_rel * residual_rel * square;
    for _ in 0..2 * b.len() {
        if square <= enough {
            break;
        }
        let curved = product(&direction);
        let length = square / dot(&direction, &curved);
        if !length.is_finite() {
            break;
        }
        x.iter_mut()
            .zip(&direction)
            .for_each(|(x, d)| *x += length * d);
        residual
            .iter_mut()
            .zip(&curved)
            .for_each(|(r, c)| *r -= length * c);
        let next = dot(&residual, &residual);
        let keep = next / square;
        direction
            .iter_mut()
            .zip(&residual)
            .for_each(|(d, r)| *d = r + keep * *d);
        square = next;
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyed::Draws;

    #[test]
    fn both_solvers_agree() {
        let rows = vec![vec![4.0], vec![1.0, 3.0], vec![0.5, -1.0, 2.0]];
        let full = |i: usize, j: usize| if i >= j { rows[i][j] } else { rows[j][i] };
        let times = |v: &[f64]| -> Vec<f64> {
            (0..3)
                .map(|i| (0..3).map(|j| full(i, j) * v[j]).sum())
                .collect()
        };
        let b = [1.0, 2.0, 3.0];
        let direct = solve_positive(rows.clone(), b.to_vec());
        let iterated = conjugate_gradients(times, &b, 1e-14);
        for (i, product) in times(&direct).iter().enumerate() {
            assert!((product - b[i]).abs() < 1e-13);
            assert!((direct[i] - iterated[i]).abs() < 1e-12);
        }
    }

    #[test]
    fn one_pair_by_hand() {
        // min ½ w² + ½ max(0, 1 − w)²: w = ½
        let problem = Problem {
            event: &[true, false],
            log_time: &[],
            features: &[0.0, 1.0],
            width: 1,
            rank_weight: 1.0,
            regression_weight: 0.0,
            factored_up_to: FACTORED_UP_TO,
        };
        let solution = problem.minimise(50).ok();
        assert!(solution.is_some_and(|s| (s.weights[0] - 0.5).abs() < 1e-12));
    }

    #[test]
    fn the_minimum_is_found_to_rounding_in_few_steps() {
        // close to it the objective is level; a search that trusted it alone would halve its steps for ever
        let mut draws = Draws::new(5, 0);
        for _ in 0..40 {
            let (n, width) = (100, 6);
            let features: Vec<f64> = (0..n * width)
                .map(|_| f64::from(draws.below(4000)) / 1000.0 - 2.0)
                .collect();
            let event: Vec<bool> = (0..n).map(|_| draws.below(2) > 0).collect();
            let problem = Problem {
                event: &event,
                log_time: &[],
                features: &features,
                width,
                rank_weight: 1.0,
                regression_weight: 0.0,
                factored_up_to: FACTORED_UP_TO,
            };
            let mut weights = problem.minimise(15).map(|s| s.weights).unwrap_or_default();
            assert_eq!(weights.len(), width);
            weights.push(0.0);
            let first = largest(&problem.at(vec![0.0; width + 1]).gradient);
            let left = largest(&problem.at(weights).gradient);
            assert!(left <= 1e-11 * first, "{left:.1e} of {first:.1e}");
        }
    }

    #[test]
    fn truncated_steps_end_where_factored_ones_do() {
        let mut draws = Draws::new(2, 0);
        let (n, width) = (60, 8);
        let features: Vec<f64> = (0..n * width)
            .map(|_| f64::from(draws.below(2000)) / 500.0 - 2.0)
            .collect();
        let event: Vec<bool> = (0..n).map(|_| draws.below(3) > 0).collect();
        let log_time: Vec<f64> = (0..n).map(|i| libm::log(1.0 + i as f64)).collect();
        for regression_weight in [0.0, 0.7] {
            let solve = |factored_up_to| {
                Problem {
                    event: &event,
                    log_time: &log_time,
                    features: &features,
                    width,
                    rank_weight: 0.3,
                    regression_weight,
                    factored_up_to,
                }
                .minimise(100)
                .unwrap_or_else(|iterations| panic!("{iterations} iterations"))
            };
            let (direct, truncated) = (solve(FACTORED_UP_TO), solve(0));
            for (a, b) in direct.weights.iter().zip(&truncated.weights) {
                assert!((a - b).abs() < 1e-8, "{a} against {b}");
            }
            assert!((direct.intercept - truncated.intercept).abs() < 1e-8);
        }
    }
}
