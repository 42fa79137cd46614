//! What a model loses when a column is shuffled.

use cohort::FollowUp;
use ndarray::ArrayView2;
use rayon::prelude::*;
use stats::concordance::{ConcordanceError, concordance_counts};
use thiserror::Error;

use crate::keyed::Draws;
use crate::learner::{Model, PredictError};
use crate::settings::{SettingsError, at_least};

/// Loss of concordance by one column.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureImportance {
    /// Name of the column.
    pub feature: String,
    /// C-index of the model less that after shuffling the column, mean over the repeats; about 0 for a column that says
    /// nothing, below 0 by chance.
    pub drop: f64,
    /// Standard deviation (n − 1) of the drop over the repeats; `None` with one repeat.
    pub std_dev: Option<f64>,
}

/// Why importance could not be computed.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ImportanceError {
    /// The number of repeats is not usable.
    #[error(transparent)]
    Repeats(#[from] SettingsError),
    /// Matrix and follow-up are not of one length.
    #[error("{rows} rows of features but {patients} patients followed")]
    Rows {
        /// Rows of the matrix.
        rows: usize,
        /// Patients in the follow-up.
        patients: usize,
    },
    /// The model does not predict these rows.
    #[error("no prediction")]
    Predict(#[from] PredictError),
    /// No two patients can be compared.
    #[error("no comparable pair among {n} patients")]
    NoPair {
        /// Patients given.
        n: usize,
    },
}

/// Permutation importance of every column: what Harrell's C loses when the column is shuffled among the patients.
///
/// # Formula
/// drop_j = C(x) − (1/R) Σ_r C(x with column j in a random order), C of the model's risk on these rows
///
/// # Ties and edges
/// A constant column has drop 0. Of two columns that say the same each hides the other's worth. On training rows the drop
/// tells what the model uses, not what helps new patients: give rows that it has not seen.
///
/// # Randomness
/// Repeat r of column j draws from stream j R + r of ChaCha8 seeded with `seed`: the same bits on any number of threads.
///
/// # Errors
/// [`ImportanceError`] names what stands in the way.
///
/// # Reference
/// Breiman, Mach. Learn. 45 (2001) 5–32; Fisher, Rudin, Dominici, JMLR 20 (2019) 177.
///
/// # Agrees with
/// scikit-learn's `permutation_importance` in definition; the drop of a single linear column against its value by hand.
pub fn permutation_importance(
    model: &dyn Model,
    x: ArrayView2<f64>,
    follow_up: &FollowUp,
    repeats: usize,
    seed: u64,
) -> Result<Vec<FeatureImportance>, ImportanceError> {
    at_least("repeats", repeats, 1)?;
    let whole = concordance(model, x, follow_up)?;
    (0..x.ncols())
        .into_par_iter()
        .map(|column| {
            let drops = (0..repeats)
                .map(|repeat| {
                    let stream = (column * repeats + repeat) as u64;
                    let mut draws = Draws::new(seed, stream);
                    let mut order: Vec<u32> = (0..x.nrows() as u32).collect();
                    draws.choose_front(&mut order, x.nrows());
                    let mut shuffled = x.to_owned();
                    for (row, from) in order.into_iter().enumerate() {
                        shuffled[[row, column]] = x[[from as usize, column]];
                    }
                    Ok(whole - concordance(model, shuffled.view(), follow_up)?)
                })
                .collect::<Result<Vec<f64>, ImportanceError>>()?;
            Ok(summary(&model.feature_names()[column], &drops))
        })
        .collect()
}

fn summary(feature: &str, drops: &[f64]) -> FeatureImportance {
    let n = drops.len() as f64;
    let drop = drops.iter().sum::<f64>() / n;
    let square: f64 = drops.iter().map(|d| (d - drop) * (d - drop)).sum();
    FeatureImportance {
        feature: feature.to_owned(),
        drop,
        std_dev: (drops.len() > 1).then(|| (square / (n - 1.0)).sqrt()),
    }
}

fn concordance(
    model: &dyn Model,
    x: ArrayView2<f64>,
    follow_up: &FollowUp,
) -> Result<f64, ImportanceError> {
    let risk = model.risk(x)?;
    match concordance_counts(risk.values(), follow_up) {
        Ok(counts) => counts
            .index()
            .ok_or(ImportanceError::NoPair { n: follow_up.len() }),
        Err(ConcordanceError::Length { n_scores, n_rows }) => Err(ImportanceError::Rows {
            rows: n_scores,
            patients: n_rows,
        }),
        // risk scores are numbers
        Err(ConcordanceError::NotANumber { .. }) => {
            Err(ImportanceError::NoPair { n: follow_up.len() })
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::cox::CoxModel;
    use crate::learner::ModelParts;
    use ndarray::Array2;

    fn linear(coefficients: [f64; 3]) -> Box<dyn Model> {
        let cox = CoxModel {
            feature_names: ["a", "b", "c"].map(String::from).to_vec(),
            coefficients: coefficients.to_vec(),
            means: vec![0.0; 3],
            baseline_times: Vec::new(),
            baseline_hazard: Vec::new(),
        };
        ModelParts::Cox(cox).into_model().unwrap()
    }

    fn cohort() -> (Array2<f64>, FollowUp) {
        let x = Array2::from_shape_fn((40, 3), |(i, j)| match j {
            0 => i as f64,
            1 => ((i * 17) % 40) as f64,
            _ => 5.0,
        });
        let time = (0..40).map(|i| 50.0 - f64::from(i)).collect();
        (x, FollowUp::new(time, vec![true; 40]).unwrap())
    }

    #[test]
    fn a_column_alone_loses_all_its_order_and_the_others_nothing() {
        let (x, f) = cohort();
        let model = linear([1.0, 0.0, 2.0]);
        let seen = permutation_importance(model.as_ref(), x.view(), &f, 200, 3).unwrap();
        // C falls from 1 to 1/2 on average; C of a random order has a standard deviation of about 0.055
        assert!((seen[0].drop - 0.5).abs() < 0.02, "{:?}", seen[0]);
        let spread = seen[0].std_dev.unwrap();
        assert!((0.04..0.07).contains(&spread), "{spread}");
        assert_eq!((seen[1].drop, seen[2].drop), (0.0, 0.0));
        assert_eq!(seen[2].feature, "c");
    }

    #[test]
    fn the_seed_and_not_the_threads_decide() {
        let (x, f) = cohort();
        let model = linear([1.0, 0.3, 0.0]);
        let run = |threads: usize, seed: u64| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| permutation_importance(model.as_ref(), x.view(), &f, 5, seed).unwrap())
        };
        assert_eq!(run(1, 1), run(8, 1));
        assert_ne!(run(1, 1), run(1, 2));
    }

    #[test]
    fn what_cannot_be_compared_is_named() {
        let (x, f) = cohort();
        let model = linear([1.0, 0.0, 0.0]);
        let refused = |f: &FollowUp, repeats| {
            permutation_importance(model.as_ref(), x.view(), f, repeats, 0).unwrap_err()
        };
        let censored = FollowUp::new(vec![1.0; 40], vec![false; 40]).unwrap();
        assert_eq!(refused(&censored, 1), ImportanceError::NoPair { n: 40 });
        let (rows, patients) = (40, 1);
        let short = f.select(&[0]);
        assert_eq!(refused(&short, 1), ImportanceError::Rows { rows, patients });
        assert_eq!(
            refused(&f, 0).to_string(),
            "repeats is 0, must be at least 1"
        );
    }
}
