//! Features that repeated readings of the same patients agree on.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use crate::censored::Interval;
use crate::icc::{IccError, IccForm, icc_of_form};

/// One repeated reading beside the first, row for row and column for column.
#[derive(Debug, Clone, Copy)]
pub struct Repeated<'a> {
    /// What it is called in messages.
    pub name: &'a str,
    /// How it is judged.
    pub form: IccForm,
    /// The first reading: patients × features; NaN is undefined.
    pub first: ArrayView2<'a, f64>,
    /// The same patients and features again.
    pub again: ArrayView2<'a, f64>,
}

/// When a feature is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReliabilityParams {
    /// Least correlation, −1 to 1.
    pub threshold: f64,
    /// Confidence of the intervals.
    pub level: f64,
    /// Holds the lower end of the interval against the threshold instead of the estimate.
    pub judge_lower: bool,
    /// Patients read twice that a reading and each of its features needs, at least 3.
    pub min_patients: usize,
}

/// Why nothing could be judged.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ReliabilityError {
    /// Too few patients were read twice.
    #[error(
        "{n_patients} patients have the reading `{reading}`, at least {min_patients} are needed"
    )]
    TooFewPatients {
        /// The reading.
        reading: String,
        /// Its patients.
        n_patients: usize,
        /// What is asked for.
        min_patients: usize,
    },
    /// Two readings have not the same patients and features.
    #[error("reading `{reading}` has {again:?} patients and features, its first has {first:?}")]
    Shape {
        /// The reading.
        reading: String,
        /// Rows and columns of the first.
        first: (usize, usize),
        /// Rows and columns of the repetition.
        again: (usize, usize),
    },
    /// No reading was given.
    #[error("no repeated reading was given")]
    NoReading,
    /// A parameter is out of its range.
    #[error("{name} is {value}, must be {limit}")]
    Parameter {
        /// Which.
        name: &'static str,
        /// What was given.
        value: f64,
        /// What it must be.
        limit: &'static str,
    },
}

/// Why a feature is not kept by a reading.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Unreliable {
    /// It is defined in too few patients.
    #[error("defined twice in {n_patients} patients, at least {min_patients} are needed")]
    TooFew {
        /// Patients in whom both readings are defined.
        n_patients: usize,
        /// What is asked for.
        min_patients: usize,
    },
    /// It has no correlation.
    #[error("{0}")]
    NoCorrelation(IccError),
    /// Its interval has no end to hold against the threshold.
    #[error("the correlation has no interval: the readings differ by a constant")]
    NoInterval,
    /// It agrees too little.
    #[error("{value} is below {threshold}")]
    Below {
        /// What was judged.
        value: f64,
        /// The least that is kept.
        threshold: f64,
    },
}

/// How one feature fared in one reading.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureAgreement {
    /// Patients in whom both readings are defined.
    pub n_patients: usize,
    /// The correlation, where there is one.
    pub value: Option<f64>,
    /// Its interval, where there is one.
    pub interval: Option<Interval>,
    /// Why this reading does not keep it; nothing where it does.
    pub unreliable: Option<Unreliable>,
}

/// How all features fared.
#[derive(Debug, Clone, PartialEq)]
pub struct Reliability {
    /// Columns that every reading keeps, ascending.
    pub kept: Vec<usize>,
    /// Reading by reading, feature by feature.
    pub readings: Vec<Vec<FeatureAgreement>>,
}

/// Intraclass correlations of every feature in every repeated reading, and the features that all of them keep.
///
/// # Formula
/// Kept: for each reading, ICC of its form (or the lower end of its interval) ≥ threshold. Undefined values leave their
/// patient out of that feature and reading only.
///
/// # Ties and edges   a value equal to the threshold is kept; a feature without variation, or defined in fewer than
/// `min_patients`, is not kept and says why
/// # Errors           see [`ReliabilityError`]; too few patients in a whole reading are an error, for every feature would go
/// # Reference        Koo & Li, J. Chiropr. Med. 15 (2016) 155–163, for the choice of forms
/// # Agrees with      [`icc_of_form`], and through it R psych 2.2.9 `ICC(lmer = FALSE)`
/// # Differs from     practice that correlates the features of all readings at once: here each repetition stands beside the
/// first reading alone
pub fn reliability(
    readings: &[Repeated],
    params: &ReliabilityParams,
) -> Result<Reliability, ReliabilityError> {
    check(readings, params)?;
    let of_reading = |reading: &Repeated| -> Vec<FeatureAgreement> {
        (0..reading.first.ncols())
            .into_par_iter()
            .map(|feature| agreement(reading, feature, params))
            .collect()
    };
    let readings: Vec<Vec<FeatureAgreement>> = readings.iter().map(of_reading).collect();
    let n_features = readings.first().map_or(0, Vec::len);
    let by_all = |&j: &usize| readings.iter().all(|of| of[j].unreliable.is_none());
    Ok(Reliability {
        kept: (0..n_features).filter(by_all).collect(),
        readings,
    })
}

fn check(readings: &[Repeated], params: &ReliabilityParams) -> Result<(), ReliabilityError> {
    let parameter = |name, value, limit| Err(ReliabilityError::Parameter { name, value, limit });
    if !(-1.0..=1.0).contains(&params.threshold) {
        return parameter("threshold", params.threshold, "from -1 to 1");
    }
    if !(params.level > 0.0 && params.level < 1.0) {
        return parameter("level", params.level, "above 0 and below 1");
    }
    if params.min_patients < 3 {
        return parameter("min_patients", params.min_patients as f64, "at least 3");
    }
    let Some(shortest) = readings.iter().min_by_key(|r| r.first.nrows()) else {
        return Err(ReliabilityError::NoReading);
    };
    let n_features = readings[0].first.ncols();
    for reading in readings {
        let (first, again) = (reading.first.dim(), reading.again.dim());
        if first != again || first.1 != n_features {
            return Err(ReliabilityError::Shape {
                reading: reading.name.to_owned(),
                first,
                again,
            });
        }
    }
    if shortest.first.nrows() < params.min_patients {
        return Err(ReliabilityError::TooFewPatients {
            reading: shortest.name.to_owned(),
            n_patients: shortest.first.nrows(),
            min_patients: params.min_patients,
        });
    }
    Ok(())
}

fn agreement(reading: &Repeated, feature: usize, params: &ReliabilityParams) -> FeatureAgreement {
    let both: Vec<[f64; 2]> = reading
        .first
        .column(feature)
        .iter()
        .zip(reading.again.column(feature))
        .map(|(a, b)| [*a, *b])
        .filter(|pair| pair.iter().all(|v| !v.is_nan()))
        .collect();
    let n_patients = both.len();
    let not_kept = |unreliable| FeatureAgreement {
        n_patients,
        value: None,
        interval: None,
        unreliable: Some(unreliable),
    };
    if n_patients < params.min_patients {
        return not_kept(Unreliable::TooFew {
            n_patients,
            min_patients: params.min_patients,
        });
    }
    let x = Array2::from_shape_fn((n_patients, 2), |(i, j)| both[i][j]);
    let found = match icc_of_form(x.view(), params.level, reading.form) {
        Ok(found) => found,
        Err(why) => return not_kept(Unreliable::NoCorrelation(why)),
    };
    let judged = match (params.judge_lower, found.interval) {
        (false, _) => Some(found.value),
        (true, ends) => ends.map(|ends| ends.lower),
    };
    let threshold = params.threshold;
    let unreliable = match judged {
        None => Some(Unreliable::NoInterval),
        Some(value) if value >= threshold => None,
        Some(value) => Some(Unreliable::Below { value, threshold }),
    };
    FeatureAgreement {
        n_patients,
        value: Some(found.value),
        interval: found.interval,
        unreliable,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::icc::icc;
    use ndarray::{Array2, s};

    const PARAMS: ReliabilityParams = ReliabilityParams {
        threshold: 0.75,
        level: 0.95,
        judge_lower: false,
        min_patients: 10,
    };

    /// Patients differ by `i`; column j is read with an error of ±j/2.
    fn readings(n: usize) -> (Array2<f64>, Array2<f64>) {
        let first = Array2::from_shape_fn((n, 8), |(i, j)| (i as f64) * 0.5 + j as f64);
        let error = |i: usize, j: usize| if (i * 7 + j).is_multiple_of(3) { 0.5 } else { -0.5 } * j as f64;
        let again = Array2::from_shape_fn((n, 8), |(i, j)| first[[i, j]] + error(i, j));
        (first, again)
    }

    fn repeated<'a>(first: &'a Array2<f64>, again: &'a Array2<f64>, form: IccForm) -> Repeated<'a> {
        Repeated {
            name: "r1s2",
            form,
            first: first.view(),
            again: again.view(),
        }
    }

    #[test]
    fn a_feature_is_kept_when_every_reading_keeps_it() {
        let (first, again) = readings(20);
        let intra = repeated(&first, &again, IccForm::Consistency);
        let inter = repeated(&first, &again, IccForm::Agreement);
        let both = reliability(&[intra, inter], &PARAMS).unwrap();
        let alone = [intra, inter].map(|r| reliability(&[r], &PARAMS).unwrap().kept);
        let wanted: Vec<usize> = (alone[0].iter().copied())
            .filter(|j| alone[1].contains(j))
            .collect();
        assert_eq!(both.kept, wanted);
        assert!(
            both.kept.contains(&0) && !both.kept.contains(&7),
            "{both:?}"
        );
        for (j, cell) in both.readings[1].iter().enumerate() {
            let x = ndarray::stack![ndarray::Axis(1), first.column(j), again.column(j)];
            let whole = icc(x.view(), 0.95).unwrap();
            assert_eq!(cell.value, Some(whole.form(IccForm::Agreement).value));
            assert_eq!(cell.interval, whole.form(IccForm::Agreement).interval);
        }
    }

    #[test]
    fn the_lower_end_keeps_fewer() {
        let (first, again) = readings(20);
        let reading = [repeated(&first, &again, IccForm::Consistency)];
        let strict = ReliabilityParams {
            judge_lower: true,
            ..PARAMS
        };
        let (loose, strict) = (
            reliability(&reading, &PARAMS).unwrap(),
            reliability(&reading, &strict).unwrap(),
        );
        assert!(strict.kept.len() < loose.kept.len());
        assert!(strict.kept.iter().all(|j| loose.kept.contains(j)));
    }

    #[test]
    fn undefined_values_leave_the_patient_out_of_their_feature_only() {
        let (first, mut again) = readings(20);
        again.slice_mut(s![..11, 0]).fill(f64::NAN);
        again[[3, 1]] = f64::NAN;
        let (mut flat, mut still) = (first.clone(), again.clone());
        flat.column_mut(2).fill(4.0);
        still.column_mut(2).fill(4.0);
        let got = reliability(&[repeated(&flat, &still, IccForm::Agreement)], &PARAMS).unwrap();
        let of = &got.readings[0];
        assert_eq!(
            [of[0].n_patients, of[1].n_patients, of[3].n_patients],
            [9, 19, 20]
        );
        assert!(matches!(
            of[0].unreliable,
            Some(Unreliable::TooFew { n_patients: 9, .. })
        ));
        assert!(of[1].unreliable.is_none() && of[1].value.is_some());
        assert!(matches!(
            of[2].unreliable,
            Some(Unreliable::NoCorrelation(IccError::NoVariation { .. }))
        ));
    }

    #[test]
    fn too_few_patients_and_other_shapes_are_refused_by_name() {
        let (first, again) = readings(9);
        let few = reliability(&[repeated(&first, &again, IccForm::Agreement)], &PARAMS);
        assert_eq!(
            few.unwrap_err().to_string(),
            "9 patients have the reading `r1s2`, at least 10 are needed"
        );
        let (longer, _) = readings(12);
        let shape = reliability(&[repeated(&longer, &again, IccForm::Agreement)], &PARAMS);
        assert!(matches!(shape, Err(ReliabilityError::Shape { .. })));
        assert_eq!(reliability(&[], &PARAMS), Err(ReliabilityError::NoReading));
    }
}
