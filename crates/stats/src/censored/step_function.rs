//! Right-continuous step functions of time.

/// A right-continuous step function: `initial` before the first jump, `values[k]` from `times[k]` on.
#[derive(Debug, Clone, PartialEq)]
pub struct StepFunction {
    times: Vec<f64>,
    values: Vec<f64>,
    initial: f64,
}

impl StepFunction {
    /// Built inside the crate only: `times` strictly ascending, one value each.
    pub(crate) fn new(times: Vec<f64>, values: Vec<f64>, initial: f64) -> StepFunction {
        debug_assert_eq!(times.len(), values.len());
        debug_assert!(times.windows(2).all(|w| w[0] < w[1]));
        StepFunction {
            times,
            values,
            initial,
        }
    }

    /// Times at which the function may jump, ascending.
    pub fn times(&self) -> &[f64] {
        &self.times
    }

    /// Value from each time on, in the order of [`StepFunction::times`].
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Value before the first time.
    pub fn initial(&self) -> f64 {
        self.initial
    }

    /// f(t): the jump at t itself is included. Beyond the last time the last value holds.
    pub fn at(&self, time: f64) -> f64 {
        self.after(self.times.partition_point(|&u| u <= time))
    }

    /// f(t−): the limit from the left, without the jump at t.
    pub fn before(&self, time: f64) -> f64 {
        self.after(self.times.partition_point(|&u| u < time))
    }

    fn after(&self, n_jumps: usize) -> f64 {
        n_jumps
            .checked_sub(1)
            .and_then(|k| self.values.get(k))
            .copied()
            .unwrap_or(self.initial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_jump_belongs_to_the_right() {
        let f = StepFunction::new(vec![1.0, 2.0], vec![0.5, 0.25], 1.0);
        let seen: Vec<_> = [0.0, 1.0, 1.5, 2.0, 9.0]
            .iter()
            .map(|&t| (f.before(t), f.at(t)))
            .collect();
        assert_eq!(
            seen,
            [
                (1.0, 1.0),
                (1.0, 0.5),
                (0.5, 0.5),
                (0.5, 0.25),
                (0.25, 0.25)
            ]
        );
    }
}
