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
    // In the split that is held the same rows taught the model: nothing leaks there.
    let of = |split: &str| {
        let task = plan.parse_address(&format!("z[profile=paper,split={split}]"));
        plan.leak_of(task.unwrap()).map(|leak| leak.port.as_str())
    };
    assert_eq!((of("r1f1"), of("external")), (Some("model"), None));
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

/// The profiles side by side, with something added.
fn both(tail: &str, sets: &[&str]) -> Result<pipeline_defs::Plan, pipeline_defs::Problems> {
    let text = format!(
        "{}{tail}",
        HEAD.replace("[axes]", "[axes]\nprofile = [\"careful\", \"paper\"]")
    );
    let sets: Vec<String> = sets.iter().map(|s| s.to_string()).collect();
    let study = parse(&text, "s.toml", &sets)?;
    plan(&study, &snapshot(&[("c1", 3), ("c2", 2)], &["t2w", "mask"]))
}

/// The paper's scales, learned from all rows, applied by a step that every profile could take.
const SCALED: &str = r#"
[steps.pooled]
kind = "fit-standardise"
per = ["profile", "split"]
[steps.pooled.in.table]
by = "profile"
careful = "x.train"
paper = "tables.features"
[steps.pooled.allow_leak]
by = "profile"
paper = "scaled together"
[steps.scaled]
kind = "apply-standardise"
per = ["split"]
in = { model = "pooled[profile=paper].model", table = "x.train" }
[steps.joined]
kind = "join-tables"
per = ["split"]
in = { tables = "scaled.table" }
"#;

#[test]
fn what_comes_from_a_leak_is_learned_from_in_the_paper_s_profile_only() {
    let z = |per: &str, table: &str| {
        format!(
            "{SCALED}[steps.z]\nkind = \"fit-cox\"\nper = [{per}]\nin = {{ table = \"{table}\", followup = \"y.train\" }}\n"
        )
    };
    let careful = "\"profile\", \"split\"";
    for table in ["scaled.table", "joined.table"] {
        let problems = both(&z(careful, table), &[]).unwrap_err();
        let [problem] = problems.0.as_slice() else {
            panic!("one problem: {problems}")
        };
        let found = (
            problem.code,
            problem.step.as_deref(),
            problem.port.as_deref(),
        );
        assert_eq!(found, ("leak-behind", Some("z"), Some("table")));
        assert!(
            problem
                .message
                .contains("what step `pooled` made of all rows"),
            "{problem}"
        );
    }
    // The paper alone may, and so may what is gone without it; the leak is named in both.
    for (per, sets) in [
        (careful, ["profile=paper"]),
        ("\"split\"", ["profile=both"]),
    ] {
        let plan = both(&z(per, "joined.table"), &sets).unwrap_or_else(|p| panic!("{p}"));
        assert_eq!(plan.leaks().len(), 1);
        let task = plan.parse_address("joined[split=r1f1]").unwrap();
        let behind = plan.leak_behind(Origin::Output { task, port: 0 });
        assert_eq!(behind.map(|leak| leak.step.as_str()), Some("pooled"));
        let task = plan.parse_address("x[split=r1f1]").unwrap();
        assert_eq!(plan.leak_behind(Origin::Output { task, port: 0 }), None);
    }
    both(&z(careful, "joined.table"), &["profile=careful"]).unwrap_or_else(|p| panic!("{p}"));
}

#[test]
fn a_model_of_a_leak_may_be_judged_anywhere() {
    let tail = format!(
        r#"{SCALED}
[steps.m]
kind = "fit-cox"
per = ["split"]
in = {{ table = "joined.table", followup = "y.train" }}
[steps.p]
kind = "predict"
per = ["profile", "split"]
in = {{ model = "m.model", table = "x.test" }}
[steps.e]
kind = "evaluate"
per = ["profile", "split"]
in = {{ risk = "p.risk", followup = "y.test" }}
"#
    );
    let plan = both(&tail, &[]).unwrap_or_else(|p| panic!("{p}"));
    let task = plan.parse_address("e[profile=careful,split=r1f1]").unwrap();
    assert_eq!(plan.leak_behind(Origin::Output { task, port: 0 }), None);
    // A fit on its predictions is another thing.
    let learns = format!(
        "{tail}[steps.z]\nkind = \"fit-cox\"\nper = [\"profile\", \"split\"]\nin = {{ table = \"c.table\", followup = \"y.train\" }}\n\
         [steps.c]\nkind = \"join-tables\"\nper = [\"profile\", \"split\"]\nin = {{ tables = \"a.table\" }}\n\
         [steps.a]\nkind = \"apply-selection\"\nper = [\"profile\", \"split\"]\nin = {{ model = \"m.model\", table = \"x.train\" }}\n"
    );
    let problems = both(&learns, &[]).unwrap_err().to_string();
    assert!(
        problems.contains("a leak of the paper profile"),
        "{problems}"
    );
}

#[test]
fn a_step_of_the_paper_that_both_profiles_run_forgives_nothing_to_the_careful_one() {
    let tail = "[steps.t]\nkind = \"gather-table\"\nper = [\"profile\"]\nin = { features = \"features.features\" }\n\
        [steps.z]\nkind = \"fit-combat\"\nper = [\"profile\"]\nallow_leak = \"pooled\"\nin = { table = \"t[profile=paper].table\" }\n";
    let problems = both(tail, &[]).unwrap_err().to_string();
    assert!(problems.contains("receives all rows"), "{problems}");
    both(tail, &["profile=paper"]).unwrap_or_else(|p| panic!("{p}"));
}

#[test]
fn outcomes_among_the_paper_s_predictors_teach_no_careful_fit() {
    let tail = r#"
[steps.clinical]
kind = "gather-cohort"
in = { tables = "cohort.table" }
[steps.outcome]
kind = "follow-up"
in = { table = "clinical.table" }
[steps.t]
kind = "gather-table"
per = ["profile"]
in = { features = "features.features" }
[steps.both]
kind = "join-tables"
per = ["profile"]
in = { tables = ["clinical.table", "t.table"] }
[steps.divided]
kind = "select-rows"
per = ["split"]
in = { table = "both[profile=paper].table", split = "splits.split" }
[steps.seen]
kind = "fit-impute"
per = ["split"]
allow_leak = "the paper did"
in = { table = "divided.train" }
[steps.filled]
kind = "apply-impute"
per = ["profile", "split"]
in = { model = "seen.model", table = "x.train" }
[steps.z]
kind = "fit-cox"
per = ["profile", "split"]
in = { table = "filled.table", followup = "y.train" }
"#;
    let problems = both(tail, &[]).unwrap_err().to_string();
    assert!(
        problems.contains("step `seen` made of columns of `clinical.table`"),
        "{problems}"
    );
    both(tail, &["profile=paper"]).unwrap_or_else(|p| panic!("{p}"));
}
