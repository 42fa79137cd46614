//! References that hold an axis at a value, and two profiles in one plan.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::snapshot;
use common::study::{HEAD, planned, refused};
use pipeline_defs::{Origin, parse, plan};

/// A chain from rows to a model, learned anew in each split.
const FIT: &str =
    "[steps.fitted]\nkind = \"fit-standardise\"\nper = [\"split\"]\nin = { table = \"x.train\" }\n";

#[test]
fn a_held_split_brings_its_one_value() {
    let tail = format!(
        "{FIT}[steps.z]\nkind = \"fit-cox\"\n[steps.z.in]\ntable = \"x[split=external].train\"\nfollowup = \"y[split=external].train\"\n"
    );
    let plan = planned(&tail, &[]).unwrap_or_else(|p| panic!("{p}"));
    let task = plan.parse_address("z").unwrap();
    let entries = plan.entries(&plan.ports(task)[0]);
    let Origin::Output { task: above, .. } = entries[0].origin else {
        panic!("a task's output")
    };
    assert_eq!(entries.len(), 1);
    assert!(plan.address(above).ends_with("[split=external]"));
    assert_eq!(
        plan.rows_of(Origin::Output { task, port: 0 }),
        "what was learned from the training rows of `split=external`"
    );
}

#[test]
fn two_splits_do_not_meet_in_a_fit() {
    refused(
        "[steps.z]\nkind = \"fit-cox\"\n[steps.z.in]\ntable = \"x[split=r1f1].train\" #!\nfollowup = \"y[split=external].train\"\n",
        "leak",
        "port `table` receives the training rows of `split=r1f1`",
        "training rows of one split",
    );
}

#[test]
fn what_was_learned_at_one_split_is_not_applied_in_its_folds() {
    let step = format!(
        "{FIT}[steps.z]\nkind = \"apply-standardise\"\nper = [\"split\"]\n[steps.z.in]\nmodel = \"fitted[split=external].model\"\ntable = \"x.test\" #!\n"
    );
    refused(
        &step,
        "rows",
        "applies what was learned from the training rows of `split=external` to the test rows of `split`",
        "use one split for both",
    );
    let allowed =
        format!("{step}[steps.z.allow_leak]\nby = \"profile\"\npaper = \"selected once\"\n");
    let text = format!(
        "{}{allowed}",
        HEAD.replace("[axes]", "[axes]\nprofile = [\"careful\", \"paper\"]")
    )
    .replace(
        "per = [\"split\"]\n[steps.z.in]",
        "per = [\"profile\", \"split\"]\n[steps.z.in]",
    );
    let problems = parse(&text, "s.toml", &[])
        .and_then(|study| plan(&study, &snapshot(&[("c1", 3), ("c2", 2)], &["t2w", "mask"])))
        .unwrap_err();
    assert!(
        problems.to_string().contains("use one split for both"),
        "the careful half is refused: {problems}"
    );
    let sets = ["profile=paper".to_string()];
    let study = parse(&text, "s.toml", &sets).unwrap();
    let plan = plan(&study, &snapshot(&[("c1", 3), ("c2", 2)], &["t2w", "mask"]))
        .unwrap_or_else(|p| panic!("{p}"));
    let [leak] = plan.leaks() else {
        panic!("one leak")
    };
    assert_eq!(
        (leak.step.as_str(), leak.reason.as_str()),
        ("z", "selected once")
    );
}

#[test]
fn a_study_holds_both_profiles_and_one_can_be_kept() {
    let tail = "[steps.z]\nkind = \"fit-standardise\"\nper = [\"profile\", \"split\"]\n[steps.z.in.table]\nby = \"profile\"\ncareful = \"x.train\"\npaper = \"tables.features\"\n[steps.z.allow_leak]\nby = \"profile\"\npaper = \"scaled together\"\n";
    let text = format!(
        "{}{tail}",
        HEAD.replace("[axes]", "[axes]\nprofile = [\"careful\", \"paper\"]")
    );
    let made = |sets: &[&str]| {
        let sets: Vec<String> = sets.iter().map(|s| s.to_string()).collect();
        let study = parse(&text, "s.toml", &sets).unwrap_or_else(|p| panic!("{p}"));
        let plan = plan(&study, &snapshot(&[("c1", 3), ("c2", 2)], &["t2w", "mask"]))
            .unwrap_or_else(|p| panic!("{p}"));
        let of_z = plan.steps().iter().find(|s| s.name == "z").unwrap();
        (study.profile, of_z.tasks.len(), plan.leaks().len())
    };
    assert_eq!(made(&[]), ("both".to_string(), 14, 1));
    assert_eq!(made(&["profile=both"]), ("both".to_string(), 14, 1));
    assert_eq!(made(&["profile=careful"]), ("careful".to_string(), 7, 0));
    assert_eq!(made(&["profile=paper"]), ("paper".to_string(), 7, 1));
}

#[test]
fn what_is_held_must_exist() {
    let step =
        |from: &str| format!("[steps.z]\nkind = \"no-op\"\nin = {{ input = \"{from}\" }} #!\n");
    refused(
        &step("x[split=r9f9].train"),
        "held",
        "axis `split` has no value `r9f9`",
        "",
    );
    refused(
        &step("x[learner=rsf].train"),
        "held",
        "`learner` is no axis of step `x`",
        "",
    );
    refused(
        &step("x[split].train"),
        "reference",
        "holds no axis at a value",
        "step[axis=value].port",
    );
    refused(
        &step("features[patient=p1].features"),
        "held",
        "whose values come from the cohort",
        "",
    );
}
