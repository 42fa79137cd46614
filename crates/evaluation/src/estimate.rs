//! A metric's value with its interval, or the reason why there is none.

use thiserror::Error;

/// A metric over one set of patients.
#[derive(Debug, Clone, PartialEq)]
pub enum Estimate {
    /// It could be estimated.
    Estimated(Estimated),
    /// It could not.
    NotEstimable {
        /// Why not.
        reason: NotEstimable,
        /// Patients in the set.
        n: usize,
        /// Events in the set.
        n_events: usize,
    },
}

/// A value and what it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimated {
    /// The point estimate.
    pub value: f64,
    /// The interval, where one was asked for.
    pub interval: Option<Interval>,
    /// Patients in the set.
    pub n: usize,
    /// Events in the set.
    pub n_events: usize,
}

/// A two-sided interval, `lower <= upper`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
}

impl Estimate {
    /// The point estimate, where there is one.
    pub fn value(&self) -> Option<f64> {
        match self {
            Estimate::Estimated(estimated) => Some(estimated.value),
            Estimate::NotEstimable { .. } => None,
        }
    }

    /// The interval, where there is one.
    pub fn interval(&self) -> Option<Interval> {
        match self {
            Estimate::Estimated(estimated) => estimated.interval,
            Estimate::NotEstimable { .. } => None,
        }
    }

    /// Why there is no value, where there is none.
    pub fn reason(&self) -> Option<&NotEstimable> {
        match self {
            Estimate::Estimated(_) => None,
            Estimate::NotEstimable { reason, .. } => Some(reason),
        }
    }
}

/// Why a metric has no value in a set of patients.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum NotEstimable {
    /// The set is empty.
    #[error("no patient to judge by")]
    NoPatient,
    /// Follow-up ends before the horizon.
    #[error("nobody is at risk at {horizon}, follow-up ends at {last}")]
    NobodyAtRisk {
        /// The horizon asked for.
        horizon: f64,
        /// The longest follow-up of the set.
        last: f64,
    },
    /// Too few patients with the event by the horizon.
    #[error("{cases} cases at {horizon}, must be at least {at_least}")]
    FewCases {
        /// The horizon asked for.
        horizon: f64,
        /// Cases seen.
        cases: usize,
        /// Smallest number accepted.
        at_least: usize,
    },
    /// Too few patients without the event after the horizon.
    #[error("{controls} controls at {horizon}, must be at least {at_least}")]
    FewControls {
        /// The horizon asked for.
        horizon: f64,
        /// Controls seen.
        controls: usize,
        /// Smallest number accepted.
        at_least: usize,
    },
    /// No event precedes anyone's follow-up.
    #[error("no comparable pair of patients")]
    NoComparablePair,
    /// The censoring distribution is 0 where a weight is needed.
    #[error("the probability of being uncensored is 0 at {time}")]
    NoCensoringWeight {
        /// The time at which the weight is needed.
        time: f64,
    },
    /// Observed risk cannot be modelled by the predicted one: risks too much alike, or a likelihood without maximum.
    #[error("observed risk cannot be modelled by the predicted one")]
    NoCalibrationModel,
    /// The metric was undefined in too many bootstrap resamples for an interval to mean anything.
    #[error("undefined in {undefined} of {resamples} resamples, must be at most {at_most}")]
    FewResamples {
        /// Resamples without a value.
        undefined: usize,
        /// Resamples drawn.
        resamples: usize,
        /// Largest number of undefined resamples accepted.
        at_most: usize,
    },
}

/// Why a metric was not computed.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum MetricError {
    /// Predictions and follow-up are not of one length.
    #[error("{predictions} predictions for {patients} patients")]
    Length {
        /// Predictions given.
        predictions: usize,
        /// Patients in the follow-up.
        patients: usize,
    },
    /// A horizon is NaN, infinite or negative, or a list of horizons is not ascending.
    #[error("horizon {value} is not finite, not at least 0 or out of order")]
    Horizon {
        /// The horizon given.
        value: f64,
    },
    /// A predicted probability is outside [0, 1].
    #[error("probability of row {row} is {value}, must be from 0 to 1")]
    Probability {
        /// Row, counted from 0.
        row: usize,
        /// The value given.
        value: f64,
    },
    /// A risk is NaN or infinite.
    #[error("risk of row {row} is {value}, must be finite")]
    Risk {
        /// Row, counted from 0.
        row: usize,
        /// The value given.
        value: f64,
    },
    /// A row that the follow-up does not have.
    #[error("row {row} of {patients} patients, counted from 0")]
    Row {
        /// Row given.
        row: usize,
        /// Patients in the follow-up.
        patients: usize,
    },
    /// A threshold probability is outside (0, 1).
    #[error("threshold is {value}, must be above 0 and below 1")]
    Threshold {
        /// Value given.
        value: f64,
    },
    /// A confidence level is outside (0, 1).
    #[error("confidence level is {value}, must be above 0 and below 1")]
    Level {
        /// Value given.
        value: f64,
    },
    /// The set of patients does not carry the metric.
    #[error("not estimable: {0}")]
    NotEstimable(#[from] NotEstimable),
}

/// Predictions and follow-up go together.
pub(crate) fn check_length(predictions: usize, patients: usize) -> Result<(), MetricError> {
    if predictions == patients {
        Ok(())
    } else {
        Err(MetricError::Length {
            predictions,
            patients,
        })
    }
}

pub(crate) fn check_horizon(value: f64) -> Result<(), MetricError> {
    if value.is_finite() && value >= 0.0 {
        Ok(())
    } else {
        Err(MetricError::Horizon { value })
    }
}

/// Whether somebody of a set is followed to the horizon.
pub(crate) fn check_followed(
    mut time: impl Iterator<Item = f64>,
    horizon: f64,
) -> Result<(), NotEstimable> {
    let first = time.next().ok_or(NotEstimable::NoPatient)?;
    let last = time.fold(first, f64::max);
    if last < horizon {
        return Err(NotEstimable::NobodyAtRisk { horizon, last });
    }
    Ok(())
}

/// Whether both outcomes occur by the horizon, `survival` being Kaplan and Meier's there.
pub(crate) fn check_both_outcomes(survival: f64, horizon: f64) -> Result<(), NotEstimable> {
    let (cases, controls, at_least) = (0, 0, 1);
    if survival >= 1.0 {
        return Err(NotEstimable::FewCases {
            horizon,
            cases,
            at_least,
        });
    }
    if survival <= 0.0 {
        return Err(NotEstimable::FewControls {
            horizon,
            controls,
            at_least,
        });
    }
    Ok(())
}

/// Turns "not estimable" into a value and lets other errors pass.
pub(crate) fn settle(
    result: Result<Estimated, MetricError>,
    n: usize,
    n_events: usize,
) -> Result<Estimate, MetricError> {
    match result {
        Ok(estimated) => Ok(Estimate::Estimated(estimated)),
        Err(MetricError::NotEstimable(reason)) => Ok(Estimate::NotEstimable {
            reason,
            n,
            n_events,
        }),
        Err(error) => Err(error),
    }
}
