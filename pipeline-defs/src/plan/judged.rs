//! Whose predictions are judged, against whose outcomes, and which rows count as training rows.

use super::make::Reporter;
use super::scope::{RowSet, Scope, parent, reason_of, record};
use super::{Plan, TaskIdx};
use crate::params::{RadscoreChoice, RadscoreParams};
use crate::study::{Step, Study};

/// Checks one task of a step that judges predictions.
pub(super) fn check(
    plan: &mut Plan,
    study: &Study,
    step: &Step,
    task: TaskIdx,
    inputs: &[(&'static str, Scope)],
    say: &mut Reporter,
) {
    let of = |name: &str| {
        inputs
            .iter()
            .find(|(port, _)| *port == name)
            .map(|(_, s)| *s)
    };
    let Some(risk) = of("risk") else { return };
    for name in ["survival", "followup"] {
        let Some(scope) = of(name).filter(|s| s.rows != risk.rows && s.rows != RowSet::All) else {
            continue;
        };
        let message = format!(
            "port `{name}` receives {}, `risk` {}",
            scope.describe(&plan.axes),
            risk.describe(&plan.axes)
        );
        say.step("rows", step, name, message, "give both the same rows");
    }
    for name in ["train_followup", "train_risk"] {
        if let Some(scope) = of(name) {
            check_training_rows(plan, study, step, task, name, scope, risk, say);
        }
    }
    check_evaluated_rows(plan, step, task, risk, say);
}

/// A score of the model that external outcomes chose: whoever learns from it learns from them.
pub(super) fn check_choice(
    plan: &mut Plan,
    study: &Study,
    step: &Step,
    task: TaskIdx,
    say: &mut Reporter,
) {
    if plan.kind_of(task).name != "radscore" {
        return;
    }
    let params = serde_json::from_str::<RadscoreParams>(plan.params_of(task));
    if params.is_ok_and(|p| p.chosen_by == RadscoreChoice::Cv) {
        return;
    }
    let receives = "the choice of a model by the outcomes of external test patients".to_string();
    if let Some(reason) = reason_of(plan, study, step, task) {
        record(plan, step, task, "summary", receives, reason);
        return;
    }
    let message = format!("port `summary` receives {receives}, from which the score would learn");
    let repair = "write chosen_by = \"cv\" and give the split folds (kfold)";
    say.step("leak", step, "summary", message, repair);
}

/// A port that means training rows takes those of the split whose predictions are judged: all rows would contain the
/// judged ones.
fn check_training_rows(
    plan: &mut Plan,
    study: &Study,
    step: &Step,
    task: TaskIdx,
    port: &str,
    scope: Scope,
    risk: Scope,
    say: &mut Reporter,
) {
    let judged = match risk.rows {
        RowSet::Train(axis) | RowSet::Test(axis) => Some(axis),
        _ => None,
    };
    let splits: Vec<usize> = judged.into_iter().chain(risk.learned).collect();
    let sound = match scope.rows {
        RowSet::Train(axis) => splits.is_empty() || splits.contains(&axis),
        RowSet::None => true,
        _ => false,
    };
    if sound || say.has_said("needs-axis", step, port) {
        return;
    }
    let receives = scope.describe(&plan.axes);
    if let Some(reason) = reason_of(plan, study, step, task) {
        record(plan, step, task, port, receives, reason);
        return;
    }
    let split = splits.first().map_or(String::new(), |&axis| {
        format!(" of `{}`", plan.axes[axis].name)
    });
    let message = format!("port `{port}` means the training rows{split}, receives {receives}");
    let repair = match port {
        "train_risk" => "give it the predictions of the `train` rows",
        _ => "give it the `train` output of the select-rows step that divides the follow-up",
    };
    say.step("rows", step, port, message, repair);
}

/// `rows` says what the predictions are of: `test` only where no test row taught the model.
fn check_evaluated_rows(plan: &Plan, step: &Step, task: TaskIdx, risk: Scope, say: &mut Reporter) {
    let says_test = plan.params_of(task).contains("\"rows\":\"test\"");
    let unseen = match (risk.rows, risk.learned) {
        (RowSet::Test(_), None) => true,
        (RowSet::Test(rows), Some(learned)) => {
            rows == learned || parent(&plan.axes, learned) == Some(rows)
        }
        _ => false,
    };
    if says_test && !unseen && risk.rows != RowSet::None {
        let message = format!(
            "`rows` is \"test\", but port `risk` receives {}",
            risk.describe(&plan.axes)
        );
        say.step(
            "rows",
            step,
            "risk",
            message,
            "predict the `test` rows, or write rows = \"train\"",
        );
    }
    if !says_test && matches!(risk.rows, RowSet::Test(_)) {
        let says_oob = plan.params_of(task).contains("\"rows\":\"oob\"");
        let said = if says_oob { "oob" } else { "train" };
        let message = format!("`rows` is \"{said}\", but port `risk` receives test rows");
        say.step("rows", step, "risk", message, "write rows = \"test\"");
    }
}
