//! A sound study, and how a mistake in it is refused. The offending line is marked `#!`.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use pipeline_defs::{Plan, Problem, Problems, parse, plan};

use super::snapshot;

/// A sound study to which each test adds its mistake.
pub const HEAD: &str = r#"
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

/// The plan of the study with something added.
pub fn planned(tail: &str, sets: &[&str]) -> Result<Plan, Problems> {
    let text = format!("{HEAD}{tail}");
    let sets: Vec<String> = sets.iter().map(|s| s.to_string()).collect();
    let study = parse(&text, "s.toml", &sets)?;
    plan(&study, &snapshot(&[("c1", 3), ("c2", 2)], &["t2w", "mask"]))
}

/// The one problem of a study, at the marked line.
#[track_caller]
pub fn refused(tail: &str, code: &str, message: &str, repair: &str) -> Problem {
    let Err(Problems(problems)) = planned(tail, &[]) else {
        panic!("not refused: {tail}")
    };
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
