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

#[test]
fn a_step_of_a_profile_that_was_left_out_is_gone_with_what_needs_it() {
    let tail = "[steps.y1]\nkind = \"no-op\"\nper = [\"profile\"]\n[steps.z]\nkind = \"compare\"\nin = { metrics = \"w[profile=paper].metrics\" }\n[steps.w]\nkind = \"evaluate\"\nper = [\"profile\", \"split\"]\nwith = { rows = \"test\" }\n[steps.w.in]\nrisk = \"p.risk\"\nfollowup = \"y.test\"\n[steps.p]\nkind = \"predict\"\nper = [\"split\"]\nin = { model = \"f.model\", table = \"x.test\" }\n[steps.f]\nkind = \"fit-cox\"\nper = [\"split\"]\nin = { table = \"x.train\", followup = \"y.train\" }\n[steps.last]\nkind = \"exclusions\"\nin = { exclusions = \"none.exclusions\" }\n[steps.none]\nkind = \"exclusions\"\nin = { exclusions = \"both.excluded\" }\n[steps.both]\nkind = \"gather-table\"\nper = [\"profile\"]\nin = { features = \"features.features\" }\n[publish]\n\"c.csv\" = \"z.comparison\"\n";
    let text = format!(
        "{}{tail}",
        HEAD.replace("[axes]", "[axes]\nprofile = [\"careful\", \"paper\"]")
    );
    let made = |set: &str| {
        let study = parse(&text, "s.toml", &[set.to_string()]).unwrap_or_else(|p| panic!("{p}"));
        let plan = plan(&study, &snapshot(&[("c1", 3), ("c2", 2)], &["t2w", "mask"]))
            .unwrap_or_else(|p| panic!("{p}"));
        let of_z = plan.steps().iter().find(|s| s.name == "z").unwrap();
        (of_z.tasks.len(), plan.published().len())
    };
    assert_eq!(made("profile=both"), (1, 1));
    assert_eq!(made("profile=careful"), (0, 0));
}

#[test]
fn values_that_some_patients_have_are_an_axis_of_tables_too() {
    let tail = "[steps.r]\nkind = \"extract-features\"\nper = [\"patient\", \"reading\"]\nin = { image = \"image.image\", mask = \"m.mask\" }\n[steps.m]\nkind = \"import-mask\"\nper = [\"patient\", \"reading\"]\nin = { mask = \"cohort.mask_{reading}\", image = \"image.image\" }\n[steps.z]\nkind = \"gather-table\"\nper = [\"reading\"]\nin = { features = \"r.features\" }\n";
    let study = parse(&format!("{HEAD}{tail}"), "s.toml", &[]).unwrap_or_else(|p| panic!("{p}"));
    let mut patients = snapshot(&[("c1", 3), ("c2", 2)], &["t2w", "mask"]);
    for patient in patients.patients.iter_mut().take(2) {
        for item in ["mask_r1s2", "mask_r2s1"] {
            let digest = patient.items["mask"];
            patient.items.insert(item.to_string(), digest);
        }
    }
    let plan = plan(&study, &patients).unwrap_or_else(|p| panic!("{p}"));
    let task = plan.parse_address("z[reading=r2s1]").unwrap();
    assert_eq!(plan.entries(&plan.ports(task)[0]).len(), 2);
}

#[test]
fn a_step_of_the_paper_alone_may_leak_with_a_plain_reason() {
    let tail = "[steps.t]\nkind = \"gather-table\"\nper = [\"profile\"]\nin = { features = \"features.features\" }\n[steps.z]\nkind = \"fit-combat\"\nallow_leak = \"pooled\"\nin = { table = \"t[profile=paper].table\" }\n";
    let text = format!(
        "{}{tail}",
        HEAD.replace("[axes]", "[axes]\nprofile = [\"careful\", \"paper\"]")
    );
    let made = |text: &str, set: &str| {
        let study = parse(text, "s.toml", &[set.to_string()]).unwrap_or_else(|p| panic!("{p}"));
        plan(&study, &snapshot(&[("c1", 3), ("c2", 2)], &["t2w", "mask"]))
    };
    let leaks = |set| {
        made(&text, set)
            .unwrap_or_else(|p| panic!("{p}"))
            .leaks()
            .len()
    };
    assert_eq!(
        ["profile=both", "profile=paper", "profile=careful"].map(leaks),
        [1, 1, 0]
    );
    let careful = text.replace("t[profile=paper]", "t[profile=careful]");
    let problems = made(&careful, "profile=both").unwrap_err().to_string();
    assert!(problems.contains("legal with profile"), "{problems}");
}
