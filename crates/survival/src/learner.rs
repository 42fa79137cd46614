//! What every learner promises, and the checks all of them share.

use cohort::{FollowUp, RiskScores, RiskScoresError};
use ndarray::{Array2, ArrayView2};
use thiserror::Error;

use crate::cox::CoxModel;
use crate::deepsurv::DeepSurvModel;
use crate::dnnsurv::DnnSurvModel;
use crate::gbm::GbmModel;
use crate::rsf::RsfModel;
use crate::svm::SvmModel;
use crate::xgboost::XgboostModel;

/// Something that learns survival from features.
///
/// # Contract (tested for every learner in `tests/contract.rs`)
/// - The same rows, names, follow-up and seed give the same bits, on any number of threads.
/// - A higher risk is worse.
/// - A matrix without columns gives the null model: one risk for everybody.
/// - Without an event, with fewer than two patients or with a value that is not finite, fitting is refused by name.
pub trait Learner: Send + Sync {
    /// Learns from `x` (\[n, p\], row `i` belongs to row `i` of `follow_up`, column `j` to `names[j]`).
    ///
    /// # Errors
    /// [`FitError`] names the row, column or limit that stands in the way.
    fn fit(
        &self,
        x: ArrayView2<f64>,
        names: &[String],
        follow_up: &FollowUp,
        seed: u64,
    ) -> Result<Box<dyn Model>, FitError>;
}

/// A fitted learner.
pub trait Model: std::fmt::Debug + Send + Sync {
    /// The columns the model was fitted on and expects, in order.
    fn feature_names(&self) -> &[String];

    /// One risk score per row of `x` (\[n, p\], columns as in [`Model::feature_names`]); higher is worse.
    ///
    /// # Errors
    /// The number of columns differs, or a value is not finite.
    fn risk(&self, x: ArrayView2<f64>) -> Result<RiskScores, PredictError>;

    /// Survival probabilities \[n, times\] at `times`, in the unit of the follow-up the model was fitted on;
    /// `None` when the learner has no survival function.
    ///
    /// A step function ends at the last time seen in training and is held constant beyond it.
    fn survival(
        &self,
        x: ArrayView2<f64>,
        times: &[f64],
    ) -> Option<Result<Array2<f64>, PredictError>>;

    /// The only times at which survival was learned, ascending, where they are few and chosen; [`Model::survival`] is constant
    /// from each to the next, which a reader of a horizon between two of them should be told.
    fn survival_times(&self) -> Option<&[f64]> {
        None
    }

    /// The last time of the training follow-up, where the model knows it: beyond it [`Model::survival`] is held constant, which
    /// is no prediction, and a reader should be told.
    fn last_time(&self) -> Option<f64> {
        None
    }

    /// Out-of-bag risk of every training patient, in training order, where the learner has one.
    ///
    /// An entry is `None` for a patient who was in the bag of every tree. Averages over fewer trees than
    /// [`Model::risk`], so the two are not to be mixed in one ranking.
    fn out_of_bag_risk(&self) -> Option<&[Option<f64>]> {
        None
    }

    /// 1 − Harrell's C of [`Model::out_of_bag_risk`] over the patients that have one; `None` where the learner has no such
    /// risk or no two of these patients can be compared.
    fn out_of_bag_error(&self) -> Option<f64> {
        None
    }

    /// The learner's own importance of each feature, in the order of [`Model::feature_names`], where it has one.
    ///
    /// The model's documentation says which kind it is; values of two kinds of models do not compare.
    fn importance(&self) -> Option<Vec<f64>> {
        None
    }

    /// Whether rows of the training matrix are inside the model (and so may not leave the hub).
    fn holds_training_rows(&self) -> bool;

    /// The model as plain data; [`ModelParts::into_model`] predicts the same bits.
    fn parts(&self) -> ModelParts;
}

/// A fitted model as plain data, for whoever writes bytes.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelParts {
    /// A random survival forest.
    Rsf(RsfModel),
    /// A Cox model.
    Cox(CoxModel),
    /// Boosted trees.
    Gbm(GbmModel),
    /// A survival support vector machine.
    Svm(SvmModel),
    /// A network of Cox scores.
    DeepSurv(DeepSurvModel),
    /// A network of conditional survival probabilities.
    DnnSurv(DnnSurvModel),
    /// Boosted trees as XGBoost grows them.
    Xgboost(XgboostModel),
}

impl ModelParts {
    /// Checks the data and makes it a model again.
    ///
    /// # Errors
    /// [`PartsError`] when the data does not hold together, as after damage or a hand edit.
    pub fn into_model(self) -> Result<Box<dyn Model>, PartsError> {
        Ok(match self {
            ModelParts::Rsf(parts) => Box::new(crate::rsf::Forest::new(parts)?),
            ModelParts::Cox(parts) => Box::new(crate::cox::FittedCox::new(parts)?),
            ModelParts::Gbm(parts) => Box::new(crate::gbm::FittedGbm::new(parts)?),
            ModelParts::Svm(parts) => Box::new(crate::svm::FittedSvm::new(parts)?),
            ModelParts::DnnSurv(parts) => Box::new(crate::dnnsurv::FittedDnnSurv::new(parts)?),
            ModelParts::DeepSurv(parts) => Box::new(crate::deepsurv::FittedDeepSurv::new(parts)?),
            ModelParts::Xgboost(parts) => Box::new(crate::xgboost::FittedXgboost::new(parts)?),
        })
    }
}

/// Why a learner did not fit.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum FitError {
    /// Fewer patients than any model can be learnt from.
    #[error("{n} patients, must be at least {at_least}")]
    TooFewPatients {
        /// Patients given.
        n: usize,
        /// Smallest number accepted.
        at_least: usize,
    },
    /// Every patient is censored.
    #[error("no event among {n} patients")]
    NoEvent {
        /// Patients given.
        n: usize,
    },
    /// Matrix and follow-up are not of one length.
    #[error("{rows} rows of features but {patients} patients followed")]
    Rows {
        /// Rows of the matrix.
        rows: usize,
        /// Patients in the follow-up.
        patients: usize,
    },
    /// Matrix and names are not of one width.
    #[error("{columns} columns of features but {names} names")]
    Names {
        /// Columns of the matrix.
        columns: usize,
        /// Names given.
        names: usize,
    },
    /// A feature value is NaN or infinite: impute first.
    #[error("feature {feature} in row {row} is {value}, must be finite")]
    NotFinite {
        /// Row, counted from 0.
        row: usize,
        /// Name of the column.
        feature: String,
        /// The value as given.
        value: f64,
    },
    /// More columns than the learner can estimate from these events.
    #[error("{features} features but {events} events, must be fewer features than events")]
    TooManyFeatures {
        /// Columns given.
        features: usize,
        /// Events seen.
        events: usize,
    },
    /// More candidate features per split were asked for than there are.
    #[error("mtry is {mtry}, must be at most {features}")]
    Mtry {
        /// Candidates per split asked for.
        mtry: usize,
        /// Columns given.
        features: usize,
    },
    /// The Cox partial likelihood has no usable maximum.
    #[error("cox regression failed")]
    Cox(#[source] stats::cox::CoxError),
    /// The fitted scores leave no usable baseline hazard.
    #[error("no baseline hazard can be had from the fitted scores")]
    Baseline(#[source] stats::censored::BaselineError),
    /// The fitted numbers do not make a model, as after an overflow: a smaller learning rate or a larger penalty helps.
    #[error("the fitted numbers make no model")]
    Unfit(#[source] PartsError),
    /// A time of 0, of which a model of log time can make nothing.
    #[error("time in row {row} is {value}, must be above 0 for a model of log time")]
    TimeNotPositive {
        /// Row, counted from 0.
        row: usize,
        /// The time as given.
        value: f64,
    },
    /// The optimum was not found in the iterations allowed.
    #[error(
        "no convergence in {iterations} iterations: allow more, weigh the loss less or scale the columns"
    )]
    NoConvergence {
        /// Iterations made.
        iterations: usize,
    },
    /// Fewer events than training and hold-out can share.
    #[error("{events} events, must be at least {at_least} to hold some out")]
    TooFewEvents {
        /// Events seen.
        events: usize,
        /// Smallest number accepted.
        at_least: usize,
    },
    /// No event happens after time 0, so time cannot be cut into intervals.
    #[error("no event after time 0, time cannot be cut into intervals")]
    NoInterval,
    /// The loss left the range of numbers: a smaller learning rate helps.
    #[error("the loss is not finite after epoch {epoch}, lower the learning rate")]
    Diverged {
        /// Epoch, counted from 1.
        epoch: usize,
    },
    /// More rows than the forest's indices hold.
    #[error("{n} patients, must be at most {at_most}")]
    TooManyPatients {
        /// Patients given.
        n: usize,
        /// Largest number accepted.
        at_most: usize,
    },
}

/// Why a model did not predict.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum PredictError {
    /// The matrix has another number of columns than the model.
    #[error("{columns} columns of features but the model has {expected}")]
    Columns {
        /// Columns given.
        columns: usize,
        /// Columns of the model.
        expected: usize,
    },
    /// A feature value is NaN or infinite.
    #[error("feature {feature} in row {row} is {value}, must be finite")]
    NotFinite {
        /// Row, counted from 0.
        row: usize,
        /// Name of the column.
        feature: String,
        /// The value as given.
        value: f64,
    },
    /// A time is NaN, infinite or negative.
    #[error("time {index} is {value}, must be finite and at least 0")]
    Time {
        /// Place in the list of times, counted from 0.
        index: usize,
        /// The time as given.
        value: f64,
    },
    /// The risk of a patient is beyond the range of numbers.
    #[error("risk is out of range")]
    Risk(#[from] RiskScoresError),
}

/// Why plain data is not a model.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum PartsError {
    /// Two lists that go together have different lengths.
    #[error("{what} has {len} entries, must be {expected}")]
    Length {
        /// Name of the list.
        what: &'static str,
        /// Entries found.
        len: usize,
        /// Entries expected.
        expected: usize,
    },
    /// An entry points outside its range or breaks the order of its list.
    #[error("{what} entry {index} is out of range")]
    Range {
        /// Name of the list.
        what: &'static str,
        /// Place of the entry, counted from 0.
        index: usize,
    },
    /// A number is NaN or infinite.
    #[error("{what} entry {index} is not finite")]
    NotFinite {
        /// Name of the list.
        what: &'static str,
        /// Place of the entry, counted from 0.
        index: usize,
    },
    /// A forest without trees.
    #[error("no trees")]
    NoTrees,
}

/// The checks every learner makes before it looks at a number.
pub(crate) fn check_training(
    x: ArrayView2<f64>,
    names: &[String],
    follow_up: &FollowUp,
) -> Result<(), FitError> {
    let (rows, columns) = x.dim();
    if rows != follow_up.len() {
        return Err(FitError::Rows {
            rows,
            patients: follow_up.len(),
        });
    }
    if columns != names.len() {
        return Err(FitError::Names {
            columns,
            names: names.len(),
        });
    }
    if rows < 2 {
        return Err(FitError::TooFewPatients {
            n: rows,
            at_least: 2,
        });
    }
    if follow_up.n_events() == 0 {
        return Err(FitError::NoEvent { n: rows });
    }
    match first_not_finite(x) {
        Some((row, column, value)) => Err(FitError::NotFinite {
            row,
            feature: names[column].clone(),
            value,
        }),
        None => Ok(()),
    }
}

/// The checks every model makes before it predicts.
pub(crate) fn check_prediction(x: ArrayView2<f64>, names: &[String]) -> Result<(), PredictError> {
    if x.ncols() != names.len() {
        return Err(PredictError::Columns {
            columns: x.ncols(),
            expected: names.len(),
        });
    }
    match first_not_finite(x) {
        Some((row, column, value)) => Err(PredictError::NotFinite {
            row,
            feature: names[column].clone(),
            value,
        }),
        None => Ok(()),
    }
}

/// Times at which a survival function may be asked.
pub(crate) fn check_times(times: &[f64]) -> Result<(), PredictError> {
    match times.iter().position(|t| !t.is_finite() || *t < 0.0) {
        Some(index) => Err(PredictError::Time {
            index,
            value: times[index],
        }),
        None => Ok(()),
    }
}

fn first_not_finite(x: ArrayView2<f64>) -> Option<(usize, usize, f64)> {
    x.indexed_iter()
        .find(|(_, value)| !value.is_finite())
        .map(|((row, column), value)| (row, column, *value))
}

/// Lists of plain data that go together.
pub(crate) fn same_length(
    what: &'static str,
    len: usize,
    expected: usize,
) -> Result<(), PartsError> {
    if len == expected {
        Ok(())
    } else {
        Err(PartsError::Length {
            what,
            len,
            expected,
        })
    }
}

/// An entry of plain data is where it may be.
pub(crate) fn in_range(what: &'static str, index: usize, ok: bool) -> Result<(), PartsError> {
    if ok {
        Ok(())
    } else {
        Err(PartsError::Range { what, index })
    }
}

/// Every number of a list of plain data is finite.
pub(crate) fn finite(what: &'static str, values: &[f64]) -> Result<(), PartsError> {
    match values.iter().position(|v| !v.is_finite()) {
        Some(index) => Err(PartsError::NotFinite { what, index }),
        None => Ok(()),
    }
}
