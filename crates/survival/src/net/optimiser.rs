//! Steps down the gradient.

use crate::settings::{SettingsError, within};

/// How weights follow their gradient g, with state per weight.
///
/// # Formula
/// Adam: m ← β1 m + (1 − β1) g, v ← β2 v + (1 − β2) g², w ← w − η m̂ / (√v̂ + ε), m̂ = m / (1 − β1^t), v̂ = v / (1 − β2^t);
/// AdamW first shrinks every weight by η λ; RMSprop: v ← ρ v + (1 − ρ) g², w ← w − η g / (√v + ε).
///
/// # Reference
/// Kingma and Ba, ICLR 2015; Loshchilov and Hutter, ICLR 2019; Tieleman and Hinton 2012.
///
/// # Agrees with
/// PyTorch 1.13 Adam over 50 steps (`src/deepsurv.rs`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Optimiser {
    /// Adam.
    Adam {
        /// η.
        learning_rate: f64,
        /// ε.
        epsilon: f64,
    },
    /// Adam with decoupled weight decay, on every weight and bias as in PyTorch.
    AdamW {
        /// η.
        learning_rate: f64,
        /// ε.
        epsilon: f64,
        /// λ.
        weight_decay: f64,
    },
    /// RMSprop without momentum.
    RmsProp {
        /// η.
        learning_rate: f64,
        /// ρ.
        rho: f64,
        /// ε.
        epsilon: f64,
    },
}

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;

impl Optimiser {
    /// Adam with PyTorch's ε of 1e-8.
    pub fn adam(learning_rate: f64) -> Optimiser {
        Optimiser::Adam {
            learning_rate,
            epsilon: 1e-8,
        }
    }

    pub(crate) fn check(self) -> Result<(), SettingsError> {
        let (rate, epsilon) = match self {
            Optimiser::Adam {
                learning_rate,
                epsilon,
            } => (learning_rate, epsilon),
            Optimiser::AdamW {
                learning_rate,
                epsilon,
                weight_decay,
            } => {
                let ok = weight_decay >= 0.0 && weight_decay.is_finite();
                within("weight decay", weight_decay, ok, "at least 0")?;
                (learning_rate, epsilon)
            }
            Optimiser::RmsProp {
                learning_rate,
                rho,
                epsilon,
            } => {
                within(
                    "rho",
                    rho,
                    (0.0..1.0).contains(&rho),
                    "at least 0 and below 1",
                )?;
                (learning_rate, epsilon)
            }
        };
        let ok = rate > 0.0 && rate.is_finite();
        within("learning rate", rate, ok, "above 0")?;
        within(
            "epsilon",
            epsilon,
            epsilon > 0.0 && epsilon.is_finite(),
            "above 0",
        )
    }
}

/// An optimiser at work: moments of every weight, in one order.
pub(crate) struct Steps {
    optimiser: Optimiser,
    first: Vec<f64>,
    second: Vec<f64>,
    beta_1_power: f64,
    beta_2_power: f64,
}

impl Steps {
    pub(crate) fn new(optimiser: Optimiser, n_weights: usize) -> Steps {
        Steps {
            optimiser,
            first: vec![0.0; n_weights],
            second: vec![0.0; n_weights],
            beta_1_power: 1.0,
            beta_2_power: 1.0,
        }
    }

    /// Counts one step; [`Steps::walk`] then moves each run of weights once.
    pub(crate) fn begin(&mut self) {
        self.beta_1_power *= BETA_1;
        self.beta_2_power *= BETA_2;
    }

    /// Moves `weights`, whose state starts at entry `at`.
    pub(crate) fn walk(&mut self, at: usize, weights: &mut [f64], gradient: &[f64]) {
        let run = at..at + weights.len();
        let (first, second) = (&mut self.first[run.clone()], &mut self.second[run]);
        match self.optimiser {
            Optimiser::RmsProp {
                learning_rate,
                rho,
                epsilon,
            } => {
                for ((w, g), v) in weights.iter_mut().zip(gradient).zip(second) {
                    *v = rho * *v + (1.0 - rho) * g * g;
                    *w -= learning_rate * g / (v.sqrt() + epsilon);
                }
                return;
            }
            Optimiser::AdamW {
                learning_rate,
                weight_decay,
                ..
            } => {
                let kept = 1.0 - learning_rate * weight_decay;
                weights.iter_mut().for_each(|w| *w *= kept);
            }
            Optimiser::Adam { .. } => {}
        }
        let (Optimiser::Adam {
            learning_rate,
            epsilon,
        }
        | Optimiser::AdamW {
            learning_rate,
            epsilon,
            ..
        }) = self.optimiser
        else {
            return;
        };
        let step = learning_rate / (1.0 - self.beta_1_power);
        let root = (1.0 - self.beta_2_power).sqrt();
        for (((w, g), m), v) in weights.iter_mut().zip(gradient).zip(first).zip(second) {
            *m = BETA_1 * *m + (1.0 - BETA_1) * g;
            *v = BETA_2 * *v + (1.0 - BETA_2) * g * g;
            *w -= step * *m / (v.sqrt() / root + epsilon);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn run(optimiser: Optimiser, steps: usize) -> f64 {
        let (mut w, mut state) = ([1.0], Steps::new(optimiser, 1));
        for _ in 0..steps {
            let gradient = [2.0 * w[0]];
            state.begin();
            state.walk(0, &mut w, &gradient);
        }
        w[0]
    }

    #[test]
    fn two_steps_by_hand() {
        // step 1: m̂ = g, v̂ = g², so w falls by the learning rate
        assert!((run(Optimiser::adam(0.1), 1) - 0.9).abs() < 1e-8);
        let m = (0.9 * 0.1 * 2.0 + 0.1 * 1.8) / 0.19;
        let v: f64 = (0.999 * 0.001 * 4.0 + 0.001 * 3.24) / (1.0 - 0.999 * 0.999);
        assert!((run(Optimiser::adam(0.1), 2) - (0.9 - 0.1 * m / v.sqrt())).abs() < 1e-7);
        let decayed = Optimiser::AdamW {
            learning_rate: 0.1,
            epsilon: 1e-8,
            weight_decay: 0.5,
        };
        assert!((run(decayed, 1) - 0.85).abs() < 1e-8);
        let rms = Optimiser::RmsProp {
            learning_rate: 0.1,
            rho: 0.75,
            epsilon: 1e-8,
        };
        assert!((run(rms, 1) - 0.8).abs() < 1e-7);
    }

    #[test]
    fn a_rate_that_is_no_number_is_refused() {
        assert!(Optimiser::adam(f64::NAN).check().is_err());
        assert!(Optimiser::adam(0.0).check().is_err());
        assert!(Optimiser::adam(0.01).check().is_ok());
    }
}
