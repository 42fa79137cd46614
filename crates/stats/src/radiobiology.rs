//! Doses of different fractionation on one scale.

/// Why a dose has no equivalent.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum DoseError {
    /// A dose is negative or not a number.
    #[error(
        "dose is {dose_gy} Gy in fractions of {per_fraction_gy} Gy, both must be at least 0 and finite"
    )]
    Dose {
        /// Total dose, Gy.
        dose_gy: f64,
        /// Dose of one fraction, Gy.
        per_fraction_gy: f64,
    },
    /// The ratio α/β is not positive.
    #[error("alpha/beta is {alpha_beta_gy} Gy, must be above 0 and finite")]
    AlphaBeta {
        /// What was given, Gy.
        alpha_beta_gy: f64,
    },
}

/// Dose of one course: total and per fraction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Course {
    /// Total dose, Gy.
    pub dose_gy: f64,
    /// Dose of one fraction, Gy.
    pub per_fraction_gy: f64,
}

/// Dose in 2 Gy fractions with the effect of all `courses` together (external beam and brachytherapy, say).
///
/// # Formula
/// EQD2 = Σ D (d + α/β)/(2 + α/β)
///
/// # Arguments
/// | symbol | argument | unit |
/// |---|---|---|
/// | D, d | `courses` | Gy |
/// | α/β | `alpha_beta_gy`: 10 for tumour, 3 for late-reacting organs | Gy |
///
/// # Ties and edges   no course is 0 Gy; nothing is said of repopulation or dose rate
/// # Errors           see [`DoseError`]
/// # Reference        Withers, Thames & Peters, Radiother. Oncol. 1 (1983) 187–191; ICRU Report 89 (2013)
/// # Agrees with      the worked example of the tests; cohort's synthetic doses are made with α/β = 10
pub fn eqd2(courses: &[Course], alpha_beta_gy: f64) -> Result<f64, DoseError> {
    if !(alpha_beta_gy > 0.0 && alpha_beta_gy.is_finite()) {
        return Err(DoseError::AlphaBeta { alpha_beta_gy });
    }
    let fine = |gy: f64| gy >= 0.0 && gy.is_finite();
    let mut sum = 0.0;
    for c in courses {
        let Course {
            dose_gy,
            per_fraction_gy,
        } = *c;
        if !fine(dose_gy) || !fine(per_fraction_gy) {
            return Err(DoseError::Dose {
                dose_gy,
                per_fraction_gy,
            });
        }
        sum += dose_gy * (per_fraction_gy + alpha_beta_gy) / (2.0 + alpha_beta_gy);
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usual_course_of_cervical_cancer() {
        let external = Course {
            dose_gy: 45.0,
            per_fraction_gy: 1.8,
        };
        let brachytherapy = Course {
            dose_gy: 28.0,
            per_fraction_gy: 7.0,
        };
        let tumour = eqd2(&[external, brachytherapy], 10.0).unwrap_or_default();
        assert!((tumour - (44.25 + 28.0 * 17.0 / 12.0)).abs() < 1e-12);
        let two = eqd2(
            &[Course {
                dose_gy: 60.0,
                per_fraction_gy: 2.0,
            }],
            3.0,
        );
        assert_eq!(two, Ok(60.0));
        assert_eq!(eqd2(&[], 10.0), Ok(0.0));
    }

    #[test]
    fn nonsense_is_refused() {
        assert_eq!(
            eqd2(&[], 0.0),
            Err(DoseError::AlphaBeta { alpha_beta_gy: 0.0 })
        );
        let bad = Course {
            dose_gy: -1.0,
            per_fraction_gy: 2.0,
        };
        assert!(matches!(eqd2(&[bad], 10.0), Err(DoseError::Dose { .. })));
    }
}
