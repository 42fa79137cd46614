//! The partial likelihood of one table of features, laid out for many evaluations: rows by ascending time, columns contiguous.

use cohort::FollowUp;
use ndarray::ArrayView2;

use super::LassoCoxError;
use crate::censored::RiskSets;
use crate::exp_each::exp_each;
use crate::linalg::{combined, dot};

/// Times with events: rows `start..` are at risk, `d` of them have the event there.
#[derive(Debug, Clone, Copy)]
struct EventTime {
    start: usize,
    d: f64,
}

/// Follow-up alone: enough for the deviance of a linear predictor.
pub(super) struct Times {
    /// Row of the table at each place in time order.
    pub(super) order: Vec<usize>,
    event: Vec<f64>,
    event_times: Vec<EventTime>,
    saturated: f64,
}

impl Times {
    pub(super) fn new(follow_up: &FollowUp) -> Times {
        let sets = RiskSets::new(follow_up);
        let event: Vec<f64> = sets
            .order()
            .iter()
            .map(|&i| f64::from(u8::from(follow_up.event()[i])))
            .collect();
        let mut event_times = Vec::new();
        let mut start = 0;
        for k in 0..sets.len() {
            let end = start + sets.at(k).len();
            let d: f64 = event[start..end].iter().sum();
            if d > 0.0 {
                event_times.push(EventTime { start, d });
            }
            start = end;
        }
        Times {
            order: sets.order().to_vec(),
            event,
            saturated: -event_times
                .iter()
                .map(|t: &EventTime| t.d * libm::log(t.d))
                .sum::<f64>(),
            event_times,
        }
    }

    /// Those of some rows of a larger table, whose rows `order` then names.
    pub(super) fn of_rows(follow_up: &FollowUp, rows: &[usize]) -> Times {
        let mut times = Times::new(&follow_up.select(rows));
        times.order.iter_mut().for_each(|i| *i = rows[*i]);
        times
    }

    /// ℓ_sat = −Σ d_k log d_k.
    pub(super) fn loglik_saturated(&self) -> f64 {
        self.saturated
    }

    /// 2 (ℓ_sat − ℓ) of a linear predictor in table order; finite for any finite one.
    pub(super) fn deviance(&self, eta: &Predictor) -> f64 {
        let log_sums = match &eta.theta {
            Some(theta) => self.log_sums(theta, eta.highest),
            None => self.log_sums_of_far(eta.values),
        };
        let events: f64 = (self.order.iter().zip(&self.event))
            .map(|(&i, seen)| seen * eta.values[i])
            .sum();
        2.0 * (self.saturated - (events - log_sums))
    }

    /// Σ d_k log Σ_{R_k} exp η.
    fn log_sums(&self, theta: &[f64], highest: f64) -> f64 {
        let (mut sum, mut next) = (0.0, self.order.len());
        let (mut logs, mut n_events) = (LogSum::default(), 0.0);
        for time in self.event_times.iter().rev() {
            for &i in self.order[time.start..next].iter().rev() {
                sum += theta[i];
            }
            next = time.start;
            n_events += time.d;
            logs.add(time.d, sum);
        }
        n_events * highest + logs.total()
    }

    /// The same for predictors far apart.
    ///
    /// Rows held out may lie a thousand units from those that were learned from. So log Σ exp η of each risk set is summed
    /// relative to the largest η of that set: relative to the largest of all, late sets would underflow to log 0.
    fn log_sums_of_far(&self, eta: &[f64]) -> f64 {
        let (mut highest, mut sum) = (f64::NEG_INFINITY, 0.0);
        let mut next = self.order.len();
        let mut total = 0.0;
        for time in self.event_times.iter().rev() {
            while next > time.start {
                next -= 1;
                let e = eta[self.order[next]];
                if e > highest {
                    sum = sum * libm::exp(highest - e) + 1.0;
                    highest = e;
                } else {
                    sum += libm::exp(e - highest);
                }
            }
            total += time.d * (highest + libm::log(sum));
        }
        total
    }

    /// Everything the derivatives need, at a linear predictor in time order.
    pub(super) fn state(&self, eta: &[f64]) -> State {
        let highest = eta.iter().copied().fold(f64::MIN, f64::max);
        let theta = exp_each(eta, highest);
        let mut risk = vec![0.0; self.event_times.len()];
        let (mut sum, mut next) = (0.0, eta.len());
        for (risk, at) in risk.iter_mut().zip(&self.event_times).rev() {
            for t in theta[at.start..next].iter().rev() {
                sum += t;
            }
            next = at.start;
            *risk = sum;
        }
        let mut logs = LogSum::default();
        let mut weight = vec![0.0; eta.len()];
        let mut hazard = 0.0;
        for (k, (at, risk)) in self.event_times.iter().zip(&risk).enumerate() {
            hazard += at.d / risk;
            logs.add(at.d, *risk);
            let end = self.event_times.get(k + 1).map_or(eta.len(), |t| t.start);
            for (w, t) in weight[at.start..end].iter_mut().zip(&theta[at.start..end]) {
                *w = t * hazard;
            }
        }
        let events = (self.event.iter().zip(eta)).map(|(seen, e)| seen * (e - highest));
        // A risk set whose sum underflowed says nothing; no step may end where there is one.
        let loglik = if risk.contains(&0.0) {
            f64::NEG_INFINITY
        } else {
            events.sum::<f64>() - logs.total()
        };
        let residual = self.event.iter().zip(&weight).map(|(e, w)| e - w).collect();
        State {
            loglik,
            theta,
            risk,
            weight,
            residual,
        }
    }
}

/// Values within this of each other have sums of exponentials that cannot underflow.
const NEAR: f64 = 600.0;

/// A linear predictor in table order, with what all deviances of it share.
pub(super) struct Predictor<'a> {
    values: &'a [f64],
    highest: f64,
    /// exp(η − highest); none where some would underflow.
    theta: Option<Vec<f64>>,
}

impl Predictor<'_> {
    pub(super) fn new(values: &[f64]) -> Predictor<'_> {
        let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
        Predictor {
            values,
            highest,
            theta: (highest - lowest <= NEAR).then(|| exp_each(values, highest)),
        }
    }
}

/// Σ d log v, with one logarithm for many v: products are exact enough where they neither overflow nor underflow.
struct LogSum {
    product: f64,
    sum: f64,
}

impl Default for LogSum {
    fn default() -> LogSum {
        LogSum {
            product: 1.0,
            sum: 0.0,
        }
    }
}

impl LogSum {
    fn add(&mut self, d: f64, v: f64) {
        if d != 1.0 || !(1e-50..1e50).contains(&v) {
            self.sum += d * libm::log(v);
            return;
        }
        self.product *= v;
        if !(1e-200..1e200).contains(&self.product) {
            self.sum += libm::log(self.product);
            self.product = 1.0;
        }
    }

    fn total(&self) -> f64 {
        self.sum + libm::log(self.product)
    }
}

/// The likelihood around one linear predictor, rows in time order.
#[derive(Clone)]
pub(super) struct State {
    pub(super) loglik: f64,
    theta: Vec<f64>,
    risk: Vec<f64>,
    pub(super) weight: Vec<f64>,
    residual: Vec<f64>,
}

/// Standardised columns in time order with their follow-up.
pub(super) struct Problem {
    pub(super) times: Times,
    pub(super) n: usize,
    pub(super) columns: Vec<Vec<f64>>,
    /// Divisor of each column; zero for a constant column, which stays out.
    pub(super) scales: Vec<f64>,
    /// Largest standard deviation of a column as it stands here.
    pub(super) widest: f64,
}

impl Problem {
    pub(super) fn new(
        x: ArrayView2<f64>,
        follow_up: &FollowUp,
        standardise: bool,
    ) -> Result<Problem, LassoCoxError> {
        if x.nrows() != follow_up.len() {
            return Err(LassoCoxError::Rows {
                n_rows: x.nrows(),
                n_follow_up: follow_up.len(),
            });
        }
        if let Some(((row, column), value)) = x.indexed_iter().find(|(_, v)| !v.is_finite()) {
            return Err(LassoCoxError::NotFinite {
                row,
                column,
                value: *value,
            });
        }
        if follow_up.n_events() == 0 {
            return Err(LassoCoxError::NoEvent { n_rows: x.nrows() });
        }
        let times = Times::new(follow_up);
        let (mut columns, mut scales) = (Vec::new(), Vec::new());
        for column in x.columns() {
            let ordered = times.order.iter().map(|&i| column[i]).collect();
            let (values, scale) = standardised(ordered, standardise);
            columns.push(values);
            scales.push(scale);
        }
        let variance = |c: &Vec<f64>| dot(c, c) / c.len() as f64;
        let widest = columns.iter().map(variance).fold(0.0, f64::max).sqrt();
        Ok(Problem {
            widest,
            n: x.nrows(),
            times,
            columns,
            scales,
        })
    }

    pub(super) fn n_features(&self) -> usize {
        self.columns.len()
    }

    /// η = Σ β̃_j x̃_j, time order.
    pub(super) fn predictor(&self, beta: &[f64]) -> Vec<f64> {
        let active = (self.columns.iter().zip(beta)).filter(|(_, b)| **b != 0.0);
        combined(self.n, active.map(|(column, b)| (column.as_slice(), *b)))
    }

    /// (1/n) ∂ℓ/∂β̃_j for all j.
    pub(super) fn gradient(&self, at: &State) -> Vec<f64> {
        self.columns
            .iter()
            .map(|column| dot(column, &at.residual) / self.n as f64)
            .collect()
    }

    /// √d_k · (Σ_{R_k} θ x_j) / R_k at each event time.
    pub(super) fn weighted_means(&self, at: &State, j: usize) -> Vec<f64> {
        let column = &self.columns[j];
        let mut means = vec![0.0; at.risk.len()];
        let (mut sum, mut next) = (0.0, column.len());
        for (k, time) in self.times.event_times.iter().enumerate().rev() {
            while next > time.start {
                next -= 1;
                sum += at.theta[next] * column[next];
            }
            means[k] = time.d.sqrt() * sum / at.risk[k];
        }
        means
    }
}

fn standardised(mut values: Vec<f64>, divide: bool) -> (Vec<f64>, f64) {
    let n = values.len() as f64;
    let first = values.first().copied().unwrap_or(0.0);
    if values.iter().all(|&v| v == first) {
        return (vec![0.0; values.len()], 0.0);
    }
    let mean = values.iter().sum::<f64>() / n;
    values.iter_mut().for_each(|v| *v -= mean);
    if !divide {
        return (values, 1.0);
    }
    let scale = (values.iter().map(|v| v * v).sum::<f64>() / n).sqrt();
    if !(scale > 0.0 && scale.is_finite()) {
        return (vec![0.0; values.len()], 0.0);
    }
    values.iter_mut().for_each(|v| *v /= scale);
    (values, scale)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::super::curvature::Curvature;
    use super::*;
    use ndarray::Array2;

    fn problem() -> Problem {
        let n = 23;
        let x = Array2::from_shape_fn((n, 3), |(i, j)| libm::sin((3 * i + 7 * j * i + j) as f64));
        let time = (0..n).map(|i| ((i * 5) % 11) as f64).collect();
        let event = (0..n).map(|i| i % 3 != 0).collect();
        Problem::new(x.view(), &FollowUp::new(time, event).unwrap(), true).unwrap()
    }

    #[test]
    fn the_deviance_is_that_of_the_likelihood_and_far_predictors_keep_it_finite() {
        let problem = problem();
        let eta = problem.predictor(&[0.3, -0.5, 0.2]);
        let mut table = vec![0.0; eta.len()];
        (problem.times.order.iter().zip(&eta)).for_each(|(&i, &e)| table[i] = e);
        let deviance = |times: &Times, eta: &[f64]| times.deviance(&Predictor::new(eta));
        let likelihood =
            2.0 * (problem.times.loglik_saturated() - problem.times.state(&eta).loglik);
        assert!((deviance(&problem.times, &table) - likelihood).abs() < 1e-11);
        // the first to fail has the highest risk by 2000: one event is certain, the other two are as at η = 0
        let f = FollowUp::new(vec![1.0, 2.0, 3.0, 4.0], vec![true, true, true, false]).unwrap();
        let times = Times::new(&f);
        let expected = 2.0 * (libm::log(3.0) + libm::log(2.0));
        assert!((deviance(&times, &[2000.0, 0.0, 0.0, 0.0]) - expected).abs() < 1e-12);
        assert!(deviance(&times, &[0.0, 0.0, 0.0, 2000.0]) > 3.0 * 4000.0 - 1e-6);
        let far = times.state(&[2000.0, 0.0, 0.0, 0.0]);
        assert_eq!(far.loglik, f64::NEG_INFINITY);
    }

    #[test]
    fn derivatives_are_the_slopes_of_the_likelihood() {
        let problem = problem();
        let at = |beta: &[f64]| problem.times.state(&problem.predictor(beta));
        let (beta, h) = ([0.3, -0.5, 0.2], 1e-5);
        let here = at(&beta);
        let gradient = problem.gradient(&here);
        let mut curvature = Curvature::new(&problem, &here);
        // one feature after another, as a path meets them
        curvature.extend(&problem, &[2, 0]);
        curvature.extend(&problem, &[0, 1, 2]);
        let information = curvature.over(&[0, 1, 2]);
        for j in 0..3 {
            let (mut up, mut down) = (beta, beta);
            up[j] += h;
            down[j] -= h;
            let (up, down) = (at(&up), at(&down));
            let slope = (up.loglik - down.loglik) / (2.0 * h * problem.n as f64);
            assert!((slope - gradient[j]).abs() < 1e-8);
            let (g_up, g_down) = (problem.gradient(&up), problem.gradient(&down));
            for l in 0..3 {
                let curvature = (g_down[l] - g_up[l]) / (2.0 * h);
                assert!((curvature - information[j][l]).abs() < 1e-8);
            }
        }
    }
}
