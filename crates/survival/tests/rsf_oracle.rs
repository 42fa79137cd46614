//! The random survival forest against ranger 0.14.1 and scikit-survival 0.28.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod common;

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
        let mut seen = 0.0;
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
        }
        eprintln!("{name}: out-of-bag C {seen:.4}, ranger {expected:.4}");
        close(seen, expected, 0.01, name);
    }
}
