//! What every learner promises, asked of every learner.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod common;

use std::collections::BTreeSet;

use cohort::FollowUp;
use common::harrell;
use ndarray::{Array2, Axis, concatenate};
use stats::cox::CoxError;
use survival::{
    BestIteration, Cox, FitError, Gbm, GbmParams, Learner, Model, PredictError, Rsf, RsfParams,
    Svm, SvmKernel, SvmLoss, SvmParams, TiedTimes, TreeMethod, Xgboost, XgboostParams,
};
use survival::{DeepSurv, DeepSurvParams, DnnSurv, DnnSurvParams};

fn learners() -> Vec<(&'static str, Box<dyn Learner>)> {
    let few_trees = RsfParams {
        n_trees: 60,
        ..RsfParams::ranger_defaults()
    };
    let judged = RsfParams {
        importance: true,
        ..few_trees.clone()
    };
    let stochastic = GbmParams {
        bag_fraction: 0.5,
        ..GbmParams::sksurv()
    };
    let polynomial = SvmKernel::Polynomial {
        degree: 2,
        gamma: None,
        coef0: 1.0,
    };
    let exact = XgboostParams {
        tree_method: TreeMethod::Exact,
        n_rounds: 40,
        gamma: 0.1,
        alpha: 0.1,
        ..XgboostParams::cox()
    };
    vec![
        ("rsf", Box::new(Rsf::new(few_trees).unwrap())),
        ("rsf importance", Box::new(Rsf::new(judged).unwrap())),
        (
            "rsf sksurv",
            Box::new(Rsf::new(RsfParams::sksurv()).unwrap()),
        ),
        ("gbm", Box::new(Gbm::new(GbmParams::gbm()).unwrap())),
        ("gbm out of bag", Box::new(gbm(BestIteration::OutOfBag))),
        (
            "gbm cross-validated",
            Box::new(gbm(BestIteration::CrossValidated { n_folds: 3 })),
        ),
        ("gbm sksurv", Box::new(Gbm::new(stochastic).unwrap())),
        ("svm", Box::new(Svm::new(SvmParams::sksurv()).unwrap())),
        ("svm hybrid", Box::new(svm(0.5, SvmKernel::Linear))),
        (
            "svm rbf",
            Box::new(svm(1.0, SvmKernel::Rbf { gamma: None })),
        ),
        ("svm polynomial", Box::new(svm(0.5, polynomial))),
        ("svm clinical", Box::new(svm(1.0, SvmKernel::Clinical))),
        (
            "xgboost cox",
            Box::new(Xgboost::new(shares(XgboostParams::cox())).unwrap()),
        ),
        (
            "xgboost aft",
            Box::new(Xgboost::new(shares(XgboostParams::aft())).unwrap()),
        ),
        (
            "unseeded xgboost exact",
            Box::new(Xgboost::new(exact).unwrap()),
        ),
        (
            "unseeded svm vanbelle1",
            Box::new(Svm::new(SvmParams::vanbelle1()).unwrap()),
        ),
        ("unseeded cox", Box::new(Cox::efron())),
        ("unseeded cox breslow", Box::new(Cox::breslow())),
        (
            "deepsurv",
            Box::new(DeepSurv::new(DeepSurvParams::tuned()).unwrap()),
        ),
        (
            "dnnsurv",
            Box::new(DnnSurv::new(DnnSurvParams::paper()).unwrap()),
        ),
    ]
}

fn gbm(best_iteration: BestIteration) -> Gbm {
    Gbm::new(GbmParams {
        best_iteration,
        ..GbmParams::gbm()
    })
    .unwrap()
}

fn svm(rank_ratio: f64, kernel: SvmKernel) -> Svm {
    let loss = SvmLoss::SquaredHinge {
        alpha: 0.1,
        rank_ratio,
        ties: TiedTimes::Random,
    };
    Svm::new(SvmParams {
        loss,
        kernel,
        ..SvmParams::sksurv()
    })
    .unwrap()
}

/// Every share below 1, small steps.
fn shares(params: XgboostParams) -> XgboostParams {
    XgboostParams {
        subsample: 0.8,
        colsample_bytree: 0.9,
        colsample_bylevel: 0.9,
        colsample_bynode: 0.9,
        n_rounds: 60,
        max_depth: 3,
        eta: 0.1,
        ..params
    }
}

/// Uniform numbers in (0, 1) from a linear congruential generator: the same everywhere, no draws of the house.
struct Uniform(u64);

impl Uniform {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        ((self.0 >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }
}

/// `n` patients whose hazard rises with the first column; times in whole months, so that they tie.
fn cohort(n: usize, p: usize) -> (Array2<f64>, Vec<String>, FollowUp) {
    let mut uniform = Uniform(7);
    let x = Array2::from_shape_fn((n, p), |_| 4.0 * uniform.next() - 2.0);
    let (mut time, mut event) = (Vec::new(), Vec::new());
    for row in 0..n {
        let first = if p > 0 { x[[row, 0]] } else { 0.0 };
        let until_event = -30.0 * libm::log(uniform.next()) * libm::exp(-first);
        let until_censoring = 60.0 * uniform.next();
        time.push(until_event.min(until_censoring).ceil());
        event.push(until_event <= until_censoring);
    }
    (x, names(p), FollowUp::new(time, event).unwrap())
}

fn names(p: usize) -> Vec<String> {
    (0..p).map(|j| format!("f{j}")).collect()
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|v| v.to_bits()).collect()
}

fn risk_bits(model: &dyn Model, x: &Array2<f64>) -> Vec<u64> {
    bits(model.risk(x.view()).unwrap().values())
}

#[test]
fn the_same_seed_gives_the_same_bits_on_any_number_of_threads() {
    let (x, names, f) = cohort(120, 6);
    for (name, learner) in learners() {
        let run = |threads: usize, seed: u64| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| {
                let model = learner.fit(x.view(), &names, &f, seed).unwrap();
                let survival = model.survival(x.view(), &[12.0, 36.0]).map(|s| s.unwrap());
                let survival = survival.map(|s| bits(s.as_slice().unwrap()));
                (model.parts(), risk_bits(model.as_ref(), &x), survival)
            })
        };
        let one = run(1, 5);
        for threads in [2, 8] {
            assert!(run(threads, 5) == one, "{name} on {threads} threads");
        }
        if !name.starts_with("unseeded") {
            assert!(run(1, 6).1 != one.1, "{name} ignores its seed");
        }
    }
}

#[test]
fn a_higher_risk_is_worse() {
    let (x, names, f) = cohort(400, 3);
    let (train, test): (Vec<usize>, Vec<usize>) = (0..400).partition(|i| i % 2 == 0);
    for (name, learner) in learners() {
        let model = learner
            .fit(
                x.select(Axis(0), &train).view(),
                &names,
                &f.select(&train),
                1,
            )
            .unwrap();
        let unseen = x.select(Axis(0), &test);
        let risk = model.risk(unseen.view()).unwrap();
        let c = harrell(risk.values(), &f.select(&test));
        assert!(c > 0.7, "{name}: {c}");
        if let Some(survival) = model.survival(unseen.view(), &[24.0]) {
            let death: Vec<f64> = survival.unwrap().iter().map(|s| 1.0 - s).collect();
            assert!(harrell(&death, &f.select(&test)) > 0.7, "{name} survival");
        }
    }
}

#[test]
fn survival_falls_from_one_and_stays_a_probability() {
    let (x, names, f) = cohort(100, 3);
    let times = [0.0, 3.0, 3.0, 12.0, 60.0, 1e6];
    for (name, learner) in learners() {
        let model = learner.fit(x.view(), &names, &f, 1).unwrap();
        let Some(survival) = model.survival(x.view(), &times) else {
            continue;
        };
        for row in survival.unwrap().rows() {
            assert!(row.iter().all(|s| (0.0..=1.0).contains(s)), "{name}");
            assert!(
                row.windows(2).into_iter().all(|w| w[0] >= w[1]),
                "{name} {row}"
            );
            assert_eq!(row[1], row[2]);
        }
    }
}

#[test]
fn the_last_time_is_that_of_the_training_follow_up_and_survival_is_held_beyond() {
    let (x, names, follow_up) = cohort(60, 3);
    let last = follow_up.time().iter().copied().fold(0.0, f64::max);
    let mut told = 0;
    for (name, learner) in learners() {
        let model = learner.fit(x.view(), &names, &follow_up, 3).unwrap();
        let Some(time) = model.last_time() else {
            continue;
        };
        told += 1;
        assert_eq!(time, last, "{name}");
        let survival = model.survival(x.view(), &[last, 10.0 * last]);
        let survival = survival.unwrap().unwrap();
        assert_eq!(survival.column(0), survival.column(1), "{name}");
    }
    // forests, boosting, XGBoost's cox, Cox and DeepSurv; not support vector machines, aft and DNNSurv
    assert_eq!(told, 12);
}

#[test]
fn what_cannot_be_learnt_from_is_refused_by_name() {
    let (x, names, f) = cohort(30, 2);
    let censored = FollowUp::new(f.time().to_vec(), vec![false; 30]).unwrap();
    let mut hole = x.clone();
    hole[[3, 1]] = f64::NAN;
    for (_, learner) in learners() {
        let refused = |x: &Array2<f64>, names: &[String], f: &FollowUp| {
            learner.fit(x.view(), names, f, 0).unwrap_err()
        };
        assert_eq!(refused(&x, &names, &censored), FitError::NoEvent { n: 30 });
        let one = (x.select(Axis(0), &[0]), f.select(&[0]));
        let (n, at_least) = (1, 2);
        assert_eq!(
            refused(&one.0, &names, &one.1),
            FitError::TooFewPatients { n, at_least }
        );
        let (rows, patients) = (30, 5);
        let few = f.select(&[0, 1, 2, 3, 4]);
        assert_eq!(refused(&x, &names, &few), FitError::Rows { rows, patients });
        let (columns, one_name) = (2, 1);
        let wrong = FitError::Names {
            columns,
            names: one_name,
        };
        assert_eq!(refused(&x, &names[..1], &f), wrong);
        let said = refused(&hole, &names, &f).to_string();
        assert_eq!(said, "feature f1 in row 3 is NaN, must be finite");
    }
}

#[test]
fn a_wrong_matrix_is_refused_at_prediction() {
    let (x, names, f) = cohort(40, 2);
    for (_, learner) in learners() {
        let model = learner.fit(x.view(), &names, &f, 0).unwrap();
        let narrow = x.select(Axis(1), &[0]);
        let (columns, expected) = (1, 2);
        let error = PredictError::Columns { columns, expected };
        assert_eq!(model.risk(narrow.view()).unwrap_err(), error);
        let mut hole = x.clone();
        hole[[7, 0]] = f64::INFINITY;
        let said = model.risk(hole.view()).unwrap_err().to_string();
        assert_eq!(said, "feature f0 in row 7 is inf, must be finite");
        if let Some(survival) = model.survival(x.view(), &[12.0, -1.0]) {
            let (index, value) = (1, -1.0);
            assert_eq!(survival.unwrap_err(), PredictError::Time { index, value });
        }
    }
}

#[test]
fn without_features_everybody_has_one_risk() {
    let (x, names, f) = cohort(50, 0);
    for (name, learner) in learners() {
        let model = learner.fit(x.view(), &names, &f, 0).unwrap();
        let risk = model.risk(x.view()).unwrap();
        assert!(
            risk.values().iter().all(|r| *r == risk.values()[0]),
            "{name}"
        );
        assert_eq!(risk.values().len(), 50);
    }
}

#[test]
fn plain_data_comes_back_with_the_same_bits() {
    let (x, names, f) = cohort(80, 4);
    for (name, learner) in learners() {
        let model = learner.fit(x.view(), &names, &f, 9).unwrap();
        let again = model.parts().into_model().unwrap();
        assert_eq!(again.feature_names(), model.feature_names());
        assert_eq!(again.holds_training_rows(), model.holds_training_rows());
        assert_eq!(again.out_of_bag_risk(), model.out_of_bag_risk());
        assert_eq!(again.importance(), model.importance(), "{name}");
        assert!(again.parts() == model.parts(), "{name}");
        assert_eq!(
            risk_bits(again.as_ref(), &x),
            risk_bits(model.as_ref(), &x),
            "{name}"
        );
        let times = [1.0, 10.0, 50.0];
        let survival = |m: &dyn Model| m.survival(x.view(), &times).map(|s| s.unwrap());
        assert_eq!(survival(again.as_ref()), survival(model.as_ref()), "{name}");
    }
}

#[test]
fn column_order_in_memory_does_not_matter() {
    let (x, names, f) = cohort(60, 3);
    let fortran = x.t().as_standard_layout().to_owned();
    for (name, learner) in learners() {
        let model = learner.fit(x.view(), &names, &f, 2).unwrap();
        let other = learner.fit(fortran.t(), &names, &f, 2).unwrap();
        assert!(model.parts() == other.parts(), "{name}");
        let risk = bits(other.risk(fortran.t()).unwrap().values());
        assert_eq!(risk, risk_bits(model.as_ref(), &x), "{name}");
    }
}

#[test]
fn a_patient_alone_has_the_bits_that_it_has_among_others() {
    let (x, names, f) = cohort(50, 3);
    for (name, learner) in learners() {
        let model = learner.fit(x.view(), &names, &f, 4).unwrap();
        let together = risk_bits(model.as_ref(), &x);
        let times = [6.0, 30.0];
        let survival = |x: &Array2<f64>| model.survival(x.view(), &times).map(|s| s.unwrap());
        let curves = survival(&x);
        for row in [0, 17, 49] {
            let alone = x.select(Axis(0), &[row]);
            assert_eq!(
                risk_bits(model.as_ref(), &alone),
                together[row..=row],
                "{name}"
            );
            let curve = survival(&alone).map(|s| bits(&s.into_raw_vec_and_offset().0));
            let among = curves.as_ref().map(|s| bits(&s.row(row).to_vec()));
            assert_eq!(curve, among, "{name}");
        }
        let nobody = x.select(Axis(0), &[]);
        assert!(
            model.risk(nobody.view()).unwrap().values().is_empty(),
            "{name}"
        );
    }
}

#[test]
fn constant_and_duplicated_columns() {
    let (x, _, f) = cohort(80, 2);
    let constant = concatenate![Axis(1), x, Array2::ones((80, 1))];
    let duplicated = concatenate![Axis(1), x, x.select(Axis(1), &[0])];
    for (name, learner) in learners() {
        if name.contains("unseeded cox") {
            continue;
        }
        for x in [&constant, &duplicated] {
            let model = learner.fit(x.view(), &names(3), &f, 0).unwrap();
            let c = harrell(model.risk(x.view()).unwrap().values(), &f);
            assert!(c > 0.7, "{name}: {c}");
        }
    }
    let refused = |x: &Array2<f64>| Cox::efron().fit(x.view(), &names(3), &f, 0).unwrap_err();
    let feature = || "f2".to_owned();
    assert_eq!(
        refused(&constant),
        FitError::Cox(CoxError::ConstantFeature { feature: feature() })
    );
    assert_eq!(
        refused(&duplicated),
        FitError::Cox(CoxError::Collinear { feature: feature() })
    );
}

#[test]
fn columns_that_are_all_constant_are_no_columns() {
    let (_, _, f) = cohort(50, 0);
    // values whose mean is rounded
    let x = Array2::from_shape_fn((50, 3), |(_, j)| [0.1, 3.25e7 / 3.0, -7e-9][j]);
    for (name, learner) in learners() {
        if name.contains("unseeded cox") {
            continue;
        }
        let model = learner
            .fit(x.view(), &names(3), &f, 0)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let risk = model.risk(x.view()).unwrap();
        let first = risk.values()[0];
        assert!(risk.values().iter().all(|r| *r == first), "{name}");
    }
}

#[test]
fn more_features_than_patients() {
    let (x, names, f) = cohort(12, 40);
    let (features, events) = (40, f.n_events());
    let refused = Cox::efron().fit(x.view(), &names, &f, 0).unwrap_err();
    assert_eq!(refused, FitError::TooManyFeatures { features, events });
    for (name, learner) in learners() {
        if name.contains("unseeded cox") {
            continue;
        }
        let model = learner.fit(x.view(), &names, &f, 0).unwrap();
        let risk = model.risk(x.view()).unwrap();
        assert!(risk.values().iter().all(|r| r.is_finite()), "{name}");
    }
}

#[test]
fn importance_is_one_number_a_feature_and_finds_the_one_that_matters() {
    let (x, names, f) = cohort(200, 5);
    for (name, learner) in learners() {
        let model = learner.fit(x.view(), &names, &f, 1).unwrap();
        let Some(importance) = model.importance() else {
            continue;
        };
        assert_eq!(importance.len(), 5, "{name}");
        let others = importance[1..].iter().copied().fold(0.0, f64::max);
        assert!(importance[0] > others, "{name}: {importance:?}");
    }
}

#[test]
fn two_patients() {
    let (x, names, _) = cohort(2, 2);
    let f = FollowUp::new(vec![3.0, 7.0], vec![true, false]).unwrap();
    for (name, learner) in learners() {
        match learner.fit(x.view(), &names, &f, 0) {
            Ok(model) => assert_eq!(model.risk(x.view()).unwrap().values().len(), 2, "{name}"),
            Err(
                FitError::TooManyFeatures { .. }
                | FitError::TooFewPatients { .. }
                | FitError::TooFewEvents { .. },
            ) => {}
            Err(error) => panic!("{name}: {error}"),
        }
    }
}

#[test]
fn all_events_at_one_time() {
    let (x, names, _) = cohort(20, 2);
    let event: Vec<bool> = (0..20).map(|i| i % 2 == 0).collect();
    let f = FollowUp::new(vec![5.0; 20], event).unwrap();
    for (name, learner) in learners() {
        // a fit, or a refusal that says why; never a panic and never a number that is none
        match learner.fit(x.view(), &names, &f, 0) {
            Ok(model) => assert_eq!(model.risk(x.view()).unwrap().values().len(), 20, "{name}"),
            Err(error) => assert!(matches!(error, FitError::Cox(_)), "{name}: {error}"),
        }
    }
}

#[test]
fn training_rows_are_in_kernel_machines_only() {
    let (x, names, f) = cohort(40, 2);
    for (name, learner) in learners() {
        let kernel = ["svm rbf", "svm polynomial", "svm clinical"].contains(&name);
        let model = learner.fit(x.view(), &names, &f, 0).unwrap();
        assert_eq!(model.holds_training_rows(), kernel, "{name}");
    }
}

/// Every number of a model's plain data, as it is written.
fn numbers_in(model: &dyn Model) -> BTreeSet<String> {
    format!("{:?}", model.parts())
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn no_training_row_can_be_read_from_a_model_that_says_it_holds_none() {
    let (x, names, f) = cohort(60, 4);
    for (name, learner) in learners() {
        let model = learner.fit(x.view(), &names, &f, 3).unwrap();
        if model.holds_training_rows() {
            continue;
        }
        let numbers = numbers_in(model.as_ref());
        for row in x.rows() {
            let seen = row.iter().filter(|v| numbers.contains(&format!("{v:?}")));
            assert!(seen.count() < 2, "{name}: values of {row} are in the model");
        }
    }
}

#[test]
fn a_time_of_zero_has_no_logarithm() {
    let (x, names, f) = cohort(20, 2);
    let mut time = f.time().to_vec();
    time[4] = 0.0;
    let f = FollowUp::new(time, f.event().to_vec()).unwrap();
    let aft = Xgboost::new(XgboostParams::aft()).unwrap();
    let learners: [&dyn Learner; 2] = [&svm(0.5, SvmKernel::Linear), &aft];
    for learner in learners {
        assert_eq!(
            learner
                .fit(x.view(), &names, &f, 0)
                .unwrap_err()
                .to_string(),
            "time in row 4 is 0, must be above 0 for a model of log time"
        );
    }
}

#[test]
fn too_large_an_mtry_is_refused() {
    let (x, names, f) = cohort(20, 2);
    let params = RsfParams {
        mtry: survival::Mtry::Count(3),
        ..RsfParams::careful()
    };
    let refused = Rsf::new(params)
        .unwrap()
        .fit(x.view(), &names, &f, 0)
        .unwrap_err();
    let (mtry, features) = (3, 2);
    assert_eq!(refused, FitError::Mtry { mtry, features });
}

/// Values at the ends of what a number can be, and plain ones between them.
const EDGES: [f64; 12] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    5e-324,
    -1e-300,
    1e-300,
    1e16,
    1e200,
    -1e300,
    f64::MAX,
    f64::MIN,
];

#[test]
fn numbers_at_the_ends_of_their_range_give_finite_risks_or_a_reason() {
    let mut uniform = Uniform(11);
    for round in 0..12 {
        let n = 6 + 3 * round;
        let mut draw = |count: usize| (uniform.next() * count as f64) as usize;
        let x = Array2::from_shape_fn((n, 3), |(i, j)| match (round + j) % 3 {
            0 => EDGES[draw(12)],
            1 => EDGES[draw(6)] + i as f64,
            _ => i as f64 * 1e150,
        });
        let time: Vec<f64> = (0..n)
            .map(|i| match round % 4 {
                0 => [5e-324, 1e-300, 1.0, 1e300][draw(4)],
                _ => (1 + i) as f64,
            })
            .collect();
        let event: Vec<bool> = (0..n).map(|i| i == 1 || draw(3) > 0).collect();
        let f = FollowUp::new(time.clone(), event).unwrap();
        for (name, learner) in learners() {
            let model = match learner.fit(x.view(), &names(3), &f, 0) {
                Ok(model) => model,
                Err(error) => {
                    // trees see order only
                    let trees = ["rsf", "gbm", "xgboost"].iter().any(|t| name.contains(t));
                    assert!(!trees, "{name}: {error}");
                    continue;
                }
            };
            if let Ok(risk) = model.risk(x.view()) {
                assert!(risk.values().iter().all(|r| r.is_finite()), "{name}");
            }
            if let Some(Ok(survival)) = model.survival(x.view(), &time) {
                let sound = survival.iter().all(|s| (0.0..=1.0).contains(s));
                assert!(sound, "{name} round {round}");
            }
            assert!(model.parts().into_model().is_ok(), "{name}");
        }
    }
}
