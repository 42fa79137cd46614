//! The random survival forest against ranger 0.14.1 and scikit-survival 0.28.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod common;

use cohort::FollowUp;
use common::{Data, close, cross_validated_c, harrell, json, numbers, with_reference};
use serde_json::Value;
use survival::{Learner, Model, ModelParts, Mtry, Resampling, RiskTimes, Rsf, RsfModel, RsfParams};

const WITH_RANGER: [&str; 5] = ["veteran", "pbc", "gbsg", "breast_cancer", "nsclc_radiomics"];
const WITH_SKSURV: [&str; 4] = ["veteran", "pbc", "breast_cancer", "nsclc_radiomics"];

fn one_tree(risk_times: RiskTimes) -> Rsf {
    Rsf::new(RsfParams {
        n_trees: 1,
        mtry: Mtry::All,
        min_node_size: 15,
        max_depth: Some(3),
        resampling: Resampling::None,
        risk_times,
        importance: false,
    })
    .unwrap()
}

fn fit(learner: &Rsf, data: &Data, seed: u64) -> Box<dyn Model> {
    learner
        .fit(data.x.view(), &data.names, &data.follow_up, seed)
        .unwrap()
}

fn forest(model: &dyn Model) -> RsfModel {
    match model.parts() {
        ModelParts::Rsf(parts) => parts,
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_tree_is_rangers_tree() {
    for name in WITH_RANGER {
        let Some(data) = Data::read(name) else { return };
        let tree = &json(&format!("g_rsf/ranger_{name}.json")).unwrap()["single_tree"];
        let model = fit(&one_tree(RiskTimes::All), &data, 0);
        let parts = forest(model.as_ref());
        let (ours, theirs) = (&parts.trees[0], &tree["nodes"]);
        let n = theirs["nodeID"].as_array().unwrap().len();
        assert_eq!(ours.left.len(), n, "{name}");
        for node in 0..n {
            let left = theirs["leftChild"][node].as_u64().unwrap_or(0);
            assert_eq!(u64::from(ours.left[node]), left, "{name} node {node}");
            if left != 0 {
                let feature = theirs["splitvarID"][node].as_u64().unwrap();
                assert_eq!(u64::from(ours.feature[node]), feature, "{name} node {node}");
                let cut = theirs["splitval"][node].as_f64().unwrap();
                close(ours.threshold[node], cut, 1e-12 * cut.abs(), name);
            }
        }
        let risk = model.risk(data.x.view()).unwrap();
        for (row, expected) in numbers(&tree["risk"]).iter().enumerate() {
            let seen = risk.values()[row];
            close(
                seen,
                *expected,
                1e-9 * expected,
                &format!("{name} risk of row {row}"),
            );
        }
        check_hazard(&data, model.as_ref(), tree, name);
    }
}

fn check_hazard(data: &Data, model: &dyn Model, tree: &Value, name: &str) {
    let times = numbers(&tree["unique_death_times"]);
    let survival = model
        .survival(data.rows(&[0]).view(), &times)
        .unwrap()
        .unwrap();
    for (k, expected) in numbers(&tree["chf_row1"]).iter().enumerate() {
        close(
            -libm::log(survival[[0, k]]),
            *expected,
            1e-9,
            &format!("{name} hazard {k}"),
        );
    }
}

#[test]
fn one_tree_has_scikit_survivals_risk_over_event_times() {
    for name in WITH_SKSURV {
        let Some(data) = Data::read(name) else { return };
        let tree = &json(&format!("g_rsf/sksurv_{name}.json")).unwrap()["single_tree_depth3_msl15"];
        let model = fit(&one_tree(RiskTimes::Events), &data, 0);
        let risk = model.risk(data.x.view()).unwrap();
        for (row, expected) in numbers(&tree["pred_risk"]).iter().enumerate() {
            let seen = risk.values()[row];
            close(
                seen,
                *expected,
                1e-9 * expected,
                &format!("{name} risk of row {row}"),
            );
        }
    }
}

#[test]
fn cross_validated_concordance_is_rangers() {
    let learner = Rsf::new(RsfParams::ranger_defaults()).unwrap();
    for name in WITH_RANGER {
        let Some(data) = Data::read(name) else { return };
        let oracle = json(&format!("g_rsf/ranger_{name}.json")).unwrap();
        let theirs = numbers(&oracle["cv_mean_per_seed"]);
        with_reference(name, &theirs, 5, |seed| {
            cross_validated_c(&data, &learner, seed)
        });
    }
}

#[test]
fn out_of_bag_concordance_is_rangers() {
    for name in WITH_RANGER {
        let Some(data) = Data::read(name) else { return };
        let oracle = json(&format!("g_rsf/ranger_{name}.json")).unwrap();
        let theirs = numbers(&oracle["oob_c"]);
        let expected = theirs.iter().sum::<f64>() / theirs.len() as f64;
        let learner = Rsf::new(RsfParams::ranger_defaults()).unwrap();
        let (mut seen, mut as_ranger) = (0.0, 0.0);
        for seed in 0..5 {
            let model = fit(&learner, &data, seed);
            let risk: Vec<f64> = model
                .out_of_bag_risk()
                .unwrap()
                .iter()
                .map(|r| r.unwrap())
                .collect();
            let c = harrell(&risk, &data.follow_up);
            close(model.out_of_bag_error().unwrap(), 1.0 - c, 1e-15, name);
            seen += c / 5.0;
            as_ranger += rangers_c(&risk, &data.follow_up) / 5.0;
        }
        eprintln!(
            "{name}: out-of-bag C {seen:.4}, counted as ranger counts {as_ranger:.4}, ranger {expected:.4}"
        );
        close(as_ranger, expected, 0.004, name);
    }
}

/// ranger's count: an event and a censoring of one time are a pair, which only equal risks win (by one half).
fn rangers_c(risk: &[f64], follow_up: &FollowUp) -> f64 {
    let (time, event) = (follow_up.time(), follow_up.event());
    let (mut won, mut pairs) = (0.0, 0.0);
    for i in 0..risk.len() {
        for j in i + 1..risk.len() {
            let (first, last) = if time[i] <= time[j] { (i, j) } else { (j, i) };
            let tied = time[i] == time[j];
            if (!tied && !event[first]) || (tied && event[i] == event[j]) {
                continue;
            }
            pairs += 1.0;
            if !tied && risk[first] > risk[last] {
                won += 1.0;
            } else if risk[first] == risk[last] {
                won += 0.5;
            }
        }
    }
    won / pairs
}

/// Mean and standard deviation over seeds 1 to 5 of `ranger(importance = "permutation", num.trees = 500)`, ranger 0.14.1, whole
/// data sets, R 4.2.2.
const IMPORTANCE: [(&str, &[f64], &[f64]); 3] = [
    (
        "veteran",
        &[
            0.000462, 0.026392, 0.016794, 0.001176, 0.091708, 0.001389, -0.005035, 0.000058,
        ],
        &[
            0.000660, 0.001726, 0.000757, 0.000567, 0.000820, 0.000653, 0.001265, 0.000471,
        ],
    ),
    (
        "pbc",
        &[
            -0.000452, 0.014890, 0.000247, 0.011733, 0.001859, 0.001090, 0.012535, 0.073203,
            0.009474, 0.015193, 0.021447, 0.001385, 0.004133, 0.001600, 0.000237, 0.007308,
            0.004753,
        ],
        &[
            0.000189, 0.001110, 0.000195, 0.001499, 0.000359, 0.000129, 0.000465, 0.001635,
            0.000527, 0.001184, 0.000728, 0.000625, 0.001025, 0.000814, 0.000687, 0.000749,
            0.000393,
        ],
    ),
    (
        "gbsg",
        &[
            0.014469, 0.000381, 0.003225, 0.003268, 0.042189, 0.023567, 0.007852, 0.004627,
        ],
        &[
            0.001003, 0.000189, 0.000562, 0.000536, 0.000999, 0.000846, 0.000640, 0.000576,
        ],
    ),
];

#[test]
fn permutation_importance_is_rangers() {
    for (name, theirs, their_spread) in IMPORTANCE {
        let Some(data) = Data::read(name) else { return };
        let learner = Rsf::new(RsfParams {
            importance: true,
            ..RsfParams::ranger_defaults()
        })
        .unwrap();
        let drawn: Vec<Vec<f64>> = (0..5)
            .map(|seed| fit(&learner, &data, seed).importance().unwrap())
            .collect();
        let mut worst: f64 = 0.0;
        for (j, (expected, spread)) in theirs.iter().zip(their_spread).enumerate() {
            let mean = drawn.iter().map(|d| d[j]).sum::<f64>() / 5.0;
            let square: f64 = drawn.iter().map(|d| (d[j] - mean) * (d[j] - mean)).sum();
            let error = ((square / 4.0 + spread * spread) / 5.0).sqrt();
            worst = worst.max((mean - expected).abs());
            // four standard errors of the difference: 33 features are looked at
            let room = (4.0 * error).max(0.002);
            close(mean, *expected, room, &format!("{name} {}", data.names[j]));
        }
        eprintln!("{name}: importance off by at most {worst:.4}");
    }
}
