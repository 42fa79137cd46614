//! Every refusal says the line, the step and what would repair it. The offending line is marked `#!`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::study::{HEAD, planned, refused};
use pipeline_defs::{parse, plan};

#[test]
fn the_head_itself_is_sound() {
    assert_eq!(
        planned("", &[]).unwrap_or_else(|p| panic!("{p}")).n_tasks(),
        5 * 3 + 1 + 7 * 3
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
    let input = step.replace("\"x.train\"", "{ by = \"learner\", rsf = \"x.train\" }");
    let problems = planned(&input, &[]).unwrap_err().0;
    assert_eq!(problems[0].repair, "write `cox = …`");
    assert_eq!(problems[0].port.as_deref(), Some("table"));
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

#[test]
fn an_item_that_no_patient_has_is_refused_with_those_that_exist() {
    let step = |item: &str| {
        format!(
            "[steps.z]\nkind = \"import-image\"\nper = [\"patient\"]\nin = {{ image = \"cohort.{item}\" }} #!\n"
        )
    };
    let problem = refused(
        &step("t2"),
        "unknown-item",
        "no site's cohort has an item `t2`",
        "items are `mask` and `t2w`; did you mean `t2w`?",
    );
    assert_eq!(
        (problem.step.as_deref(), problem.port.as_deref()),
        (Some("z"), Some("image"))
    );
    let by_axis = step("t2w_{roi}").replace("[\"patient\"]", "[\"patient\", \"roi\"]");
    let problems = planned(&by_axis, &[]).unwrap_err().0;
    let said: Vec<&str> = problems.iter().map(|p| p.message.as_str()).collect();
    assert_eq!(
        said,
        [
            "no site's cohort has an item `t2w_rim`",
            "no site's cohort has an item `t2w_tumour`"
        ]
    );
    // One patient is enough: the others are left out and counted.
    let study = parse(&format!("{HEAD}{}", step("dwi")), "s.toml", &[]).unwrap();
    let mut snapshot = common::snapshot(&[("c1", 3), ("c2", 2)], &["t2w", "mask"]);
    let item = snapshot.patients[0].items["t2w"];
    snapshot.patients[0].items.insert("dwi".into(), item);
    plan(&study, &snapshot).unwrap_or_else(|p| panic!("{p}"));
    // Readings that nobody made need no items.
    let tail = "[steps.z]\nkind = \"import-mask\"\nper = [\"patient\", \"reading\"]\nin = { mask = \"cohort.mask_{reading}\", image = \"image.image\" }\n";
    planned(tail, &[]).unwrap_or_else(|p| panic!("{p}"));
}

#[test]
fn the_numbers_of_a_split_make_sense_together() {
    let split = |text: &str| {
        planned("", &[&format!("axes.other={{{text}}}")])
            .map(|_| String::new())
            .unwrap_or_else(|p| p.0.iter().map(|p| format!("{}; ", p.message)).collect())
    };
    assert_eq!(split("external = \"c2\""), "");
    assert_eq!(split("kfold = 0, external = \"c2\""), "");
    assert_eq!(
        split("kfold = 0, seed = 1"),
        "a split needs folds or an external site; "
    );
    assert_eq!(
        split("kfold = 0, repeats = 5, external = \"c2\""),
        "`repeats` repeats folds, and there are none; "
    );
    assert_eq!(
        split("folds = \"tables.folds\", external = \"c2\""),
        "given folds need their number; "
    );
    assert_eq!(split("kfold = 1000"), "`kfold` must be from 0 to 999; ");
    assert_eq!(
        split("kfold = 5, repeats = 1000"),
        "`repeats` must be from 1 to 999; "
    );
}

#[test]
fn a_margin_is_not_wider_than_a_person() {
    let ring = |mm: &str| {
        format!(
            "[steps.z]\nkind = \"peritumoural-ring\"\nper = [\"patient\"]\nin = {{ mask = \"mask.mask\", image = \"image.image\" }}\nwith = {{ margin_mm = {mm} }} #!\n"
        )
    };
    refused(
        &ring("500.5"),
        "parameter",
        "`margin_mm` is 500.5, must be above 0 mm, at most 500 mm",
        "",
    );
    planned(&ring("500"), &[]).unwrap_or_else(|p| panic!("{p}"));
}

#[test]
fn counts_that_only_a_slip_would_ask_for_are_refused() {
    let forest = |n: &str| {
        format!(
            "[steps.z]\nkind = \"fit-rsf\"\nper = [\"split\"]\nin = {{ table = \"x.train\", followup = \"y.train\" }}\nwith = {{ num_trees = {n} }} #!\n"
        )
    };
    refused(
        &forest("1000000000"),
        "parameter",
        "`num_trees` is 1000000000, must be from 1 to 100000",
        "",
    );
    planned(&forest("100000"), &[]).unwrap_or_else(|p| panic!("{p}"));
    let n4 = |set: &str| {
        format!(
            "[steps.z]\nkind = \"n4-bias-correction\"\nper = [\"patient\"]\nin = {{ image = \"image.image\" }}\nwith = {{ {set} }} #!\n"
        )
    };
    for (set, limit) in [
        ("shrink_factor = 65", "must be from 1 to 64"),
        ("bins = 100000", "must be from 2 to 65536"),
        (
            "iterations = [50, 20000]",
            "1 to 10 levels, each from 1 to 10000",
        ),
        ("control_points = [4, 4, 65]", "must be from 4 to 64 each"),
    ] {
        refused(&n4(set), "parameter", limit, "");
    }
}
