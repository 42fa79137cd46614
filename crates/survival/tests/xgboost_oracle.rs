//! XGBoost's trees against XGBoost 3.2.0.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod common;

use common::{Data, close, cross_validated_c, json, numbers};
use serde_json::Value;
use survival::{
    AftDistribution, Learner, Model, ModelParts, TreeMethod, Xgboost, XgboostModel,
    XgboostObjective, XgboostParams, XgboostTree,
};

const DATA: [&str; 5] = ["veteran", "pbc", "gbsg", "breast_cancer", "nsclc_radiomics"];
const HIST: TreeMethod = TreeMethod::Hist { max_bin: 256 };

fn aft(distribution: AftDistribution, scale: f64) -> XgboostObjective {
    XgboostObjective::Aft {
        distribution,
        scale,
    }
}

fn params(objective: XgboostObjective, tree_method: TreeMethod, n_rounds: usize) -> XgboostParams {
    XgboostParams {
        objective,
        tree_method,
        n_rounds,
        eta: 0.1,
        max_depth: 3,
        ..XgboostParams::cox()
    }
}

fn kinds() -> [(&'static str, XgboostObjective, TreeMethod); 4] {
    let normal = aft(AftDistribution::Normal, 1.0);
    [
        (
            "survival:cox|exact",
            XgboostObjective::Cox,
            TreeMethod::Exact,
        ),
        ("survival:cox|hist", XgboostObjective::Cox, HIST),
        ("survival:aft|exact", normal, TreeMethod::Exact),
        ("survival:aft|hist", normal, HIST),
    ]
}

fn fit(data: &Data, params: XgboostParams) -> Box<dyn Model> {
    let learner = Xgboost::new(params).unwrap();
    learner
        .fit(data.x.view(), &data.names, &data.follow_up, 0)
        .unwrap()
}

/// Largest difference of the margins from those expected.
fn apart(data: &Data, model: &dyn Model, cox: bool, expected: &[f64]) -> f64 {
    let risk = model.risk(data.x.view()).unwrap();
    let sign = if cox { 1.0 } else { -1.0 };
    let apart = risk
        .values()
        .iter()
        .zip(expected)
        .map(|(a, b)| (sign * a - b).abs());
    apart.fold(0.0, f64::max)
}

fn parts(model: &dyn Model) -> XgboostModel {
    match model.parts() {
        ModelParts::Xgboost(parts) => parts,
        other => panic!("{other:?}"),
    }
}

#[test]
fn margins_are_xgboosts() {
    for name in DATA {
        let Some(data) = Data::read(name) else { return };
        let oracle = json(&format!("i_xgboost/{name}.json")).unwrap();
        for (kind, objective, method) in kinds() {
            for rounds in [1, 10, 100] {
                let model = fit(&data, params(objective, method, rounds));
                let expected = numbers(&oracle[kind][format!("margin_{rounds}")]);
                let cox = objective == XgboostObjective::Cox;
                let apart = apart(&data, model.as_ref(), cox, &expected);
                eprintln!("{name} {kind} after {rounds} rounds: {apart:.1e} apart");
                // to the bit: every sum and rounding is in their order
                close(apart, 0.0, 0.0, &format!("{name} {kind} after {rounds}"));
            }
        }
    }
}

#[test]
fn other_distributions_are_xgboosts() {
    for name in DATA {
        let Some(data) = Data::read(name) else { return };
        let oracle = json(&format!("i_xgboost/{name}.json")).unwrap();
        for (kind, objective) in [
            ("aft_logistic_1.0", aft(AftDistribution::Logistic, 1.0)),
            ("aft_extreme_1.0", aft(AftDistribution::Extreme, 1.0)),
            ("aft_normal_1.2", aft(AftDistribution::Normal, 1.2)),
        ] {
            let model = fit(&data, params(objective, TreeMethod::Exact, 10));
            let expected = numbers(&oracle[format!("{kind}_exact_margin10")]);
            let apart = apart(&data, model.as_ref(), false, &expected);
            eprintln!("{name} {kind}: {apart:.1e} apart");
            close(apart, 0.0, 0.0, &format!("{name} {kind}"));
        }
    }
}

#[test]
fn the_start_is_xgboosts() {
    for name in DATA {
        let Some(data) = Data::read(name) else { return };
        let oracle = json(&format!("i_xgboost/{name}.json")).unwrap();
        for (kind, objective, method) in kinds() {
            let model = fit(&data, params(objective, method, 1));
            let text = oracle[kind]["base_score_config"].as_str().unwrap();
            let expected: f64 = text.trim_matches(['[', ']']).parse().unwrap();
            close(
                f64::from(parts(model.as_ref()).base_score),
                expected,
                1e-6,
                name,
            );
        }
    }
}

/// Compares a subtree; returns how many nodes it has.
fn same_tree(ours: &XgboostTree, node: usize, theirs: &Value, what: &str) -> usize {
    let single = |seen: f32, key: &str| {
        let expected = theirs[key].as_f64().unwrap();
        close(
            f64::from(seen),
            expected,
            2e-5 * expected.abs().max(1e-2),
            &format!("{what} {key}"),
        );
    };
    single(ours.cover[node], "cover");
    if ours.left[node] == 0 {
        single(ours.threshold[node], "leaf");
        return 1;
    }
    assert_eq!(
        theirs["split"].as_str().unwrap(),
        format!("f{}", ours.feature[node]),
        "{what}"
    );
    single(ours.threshold[node], "split_condition");
    single(ours.gain[node], "gain");
    let left = ours.left[node] as usize;
    let children = &theirs["children"];
    1 + same_tree(ours, left, &children[0], what) + same_tree(ours, left + 1, &children[1], what)
}

#[test]
fn trees_are_xgboosts_cut_by_cut() {
    let mut nodes = 0;
    for name in ["veteran", "pbc", "gbsg", "breast_cancer"] {
        let Some(data) = Data::read(name) else { return };
        let oracle = json(&format!("i_xgboost/{name}.json")).unwrap();
        for (kind, objective, method) in kinds() {
            let model = parts(fit(&data, params(objective, method, 10)).as_ref());
            for (k, tree) in model.trees.iter().enumerate() {
                let what = format!("{name} {kind} tree {k}");
                nodes += same_tree(tree, 0, &oracle[kind]["trees"][k], &what);
            }
        }
    }
    assert!(nodes > 1000, "{nodes} nodes");
}

#[test]
fn cross_validated_concordance_is_xgboosts() {
    for name in DATA {
        let Some(data) = Data::read(name) else { return };
        let oracle = json(&format!("i_xgboost/{name}.json")).unwrap();
        for (kind, objective, method) in kinds() {
            let learner = Xgboost::new(params(objective, method, 100)).unwrap();
            let expected = oracle[kind]["cv_cindex_mean"].as_f64().unwrap();
            let seen = cross_validated_c(&data, &learner, 0);
            eprintln!("{name} {kind}: C {seen:.5}, theirs {expected:.5}");
            close(seen, expected, 0.005, &format!("{name} {kind}"));
        }
    }
}
