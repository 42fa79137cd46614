//! A study that goes from predictions to conclusions: what each of its steps receives, and that what learns takes training
//! rows.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::study::{planned, refused};
use pipeline_defs::Plan;

const TAIL: &str = r#"
[steps.dose]
kind = "eqd2"
in = { table = "tables.features" }
[steps.curves]
kind = "kaplan-meier"
in = { table = "tables.features", followup = "tables.followup" }
with = { group = "site" }
[steps.stable]
kind = "stability-selection"
per = ["split"]
in = { table = "x.train", followup = "y.train" }
[steps.selection]
kind = "fit-selection"
per = ["split"]
in = { table = "x.train", followup = "y.train" }
[steps.fit]
kind = { by = "learner", rsf = "fit-rsf", cox = "fit-cox" }
per = ["split", "learner"]
in = { table = "x.train", followup = "y.train" }
[steps.seen]
kind = "predict"
per = ["split", "learner"]
in = { model = "fit.model", table = "x.train" }
[steps.unseen]
kind = "predict"
per = ["split", "learner"]
in = { model = "fit.model", table = "x.test" }
[steps.judge]
kind = "evaluate"
per = ["split", "learner"]
in = { risk = "unseen.risk", survival = "unseen.survival", followup = "y.test", train_followup = "y.train" }
[steps.out_of_bag]
kind = "evaluate"
per = ["split", "learner"]
in = { risk = "seen.risk", followup = "y.train" }
with = { rows = "oob" }
[steps.compare]
kind = "compare"
missing = "exclude"
in = { metrics = ["judge.metrics", "out_of_bag.metrics"] }
[steps.apart]
kind = "auc-comparison"
per = ["split"]
in = { first = "unseen[learner=rsf].risk", second = "unseen[learner=cox].risk", followup = "y.test" }
[steps.rank]
kind = "rank-models"
missing = "exclude"
in = { risks = "unseen.risk", followup = "tables.followup" }
with = { preset = "cv", bootstrap = 200 }
[steps.waterfall]
kind = "optimism-waterfall"
missing = "exclude"
in = { comparison = "compare.comparison", summary = "compare.summary", ranks = "rank.rank" }
[steps.funnel]
kind = "funnel"
missing = "exclude"
in = { selection = "selection.model" }
[steps.score]
kind = "radscore"
missing = "exclude"
in = { test_risk = "unseen.risk", train_risk = "seen.risk", summary = "compare.summary" }
[steps.cut]
kind = "cut-point"
per = ["split"]
in = { table = "x.train", followup = "y.train" }
with = { column = "age" }
[steps.columns]
kind = "model-columns"
per = ["split"]
in = { table = "dose.table", scores = "score.table", cuts = "cut.cut" }
with = { columns = ["age", "radscore"], transform = { age = "log" }, dichotomise = true }
[steps.one_by_one]
kind = "univariable-table"
per = ["split"]
in = { table = "x.train", followup = "y.train", cuts = "cut.cut" }
"#;

/// The axis values of what arrives at a port, the first and the number of them.
fn arrives(plan: &Plan, address: &str, port: &str) -> (String, usize) {
    let task = plan.parse_address(address).unwrap();
    let port = plan.ports(task).iter().find(|p| p.name == port).unwrap();
    let entries = plan.entries(port);
    let axes = plan.entry_axes(&entries[0]);
    let axes: Vec<String> = axes.into_iter().map(|(a, v)| format!("{a}={v}")).collect();
    (axes.join(","), entries.len())
}

#[test]
fn every_step_receives_all_models_with_their_axes() {
    let plan = planned(TAIL, &[]).unwrap_or_else(|p| panic!("{p}"));
    // 2 learners, 2 × 3 folds and the external split
    for (address, port, first, n) in [
        ("compare", "metrics", "learner=rsf,split=r1f1", 28),
        ("rank", "risks", "learner=rsf,split=r1f1", 14),
        ("score", "test_risk", "learner=rsf,split=r1f1", 14),
        ("score", "train_risk", "learner=rsf,split=r1f1", 14),
        ("funnel", "selection", "split=r1f1", 7),
        ("waterfall", "ranks", "", 1),
        ("columns[split=external]", "cuts", "", 1),
        ("apart[split=external]", "first", "", 1),
        ("one_by_one[split=r1f1]", "cuts", "", 1),
    ] {
        assert_eq!(
            arrives(&plan, address, port),
            (first.to_owned(), n),
            "{address} {port}"
        );
    }
}

#[test]
fn what_learns_takes_training_rows_and_test_rows_are_called_so() {
    let table = "[steps.table]\nkind = \"univariable-table\"\nper = [\"split\"]\n\
        in = { table = \"x.test\", followup = \"y.train\" } #!\n";
    refused(
        table,
        "leak",
        "port `table` receives",
        "use the `train` output",
    );
    let test = "[steps.fit]\nkind = \"fit-cox\"\nper = [\"split\"]\nin = { table = \"x.train\", followup = \"y.train\" }\n\
        [steps.predict]\nkind = \"predict\"\nper = [\"split\"]\nin = { model = \"fit.model\", table = \"x.test\" }\n\
        [steps.judge]\nkind = \"evaluate\"\nper = [\"split\"]\nwith = { rows = \"oob\" }\n\
        in = { risk = \"predict.risk\", followup = \"y.test\" } #!\n";
    refused(test, "rows", "`rows` is \"oob\"", "write rows = \"test\"");
}

#[test]
fn a_score_of_the_model_that_test_outcomes_chose_is_a_leak() {
    let external = "with = { chosen_by = \"external\" }\nin = { test_risk = \"unseen.risk\", train_risk = \"seen.risk\", summary = \"compare.summary\" } #!\n";
    let mut tail = TAIL.replace(
        "in = { test_risk = \"unseen.risk\", train_risk = \"seen.risk\", summary = \"compare.summary\" }\n",
        external,
    );
    let problem = refused(
        &tail,
        "leak",
        "the choice of a model by the outcomes of external test patients",
        "write chosen_by = \"cv\"",
    );
    assert_eq!(problem.port.as_deref(), Some("summary"));
    // The paper may, says so, and whatever learns from the score comes from that leak.
    tail.push_str(
        "[steps.rows]\nkind = \"select-rows\"\nin = { table = \"score.table\", split = \"splits[split=external].split\" }\n\
         [steps.z]\nkind = \"cut-point\"\nin = { table = \"rows.train\", followup = \"y[split=external].train\" }\n\
         with = { column = \"radscore\" }\n",
    );
    let allowed = ["profile=paper", "steps.score.allow_leak=\"the paper did\""];
    let plan = planned(&tail, &allowed).unwrap_or_else(|p| panic!("{p}"));
    let leaks: Vec<_> = plan
        .leaks()
        .iter()
        .map(|l| (l.step.as_str(), l.port.as_str()))
        .collect();
    assert_eq!(leaks, [("score", "summary")]);
    let task = plan.parse_address("z").unwrap();
    let behind = plan.leak_behind(pipeline_defs::Origin::Output { task, port: 0 });
    assert_eq!(behind.map(|leak| leak.step.as_str()), Some("score"));
}
