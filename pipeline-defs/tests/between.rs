//! The kinds between images and models in a plan: who may learn from what, and what may leave a site.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::snapshot;
use common::study::HEAD;
use pipeline_defs::{Digest, Origin, Plan, Problems, parse, plan};

/// Delineations again of some patients, their features as tables, and their rows of each split.
const READINGS: &str = r#"
[steps.m]
kind = "import-mask"
per = ["patient", "reading"]
in = { mask = "cohort.mask_{reading}", image = "image.image" }
[steps.again]
kind = "extract-features"
per = ["patient", "reading"]
in = { image = "image.image", mask = "m.mask" }
[steps.agreement]
kind = "compare-masks"
per = ["patient", "reading"]
in = { first = "mask.mask", second = "m.mask" }
[steps.overlap]
kind = "gather-table"
per = ["reading"]
in = { features = "agreement.agreement" }
[steps.read]
kind = "gather-table"
per = ["reading"]
in = { features = "again.features" }
[steps.rows]
kind = "select-rows"
per = ["reading", "split"]
with = { allow_empty = true }
in = { table = "read.table", split = "splits.split" }
"#;

fn planned(tail: &str) -> Result<Plan, Problems> {
    let mut cohort = snapshot(&[("c1", 3), ("c2", 2)], &["t2w", "mask"]);
    for (patient, reading) in [(0, "r1s2"), (0, "r2s1"), (2, "r1s2")] {
        cohort.patients[patient]
            .items
            .insert(format!("mask_{reading}"), Digest::of(reading.as_bytes()));
    }
    let study = parse(&format!("{HEAD}{READINGS}{tail}"), "s.toml", &[])?;
    plan(&study, &cohort)
}

const RELIABLE: &str = r#"
[steps.reliable]
kind = "fit-reliability"
per = ["split"]
[steps.reliable.in]
table = "x.train"
readings = "rows.train"
"#;

#[test]
fn readings_of_training_rows_choose_features() {
    let tail = format!(
        "{RELIABLE}[steps.z]\nkind = \"apply-selection\"\nper = [\"split\"]\nin = {{ model = \"reliable.model\", table = \"x.test\" }}\n"
    );
    let plan = planned(&tail).unwrap_or_else(|p| panic!("{p}"));
    let task = plan.parse_address("reliable[split=external]").unwrap();
    assert_eq!(
        plan.rows_of(Origin::Output { task, port: 0 }),
        "what was learned from the training rows of `split`"
    );
    let ports = plan.ports(task);
    let readings = ports.iter().find(|port| port.name == "readings").unwrap();
    assert_eq!(plan.entries(readings).len(), 2);
}

#[test]
fn readings_of_all_rows_are_a_leak() {
    let all = RELIABLE.replace("rows.train", "read.table");
    let problems = planned(&all).unwrap_err().to_string();
    assert!(
        problems.contains("port `readings` receives all rows"),
        "{problems}"
    );
}

#[test]
fn joined_tables_stay_rows_of_their_split() {
    let tail = "[steps.both]\nkind = \"join-tables\"\nper = [\"split\"]\nin = { tables = [\"x.train\", \"x.train\"] }\n[steps.z]\nkind = \"fit-standardise\"\nper = [\"split\"]\nin = { table = \"both.table\" }\n";
    let plan = planned(tail).unwrap_or_else(|p| panic!("{p}"));
    assert!(plan.parse_address("z[split=external]").is_some());
    let whole = tail.replace("per = [\"split\"]\nin = { tables", "in = { tables");
    assert!(planned(&whole).is_err());
}

#[test]
fn controls_of_one_patient_stay_at_the_site_until_features_leave() {
    let tail = r#"
[steps.elsewhere]
kind = "shuffle-mask"
per = ["patient"]
in = { mask = "mask.mask", image = "image.image" }
[steps.there]
kind = "extract-features"
per = ["patient"]
in = { mask = "elsewhere.mask", image = "image.image" }
[steps.noise]
kind = "noise-features"
per = ["patient"]
in = { mask = "mask.mask", image = "image.image" }
[steps.noise_table]
kind = "gather-table"
in = { features = "noise.features" }
[steps.dealt]
kind = "permute-outcome"
per = ["split"]
in = { table = "y.train" }
[steps.z]
kind = "fit-cox"
per = ["split"]
in = { table = "x.train", followup = "dealt.followup" }
[steps.images]
kind = "acquisition-table"
in = { diagnostics = "features.diagnostics" }
[steps.missing]
kind = "missing-table"
in = { table = "tables.features" }
[steps.one]
kind = "select-site"
in = { table = "tables.features" }
with = { sites = ["c1"] }
[steps.rows_of_one]
kind = "select-rows"
per = ["split"]
in = { table = "one.table", split = "splits.split" }
"#;
    let plan = planned(tail).unwrap_or_else(|p| panic!("{p}"));
    let seeds: Vec<u64> = ["c1-001", "c1-002"]
        .iter()
        .map(|p| plan.parse_address(&format!("noise[patient={p}]")).unwrap())
        .map(|task| plan.seed_of(task).unwrap())
        .collect();
    assert_ne!(seeds[0], seeds[1], "each patient has noise of their own");
}
