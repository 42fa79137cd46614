//! Every refusal says the line, the step and what would repair it. The offending line is marked `#!`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use pipeline_defs::{Plan, Problem, Problems, parse, plan};

const HEAD: &str = r#"
name = "t"
seed = 1
sites = ["c1", "c2"]
[cohort]
[tables]
features = { file = "f.csv" }
followup = { file = "y.csv", kind = "followup" }
folds = { file = "k.csv", kind = "folds" }
[axes]
patient = { from = "cohort" }
roi = ["tumour", "rim"]
roi_set = { tumour = ["tumour"], both = ["tumour", "rim"] }
split = { kfold = 3, repeats = 2, external = "c2" }
other = { kfold = 4 }
inner = { of = "split", kfold = 2 }
learner = ["rsf", "cox"]
reading = { of = "patient", values = ["r1s2", "r2s1"], where = "cohort has it" }
[steps.image]
kind = "import-image"
per = ["patient"]
in = { image = "cohort.t2w" }
[steps.mask]
kind = "import-mask"
per = ["patient"]
in = { mask = "cohort.mask", image = "image.image" }
[steps.features]
kind = "extract-features"
per = ["patient"]
in = { image = "image.image", mask = "mask.mask" }
[steps.roster]
kind = "roster"
in = { followup = "tables.features" }
[steps.splits]
kind = "make-splits"
per = ["split"]
in = { roster = "roster.roster", strata = "tables.followup" }
with = { scheme = { axis = "split" } }
[steps.x]
kind = "select-rows"
per = ["split"]
in = { table = "tables.features", split = "splits.split" }
[steps.y]
kind = "select-rows"
per = ["split"]
in = { table = "tables.followup", split = "splits.split" }
"#;

fn planned(tail: &str, sets: &[&str]) -> Result<Plan, Problems> {
    let text = format!("{HEAD}{tail}");
    let sets: Vec<String> = sets.iter().map(|s| s.to_string()).collect();
    let study = parse(&text, "s.toml", &sets)?;
    plan(
        &study,
        &common::snapshot(&[("c1", 3), ("c2", 2)], &["t2w", "mask"]),
    )
}

/// The one problem of a study, at the marked line.
#[track_caller]
fn refused(tail: &str, code: &str, message: &str, repair: &str) -> Problem {
    let problems = planned(tail, &[]).expect_err("refused").0;
    let [problem] = problems.as_slice() else {
        panic!("one problem expected:\n{}", Problems(problems))
    };
    let text = format!("{HEAD}{tail}");
    let line = text
        .lines()
        .position(|l| l.contains("#!"))
        .map(|i| i as u32 + 1);
    assert_eq!(problem.code, code, "{problem}");
    assert_eq!(Some(problem.place.line), line, "{problem}");
    assert!(problem.message.contains(message), "{problem}");
    assert!(problem.repair.contains(repair), "{problem}");
    problem.clone()
}

#[test]
fn the_head_itself_is_sound() {
    assert_eq!(
        planned("", &[]).unwrap_or_else(|p| panic!("{p}")).n_tasks(),
        5 * 3 + 1 + 7 * 3
    );
}

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
fn an_inner_axis_needs_its_outer_one() {
    refused(
        "[steps.z]\nkind = \"no-op\"\nper = [\"inner\"] #!\n",
        "per",
        "axis `inner` exists within `split` only",
        "add \"split\" to `per`",
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

#[test]
fn unknown_names_are_said_with_the_nearest_known_one() {
    refused(
        "[steps.z]\nkind = \"gather-tables\" #!\n",
        "unknown-kind",
        "unknown kind `gather-tables`",
        "`gather-table`?",
    );
    refused(
        "[steps.z]\nkind = \"no-op\"\nper = [\"patints\"] #!\n",
        "unknown-axis",
        "`patints`",
        "`patient`?",
    );
    refused(
        "[steps.z]\nkind = \"no-op\"\nin = { input = \"imagee.image\" } #!\n",
        "unknown-step",
        "`imagee`",
        "`image`?",
    );
    refused(
        "[steps.z]\nkind = \"no-op\"\nin = { input = \"mask.masks\" } #!\n",
        "unknown-port",
        "no output `masks`",
        "`mask`?",
    );
    refused(
        "[steps.z]\nkind = \"no-op\"\nin = { inputs = \"mask.mask\" } #!\n",
        "unknown-port",
        "no input `inputs`",
        "`input`?",
    );
    refused(
        "[steps.z]\nkind = \"no-op\"\nin = { input = \"tables.feature\" } #!\n",
        "unknown-table",
        "`feature`",
        "`features`?",
    );
    refused(
        "[steps.z]\nkind = \"no-op\"\npre = [\"patient\"] #!\n",
        "unknown-key",
        "unknown key `pre`",
        "`per`?",
    );
}

#[test]
fn an_unknown_parameter_is_named_with_the_known_ones() {
    refused(
        "[steps.z]\nkind = \"n4-bias-correction\"\nper = [\"patient\"]\nin = { image = \"image.image\" }\nwith = { shrink = 4 } #!\n",
        "unknown-parameter",
        "`n4-bias-correction`: unknown parameter `shrink`",
        "`shrink_factor`? its parameters are `bins`",
    );
    refused(
        "[steps.z]\nkind = \"n4-bias-correction\"\nper = [\"patient\"]\nin = { image = \"image.image\" }\n[steps.z.with]\nbins = 200\nfwhm = -1 #!\n",
        "parameter",
        "`fwhm` is -1, must be above 0",
        "",
    );
}

#[test]
fn steps_that_need_each_other_are_printed_as_a_path() {
    refused(
        r#"
[steps.a] #!
kind = "no-op"
in = { input = "c.output" }
[steps.b]
kind = "no-op"
in = { input = "a.output" }
[steps.c]
kind = "no-op"
in = { input = "b.output" }
"#,
        "cycle",
        "b → c → a → b",
        "",
    );
}

#[test]
fn a_port_of_another_type_says_which_step_is_missing() {
    refused(
        "[steps.z]\nkind = \"n4-bias-correction\"\nper = [\"patient\"]\nin = { image = \"cohort.t2w\" } #!\n",
        "port-type",
        "port `image` takes `volume`, receives `source`",
        "put an import-image step before it",
    );
}

#[test]
fn a_kind_for_use_by_hand_is_refused_with_its_pair() {
    refused(
        "[steps.z]\nkind = \"spearman-filter\" #!\nin = { table = \"tables.features\" }\n",
        "by-hand-only",
        "is for `radloom step run` only",
        "use `fit-selection` and `apply-selection`",
    );
}

#[test]
fn a_choice_without_an_alternative_is_refused() {
    refused(
        "[steps.z]\nkind = { by = \"learner\", rsf = \"fit-rsf\" } #!\nper = [\"split\", \"learner\"]\nin = { table = \"x.train\", followup = \"y.train\" }\n",
        "by",
        "no alternative for `learner` = `cox`",
        "write `cox = …`",
    );
    refused(
        "[steps.z]\nkind = { by = \"learner\", rsf = \"fit-rsf\", cox = \"predict\" }\nper = [\"learner\"]\n".replace("[steps.z]", "[steps.z] #!").as_str(),
        "kind-choice",
        "differ in role, ports or types",
        "a step of its own",
    );
}

#[test]
fn a_required_port_is_missed() {
    refused(
        "[steps.z] #!\nkind = \"fit-cox\"\nper = [\"split\"]\nin = { table = \"x.train\" }\n",
        "port-unbound",
        "port `followup` of `fit-cox` receives nothing",
        "in = { followup = \"step.port\" }",
    );
}

#[test]
fn what_is_published_has_one_path_per_task() {
    refused(
        "[publish]\n\"features.csv\" = \"features.features\" #!\n",
        "publish",
        "several tasks of `features` would be written to `features.csv`",
        "{patient}",
    );
    refused(
        "[publish]\n\"../x.csv\" = \"roster.roster\" #!\n",
        "publish",
        "no path below the output directory",
        "",
    );
    let plan = planned(
        "[publish]\n\"by/{patient}.csv\" = \"features.features\"\n",
        &[],
    )
    .unwrap();
    assert_eq!(plan.published().len(), 5);
    assert_eq!(plan.published()[0].path, "by/c1-001.csv");
}

#[test]
fn a_syntax_error_and_a_bad_override_say_where() {
    let problems = parse("name = \n", "s.toml", &[]).unwrap_err();
    assert_eq!(problems.0[0].code, "syntax");
    let problems = planned("", &["axes.split.kfold=\"five\""]).unwrap_err();
    assert_eq!(
        problems.0[0].to_string(),
        "--set axes.split.kfold=\"five\":1:5: `kfold` must be a whole number, at least 0"
    );
    let problems = planned("", &["profile=papper"]).unwrap_err();
    assert_eq!(problems.0[0].repair, "did you mean `paper`?");
}

#[test]
fn a_site_without_patients_and_a_pseudonym_used_twice_are_refused() {
    let study = parse(HEAD, "s.toml", &[]).unwrap();
    let snapshot = common::snapshot(&[("c1", 3)], &["t2w", "mask"]);
    let problems = plan(&study, &snapshot).unwrap_err();
    assert!(
        problems
            .to_string()
            .contains("site `c2` announced no patient"),
        "{problems}"
    );
    let mut snapshot = common::snapshot(&[("c1", 3), ("c2", 1)], &["t2w", "mask"]);
    snapshot.patients[3].patient_id = "c1-001".into();
    let problems = plan(&study, &snapshot).unwrap_err();
    assert!(
        problems
            .to_string()
            .contains("patient `c1-001` is announced by `c1` and `c2`"),
        "{problems}"
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

#[test]
fn an_axis_may_be_shortened_and_its_alternatives_stay() {
    let text = r#"
[steps.z]
kind = { by = "learner", rsf = "fit-rsf", cox = "fit-cox" }
per = ["split", "learner"]
in = { table = "x.train", followup = "y.train" }
with = { by = "learner", rsf = { num_trees = 10 } }
"#;
    let plan = planned(text, &["axes.learner=[\"rsf\"]"]).unwrap_or_else(|p| panic!("{p}"));
    assert_eq!(plan.steps().last().map(|s| s.tasks.len()), Some(7));
    let misspelt = text.replace("rsf = { num", "rfs = { num");
    let problems = planned(&misspelt, &[]).unwrap_err();
    assert_eq!(problems.0[0].repair, "did you mean `rsf`?");
}

#[test]
fn given_folds_must_reach_the_step_that_makes_the_splits() {
    let tail = "[steps.z] #!\nkind = \"make-splits\"\nper = [\"given\"]\nin = { roster = \"roster.roster\" }\nwith = { scheme = { axis = \"given\" } }\n";
    let text = format!("{HEAD}{tail}").replace(
        "[axes]",
        "[axes]\ngiven = { kfold = 5, folds = \"tables.folds\" }",
    );
    let problems = parse(&text, "s.toml", &[]).unwrap_err();
    assert_eq!(
        problems.0[0].repair,
        "write in = { folds = \"tables.folds\" }"
    );
}

#[test]
fn a_choice_by_patient_is_refused() {
    refused(
        "[steps.z]\nkind = \"no-op\"\nper = [\"patient\"]\nwith = { value = { by = \"patient\", a = 1 } } #!\n",
        "by",
        "cannot choose by `patient`",
        "",
    );
}

#[test]
fn a_parameter_chosen_by_an_axis_has_an_alternative_for_each_of_its_values() {
    let step = "[steps.z]\nkind = \"fit-rsf\"\nper = [\"split\", \"learner\"]\nin = { table = \"x.train\", followup = \"y.train\" }\n";
    let one = format!("{step}with = {{ num_trees = {{ by = \"learner\", rsf = 10 }} }} #!\n");
    refused(
        &one,
        "by",
        "no alternative for `learner` = `cox`",
        "write `cox = …`",
    );
    let all = format!("{step}with = {{ by = \"learner\", rsf = {{ num_trees = 10 }} }} #!\n");
    refused(
        &all,
        "by",
        "no alternative for `learner` = `cox`",
        "write `cox = …`",
    );
    let unused = format!(
        "{step}with = {{ num_trees = {{ by = \"learner\", rsf = 1, cox = 2, rfs = 3 }} }} #!\n"
    );
    refused(
        &unused,
        "by",
        "axis `learner` has no value `rfs`",
        "did you mean `rsf`?",
    );
    let whole =
        format!("{step}with = {{ num_trees = {{ by = \"learner\", rsf = 1, cox = 2 }} }}\n");
    planned(&whole, &["axes.learner=[\"cox\"]"]).unwrap_or_else(|p| panic!("{p}"));
    let shortened = format!("{whole}[profiles.paper]\n\"axes.learner\" = [\"rsf\"]\n");
    planned(&shortened, &["profile=paper"]).unwrap_or_else(|p| panic!("{p}"));
}

#[test]
fn what_is_bound_to_a_site_and_what_was_there_before_are_not_published() {
    let problem = refused(
        "[publish]\n\"img/{patient}.nii.gz\" = \"image.image\" #!\n",
        "publish",
        "`image.image` is site-bound; only hub and open artefacts may be published",
        "publish what is measured from it",
    );
    assert_eq!(
        (problem.step.as_deref(), problem.port.as_deref()),
        (Some("image"), Some("image"))
    );
    refused(
        "[publish]\n\"t.csv\" = \"cohort.table\" #!\n",
        "publish",
        "`cohort.table` was there before the run and cannot be published",
        "publish the output of a step",
    );
    refused(
        "[publish]\n\"t.csv\" = \"rooster.roster\" #!\n",
        "publish",
        "unknown step `rooster`",
        "did you mean `roster`?",
    );
}

/// The problems of a study that is not the one above.
fn said(text: &str) -> String {
    parse(text, "s.toml", &[]).unwrap_err().to_string()
}

#[test]
fn the_name_of_a_study_is_a_plain_word() {
    let tail = "seed = 1\n[steps.a]\nkind = \"no-op\"\n";
    for name in ["../x", "a/b", "..", "", "my study", "-rf", "a.b", "né"] {
        assert_eq!(
            said(&format!("name = \"{name}\"\n{tail}")),
            format!(
                "s.toml:1:8: the study's name `{name}` is not a plain word; use letters a-z, digits, `-` and `_`, at most 64, a letter or digit first"
            )
        );
    }
    let named = |n: usize| {
        parse(
            &format!("name = \"{}\"\n{tail}", "a".repeat(n)),
            "s.toml",
            &[],
        )
    };
    assert!(named(64).is_ok() && named(65).is_err());
}

#[test]
fn a_study_without_steps_or_with_a_cohort_nowhere_is_refused() {
    assert!(
        said("name = \"t\"\nseed = 1\n")
            .starts_with("s.toml:1:1: a study without steps; write [steps.NAME] with a `kind`")
    );
    assert!(said("name = \"t\"\nseed = 1\n[steps]\n").contains("a study without steps"));
    let tail = "[cohort]\n[steps.a]\nkind = \"no-op\"\n";
    assert!(
        said(&format!("name = \"t\"\nseed = 1\nsites = []\n{tail}"))
            .starts_with("s.toml:3:9: no sites hold the cohort; write sites = [\"SITE\"]")
    );
    assert!(said(&format!("name = \"t\"\nseed = 1\n{tail}")).contains("s.toml:3:1: no sites"));
    let sites = |sites: &str| said(&format!("name = \"t\"\nseed = 1\nsites = {sites}\n{tail}"));
    assert!(sites("[\"../c1\"]").contains("site `../c1` is not a word"));
    assert!(sites("[\"..\"]").contains("site `..` is not a word"));
    assert!(sites("[\"c1\", \"c1\"]").contains("site `c1` is named twice"));
}

#[test]
fn what_is_no_number_is_said_once_with_its_step() {
    let problem = refused(
        "[steps.z]\nkind = \"no-op\"\nwith = { value = nan } #!\n",
        "number",
        "NaN is not a number that can be kept",
        "write a finite number",
    );
    assert_eq!(problem.step.as_deref(), Some("z"));
}
