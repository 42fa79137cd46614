//! A linear predictor as points on axes, to be added by hand.

/// Why a nomogram could not be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NomogramError {
    /// An axis has no value, or one that is not finite.
    #[error(
        "axis of feature {feature} has {n_values} values, at least one is needed and all must be finite"
    )]
    Values {
        /// Feature.
        feature: String,
        /// Values given.
        n_values: usize,
    },
    /// No coefficient moves the predictor over its axis.
    #[error("no feature moves the predictor over its axis")]
    Flat,
    /// A value is not given for each feature.
    #[error("{n_values} values for {n_features} features")]
    Count {
        /// Values given.
        n_values: usize,
        /// Features.
        n_features: usize,
    },
}

/// A feature to be drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct NomogramFeature {
    /// Feature.
    pub feature: String,
    /// Its coefficient in the linear predictor.
    pub coefficient: f64,
    /// Values on its axis, ascending: [`pretty_values`] of its range, or its levels.
    pub values: Vec<f64>,
}

/// An axis: values and their points.
#[derive(Debug, Clone, PartialEq)]
pub struct NomogramAxis {
    /// The feature and its values.
    pub of: NomogramFeature,
    /// Points of each value, 0 at the more favourable end.
    pub points: Vec<f64>,
    /// β·value where the points are 0.
    zero_at: f64,
}

/// Axes of a linear predictor.
#[derive(Debug, Clone, PartialEq)]
pub struct Nomogram {
    /// One axis per feature.
    pub axes: Vec<NomogramAxis>,
    /// Points per unit of the linear predictor.
    pub points_per_unit: f64,
    /// Linear predictor at 0 points.
    pub predictor_at_zero: f64,
    /// Values of the axis of total points.
    pub total_points: Vec<f64>,
}

/// Makes the axes of η = Σ β_j x_j − `centre`: the feature that moves η most has 100 points.
///
/// # Formula
/// points_j(x) = (β_j x − min β_j x)·s, s = 100 / max_j (max − min of β_j x over its axis); η = total/s + Σ_j min β_j x − centre
///
/// # Errors           see [`NomogramError`]
/// # Reference        Harrell, Regression Modeling Strategies (2015), 5.4
/// # Agrees with      R rms 6.5-0 `nomogram` on `cph`: axes and points to 1e-9, total points of survival probabilities within 5e-4
/// points (rms interpolates those), tests/parity_nomogram.rs
/// # Differs from     rms, whose axis of total points ends earlier; here it covers the largest possible total
pub fn nomogram(features: Vec<NomogramFeature>, centre: f64) -> Result<Nomogram, NomogramError> {
    let mut spans = Vec::new();
    for f in &features {
        if f.values.is_empty()
            || f.values.iter().any(|v| !v.is_finite())
            || !f.coefficient.is_finite()
        {
            return Err(NomogramError::Values {
                feature: f.feature.clone(),
                n_values: f.values.len(),
            });
        }
        let terms = f.values.iter().map(|v| f.coefficient * v);
        let low = terms.clone().fold(f64::INFINITY, f64::min);
        spans.push((low, terms.fold(f64::NEG_INFINITY, f64::max) - low));
    }
    let widest = spans.iter().map(|s| s.1).fold(0.0, f64::max);
    if widest <= 0.0 {
        return Err(NomogramError::Flat);
    }
    let scale = 100.0 / widest;
    let axes = features
        .into_iter()
        .zip(&spans)
        .map(|(of, &(zero_at, _))| NomogramAxis {
            points: (of.values.iter())
                .map(|v| (of.coefficient * v - zero_at) * scale)
                .collect(),
            of,
            zero_at,
        })
        .collect();
    let most: f64 = spans.iter().map(|s| s.1 * scale).sum();
    Ok(Nomogram {
        axes,
        points_per_unit: scale,
        predictor_at_zero: spans.iter().map(|s| s.0).sum::<f64>() - centre,
        total_points: pretty_values(0.0, most, 10),
    })
}

impl Nomogram {
    /// Total points of a patient; values in the order of the axes, also beyond their ends.
    pub fn points(&self, values: &[f64]) -> Result<f64, NomogramError> {
        if values.len() != self.axes.len() {
            return Err(NomogramError::Count {
                n_values: values.len(),
                n_features: self.axes.len(),
            });
        }
        let pairs = self.axes.iter().zip(values);
        Ok(pairs
            .map(|(a, v)| (a.of.coefficient * v - a.zero_at) * self.points_per_unit)
            .sum())
    }

    /// Linear predictor at a total of points.
    pub fn linear_predictor(&self, total_points: f64) -> f64 {
        self.predictor_at_zero + total_points / self.points_per_unit
    }

    /// Total points at a linear predictor.
    pub fn total_points_at(&self, linear_predictor: f64) -> f64 {
        (linear_predictor - self.predictor_at_zero) * self.points_per_unit
    }

    /// Total points at which survival is `survival`, given the survival of linear predictor 0 at the same time;
    /// `None` unless both lie between 0 and 1.
    ///
    /// # Formula
    /// η = log( log S / log S0 )
    pub fn total_points_of_survival(&self, survival: f64, baseline_survival: f64) -> Option<f64> {
        let inside = |s: f64| s > 0.0 && s < 1.0;
        (inside(survival) && inside(baseline_survival)).then(|| {
            let ratio = libm::log(survival) / libm::log(baseline_survival);
            self.total_points_at(libm::log(ratio))
        })
    }
}

/// About `n` + 1 round values (1, 2 or 5 times a power of ten apart) that cover a range.
///
/// # Formula
/// The unit is the round number nearest above the n-th part of the range, moved up where the next one fits better
/// (biases 1.5 and 2.75); ends are rounded outwards
///
/// # Ties and edges   a range of one value gives that value; ends that are not finite or reversed give none
/// # Agrees with      R 4.2 `pretty` on the ranges of the nomogram oracle, tests/parity_nomogram.rs
pub fn pretty_values(low: f64, high: f64, n: usize) -> Vec<f64> {
    if !(low.is_finite() && high.is_finite() && low <= high) || n == 0 {
        return Vec::new();
    }
    if low == high {
        return vec![low];
    }
    const ROOM: f64 = 1e-10;
    let cell = (high - low) / n as f64;
    let base = libm::pow(10.0, libm::log10(cell).floor());
    let mut unit = base;
    for (times, bias) in [(2.0, 1.5), (5.0, 2.75), (10.0, 1.5)] {
        if times * base - cell < bias * (cell - unit) {
            unit = times * base;
        } else {
            break;
        }
    }
    let first = (low / unit + ROOM).floor();
    let last = (high / unit - ROOM).ceil();
    (0..=(last - first) as usize)
        .map(|k| (first + k as f64) * unit)
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn two_features_by_paper_and_pencil() {
        let of = |feature: &str, coefficient, values: &[f64]| NomogramFeature {
            feature: feature.into(),
            coefficient,
            values: values.to_vec(),
        };
        let n = nomogram(
            vec![
                of("a", 0.02, &[0.0, 50.0, 100.0]),
                of("b", -1.0, &[0.0, 1.0]),
            ],
            0.5,
        )
        .unwrap();
        assert_eq!(n.axes[0].points, [0.0, 50.0, 100.0]);
        assert_eq!(n.axes[1].points, [50.0, 0.0]);
        let total = n.points(&[50.0, 0.0]).unwrap();
        assert_eq!(total, 100.0);
        assert!((n.linear_predictor(total) - (1.0 - 0.5)).abs() < 1e-15);
        assert!((n.total_points_at(0.5) - 100.0).abs() < 1e-12);
        assert_eq!(
            n.total_points_of_survival(0.8, 0.8),
            Some(n.total_points_at(0.0))
        );
        assert_eq!(n.total_points_of_survival(1.0, 0.8), None);
        assert!(n.points(&[1.0]).is_err());
    }

    #[test]
    fn round_values_cover_the_range() {
        assert_eq!(pretty_values(0.3, 28.0, 10).len(), 15);
        assert_eq!(
            pretty_values(0.0, 1.0, 5),
            [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]
        );
        assert_eq!(pretty_values(3.0, 3.0, 5), [3.0]);
        assert!(pretty_values(2.0, 1.0, 5).is_empty());
    }

    #[test]
    fn axes_that_say_nothing_are_refused() {
        let flat = NomogramFeature {
            feature: "a".into(),
            coefficient: 0.0,
            values: vec![1.0, 2.0],
        };
        assert_eq!(nomogram(vec![flat.clone()], 0.0), Err(NomogramError::Flat));
        let none = NomogramFeature {
            values: vec![],
            ..flat
        };
        assert!(matches!(
            nomogram(vec![none], 0.0),
            Err(NomogramError::Values { .. })
        ));
    }
}
