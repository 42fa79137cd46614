//! Support vector machines against scikit-survival 0.28 and R survivalsvm 0.0.6.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod common;

use cohort::FollowUp;
use common::{Data, close, cross_validated_c, harrell, json, numbers};
use ndarray::{Array2, Axis};
use survival::{
    Learner, Model, ModelParts, Svm, SvmDecision, SvmKernel, SvmLoss, SvmParams, SvmScaling,
    TiedTimes,
};

const DATA: [&str; 5] = ["veteran", "pbc", "gbsg", "breast_cancer", "nsclc_radiomics"];
const WITH_RBF: [&str; 3] = ["veteran", "pbc", "breast_cancer"];

fn svm(kernel: SvmKernel, rank_ratio: f64, alpha: f64, ties: TiedTimes) -> Svm {
    let loss = SvmLoss::SquaredHinge {
        alpha,
        rank_ratio,
        ties,
    };
    Svm::new(SvmParams {
        loss,
        kernel,
        ..SvmParams::sksurv()
    })
    .unwrap()
}

/// NumPy's legacy generator, of which the reference draws its order of tied times.
struct MersenneTwister {
    state: [u32; 624],
    next: usize,
}

impl MersenneTwister {
    fn new(seed: u32) -> MersenneTwister {
        let mut state = [seed; 624];
        for i in 1..624 {
            let last = state[i - 1] ^ (state[i - 1] >> 30);
            state[i] = last.wrapping_mul(1_812_433_253).wrapping_add(i as u32);
        }
        MersenneTwister { state, next: 624 }
    }

    fn draw(&mut self) -> u32 {
        if self.next == 624 {
            for i in 0..624 {
                let bits =
                    (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % 624] & 0x7fff_ffff);
                let twist = if bits & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[i] = self.state[(i + 397) % 624] ^ (bits >> 1) ^ twist;
            }
            self.next = 0;
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    fn up_to(&mut self, max: u32) -> u32 {
        let mask = u32::MAX >> max.leading_zeros();
        loop {
            let value = self.draw() & mask;
            if value <= max {
                return value;
            }
        }
    }
}

/// Rows as scikit-survival orders them with `random_state = 0`.
fn their_order(follow_up: &FollowUp) -> Vec<usize> {
    let time = follow_up.time();
    let mut rows: Vec<usize> = (0..time.len()).collect();
    rows.sort_by(|&a, &b| time[a].total_cmp(&time[b]));
    let mut draws = MersenneTwister::new(0);
    for tied in rows.chunk_by_mut(|&a, &b| time[a] == time[b]) {
        for last in (1..tied.len()).rev() {
            tied.swap(last, draws.up_to(last as u32) as usize);
        }
    }
    rows
}

/// A fit on the rows in their order, so that ties are resolved as theirs are.
fn fit_in_their_order(data: &Data, learner: &Svm) -> Box<dyn Model> {
    let order = their_order(&data.follow_up);
    let x: Array2<f64> = data.x.select(Axis(0), &order);
    let f = data.follow_up.select(&order);
    learner.fit(x.view(), &data.names, &f, 0).unwrap()
}

fn linear(model: &dyn Model) -> (Vec<f64>, f64) {
    let ModelParts::Svm(parts) = model.parts() else {
        panic!("not a support vector machine")
    };
    let SvmDecision::Linear { coefficients } = parts.decision else {
        panic!("not linear")
    };
    (coefficients, parts.intercept)
}

#[test]
fn linear_coefficients_are_scikit_survivals() {
    for name in DATA {
        let Some(data) = Data::read(name) else { return };
        let oracle = json(&format!("j_svm/sksurv_{name}.json")).unwrap();
        for rank_ratio in [1.0, 0.5, 0.0] {
            for alpha in [1.0, 0.01] {
                let what = format!("linear_rr{rank_ratio:.1}_alpha{}", text(alpha));
                let learner = svm(SvmKernel::Linear, rank_ratio, alpha, TiedTimes::RowOrder);
                let model = fit_in_their_order(&data, &learner);
                let (coefficients, intercept) = linear(model.as_ref());
                let expected = numbers(&oracle[&what]["coef"]);
                let apart = coefficients
                    .iter()
                    .zip(&expected)
                    .map(|(a, b)| (a - b).abs());
                let apart = apart.fold(0.0, f64::max);
                eprintln!("{name} {what}: coefficients {apart:.1e} apart");
                close(apart, 0.0, 1e-5, &format!("{name} {what}"));
                if rank_ratio < 1.0 {
                    let expected = oracle[&what]["intercept"].as_f64().unwrap();
                    close(
                        intercept,
                        expected,
                        1e-5,
                        &format!("{name} {what} intercept"),
                    );
                }
            }
        }
    }
}

fn text(alpha: f64) -> String {
    if alpha == 1.0 {
        "1.0".to_owned()
    } else {
        alpha.to_string()
    }
}

#[test]
fn rbf_predictions_are_scikit_survivals() {
    for name in WITH_RBF {
        let Some(data) = Data::read(name) else { return };
        let oracle = json(&format!("j_svm/sksurv_{name}.json")).unwrap();
        for rank_ratio in [1.0, 0.5] {
            let what = format!("rbf_rr{rank_ratio:.1}_alpha1");
            let kernel = SvmKernel::Rbf { gamma: None };
            let learner = svm(kernel, rank_ratio, 1.0, TiedTimes::RowOrder);
            let model = fit_in_their_order(&data, &learner);
            assert!(model.holds_training_rows());
            let risk = model.risk(data.x.view()).unwrap();
            let expected = numbers(&oracle[&what]["pred"]);
            let score = |row: usize| match rank_ratio < 1.0 {
                true => -libm::log(expected[row]),
                false => expected[row],
            };
            let apart = (0..expected.len()).map(|i| (risk.values()[i] - score(i)).abs());
            let apart = apart.fold(0.0, f64::max);
            eprintln!("{name} {what}: {apart:.1e} apart");
            // on veteran their iterations end at their tolerance
            let tolerance = if name == "veteran" { 1e-3 } else { 1e-6 };
            close(apart, 0.0, tolerance, &format!("{name} {what}"));
        }
    }
}

#[test]
fn vanbelle1_predictions_are_survivalsvms() {
    let Some(data) = Data::read("veteran") else {
        return;
    };
    let oracle = &json("j_svm/survivalsvm_veteran.json").unwrap()["vanbelle1_lin_kernel"];
    let learner = Svm::new(SvmParams::vanbelle1()).unwrap();
    let model = learner
        .fit(data.x.view(), &data.names, &data.follow_up, 0)
        .unwrap();
    let risk = model.risk(data.x.view()).unwrap();
    for (row, expected) in numbers(&oracle["pred"]).iter().enumerate() {
        close(-risk.values()[row], *expected, 1e-3, &format!("row {row}"));
    }
    let expected = oracle["harrell_c_pred_as_time"].as_f64().unwrap();
    let seen = harrell(risk.values(), &data.follow_up);
    eprintln!("C {seen:.4}, theirs {expected:.4}");
    close(seen, expected, 0.001, "concordance");
}

#[test]
fn cross_validated_concordance_is_scikit_survivals_over_orders_of_ties() {
    for name in DATA {
        let Some(data) = Data::read(name) else { return };
        let oracle = json(&format!("j_svm/sksurv_{name}.json")).unwrap();
        for (rank_ratio, alpha) in [
            (1.0, 1.0),
            (1.0, 0.01),
            (0.5, 1.0),
            (0.5, 0.01),
            (0.0, 1.0),
            (0.0, 0.01),
        ] {
            let what = format!("linear_rr{rank_ratio:.1}_alpha{}", text(alpha));
            let folds = numbers(&oracle[&what]["cv_cindex_folds"]);
            let expected = folds.iter().sum::<f64>() / 5.0;
            let learner = svm(SvmKernel::Linear, rank_ratio, alpha, TiedTimes::Random);
            let seen = (0..5)
                .map(|seed| cross_validated_c(&data, &learner, seed))
                .sum::<f64>()
                / 5.0;
            eprintln!("{name} {what}: C {seen:.4}, theirs {expected:.4}");
            close(seen, expected, 0.005, &format!("{name} {what}"));
        }
    }
}

#[test]
fn one_minimum_by_every_way() {
    // 36 patients, 85 columns: through the inner products; and the same with a linear kernel written as a polynomial one
    let Some(data) = Data::read("cervix_dcemri") else {
        return;
    };
    for rank_ratio in [1.0, 0.5] {
        let linear = svm(SvmKernel::Linear, rank_ratio, 1.0, TiedTimes::RowOrder);
        let kernel = SvmKernel::Polynomial {
            degree: 1,
            gamma: Some(1.0),
            coef0: 0.0,
        };
        let kernel = svm(kernel, rank_ratio, 1.0, TiedTimes::RowOrder);
        let fit = |learner: &Svm| {
            let f = &data.follow_up;
            let model = learner.fit(data.x.view(), &data.names, f, 0).unwrap();
            model.risk(data.x.view()).unwrap()
        };
        let (a, b) = (fit(&linear), fit(&kernel));
        for (row, (a, b)) in a.values().iter().zip(b.values()).enumerate() {
            close(*a, *b, 1e-7, &format!("row {row}"));
        }
    }
}

#[test]
fn scaling_is_what_the_parameter_says() {
    let Some(data) = Data::read("veteran") else {
        return;
    };
    let fit = |scaling| {
        let params = SvmParams {
            scaling,
            ..SvmParams::vanbelle1()
        };
        let model = Svm::new(params).unwrap();
        let model = model
            .fit(data.x.view(), &data.names, &data.follow_up, 0)
            .unwrap();
        let ModelParts::Svm(parts) = model.parts() else {
            panic!("not a support vector machine")
        };
        parts.scale
    };
    let (n, sample) = (data.x.nrows() as f64, fit(SvmScaling::SampleSd));
    for (seen, sample) in fit(SvmScaling::PopulationSd).iter().zip(sample) {
        close(
            *seen,
            sample * ((n - 1.0) / n).sqrt(),
            1e-12,
            "standard deviation",
        );
    }
}
