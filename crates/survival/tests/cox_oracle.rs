//! The Cox learner against R survival 3.5-3.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod common;

use common::{Data, close, json, numbers};
use ndarray::s;
use survival::{Cox, Learner, ModelParts};

#[test]
fn predictions_are_rs() {
    for name in ["veteran", "pbc", "gbsg"] {
        let Some(data) = Data::read(name) else { return };
        for (ties, cox) in [("efron", Cox::efron()), ("breslow", Cox::breslow())] {
            let r = &json(&format!("e_cox/{name}.json")).unwrap()[ties];
            let model = cox
                .fit(data.x.view(), &data.names, &data.follow_up, 0)
                .unwrap();
            let ModelParts::Cox(parts) = model.parts() else {
                panic!("not a Cox model")
            };
            for (feature, beta) in data.names.iter().zip(&parts.coefficients) {
                let expected = r["coef"][feature].as_f64().unwrap();
                close(*beta, expected, 1e-7 * expected.abs().max(1e-3), feature);
            }
            let first = data.x.slice(s![..10, ..]);
            // R centres no 0/1 column, so linear predictors agree up to a constant
            let (seen, expected) = (model.risk(first).unwrap(), numbers(&r["lp_first10"]));
            for row in 1..10 {
                let ours = seen.values()[row] - seen.values()[0];
                close(ours, expected[row] - expected[0], 1e-7, name);
            }
            let times = numbers(&r["surv_first10"]["times"]);
            let survival = model.survival(first, &times).unwrap().unwrap();
            for k in 0..times.len() {
                for (row, expected) in numbers(&r["surv_first10"]["surv"][k]).iter().enumerate() {
                    close(
                        survival[[row, k]],
                        *expected,
                        1e-8,
                        &format!("{name} row {row} time {k}"),
                    );
                }
            }
        }
    }
}
