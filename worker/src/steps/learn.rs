//! What the learning steps share: training rows with their follow-up, and the codes of what a learner refuses.

use artefact::RowId;
use artefact::follow_up::FollowUpTable;
use artefact::split::decode_folds;
use artefact::table::Table;
use cohort::FollowUp;
use digest::Digest;
use serde_json::Value;
use stats::cox::CoxError;
use survival::{FitError, Learner, PredictError};

use super::matrix::Matrix;
use super::patients::{Patients, follow_up_of};
use super::refuse::refuse;
use super::stored;
use super::tuned::{Choice, choose};
use crate::step::{Context, Inputs, Produced, StepError};

/// Training rows.
pub(super) struct Training {
    /// Features.
    pub matrix: Matrix,
    /// Follow-up of the same rows.
    pub follow_up: FollowUp,
    /// Patients of the follow-up who are not in the table.
    pub n_left_aside: usize,
}

impl Training {
    /// The rows of `table` with their follow-up, by (site, patient) as in a run: what is drawn at random for a row does not
    /// depend on where the row stands in its file.
    pub fn read(inputs: &Inputs) -> Result<Training, StepError> {
        Training::of(Training::table(inputs)?, inputs)
    }

    /// The table, its rows by (site, patient).
    pub fn table(inputs: &Inputs) -> Result<Table, StepError> {
        let mut table = Table::decode(inputs.one("table")?)?;
        table.sort_rows();
        Ok(table)
    }

    /// As [`Training::read`] of a table from [`Training::table`] whose columns are all features.
    pub fn of(table: Table, inputs: &Inputs) -> Result<Training, StepError> {
        let matrix = Matrix::design(&table);
        matrix.complete()?;
        let outcome = FollowUpTable::decode(inputs.one("followup")?)?;
        let follow_up = follow_up_of(&matrix.rows, &outcome)?;
        Ok(Training {
            n_left_aside: outcome.rows.len().saturating_sub(matrix.rows.len()),
            matrix,
            follow_up,
        })
    }
}

/// The given fold of every row.
///
/// # Errors
/// A row without a fold: the first is named, all are counted.
pub(super) fn given_folds(training: &Training, bytes: &[u8]) -> Result<Vec<usize>, StepError> {
    let folds = decode_folds(bytes)?;
    let names: Vec<_> = folds.iter().map(|(row, _)| row.clone()).collect();
    let known = Patients::new(&names);
    let rows = &training.matrix.rows;
    let (mut found, mut without) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        match known.find(row)? {
            Some(at) => found.push(folds[at].1 as usize),
            None => without.push(&row.patient_id),
        }
    }
    let message = match without.as_slice() {
        [] => return Ok(found),
        [name] => format!("patient `{name}` has no fold"),
        [name, ..] => format!(
            "{} of {} patients have no fold, the first is `{name}`",
            without.len(),
            rows.len()
        ),
    };
    Err(StepError::refuse("fold-missing", message))
}

/// Makes a learner from a step's parameters.
pub(super) type Make = fn(&Context) -> Result<Box<dyn Learner>, StepError>;

/// Fits a learner on the inputs of its step; with `tune`, the best candidate of its grid.
pub(super) fn fit(
    make: Make,
    context: &Context,
    inputs: &Inputs,
) -> Result<Vec<Produced>, StepError> {
    let training = Training::read(inputs)?;
    let seed = context.seed.unwrap_or_default();
    let Choice { learner, record } = choose(make, context, &training, seed)?;
    let Training {
        matrix, follow_up, ..
    } = training;
    let model = learner
        .fit(matrix.x.view(), &matrix.names, &follow_up, seed)
        .map_err(|e| refuse(fit_code(&e), &e))?;
    let mut bytes = stored::encode(model.as_ref())?;
    if let Some(record) = record {
        bytes = with_record(&bytes, "tuning", record)?;
    }
    if model.out_of_bag_risk().is_some() {
        let rows = Value::String(name_of_rows(&matrix.rows));
        bytes = with_record(&bytes, FITTED_ON, rows)?;
    }
    Ok(vec![Produced::bytes("model", bytes)])
}

/// The model with a record beside it.
fn with_record(bytes: &[u8], name: &str, record: Value) -> Result<Vec<u8>, StepError> {
    let mut model: Value = artefact::json::decode("model", bytes)?;
    model[name] = record;
    Ok(artefact::json::encode("model", &model)?)
}

/// Where a model that keeps predictions of its training rows has [`name_of_rows`] of them.
pub(super) const FITTED_ON: &str = "fitted_on";

/// One name for all patients together, in the order of a fit: it tells whether a table has the same, and nobody of them.
pub(super) fn name_of_rows(rows: &[RowId]) -> String {
    let mut names: Vec<&RowId> = rows.iter().collect();
    names.sort();
    let lines = names
        .iter()
        .map(|row| format!("{:?},{:?}\n", row.site, row.patient_id));
    Digest::of(lines.collect::<String>().as_bytes()).to_string()
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
        FitError::TooFewEvents { .. } => "too-few-events",
        FitError::NoInterval => "no-interval",
        FitError::Diverged { .. } => "training-diverged",
        FitError::Baseline(_) => "no-baseline",
        FitError::TimeNotPositive { .. } => "time-not-positive",
        FitError::NoConvergence { .. } => "no-convergence",
        FitError::Unfit(_) => "fit-failed",
        FitError::Cox(e) => cox_code(e),
    }
}

pub(super) fn cox_code(error: &CoxError) -> &'static str {
    match error {
        CoxError::Rows { .. } => "rows-differ",
        CoxError::Columns { .. } => "columns-differ",
        CoxError::WeightedRows { .. } => "rows-differ",
        CoxError::Coefficients { .. } => "columns-differ",
        CoxError::Weight { .. } => "weight",
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
