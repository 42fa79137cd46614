//! What the learning steps share: training rows with their follow-up, and the codes of what a learner refuses.

use artefact::follow_up::FollowUpTable;
use artefact::table::Table;
use cohort::FollowUp;
use stats::cox::CoxError;
use survival::{FitError, Learner, PredictError};

use super::matrix::Matrix;
use super::patients::follow_up_of;
use super::refuse::refuse;
use super::stored;
use crate::step::{Context, Inputs, Produced, StepError};

/// Training rows.
pub(super) struct Training {
    /// Features.
    pub matrix: Matrix,
    /// Follow-up of the same rows.
    pub follow_up: FollowUp,
}

impl Training {
    /// The rows of `table` with their follow-up.
    pub fn read(inputs: &Inputs) -> Result<Training, StepError> {
        let matrix = Matrix::design(&Table::decode(inputs.one("table")?)?);
        let follow_up = follow_up_of(
            &matrix.rows,
            &FollowUpTable::decode(inputs.one("followup")?)?,
        )?;
        Ok(Training { matrix, follow_up })
    }
}

/// Fits a learner on the inputs of its step.
pub(super) fn fit(
    learner: &dyn Learner,
    context: &Context,
    inputs: &Inputs,
) -> Result<Vec<Produced>, StepError> {
    let Training { matrix, follow_up } = Training::read(inputs)?;
    let seed = context.seed.unwrap_or_default();
    let model = learner
        .fit(matrix.x.view(), &matrix.names, &follow_up, seed)
        .map_err(|e| refuse(fit_code(&e), &e))?;
    Ok(vec![Produced::bytes(
        "model",
        stored::encode(model.as_ref())?,
    )])
}

pub(super) fn fit_code(error: &FitError) -> &'static str {
    match error {
        FitError::TooFewPatients { .. } => "too-few-patients",
        FitError::TooManyPatients { .. } => "too-many-patients",
        FitError::NoEvent { .. } => "no-event",
        FitError::Rows { .. } => "rows-differ",
        FitError::Names { .. } => "columns-differ",
        FitError::NotFinite { .. } => "values-undefined",
        FitError::TooManyFeatures { .. } => "too-many-features",
        FitError::Mtry { .. } => "mtry",
        FitError::Cox(e) => cox_code(e),
    }
}

pub(super) fn cox_code(error: &CoxError) -> &'static str {
    match error {
        CoxError::Rows { .. } => "rows-differ",
        CoxError::Columns { .. } => "columns-differ",
        CoxError::NoEvent { .. } => "no-event",
        CoxError::NotFinite { .. } => "values-undefined",
        CoxError::ConstantFeature { .. } => "feature-constant",
        CoxError::Collinear { .. } => "features-collinear",
        CoxError::Separation { .. } => "events-separated",
        CoxError::NoConvergence { .. } => "no-convergence",
        CoxError::Baseline(_) => "baseline",
    }
}

pub(super) fn predict_code(error: &PredictError) -> &'static str {
    match error {
        PredictError::Columns { .. } => "columns-differ",
        PredictError::NotFinite { .. } => "values-undefined",
        PredictError::Time { .. } => "horizon",
        PredictError::Risk(_) => "risk-not-finite",
    }
}
