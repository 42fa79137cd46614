//! Named values: one place to change what several steps must have alike, and what is said when a name is wrong.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeSet;

use common::study::{HEAD, refused};
use pipeline_defs::{Digest, Plan, Problems, Resolved, parse, plan, shipped};

/// Two rings that must have one margin.
const RINGS: &str = r#"
[values]
margin = { by = "roi", tumour = 3.0, rim = 7.0 }
[steps.one]
kind = "peritumoural-ring"
per = ["patient", "roi"]
in = { mask = "mask.mask", image = "image.image" }
with = { margin_mm = { value = "margin" } }
[steps.two]
kind = "peritumoural-ring"
per = ["patient", "roi"]
in = { mask = "mask.mask", image = "image.image" }
with = { margin_mm = { value = "margin" } }
"#;

fn planned(text: &str, sets: &[&str]) -> Result<Plan, Problems> {
    let sets: Vec<String> = sets.iter().map(|s| s.to_string()).collect();
    let study = parse(&format!("{HEAD}{text}"), "s.toml", &sets)?;
    plan(
        &study,
        &common::snapshot(&[("c1", 1), ("c2", 1)], &["t2w", "mask"]),
    )
}

/// Task → recipe, with one digest for every input.
fn recipes(plan: &Plan) -> Vec<(String, String)> {
    let digest = Digest::of(b"x");
    (0..plan.n_tasks() as u32)
        .map(|task| {
            let recipe = plan.recipe(task, &mut |_| Resolved::Digest(digest));
            (
                plan.address(task),
                String::from_utf8_lossy(&recipe).into_owned(),
            )
        })
        .collect()
}

/// The recipes of the tasks of rings, in order.
fn margins(plan: &Plan) -> Vec<(String, String)> {
    let of_ring = |(task, recipe): (String, String)| {
        let margin = recipe.split("\"margin_mm\":").nth(1)?;
        Some((task, margin.split(',').next()?.to_string()))
    };
    recipes(plan).into_iter().filter_map(of_ring).collect()
}

#[track_caller]
fn has_margins(sets: &[&str], wanted: [(&str, &str); 4]) {
    let plan = planned(RINGS, sets).unwrap_or_else(|p| panic!("{p}"));
    let found = margins(&plan);
    for (task, margin) in wanted {
        let of_task: BTreeSet<&str> = found
            .iter()
            .filter(|(name, _)| name.starts_with(&task[..3]) && name.contains(&task[4..]))
            .map(|(_, margin)| margin.as_str())
            .collect();
        assert_eq!(of_task, BTreeSet::from([margin]), "{task} of {found:?}");
    }
}

#[test]
fn all_steps_that_ask_for_a_value_have_it() {
    let as_written = [
        ("one tumour", "3.0"),
        ("one rim", "7.0"),
        ("two tumour", "3.0"),
        ("two rim", "7.0"),
    ];
    has_margins(&[], as_written);
}

#[test]
fn a_value_is_set_for_all_and_a_step_s_parameter_for_it_alone() {
    let of_all = [
        ("one tumour", "4.0"),
        ("one rim", "7.0"),
        ("two tumour", "4.0"),
        ("two rim", "7.0"),
    ];
    has_margins(&["values.margin.tumour=4.0"], of_all);
    let of_one = [
        ("one tumour", "3.0"),
        ("one rim", "8.0"),
        ("two tumour", "3.0"),
        ("two rim", "7.0"),
    ];
    has_margins(&["steps.one.with.margin_mm.rim=8.0"], of_one);
    let of_both = [
        ("one tumour", "9.0"),
        ("one rim", "9.0"),
        ("two tumour", "4.0"),
        ("two rim", "7.0"),
    ];
    // Whatever is said first.
    let sets = ["steps.one.with.margin_mm=9.0", "values.margin.tumour=4.0"];
    has_margins(&sets, of_both);
}

#[test]
fn a_study_that_names_its_values_is_the_study_that_writes_them_out() {
    let written_out = RINGS
        .replace(
            "[values]\nmargin = { by = \"roi\", tumour = 3.0, rim = 7.0 }\n",
            "",
        )
        .replace(
            "{ value = \"margin\" }",
            "{ by = \"roi\", tumour = 3.0, rim = 7.0 }",
        );
    let study = |text: &str| parse(&format!("{HEAD}{text}"), "s.toml", &[]).unwrap();
    assert_ne!(written_out, RINGS);
    assert_eq!(study(RINGS).text_digest, study(&written_out).text_digest);
    let of = |text: &str| recipes(&planned(text, &[]).unwrap());
    assert_eq!(of(RINGS), of(&written_out));
}

#[test]
fn an_alternative_may_be_a_value_and_what_is_chosen_by_an_axis_is_none() {
    let ring = |margin: &str| {
        format!(
            "[steps.z]\nkind = \"peritumoural-ring\"\nper = [\"patient\", \"roi\"]\nin = {{ mask = \"mask.mask\" }}\nwith = {{ margin_mm = {{ by = \"roi\", tumour = {{ value = \"{margin}\" }}, rim = 2.0 }} }} #!\n"
        )
    };
    let plan = planned(&format!("[values]\nwide = 30.0\n{}", ring("wide")), &[]).unwrap();
    assert!(margins(&plan).iter().any(|(_, margin)| margin == "30.0"));
    let chosen = format!(
        "[values]\nwide = {{ by = \"roi\", tumour = 1.0, rim = 3.0 }}\n{}",
        ring("wide")
    );
    refused(
        &chosen,
        "value-choice",
        "value `wide` is chosen by an axis, and so is what asks for it",
        "let the whole parameter be { value = \"wide\" }",
    );
}

#[test]
fn a_choice_by_an_axis_that_a_step_lacks_is_said_where_the_step_asks() {
    refused(
        "[values]\nwide = { by = \"roi\", tumour = 1.0, rim = 3.0 }\n[steps.z]\nkind = \"peritumoural-ring\"\nper = [\"patient\"]\nin = { mask = \"mask.mask\" }\nwith = { margin_mm = { value = \"wide\" } } #!\n",
        "by",
        "`roi` is no axis of the step",
        "add \"roi\" to `per`",
    );
}

#[test]
fn wrong_names_are_said_with_the_nearest_right_one() {
    let ring = "[steps.z]\nkind = \"peritumoural-ring\"\nper = [\"patient\"]\nin = { mask = \"mask.mask\" }\n";
    refused(
        &format!(
            "[values]\nmargin = 3.0\n{ring}with = {{ margin_mm = {{ value = \"margn\" }}, slices = {{ value = \"margin\" }} }} #!\n"
        ),
        "unknown-value",
        "unknown value `margn`",
        "did you mean `margin`?",
    );
    refused(
        &format!("{ring}with = {{ margin_mm = {{ value = \"margin\" }} }} #!\n"),
        "unknown-value",
        "unknown value `margin`",
        "write `margin = …` under [values]",
    );
    refused(
        &format!(
            "[values]\nmargin = 3.0\nwidth = 7.0 #!\n{ring}with = {{ margin_mm = {{ value = \"margin\" }} }}\n"
        ),
        "unused-value",
        "no step asks for value `width`",
        "ask for it with { value = \"width\" }, or take it out",
    );
    refused(
        &format!(
            "[values]\nmargin = {{ value = \"wide\" }} #!\n{ring}with = {{ margin_mm = {{ value = \"margin\" }} }}\n"
        ),
        "value-choice",
        "value `margin` asks for another value",
        "write it out",
    );
    refused(
        &format!(
            "[values]\n\"a b\" = 3.0 #!\n{ring}with = {{ margin_mm = {{ value = \"a b\" }} }}\n"
        ),
        "value-name",
        "a value cannot be named `a b`",
        "letters",
    );
}

#[test]
fn a_misspelt_override_of_a_value_is_refused() {
    let Err(Problems(problems)) = planned(RINGS, &["values.margn.tumour=4.0"]) else {
        panic!("not refused")
    };
    assert_eq!(problems.len(), 1);
    assert_eq!(
        problems[0].to_string(),
        "--set values.margn.tumour=4.0:1:5: no step asks for value `margn`; did you mean `margin`?"
    );
}

#[test]
fn a_value_that_is_out_of_bounds_is_said_where_it_is_written() {
    let text = RINGS.replace("tumour = 3.0", "tumour = -3.0");
    let Err(Problems(problems)) = planned(&text, &[]) else {
        panic!("not refused")
    };
    let line = format!("{HEAD}{text}")
        .lines()
        .position(|l| l.starts_with("margin = "))
        .unwrap();
    for problem in &problems {
        assert_eq!(problem.place.line as usize, line + 1, "{problem}");
        assert!(problem.message.contains("`margin_mm` is -3"), "{problem}");
    }
}

/// What reads, on any way, the output of a step. What `stops` gives is the same bytes as before, so that nothing behind
/// it runs.
fn downstream(plan: &Plan, of_steps: &[&str], stops: &[&str]) -> BTreeSet<String> {
    let mut inside: BTreeSet<u32> = BTreeSet::new();
    let step_of = |task: u32| {
        let address = plan.address(task);
        address.split('[').next().unwrap_or("").to_string()
    };
    // Tasks are in an order in which producers come first, so that one pass finds the cone.
    for task in 0..plan.n_tasks() as u32 {
        let step = step_of(task);
        let reached = || plan.dependencies(task).any(|above| inside.contains(&above));
        if of_steps.contains(&step.as_str()) || (!stops.contains(&step.as_str()) && reached()) {
            inside.insert(task);
        }
    }
    inside.into_iter().map(|task| plan.address(task)).collect()
}

#[test]
fn the_shipped_study_s_margin_changes_the_peritumoural_cone_and_no_task_of_the_tumour() {
    let snapshot = common::snapshot(
        &[("c1", 3), ("c2", 2), ("tcga", 2)],
        &["t2w", "mask", "mask_r1s2", "mask_r2s1"],
    );
    let of = |sets: &[String]| {
        let study = parse(shipped()[0].1, "cervical-ccrt.toml", sets).unwrap();
        plan(&study, &snapshot).unwrap_or_else(|p| panic!("{p}"))
    };
    let before = of(&[]);
    let after = of(&["values.margin_mm.careful=3.0".to_string()]);
    let changed: BTreeSet<String> = recipes(&before)
        .into_iter()
        .zip(recipes(&after))
        .filter(|(a, b)| a != b)
        .map(|(a, _)| a.0)
        .collect();
    // The recipes that differ themselves: both rings of all who have them, in the careful profile alone.
    let both = |task: &String| {
        (task.starts_with("ring[") || task.starts_with("ring_again["))
            && task.contains("profile=careful")
    };
    assert!(changed.iter().all(both), "{changed:?}");
    assert_eq!(changed.len(), 7 + 7 * 2);

    // What their outputs reach: nothing of the tumour alone. Who is eligible depends on whose ring was refused, which
    // another margin changes for nobody.
    let cone = downstream(&after, &["ring", "ring_again"], &["eligible"]);
    for task in &cone {
        let of_tumour = task.contains("roi=tumour") || task.contains("roi_set=tumour");
        assert!(!of_tumour, "{task}");
    }
    for step in ["features", "features_again"] {
        let found = cone.iter().any(|t| t.starts_with(&format!("{step}[")));
        assert!(found, "{step}");
    }
}
