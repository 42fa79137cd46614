//! What would learn from rows it must not see, or leave its site, is refused with its place and repair.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::study::{planned, refused};

#[test]
fn a_fit_on_all_rows_is_a_leak() {
    let problem = refused(
        "[steps.z]\nkind = \"fit-standardise\"\nper = [\"split\"]\nin = { table = \"tables.features\" } #!\n",
        "leak",
        "port `table` receives all rows",
        "put a select-rows step before it and use its `train`",
    );
    assert_eq!(
        (problem.step.as_deref(), problem.port.as_deref()),
        (Some("z"), Some("table"))
    );
    assert_eq!(
        problem.to_string(),
        "s.toml:50:8: a fit may learn from training rows only; port `table` receives all rows; put a select-rows step before it and use its `train`"
    );
}

#[test]
fn a_fit_on_test_rows_is_a_leak() {
    refused(
        "[steps.z]\nkind = \"fit-cox\"\nper = [\"split\"]\n[steps.z.in]\ntable = \"x.train\"\nfollowup = \"y.test\" #!\n",
        "leak",
        "port `followup` receives the test rows of `split`",
        "use the `train` output",
    );
}

#[test]
fn a_fit_whose_split_is_not_in_per_is_refused_with_the_axis_to_add() {
    let problems = planned(
        "[steps.z]\nkind = \"fit-standardise\"\nin = { table = \"x.train\" }\n",
        &[],
    )
    .unwrap_err()
    .0;
    assert_eq!(problems[0].code, "needs-axis");
    assert_eq!(problems[0].repair, "add \"split\" to `per`");
    assert!(
        problems[0]
            .message
            .contains("would receive 7, one per `split`"),
        "{}",
        problems[0]
    );
}

#[test]
fn training_rows_of_another_split_are_a_leak() {
    refused(
        r#"
[steps.splits2]
kind = "make-splits"
per = ["other"]
in = { roster = "roster.roster" }
with = { scheme = { axis = "other" } }
[steps.y2]
kind = "select-rows"
per = ["other"]
in = { table = "tables.followup", split = "splits2.split" }
[steps.z]
kind = "fit-cox"
per = ["split", "other"]
[steps.z.in]
table = "x.train" #!
followup = "y2.train"
"#,
        "leak",
        "port `table` receives the training rows of `split`",
        "from the training rows of one split",
    );
}

#[test]
fn what_another_split_taught_cannot_be_divided_again() {
    refused(
        r#"
[steps.s]
kind = "fit-standardise"
per = ["split"]
in = { table = "x.train" }
[steps.a]
kind = "apply-standardise"
per = ["split"]
in = { model = "s.model", table = "tables.features" }
[steps.splits2]
kind = "make-splits"
per = ["other"]
in = { roster = "roster.roster" }
with = { scheme = { axis = "other" } }
[steps.z]
kind = "select-rows"
per = ["split", "other"]
in = { split = "splits2.split", table = "a.table" } #!
"#,
        "rows",
        "all rows, transformed by what was learned from the training rows of `split`",
        "",
    );
}

#[test]
fn predictions_gathered_over_splits_never_reach_a_fit() {
    refused(
        r#"
[steps.m]
kind = "fit-cox"
per = ["split"]
in = { table = "x.train", followup = "y.train" }
[steps.gathered]
kind = "gather-cohort"
in = { tables = "x.test" }
[steps.z]
kind = "fit-impute"
in = { table = "gathered.table" } #!
"#,
        "leak",
        "rows gathered over a split",
        "add the split to `per`",
    );
}

#[test]
fn nested_folds_stay_within_their_training_rows() {
    let tail = r#"
[steps.inner_roster]
kind = "roster"
per = ["split"]
in = { followup = "y.train" }
[steps.inner_splits]
kind = "make-splits"
per = ["split", "inner"]
in = { roster = "inner_roster.roster" }
with = { scheme = { axis = "inner" } }
[steps.xi]
kind = "select-rows"
per = ["split", "inner"]
in = { table = "x.train", split = "inner_splits.split" }
[steps.yi]
kind = "select-rows"
per = ["split", "inner"]
in = { table = "y.train", split = "inner_splits.split" }
[steps.mi]
kind = "fit-cox"
per = ["split", "inner"]
in = { table = "xi.train", followup = "yi.train" }
[steps.out_of_fold]
kind = "gather-cohort"
per = ["split"]
in = { tables = "xi.test" }
[steps.z]
kind = "fit-cox"
per = ["split"]
in = { table = "out_of_fold.table", followup = "y.train" }
"#;
    let plan = planned(tail, &[]).unwrap_or_else(|p| panic!("{p}"));
    let task = plan.parse_address("out_of_fold[split=r1f2]").unwrap();
    let labels: Vec<_> = plan
        .entries(&plan.ports(task)[0])
        .iter()
        .map(|e| plan.entry_axes(e))
        .collect();
    assert_eq!(labels, [[("inner", "i1")], [("inner", "i2")]]);
    assert_eq!(
        plan.rows_of(pipeline_defs::Origin::Output { task, port: 0 }),
        "the training rows of `split`"
    );
}

#[test]
fn a_leak_with_a_reason_is_recorded_in_the_paper_profile_and_refused_elsewhere() {
    let tail = "[steps.z]\nkind = \"fit-standardise\"\nallow_leak = \"the paper scaled all patients together\" #!\nper = [\"split\"]\nin = { table = \"tables.features\" }\n";
    let problems = planned(tail, &[]).unwrap_err();
    assert!(
        problems
            .to_string()
            .contains("legal with profile = \"paper\" only"),
        "{problems}"
    );
    let plan = planned(tail, &["profile=paper"]).unwrap_or_else(|p| panic!("{p}"));
    let [leak] = plan.leaks() else {
        panic!("one leak")
    };
    assert_eq!(
        (leak.step.as_str(), leak.receives.as_str()),
        ("z", "all rows")
    );
    assert_eq!(leak.reason, "the paper scaled all patients together");
}

#[test]
fn pixels_of_two_sites_never_meet() {
    refused(
        "[steps.z]\nkind = \"no-op\"\nin = { input = \"image.image\" } #!\n",
        "two-sites",
        "site-bound inputs of two sites",
        "add \"patient\" to `per`",
    );
}

#[test]
fn what_is_made_from_pixels_stays_unless_it_is_a_declared_release() {
    refused(
        "[steps.z] #!\nkind = \"no-op\"\nper = [\"patient\"]\nin = { input = \"image.image\" }\n",
        "release",
        "would turn site-bound inputs into `output`",
        "only extract-features",
    );
}

#[test]
fn values_of_the_hub_do_not_go_to_a_site() {
    let problems = planned(
        "[steps.z]\nkind = \"no-op\"\nper = [\"patient\"]\nin = { input = [\"image.image\", \"tables.features\"] }\n",
        &[],
    );
    assert!(
        problems
            .unwrap_err()
            .0
            .iter()
            .any(|p| p.code == "hub-to-site")
    );
}

#[test]
fn evaluation_needs_risk_and_follow_up_of_the_same_rows() {
    refused(
        r#"
[steps.m]
kind = { by = "learner", rsf = "fit-rsf", cox = "fit-cox" }
per = ["split", "learner"]
in = { table = "x.train", followup = "y.train" }
[steps.p]
kind = "predict"
per = ["split", "learner"]
in = { model = "m.model", table = "x.test" }
[steps.z]
kind = "evaluate"
per = ["split", "learner"]
[steps.z.in]
risk = "p.risk"
followup = "y.train" #!
"#,
        "rows",
        "`followup` receives the training rows of `split`, `risk` the test rows of `split`",
        "give both the same rows",
    );
}

const TWO_SPLITS: &str = r#"
[steps.splits2]
kind = "make-splits"
per = ["other"]
in = { roster = "roster.roster" }
with = { scheme = { axis = "other" } }
[steps.x2]
kind = "select-rows"
per = ["other"]
in = { table = "tables.features", split = "splits2.split" }
[steps.m]
kind = "fit-cox"
per = ["split"]
in = { table = "x.train", followup = "y.train" }
"#;

#[test]
fn a_model_is_not_applied_to_rows_of_another_split() {
    let step = "[steps.z]\nkind = \"predict\"\nper = [\"split\", \"other\"]\n[steps.z.in]\nmodel = \"m.model\"\ntable = \"x2.test\" #!\n";
    refused(
        &format!("{TWO_SPLITS}{step}"),
        "rows",
        "applies what was learned from the training rows of `split` to the test rows of `other`",
        "use one split for both",
    );
}

#[test]
fn training_rows_are_not_judged_as_test_rows() {
    let text = r#"
[steps.p]
kind = "predict"
per = ["split"]
in = { model = "m.model", table = "x.train" }
[steps.z]
kind = "evaluate"
per = ["split"]
[steps.z.in]
followup = "y.train"
risk = "p.risk" #!
"#;
    refused(
        &format!("{TWO_SPLITS}{text}"),
        "rows",
        "receives the training rows of `split`",
        "write rows = \"train\"",
    );
    let sets = ["steps.z.with.rows=train"];
    planned(&format!("{TWO_SPLITS}{text}"), &sets).unwrap_or_else(|p| panic!("{p}"));
}

const JUDGED: &str = r#"
[steps.m]
kind = "fit-cox"
per = ["split"]
in = { table = "x.train", followup = "y.train" }
[steps.p]
kind = "predict"
per = ["split"]
in = { model = "m.model", table = "x.test" }
[steps.p2]
kind = "predict"
per = ["split"]
in = { model = "m.model", table = "x.train" }
[steps.splits2]
kind = "make-splits"
per = ["other"]
in = { roster = "roster.roster" }
with = { scheme = { axis = "other" } }
[steps.y2]
kind = "select-rows"
per = ["other"]
in = { table = "tables.followup", split = "splits2.split" }
[steps.z]
kind = "evaluate"
per = ["split", "other"]
[steps.z.in]
risk = "p.risk"
followup = "y.test"
"#;

#[test]
fn a_port_that_means_training_rows_takes_those_of_the_split_that_is_judged() {
    for (port, from, receives) in [
        ("train_followup", "tables.followup", "all rows"),
        ("train_followup", "y.test", "the test rows of `split`"),
        ("train_followup", "y2.train", "the training rows of `other`"),
        ("train_risk", "p.risk", "the test rows of `split`"),
    ] {
        let problem = refused(
            &format!("{JUDGED}{port} = \"{from}\" #!\n"),
            "rows",
            &format!("port `{port}` means the training rows of `split`, receives {receives}"),
            "`train`",
        );
        assert_eq!(problem.port.as_deref(), Some(port));
    }
    let sound = format!("{JUDGED}train_followup = \"y.train\"\ntrain_risk = \"p2.risk\"\n");
    planned(&sound, &[]).unwrap_or_else(|p| panic!("{p}"));
    let whole = format!("{JUDGED}train_followup = \"tables.followup\"\n");
    let allowed = "steps.z.allow_leak=\"the paper weighted by all\"";
    let plan = planned(&whole, &["profile=paper", allowed]).unwrap_or_else(|p| panic!("{p}"));
    let leaks: Vec<_> = plan.leaks().iter().map(|l| l.port.as_str()).collect();
    assert_eq!(leaks, ["train_followup"]);
}

const WITH_OUTCOMES: &str = r#"
[steps.clinical]
kind = "gather-cohort"
in = { tables = "cohort.table" }
[steps.outcome]
kind = "follow-up"
in = { table = "clinical.table" }
[steps.divided]
kind = "select-rows"
per = ["split"]
in = { table = "clinical.table", split = "splits.split" }
[steps.filled]
kind = "apply-impute"
per = ["split"]
in = { model = "z.model", table = "divided.train" }
[steps.m]
kind = "fit-cox"
per = ["split"]
in = { table = "filled.table", followup = "y.train" }
[steps.z]
kind = "fit-impute"
per = ["split"]
"#;

#[test]
fn a_table_of_outcomes_is_no_predictor() {
    let tail = format!("{WITH_OUTCOMES}in = {{ table = \"divided.train\" }} #!\n");
    let problem = refused(
        &tail,
        "outcome-leak",
        "outcomes would be among the predictors: port `table` receives columns of `clinical.table`, where step `outcome` reads times and events",
        "gather clinical columns without outcomes into a table of their own",
    );
    assert_eq!(
        (problem.step.as_deref(), problem.port.as_deref()),
        (Some("z"), Some("table"))
    );
    // Another way to the same columns.
    let again = tail.replace(
        "[steps.divided]",
        "[steps.again]\nkind = \"gather-cohort\"\nin = { tables = [\"tables.features\", \"cohort.table\"] }\n[steps.divided]",
    );
    let again = again.replace(
        "{ table = \"clinical.table\", split",
        "{ table = \"again.table\", split",
    );
    refused(
        &again,
        "outcome-leak",
        "columns of `cohort.table`, where step `outcome`",
        "a table of their own",
    );
    // The paper profile may, and says so once: what the fit taught is not followed further.
    let allowed = ["profile=paper", "steps.z.allow_leak=\"the paper did\""];
    let plan = planned(&tail, &allowed).unwrap_or_else(|p| panic!("{p}"));
    let leaks: Vec<_> = plan.leaks().iter().map(|l| l.step.as_str()).collect();
    assert_eq!(leaks, ["z"]);
    // Covariates of their own are no outcomes.
    let own = tail.replace(
        "{ table = \"clinical.table\", split",
        "{ table = \"tables.features\", split",
    );
    planned(&own, &[]).unwrap_or_else(|p| panic!("{p}"));
}

#[test]
fn a_step_ends_outcomes_only_where_it_names_its_columns() {
    let by_way = |with: &str| {
        let tail = WITH_OUTCOMES.replace(
            "in = { table = \"clinical.table\", split",
            "in = { table = \"columns.table\", split",
        );
        format!(
            "{tail}in = {{ table = \"divided.train\" }} #!\n[steps.columns]\nkind = \"model-columns\"\nin = {{ table = \"clinical.table\" }}\n{with}"
        )
    };
    let message = "columns of `clinical.table`, where step `outcome` reads times and events";
    let repair = "a table of their own";
    for with in [
        String::new(),
        "with = { columns = [] }\n".to_owned(),
        "with = { columns = [\"age\", \"dfs_event\"] }\n".to_owned(),
        // What another such step made of an outcome, by its name.
        "with = { columns = [\"log(dfs_months)\"] }\n".to_owned(),
        "with = { columns = [\"dfs_event=1\"] }\n".to_owned(),
        "with = { columns = [\"sqrt(tumour.dfs_months)>6\"] }\n".to_owned(),
    ] {
        refused(&by_way(&with), "outcome-leak", message, repair);
    }
    for with in ["[\"age\"]", "[\"age\", \"scan_dfs_months\"]"] {
        let tail = by_way(&format!("with = {{ columns = {with} }}\n"));
        planned(&tail, &[]).unwrap_or_else(|p| panic!("{p}"));
    }
}

/// A table of outcomes at one more port than `table`, which is clean.
fn beside(kind: &str, port: &str) -> String {
    let head = WITH_OUTCOMES
        .split("[steps.filled]")
        .next()
        .unwrap_or_default();
    format!(
        "{head}[steps.z]\nkind = \"{kind}\"\nper = [\"split\"]\n[steps.z.in]\ntable = \"x.train\"\n{port} = \"divided.train\" #!\n"
    )
}

#[test]
fn a_table_of_outcomes_is_neither_covariate_nor_reading() {
    for (kind, port) in [
        ("fit-combat", "covariates"),
        ("fit-reliability", "readings"),
    ] {
        let tail = beside(kind, port);
        let message = format!(
            "outcomes would be among the {port}: port `{port}` receives columns of `clinical.table`, where step `outcome` reads times and events (`dfs_event`, `dfs_months`)"
        );
        let problem = refused(
            &tail,
            "outcome-leak",
            &message,
            "gather clinical columns without outcomes into a table of their own",
        );
        assert_eq!(
            (problem.step.as_deref(), problem.port.as_deref()),
            (Some("z"), Some(port))
        );
        // The paper profile may, and says at which port.
        let allowed = ["profile=paper", "steps.z.allow_leak=\"the paper did\""];
        let plan = planned(&tail, &allowed).unwrap_or_else(|p| panic!("{p}"));
        let leaks = plan.leaks().iter();
        let leaks: Vec<_> = leaks.map(|l| (l.step.as_str(), l.port.as_str())).collect();
        assert_eq!(leaks, [("z", port)]);
        // Columns without outcomes are welcome there.
        let own = tail.replace(
            "table = \"clinical.table\", split",
            "table = \"columns.table\", split",
        );
        let own = format!(
            "{own}[steps.columns]\nkind = \"model-columns\"\nin = {{ table = \"clinical.table\" }}\nwith = {{ columns = [\"age\"] }}\n"
        );
        planned(&own, &[]).unwrap_or_else(|p| panic!("{p}"));
        let event = own.replace("\"age\"", "\"age\", \"dfs_event\"");
        refused(&event, "outcome-leak", &message, "a table of their own");
    }
}

#[test]
fn a_new_site_is_not_harmonised_by_its_outcomes() {
    let learned = beside("fit-combat", "covariates")
        .replace("divided.train\" #!", "x.train\"")
        .replace("[steps.z", "[steps.known");
    let tail = format!(
        "{learned}[steps.z]\nkind = \"adapt-combat\"\nper = [\"split\"]\n[steps.z.in]\nmodel = \"known.model\"\ntable = \"x.test\"\ncovariates = \"divided.test\" #!\n"
    );
    refused(
        &tail,
        "outcome-leak",
        "outcomes would be among the covariates: port `covariates` receives columns of `clinical.table`",
        "a table of their own",
    );
    let own = tail.replace("divided.test", "x.test");
    planned(&own, &[]).unwrap_or_else(|p| panic!("{p}"));
}
