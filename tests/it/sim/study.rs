//! The studies that the simulated hospitals run, what every recipe gives, and what a plain sequential run comes to.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use cas::{Outcome, Output};
use digest::Digest;
use pipeline_defs::kinds::{Class, KindSpec};
use pipeline_defs::plan::{Origin, Plan, Resolved};
use pipeline_defs::{Missing, Snapshot, SnapshotPatient};

/// Ways in which recipes can be refused or cursed; a seed picks one.
pub const SALTS: u8 = 8;
/// Studies that share recipes.
pub const STUDIES: usize = 3;

const STUDY: &str = r#"
name = "sim"
seed = 7
sites = ["c1", "c2"]
[cohort]
[axes]
patient = { from = "cohort" }
roi = ["tumour", "rim"]
roi_set = { tumour = ["tumour"], both = ["tumour", "rim"] }
split = { kfold = 2 }
[steps.image]
kind = "import-image"
per = ["patient"]
in = { image = "cohort.t2w" }
[steps.mask]
kind = "import-mask"
per = ["patient"]
in = { image = "image.image", mask = "cohort.mask" }
[steps.n4]
kind = "n4-bias-correction"
per = ["patient"]
in = { image = "image.image" }
with = { shrink_factor = 2 }
[steps.ring]
kind = "peritumoural-ring"
per = ["patient"]
in = { mask = "mask.mask", image = "image.image" }
with = { margin_mm = MARGIN }
[steps.features]
kind = "extract-features"
per = ["patient", "roi"]
in = { image = "n4.image", mask = { by = "roi", tumour = "mask.mask", rim = "ring.mask" } }
[steps.table]
kind = "gather-table"
per = ["roi_set"]
in = { features = "features.features" }
missing = "exclude"
[steps.clinical]
kind = "gather-cohort"
in = { tables = "cohort.table" }
[steps.outcome]
kind = "follow-up"
in = { table = "clinical.table" }
[steps.roster]
kind = "roster"
in = { followup = "clinical.table" }
[steps.splits]
kind = "make-splits"
per = ["split"]
with = { scheme = { axis = "split" } }
in = { roster = "roster.roster", strata = "outcome.followup" }
[steps.divided]
kind = "select-rows"
per = ["roi_set", "split"]
in = { table = "table.table", split = "splits.split" }
[steps.divided_outcome]
kind = "select-rows"
per = ["split"]
in = { table = "outcome.followup", split = "splits.split" }
[steps.fit]
kind = "fit-rsf"
per = ["roi_set", "split"]
in = { table = "divided.train", followup = "divided_outcome.train" }
with = { preset = "careful", num_trees = TREES }
[steps.predict]
kind = "predict"
per = ["roi_set", "split"]
in = { model = "fit.model", table = "divided.test" }
[steps.evaluate]
kind = "evaluate"
per = ["roi_set", "split"]
in = { risk = "predict.risk", followup = "divided_outcome.test" }
[steps.compare]
kind = "compare"
in = { metrics = "evaluate.metrics" }
[publish]
"comparison.csv" = "compare.comparison"
"#;

/// The same cohort under another margin or another forest: most recipes are shared.
pub fn plan_of(study: usize) -> Arc<Plan> {
    static PLANS: OnceLock<Vec<Arc<Plan>>> = OnceLock::new();
    let plans = PLANS.get_or_init(|| {
        let make = |(margin, trees): &(&str, &str)| {
            let text = STUDY.replace("MARGIN", margin).replace("TREES", trees);
            let study =
                pipeline_defs::parse(&text, "sim.toml", &[]).unwrap_or_else(|p| panic!("{p}"));
            Arc::new(pipeline_defs::plan(&study, &snapshot()).unwrap_or_else(|p| panic!("{p}")))
        };
        [("5.0", "300"), ("5.0", "100"), ("10.0", "300")]
            .iter()
            .map(make)
            .collect()
    });
    Arc::clone(&plans[study])
}

const SMALL: &str = r#"
name = "small"
seed = 7
sites = ["c1"]
[cohort]
[axes]
patient = { from = "cohort" }
[steps.image]
kind = "import-image"
per = ["patient"]
in = { image = "cohort.t2w" }
[steps.mask]
kind = "import-mask"
per = ["patient"]
in = { image = "image.image", mask = "cohort.mask" }
[steps.features]
kind = "extract-features"
per = ["patient"]
in = { image = "image.image", mask = "mask.mask" }
[steps.table]
kind = "gather-table"
in = { features = "features.features" }
missing = "exclude"
[publish]
"table.csv" = "table.table"
"#;

/// One patient, four tasks: short enough to tell as a story.
pub fn small_plan() -> Arc<Plan> {
    let study = pipeline_defs::parse(SMALL, "small.toml", &[]).unwrap_or_else(|p| panic!("{p}"));
    let mut cohort = snapshot();
    cohort.patients.truncate(1);
    Arc::new(pipeline_defs::plan(&study, &cohort).unwrap_or_else(|p| panic!("{p}")))
}

/// Two patients at either site; one has no mask.
fn snapshot() -> Snapshot {
    let patient = |site: &str, i: usize| {
        let patient_id = format!("{site}-{i:03}");
        let item = |name: &str| (name.to_owned(), keyed(&format!("{patient_id} {name}")));
        let items = if patient_id == "c2-002" {
            [item("t2w")].into()
        } else {
            [item("t2w"), item("mask")].into()
        };
        SnapshotPatient {
            site: site.to_owned(),
            items,
            patient_id,
        }
    };
    let patients = ["c1", "c2"]
        .iter()
        .flat_map(|site| (1..=2).map(move |i| patient(site, i)))
        .collect();
    let site_tables = ["c1", "c2"]
        .iter()
        .map(|s| ((*s).to_owned(), Digest::of(s.as_bytes())))
        .collect();
    Snapshot {
        patients,
        site_tables,
        tables: BTreeMap::new(),
    }
    .sorted()
}

fn keyed(text: &str) -> Digest {
    Digest::from_parts(true, *Digest::of(text.as_bytes()).bytes())
}

fn draw(salt: u8, what: &str, recipe: &Digest) -> u8 {
    Digest::of(format!("{salt} {what} {recipe}").as_bytes()).bytes()[0]
}

/// What a recipe gives, always and everywhere.
pub fn outcome_of(salt: u8, kind: &KindSpec, recipe: &Digest) -> Outcome {
    let may_refuse = [
        "import-image",
        "import-mask",
        "n4-bias-correction",
        "peritumoural-ring",
    ]
    .contains(&kind.name);
    if may_refuse && draw(salt, "refuse", recipe) < 40 {
        return Outcome::Refused(Digest::of(format!("refusal of {recipe}").as_bytes()));
    }
    made_of(kind, recipe)
}

/// What a recipe gives that is not refused.
pub fn made_of(kind: &KindSpec, recipe: &Digest) -> Outcome {
    let output = |port: &pipeline_defs::kinds::OutPort| {
        let text = format!("{recipe} {}", port.name);
        let digest = if port.class == Class::Site {
            keyed(&text)
        } else {
            Digest::of(text.as_bytes())
        };
        Output {
            port: port.name.to_owned(),
            digest,
            len: 1,
        }
    };
    Outcome::Outputs(kind.outputs.iter().map(output).collect())
}

/// Whether every attempt at a recipe fails, by panic or otherwise.
pub fn cursed(salt: u8, kind: &KindSpec, recipe: &Digest) -> Option<Curse> {
    if salt.is_multiple_of(2) || !["extract-features", "fit-rsf", "evaluate"].contains(&kind.name) {
        return None;
    }
    match draw(salt, "curse", recipe) {
        0..20 => Some(Curse::Panics),
        20..40 => Some(Curse::Fails),
        _ => None,
    }
}

/// How a cursed recipe goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Curse {
    /// A bug.
    Panics,
    /// An error that looks as if another attempt might help.
    Fails,
}

/// How a task ends.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// With these, in the order of its kind's ports.
    Outputs(Vec<Digest>),
    /// With the record of a refusal, its own or one from above.
    Refused(Digest),
    /// Its attempts are exhausted.
    Failed,
    /// Something above it failed.
    Blocked,
}

/// Ends of all tasks of a study when one after another is done by hand.
pub fn sequential(study: usize, salt: u8) -> Arc<Vec<End>> {
    static RUNS: OnceLock<Vec<Vec<Arc<Vec<End>>>>> = OnceLock::new();
    let runs = RUNS.get_or_init(|| {
        (0..STUDIES)
            .map(|s| (0..SALTS).map(|salt| Arc::new(by_hand(s, salt))).collect())
            .collect()
    });
    Arc::clone(&runs[study][salt as usize])
}

fn by_hand(study: usize, salt: u8) -> Vec<End> {
    let plan = plan_of(study);
    let mut ends: Vec<End> = Vec::new();
    for task in 0..plan.n_tasks() as u32 {
        let broken = |t: u32| matches!(ends[t as usize], End::Failed | End::Blocked);
        let end = if plan.dependencies(task).any(broken) {
            End::Blocked
        } else if let Some(refusal) = first_refusal(&plan, &ends, task) {
            End::Refused(refusal)
        } else {
            let recipe =
                Digest::of(&plan.recipe(task, &mut |origin| resolved(&plan, &ends, origin)));
            let kind = plan.kind_of(task);
            match (cursed(salt, kind, &recipe), outcome_of(salt, kind, &recipe)) {
                (Some(_), _) => End::Failed,
                (None, Outcome::Refused(refusal)) => End::Refused(refusal),
                (None, Outcome::Outputs(outputs)) => {
                    End::Outputs(outputs.iter().map(|o| o.digest).collect())
                }
            }
        };
        ends.push(end);
    }
    ends
}

/// The first refused input, in order of ports, that the task cannot go on without.
fn first_refusal(plan: &Plan, ends: &[End], task: u32) -> Option<Digest> {
    let excludes = plan.step_of(task).missing == Missing::Exclude;
    for port in plan.ports(task) {
        if excludes
            && plan
                .kind_of(task)
                .input(port.name)
                .is_some_and(|p| p.gathers)
        {
            continue;
        }
        for entry in plan.entries(port) {
            if let Resolved::Refused(refusal) = resolved(plan, ends, &entry.origin) {
                return Some(refusal);
            }
        }
    }
    None
}

fn resolved(plan: &Plan, ends: &[End], origin: &Origin) -> Resolved {
    match *origin {
        Origin::Source(source) if plan.source(source).absent.is_some() => {
            Resolved::Refused(plan.source(source).digest)
        }
        Origin::Source(source) => Resolved::Digest(plan.source(source).digest),
        Origin::Output { task, port } => match &ends[task as usize] {
            End::Outputs(outputs) => Resolved::Digest(outputs[port as usize]),
            End::Refused(refusal) => Resolved::Refused(*refusal),
            other => panic!("{} has no output: {other:?}", plan.address(task)),
        },
    }
}

#[test]
fn the_studies_cover_every_end() {
    let ends: Vec<End> = (0..STUDIES)
        .flat_map(|s| (0..SALTS).flat_map(move |salt| sequential(s, salt).to_vec()))
        .collect();
    let count = |wanted: fn(&End) -> bool| ends.iter().filter(|end| wanted(end)).count();
    assert!(count(|e| matches!(e, End::Outputs(_))) > 400);
    assert!(count(|e| matches!(e, End::Refused(_))) > 50);
    assert!(count(|e| matches!(e, End::Failed)) > 5);
    assert!(count(|e| matches!(e, End::Blocked)) > 5);
}
